package monitor

import (
	"time"

	"golang.org/x/sys/unix"
)

// loop.go: the one place where the monitor sleeps. epoll(7), level-triggered,
// on the one goroutine that all of this package runs on: no handler needs a lock,
// and none may block.

// A handler is told that its descriptor is ready; events are those of
// epoll_ctl(2), of which EPOLLERR and EPOLLHUP come unasked.
type handler interface{ ready(events uint32) }

// A watch is one descriptor in the loop. Its zero value with fd set is one
// that has not been added.
type watch struct {
	fd     int
	slot   int // index into loop.slots, plus one; 0: not in the loop
	events uint32
}

type slot struct {
	h   handler
	gen uint32 // tells a late event of a closed descriptor from its successor's
}

// A timer calls fire once its time has come. It costs nothing while it is off,
// and needs no descriptor: the next one due bounds the wait in epoll.
type timer struct {
	at   time.Duration // on the loop's clock; 0: off
	fire func()
	in   bool
}

// loop owns the epoll descriptor.
type loop struct {
	epoll  int
	slots  []slot
	free   []int
	timers []*timer
	base   time.Time
	events [64]unix.EpollEvent
	closed bool
}

func (l *loop) open() (err error) {
	l.base = time.Now()
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return failed("open the loop", "epoll_create1", "", err)
	}
	return nil
}

// clock is CLOCK_MONOTONIC: a clock that is set does not touch it, and it
// stands still while the machine sleeps, like the containers themselves.
// Counted from a second before the loop's birth, so that 0 is never a time.
func (l *loop) clock() time.Duration { return time.Since(l.base) + time.Second }

// add puts w.fd into the loop.
func (l *loop) add(w *watch, events uint32, h handler) error {
	var n int
	if last := len(l.free) - 1; last >= 0 {
		n, l.free = l.free[last], l.free[:last]
	} else {
		n = len(l.slots)
		l.slots = append(l.slots, slot{})
	}
	s := &l.slots[n]
	s.h = h
	w.slot, w.events = n+1, events
	ev := unix.EpollEvent{Events: events, Fd: int32(n), Pad: int32(s.gen)}
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, w.fd, &ev); err != nil {
		l.release(w)
		return failed("watch a descriptor", "epoll_ctl", "", err)
	}
	return nil
}

// want changes the events that a watch waits for.
func (l *loop) want(w *watch, events uint32) {
	if w.slot == 0 || w.events == events {
		return
	}
	w.events = events
	ev := unix.EpollEvent{Events: events, Fd: int32(w.slot - 1), Pad: int32(l.slots[w.slot-1].gen)}
	unix.EpollCtl(l.epoll, unix.EPOLL_CTL_MOD, w.fd, &ev)
}

// remove takes a watch out of the loop and leaves its descriptor open.
func (l *loop) remove(w *watch) {
	if w.slot == 0 {
		return
	}
	unix.EpollCtl(l.epoll, unix.EPOLL_CTL_DEL, w.fd, nil)
	l.release(w)
}

func (l *loop) release(w *watch) {
	s := &l.slots[w.slot-1]
	s.h = nil
	s.gen++
	l.free = append(l.free, w.slot-1)
	w.slot = 0
}

// drop takes a watch out of the loop and closes its descriptor.
func (l *loop) drop(w *watch) {
	l.remove(w)
	if w.fd >= 0 {
		unix.Close(w.fd)
	}
	w.fd = -1
}

// after sets a timer, anew if it was set already.
func (l *loop) after(t *timer, d time.Duration) {
	t.at = l.clock() + max(d, 0)
	if !t.in {
		t.in = true
		l.timers = append(l.timers, t)
	}
}

// stop turns a timer off.
func (l *loop) stop(t *timer) { t.at = 0 }

// next gives the milliseconds until the next timer, -1 if none is set.
func (l *loop) next() int {
	first := time.Duration(0)
	kept := l.timers[:0]
	for _, t := range l.timers {
		if t.at == 0 {
			t.in = false
			continue
		}
		kept = append(kept, t)
		if first == 0 || t.at < first {
			first = t.at
		}
	}
	l.timers = kept
	if first == 0 {
		return -1
	}
	// Rounded up: waking too early would turn the last millisecond into a spin.
	return int(max(first-l.clock(), 0)+time.Millisecond-1) / int(time.Millisecond)
}

// due calls the timers whose time has come.
func (l *loop) due() {
	if len(l.timers) == 0 {
		return
	}
	now := l.clock()
	for i := 0; i < len(l.timers); i++ {
		if t := l.timers[i]; t.at != 0 && t.at <= now {
			t.at = 0
			t.fire()
		}
	}
}

// idlePatience is how long the loop's memory stays warm after the last event.
const idlePatience = time.Second

// run waits and calls handlers until the loop is ended. rest is called once
// nothing has happened for idlePatience, if it says so by warm.
func (l *loop) run(warm func() bool, rest func()) {
	for !l.closed {
		wait, cooling := l.next(), false
		if warm() && (wait < 0 || wait > int(idlePatience/time.Millisecond)) {
			wait, cooling = int(idlePatience/time.Millisecond), true
		}
		n, err := unix.EpollWait(l.epoll, l.events[:], wait)
		if err != nil {
			n = 0 // EINTR: a signal of the Go runtime's own
		} else if n == 0 && cooling {
			rest()
		}
		for i := 0; i < n && !l.closed; i++ {
			ev := &l.events[i]
			if s := &l.slots[ev.Fd]; s.h != nil && s.gen == uint32(ev.Pad) {
				s.h.ready(ev.Events)
			}
		}
		l.due()
	}
}

// end makes run return after the handler that runs now.
func (l *loop) end() { l.closed = true }
