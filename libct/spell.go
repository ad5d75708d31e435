package libct

import (
	"encoding/binary"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Spelling: an operation as a learner reads it, close to what strace(1)
// prints, with registers where a number is known only when the plan runs.

// Spell writes one operation as text.
func (p *Plan) Spell(o *Op) string {
	switch o.NR {
	case opPoke:
		return "(put " + p.reg(o.A[1]) + " into the structure of the next call)"
	case opShow:
		return "(tell the parent the number of " + p.reg(o.A[1]) + ")"
	case opFail:
		return "(none of them: fail)"
	case opMove:
		return ""
	}
	s := lookupSyscall(o.NR)
	if s == nil {
		return "syscall_" + strconv.Itoa(int(o.NR)) + "(...)"
	}
	var b strings.Builder
	b.WriteString(s.name)
	b.WriteByte('(')
	count := len(s.args)
	if o.NR == unix.SYS_OPENAT && o.A[2]&unix.O_CREAT == 0 {
		count-- // no mode without O_CREAT
	}
	for i := 0; i < count; i++ {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(p.argument(o, s, i))
	}
	b.WriteByte(')')
	if o.Dst != 0 {
		b.WriteString(" = " + p.reg(uint64(o.Dst)))
	}
	for _, r := range o.Rules {
		b.WriteString(ruleText(r))
	}
	return b.String()
}

// ruleText says what a result other than success leads to.
func ruleText(r Rule) string {
	what := "go on"
	if r.Skip > 0 {
		what = "skip " + strconv.Itoa(int(r.Skip))
	}
	switch r.Errno {
	case 0:
		return ""
	case ruleOK:
		return "; done: " + what
	case ruleAny:
		return "; any error: " + what
	}
	return "; " + unix.ErrnoName(unix.Errno(r.Errno)) + ": " + what
}

func (p *Plan) reg(r uint64) string {
	if name, ok := p.names[Reg(r)]; ok {
		return "$" + name
	}
	return "$" + strconv.FormatUint(r, 10)
}

func (p *Plan) argument(o *Op, s *syscallInfo, i int) string {
	v := o.A[i]
	switch o.Kind[i] {
	case argReg:
		return p.reg(v)
	case argShared:
		return "&page"
	}
	switch kind := s.args[i]; {
	case kind == 's' && o.Kind[i] == argData:
		return strconv.Quote(p.cString(v))
	case kind == 'v' && o.Kind[i] == argData:
		return p.strings(v)
	case kind == 'p' && o.Kind[i] == argData:
		return p.structure(o, i)
	case o.Kind[i] == argData:
		return "&buffer"
	case (kind == 'p' || kind == 's' || kind == 'b') && v == 0:
		return "NULL"
	case kind == 'p' && o.NR == unix.SYS_IOCTL && o.A[1] == unix.TIOCGPTPEER:
		return bits(openFlags, v)
	case kind == 'o':
		return "0" + strconv.FormatUint(v, 8)
	case kind == 'D':
		return strconv.Itoa(int(unix.Major(v))) + ":" + strconv.Itoa(int(unix.Minor(v)))
	case kind == 'f' && int64(v) == unix.AT_FDCWD:
		return "AT_FDCWD"
	case kind == 'x':
		return flagText(o.NR, i, v)
	}
	return strconv.FormatInt(int64(v), 10)
}

// strings reads an argv or envp. Its slots hold data offsets: a plan that has
// been loaded into a machine can no longer be spelled.
func (p *Plan) strings(off uint64) string {
	var out []string
	for ; ; off += 8 {
		o := p.word(off)
		if o == 0 {
			return "[" + strings.Join(out, ", ") + "]"
		}
		if len(out) == 8 {
			return "[" + strings.Join(out, ", ") + ", ...]"
		}
		out = append(out, strconv.Quote(p.cString(o)))
	}
}

func (p *Plan) word(off uint64) uint64 { return binary.NativeEndian.Uint64(p.data[off:]) }

// structure spells the structures that plans use most.
func (p *Plan) structure(o *Op, i int) string {
	at := o.A[i]
	hex := func(v uint64) string { return "0x" + strconv.FormatUint(v, 16) }
	switch o.NR {
	case unix.SYS_OPENAT2:
		return "{flags=" + bits(openFlags, p.word(at)) + ", resolve=" + bits(resolveFlags, p.word(at+16)) + "}"
	case unix.SYS_MOUNT_SETATTR:
		s := "{attr_set=" + bits(attrFlags, p.word(at)) + ", attr_clr=" + bits(attrFlags, p.word(at+8))
		if prop := p.word(at + 16); prop != 0 {
			s += ", propagation=" + bits(propagationFlags, prop)
		}
		return s + "}"
	case unix.SYS_CLONE3:
		return "{flags=" + cloneFlagNames(p.word(at)) + "}"
	case unix.SYS_PRLIMIT64:
		return "{cur=" + limit(p.word(at)) + ", max=" + limit(p.word(at+8)) + "}"
	case unix.SYS_CAPSET:
		if i == 0 {
			return "{_LINUX_CAPABILITY_VERSION_3}"
		}
		a, b, c := p.word(at), p.word(at+8), p.word(at+16)
		const lo = 0xffffffff
		return "{effective=" + hex(a&lo|b>>32<<32) + ", permitted=" + hex(a>>32|c&lo<<32) + ", inheritable=" + hex(b&lo|c>>32<<32) + "}"
	case unix.SYS_SETGROUPS:
		var list []string
		for j := uint64(0); j < o.A[0] && j < 16; j++ {
			list = append(list, strconv.Itoa(int(binary.NativeEndian.Uint32(p.data[at+4*j:]))))
		}
		return "[" + strings.Join(list, ", ") + "]"
	case unix.SYS_SECCOMP:
		return "{len=" + strconv.FormatUint(p.word(at), 10) + "}"
	}
	return "{...}"
}

func limit(v uint64) string {
	if v == unix.RLIM_INFINITY {
		return "RLIM64_INFINITY"
	}
	return strconv.FormatUint(v, 10)
}
