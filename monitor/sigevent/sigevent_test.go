package sigevent

import (
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// Every signal is told of, whichever thread it hits, and none but it.
func TestOpen(t *testing.T) {
	fd, err := Open(unix.SIGCHLD, unix.SIGTERM, unix.SIGUSR2)
	if err != nil {
		t.Fatal(err)
	}
	next := func() {
		t.Helper()
		// The handler may run in another thread: wait for the event.
		for {
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 10000)
			if err == unix.EINTR {
				continue
			}
			if n != 1 {
				t.Fatalf("no event: %d %v", n, err)
			}
			Take(fd)
			return
		}
	}
	for range 30 {
		if err := exec.Command("/bin/true").Run(); err != nil {
			t.Fatal(err)
		}
		next()
		if !Has(unix.SIGCHLD) {
			t.Fatal("a child has ended: not told")
		}
		if Has(unix.SIGCHLD) || Has(unix.SIGTERM) {
			t.Fatal("told of what was not")
		}
		for _, sig := range []unix.Signal{unix.SIGTERM, unix.SIGUSR2} {
			unix.Kill(unix.Getpid(), sig)
			next()
			if !Has(sig) {
				t.Fatalf("%v: not told", sig)
			}
		}
	}
}
