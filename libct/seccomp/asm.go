package seccomp

import (
	"golang.org/x/sys/unix"
)

// The instructions that are in use. Every word of struct seccomp_data is loaded
// by its offset: number 0, arch 4, instruction pointer 8, arguments from 16.
const (
	opLoad = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	opAnd  = unix.BPF_ALU | unix.BPF_AND | unix.BPF_K
	opRet  = unix.BPF_RET | unix.BPF_K
	opJA   = unix.BPF_JMP | unix.BPF_JA
	opJEQ  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	opJGT  = unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K
	opJGE  = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K

	offNumber, offArch, offArgs = 0, 4, 16
)

type insn struct {
	code   uint16
	jt, jf uint8
	k      uint32
}

// A label is an instruction's index in asm.prog.
type label int

// asm is a program in the making, the last instruction first: BPF jumps only
// forwards, so whatever a jump can lead to is there before it and has a known
// distance.
type asm struct {
	prog []insn
	rets []retAt
}

type retAt struct {
	k  uint32
	at label
}

// put prepends an instruction that continues with the one put before it.
func (a *asm) put(code uint16, k uint32) label {
	a.prog = append(a.prog, insn{code: code, k: k})
	return label(len(a.prog) - 1)
}

// ret is an instruction that returns k: the last one if a jump can still reach
// it, else a new one.
func (a *asm) ret(k uint32) label {
	for i := range a.rets {
		if a.rets[i].k == k {
			if !a.near(a.rets[i].at) {
				a.rets[i].at = a.put(opRet, k)
			}
			return a.rets[i].at
		}
	}
	at := a.put(opRet, k)
	a.rets = append(a.rets, retAt{k, at})
	return at
}

// near tells whether a conditional jump, put after up to four other
// instructions, reaches a label: it can skip 255.
func (a *asm) near(to label) bool { return len(a.prog)+4-int(to)-1 <= 255 }

// within is a label that leads to another and is near.
func (a *asm) within(to label) label {
	if a.near(to) {
		return to
	}
	return a.put(opJA, uint32(len(a.prog)-int(to)-1))
}

// jump prepends a conditional jump.
func (a *asm) jump(code uint16, k uint32, yes, no label) label {
	if yes == no {
		return yes
	}
	yes, no = a.within(yes), a.within(no)
	at := len(a.prog)
	a.prog = append(a.prog, insn{code, uint8(at - int(yes) - 1), uint8(at - int(no) - 1), k})
	return label(at)
}

// test prepends the load of a word, a mask unless that is all ones, and a jump.
func (a *asm) test(offset, mask uint32, code uint16, k uint32, yes, no label) label {
	if yes == no {
		return yes
	}
	a.jump(code, k, yes, no)
	if mask != 0xffffffff {
		a.put(opAnd, mask)
	}
	return a.put(opLoad, offset)
}

// first makes a label the beginning of what is put next.
func (a *asm) first(to label) {
	if distance := len(a.prog) - int(to) - 1; distance > 0 {
		a.put(opJA, uint32(distance))
	}
}

// bytes is the program in its right order, as an array of struct sock_filter.
func (a *asm) bytes(big bool) []byte {
	out := make([]byte, 0, 8*len(a.prog))
	for i := len(a.prog) - 1; i >= 0; i-- {
		p := a.prog[i]
		if big {
			out = append(out, byte(p.code>>8), byte(p.code), p.jt, p.jf,
				byte(p.k>>24), byte(p.k>>16), byte(p.k>>8), byte(p.k))
		} else {
			out = append(out, byte(p.code), byte(p.code>>8), p.jt, p.jf,
				byte(p.k), byte(p.k>>8), byte(p.k>>16), byte(p.k>>24))
		}
	}
	return out
}
