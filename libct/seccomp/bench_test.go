package seccomp

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"testing"
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

// How many instructions the kernel runs for frequent calls: each system call of
// the container pays for them.
func TestSteps(t *testing.T) {
	f := compile(t, realisticProfile(t))
	t.Log(len(f.Prog)/8, "instructions")
	sum := 0
	for nr := range uint32(452) {
		_, steps, err := run(f.Prog, &call{nr: nr, arch: auditX}, binary.LittleEndian)
		if err != nil {
			t.Fatal(err)
		}
		sum += steps
		if steps > 24 {
			t.Errorf("%d takes %d instructions", nr, steps)
		}
	}
	t.Logf("%.1f steps on average", float64(sum)/452)
}
