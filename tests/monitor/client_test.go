package monitor

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/tests/kit"
)

// A client is one end of an attach socket.
type client struct {
	t  testing.TB
	fd int
}

// attach connects to the socket in a directory, by a way that does not mind
// how long its path is.
func attach(t testing.TB, dir string) *client {
	t.Helper()
	d, err := unix.Open(dir, unix.O_PATH|unix.O_CLOEXEC, 0)
	kit.Must(t, err)
	defer unix.Close(d)
	c := attachAt(t, fmt.Sprintf("/proc/self/fd/%d/attach", d))
	if c == nil {
		t.Fatalf("%s/attach: cannot connect", dir)
	}
	return c
}

// attach is a client of the session's socket.
func (c *session) attach() *client {
	c.t.Helper()
	a := attach(c.t, c.bundle.Dir)
	c.clients = append(c.clients, a)
	return a
}

// attachAt connects by path; nil when that cannot be.
func attachAt(t testing.TB, path string) *client {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	kit.Must(t, err)
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Logf("connect to %s: %v", path, err)
		unix.Close(fd)
		return nil
	}
	timeout := unix.NsecToTimeval(int64(patience))
	kit.Must(t, unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout))
	kit.Must(t, unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &timeout))
	c := &client{t, fd}
	t.Cleanup(c.close)
	return c
}

func (c *client) close() {
	if c.fd >= 0 {
		unix.Close(c.fd)
	}
	c.fd = -1
}

// packet reads one message; none is the end.
func (c *client) packet() []byte {
	c.t.Helper()
	buf := make([]byte, 64<<10)
	for {
		n, err := unix.Read(c.fd, buf)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.ECONNRESET: // it went with unread input of ours
			return nil
		case err != nil:
			c.t.Fatalf("attach socket: %v", err)
		}
		return buf[:n]
	}
}

// all reads both streams to the end.
func (c *client) all() (stdout, stderr string) {
	c.t.Helper()
	for {
		p := c.packet()
		if len(p) == 0 {
			return
		}
		switch p[0] {
		case 2:
			stdout += string(p[1:])
		case 3:
			stderr += string(p[1:])
		default:
			c.t.Errorf("stream id %d", p[0])
		}
	}
}

// until reads until stdout has this text at its end.
func (c *client) until(end string) string {
	c.t.Helper()
	var got string
	for len(got) < len(end) || got[len(got)-len(end):] != end {
		p := c.packet()
		if len(p) == 0 {
			c.t.Errorf("attach socket ends after %q, waiting for %q", got, end)
			break
		}
		got += string(p[1:])
	}
	return got
}

func (c *client) send(data []byte) {
	c.t.Helper()
	if _, err := unix.Write(c.fd, data); err != nil {
		c.t.Errorf("write to the attach socket: %v", err)
	}
}

func (c *client) shutWrite() { _ = unix.Shutdown(c.fd, unix.SHUT_WR) }

// control writes to a fifo of the bundle, as a caller does: it is there and has
// a reader, or the test fails.
func (c *session) control(name, text string) {
	c.t.Helper()
	f, err := os.OpenFile(filepath.Join(c.bundle.Dir, name), os.O_WRONLY|unix.O_NONBLOCK, 0)
	kit.Must(c.t, err)
	defer f.Close()
	_, err = f.WriteString(text)
	kit.Must(c.t, err)
}

// settle gives a monitor the time to do what it must not do.
func settle() { time.Sleep(150 * time.Millisecond) }

func atoi(t testing.TB, s string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(s))
	kit.Must(t, err)
	return n
}

func bind(from, to string) specs.Mount {
	return specs.Mount{Destination: to, Type: "bind", Source: from, Options: []string{"rbind"}}
}

// fewMoments is how long nothing must come.
const fewMoments = 100 * time.Millisecond

func matches(pattern, text string) bool { return regexp.MustCompile(pattern).MatchString(text) }
