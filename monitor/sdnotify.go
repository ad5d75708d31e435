package monitor

import (
	"bytes"
	"strings"

	"golang.org/x/sys/unix"
)

// sdnotify.go: a container says to its service manager how it is
// (sd_notify(3)), through a socket in its bundle. It may only speak of itself:
// what would speak of the monitor or of other processes, as MAINPID= does, or
// hand over descriptors, stays here.

// relay receives from the container and sends to the host.
type relay struct {
	watch
	c    *Container
	path string
	to   int // socket towards the host
	host unix.SockaddrUnix
}

// notifyName is where callers mount the directory into the container.
const notifyName = "notify/notify.sock"

func (r *relay) open(c *Container) error {
	r.c, r.fd, r.to = c, -1, -1
	if c.conf.NotifySocket == "" || c.conf.Bundle == "" {
		return nil
	}
	r.path, r.host.Name = c.conf.Bundle+"/"+notifyName, c.conf.NotifySocket
	var err error
	if r.to, err = unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0); err != nil {
		return failed("relay notifications", "socket", "", err)
	}
	if r.fd, err = listen(r.path, unix.SOCK_DGRAM, 0o777, 0); err != nil {
		r.fd = -1
		return err
	}
	return c.m.add(&r.watch, unix.EPOLLIN, r)
}

// maxNotify is the length of a message; what is longer is cut.
const maxNotify = 32 << 10

func (r *relay) ready(uint32) {
	m := r.c.m
	// Without room for control messages the kernel drops descriptors itself.
	n, err := unix.Read(r.fd, m.in.mem[:maxNotify])
	if err != nil || n <= 0 {
		return
	}
	m.in.used(n)
	m.reading = true
	kept := notifyLines(m.in.mem[:n])
	if len(kept) == 0 {
		return
	}
	if err := unix.Sendto(r.to, kept, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, &r.host); err != nil {
		m.Notices.warnErr(failed("relay a notification", "sendto", r.host.Name, err))
	}
}

// notifyLines keeps, in place, the lines that a container may send.
func notifyLines(p []byte) []byte {
	out := p[:0]
	for len(p) > 0 {
		line := p
		if i := bytes.IndexAny(p, "\r\n"); i >= 0 {
			line, p = p[:i], p[i+1:]
		} else {
			p = nil
		}
		if !mayNotify(string(line)) {
			continue
		}
		if len(out) > 0 {
			out = append(out, '\n')
		}
		out = append(out, line...)
	}
	return out
}

func mayNotify(line string) bool {
	switch line {
	case "READY=1", "RELOADING=1", "STOPPING=1", "WATCHDOG=1", "WATCHDOG=trigger":
		return true
	}
	for _, prefix := range [...]string{"STATUS=", "ERRNO=", "BUSERROR=", "MONOTONIC_USEC="} {
		if strings.HasPrefix(line, prefix) {
			return true
		}
	}
	return false
}

func (r *relay) close() {
	if r.c == nil {
		return
	}
	if r.fd >= 0 {
		r.c.m.drop(&r.watch)
		unix.Unlink(r.path)
	}
	if r.to >= 0 {
		unix.Close(r.to)
		r.to = -1
	}
}
