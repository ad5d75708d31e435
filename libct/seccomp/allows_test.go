package seccomp

import (
	"testing"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
)

func TestAllows(t *testing.T) {
	const x86_64 = 0xc000003e
	f, err := Compile(&rspec.LinuxSeccomp{DefaultAction: rspec.ActErrno, Syscalls: []rspec.LinuxSyscall{
		{Names: []string{"read", "fcntl"}, Action: rspec.ActAllow},
		{Names: []string{"personality"}, Action: rspec.ActAllow, Args: []rspec.LinuxSeccompArg{{Index: 0, Value: 8, Op: rspec.OpEqualTo}}},
	}}, Host{Arch: "amd64"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		nr   uint32
		arg  uint64
		want bool
	}{{0, 3, true}, {72, 3, true}, {1, 3, false}, {322, 0, false}, {135, 8, true}, {135, 9, false}, {0xffff, 0, false}} {
		if got := Allows(f.Prog, x86_64, c.nr, [6]uint64{c.arg}); got != c.want {
			t.Errorf("call %d(%d): %v, want %v", c.nr, c.arg, got, c.want)
		}
	}
	if Allows(f.Prog, 0x40000003, 0, [6]uint64{}) {
		t.Error("another architecture is let through")
	}
}
