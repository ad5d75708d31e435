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

// And the other way round: no name that libseccomp has is missing here.
func TestNamesOfLibseccomp(t *testing.T) {
	oracle := buildOracle(t)
	for i := range archs {
		a, base := &archs[i], archs[i].low
		if nr, _ := a.number(mustLookup(t, "read")); a.low == 0 && nr >= 4000 {
			base += nr / 1000 * 1000 // mips counts its three from 4000, 5000 and 6000
		}
		for _, from := range []uint32{base, privateCalls} {
			var in strings.Builder
			for nr := range uint32(700) {
				fmt.Fprintln(&in, "name", scmpName(a.name), from+nr)
			}
			for j, name := range strings.Split(strings.TrimSuffix(string(oracle(in.String())), "\n"), "\n") {
				index, _ := lookup(name)
				if nr, ok := a.number(index); name != "" && (!ok || nr != from+uint32(j) || nameAt(index) != name) {
					t.Errorf("%s: %d is %s", a.name, from+uint32(j), name)
				}
			}
		}
	}
}

func mustLookup(t *testing.T, name string) int {
	index, ok := lookup(name)
	if !ok {
		t.Fatal(name)
	}
	return index
}

// text is a profile as runc gives it to libseccomp, on a host of some kind.
func text(s *rspec.LinuxSeccomp, own rspec.Arch) string {
	var b strings.Builder
	deflt, _ := ret(s.DefaultAction, s.DefaultErrnoRet, "", "", "")
	fmt.Fprintf(&b, "default %#x\n", deflt)
	if own != rspec.ArchX86_64 {
		fmt.Fprintln(&b, "native", scmpName(own))
	}
	for _, a := range s.Architectures {
		fmt.Fprintln(&b, "arch", scmpName(a))
	}
	names := 0
	for _, e := range s.Syscalls {
		names += len(e.Names)
	}
	if names > 32 {
		fmt.Fprintln(&b, "optimize 2") // its own binary search
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
// say: its number is above all that the profile mentions, or is that of setup(2).
func newer(s *rspec.LinuxSeccomp, own rspec.Arch, c call) bool {
	switch s.DefaultAction {
	case rspec.ActAllow, rspec.ActLog, rspec.ActTrace:
		return false
	}
	for _, name := range append([]rspec.Arch{own}, s.Architectures...) {
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
		setup := c.nr == 0 && (a.name == rspec.ArchS390 || a.name == rspec.ArchS390X)
		return any && (c.nr > last || setup)
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

// hosts are kinds of machine with all that runs on them, the native one first.
var hosts = [][]rspec.Arch{
	{rspec.ArchX86_64, rspec.ArchX86, rspec.ArchX32, rspec.ArchAARCH64, rspec.ArchARM, rspec.ArchRISCV64, rspec.ArchMIPSEL, rspec.ArchPPC64LE},
	{rspec.ArchAARCH64, rspec.ArchARM},
	{rspec.ArchPPC64, rspec.ArchPPC},
	{rspec.ArchS390X, rspec.ArchS390},
	{rspec.ArchMIPS64, rspec.ArchMIPS, rspec.ArchMIPS64N32},
	{rspec.ArchMIPSEL64, rspec.ArchMIPSEL, rspec.ArchMIPSEL64N32},
}

func TestLibseccomp(t *testing.T) {
	oracle := buildOracle(t)
	table := theirNumbers(oracle)
	for i, list := range hosts {
		t.Run(scmpName(list[0]), func(t *testing.T) {
			count := 600
			if i == 0 {
				count = 3000
			}
			compare(t, oracle, table, list, count)
		})
	}
}

// compare holds random profiles of one kind of host against libseccomp's.
func compare(t *testing.T, oracle func(string) []byte, table [][]int32, list []rspec.Arch, count int) {
	own := archByName(list[0])
	order := binary.ByteOrder(binary.LittleEndian)
	if own.big {
		order = binary.BigEndian
	}
	agreed := func(name string) bool {
		n, known := lookup(name)
		if known && table[0][n] == -1 || name == "sys_debug_setcontext" {
			return false // newer; or a name that it knows and makes no rule of
		}
		for i := range archs {
			if known && slices.Contains(list, archs[i].name) {
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
	for range count {
		s := randomProfile(r, list[1:], agreed)
		profiles = append(profiles, s)
		in.WriteString(text(s, own.name))
	}
	out := oracle(in.String())
	for i, s := range profiles {
		theirs := cut(&out)
		f, err := Compile(s, Host{Arch: own.goarch})
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			c := randomCall(r, s, list...)
			above := newer(s, own.name, c)
			if atGateway(c) && (c.args[0] > 0xffff || above) {
				// The kernel looks at 16 bits, it at all. And runc forgets in
				// its stub that a mention of socket is one of socketcall.
				continue
			}
			want, _, err := run(theirs, &c, order)
			if err != nil {
				t.Fatal(err)
			}
			if above {
				want = enosys
			}
			got, _, err := run(f.Prog, &c, order)
			if err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Fatalf("profile %d\n%scall %+v: %#x, libseccomp %#x", i, text(s, own.name), c, got, want)
			}
		}
	}
}

// cut takes one program off the oracle's output.
func cut(out *[]byte) []byte {
	n := binary.LittleEndian.Uint32(*out)
	prog := (*out)[4 : 4+n]
	*out = (*out)[4+n:]
	return prog
}
