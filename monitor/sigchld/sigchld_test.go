package sigchld

import (
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// Every child that ends is told of, whichever thread the signal hits.
func TestOpen(t *testing.T) {
	fd, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		cmd := exec.Command("/bin/true")
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		// The signal is sent before the child can be waited for, but its
		// handler may run in another thread: wait for the event, not for time.
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		for {
			if n, err := unix.Poll(p, 10000); err == unix.EINTR {
				continue
			} else if n != 1 {
				t.Fatalf("no event: %d %v", n, err)
			}
			break
		}
		var buf [8]byte
		if n, err := unix.Read(fd, buf[:]); n != 8 || err != nil {
			t.Fatal(n, err)
		}
	}
}
