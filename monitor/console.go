package monitor

import (
	"time"

	"golang.org/x/sys/unix"

	"stave/monitor/logs"
	specs "stave/specs/leaf"
)

// console.go: the terminal of a container. The runtime makes it and hands its
// master side over, through a socket that it connects to once (--console-socket
// of runc's command line, SCM_RIGHTS of unix(7)).

// console is the socket, and later the terminal.
type console struct {
	watch // the listener
	c     *Container
	path  string
	conn  consoleConn
	slave int // our own open end of the terminal; -1: there is none
	poll  timer
	size  unix.Winsize
	sized bool // size was asked for before there was a terminal
}

type consoleConn struct {
	watch
	c *console
}

// open makes the socket, under a name that nobody can guess.
func (k *console) open(c *Container) error {
	k.c, k.slave, k.fd, k.conn = c, -1, -1, consoleConn{watch{fd: -1}, k}
	dir, _ := c.m.Env.Get("TMPDIR")
	if dir == "" {
		dir = "/tmp"
	}
	var random [8]byte
	if _, err := unix.Getrandom(random[:], 0); err != nil {
		return failed("make the console socket", "getrandom", "", err)
	}
	path := dir + "/conmon-term."
	for _, b := range random {
		path += string("0123456789abcdefghijklmnopqrstuv"[b%32])
	}
	fd, err := listen(path, unix.SOCK_STREAM, 0o700, 1)
	if err != nil {
		return err
	}
	k.fd, k.path = fd, path
	return c.m.add(&k.watch, unix.EPOLLIN, k)
}

// ready: the runtime connects.
func (k *console) ready(uint32) {
	fd, _, err := unix.Accept4(k.fd, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
	if err != nil {
		return
	}
	k.closeListener()
	k.conn.fd = fd
	if err := k.c.m.add(&k.conn.watch, unix.EPOLLIN, &k.conn); err != nil {
		k.c.m.Notices.warnErr(err)
	}
}

// ready: the terminal comes.
func (s *consoleConn) ready(uint32) {
	k := s.c
	var data [256]byte
	var oob [64]byte
	_, n, _, _, err := unix.Recvmsg(s.fd, data[:], oob[:], unix.MSG_CMSG_CLOEXEC|unix.MSG_DONTWAIT)
	if err == unix.EAGAIN || err == unix.EINTR {
		return
	}
	k.c.m.drop(&s.watch)
	if err != nil {
		k.c.m.Notices.warnErr(failed("receive the terminal", "recvmsg", k.path, err))
		return
	}
	master := -1
	if msgs, err := unix.ParseSocketControlMessage(oob[:n]); err == nil {
		for i := range msgs {
			fds, _ := unix.ParseUnixRights(&msgs[i])
			for _, fd := range fds {
				if master < 0 {
					master = fd
				} else {
					unix.Close(fd)
				}
			}
		}
	}
	if master < 0 {
		k.c.m.Notices.warn("the runtime connected to the console socket and sent no terminal")
		return
	}
	if err := k.use(master); err != nil {
		k.c.m.Notices.warnErr(err)
	}
}

// take looks for the terminal once more, without waiting: the runtime has
// ended, and what it sent is there or will not come.
func (k *console) take() bool {
	if k.fd >= 0 {
		k.ready(0)
	}
	if k.conn.fd >= 0 {
		k.conn.ready(0)
	}
	return k.c.stdout.fd >= 0
}

// use makes the terminal the container's stdio.
func (k *console) use(master int) error {
	c := k.c
	if term, err := unix.IoctlGetTermios(master, unix.TCGETS); err == nil {
		// Without it a log of lines has stairs; runtimes leave it off.
		term.Oflag |= unix.ONLCR
		unix.IoctlSetTermios(master, unix.TCSETS, term)
	}
	unix.SetNonblock(master, true)
	// The end of input from one client must not be the end of output for all.
	in, err := unix.FcntlInt(uintptr(master), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		unix.Close(master)
		return failed("use the terminal", "fcntl", "", err)
	}
	// A terminal that nobody has open hangs up, and epoll tells of that
	// without end, though it may be opened again. We hold it open ourselves:
	// then there is nothing to be told, and nothing to poll for. Its end is
	// that of its process, which we learn by other means.
	const how = unix.O_RDWR | unix.O_NOCTTY | unix.O_CLOEXEC
	if fd, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(master), unix.TIOCGPTPEER, how); e == 0 {
		k.slave = int(fd)
	}
	c.stdout.open(c, master, logs.Stdout, tagStdout)
	c.stdout.tty = true
	c.stdin.use(in)
	if k.sized {
		k.resize(k.size.Row, k.size.Col)
	}
	c.stdout.listen()
	return c.winsz.listen()
}

// hungUp: nobody has the terminal open, and we could not keep it open either.
// It is looked at again in a while; that somebody opens it is not told.
func (k *console) hungUp() {
	k.c.stdout.pause()
	k.poll.fire = k.c.stdout.listen
	k.c.m.after(&k.poll, hangUpPoll)
}

// resize sets the size of the terminal, now or when it comes.
func (k *console) resize(rows, cols uint16) {
	if k.c == nil {
		return // no terminal, and none to come
	}
	k.size, k.sized = unix.Winsize{Row: rows, Col: cols}, true
	if fd := k.c.stdout.fd; fd >= 0 {
		if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &k.size); err != nil {
			k.c.m.Notices.warnErr(failed("resize the terminal", "ioctl", "TIOCSWINSZ", err))
		}
	}
}

func (k *console) closeListener() {
	if k.fd >= 0 {
		k.c.m.drop(&k.watch)
		unix.Unlink(k.path)
	}
}

func (k *console) close() {
	if k.c == nil {
		return
	}
	k.closeListener()
	if k.conn.fd >= 0 {
		k.c.m.drop(&k.conn.watch)
	}
	k.c.m.stop(&k.poll)
	if k.slave >= 0 {
		unix.Close(k.slave)
		k.slave = -1
	}
}

// hangUpPoll is how often a terminal is looked at that has hung up and that we
// cannot hold open.
const hangUpPoll = 100 * time.Millisecond

// listen makes a socket that listens at path, whatever the path's length, with
// what was there before removed.
func listen(path string, kind int, mode uint32, backlog int) (int, error) {
	const step = "make a socket"
	dir, name := splitPath(path)
	d, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, failed(step, "open", dir, err)
	}
	defer unix.Close(d)
	if err := unix.Unlinkat(d, name, 0); err != nil && err != unix.ENOENT {
		return -1, failed(step, "unlinkat", path, err)
	}
	fd, err := unix.Socket(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, failed(step, "socket", path, err)
	}
	fail := func(call string, err error) (int, error) {
		unix.Close(fd)
		return -1, failed(step, call, path, err)
	}
	// The mode of the socket's own inode is that of the file: never wider
	// than asked for, not even until a chmod.
	if err := unix.Fchmod(fd, mode); err != nil {
		return fail("fchmod", err)
	}
	// sun_path has 108 bytes. The directory by its descriptor is short.
	short := "/proc/self/fd/" + itoa(d) + "/" + name
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: short}); err != nil {
		return fail("bind", err)
	}
	if err := unix.Fchmodat(d, name, mode, 0); err != nil {
		return fail("fchmodat", err)
	}
	if kind == unix.SOCK_DGRAM {
		return fd, nil
	}
	if err := unix.Listen(fd, backlog); err != nil {
		return fail("listen", err)
	}
	return fd, nil
}

// errNoTerminal is what conmon's callers know.
func errNoTerminal() *specs.Error { return &specs.Error{Problem: "Runtime did not set up terminal"} }
