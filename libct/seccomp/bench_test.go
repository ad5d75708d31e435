package seccomp

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"testing"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
)

func BenchmarkCompile(b *testing.B) {
	s := realisticProfile(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compile(s, Host{Arch: "amd64"}); err != nil {
			b.Fatal(err)
		}
	}
}

// A runtime compiles once in its life: what counts is the first time, with
// nothing in the caches.
func TestFirstCompile(t *testing.T) {
	var times []int
	for range 21 {
		out, _ := runChild(t, "first")
		ns, err := strconv.Atoi(strings.TrimSpace(out))
		if err != nil {
			t.Fatal(err)
		}
		times = append(times, ns)
	}
	slices.Sort(times)
	t.Logf("first compilation: median %d µs, best %d µs, worst %d µs", times[10]/1000, times[0]/1000, times[20]/1000)
}

// How many instructions the kernel runs for a call, which each system call of
// the container pays for, here and in libseccomp's program as runc orders it. And
// every number has the same answer in both.
func TestSteps(t *testing.T) {
	s := realisticProfile(t)
	ours := compile(t, s).Prog
	out := buildOracle(t)(text(s, rspec.ArchX86_64))
	theirs := cut(&out)
	for _, a := range []*arch{archByName(rspec.ArchX86_64), archByName(rspec.ArchX86), archByName(rspec.ArchX32)} {
		var sum, sumTheirs, most, count int
		for nr := a.low; nr < a.low+600; nr++ {
			c := call{nr: nr, arch: a.audit}
			got, steps, err := run(ours, &c, binary.LittleEndian)
			if err != nil {
				t.Fatal(err)
			}
			want, stepsTheirs, err := run(theirs, &c, binary.LittleEndian)
			if err != nil {
				t.Fatal(err)
			}
			if newer(s, a.name, c) {
				want = enosys
			} else {
				sum, sumTheirs, most, count = sum+steps, sumTheirs+stepsTheirs, max(most, steps), count+1
			}
			if got != want {
				t.Errorf("%s %d: %#x, libseccomp %#x", a.name, nr, got, want)
			}
		}
		t.Logf("%s: %.1f instructions a call, at most %d; libseccomp %.1f", a.name,
			float64(sum)/float64(count), most, float64(sumTheirs)/float64(count))
		if sum > sumTheirs || most > 24 {
			t.Error("too many")
		}
	}
	t.Logf("%d instructions in all; libseccomp %d", len(ours)/8, len(theirs)/8)
	if len(ours) > len(theirs) {
		t.Error("too many")
	}
}
