package monitor

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"stave/monitor/wire"
	specs "stave/specs/leaf"
)

// server_conn.go: one connection, which is one conversation: a greeting and a
// request, and then an answer, or events and streams and an answer at their end.
//
// As with the attach socket nothing waits. What a client does not take is
// queued. A client that listens to a process and is further behind than
// highWater stops the reading of that process's output, and so in the end the
// process, until it is down to lowWater. Not for ever, unless the process is
// there for this client: one that has not come that far within lagPatience gets
// no more output.

const (
	queueSize   = 256 << 10
	queueMax    = 8 << 20 // two pipes at their largest, drained at the end of a process
	highWater   = 128 << 10
	lowWater    = 32 << 10
	lagPatience = 2 * time.Second
	readsAtOnce = 8 // then it is somebody else's turn
)

// conn is one connection.
type conn struct {
	watch
	s        *Server
	place    int // in Server.conns
	in       wire.Decoder
	body     []byte // of a message that has come in parts
	out      ring
	greeted  bool
	asked    bool
	paused   bool    // what the client sends has to wait
	deaf     bool    // it sends no more
	gone     bool    // it takes no more
	ending   bool    // the last frame is in the queue
	talk     *talk   // it is about a process's streams
	waits    *member // it wants to hear of this one's end
	sync     *member // this process is only there for it
	call     *runtimeCall
	stalling bool // output is not read for it
	lag      timer
}

// settle puts it into the loop for what it is wanted for.
func (c *conn) settle() {
	events := uint32(0)
	if !c.deaf && !c.paused && !c.ending {
		events |= unix.EPOLLIN
	}
	if c.out.n > 0 {
		events |= unix.EPOLLOUT
	}
	switch {
	case c.fd < 0:
	case events == 0 && c.paused && !c.deaf:
		c.s.m.remove(&c.watch) // see client.settle
	case c.slot == 0:
		if err := c.s.m.add(&c.watch, events, c); err != nil {
			c.s.m.Notices.warnErr(err)
			c.close()
		}
	default:
		c.s.m.want(&c.watch, events)
	}
}

func (c *conn) ready(events uint32) {
	if events&unix.EPOLLOUT != 0 {
		c.flush()
	}
	switch {
	case c.fd < 0:
	case events&unix.EPOLLIN != 0 && !c.deaf && !c.paused && !c.ending:
		c.receive()
	case events&(unix.EPOLLHUP|unix.EPOLLERR) == 0:
	case c.deaf || c.ending || !c.paused:
		c.close()
	default: // its input has to be read first
		c.gone = true
		c.out.free()
		c.settleLag()
		c.settle()
	}
}

// receive reads what has come, frame by frame.
func (c *conn) receive() {
	m := c.s.m
	for range readsAtOnce {
		n, err := unix.Read(c.fd, m.in.mem[:min(c.in.Want(), maxInput)])
		if err == unix.EAGAIN || err == unix.EINTR {
			break
		}
		if err != nil || n == 0 {
			c.hungUp()
			return
		}
		m.in.used(n)
		m.reading = true
		kind, part, end, err := c.in.Take(m.in.mem[:n])
		if err == nil {
			err = c.take(kind, part, end)
		}
		if err != nil {
			c.fail(err)
		}
		if c.fd < 0 || c.paused || c.ending {
			return
		}
	}
}

// hungUp: nothing will come from the client. It may still listen.
func (c *conn) hungUp() {
	if !c.asked || c.in.Begun() || c.gone {
		c.close()
		return
	}
	c.deaf = true
	if c.talk != nil {
		c.talk.inputEnded()
	}
	c.settle()
}

// take is a part of a frame.
func (c *conn) take(kind wire.Kind, part []byte, end bool) error {
	if kind == wire.Stdin && c.talk != nil {
		c.talk.input(part)
		return nil
	}
	if !end {
		if part == nil && c.in.Left() == 0 { // of the header
			return nil
		}
		if c.body == nil {
			mem, err := mapped(len(part)+c.in.Left(), unix.MAP_PRIVATE)
			if err != nil {
				return err
			}
			c.body = mem[:0]
		}
		c.body = append(c.body, part...)
		return nil
	}
	if c.body == nil {
		return c.obey(kind, part)
	}
	body := append(c.body, part...)
	c.body = nil
	err := c.obey(kind, body)
	unmapped(body[:cap(body)])
	return err
}

// obey is a whole frame.
func (c *conn) obey(kind wire.Kind, p []byte) error {
	switch {
	case kind == wire.Hello && !c.greeted:
		return c.greet(p)
	case kind == wire.Ask && c.greeted && !c.asked:
		c.asked = true
		c.s.requests++
		c.s.collect()
		req := &c.s.req
		*req = wire.Request{}
		if err := req.Parse(p); err != nil {
			return err
		}
		err := c.s.ask(c, req)
		*req = wire.Request{}
		return err
	case kind == wire.EndStdin && c.talk != nil:
		c.talk.closeInput()
		return nil
	case kind == wire.Resize && c.talk != nil:
		size := &wire.Size{}
		if err := size.Parse(p); err != nil {
			return err
		}
		return c.talk.member.resize(size.Rows, size.Cols)
	}
	return &specs.Error{Problem: "a frame of kind 0x" + string("0123456789abcdef"[kind>>4&15]) + string("0123456789abcdef"[kind&15]) + " does not belong here",
		Hint: "first 0x01, then 0x02; others only in a conversation with a process", Kind: specs.ErrInvalid}
}

func (c *conn) greet(p []byte) error {
	g := &wire.Greeting{}
	if err := g.Parse(p); err != nil {
		return err
	}
	if g.Oldest == 0 {
		g.Oldest = g.Version
	}
	if g.Oldest > wire.Version || g.Version < wire.Version {
		e := &wire.Error{}
		e.Problem, e.Kind = "the caller speaks version "+itoa(int(g.Version)), wire.ErrVersion
		e.Hint = "this monitor speaks version " + itoa(wire.Version)
		return e
	}
	c.greeted = true
	c.message(wire.Hello, &wire.Greeting{Version: wire.Version, Program: c.s.Program})
	return nil
}

type appender interface{ Append([]byte) []byte }

// message sends one.
func (c *conn) message(kind wire.Kind, msg appender) {
	b := msg.Append(c.s.buf[:0])
	c.send(kind, b)
	if c.s.buf = b; cap(b) > page {
		c.s.buf = nil
	}
}

// answer is the end of the conversation.
func (c *conn) answer(msg appender) {
	c.message(wire.Answer, msg)
	c.end()
}

// fail is its other end.
func (c *conn) fail(err error) {
	e := &wire.Error{}
	switch err := err.(type) {
	case *wire.Error:
		e = err
	case *specs.Error:
		e.Record = *err
	default:
		e.Problem = err.Error()
	}
	c.message(wire.Failure, e)
	c.end()
}

// end closes it as soon as everything is sent.
func (c *conn) end() {
	c.ending = true
	if c.talk != nil {
		c.talk.leave()
	}
	if c.fd >= 0 && (c.out.n == 0 || c.gone) {
		c.close()
		return
	}
	c.settle()
}

// send sends a frame, or queues what the client does not take at once.
func (c *conn) send(kind wire.Kind, p []byte) {
	if c.fd < 0 || c.gone || c.ending {
		return
	}
	h := wire.Header(kind, len(p))
	done := 0
	if c.out.n == 0 {
		var e unix.Errno
		if done, e = c.transmit(h[:], p); e != 0 && e != unix.EAGAIN {
			c.lost()
			return
		}
		if done == len(h)+len(p) {
			return
		}
	}
	rest := p[max(done-len(h), 0):]
	if !c.out.put(h[min(done, len(h)):], rest) {
		// No memory, or somebody who asks for much and takes nothing.
		c.s.m.Notices.warn("a caller does not read; it is cut off")
		c.lost()
		return
	}
	c.settle()
	c.settleLag()
}

// transmit writes two pieces, as much as goes.
func (c *conn) transmit(a, b []byte) (int, unix.Errno) {
	m := c.s.m
	m.iov[0].Base = unsafe.SliceData(a)
	m.iov[0].SetLen(len(a))
	m.iov[1].Base = unsafe.SliceData(b)
	m.iov[1].SetLen(len(b))
	m.msg = unix.Msghdr{Iov: &m.iov[0]}
	m.msg.SetIovlen(2)
	for {
		n, _, e := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(c.fd), uintptr(unsafe.Pointer(&m.msg)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		switch e {
		case 0:
			return int(n), 0
		case unix.EINTR:
		default:
			return 0, e
		}
	}
}

// flush sends what is queued, as far as it goes.
func (c *conn) flush() {
	for c.out.n > 0 {
		n, e := c.transmit(c.out.front(), nil)
		if e == unix.EAGAIN {
			break
		}
		if e != 0 {
			c.lost()
			return
		}
		c.out.pop(n)
	}
	if c.out.n == 0 {
		c.out.free()
		if c.ending {
			c.close()
			return
		}
	}
	c.settleLag()
	c.settle()
}

// settleLag stops the output for a client that is behind, or lets it go on.
func (c *conn) settleLag() {
	t := c.talk
	behind := t != nil && !t.dropped && t.member.c != nil && !c.gone && !c.ending
	switch {
	case behind && !c.stalling && c.out.n >= highWater:
		c.stalling = true
		t.member.c.waitFor(1)
		if !t.block {
			c.s.m.after(&c.lag, lagPatience)
		}
	case c.stalling && (!behind || c.out.n <= lowWater):
		c.stalling = false
		c.s.m.stop(&c.lag)
		if t.member.c != nil {
			t.member.c.waitFor(-1)
		}
	}
}

// giveUp: it has been behind for too long.
func (c *conn) giveUp() {
	c.talk.dropped = true
	c.settleLag()
	c.s.m.Notices.warn("a client does not read; it gets no more output")
	st := c.talk.member.status()
	st.Event = wire.EventDropped
	c.message(wire.Event, st)
}

// lost: the client is not there any more.
func (c *conn) lost() { c.close() }

func (c *conn) close() {
	if c.fd < 0 {
		return
	}
	c.gone = true
	if t := c.talk; t != nil {
		if !c.deaf && !c.ending {
			t.inputEnded()
		}
		t.leave()
	}
	if b := c.waits; b != nil {
		b.waiters = without(b.waiters, c)
		if b.asker == c {
			b.asker = nil
		}
	}
	if c.call != nil {
		c.call.conn = nil
	}
	if b := c.sync; b != nil {
		c.sync = nil
		b.doom() // nobody can ever hear of its end
	}
	c.out.free()
	if c.body != nil {
		unmapped(c.body[:cap(c.body)])
		c.body = nil
	}
	// As with clients of the attach socket: what is unread would make the
	// end of the connection an error on the other side.
	for range readsAtOnce {
		if n, err := unix.Read(c.fd, c.s.m.in.mem); n <= 0 || err != nil {
			break
		}
	}
	c.s.m.drop(&c.watch)
	c.s.forget(c)
}
