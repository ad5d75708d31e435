package seccomp

import (
	"math/rand/v2"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
)

// A source of choices: random, or the bytes of a fuzzer.
type source interface{ IntN(n int) int }

type bytesSource struct{ data []byte }

func (b *bytesSource) IntN(n int) int {
	v := 0
	for range 2 {
		if len(b.data) > 0 {
			v, b.data = v<<8|int(b.data[0]), b.data[1:]
		}
	}
	return v % n
}

func pick[T any](r source, list []T) T { return list[r.IntN(len(list))] }

var (
	someNames = []string{"read", "write", "open", "openat", "close", "stat", "fstat", "mmap", "mprotect", "ioctl", "readv",
		"clone", "clone3", "personality", "ptrace", "execve", "mount", "umount2", "unshare", "setns", "bpf", "keyctl",
		"rt_sigaction", "waitid", "arch_prctl", "set_thread_area", "futex", "futex_time64", "no_such_call", "prctl",
		"socket", "connect", "accept", "socketcall", "shmat", "semop", "ipc"}
	someActions = []rspec.LinuxSeccompAction{rspec.ActKill, rspec.ActKillProcess, rspec.ActTrap, rspec.ActErrno,
		rspec.ActTrace, rspec.ActAllow, rspec.ActLog, rspec.ActErrno, rspec.ActAllow}
	someOps = []rspec.LinuxSeccompOperator{rspec.OpNotEqual, rspec.OpLessThan, rspec.OpLessEqual, rspec.OpEqualTo,
		rspec.OpGreaterEqual, rspec.OpGreaterThan, rspec.OpMaskedEqual}
	someValues = []uint64{0, 1, 2, 7, 8, 0xff, 0x7fffffff, 0x80000000, 0xffffffff, 0x1_0000_0000, 0x1_0000_0001, 0x1_ffff_ffff,
		0x7f_0000_0002, 0x7fffffff_ffffffff, 0x80000000_00000000, 0xffffffff_00000000, 0xffffffff_ffffffff, 0x7e020000}
)

// randomProfile is a valid profile. With a filter for names it is one that
// libseccomp 2.5.4 compiles rightly: no two actions for one name; as alternatives
// only values that one argument may be equal to (where there are ranges among
// them its merged tree loses some); and a rule for every architecture (the section
// after an empty one compares the architecture's value with numbers).
func randomProfile(r source, archs []rspec.Arch, calm func(name string) bool) *rspec.LinuxSeccomp {
	s := &rspec.LinuxSeccomp{DefaultAction: pick(r, someActions), Flags: []rspec.LinuxSeccompFlag{}}
	if s.DefaultAction == rspec.ActErrno && r.IntN(2) == 0 {
		s.DefaultErrnoRet = errno(uint(r.IntN(50)))
	}
	for _, a := range archs {
		if r.IntN(2) == 0 {
			s.Architectures = append(s.Architectures, a)
		}
	}
	used := map[string]rspec.LinuxSyscall{}
	if calm != nil {
		e := rspec.LinuxSyscall{Names: []string{"close"}, Action: rspec.ActTrap}
		if s.DefaultAction == rspec.ActTrap {
			e.Action = rspec.ActAllow
		}
		s.Syscalls, used["close"] = append(s.Syscalls, e), e
	}
	for range r.IntN(12) {
		e := rspec.LinuxSyscall{Action: pick(r, someActions)}
		if e.Action == rspec.ActErrno && r.IntN(2) == 0 {
			e.ErrnoRet = errno(uint(1 + r.IntN(40)))
		}
		for range r.IntN(3) * r.IntN(3) {
			e.Args = append(e.Args, rspec.LinuxSeccompArg{Index: uint(r.IntN(6)), Value: pick(r, someValues), ValueTwo: pick(r, someValues), Op: pick(r, someOps)})
		}
		if calm != nil {
			e.Args = calmArgs(r, e.Args)
		}
		for range 1 + r.IntN(6) {
			name := pick(r, someNames)
			if r.IntN(3) == 0 {
				name = nameAt(r.IntN(nameCount))
			}
			if calm != nil && !calm(name) {
				continue
			}
			if _, sub := gatewayOf(name); calm != nil && sub > 0 {
				e.Args = nil
			}
			if old, ok := used[name]; ok && calm != nil {
				e.Action, e.ErrnoRet = old.Action, old.ErrnoRet
				if len(old.Args)+len(e.Args) > 0 {
					continue
				}
			}
			used[name] = e
			e.Names = append(e.Names, name)
			if calm != nil {
				break
			}
		}
		if len(e.Names) > 0 {
			s.Syscalls = append(s.Syscalls, e)
		}
	}
	return s
}

func calmArgs(r source, args []rspec.LinuxSeccompArg) []rspec.LinuxSeccompArg {
	if r.IntN(2) == 0 {
		for i := range args {
			args[i].Index, args[i].Op = args[0].Index, rspec.OpEqualTo
		}
		return args
	}
	for i := range args {
		args[i].Index = uint(i)
	}
	return args
}

// randomCall is one that a profile is likely to have an opinion about.
func randomCall(r source, s *rspec.LinuxSeccomp, likely ...rspec.Arch) call {
	if len(likely) == 0 {
		likely = []rspec.Arch{rspec.ArchX86_64}
	}
	a := &archs[r.IntN(len(archs))]
	if r.IntN(6) > 0 {
		a = archByName(pick(r, append(likely, s.Architectures...)))
		if a == nil { // the fuzzer's
			a = &archs[0]
		}
	}
	c := call{arch: a.audit, nr: a.low + uint32(r.IntN(480))}
	switch r.IntN(8) {
	case 0:
		c.nr = pick(r, []uint32{0, x32Bit, x32Bit - 1, noCall, noCall - 1, 0x80000000, 0xf0001, 512, x32Bit + 600})
	case 1:
	default:
		if len(s.Syscalls) == 0 {
			break
		}
		e := pick(r, s.Syscalls)
		index, ok := lookup(pick(r, e.Names))
		if !ok {
			break
		}
		if nr, ok := a.number(index); ok {
			c.nr = nr + uint32(r.IntN(8)/6) - uint32(r.IntN(8)/7)
		}
		if g, sub := gatewayOf(nameAt(index)); sub != 0 && r.IntN(2) == 0 {
			index, _ := lookup(g)
			if nr, ok := a.number(index); ok {
				c.nr = nr
				c.args[0] = sub + pick(r, []uint64{0, 0, 0, 1, 1 << 16, 1 << 32})
				break
			}
		}
		for i := range c.args {
			c.args[i] = pick(r, someValues)
		}
		for _, arg := range e.Args {
			if r.IntN(4) > 0 {
				v := arg.Value
				if arg.Op == rspec.OpMaskedEqual {
					v = arg.ValueTwo | pick(r, someValues)&^arg.Value
				}
				c.args[arg.Index] = v + uint64(r.IntN(8)/6) - uint64(r.IntN(8)/7)
			}
		}
	}
	return c
}

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }
