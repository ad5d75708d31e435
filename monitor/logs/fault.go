package logs

// What happens when a log cannot be written: write(2) gives ENOSPC, EDQUOT,
// EIO, EROFS or EFBIG, the journal is not there, or a reader is slow.

import (
	"strconv"
	"syscall"

	specs "stave/specs/leaf"
)

// fault decides what becomes of the records p that did not get through; torn
// bytes of the first are in the log. A place that is only slow (EAGAIN) is
// waited for whatever the policy: its reader lives and will take everything.
func (k *sink) fault(p []byte, torn int, why syscall.Errno) {
	k.why = why
	if k.block || why == syscall.EAGAIN {
		k.stuck = true
		k.backlog, k.torn = append([]byte(nil), p...), torn
		return
	}
	k.dropping, k.tried = true, k.now
	k.backlog, k.torn = nil, torn
	if torn > 0 { // it cannot be taken back, so it has to become whole
		n := k.form.entry(p).length
		k.backlog = append([]byte(nil), p[:n]...)
		p = p[n:]
	}
	for len(p) > 0 {
		e := k.form.entry(p)
		k.lost.add(e.bytes, k.now)
		k.lostAll.add(e.bytes, k.now)
		p = p[e.length:]
	}
}

// retry writes what is stuck, or, where records are being dropped, looks
// whether there is room again.
func (k *sink) retry(now int64) {
	if k.stuck {
		p, torn := k.backlog, k.torn
		k.stuck, k.backlog, k.torn = false, nil, 0
		done, torn, e := k.place.push(p, torn)
		if e == 0 {
			if len(p) > 0 {
				k.open = k.mid
			}
		} else {
			k.note(p[:done])
			k.fault(p[done:], torn, e)
		}
		queue := k.queue
		k.queue = nil
		for _, c := range queue {
			k.take(c) // queues it again if stuck
		}
	}
	if k.dropping {
		k.recover(now)
	}
}

// recover ends the dropping if there is room again: for the rest of a record
// that was begun, for the ends of lines that were begun, and for the one
// record that tells of the loss.
func (k *sink) recover(now int64) {
	k.tried = now
	if len(k.backlog) > 0 {
		_, torn, e := k.place.push(k.backlog, k.torn)
		if e != 0 {
			k.torn, k.why = torn, e
			return
		}
		k.note(k.backlog)
		k.backlog, k.torn = nil, 0
	}
	if k.lost.records == 0 || k.file != nil && k.file.total >= k.global {
		k.resume()
		return
	}
	out := k.buf.mem[:0]
	var none tail
	for s, open := range k.open {
		k.form.stamp(Stream(s), now)
		k.stamped[s] = now
		if open {
			out = k.form.append(out, Stream(s), &none, nil, nil, true)
		}
	}
	notice := len(out)
	out = k.form.append(out, Stderr, &none, nil, k.lost.text(k.why), true)
	k.buf.touch(len(out))
	if f := k.file; f != nil && f.size > 0 && f.size+int64(len(out)) > f.max {
		if e := f.makeRoom(int64(len(out))); e != 0 {
			k.why = e
			return
		}
	}
	done, torn, e := k.place.push(out, 0)
	k.note(out[:done])
	if e == 0 {
		k.resume()
		return
	}
	if torn > 0 {
		if done == notice {
			k.lost = loss{} // told, once the rest of it is written
		}
		rest := out[done:]
		k.backlog, k.torn = append([]byte(nil), rest[:k.form.entry(rest).length]...), torn
	}
}

// resume ends the dropping. The log is between lines now.
func (k *sink) resume() {
	k.dropping, k.lost, k.mid, k.open = false, loss{}, [2]bool{}, [2]bool{}
}

// text is what the log says of the loss.
func (l *loss) text(why syscall.Errno) []byte {
	var c clock
	b := append(make([]byte, 0, 256), "stave-monitor: "...)
	b = strconv.AppendInt(b, l.bytes, 10)
	b = append(b, " bytes in "...)
	b = strconv.AppendInt(b, l.records, 10)
	b = append(b, " records were dropped between "...)
	b = append(b, c.at(l.since)[:]...)
	b = append(b, " and "...)
	b = append(b, c.at(l.until)[:]...)
	b = append(b, ": "...)
	b = append(b, specs.ErrnoName(why)...)
	b = append(b, " ("...)
	b = append(b, why.Error()...)
	return append(b, ')')
}

// unwritten is what would be lost if the sink were closed now; of what has not
// been cut into records, a read counts as one.
func (k *sink) unwritten() loss {
	l := k.lost
	for p := k.backlog; len(p) > 0; {
		e := k.form.entry(p)
		l.add(e.bytes, k.now)
		p = p[e.length:]
	}
	for _, c := range k.queue {
		if len(c.text) > 0 {
			l.add(int64(len(c.text)), c.now)
		}
	}
	if k.stuck {
		for _, t := range k.tails {
			if len(t.held) > 0 {
				l.add(int64(len(t.held)), k.now)
			}
		}
	}
	return l
}
