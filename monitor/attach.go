package monitor

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// attach.go: those who look at a running container. A client of the attach
// socket gets all output from when it connects, in messages of one byte that
// says which stream and up to 8192 bytes of it; what it sends is input.
//
// A client is written to without waiting. What it does not take is queued, up
// to maxQueue. Of a client whose queue is nearly full there are two kinds. One
// reads, and is only slower than the container: that waits for it, as it would
// for a terminal, for nothing may be missing at the other end of
// `podman run IMAGE cat big | consumer`. The other takes nothing any more: it is
// told so and gets no more, and has cost the container, its log and the other
// clients clientPatience, once.

const (
	maxOutput  = 8192             // bytes in a message to a client
	maxQueue   = 1 << 20          // bytes of messages that one client may be behind
	maxQueues  = 16               // clients of this process that may be behind at a time
	lowRoom    = readSize * 5 / 2 // room in a queue that is nearly full: two reads, and what messages add
	dropNotice = "\r\nstave-monitor: this client was too slow, and is cut off from here on; the log has all output\r\n"
)

// attach is the socket and its clients.
type attach struct {
	watch
	c       *Container
	path    string
	clients []*client
	taps    []tap
	paused  bool // clients are not read: the input is full
	late    bool // the container has ended: only what is queued goes out
	stall   timer
}

// clientPatience is how long a client whose queue is nearly full may take
// nothing: long enough for whoever is at the other end of a pipe to begin, and
// all that one which never reads can cost.
const clientPatience = 3 * time.Second

func (a *attach) open(c *Container) error {
	a.c, a.path, a.fd = c, c.conf.AttachPath, -1
	if a.path == "" {
		return nil
	}
	fd, err := listen(a.path, unix.SOCK_SEQPACKET, 0o700, 10)
	if err != nil {
		return err
	}
	a.fd = fd
	return c.m.add(&a.watch, unix.EPOLLIN, a)
}

// ready: somebody connects.
func (a *attach) ready(uint32) { a.accept() }

func (a *attach) accept() {
	for a.fd >= 0 {
		fd, _, err := unix.Accept4(a.fd, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		if err == unix.ECONNABORTED || err == unix.EINTR {
			continue
		}
		if err != nil {
			if err != unix.EAGAIN {
				// Out of descriptors, say. The client waits in the
				// backlog; asking again at once would only spin.
				a.c.m.Notices.warnErr(failed("accept a client", "accept4", a.path, err))
				a.c.m.remove(&a.watch)
				a.c.m.after(&a.c.retryAccept, retryLog)
			}
			return
		}
		cl := &client{watch: watch{fd: fd}, a: a, writable: true}
		a.clients = append(a.clients, cl)
		cl.settle()
	}
}

// again listens once more after an error.
func (a *attach) again() {
	if a.fd >= 0 && a.slot == 0 {
		if a.c.m.add(&a.watch, unix.EPOLLIN, a) == nil {
			a.accept()
		}
	}
}

// tap is a client that comes on another way: a conversation with a pod's monitor.
type tap interface {
	output(tag byte, p []byte) // in order; p is ours again when it returns
	listen(on bool)            // input is welcome, or has to wait
	finish()                   // that was all output, and the end is on record
}

// leave lets a tap go.
func (a *attach) leave(t tap) {
	for i, other := range a.taps {
		if other == t {
			a.taps = append(a.taps[:i], a.taps[i+1:]...)
			return
		}
	}
}

// listen turns reading from clients off or on.
func (a *attach) listen(on bool) {
	if a.paused == !on {
		return
	}
	a.paused = !on
	for i := len(a.clients) - 1; i >= 0; i-- {
		a.clients[i].settle()
	}
	for i := len(a.taps) - 1; i >= 0; i-- {
		a.taps[i].listen(on)
	}
}

// send gives output to all clients.
func (a *attach) send(tag byte, p []byte) {
	for i := len(a.clients) - 1; i >= 0; i-- {
		a.clients[i].send(tag, p)
	}
	for i := len(a.taps) - 1; i >= 0; i-- {
		a.taps[i].output(tag, p)
	}
}

// finish ends the output: nobody new, and for each client, once it has all that
// is queued for it, the end of the stream.
func (a *attach) finish() {
	a.late = true
	for i := len(a.clients) - 1; i >= 0; i-- {
		a.clients[i].flush()
	}
	for i := len(a.taps) - 1; i >= 0; i-- {
		a.taps[i].finish()
	}
}

// lagging says that somebody who may still take it has something to get.
func (a *attach) lagging() bool {
	for _, cl := range a.clients {
		if cl.writable && !cl.dropped && cl.queue.count > 0 {
			return true
		}
	}
	return false
}

// close ends it all.
func (a *attach) close() {
	for i := len(a.clients) - 1; i >= 0; i-- {
		a.clients[i].close()
	}
	if a.fd >= 0 {
		a.c.m.drop(&a.watch)
		unix.Unlink(a.path)
	}
}

// client is one connection.
type client struct {
	watch
	a        *attach
	queue    queue
	deaf     bool // it sends no more
	writable bool // it takes more
	dropped  bool // it was too slow
	awaited  bool // the container's output waits for it
	moved    bool // it has taken something out of its queue since we last looked
}

// settle puts the client into the loop for what it is wanted for.
func (cl *client) settle() {
	m := cl.a.c.m
	events := uint32(0)
	if !cl.deaf && !cl.a.paused {
		events |= unix.EPOLLIN
	}
	if cl.queue.count > 0 || cl.dropped && cl.writable {
		events |= unix.EPOLLOUT
	}
	switch {
	case cl.fd < 0:
	case events == 0 && !cl.deaf:
		// Paused. A hang-up must wait until its input has been read, and
		// epoll would not stop telling of it.
		m.remove(&cl.watch)
	case cl.slot == 0:
		if err := m.add(&cl.watch, events, cl); err != nil {
			m.Notices.warnErr(err)
			cl.close()
		}
	default:
		m.want(&cl.watch, events)
	}
}

func (cl *client) ready(events uint32) {
	if events&unix.EPOLLOUT != 0 {
		cl.flush()
	}
	switch {
	case cl.fd < 0:
	case events&unix.EPOLLIN != 0 && !cl.deaf && !cl.a.paused:
		cl.receive()
	case events&(unix.EPOLLHUP|unix.EPOLLERR) == 0:
	case cl.deaf || cl.a.late:
		cl.close()
	default: // paused
		cl.writable = false
		cl.forget()
		cl.settle()
	}
	if cl.a.late && !cl.a.lagging() {
		cl.a.c.happened(evFlushed)
	}
}

// receive takes one message. An empty one and the end of the connection look
// the same, and mean the same.
func (cl *client) receive() {
	m := cl.a.c.m
	n, err := unix.Read(cl.fd, m.in.mem[:maxInput])
	if err == unix.EAGAIN || err == unix.EINTR {
		return
	}
	if err != nil {
		n = 0
	}
	if n > 0 {
		m.in.used(n)
		m.reading = true
		if !cl.a.late {
			cl.a.c.stdin.write(m.in.mem[:n])
		}
		return
	}
	cl.deaf = true
	c := cl.a.c
	if c.conf.Stdin && !c.conf.LeaveStdinOpen && !c.conf.Terminal {
		c.stdin.finish()
	}
	if !cl.writable {
		cl.close()
		return
	}
	cl.settle() // from now on only a hang-up is heard
}

// send gives it output: at once, or into the queue.
func (cl *client) send(tag byte, p []byte) {
	if !cl.writable || cl.dropped {
		return
	}
	for len(p) > 0 {
		part := p[:min(len(p), maxOutput)]
		if cl.queue.count == 0 {
			switch e := cl.transmit(tag, part); e {
			case 0:
				p = p[len(part):]
				continue
			case unix.EAGAIN:
			default:
				cl.lost()
				return
			}
		}
		if !cl.enqueue(tag, part) {
			cl.drop()
			break
		}
		p = p[len(part):]
	}
	if !cl.dropped && !cl.awaited && cl.queue.count > 0 && cl.queue.room() < lowRoom {
		cl.await()
	}
	cl.settle()
}

// drop cuts the client off; it hears of it after what is queued for it.
func (cl *client) drop() {
	cl.dropped = true
	cl.release()
	cl.a.c.m.Notices.warn("an attached client does not read; it is cut off")
}

// await lets the container's output wait until the client has caught up.
func (cl *client) await() {
	a := cl.a
	cl.awaited, cl.moved = true, false
	a.c.waitFor(1)
	if a.stall.at == 0 {
		a.c.m.after(&a.stall, clientPatience)
	}
}

// release lets it go on.
func (cl *client) release() {
	if cl.awaited {
		cl.awaited = false
		cl.a.c.waitFor(-1)
	}
}

// look drops those who have taken nothing since the last time.
func (a *attach) look() {
	for i := len(a.clients) - 1; i >= 0; i-- {
		cl := a.clients[i]
		if !cl.awaited {
			continue
		}
		if !cl.moved {
			cl.drop()
			cl.settle()
			continue
		}
		cl.moved = false
		if a.stall.at == 0 {
			a.c.m.after(&a.stall, clientPatience)
		}
	}
}

// transmit sends one message, now or not.
func (cl *client) transmit(tag byte, p []byte) unix.Errno {
	m := cl.a.c.m
	m.tag[0] = tag
	m.iov[0].Base = &m.tag[0]
	m.iov[0].SetLen(1)
	m.iov[1].Base = unsafe.SliceData(p)
	m.iov[1].SetLen(len(p))
	m.msg = unix.Msghdr{Iov: &m.iov[0]}
	m.msg.SetIovlen(2)
	for {
		_, _, e := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(cl.fd), uintptr(unsafe.Pointer(&m.msg)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		if e != unix.EINTR {
			return e
		}
	}
}

func (cl *client) enqueue(tag byte, p []byte) bool {
	m := cl.a.c.m
	if cl.queue.mem == nil {
		if m.backlogs >= maxQueues {
			return false
		}
		mem, err := mapped(maxQueue, unix.MAP_PRIVATE)
		if err != nil {
			m.Notices.warnErr(err)
			return false
		}
		cl.queue = queue{mem: mem}
		m.backlogs++
	}
	return cl.queue.put(tag, p)
}

// flush sends what is queued, as far as it goes, and what follows then.
func (cl *client) flush() {
	for cl.queue.count > 0 {
		msg := cl.queue.front()
		switch e := cl.transmit(msg[0], msg[1:]); e {
		case 0:
			cl.queue.pop()
			cl.moved, cl.a.c.progress = true, true
			if cl.awaited && cl.queue.room() > maxQueue/2 {
				cl.release()
			}
		case unix.EAGAIN:
			cl.settle()
			return
		default:
			cl.lost()
			return
		}
	}
	cl.forget()
	switch {
	case cl.dropped && cl.writable:
		if cl.transmit(tagStderr, []byte(dropNotice)) != unix.EAGAIN {
			cl.lost()
		}
	case cl.a.late:
		cl.close()
	}
	cl.settle()
}

// lost ends the output to a client; its input stays welcome.
func (cl *client) lost() {
	cl.writable = false
	cl.forget()
	if cl.fd >= 0 {
		unix.Shutdown(cl.fd, unix.SHUT_WR)
	}
	if cl.deaf || cl.a.late {
		cl.close()
		return
	}
	cl.settle()
}

// forget gives the queue's memory back.
func (cl *client) forget() {
	cl.release()
	if cl.queue.mem != nil {
		unmapped(cl.queue.mem)
		cl.a.c.m.backlogs--
	}
	cl.queue = queue{}
}

func (cl *client) close() {
	if cl.fd < 0 {
		return
	}
	cl.forget()
	// A socket that is closed with something unread in it resets the
	// connection, and then the client loses what it has not read yet either.
	var rest [1]byte
	for range 1000 { // it may go on sending
		if queued(cl.fd) == 0 {
			break
		}
		unix.Read(cl.fd, rest[:])
	}
	cl.a.c.m.drop(&cl.watch)
	for i, other := range cl.a.clients {
		if other == cl {
			cl.a.clients = append(cl.a.clients[:i], cl.a.clients[i+1:]...)
			break
		}
	}
}

// queue is a ring of messages, each in one piece: two bytes of length, then
// the message.
type queue struct {
	mem        []byte
	head, tail int  // next to read, next to write
	wrapped    bool // tail has begun again at the start, head not yet
	end        int  // then: where the messages before the start end
	count      int
}

const queueHeader = 2

// put adds a message; false: it is full.
func (q *queue) put(tag byte, p []byte) bool {
	need := queueHeader + 1 + len(p)
	if q.count == 0 {
		q.head, q.tail, q.wrapped = 0, 0, false
	}
	switch {
	case q.wrapped && q.head-q.tail >= need:
	case q.wrapped:
		return false
	case len(q.mem)-q.tail >= need:
	case q.head >= need:
		q.end, q.tail, q.wrapped = q.tail, 0, true
	default:
		return false
	}
	m := q.mem[q.tail:]
	m[0], m[1], m[2] = byte(need-queueHeader), byte((need-queueHeader)>>8), tag
	copy(m[3:], p)
	q.tail += need
	q.count++
	return true
}

// room is how much more it holds, for certain.
func (q *queue) room() int {
	if q.wrapped {
		return q.head - q.tail
	}
	return max(0, len(q.mem)-q.tail+q.head-queueHeader-1-maxOutput) // a message stays in one piece
}

// front is the oldest message.
func (q *queue) front() []byte {
	m := q.mem[q.head:]
	return m[queueHeader : queueHeader+int(m[0])+int(m[1])<<8]
}

// pop takes it out.
func (q *queue) pop() {
	q.head += queueHeader + len(q.front())
	q.count--
	if q.wrapped && q.head == q.end {
		q.head, q.wrapped = 0, false
	}
}
