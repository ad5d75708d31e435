package seccomp

import (
	rspec "github.com/opencontainers/runtime-spec/specs-go"
)

func knownOp(op rspec.LinuxSeccompOperator) bool {
	switch op {
	case rspec.OpNotEqual, rspec.OpLessThan, rspec.OpLessEqual, rspec.OpEqualTo,
		rspec.OpGreaterEqual, rspec.OpGreaterThan, rspec.OpMaskedEqual:
		return true
	}
	return false
}

// conditions puts the rules of one call. The first in the order of the
// configuration whose conditions all hold decides.
func (c *compiler) conditions(a *arch, from, to int) label {
	next := c.ret(c.deflt)
	for i := to - 1; i >= from; i-- {
		r := &c.rules[uint32(c.keys[i])]
		yes := c.ret(r.ret)
		for j := len(r.args) - 1; j >= 0; j-- {
			yes = c.condition(a, &r.args[j], yes, next)
		}
		next = yes
	}
	return next
}

// condition puts one comparison. BPF has 32 bits: a wide one is a comparison of
// the high words and, where they are equal, one of the low words. All are
// unsigned.
func (c *compiler) condition(a *arch, arg *rspec.LinuxSeccompArg, yes, no label) label {
	if yes == no {
		return yes
	}
	value, mask := arg.Value, ^uint64(0)
	code := uint16(opJEQ)
	switch arg.Op {
	case rspec.OpNotEqual:
		yes, no = no, yes
	case rspec.OpMaskedEqual:
		value, mask = arg.ValueTwo&arg.Value, arg.Value
	case rspec.OpGreaterThan:
		code = opJGT
	case rspec.OpLessEqual:
		code, yes, no = opJGT, no, yes
	case rspec.OpGreaterEqual:
		code = opJGE
	case rspec.OpLessThan:
		code, yes, no = opJGE, no, yes
	}
	low := offArgs + 8*uint32(arg.Index)
	high := low + 4
	if a.big {
		low, high = high, low
	}
	at := yes
	if m := uint32(mask); m != 0 {
		at = c.test(low, m, code, uint32(value), yes, no)
	}
	m, v := uint32(mask>>32), uint32(value>>32)
	switch {
	case !a.wide:
		// The caller has 32 bits. What the kernel puts above them differs
		// between architectures, so nothing there is looked at.
	case code != opJEQ:
		c.jump(opJEQ, v, at, no)
		at = c.test(high, m, opJGT, v, yes, label(len(c.prog)-1))
	case m != 0:
		at = c.test(high, m, opJEQ, v, at, no)
	}
	return at
}
