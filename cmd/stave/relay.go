package main

import (
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"stave/libct"
)

// relay is what a foreground command does while its process runs: it passes
// signals on, and moves bytes between our terminal and the container's.
type relay struct{ signals chan os.Signal }

// newRelay takes the signals that a supervisor or a terminal ends us with: they
// must not end us and leave the container. To take one costs some 60 µs here,
// so the others wait until the program runs.
func newRelay() *relay {
	r := &relay{signals: make(chan os.Signal, 64)}
	signal.Notify(r.signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT)
	return r
}

// takeRest takes all others that have a meaning for a program. Those that the
// kernel raises for our own faults, and SIGCHLD, stay ours.
func (r *relay) takeRest() {
	signal.Notify(r.signals, syscall.SIGWINCH, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM, syscall.SIGCONT, syscall.SIGTSTP,
		syscall.SIGTTIN, syscall.SIGTTOU, syscall.SIGIO, syscall.SIGPWR)
}

// attend waits for the process of c and gives its exit status.
func (r *relay) attend(c *libct.Create) int {
	var t *terminal
	if c.Master >= 0 {
		t = openTerminal(c.Master)
		defer t.restore()
	}
	go func() {
		for s := range r.signals {
			if s == syscall.SIGWINCH && t != nil {
				t.resize()
				continue
			}
			unix.PidfdSendSignal(c.Pidfd, s.(syscall.Signal), nil, 0)
		}
	}()
	// Most of what ends at once needs none of them.
	rest := time.AfterFunc(5*time.Millisecond, r.takeRest)
	defer rest.Stop()
	var status unix.WaitStatus
	for {
		_, err := unix.Wait4(c.Pid, &status, 0, nil)
		if err != unix.EINTR {
			break
		}
	}
	if t != nil {
		t.drain()
	}
	return exitStatus(status)
}

// terminal connects our own terminal, or whatever our stdio is, with the
// master of the container's.
type terminal struct {
	master int
	saved  *unix.Termios // nil: stdin is no terminal
	done   chan struct{} // closed when the master has given its last byte
}

func openTerminal(master int) *terminal {
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
