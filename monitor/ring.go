package monitor

import "golang.org/x/sys/unix"

// ring is a queue of bytes.
type ring struct {
	mem  []byte
	head int // the first byte
	n    int
}

// put adds two pieces; false: there is no room and no memory for more.
func (r *ring) put(a, b []byte) bool {
	if need := r.n + len(a) + len(b); need > len(r.mem) && !r.grow(need) {
		return false
	}
	for _, p := range [2][]byte{a, b} {
		at := r.head + r.n
		if at >= len(r.mem) {
			at -= len(r.mem)
		}
		k := copy(r.mem[at:], p)
		copy(r.mem, p[k:])
		r.n += len(p)
	}
	return true
}

func (r *ring) grow(need int) bool {
	size := max(queueSize, len(r.mem))
	for size < need {
		size *= 2
	}
	if size > queueMax {
		return false
	}
	mem, err := mapped(size, unix.MAP_PRIVATE)
	if err != nil {
		return false
	}
	k := copy(mem, r.front())
	copy(mem[k:], r.mem[:r.n-k])
	unmapped(r.mem)
	r.mem, r.head = mem, 0
	return true
}

// front is what comes next, in one piece.
func (r *ring) front() []byte { return r.mem[r.head:min(r.head+r.n, len(r.mem))] }

func (r *ring) pop(n int) {
	r.n -= n
	if r.head += n; r.head >= len(r.mem) {
		r.head -= len(r.mem)
	}
}

func (r *ring) free() {
	unmapped(r.mem)
	*r = ring{}
}
