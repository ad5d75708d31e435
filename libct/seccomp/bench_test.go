package seccomp

import (
	"encoding/binary"
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
