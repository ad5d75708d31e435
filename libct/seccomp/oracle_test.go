package seccomp

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
)

// What libseccomp makes of a profile is what people are used to. These tests ask
// it, by way of a C program that is compiled here.

func buildOracle(t *testing.T) func(input string) []byte {
	t.Helper()
	if testing.Short() {
		t.Skip("short")
	}
	bin := filepath.Join(t.TempDir(), "oracle")
	if out, err := exec.Command("cc", "-o", bin, "testdata/oracle.c", "-lseccomp").CombinedOutput(); err != nil {
		t.Skipf("needs a C compiler and libseccomp with its headers: %v: %s", err, out)
	}
	return func(input string) []byte {
		cmd := exec.Command(bin)
		cmd.Stdin = strings.NewReader(input)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %s", err, stderr.String())
		}
		return out
	}
}

// scmpName is the name of an architecture in libseccomp.
func scmpName(a rspec.Arch) string {
	return strings.ToLower(strings.TrimPrefix(string(a), "SCMP_ARCH_"))
}

// theirNumbers asks for all numbers; those below 0 are of other architectures or
// not known.
func theirNumbers(oracle func(string) []byte) [][]int32 {
	var in strings.Builder
	for i := range archs {
		for n := range nameCount {
			fmt.Fprintln(&in, "number", scmpName(archs[i].name), nameAt(n))
		}
	}
	out := oracle(in.String())
	table := make([][]int32, len(archs))
	for i := range archs {
		for range nameCount {
			table[i] = append(table[i], int32(binary.LittleEndian.Uint32(out)))
			out = out[4:]
		}
	}
	return table
}

func TestNumbersOfLibseccomp(t *testing.T) {
	table := theirNumbers(buildOracle(t))
	for i := range archs {
		var newer []string
		for n, theirs := range table[i] {
			ours, ok := archs[i].number(n)
			switch {
			case theirs >= 0 && ok && uint32(theirs) == ours:
			case theirs < 0 && !ok:
			case theirs < 0:
				newer = append(newer, nameAt(n))
			default:
				t.Errorf("%s %s: %d (%v), libseccomp has %d", archs[i].name, nameAt(n), ours, ok, theirs)
			}
		}
		if len(newer) > 60 {
			newer = newer[:60]
		}
		t.Log(archs[i].name, "libseccomp does not have", newer)
	}
}

// text is a profile as runc gives it to libseccomp.
func text(s *rspec.LinuxSeccomp) string {
	var b strings.Builder
	deflt, _ := ret(s.DefaultAction, s.DefaultErrnoRet, "", "", "")
	fmt.Fprintf(&b, "default %#x\n", deflt)
	for _, a := range s.Architectures {
		fmt.Fprintln(&b, "arch", scmpName(a))
	}
	if len(s.Syscalls) > 32 {
		fmt.Fprintln(&b, "optimize 2")
	}
	ops := map[rspec.LinuxSeccompOperator]int{rspec.OpNotEqual: 1, rspec.OpLessThan: 2, rspec.OpLessEqual: 3,
		rspec.OpEqualTo: 4, rspec.OpGreaterEqual: 5, rspec.OpGreaterThan: 6, rspec.OpMaskedEqual: 7}
	for _, e := range s.Syscalls {
		action, _ := ret(e.Action, e.ErrnoRet, "", "", "")
		if action == deflt {
			continue
		}
		count, twice := map[uint]int{}, false
		for _, arg := range e.Args {
			count[arg.Index]++
			twice = twice || count[arg.Index] > 1
		}
		for _, name := range e.Names {
			line := fmt.Sprintf("rule %#x %s", action, name)
			for i, arg := range e.Args {
				cond := fmt.Sprintf(" %d %d %#x %#x", arg.Index, ops[arg.Op], arg.Value, arg.ValueTwo)
				switch {
				case !twice:
					line += cond
				case i+1 < len(e.Args):
					fmt.Fprintln(&b, line+cond)
				default:
					line += cond
				}
			}
			fmt.Fprintln(&b, line)
		}
	}
	fmt.Fprintln(&b, "end")
	return b.String()
}

// newer tells whether runc answers a call with ENOSYS before the filter has its
// say: its number is above all that the profile mentions.
func newer(s *rspec.LinuxSeccomp, c call) bool {
	switch s.DefaultAction {
	case rspec.ActAllow, rspec.ActLog, rspec.ActTrace:
		return false
	}
	for _, name := range append([]rspec.Arch{rspec.ArchX86_64}, s.Architectures...) {
		a := archByName(name)
		if a.audit != c.arch || a.audit == auditX86 && (a.low != 0) != (c.nr >= x32Bit) {
			continue
		}
		last, any := uint32(0), false
		for _, e := range s.Syscalls {
			for _, name := range e.Names {
				if index, ok := lookup(name); ok {
					if nr, ok := a.number(index); ok {
						last, any = max(last, nr), true
					}
				}
			}
		}
		return any && c.nr > last
	}
	return false
}

func atGateway(c call) bool {
	for i := range archs {
		for g := range gateways {
			index, _ := lookup(gateways[g].name)
			if nr, ok := archs[i].number(index); ok && archs[i].audit == c.arch && nr == c.nr {
				return true
			}
		}
	}
	return false
}

func TestLibseccomp(t *testing.T) {
	oracle := buildOracle(t)
	table := theirNumbers(oracle)
	used := []rspec.Arch{rspec.ArchX86_64, rspec.ArchX86, rspec.ArchX32, rspec.ArchAARCH64, rspec.ArchARM, rspec.ArchRISCV64, rspec.ArchMIPSEL, rspec.ArchPPC64LE}
	agreed := func(name string) bool {
		n, known := lookup(name)
		if known && table[0][n] == -1 || name == "sys_debug_setcontext" {
			return false // newer; or a name that it knows and makes no rule of
		}
		for i := range archs {
			if known && slices.Contains(used, archs[i].name) {
				nr, ok := archs[i].number(n)
				if _, sub := gatewayOf(name); sub > 0 && table[i][n] < -1 {
					continue // it has those as parts of the gateway
				}
				if ok != (table[i][n] >= 0) || ok && archs[i].low == 0 && nr >= privateCalls {
					return false
				}
			}
		}
		return name != "socketcall" && name != "ipc"
	}
	r := seeded(11)
	var profiles []*rspec.LinuxSeccomp
	var in strings.Builder
	for range 3000 {
		s := randomProfile(r, used, agreed)
		profiles = append(profiles, s)
		in.WriteString(text(s))
	}
	out := oracle(in.String())
	for i, s := range profiles {
		n := binary.LittleEndian.Uint32(out)
		theirs := out[4 : 4+n]
		out = out[4+n:]
		f := compile(t, s)
		for range 100 {
			c := randomCall(r, s)
			if atGateway(c) && (c.args[0] > 0xffff || newer(s, c)) {
				// The kernel looks at 16 bits, it at all. And runc forgets in
				// its stub that a mention of socket is one of socketcall.
				continue
			}
			want, _, err := run(theirs, &c, binary.LittleEndian)
			if err != nil {
				t.Fatal(err)
			}
			if newer(s, c) {
				want = enosys
			}
			if got := eval(t, f, c); got != want {
				t.Errorf("profile %d\n%scall %+v: %#x, libseccomp %#x", i, text(s), c, got, want)
				break
			}
		}
		if t.Failed() {
			return
		}
	}
}
