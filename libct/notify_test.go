package libct

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A program that sends without end is heard a few messages at a time, and what
// it says last is not missed.
func TestPassReady(t *testing.T) {
	manager, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(manager)
	to := t.TempDir() + "/notify"
	if err := unix.Bind(manager, &unix.SockaddrUnix{Name: to}); err != nil {
		t.Fatal(err)
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	say := func(text string) {
		if err := unix.Send(pair[1], []byte(text), 0); err != nil {
			t.Fatal(err)
		}
	}
	for range readAtOnce {
		say("STATUS=busy\nMAINPID=1")
	}
	say("READY=1")
	if passed, err := PassReady(pair[0], to, 7); passed || err != nil {
		t.Errorf("all is read in one go: %v %v", passed, err)
	}
	buf := make([]byte, 100)
	if n, err := unix.Read(manager, buf); err != unix.EAGAIN {
		t.Errorf("the manager hears %q %v", buf[:max(n, 0)], err)
	}
	if passed, err := PassReady(pair[0], to, 7); !passed || err != nil {
		t.Errorf("not passed on: %v %v", passed, err)
	}
	if n, err := unix.Read(manager, buf); err != nil || strings.TrimSpace(string(buf[:n])) != "READY=1\nMAINPID=7" {
		t.Errorf("the manager hears %q %v", buf[:max(n, 0)], err)
	}
	if passed, err := PassReady(pair[0], to, 7); passed || err != nil {
		t.Errorf("nothing was said: %v %v", passed, err)
	}
}
