package monitor

import (
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"stave/tests/kit"
)

// datagrams is a socket that a host's service manager would hold.
type datagrams struct {
	t  testing.TB
	fd int
}

func listen(t testing.TB, path string) *datagrams {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	kit.Must(t, err)
	kit.Must(t, unix.Bind(fd, &unix.SockaddrUnix{Name: path}))
	d := &datagrams{t, fd}
	t.Cleanup(d.close)
	return d
}

func (d *datagrams) close() {
	if d.fd >= 0 {
		unix.Close(d.fd)
	}
	d.fd = -1
}

// next is the next datagram, or "" when none comes in time.
func (d *datagrams) next(limit time.Duration) string {
	d.t.Helper()
	tv := unix.NsecToTimeval(int64(limit))
	kit.Must(d.t, unix.SetsockoptTimeval(d.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv))
	buf := make([]byte, 64<<10)
	for {
		n, err := unix.Read(d.fd, buf)
		if err == unix.EINTR {
			continue
		}
		return string(buf[:max(n, 0)])
	}
}

// say sends one datagram to a path.
func say(t testing.TB, path, text string) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	kit.Must(t, err)
	defer unix.Close(fd)
	kit.Must(t, unix.Sendto(fd, []byte(text), 0, &unix.SockaddrUnix{Name: path}))
}

// What passes from the container's socket to the host's, and what does not.
func TestNotifyRelay(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, gated("true"))
		kit.Must(t, os.Mkdir(c.inBundle("notify"), 0o755))
		c.before = kit.Snap(c.rt, c.bundle)
		d := listen(t, c.file("host"))
		c.add("--sdnotify-socket", c.file("host")).created()
		path := c.inBundle("notify/notify.sock")
		if info, err := os.Stat(path); err != nil || info.Mode() != os.ModeSocket|0o777 {
			t.Fatalf("%v, %v", info, err)
		}
		passed := 0
		for _, row := range []struct{ say, want string }{
			{"READY=1", "READY=1"},
			{"READY=1\n", "READY=1"},
			{"RELOADING=1", "RELOADING=1"},
			{"STOPPING=1", "STOPPING=1"},
			{"WATCHDOG=1", "WATCHDOG=1"},
			{"WATCHDOG=trigger", "WATCHDOG=trigger"},
			{"STATUS=all is well", "STATUS=all is well"},
			{"ERRNO=2", "ERRNO=2"},
			{"BUSERROR=org.x", "BUSERROR=org.x"},
			{"MONOTONIC_USEC=12", "MONOTONIC_USEC=12"},
			{"MAINPID=1\nREADY=1\nFDSTORE=1\nSTATUS=a", "READY=1\nSTATUS=a"},
			{"READY=1\rSTATUS=b", "READY=1\nSTATUS=b"},
			{"READY=12", ""},
			{"READY=0", ""},
			{"READY=", ""},
			{" READY=1", ""},
			{"ready=1", ""},
			{"MAINPID=1", ""},
			{"EXTEND_TIMEOUT_USEC=1", ""},
			{"BARRIER=1", ""},
			{"NOTIFYACCESS=all", ""},
			{"FDSTORE=1\nFDNAME=x", ""},
			{"X_STATUS=1", ""},
			{"", ""},
			{"STATUS=" + strings.Repeat("s", 20000), "STATUS=" + strings.Repeat("s", 20000)},
		} {
			if row.say == "" && !s.ours() {
				continue // an empty message ends the relay there
			}
			say(t, path, row.say)
			if row.want == "" {
				continue // the next one shows whether something came
			}
			if !s.ours() && !strings.Contains(row.want, "READY=1") && row.want != "WATCHDOG=1" {
				continue // Debian's version passes readiness and watchdog alone
			}
			passed++
			if !s.ours() {
				row.want, _, _ = strings.Cut(row.want, "\n")
			}
			if got := strings.TrimSuffix(d.next(patience), "\n"); got != row.want {
				t.Errorf("%.60q comes as %.60q, want %.60q", row.say, got, row.want)
			}
		}
		// Debian's version looks for READY=1 anywhere.
		if extra := d.next(100 * time.Millisecond); passed < 5 || extra != "" && s.ours() {
			t.Errorf("%d messages passed, and %q", passed, extra)
		}
		c.release()
		c.wait()
		d.close()
		_ = os.Remove(path) // goes with the bundle
		c.clean()
	})
}

// A host's socket that is gone costs nothing but the message.
func TestNotifyHostGone(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, gated("exit 3"))
		kit.Must(t, os.Mkdir(c.inBundle("notify"), 0o755))
		d := listen(t, c.file("host"))
		c.add("--sdnotify-socket", c.file("host")).created()
		d.close()
		say(t, c.inBundle("notify/notify.sock"), "READY=1")
		settle()
		c.release()
		if code := c.wait(); code != 3 {
			t.Errorf("exit status %d", code)
		}
	})
}

// With a real container, whose runtime mounts the directory.
func TestNotifyFromContainer(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		// busybox's nc speaks no datagrams to unix sockets: only the place is
		// tested, which is the caller's mount.
		c := real(t, s, stave(t), kit.Shell("test -S /mnt/notify.sock && echo there"))
		kit.Must(t, os.Mkdir(c.inBundle("notify"), 0o755))
		kit.AddMount(bind(c.inBundle("notify"), "/mnt"))(c.bundle)
		c.bundle.Write(t)
		listen(t, c.file("host"))
		c.add("--sdnotify-socket", c.file("host")).run()
		if log := c.read("log"); !strings.Contains(log, "there") {
			t.Errorf("log: %q", log)
		}
	})
}
