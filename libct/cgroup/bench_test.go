package cgroup

import (
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

func BenchmarkDetect(b *testing.B) {
	for b.Loop() {
		if _, err := Detect(); err != nil {
			b.Skip(err)
		}
	}
}

func BenchmarkPlan(b *testing.B) {
	l := v1Layout()
	for b.Loop() {
		_, dirs, _ := l.Dirs("/a", "")
		_, _ = Settings(l, dirs, nil, Options{})
	}
}

func BenchmarkMakeRemove(b *testing.B) {
	l, err := Detect()
	if err != nil || unix.Geteuid() != 0 {
		b.Skip("needs root and cgroups: ", err)
	}
	_, dirs, _ := l.Dirs("/stave-bench-"+strconv.Itoa(unix.Getpid()), "")
	for b.Loop() {
		if _, err := Make(dirs); err != nil {
			b.Skip(err)
		}
		if err := Remove(dirs); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCpusetInherit(b *testing.B) {
	l, err := Detect()
	if err != nil {
		b.Skip(err)
	}
	_, dirs, _ := l.Dirs("/stave-bench", "")
	for b.Loop() {
		if _, err := CpusetInherit(dirs, nil); err != nil {
			b.Skip(err)
		}
	}
}
