package seccomp

import (
	"slices"

	"golang.org/x/sys/unix"
)

// A segment is a run of numbers, up to the next segment, that have one fate:
// the value ret, or the rules of keys[from:to] and then the default.
type segment struct {
	start    uint64
	ret      uint32
	from, to int32
	arch     *arch
}

func (s *segment) same(t *segment) bool {
	return s.from == s.to && t.from == t.to && s.ret == t.ret
}

// program puts everything, the last first: the sections of the architectures,
// then the jumps to them.
func (c *compiler) program() {
	type section struct {
		audit uint32
		at    label
	}
	var sections []section
	for _, a := range c.archs {
		if slices.ContainsFunc(sections, func(s section) bool { return s.audit == a.audit }) {
			continue // x32, or amd64 after x32: they are one section
		}
		sections = append(sections, section{a.audit, c.section(a)})
	}
	next := c.ret(retBad)
	for i := len(sections) - 1; i >= 0; i-- {
		next = c.jump(opJEQ, sections[i].audit, sections[i].at, next)
	}
	c.put(opLoad, offArch)
}

// section puts the search for the number of a call.
func (c *compiler) section(a *arch) label {
	c.keys, c.segs = c.keys[:0], c.segs[:0]
	if a.audit != auditX86 {
		c.numbers(a, 1<<32)
	} else {
		c.numbersX86()
	}
	c.first(c.search(0, len(c.segs)))
	return c.put(opLoad, offNumber)
}

// numbersX86 is for the two that share a value of seccomp_data.arch. Numbers
// with the bit of x32 are, where that is not wanted, of a foreign architecture:
// without this a rule for a number would not see the same call by its other
// number. The number -1 is no call of either; it gets the default, as
// libseccomp has it.
func (c *compiler) numbersX86() {
	amd64, x32 := archByName("SCMP_ARCH_X86_64"), archByName("SCMP_ARCH_X32")
	if slices.Contains(c.archs, amd64) {
		c.numbers(amd64, x32Bit)
	} else {
		c.add(segment{start: 0, ret: retBad})
	}
	if slices.Contains(c.archs, x32) {
		c.numbers(x32, 1<<32)
	} else {
		c.add(segment{start: x32Bit, ret: retBad})
		c.add(segment{start: noCall, ret: c.deflt})
	}
}

func (c *compiler) add(s segment) {
	if n := len(c.segs); n == 0 || !c.segs[n-1].same(&s) {
		c.segs = append(c.segs, s)
	}
}

// numbers appends the segments of one architecture, which go up to end.
func (c *compiler) numbers(a *arch, end uint64) {
	first := len(c.keys)
	last, any := uint64(0), false
	for _, u := range c.uses {
		nr, ok := a.number(int(u.name))
		if !ok {
			continue
		}
		if nr < privateCalls || a.low > 0 {
			last, any = max(last, uint64(nr)), true
		}
		for r := u.from; r < u.to; r++ {
			c.keys = append(c.keys, uint64(nr)<<32|uint64(r))
		}
	}
	c.throughGateways(a)
	slices.Sort(c.keys[first:])

	newer := end // from here on the profile does not know the calls
	if any && refuses(c.deflt) {
		newer = last + 1
	}
	at := uint64(a.low)
	fill := func(to uint64) {
		if at < min(to, newer) {
			c.add(segment{start: at, ret: c.deflt})
		}
		if max(at, newer) < to {
			c.add(segment{start: max(at, newer), ret: retENOSYS})
		}
	}
	for i := first; i < len(c.keys); {
		nr, from := c.keys[i]>>32, i
		for i < len(c.keys) && c.keys[i]>>32 == nr {
			i++
		}
		fill(nr)
		c.add(c.fate(a, nr, from, i))
		at = nr + 1
	}
	fill(end)
	if newer < end && (a.audit == auditS390 || a.audit == auditS390X) {
		c.setup()
	}
}

// setup makes number 0 of s390 a call that does not exist. Numbers above 255 get
// into the kernel as 0 with the number in a register, and one that the kernel
// does not know stays 0; the call setup(2) of that number is long gone.
func (c *compiler) setup() {
	rest := c.segs[0]
	c.segs[0] = segment{start: 0, ret: retENOSYS}
	if len(c.segs) == 1 || c.segs[1].start > 1 {
		rest.start = 1
		c.segs = slices.Insert(c.segs, 1, rest)
	}
}

// refuses tells whether a default would make a call that the profile cannot
// know look forbidden. A C library tries new calls and falls back to old ones
// on ENOSYS only: to refuse them with EPERM breaks programs that are newer
// than the profile. A tracer can say ENOSYS itself.
func refuses(ret uint32) bool {
	switch ret & unix.SECCOMP_RET_ACTION_FULL {
	case unix.SECCOMP_RET_ALLOW, unix.SECCOMP_RET_LOG, unix.SECCOMP_RET_TRACE:
		return false
	}
	return true
}

// fate is the segment of one number with rules: an unconditional rule wins over
// those with conditions, as in libseccomp, wherever it stands.
func (c *compiler) fate(a *arch, nr uint64, from, to int) segment {
	for _, k := range c.keys[from:to] {
		if r := &c.rules[uint32(k)]; len(r.args) == 0 {
			return segment{start: nr, ret: r.ret}
		}
	}
	return segment{start: nr, from: int32(from), to: int32(to), arch: a}
}

// search puts a binary search over segments.
func (c *compiler) search(lo, hi int) label {
	segs := c.segs[lo:hi]
	switch {
	case len(segs) == 1 && segs[0].from == segs[0].to:
		return c.ret(segs[0].ret)
	case len(segs) == 1:
		return c.conditions(segs[0].arch, int(segs[0].from), int(segs[0].to))
	case len(segs) == 3 && segs[0].same(&segs[2]) && segs[2].start == segs[1].start+1:
		// One number among others: one comparison instead of two.
		yes := c.search(lo+1, lo+2)
		return c.jump(opJEQ, uint32(segs[1].start), yes, c.ret(segs[0].ret))
	}
	mid := lo + len(segs)/2
	yes := c.search(mid, hi)
	return c.jump(opJGE, uint32(c.segs[mid].start), yes, c.search(lo, mid))
}
