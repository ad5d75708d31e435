package seccomp

import (
	"errors"
	"strings"
	"testing"

	rspec "github.com/opencontainers/runtime-spec/specs-go"

	"stave/specs"
)

const (
	allow  = 0x7fff0000
	eperm  = 0x00050001
	enosys = 0x00050026
	kill   = 0
	auditX = 0xc000003e
)

func errno(n uint) *uint { return &n }

func entry(action rspec.LinuxSeccompAction, args []rspec.LinuxSeccompArg, names ...string) rspec.LinuxSyscall {
	return rspec.LinuxSyscall{Names: names, Action: action, Args: args}
}

func compile(t testing.TB, s *rspec.LinuxSeccomp) *Filter {
	t.Helper()
	f, err := Compile(s, Host{Arch: "amd64"})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestNumbers(t *testing.T) {
	s := &rspec.LinuxSeccomp{
		DefaultAction: rspec.ActErrno,
		Architectures: []rspec.Arch{rspec.ArchX86_64, rspec.ArchX86, rspec.ArchX32},
		Syscalls: []rspec.LinuxSyscall{
			entry(rspec.ActAllow, nil, "read", "write", "openat", "rt_sigaction", "no_such_call", "pidfd_open"),
			entry(rspec.ActTrap, nil, "ptrace"),
		},
	}
	f := compile(t, s)
	for _, c := range []struct {
		name     string
		nr, arch uint32
		want     uint32
	}{
		{"read", 0, auditX, allow},
		{"write", 1, auditX, allow},
		{"open", 2, auditX, eperm},
		{"openat", 257, auditX, allow},
		{"rt_sigaction", 13, auditX, allow},
		{"ptrace", 101, auditX, 0x00030000},
		{"pidfd_open", 434, auditX, allow},
		{"clone3", 435, auditX, enosys},
		{"x32 read", 0x40000000, auditX, allow},
		{"x32 rt_sigaction", 0x40000000 + 512, auditX, allow},
		{"x32 at the number of amd64", 0x40000000 + 13, auditX, eperm},
		{"x32 ptrace", 0x40000000 + 521, auditX, 0x00030000},
		{"x32 newer", 0x40000000 + 522, auditX, enosys},
		{"i386 exit", 1, 0x40000003, eperm},
		{"i386 read", 3, 0x40000003, allow},
		{"i386 clone3", 435, 0x40000003, enosys},
		{"arm64", 63, 0xc00000b7, kill},
	} {
		if got := eval(t, f, call{nr: c.nr, arch: c.arch}); got != c.want {
			t.Errorf("%s: %#x, want %#x", c.name, got, c.want)
		}
	}

	s.Architectures = nil
	f = compile(t, s)
	for _, c := range []struct{ nr, arch, want uint32 }{
		{0, auditX, allow}, {0x40000000, auditX, kill}, {0xffffffff, auditX, eperm}, {3, 0x40000003, kill}, {435, auditX, enosys},
	} {
		if got := eval(t, f, call{nr: c.nr, arch: c.arch}); got != c.want {
			t.Errorf("only native, %d of %#x: %#x, want %#x", c.nr, c.arch, got, c.want)
		}
	}
}

func TestConditions(t *testing.T) {
	const big, all = 0x1_0000_0005, ^uint64(0)
	for _, c := range []struct {
		op         rspec.LinuxSeccompOperator
		value, two uint64
		yes, no    []uint64
	}{
		{rspec.OpEqualTo, big, 0, []uint64{big}, []uint64{5, big + 1, 1 << 32, 0, all}},
		{rspec.OpNotEqual, big, 0, []uint64{5, big + 1, 1 << 32, 0, all}, []uint64{big}},
		{rspec.OpGreaterThan, big, 0, []uint64{big + 1, 2 << 32, all}, []uint64{big, 0, 6, big - 1}},
		{rspec.OpGreaterEqual, big, 0, []uint64{big, big + 1, 2 << 32, all}, []uint64{0, 6, big - 1}},
		{rspec.OpLessThan, big, 0, []uint64{0, 6, big - 1}, []uint64{big, big + 1, 2 << 32, all}},
		{rspec.OpLessEqual, big, 0, []uint64{big, 0, 6, big - 1}, []uint64{big + 1, 2 << 32, all}},
		{rspec.OpMaskedEqual, 0xf0, 0x30, []uint64{0x30, 0x3f, 0xffff_ffff_0000_0031}, []uint64{0, 0x40, 0x70}},
		{rspec.OpMaskedEqual, 0xf << 32, 3 << 32, []uint64{3 << 32, 0xf3_ffff_ffff}, []uint64{0, 3, 7 << 32}},
		{rspec.OpMaskedEqual, 0, 0, []uint64{0, all}, nil},
	} {
		f := compile(t, &rspec.LinuxSeccomp{DefaultAction: rspec.ActErrno, Syscalls: []rspec.LinuxSyscall{
			entry(rspec.ActAllow, []rspec.LinuxSeccompArg{{Index: 2, Value: c.value, ValueTwo: c.two, Op: c.op}}, "personality")}})
		for want, list := range map[uint32][]uint64{allow: c.yes, eperm: c.no} {
			for _, v := range list {
				if got := eval(t, f, call{nr: 135, arch: auditX, args: [6]uint64{2: v}}); got != want {
					t.Errorf("%#x %s %#x,%#x: %#x, want %#x", v, c.op, c.value, c.two, got, want)
				}
			}
		}
	}
}

func TestRulesOfOneCall(t *testing.T) {
	eq := func(index uint, value uint64) rspec.LinuxSeccompArg {
		return rspec.LinuxSeccompArg{Index: index, Value: value, Op: rspec.OpEqualTo}
	}
	s := &rspec.LinuxSeccomp{DefaultAction: rspec.ActErrno, DefaultErrnoRet: errno(13), Syscalls: []rspec.LinuxSyscall{
		entry(rspec.ActTrap, []rspec.LinuxSeccompArg{eq(0, 1), eq(1, 2)}, "socket"),  // both
		entry(rspec.ActAllow, []rspec.LinuxSeccompArg{eq(0, 1), eq(0, 7)}, "socket"), // either
		{Names: []string{"socket"}, Action: rspec.ActErrno, ErrnoRet: errno(97), Args: []rspec.LinuxSeccompArg{eq(0, 7), eq(1, 2)}},
		entry(rspec.ActKillProcess, []rspec.LinuxSeccompArg{eq(0, 3)}, "bind"),
		entry(rspec.ActAllow, nil, "bind"), // wins
		entry(rspec.ActErrno, nil, "listen"),
		{Names: []string{"accept"}, Action: rspec.ActErrno, ErrnoRet: errno(13)}, // the default: says nothing
		entry(rspec.ActAllow, []rspec.LinuxSeccompArg{eq(0, 9)}, "accept"),
	}}
	f := compile(t, s)
	for _, c := range []struct {
		nr   uint32
		args [6]uint64
		want uint32
	}{
		{41, [6]uint64{1, 2}, 0x00030000},
		{41, [6]uint64{1, 3}, allow},
		{41, [6]uint64{7, 2}, allow},
		{41, [6]uint64{6, 2}, 0x0005000d},
		{49, [6]uint64{3}, allow},
		{50, [6]uint64{}, eperm},
		{43, [6]uint64{9}, allow},
		{43, [6]uint64{8}, 0x0005000d},
	} {
		if got := eval(t, f, call{nr: c.nr, arch: auditX, args: c.args}); got != c.want {
			t.Errorf("%d %v: %#x, want %#x", c.nr, c.args, got, c.want)
		}
	}
}

func TestRefusals(t *testing.T) {
	ok := rspec.LinuxSeccomp{DefaultAction: rspec.ActAllow}
	for _, c := range []struct {
		field string
		kind  error
		spec  func(s *rspec.LinuxSeccomp)
	}{
		{"/linux/seccomp/defaultAction", specs.ErrInvalid, func(s *rspec.LinuxSeccomp) { s.DefaultAction = "ALLOW" }},
		{"/linux/seccomp/defaultAction", specs.ErrInvalid, func(s *rspec.LinuxSeccomp) { s.DefaultAction = rspec.ActNotify }},
		{"/linux/seccomp/defaultErrnoRet", specs.ErrInvalid, func(s *rspec.LinuxSeccomp) { s.DefaultErrnoRet = errno(4) }},
		{"/linux/seccomp/architectures/1", specs.ErrUnsupported, func(s *rspec.LinuxSeccomp) {
			s.Architectures = []rspec.Arch{rspec.ArchX86, rspec.ArchM68K}
		}},
		{"/linux/seccomp/flags/0", specs.ErrInvalid, func(s *rspec.LinuxSeccomp) { s.Flags = []rspec.LinuxSeccompFlag{"X"} }},
		{"/linux/seccomp/syscalls/0/action", specs.ErrInvalid, func(s *rspec.LinuxSeccomp) { s.Syscalls = []rspec.LinuxSyscall{entry("", nil, "read")} }},
		{"/linux/seccomp/syscalls/0/errnoRet", specs.ErrInvalid, func(s *rspec.LinuxSeccomp) {
			s.Syscalls = []rspec.LinuxSyscall{{Names: []string{"read"}, Action: rspec.ActErrno, ErrnoRet: errno(4096)}}
		}},
		{"/linux/seccomp/syscalls/0/names/1", specs.ErrInvalid, func(s *rspec.LinuxSeccomp) {
			s.Syscalls = []rspec.LinuxSyscall{entry(rspec.ActNotify, nil, "read", "write")}
		}},
		{"/linux/seccomp/syscalls/0/args/0/index", specs.ErrInvalid, func(s *rspec.LinuxSeccomp) {
			s.Syscalls = []rspec.LinuxSyscall{entry(rspec.ActTrap, []rspec.LinuxSeccompArg{{Index: 6, Op: rspec.OpEqualTo}}, "read")}
		}},
		{"/linux/seccomp/syscalls/0/args/0/op", specs.ErrInvalid, func(s *rspec.LinuxSeccomp) {
			s.Syscalls = []rspec.LinuxSyscall{entry(rspec.ActTrap, []rspec.LinuxSeccompArg{{Op: "=="}}, "read")}
		}},
		{"/linux/seccomp", specs.ErrInvalid, func(s *rspec.LinuxSeccomp) {
			for i := range 3000 {
				s.Syscalls = append(s.Syscalls, entry(rspec.ActTrap, []rspec.LinuxSeccompArg{{Value: uint64(i), Op: rspec.OpEqualTo}}, "read"))
			}
		}},
	} {
		s := ok
		c.spec(&s)
		_, err := Compile(&s, Host{Arch: "amd64"})
		var e *specs.Error
		if !errors.As(err, &e) || e.Field != c.field || !errors.Is(err, c.kind) {
			t.Errorf("%s: %v", c.field, err)
		}
	}
	if _, err := Compile(&ok, Host{Arch: "pdp11"}); !errors.Is(err, specs.ErrUnsupported) {
		t.Error(err)
	}
}

// A program of thousands of instructions has jumps that no conditional jump
// reaches.
func TestFarJumps(t *testing.T) {
	s := &rspec.LinuxSeccomp{DefaultAction: rspec.ActErrno, Architectures: []rspec.Arch{rspec.ArchX86, rspec.ArchX32}}
	for i := range 180 {
		s.Syscalls = append(s.Syscalls, entry(rspec.ActAllow, []rspec.LinuxSeccompArg{{Index: 1, Value: uint64(i), Op: rspec.OpEqualTo}}, nameAt(i*2+100)))
	}
	f := compile(t, s)
	t.Log(len(f.Prog)/8, "instructions")
	for i := range 180 {
		for _, a := range []*arch{&archs[0], &archs[1], &archs[2]} {
			nr, ok := a.number(i*2 + 100)
			if !ok {
				continue
			}
			for v, want := range map[uint64]uint32{uint64(i): allow, uint64(i + 1): eperm} {
				if got := eval(t, f, call{nr: nr, arch: a.audit, args: [6]uint64{1: v}}); got != want {
					t.Errorf("%s %s(%d): %#x", a.name, nameAt(i*2+100), v, got)
				}
			}
		}
	}
}

func TestNamesAreSorted(t *testing.T) {
	for i := range nameCount {
		if got, ok := lookup(nameAt(i)); !ok || got != i || nameAt(i) == "" || strings.ToLower(nameAt(i)) != nameAt(i) {
			t.Error(nameAt(i), got, ok)
		}
	}
	for _, name := range []string{"", "aaa", "zzz", "rea", "readd"} {
		if _, ok := lookup(name); ok {
			t.Error(name)
		}
	}
}
