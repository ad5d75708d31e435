package seccomp

import (
	rspec "github.com/opencontainers/runtime-spec/specs-go"
)

const (
	none     = 0xffff     // in a table: the architecture has no such call
	x32Bit   = 0x40000000 // __X32_SYSCALL_BIT
	noCall   = 0xffffffff // the number that a tracer sets to skip a call
	auditX86 = 0xc000003e // AUDIT_ARCH_X86_64, which x32 shares

	auditS390, auditS390X = 0x16, 0x80000016
)

// An arch is one way into a kernel: the value of seccomp_data.arch that marks
// its calls, and their numbers.
type arch struct {
	name    rspec.Arch
	goarch  string // of a program whose native architecture this is; may be empty
	audit   uint32 // AUDIT_ARCH_*
	low     uint32 // all numbers are at or above this
	wide    bool   // arguments have 64 bits
	big     bool   // big endian
	numbers *[nameCount]uint16
}

var archs = [...]arch{
	{name: rspec.ArchX86_64, goarch: "amd64", audit: auditX86, wide: true, numbers: &numbersamd64},
	{name: rspec.ArchX86, goarch: "386", audit: 0x40000003, numbers: &numbers386},
	{name: rspec.ArchX32, audit: auditX86, low: x32Bit, numbers: &numbersx32},
	{name: rspec.ArchAARCH64, goarch: "arm64", audit: 0xc00000b7, wide: true, numbers: &numbersarm64},
	{name: rspec.ArchARM, goarch: "arm", audit: 0x40000028, numbers: &numbersarm},
	{name: rspec.ArchRISCV64, goarch: "riscv64", audit: 0xc00000f3, wide: true, numbers: &numbersriscv64},
	{name: rspec.ArchLOONGARCH64, goarch: "loong64", audit: 0xc0000102, wide: true, numbers: &numbersloong64},
	{name: rspec.ArchPPC, goarch: "ppc", audit: 0x14, big: true, numbers: &numbersppc},
	{name: rspec.ArchPPC64, goarch: "ppc64", audit: 0x80000015, wide: true, big: true, numbers: &numbersppc64},
	{name: rspec.ArchPPC64LE, goarch: "ppc64le", audit: 0xc0000015, wide: true, numbers: &numbersppc64},
	{name: rspec.ArchS390, goarch: "s390", audit: auditS390, big: true, numbers: &numberss390},
	{name: rspec.ArchS390X, goarch: "s390x", audit: auditS390X, wide: true, big: true, numbers: &numberss390x},
	{name: rspec.ArchMIPS, goarch: "mips", audit: 0x8, big: true, numbers: &numbersmips},
	{name: rspec.ArchMIPS64, goarch: "mips64", audit: 0x80000008, wide: true, big: true, numbers: &numbersmips64},
	{name: rspec.ArchMIPS64N32, audit: 0xa0000008, big: true, numbers: &numbersmips64n32},
	{name: rspec.ArchMIPSEL, goarch: "mipsle", audit: 0x40000008, numbers: &numbersmips},
	{name: rspec.ArchMIPSEL64, goarch: "mips64le", audit: 0xc0000008, wide: true, numbers: &numbersmips64},
	{name: rspec.ArchMIPSEL64N32, audit: 0xe0000008, numbers: &numbersmips64n32},
}

// KnownArchs lists the architectures that filters can be made for.
func KnownArchs() []string {
	list := make([]string, len(archs))
	for i := range archs {
		list[i] = string(archs[i].name)
	}
	return list
}

func native(goarch string) *arch {
	for i := range archs {
		if archs[i].goarch == goarch && goarch != "" {
			return &archs[i]
		}
	}
	return nil
}

func archByName(name rspec.Arch) *arch {
	for i := range archs {
		if archs[i].name == name {
			return &archs[i]
		}
	}
	return nil
}

// number is the number of a name on an architecture.
func (a *arch) number(name int) (nr uint32, ok bool) {
	switch n := a.numbers[name]; {
	case n == none:
		return 0, false
	case n >= 0xf000: // arm's private calls, from 0xf0000
		return privateCalls + uint32(n-0xf000), true
	default:
		return a.low + uint32(n), true
	}
}

// privateCalls is where arm's own calls are, far above the others.
const privateCalls = 0xf0000

// next is lookup for one of a list of names. Lists are sorted as a rule: what
// follows the last one found is tried first.
func next(name string, last int) (index int, ok bool) {
	if last++; last < nameCount && nameAt(last) == name {
		return last, true
	}
	return lookup(name)
}

// lookup finds a name in the sorted list of all names.
func lookup(name string) (index int, ok bool) {
	lo, hi := 0, nameCount
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		switch have := nameAt(mid); {
		case have == name:
			return mid, true
		case have < name:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return 0, false
}

func nameAt(i int) string {
	from := 0
	if i > 0 {
		from = int(nameEnds[i-1])
	}
	return names[from:nameEnds[i]]
}
