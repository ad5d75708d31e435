package logs

import "bytes"

// cri is the format of the container runtime interface:
//
//	2026-11-21T16:17:13.123456789+00:00 stdout F text
//
// F: the record ends its line, P: it does not. Times are local, with a numeric
// offset, as conmon writes them.
type cri struct {
	clock  clock
	prefix [2][criPrefix]byte
}

const (
	criPrefix = stampLen + len(" stdout F ")
	criStream = stampLen + len(" std") // where the o or e of out and err is
	criTag    = criPrefix - 2
	criText   = 8192
)

func newCRI() *cri {
	c := &cri{}
	copy(c.prefix[Stdout][stampLen:], " stdout F ")
	copy(c.prefix[Stderr][stampLen:], " stderr F ")
	return c
}

func (c *cri) stamp(s Stream, now int64) { copy(c.prefix[s][:], c.clock.at(now)[:]) }

func (c *cri) worst(n int) int { return criPrefix + n + 1 }

func (c *cri) append(b []byte, s Stream, _ *tail, head, text []byte, full bool) []byte {
	n := len(b)
	b = append(b, c.prefix[s][:]...)
	if !full {
		b[n+criTag] = 'P'
	}
	if len(head) > 0 {
		b = append(b, head...)
	}
	b = append(b, text...)
	return append(b, '\n')
}

func (c *cri) entry(b []byte) entry {
	e := entry{length: bytes.IndexByte(b, '\n') + 1, full: b[criTag] == 'F'}
	if b[criStream] == 'e' {
		e.stream = Stderr
	}
	e.bytes = int64(e.length - criPrefix - 1)
	if e.full {
		e.bytes++
	}
	return e
}
