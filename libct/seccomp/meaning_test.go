package seccomp

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	rspec "github.com/opencontainers/runtime-spec/specs-go"

	"stave/specs"
)

// meaning is what a profile says about a call, read off without compiling.
func meaning(s *rspec.LinuxSeccomp, own rspec.Arch, c call) uint32 {
	var a *arch
	listed := append([]rspec.Arch{own}, s.Architectures...)
	for _, name := range listed {
		cand := archByName(name)
		if cand.audit == c.arch && (cand.audit != auditX86 || (cand.low != 0) == (c.nr >= x32Bit)) {
			a = cand
		}
	}
	deflt, _ := ret(s.DefaultAction, s.DefaultErrnoRet, "", "", "")
	if a == nil {
		if c.arch == auditX86 && c.nr == noCall && slices.Contains(listed, rspec.ArchX86_64) {
			return deflt
		}
		return 0
	}
	last, mentioned := uint32(0), false
	var conditional, always, derived []uint32
	for _, e := range s.Syscalls {
		for _, name := range e.Names {
			index, ok := lookup(name)
			if !ok {
				continue
			}
			if action, ok := throughGateway(s, a, name, &e, c); ok && action != deflt {
				derived = append(derived, action)
			}
			nr, ok := a.number(index)
			if !ok {
				continue
			}
			if nr-a.low < 0xf0000 {
				last = max(last, nr+1)
			}
			action, _ := ret(e.Action, e.ErrnoRet, "", "", "")
			if nr != c.nr || action == deflt {
				continue
			}
			mentioned = true
			if len(e.Args) == 0 {
				always = append(always, action)
			} else if holds(a, e.Args, c) {
				conditional = append(conditional, action)
			}
		}
	}
	switch {
	case len(always) > 0:
		return always[0]
	case len(conditional) > 0:
		return conditional[0]
	case len(derived) > 0:
		return derived[0]
	}
	switch s.DefaultAction {
	case rspec.ActAllow, rspec.ActLog, rspec.ActTrace:
	default:
		if last > 0 && c.nr >= last && !mentioned {
			return 0x00050026
		}
		if last > 0 && c.nr == 0 && (a.name == rspec.ArchS390 || a.name == rspec.ArchS390X) {
			return 0x00050026 // setup(2)
		}
	}
	return deflt
}

// gatewayOf is the gateway of a call and its number there, or 0.
func gatewayOf(name string) (gateway string, sub uint64) {
	for gateway, list := range map[string]string{
		"socketcall": `- socket bind connect listen accept getsockname getpeername socketpair send recv sendto recvfrom
			shutdown setsockopt getsockopt sendmsg recvmsg accept4 recvmmsg sendmmsg`,
		"ipc": "- semop semget semctl semtimedop - - - - - - msgsnd msgrcv msgget msgctl - - - - - - shmat shmdt shmget shmctl",
	} {
		for i, n := range strings.Fields(list) {
			if n == name {
				return gateway, uint64(i)
			}
		}
	}
	return "", 0
}

// throughGateway is what an entry for a name says about a call to its gateway.
func throughGateway(s *rspec.LinuxSeccomp, a *arch, name string, e *rspec.LinuxSyscall, c call) (uint32, bool) {
	gateway, sub := gatewayOf(name)
	index, _ := lookup(gateway)
	nr, ok := a.number(index)
	arg := uint64(uint32(c.args[0]))
	if gateway == "ipc" {
		arg &= 0xffff
	}
	if sub == 0 || !ok || nr != c.nr || arg != sub {
		return 0, false
	}
	action, _ := ret(e.Action, e.ErrnoRet, "", "", "")
	if len(e.Args) == 0 {
		return action, true
	}
	order := []rspec.LinuxSeccompAction{rspec.ActKillProcess, rspec.ActKill, rspec.ActTrap, rspec.ActErrno, rspec.ActTrace, rspec.ActLog, rspec.ActAllow}
	if slices.Index(order, e.Action) >= slices.Index(order, s.DefaultAction) {
		return 0, false
	}
	deflt, _ := ret(s.DefaultAction, s.DefaultErrnoRet, "", "", "")
	for _, other := range s.Syscalls {
		action, _ := ret(other.Action, other.ErrnoRet, "", "", "")
		if len(other.Args) == 0 && action != deflt && slices.Contains(other.Names, name) {
			return 0, false
		}
	}
	return action, true
}

func holds(a *arch, args []rspec.LinuxSeccompArg, c call) bool {
	count := map[uint]int{}
	hits, twice := 0, false
	for _, arg := range args {
		count[arg.Index]++
		twice = twice || count[arg.Index] > 1
		got, want, mask := c.args[arg.Index], arg.Value, arg.ValueTwo
		if !a.wide {
			got, want, mask = got&0xffffffff, want&0xffffffff, mask&0xffffffff
		}
		hit := false
		switch arg.Op {
		case rspec.OpNotEqual:
			hit = got != want
		case rspec.OpLessThan:
			hit = got < want
		case rspec.OpLessEqual:
			hit = got <= want
		case rspec.OpEqualTo:
			hit = got == want
		case rspec.OpGreaterEqual:
			hit = got >= want
		case rspec.OpGreaterThan:
			hit = got > want
		case rspec.OpMaskedEqual:
			hit = got&want == mask&want
		}
		if hit {
			hits++
		}
	}
	return hits == len(args) || twice && hits > 0
}

func TestMeaning(t *testing.T) {
	r := seeded(7)
	for i := range 3000 {
		s := randomProfile(r, []rspec.Arch{rspec.ArchX86, rspec.ArchX32, rspec.ArchAARCH64, rspec.ArchARM}, nil)
		f := compile(t, s)
		if err := valid(f.Prog, binary.LittleEndian); err != nil {
			t.Fatal(i, err)
		}
		for range 60 {
			c := randomCall(r, s)
			if got, want := eval(t, f, c), meaning(s, rspec.ArchX86_64, c); got != want {
				t.Fatalf("profile %d %+v\ncall %+v: %#x, want %#x", i, *s, c, got, want)
			}
		}
	}
}

// The other hosts, of both byte orders, with all that run on them.
func TestMeaningElsewhere(t *testing.T) {
	r := seeded(8)
	for _, host := range []struct {
		goarch string
		list   []rspec.Arch // the native one first
	}{
		{"386", []rspec.Arch{rspec.ArchX86}},
		{"arm64", []rspec.Arch{rspec.ArchAARCH64, rspec.ArchARM}},
		{"arm", []rspec.Arch{rspec.ArchARM}},
		{"riscv64", []rspec.Arch{rspec.ArchRISCV64, rspec.ArchX32}},
		{"loong64", []rspec.Arch{rspec.ArchLOONGARCH64}},
		{"ppc64le", []rspec.Arch{rspec.ArchPPC64LE}},
		{"ppc64", []rspec.Arch{rspec.ArchPPC64, rspec.ArchPPC}},
		{"s390x", []rspec.Arch{rspec.ArchS390X, rspec.ArchS390}},
		{"mips64", []rspec.Arch{rspec.ArchMIPS64, rspec.ArchMIPS, rspec.ArchMIPS64N32}},
		{"mips64le", []rspec.Arch{rspec.ArchMIPSEL64, rspec.ArchMIPSEL, rspec.ArchMIPSEL64N32}},
	} {
		order := binary.ByteOrder(binary.LittleEndian)
		if native(host.goarch).big {
			order = binary.BigEndian
		}
		for i := range 300 {
			s := randomProfile(r, host.list[1:], nil)
			f, err := Compile(s, Host{Arch: host.goarch})
			if err != nil {
				t.Fatal(err)
			}
			if err := valid(f.Prog, order); err != nil {
				t.Fatal(host.goarch, err)
			}
			for range 50 {
				c := randomCall(r, s, host.list...)
				got, _, err := run(f.Prog, &c, order)
				if err != nil {
					t.Fatal(err)
				}
				if want := meaning(s, host.list[0], c); got != want {
					t.Fatalf("%s, profile %d %+v\ncall %+v: %#x, want %#x", host.goarch, i, *s, c, got, want)
				}
			}
		}
	}
}

// FuzzCompile: whatever the profile says, a program comes out that the kernel
// takes and that means what the profile says; or an error.
func FuzzCompile(f *testing.F) {
	f.Add([]byte{}, "", "", uint(0))
	for i := range 20 {
		r := seeded(uint64(i))
		data := make([]byte, 400)
		for j := range data {
			data[j] = byte(r.IntN(256))
		}
		f.Add(data, "SCMP_CMP_EQ", "SCMP_ARCH_X86", uint(i))
	}
	f.Fuzz(func(t *testing.T, data []byte, op, extra string, index uint) {
		r := &bytesSource{data}
		s := randomProfile(r, []rspec.Arch{rspec.ArchX86, rspec.ArchX32, rspec.ArchAARCH64, rspec.ArchARM}, nil)
		if r.IntN(2) == 0 {
			s.Architectures = append(s.Architectures, rspec.Arch(extra))
			s.Syscalls = append(s.Syscalls, rspec.LinuxSyscall{Names: []string{"read", extra}, Action: rspec.ActTrap,
				Args: []rspec.LinuxSeccompArg{{Index: index, Value: uint64(index), Op: rspec.LinuxSeccompOperator(op)}}})
		}
		p, err := Compile(s, Host{Arch: "amd64"})
		if err != nil {
			return
		}
		for range 40 {
			c := randomCall(r, s)
			if got, want := eval(t, p, c), meaning(s, rspec.ArchX86_64, c); got != want {
				t.Fatalf("profile %+v\ncall %+v: %#x, want %#x", *s, c, got, want)
			}
		}
	})
}

// FuzzProfile: a profile of any text makes a program that the kernel takes or an
// error that names the field, on every host.
func FuzzProfile(f *testing.F) {
	f.Add([]byte(`{"defaultAction":"SCMP_ACT_ERRNO","architectures":["SCMP_ARCH_S390"],"flags":[],"syscalls":[{"names":["socket","ipc"],
		"action":"SCMP_ACT_TRACE","errnoRet":3,"args":[{"index":0,"value":1,"op":"SCMP_CMP_LE"}]}]}`), uint8(10))
	f.Add(realistic, uint8(0))
	f.Fuzz(func(t *testing.T, text []byte, which uint8) {
		var s rspec.LinuxSeccomp
		if json.Unmarshal(text, &s) != nil {
			return
		}
		own := archs[int(which)%len(archs)]
		p, err := Compile(&s, Host{Arch: own.goarch, Flags: 1})
		var e *specs.Error
		if err != nil {
			if !errors.As(err, &e) || !strings.HasPrefix(e.Field, "/linux/seccomp") || e.Kind == nil {
				t.Fatal(err)
			}
			return
		}
		order := binary.ByteOrder(binary.LittleEndian)
		if own.big {
			order = binary.BigEndian
		}
		if err := valid(p.Prog, order); err != nil {
			t.Fatal(err)
		}
	})
}
