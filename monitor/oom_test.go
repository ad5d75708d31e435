package monitor

import "testing"

// The line is chosen by its controllers, not by its place.
func TestFindMemory(t *testing.T) {
	text, err := readSmall("/proc/self/cgroup", 1<<16)
	if err != nil {
		t.Skip("this machine lacks cgroups")
	}
	dir, v2 := findMemory(text)
	if dir == "" {
		t.Skip("this machine lacks the memory controller")
	}
	// The v2 line of a hybrid host may come first, and is not it.
	got, gotV2 := findMemory("0::/nonsense\n" + text)
	if !v2 && (got != dir || gotV2) {
		t.Errorf("got %s, want %s", got, dir)
	}
	for _, text := range []string{"", "garbage", "1:memory", "5:cpu,cpuacct:/x\n"} {
		if dir, _ := findMemory(text); dir != "" {
			t.Errorf("%q: %s", text, dir)
		}
	}
}
