package monitor

import (
	"time"

	"golang.org/x/sys/unix"
)

// conmon.go: one container per process, and everything that a caller of conmon
// knows it by: pipes, order of events, exit status.

// Conmon is conmon mode: what the command line asks for beside the container.
type Conmon struct {
	Config
	APIVersion int
	Attach     bool // an exec that its caller attaches to before it begins

	SyncPipe   int   // -1: there is none, as with the next two
	StartPipe  int   // exec with attach: its second word lets the runtime begin
	AttachPipe int   // exec with attach: is told when clients may come
	Held       []int // descriptors of the caller's that are closed before the end is told

	SocketDir  string // where AttachLink is
	AttachLink string // symbolic link to the bundle, made here; empty: none

	ExitCommand []string // run at the very end; empty: none
	ExitDelay   time.Duration

	m      *Monitor
	c      *Container
	start  startPipe
	delay  timer
	last   process // the exit command
	final  *command
	status int
}

// Run is the whole life of the process after it has left its caller. It
// returns its exit status.
func (h *Conmon) Run(m *Monitor) (status int, err error) {
	h.m = m
	if h.AttachLink != "" {
		if err := h.link(); err != nil {
			return 1, err
		}
	}
	if h.c, err = m.Open(&h.Config, h); err != nil {
		h.unlink()
		return 1, err
	}
	m.signals.stop = h.c.Stop
	h.delay.fire = h.exitCommand
	if h.AttachPipe >= 0 {
		if err := tell(&h.AttachPipe, appendLine(nil, "data", 0, "")); err != nil {
			return 1, err
		}
	}
	if err := h.begin(); err != nil {
		return 1, err
	}
	m.Run()
	return h.status, nil
}

// link makes the attach socket reachable by a path that is short enough for a
// sockaddr_un, whatever the bundle's is.
func (h *Conmon) link() error {
	if err := unix.Unlink(h.AttachLink); err != nil && err != unix.ENOENT {
		return failed("Failed to remove existing symlink for socket directory", "unlink", h.AttachLink, err)
	}
	if err := unix.Symlink(h.Bundle, h.AttachLink); err != nil {
		return failed("Failed to create symlink for attach socket", "symlink", h.AttachLink, err)
	}
	return nil
}

func (h *Conmon) unlink() {
	if h.AttachLink != "" {
		unix.Unlink(h.AttachLink)
	}
}

// begin lets the runtime begin, at once or when the caller says so.
func (h *Conmon) begin() error {
	if h.StartPipe < 0 {
		h.c.Go()
		h.dropStdio()
		return nil
	}
	h.start = startPipe{watch{fd: h.StartPipe}, h}
	unix.SetNonblock(h.StartPipe, true)
	return h.m.add(&h.start.watch, unix.EPOLLIN, &h.start)
}

// startPipe is the caller's pipe, on which it says "go" a second time.
type startPipe struct {
	watch
	h *Conmon
}

func (s *startPipe) ready(uint32) {
	n, err := unix.Read(s.fd, s.h.m.in.mem)
	if err == unix.EAGAIN || err == unix.EINTR {
		return
	}
	s.h.m.in.used(max(n, 0))
	s.h.m.drop(&s.watch)
	s.h.c.Go()
}

// dropStdio lets go of what a container with our stdio has got by now: as long
// as we held the write end, its readers would see no end.
func (h *Conmon) dropStdio() {
	if h.c.Passthrough() {
		NullStdio()
	}
}

// NullStdio makes 0, 1 and 2 /dev/null.
func NullStdio() error {
	fd, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return failed("leave the caller", "open", "/dev/null", err)
	}
	for i := range 3 {
		if err := unix.Dup3(fd, i, 0); err != nil && fd != i {
			return failed("leave the caller", "dup3", "/dev/null", err)
		}
	}
	if fd > 2 {
		unix.Close(fd)
	}
	return nil
}

// key names the numbers that are told.
func (h *Conmon) key() string {
	switch {
	case h.APIVersion >= 1:
		return "data"
	case h.Mode == Exec:
		return "exit_code"
	}
	return "pid"
}

func (h *Conmon) tell(n int, message string) {
	if err := tell(&h.SyncPipe, appendLine(nil, h.key(), n, message)); err != nil {
		h.m.Notices.warnErr(err)
	}
}

// Created is the Host's.
func (h *Conmon) Created(c *Container) {
	if h.Mode != Exec || h.APIVersion >= 1 {
		h.tell(c.Pid(), "")
	}
}

// Failed is the Host's.
func (h *Conmon) Failed(c *Container, message string) {
	h.m.Notices.Say(Fatal, "Failed to create container: exit status 1: "+message)
	h.tell(-1, message)
	h.status = 1
	h.leave()
}

// Ending is the Host's. Podman parks its port sockets with us: they must be
// free before anybody can hear that the container is gone, and starts it anew.
func (h *Conmon) Ending(*Container) {
	for _, fd := range h.Held {
		if fd != h.SyncPipe {
			unix.Close(fd)
		}
	}
	h.Held = nil
}

// Ended is the Host's.
func (h *Conmon) Ended(c *Container) {
	r := c.Record()
	if h.Mode == Exec {
		message := ""
		if r.TimedOut {
			message = "command timed out"
		}
		h.tell(r.Code, message)
	}
	h.status = r.Code & 0xff
	h.leave()
}

// leave does what is left when the last word has been said.
func (h *Conmon) leave() {
	h.unlink()
	if len(h.ExitCommand) == 0 {
		h.m.End()
		return
	}
	h.m.after(&h.delay, h.ExitDelay)
}

// exitCommand runs the command, with nothing of ours. What it leaves behind is
// no business of ours either: it goes to init.
func (h *Conmon) exitCommand() {
	unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
	fail := func(err error) {
		h.m.Notices.Say(Fatal, err.Error())
		h.status = 1
		h.m.End()
	}
	cmd, err := newCommand(h.ExitCommand, h.m.Env)
	if err != nil {
		fail(err)
		return
	}
	cmd.oomScore, cmd.onlyStdio = []byte(h.m.OOMScore), true
	pid, pidfd, err := cmd.start()
	if err != nil {
		fail(err)
		return
	}
	h.final, h.last.ended = cmd, h.exitCommandEnded
	if err := h.last.follow(h.m, pid, pidfd); err != nil {
		fail(err)
	}
}

func (h *Conmon) exitCommandEnded(status Status) {
	if errno := h.final.execErrno(); errno != 0 {
		h.m.Notices.Say(Fatal, failed("run the exit command", "execve", h.ExitCommand[0], errno).Error())
	}
	if code := status.ExitCode(); code != 0 {
		h.status = code & 0xff
	}
	h.m.sweep()
	h.m.End()
}
