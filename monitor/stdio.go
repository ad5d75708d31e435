package monitor

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"stave/monitor/logs"
)

// stdio.go: from the container's output to its log and to those who are
// attached, and from them to its input.
//
//	pipe or pty ─read 64 KiB─▶ scratch ─▶ logs.Write ─▶ clients ─▶ next read
//
// The scratch buffer is shared by all containers, and never waits: what a
// client does not take at once is its own problem (attach.go), what the log
// does not take at once stops the reading.

// stream is one output of the container.
type stream struct {
	watch
	c    *Container
	kind logs.Stream
	tag  byte // first byte of its messages to clients
	tty  bool
}

// The first bytes of messages to attached clients; a terminal's output is all tagStdout.
const (
	tagStdout = 2
	tagStderr = 3
)

func (s *stream) open(c *Container, fd int, kind logs.Stream, tag byte) {
	*s = stream{watch: watch{fd: fd}, c: c, kind: kind, tag: tag}
}

// listen starts reading, or starts again.
func (s *stream) listen() {
	if s.fd >= 0 && s.slot == 0 && s.c.awaited == 0 {
		if err := s.c.m.add(&s.watch, unix.EPOLLIN, s); err != nil {
			s.c.m.Notices.warnErr(err)
		}
	}
}

// pause stops reading. Asking epoll for nothing would not do: it tells of a
// hang-up all the same.
func (s *stream) pause() { s.c.m.remove(&s.watch) }

func (s *stream) ready(events uint32) {
	n := s.read()
	switch {
	case s.tty && s.c.console.slave < 0 && n <= 0 && events&unix.EPOLLHUP != 0:
		s.c.console.hungUp()
	case n == 0:
		s.end()
	}
}

// Results of read that are no number of bytes.
const nothingYet = -1

// read takes what is there, once. 0 is the end of the stream.
func (s *stream) read() int {
	m := s.c.m
	n, err := unix.Read(s.fd, m.in.mem)
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return nothingYet
	case err != nil || n == 0:
		return 0 // EIO is how a terminal ends, ioctl_tty(2)
	}
	m.in.used(n)
	m.reading = true
	s.c.output(s, m.in.mem[:n])
	return n
}

// waitFor counts the clients that the output waits for.
func (c *Container) waitFor(n int) {
	c.awaited += n
	if c.awaited > 0 {
		c.stdout.pause()
		c.stderr.pause()
	} else if !c.blocked && (c.state == creating || c.state == running) {
		c.stdout.listen()
		c.stderr.listen()
	}
}

// more says that the pipe has more to read, which matters only to a line that
// the read p has cut.
func (s *stream) more(p []byte) bool {
	return p[len(p)-1] != '\n' && queued(s.fd) > 0
}

// queued is the number of bytes that can be read at once; FIONREAD, ioctl_tty(2), pipe(7).
func queued(fd int) int {
	n, err := unix.IoctlGetInt(fd, unix.TIOCINQ)
	if err != nil {
		return 0
	}
	return n
}

// output takes a read's bytes where they belong.
func (c *Container) output(s *stream, p []byte) {
	if s == &c.stderr {
		if p = c.hold(p); len(p) == 0 {
			return
		}
	}
	c.log.Write(s.kind, realtime(), p, s.more(p))
	c.attach.send(s.tag, p)
	c.watchLog()
}

// hold keeps what comes out of stderr while the runtime is at work. It is the
// runtime's own: the message if it fails, a part of the log if it does not.
// More than a message holds goes to the log at once.
// It gives back what is not kept.
func (c *Container) hold(p []byte) []byte {
	if c.state != creating || c.spilled {
		return p
	}
	n := min(len(p), maxMessage-len(c.early))
	c.early = append(c.early, p[:n]...)
	if len(c.early) == maxMessage {
		c.spilled = true
		c.log.Write(c.stderr.kind, realtime(), c.early, n < len(p))
		c.attach.send(c.stderr.tag, c.early)
	}
	return p[n:]
}

// maxMessage is how much of the runtime's stderr goes into a message.
const maxMessage = 8191

// release sends on what was held.
func (c *Container) release() {
	if p := c.early; len(p) > 0 && !c.spilled {
		c.log.Write(c.stderr.kind, realtime(), p, c.stderr.fd >= 0 && c.stderr.more(p))
		c.attach.send(c.stderr.tag, p)
		c.watchLog()
	}
	c.early = nil
}

// end is the end of a stream while the container goes on, or its last word.
func (s *stream) end() {
	s.c.m.drop(&s.watch)
	s.c.log.End(s.kind)
	s.c.watchLog()
}

// maxTail bounds what is read of a terminal after the end of its process: it
// does not say how much it holds.
const maxTail = 1 << 20

// drain reads what is left when the process has ended: to the end, or, where
// others still hold the pipe, what was in it when we looked. All that the
// process itself has written is among that.
func (s *stream) drain() {
	if s.fd < 0 {
		return
	}
	left := maxTail
	if !s.tty {
		left = queued(s.fd)
	}
	for left > 0 && !s.c.log.Blocked() {
		n := s.read()
		if n <= 0 {
			return
		}
		left -= n
	}
}

// watchLog follows the log's wish to be asked again, or to be left alone.
func (c *Container) watchLog() {
	switch {
	case c.log.Blocked():
		c.stdout.pause()
		c.stderr.pause()
		if fd := c.log.WaitFD(); fd >= 0 && c.room.slot == 0 {
			c.room.fd, c.room.c = fd, c
			if c.m.add(&c.room.watch, unix.EPOLLOUT, &c.room) != nil {
				c.room.slot = 0 // a file: the timer does it
			}
		}
	case c.blocked:
		c.m.remove(&c.room.watch)
		if c.state == creating || c.state == running {
			c.stdout.listen()
			c.stderr.listen()
		}
	}
	c.blocked = c.log.Blocked()
	if c.log.Pending() && c.retry.at == 0 {
		c.m.after(&c.retry, retryLog)
	}
}

// room waits for a log to become writable; logs.WaitFD.
type room struct {
	watch
	c *Container
}

func (r *room) ready(uint32) {
	r.c.m.remove(&r.watch)
	r.c.tryLog()
}

// tryLog gives the log another chance.
func (c *Container) tryLog() {
	c.log.Retry(realtime())
	c.watchLog()
	if c.state == draining && !c.log.Blocked() {
		c.happened(evLogged)
	}
}

// input is the container's standard input: the write end of a pipe, or the
// terminal. What it does not take at once is kept, one message of it; until
// that is gone no client is read.
type input struct {
	watch
	c       *Container
	mem     []byte // of the message that is kept
	pending []byte // what is left of it
	closing bool   // its end has come, after what is pending
	closed  bool   // nothing can be written any more
}

// maxInput is the length of a client's message; what is longer is cut, as by conmon.
const maxInput = 32 << 10

// write sends p on.
func (in *input) write(p []byte) {
	if in.closed || in.closing {
		return // like a pipe that nobody reads
	}
	n := 0
	if in.fd >= 0 {
		n = in.try(p)
	}
	if n == len(p) || in.closed {
		return
	}
	if in.mem == nil {
		var err error
		if in.mem, err = mapped(maxInput, unix.MAP_PRIVATE); err != nil {
			in.c.m.Notices.warnErr(err)
			return
		}
	}
	in.pending = in.mem[:copy(in.mem, p[n:])]
	in.watchIt()
	in.c.attach.listen(false)
}

// try writes as much as there is room for.
func (in *input) try(p []byte) (done int) {
	for done < len(p) {
		// Non-blocking, so without the scheduler's help.
		n, _, e := unix.RawSyscall(unix.SYS_WRITE, uintptr(in.fd), uintptr(unsafe.Pointer(&p[done])), uintptr(len(p)-done))
		switch e {
		case 0:
			done += int(n)
		case unix.EINTR:
		case unix.EAGAIN:
			return done
		default:
			in.close() // EPIPE, EIO: nobody reads it any more
			return done
		}
	}
	return done
}

func (in *input) watchIt() {
	if in.fd >= 0 && in.slot == 0 {
		if err := in.c.m.add(&in.watch, unix.EPOLLOUT, in); err != nil {
			in.c.m.Notices.warnErr(err)
		}
	}
}

// ready: there is room again.
func (in *input) ready(uint32) {
	in.pending = in.pending[in.try(in.pending):]
	if len(in.pending) > 0 && !in.closed {
		return
	}
	in.c.m.remove(&in.watch)
	unmapped(in.mem)
	in.mem, in.pending = nil, nil
	if in.closing {
		in.close()
	}
	in.c.attach.listen(true)
}

// use gives the input its descriptor, which for a terminal comes late.
func (in *input) use(fd int) {
	in.fd = fd
	if len(in.pending) > 0 || in.closing {
		in.watchIt()
	}
}

// finish closes it after what is pending.
func (in *input) finish() {
	in.closing = true
	if len(in.pending) == 0 && in.fd >= 0 {
		in.close()
	}
}

func (in *input) close() {
	if !in.closed {
		in.closed = true
		in.c.m.drop(&in.watch)
	}
}
