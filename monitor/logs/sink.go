package logs

import (
	"math"
	"strconv"
	"syscall"

	specs "stave/specs/leaf"
)

// form is how records look.
type form interface {
	// stamp sets the time of the stream's next records.
	stamp(s Stream, now int64)
	// worst is the length that a record of n bytes of text cannot exceed.
	worst(n int) int
	// append formats one record, whose text is head and then text.
	append(b []byte, s Stream, t *tail, head, text []byte, full bool) []byte
	// entry reads the record at the front of b.
	entry(b []byte) entry
}

// entry is what a formatted record says of itself.
type entry struct {
	stream Stream
	full   bool
	bytes  int64 // of the container's output
	length int   // formatted
}

// place is where records go.
type place interface {
	// push writes the records of p; of the first one, torn bytes are there
	// already. It returns the length of the records that are there whole, and
	// how many bytes of the next are there and could not be taken back.
	push(p []byte, torn int) (done, left int, errno syscall.Errno)
	// waitFD is a descriptor that becomes writable when there is room; -1:
	// nothing tells.
	waitFD() int
	// gone says that the place does not exist, so that asking for it each
	// second is in vain.
	gone(errno syscall.Errno) bool
	// error is what to tell of an errno of push.
	error(errno syscall.Errno) *specs.Error
	// finish makes what was written last, if sync, and closes.
	finish(sync bool) error
}

// sink is one log driver with all that it has not yet got rid of.
type sink struct {
	form  form
	place place
	file  *file // the place, if it is one

	limit   int   // bytes of text in a record
	beyond  int   // 1: a line end right after the limit still belongs to the record
	prompt  bool  // write the start of a line when nothing more is to be read
	oneTime bool  // all records of a line have the time of the first
	global  int64 // discard when this much is in the log
	block   bool  // what to do when full

	out      []byte // formatted in this call; in the Buffer
	buf      *Buffer
	now      int64    // of the read in hand
	stamped  [2]int64 // what the form was last told
	tails    [2]tail
	holdMem  []byte
	holdUsed bool
	mid      [2]bool // the last record formatted was partial
	open     [2]bool // the last record in the log is

	why     syscall.Errno
	stuck   bool // blocked: what follows has to wait
	backlog []byte
	torn    int // bytes of the backlog that are in the log already
	queue   []chunk

	dropping bool
	lost     loss
	lostAll  loss
	tried    int64 // when room was last looked for
}

// loss counts records that are not in the log.
type loss struct {
	records, bytes int64
	since, until   int64
}

func (l *loss) add(bytes, now int64) {
	if l.records == 0 {
		l.since = now
	}
	l.until = now
	l.records++
	l.bytes += bytes
}

// write takes the bytes of one read.
func (k *sink) write(s Stream, now int64, p []byte, more, end bool) {
	if k.dropping && (now-k.tried >= second || now < k.tried) {
		k.recover(now)
	}
	k.take(chunk{stream: s, now: now, more: more, end: end, text: p})
}

const second = 1e9

// take feeds a chunk and writes what it gives; what gets stuck is queued.
func (k *sink) take(c chunk) {
	if k.stuck {
		k.enqueue(c)
		return
	}
	k.now = c.now
	k.out = k.buf.mem[:0]
	rest, ok := k.feed(c.stream, c.text, c.more, c.end)
	if !ok {
		c.text = rest
		k.enqueue(c)
		return
	}
	k.flush()
}

// put formats one record. False: the sink is stuck and the record not taken.
func (k *sink) put(s Stream, t *tail, text []byte, full bool) bool {
	head := t.held
	if !k.record(s, t, head, text, full) {
		if k.stuck {
			return false
		}
		n := int64(len(head) + len(text))
		if full {
			n++
		}
		k.lost.add(n, k.now)
		k.lostAll.add(n, k.now)
	}
	if !full && !t.cont {
		t.at = k.stamped[s]
	}
	t.held, t.cont = head[:0], !full
	return true
}

// record puts a record into the buffer, and makes room for it there and in the
// log. It fails when the sink is stuck, or drops.
func (k *sink) record(s Stream, t *tail, head, text []byte, full bool) bool {
	if k.dropping {
		return false
	}
	f := k.file
	if f != nil && f.total+int64(len(k.out)) >= k.global {
		return true // discarded, as the user asked
	}
	if cap(k.out)-len(k.out) < k.form.worst(len(head)+len(text)) && !k.flush() {
		return false
	}
	n := len(k.out)
	k.out = k.form.append(k.out, s, t, head, text, full)
	if f != nil && f.size+int64(len(k.out)) > f.max && f.size+int64(n) > 0 && !k.turn(n) {
		return false
	}
	k.mid[s] = !full
	return true
}

// turn begins a new file between the record at n, which would make the present
// one too large, and those before it.
func (k *sink) turn(n int) bool {
	last := k.out[n:]
	k.buf.touch(len(k.out))
	k.out = k.out[:n]
	if !k.flush() {
		return false
	}
	if e := k.file.makeRoom(int64(len(last))); e != 0 {
		k.fault(nil, 0, e)
		return false
	}
	k.out = append(k.out[:0], last...)
	return true
}

// flush writes what is in the buffer.
func (k *sink) flush() bool {
	p := k.out
	if len(p) == 0 {
		return true
	}
	k.buf.touch(len(p))
	k.out = p[:0]
	done, torn, e := k.place.push(p, 0)
	if e == 0 {
		k.open = k.mid
		return true
	}
	k.note(p[:done])
	k.fault(p[done:], torn, e)
	return false
}

// note remembers which streams the records p, now in the log, leave inside a line.
func (k *sink) note(p []byte) {
	for len(p) > 0 {
		e := k.form.entry(p)
		k.open[e.stream] = !e.full
		p = p[e.length:]
	}
}

// pending: somebody should call retry in a while.
func (k *sink) pending() bool {
	return k.stuck || k.dropping && !k.place.gone(k.why)
}

// slow: waiting for a reader, not for room.
func (k *sink) slow() bool { return k.why == syscall.EAGAIN }

// reopen begins a new file, and tries there what did not get through.
func (k *sink) reopen(now int64) error {
	if err := k.file.reopen(); err != nil {
		return err
	}
	if k.file.regular {
		k.torn = 0 // what is torn stays so, in the old file; here it will be whole
	}
	k.retry(now)
	return nil
}

// close ends both streams and the log.
func (k *sink) close(now int64, sync bool) error {
	k.write(Stdout, now, nil, false, true)
	k.write(Stderr, now, nil, false, true)
	if k.stuck || k.dropping {
		k.retry(now)
	}
	left := k.unwritten()
	k.lostAll.records += left.records - k.lost.records // those are in both
	k.lostAll.bytes += left.bytes - k.lost.bytes
	if err := k.place.finish(sync); left.records == 0 {
		return err
	}
	e := k.place.error(k.why)
	e.Hint = strconv.FormatInt(left.bytes, 10) + " bytes of output in " + strconv.FormatInt(left.records, 10) + " records are not in the log"
	return e
}

func (k *sink) trim() {
	if k.holdUsed && len(k.tails[Stdout].held) == 0 && len(k.tails[Stderr].held) == 0 {
		release(k.holdMem)
		k.holdUsed = false
	}
}

// limitOf makes of a size as the user gives it one that can be compared with.
func limitOf(size int64) int64 {
	if size <= 0 {
		return math.MaxInt64
	}
	return size
}
