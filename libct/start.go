package libct

import (
	"encoding/binary"
	"strconv"
	"strings"
	"syscall"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/libct/quick"
	"stave/specs"
)

// Start opens the gate of a created container and waits until its program
// runs, or says why it does not.
func (c *Container) Start() error {
	switch s := c.Status(); s {
	case string(rspec.StateCreated):
	case string(rspec.StateStopped):
		return &specs.Error{ID: c.ID, Problem: "cannot start a container that has stopped"}
	case string(rspec.StateRunning):
		return &specs.Error{ID: c.ID, Problem: "cannot start an already running container"}
	default:
		return &specs.Error{ID: c.ID, Problem: "cannot start a container in the " + s + " state"}
	}
	if c.Rec.Process == nil {
		return &specs.Error{ID: c.ID, Field: "/process", Problem: "there is nothing to start", Hint: "the configuration has no process", Kind: specs.ErrInvalid}
	}
	if err := point("start: open result"); err != nil {
		return err
	}
	result, err := unix.Openat(c.lock.fd, resultFile, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return &specs.Error{ID: c.ID, Syscall: "openat", Path: resultFile, Errno: err.(unix.Errno)}
	}
	defer unix.Close(result)
	if err := point("start: hooks"); err != nil {
		return err
	}
	if h := c.Rec.Hooks; h != nil && len(h.StartContainer) > 0 {
		if err := c.startContainerHooks(h.StartContainer); err != nil {
			return c.hookFailed(err)
		}
	}
	if err := point("start: open gate"); err != nil {
		return err
	}
	gate, err := unix.Openat(c.lock.fd, gateFile, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return &specs.Error{ID: c.ID, Problem: "the container ended before it was started", Kind: specs.ErrNotRunning}
	}
	defer unix.Close(gate)
	if err := point("start: write gate"); err != nil {
		return err
	}
	if _, err := unix.Write(gate, []byte("g")); err != nil {
		return &specs.Error{ID: c.ID, Syscall: "write", Path: gateFile, Errno: err.(unix.Errno)}
	}
	if err := point("start: wait for execve"); err != nil {
		return err
	}
	if err := c.awaitExec(result); err != nil {
		return err
	}
	awaitGone(gate)
	if err := point("start: poststart"); err != nil {
		return err
	}
	return c.poststart()
}

// awaitExec reads the result pipe to its end: nothing in it means execve(2)
// has closed it.
func (c *Container) awaitExec(result int) error {
	var buf [resultSize]byte
	p := []unix.PollFd{{Fd: int32(result), Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(p, -1); err == unix.EINTR {
			continue
		}
		n, err := unix.Read(result, buf[:])
		switch {
		case err == unix.EINTR || err == unix.EAGAIN:
			continue
		case err != nil:
			return &specs.Error{ID: c.ID, Syscall: "read", Path: resultFile, Errno: err.(unix.Errno)}
		case n == resultSize:
			return c.execError(buf[:])
		}
		return nil
	}
}

// awaitGone waits until nobody holds the gate. execve(2) closes both fifos, one
// after the other and not in an order that is promised, and until the second is
// closed the container would seem to wait at the gate. This takes no time, so
// the limit is for whoever reads the fifo who has no business there.
func awaitGone(gate int) {
	unix.Poll([]unix.PollFd{{Fd: int32(gate)}}, quick.GateTimeout*1000)
}

// StartFailed is the error of a start that package quick has done: it has left
// the state directory, locked, and what came from the result pipe.
func StartFailed(root, id string, lock int, result []byte, errno syscall.Errno) error {
	l := &stateLock{root, id, lock}
	defer l.close()
	if errno != 0 {
		return &specs.Error{ID: id, Syscall: "read", Path: resultFile, Errno: errno}
	}
	rec, err := l.record()
	if err != nil {
		return err
	}
	return (&Container{Root: root, ID: id, Rec: rec, lock: l, pidfd: -1}).execError(result)
}

// execError rebuilds the error of one of the child's last operations.
func (c *Container) execError(result []byte) error {
	op, errno := int(binary.NativeEndian.Uint32(result)), syscall.Errno(binary.NativeEndian.Uint32(result[4:]))
	e := &specs.Error{Verb: "start", ID: c.ID, Errno: errno, Step: "execve", Actor: Child.String()}
	for _, line := range c.Rec.AfterGate {
		f := strings.Split(line, "\t")
		if len(f) != 7 || f[0] != strconv.Itoa(op) {
			continue
		}
		e.N, _ = strconv.Atoi(f[1])
		e.Of, _ = strconv.Atoi(f[2])
		e.Step, e.Field, e.Syscall, e.Path = f[3], f[4], f[5], f[6]
	}
	if e.Step == "execve" {
		e.Syscall = "execve"
		// The mounts are in the bundle only; if it has changed since, the
		// explanation is poorer, not wrong about the errno.
		var mounts []rspec.Mount
		if cfg, err := specs.Load(c.Rec.Bundle); err == nil {
			mounts = cfg.Spec.Mounts
		}
		explainExec(e, c.Rec.Rootfs, c.Rec.Bundle, mounts, c.Rec.Process)
	}
	return e
}

// poststart hooks run when the user's process has started, by which time it
// may have ended too.
func (c *Container) poststart() error {
	h := c.Rec.Hooks
	if h == nil || len(h.Poststart) == 0 {
		return nil
	}
	s := c.State()
	s.Status, s.Pid = rspec.StateRunning, c.Rec.PID
	if err := runHooks("poststart", h.Poststart, s, hookEnv{dir: s.Bundle}); err != nil {
		return c.hookFailed(err)
	}
	return nil
}

// hookFailed ends the container of a failed hook: it is stopped, destroyed,
// and its poststop hooks run (runtime.md, Lifecycle, steps 7, 9 and 12).
func (c *Container) hookFailed(err error) error {
	if kerr := c.killAll(); kerr == nil && c.lock.fd >= 0 {
		c.destroy()
	}
	return err
}
