package cgroup

// device_bpf.go: the device rules as a BPF_PROG_TYPE_CGROUP_DEVICE program,
// which is how cgroup v2 filters devices. Pure; device_attach.go loads it.

import "unsafe"

// The few parts of the instruction set in use (kernel, bpf/standardization).
const (
	opLoadWord  = 0x61 // dst = *(u32 *)(src + off)
	opAndImm    = 0x54 // 32 bit
	opShiftImm  = 0x74 // logical, to the right, 32 bit
	opMovReg    = 0xbc // 32 bit
	opMovImm    = 0xb4 // 32 bit
	opJumpNeImm = 0x56 // 32 bit comparison
	opJumpNeReg = 0x5e // 32 bit comparison
	opJumpEqImm = 0x16 // 32 bit comparison
	opExit      = 0x95

	devBlock = 1 // BPF_DEVCG_DEV_BLOCK
	devChar  = 2 // BPF_DEVCG_DEV_CHAR
)

type insn struct {
	op   byte
	regs byte
	off  int16
	imm  int32
}

// Program assembles the filter. It sees struct bpf_cgroup_dev_ctx in r1:
// access_type (type in the low half, access in the high one), major, minor;
// and returns 1 to allow.
func (set DeviceRules) Program() []byte {
	const r0, r1, typ, access, major, minor = 0, 1, 2, 3, 4, 5
	p := []insn{
		{opLoadWord, regs(typ, r1), 0, 0},
		{opAndImm, regs(typ, 0), 0, 0xffff},
		{opLoadWord, regs(access, r1), 0, 0},
		{opShiftImm, regs(access, 0), 0, 16},
		{opLoadWord, regs(major, r1), 4, 0},
		{opLoadWord, regs(minor, r1), 8, 0},
	}
	for _, r := range set.Rules {
		start := len(p)
		t := int32(devChar)
		if r.Type == 'b' {
			t = devBlock
		}
		p = append(p, insn{opJumpNeImm, regs(typ, 0), 0, t})
		if r.Access != accRead|accWrite|accMknod {
			p = append(p, insn{opMovReg, regs(r1, access), 0, 0}, insn{opAndImm, regs(r1, 0), 0, int32(r.Access)})
			if set.Allow {
				// An exception denies if it names any of what is asked.
				p = append(p, insn{opJumpEqImm, regs(r1, 0), 0, 0})
			} else {
				// An exception allows if it names all of it.
				p = append(p, insn{opJumpNeReg, regs(r1, access), 0, 0})
			}
		}
		if r.Major >= 0 {
			p = append(p, insn{opJumpNeImm, regs(major, 0), 0, int32(uint32(r.Major))})
		}
		if r.Minor >= 0 {
			p = append(p, insn{opJumpNeImm, regs(minor, 0), 0, int32(uint32(r.Minor))})
		}
		p = append(p, insn{opMovImm, regs(r0, 0), 0, verdict(!set.Allow)}, insn{op: opExit})
		// Every jump of the block leads to the next one.
		for i := start; i < len(p); i++ {
			switch p[i].op {
			case opJumpNeImm, opJumpNeReg, opJumpEqImm:
				p[i].off = int16(len(p) - i - 1)
			}
		}
	}
	p = append(p, insn{opMovImm, regs(r0, 0), 0, verdict(set.Allow)}, insn{op: opExit})
	return unsafe.Slice((*byte)(unsafe.Pointer(&p[0])), len(p)*8)
}

func verdict(allow bool) int32 {
	if allow {
		return 1
	}
	return 0
}

// regs packs the register numbers as a C bit field does: which one has the
// low half depends on the byte order of the machine.
func regs(dst, src byte) byte {
	one := uint16(1)
	if *(*byte)(unsafe.Pointer(&one)) == 1 {
		return src<<4 | dst
	}
	return dst<<4 | src
}
