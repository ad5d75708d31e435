package logs

import "bytes"

// tail is the end of what a stream has given so far.
type tail struct {
	held []byte // the start of a piece whose end has not been read; memory of the sink
	cont bool   // the line's first piece has gone out as a partial record
	at   int64  // the time of that record
}

// chunk is one Write, or End, that a blocked sink could not take.
type chunk struct {
	stream Stream
	now    int64
	more   bool
	end    bool
	text   []byte
}

// feed cuts p, which follows what the stream has given before, into records.
// When the sink gets stuck it returns what is left, and false.
func (k *sink) feed(s Stream, p []byte, more, end bool) ([]byte, bool) {
	t := &k.tails[s]
	for len(p) > 0 {
		k.stamp(s, t)
		room := k.limit - len(t.held)
		window := room + k.beyond
		if window > len(p) {
			window = len(p)
		}
		if i := bytes.IndexByte(p[:window], '\n'); i >= 0 {
			if !k.put(s, t, p[:i], true) {
				return p, false
			}
			p = p[i+1:]
			continue
		}
		if window == room+k.beyond { // the line is longer than a record
			if !k.put(s, t, p[:room], false) {
				return p, false
			}
			p = p[room:]
			continue
		}
		if (more || !k.prompt) && k.hold(s, p) {
			break
		}
		if !k.put(s, t, p, false) {
			return p, false
		}
		break
	}
	if len(t.held) > 0 && (end || k.prompt && !more) {
		if t.cont {
			k.stamp(s, t)
		}
		return nil, k.put(s, t, nil, false)
	}
	return nil, true
}

// stamp makes the time of the next record of the stream that of the read, or,
// where the format wants it so, that of the line's first record.
func (k *sink) stamp(s Stream, t *tail) {
	at := k.now
	if t.cont && k.oneTime {
		at = t.at
	}
	if at != k.stamped[s] {
		k.stamped[s] = at
		k.form.stamp(s, at)
	}
}

// hold keeps p until more of the line has been read. It fails only without
// memory, and then the caller has to write p as it is.
func (k *sink) hold(s Stream, p []byte) bool {
	if k.holdMem == nil {
		mem, err := mapped(2 * k.limit)
		if err != nil {
			return false
		}
		k.holdMem = mem
		for i := range k.tails {
			k.tails[i].held = mem[i*k.limit : i*k.limit : (i+1)*k.limit]
		}
	}
	k.tails[s].held = append(k.tails[s].held, p...) // fits: p is shorter than the record's room
	k.holdUsed = true
	return true
}

// enqueue keeps a chunk for the time when the sink is no longer blocked.
func (k *sink) enqueue(c chunk) {
	c.text = append([]byte(nil), c.text...)
	k.queue = append(k.queue, c)
}
