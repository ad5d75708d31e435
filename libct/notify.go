package libct

import (
	"strings"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/specs"
)

// sd_notify(3) out of a container. A service manager that starts the runtime
// with Type=notify names a socket in NOTIFY_SOCKET, which no path in the
// container leads to. So the container gets one of its own, and of all that its
// program says there one thing is passed on: that it is ready. What else a
// service may say (the process to watch, descriptors to keep) is not the
// container's to decide about the host.

const (
	notifyDir    = "notify" // in the state directory; mounted into the container
	notifySocket = "notify.sock"
	notifyInside = "/run/notify"
	notifyEnv    = "NOTIFY_SOCKET="
)

// settleNotify adds the mount and the variable to the configuration. One that
// has the variable has a socket from somebody else.
func settleNotify(spec *rspec.Spec, host *Host, req *Request) error {
	to := req.NotifySocket
	if to == "" {
		return nil
	}
	if to[0] != '/' && to[0] != '@' || len(to) < 2 {
		return &specs.Error{Path: to, Problem: "NOTIFY_SOCKET names no socket of this host", Hint: "a path, or @ and an abstract name; sd_notify(3)", Kind: specs.ErrInvalid}
	}
	p := spec.Process
	has := p == nil
	for i := 0; !has && i < len(p.Env); i++ {
		has = strings.HasPrefix(p.Env[i], notifyEnv)
	}
	if has {
		req.NotifySocket = ""
		return nil
	}
	source := req.stateDir() + "/" + notifyDir
	host.Sources[source] = unix.S_IFDIR // a step makes it
	spec.Mounts = append(spec.Mounts, rspec.Mount{Destination: notifyInside, Type: "bind", Source: source,
		Options: []string{"bind", "ro", "nosuid", "nodev", "noexec"}})
	host.findPlaces(absolute(req.Bundle, spec.Root.Path), spec.Mounts)
	p.Env = append(p.Env, notifyEnv+notifyInside+"/"+notifySocket)
	return nil
}

func (b *builder) notifyDirectory() {
	if b.req.NotifySocket == "" {
		return
	}
	does := []string{"mkdir ROOT/ID/notify 0755"}
	if !b.req.Gate {
		does = append(does, "socket(AF_UNIX, SOCK_DGRAM), bind notify.sock")
	}
	b.call("notify socket", "", "NOTIFY_SOCKET: where the program says that it is ready; sd_notify(3)", does, (*Create).makeNotify)
}

func (c *Create) makeNotify() (err error) {
	dir := c.Req.stateDir() + "/" + notifyDir
	if err := unix.Mkdir(dir, 0o755); err != nil {
		return &specs.Error{Syscall: "mkdir", Path: dir, Errno: err.(unix.Errno)}
	}
	if err := unix.Chmod(dir, 0o755); err != nil { // whatever the umask
		return &specs.Error{Syscall: "chmod", Path: dir, Errno: err.(unix.Errno)}
	}
	if !c.Req.Gate {
		c.Notify, err = bindNotify(c.lock)
	}
	return err
}

// bindNotify makes the socket, anew if a start before has failed.
func bindNotify(l *stateLock) (fd int, err error) {
	fail := func(call string, err error) (int, error) {
		return -1, &specs.Error{ID: l.id, Syscall: call, Path: l.root + "/" + l.id + "/" + notifyDir + "/" + notifySocket, Errno: err.(unix.Errno)}
	}
	dir, err := unix.Openat(l.fd, notifyDir, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return fail("openat", err)
	}
	defer unix.Close(dir)
	if fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0); err != nil {
		return fail("socket", err)
	}
	unix.Unlinkat(dir, notifySocket, 0)
	// The whole path may be longer than a socket's name can be; unix(7).
	if err = unix.Bind(fd, &unix.SockaddrUnix{Name: "/proc/self/fd/" + itoa(int64(dir)) + "/" + notifySocket}); err != nil {
		unix.Close(fd)
		return fail("bind", err)
	}
	if err = unix.Fchmodat(dir, notifySocket, 0o777, 0); err != nil {
		unix.Close(fd)
		return fail("fchmodat", err)
	}
	return fd, nil
}

// BindNotify makes the socket of a created container for start, which is to
// close it; -1: it has been created without one, or is at another point of its life.
func (c *Container) BindNotify() (int, error) {
	if !c.Rec.Notify || c.Status() != string(rspec.StateCreated) {
		return -1, nil
	}
	return bindNotify(c.lock)
}

// AwaitReady passes on that the program is ready, when it says so, and returns
// then or with the program's end. Other commands may have the container
// meanwhile.
func (c *Container) AwaitReady(sock int, to string) error {
	unix.Flock(c.lock.fd, unix.LOCK_UN)
	return awaitReady(sock, c.pidfd, to, c.Rec.PID)
}

// AwaitReady is the same for a container that has just been made.
func (c *Create) AwaitReady() error {
	return awaitReady(c.Notify, c.Pidfd, c.Req.NotifySocket, c.Pid)
}

func awaitReady(sock, pidfd int, to string, pid int) error {
	p := []unix.PollFd{{Fd: int32(sock), Events: unix.POLLIN}, {Fd: int32(pidfd), Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(p, -1); err != nil && err != unix.EINTR {
			return &specs.Error{Syscall: "poll", Errno: err.(unix.Errno)}
		}
		ended := p[1].Revents != 0
		passed, err := PassReady(sock, to, pid)
		if passed && err == nil {
			return awaitManager(to)
		}
		if err != nil || ended {
			return err
		}
	}
}

// readAtOnce bounds the messages that are read in one go: a program that never
// stops sending is no reason not to look after anything else.
const readAtOnce = 8

// PassReady reads what has come to the socket and, if the program says that it
// is ready, tells the service manager so, with the process that it shall watch
// from now on. There may be more to read. Descriptors that come along are never
// taken.
func PassReady(sock int, to string, mainPID int) (passed bool, err error) {
	buf := make([]byte, 4096)
	for range readAtOnce {
		n, _, err := unix.Recvfrom(sock, buf, unix.MSG_DONTWAIT)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return false, nil
		case err != nil:
			return false, &specs.Error{Syscall: "recvfrom", Errno: err.(unix.Errno)}
		}
		for _, line := range strings.Split(string(buf[:n]), "\n") {
			if line == "READY=1" {
				return true, tell(to, "READY=1\nMAINPID="+itoa(int64(mainPID))+"\n", -1)
			}
		}
	}
	return false, nil
}

// tell sends one message to the service manager, with a descriptor unless that is -1.
func tell(to, text string, pass int) error {
	fail := func(call string, err error) error {
		return &specs.Error{Syscall: call, Path: to, Errno: err.(unix.Errno), Hint: "the socket of NOTIFY_SOCKET"}
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fail("socket", err)
	}
	defer unix.Close(fd)
	var rights []byte
	if pass >= 0 {
		rights = unix.UnixRights(pass)
	}
	if err := unix.Sendmsg(fd, []byte(text), rights, &unix.SockaddrUnix{Name: to}, unix.MSG_NOSIGNAL); err != nil {
		return fail("sendmsg", err)
	}
	return nil
}

// barrierTimeout bounds the wait for a service manager that is busy, in ms.
const barrierTimeout = 30_000

// awaitManager is for a command that ends now: of a process that is gone the
// service manager would not know which service it was. It closes the descriptor
// that comes with BARRIER=1 once it has taken all before (sd_notify_barrier(3)).
func awaitManager(to string) error {
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		return &specs.Error{Syscall: "pipe2", Errno: err.(unix.Errno)}
	}
	defer unix.Close(pipe[0])
	err := tell(to, "BARRIER=1", pipe[1])
	unix.Close(pipe[1])
	if err != nil {
		return err
	}
	p := []unix.PollFd{{Fd: int32(pipe[0])}}
	for end := monotonic() + barrierTimeout*1e6; ; {
		left := (end - monotonic()) / 1e6
		if n, err := unix.Poll(p, int(max(left, 0))); err == unix.EINTR && left > 0 {
			continue
		} else if n > 0 {
			return nil
		}
		return &specs.Error{Path: to, Problem: "the service manager does not answer", Hint: "the socket of NOTIFY_SOCKET"}
	}
}
