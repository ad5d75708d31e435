package main

import (
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"stave/libct"
)

// relay is what a foreground command does while its process runs: it passes
// signals on, and moves bytes between our terminal and the container's.
type relay struct{ signals int } // descriptor that gives a byte for each; -1: there are none to be had

// passedOn are the signals that have a meaning for a program. Those that the
// kernel raises for our own faults, and SIGCHLD, stay ours.
var passedOn = [...]syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGWINCH, syscall.SIGUSR1, syscall.SIGUSR2,
	syscall.SIGALRM, syscall.SIGCONT, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU, syscall.SIGIO, syscall.SIGPWR}

// newRelay takes the signals: from here on they must not end us and leave the
// container.
func newRelay() *relay { return &relay{takeSignals(passedOn[:])} }

// attend waits for the process of c and gives its exit status. Meanwhile it
// passes on that the process is ready, if anybody wants to know; the error is
// that of this.
func (r *relay) attend(c *libct.Create) (status int, notify error) {
	var t *terminal
	if c.Master >= 0 {
		t = openTerminal(c.Master)
		defer t.restore()
	}
	wait := []unix.PollFd{{Fd: int32(c.Pidfd), Events: unix.POLLIN}, {Fd: int32(r.signals), Events: unix.POLLIN}, {Fd: int32(c.Notify), Events: unix.POLLIN}}
	pollSoon(wait)
	for {
		if wait[1].Revents != 0 {
			r.pass(c, t)
		}
		if wait[2].Revents != 0 {
			// We stay, and end with the program: it is us whom the service
			// manager watches.
			passed, err := libct.PassReady(c.Notify, c.Req.NotifySocket, unix.Getpid())
			if passed || err != nil {
				// Closed, because nobody reads any more: the program would
				// block once the queue is full.
				unix.Close(c.Notify)
				c.Notify, wait[2].Fd, wait[2].Revents, notify = -1, -1, 0, err
			}
		}
		if wait[0].Revents != 0 {
			break
		}
		unix.Poll(wait, -1)
	}
	ended := libct.Wait(c.Pid)
	if t != nil {
		t.drain()
	}
	return exitStatus(ended), notify
}

// pollSoon waits for a few milliseconds, in which many a program ends, without
// telling Go's scheduler: that would wake a thread to take over from us.
func pollSoon(wait []unix.PollFd) {
	ts := unix.NsecToTimespec(5e6)
	syscall.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&wait[0])), uintptr(len(wait)), uintptr(unsafe.Pointer(&ts)), 0, 0, 0)
}

// pass hands on the signals that have come.
func (r *relay) pass(c *libct.Create, t *terminal) {
	var come [64]byte
	n, _ := unix.Read(r.signals, come[:])
	for _, s := range come[:max(n, 0)] {
		if syscall.Signal(s) == syscall.SIGWINCH && t != nil {
			t.resize()
			continue
		}
		unix.PidfdSendSignal(c.Pidfd, syscall.Signal(s), nil, 0)
	}
}

// terminal connects our own terminal, or whatever our stdio is, with the
// master of the container's.
type terminal struct {
	master int
	saved  *unix.Termios // nil: stdin is no terminal
	done   chan struct{} // closed when the master has given its last byte
}

func openTerminal(master int) *terminal {
	// Each of those who wait has a processor of Go's, and nobody has to be
	// found out in his sleep to let another go on.
	runtime.GOMAXPROCS(4)
	t := &terminal{master: master, done: make(chan struct{})}
	if old, err := unix.IoctlGetTermios(0, unix.TCGETS); err == nil {
		t.saved = old
		raw := *old
		raw.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
		raw.Oflag &^= unix.OPOST
		raw.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
		raw.Cflag = raw.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
		raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
		unix.IoctlSetTermios(0, unix.TCSETS, &raw)
		t.resize()
	}
	go t.input()
	go t.output()
	return t
}

func (t *terminal) input() {
	buf := make([]byte, 4096)
	for {
		n, err := unix.Read(0, buf)
		if err == unix.EINTR || err == unix.EAGAIN {
			continue
		}
		if n <= 0 || err != nil {
			// The end of our input is an end of file for the terminal, which
			// a program in it may take or not.
			if t.saved == nil {
				write(t.master, []byte{4})
			}
			return
		}
		if write(t.master, buf[:n]) != nil {
			return
		}
	}
}

func (t *terminal) output() {
	defer close(t.done)
	buf := make([]byte, 32<<10)
	for {
		n, err := unix.Read(t.master, buf)
		if err == unix.EINTR || err == unix.EAGAIN {
			continue
		}
		if n <= 0 || err != nil {
			return // EIO: every process has closed the other end
		}
		if write(1, buf[:n]) != nil {
			return
		}
	}
}

func (t *terminal) resize() {
	if ws, err := unix.IoctlGetWinsize(0, unix.TIOCGWINSZ); err == nil {
		unix.IoctlSetWinsize(t.master, unix.TIOCSWINSZ, ws)
	}
}

// drain waits for the last output. A process that outlives the first one may
// hold the terminal open; it is not waited for once nothing comes any more.
func (t *terminal) drain() {
	for {
		p := []unix.PollFd{{Fd: int32(t.master), Events: unix.POLLIN}}
		select {
		case <-t.done:
			return
		default:
		}
		n, err := unix.Poll(p, 100)
		if n == 0 && err == nil {
			return
		}
		if p[0].Revents&unix.POLLHUP != 0 {
			<-t.done
			return
		}
	}
}

func (t *terminal) restore() {
	if t.saved != nil {
		unix.IoctlSetTermios(0, unix.TCSETS, t.saved)
	}
}
