package libct

import "encoding/binary"

// An Op is one raw system call of the plan. Its arguments are constants,
// registers that hold earlier results, or offsets into the plan's data; there
// are no pointers, so a plan can be built, compared, printed and stored
// without a process to run it in.
type Op struct {
	NR    uint16  // system call number on this architecture, or one of the pseudo-operations
	Dst   Reg     // register that receives the result; none: it is dropped
	Flags opFlags //
	Want  int16   // with opWant: the one good result, such as the bytes of a write
	Kind  [6]argKind
	Rules [2]Rule // what to do with errors, in order; an error without a rule fails the step
	A     [6]uint64
}

// Reg names a register. Register 0 always holds 0 and is never written.
type Reg uint16

type argKind uint8

const (
	argInt    argKind = iota // the value itself
	argReg                   // the content of register A
	argData                  // the address of the plan's data at offset A
	argShared                // the address of the page shared with the parent at offset A
)

type opFlags uint8

const (
	opWant  opFlags = 1 << iota // the result must be Want, anything else is EPIPE: the peer is gone
	opFork                      // clone3: the calling side publishes the new pid and exits, the new process goes on
	opLog                       // on failure, read the messages of the filesystem context in A[0]
	opRetry                     // EAGAIN and EINTR are tried again: openat2(2) under a concurrent rename
	opKeep                      // an errno is remembered and execution goes on: one of several candidates for execve(2)
)

// A Rule says what one errno means here: go on, Skip operations further.
// Jumps lead only forward, so every plan ends.
type Rule struct {
	Errno uint16 // 0: the rule is unused; ruleOK: the call succeeded; ruleAny: any error
	Skip  uint16
}

const (
	ruleOK  = 0xfffe
	ruleAny = 0xffff
)

// Pseudo-operations: work of the machine itself, no system call.
const (
	opPoke = 0xff00 + iota // store A[1] as 32 bits in the data at A[0]
	opMove                 // Dst = A[0]
	opFail                 // fail with the errno that opKeep remembered
	opShow                 // store A[1] in the shared page at slot A[0]
)

func (o *Op) pseudo() bool { return o.NR >= opPoke }

// program collects the operations of a plan and the data that they point to.
type program struct {
	data   []byte
	relocs []int // offsets in data of 64-bit slots that hold another data offset
	regs   int
	strs   map[string]uint64
	names  map[Reg]string // what explain calls a register
}

// arg is an argument on its way into an Op.
type arg struct {
	kind argKind
	val  uint64
}

func n(v int) arg        { return arg{argInt, uint64(v)} }
func u(v uint64) arg     { return arg{argInt, v} }
func at(off uint64) arg  { return arg{argData, off} }
func shr(off uint64) arg { return arg{argShared, off} }
func (r Reg) arg() arg   { return arg{argReg, uint64(r)} }

// name gives a register a name for readers.
func (p *program) name(r Reg, name string) Reg {
	if p.names == nil {
		p.names = make(map[Reg]string, 8)
	}
	p.names[r] = name
	return r
}

// newReg hands out a register that keeps its value to the end of the plan.
func (p *program) newReg() Reg {
	p.regs++
	return Reg(p.regs)
}

// bytes places b in the data, aligned for any kernel structure.
func (p *program) bytes(b []byte) uint64 {
	for len(p.data)%8 != 0 {
		p.data = append(p.data, 0)
	}
	off := uint64(len(p.data))
	p.data = append(p.data, b...)
	return off
}

// str places a C string; equal strings are placed once.
func (p *program) str(s string) arg {
	if off, ok := p.strs[s]; ok {
		return at(off)
	}
	off := uint64(len(p.data))
	p.data = append(p.data, s...)
	p.data = append(p.data, 0)
	p.strs[s] = off
	return at(off)
}

// words places 64-bit integers: most structures of newer system calls are
// nothing else (open_how, mount_attr, clone_args).
func (p *program) words(w ...uint64) arg {
	var b [16 * 8]byte
	for i, v := range w {
		binary.NativeEndian.PutUint64(b[8*i:], v)
	}
	return at(p.bytes(b[:8*len(w)]))
}

// pointers places an array of pointers to strings that ends with NULL: the
// argv and envp of execve(2).
func (p *program) pointers(list []string) arg {
	offs := make([]uint64, len(list))
	for i, s := range list {
		offs[i] = p.str(s).val
	}
	return p.pointerArray(offs)
}

func (p *program) pointerArray(offs []uint64) arg {
	b := make([]byte, 8*(len(offs)+1))
	for i, o := range offs {
		binary.NativeEndian.PutUint64(b[8*i:], o)
	}
	off := p.bytes(b)
	for i := range offs {
		p.relocs = append(p.relocs, int(off)+8*i)
	}
	return at(off)
}

// cString reads back a string of the data, for explain and for errors.
func (p *program) cString(off uint64) string {
	for i := off; i < uint64(len(p.data)); i++ {
		if p.data[i] == 0 {
			return string(p.data[off:i])
		}
	}
	return ""
}
