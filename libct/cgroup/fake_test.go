package cgroup

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"stave/specs"
)

// A directory with files in it stands for a cgroup v2 mount, for what this
// machine's controllers cannot show.

func fake(t *testing.T, files map[string]string) (*Layout, []Dir) {
	t.Helper()
	root := t.TempDir()
	l := &Layout{Mode: V2, Hierarchies: []Hierarchy{{Controllers: []string{""}, Mount: root, Root: "/", Self: "/", V2: true,
		Available: []string{"cpu", "io", "memory", "pids", "hugetlb"}}}}
	_, dirs, err := l.Dirs("/pod/c", "")
	if err != nil {
		t.Fatal(err)
	}
	if made, err := Make(dirs); err != nil || len(made) != 2 || made[0] != root+"/pod" {
		t.Fatal(made, err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dirs[0].Path, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return l, dirs
}

func content(t *testing.T, d Dir, name string) string {
	t.Helper()
	text, err := d.read(name)
	if err != nil {
		t.Error(err)
	}
	return text
}

func TestV2Writes(t *testing.T) {
	l, dirs := fake(t, map[string]string{"memory.max": "", "memory.low": "", "io.weight": "", "cpu.max": "max 100000", "pids.max": ""})
	d, weight, limit := dirs[0], uint16(500), int64(1<<20)
	res := &rspec.LinuxResources{Memory: &rspec.LinuxMemory{Limit: &limit, Swap: &limit}, BlockIO: &rspec.LinuxBlockIO{Weight: &weight}}
	w, err := Settings(l, dirs, res, Options{})
	if err != nil {
		t.Fatal(err)
	}
	// No memory.swap.max, no io.bfq.weight: ignored, and the other file.
	if err := Apply(dirs, w); err != nil {
		t.Fatal(err)
	}
	if content(t, d, "memory.max") != "1048576" || content(t, d, "io.weight") != "4950" {
		t.Error("not written")
	}
	swap := int64(2 << 20)
	res.Memory.Swap = &swap
	w, _ = Settings(l, dirs, res, Options{})
	err = Apply(dirs, w)
	if e := new(specs.Error); !errors.As(err, &e) || e.Field != "/linux/resources/memory/swap" || e.Errno != unix.ENOENT || !strings.Contains(e.Hint, "swap") {
		t.Error(err)
	}
	// A new period keeps the quota in force.
	for _, c := range []struct{ have, want string }{{"max 100000", "max 50000"}, {"7000 100000", "7000 50000"}} {
		os.WriteFile(d.Path+"/cpu.max", []byte(c.have+"\n"), 0o644)
		period := uint64(50000)
		if err := Update(l, dirs, nil, &rspec.LinuxResources{CPU: &rspec.LinuxCPU{Period: &period}}); err != nil {
			t.Error(err)
		}
		if got := content(t, d, "cpu.max"); !strings.HasPrefix(got, c.want) {
			t.Error(got)
		}
	}
	os.WriteFile(d.Path+"/memory.current", []byte("1048576\n"), 0o644)
	yes := true
	err = Update(l, dirs, nil, &rspec.LinuxResources{Memory: &rspec.LinuxMemory{Limit: &limit, CheckBeforeUpdate: &yes}})
	if !errors.Is(err, specs.ErrInvalid) || !strings.Contains(err.Error(), "1048576 bytes in use") {
		t.Error(err)
	}
}

func TestV2Enable(t *testing.T) {
	l, dirs := fake(t, nil)
	for _, dir := range []string{l.Hierarchies[0].Mount, parent(dirs[0].Path)} {
		os.WriteFile(dir+"/cgroup.subtree_control", nil, 0o644)
	}
	if err := Apply(dirs, Enable(l, dirs, nil)); err != nil {
		t.Fatal(err)
	}
	if got := content(t, Dir{Path: parent(dirs[0].Path), H: dirs[0].H}, "cgroup.subtree_control"); got != "+cpu +io +memory +pids +hugetlb" {
		t.Error(got)
	}
}

func TestV2Kill(t *testing.T) {
	_, dirs := fake(t, map[string]string{"cgroup.kill": "", "cgroup.events": "populated 1\nfrozen 0\n", "cgroup.procs": "", "cgroup.freeze": ""})
	d := dirs[0]
	time.AfterFunc(30*time.Millisecond, func() { os.WriteFile(d.Path+"/cgroup.events", []byte("populated 0\n"), 0o644) })
	if err := Kill(dirs, 5*time.Second); err != nil || content(t, d, "cgroup.kill") != "1" {
		t.Error(err)
	}
	os.WriteFile(d.Path+"/cgroup.events", []byte("populated 1\n"), 0o644)
	os.WriteFile(d.Path+"/cgroup.procs", []byte("4194305\n4194306\n"), 0o644)
	err := Kill(dirs, 20*time.Millisecond)
	if !errors.Is(err, specs.ErrBusy) || !strings.Contains(err.Error(), "processes left: 4194305 4194306") {
		t.Error(err)
	}
}

func TestV2Freeze(t *testing.T) {
	_, dirs := fake(t, map[string]string{"cgroup.events": "populated 1\nfrozen 0\n", "cgroup.freeze": "0\n"})
	d := dirs[0]
	os.WriteFile(parent(d.Path)+"/cgroup.freeze", []byte("0\n"), 0o644)
	time.AfterFunc(30*time.Millisecond, func() { os.WriteFile(d.Path+"/cgroup.events", []byte("populated 1\nfrozen 1\n"), 0o644) })
	if err := Freeze(dirs, true); err != nil {
		t.Fatal(err)
	}
	frozen, err := Frozen(dirs)
	paused, err2 := Paused(dirs)
	if !frozen || !paused || err != nil || err2 != nil {
		t.Error(frozen, paused, err, err2)
	}
	os.WriteFile(parent(d.Path)+"/cgroup.freeze", []byte("1\n"), 0o644)
	if err := Freeze(dirs, false); err != nil {
		t.Fatal(err)
	}
	frozen, _ = Frozen(dirs)
	paused, _ = Paused(dirs)
	if !frozen || paused {
		t.Error("frozen from above: ", frozen, paused)
	}
}

func TestV2Check(t *testing.T) {
	for _, c := range []struct {
		kind string
		ok   bool
	}{{"domain\n", true}, {"", true}, {"domain invalid\n", false}, {"threaded\n", false}} {
		_, dirs := fake(t, map[string]string{"cgroup.type": c.kind, "cgroup.procs": "", "cgroup.freeze": "0\n"})
		os.WriteFile(parent(dirs[0].Path)+"/cgroup.freeze", []byte("0\n"), 0o644)
		if err := Check(dirs); (err == nil) != c.ok {
			t.Errorf("%q: %v", c.kind, err)
		}
	}
}

func TestV2Stats(t *testing.T) {
	const psi = "some avg10=1.50 avg60=0.25 avg300=0.00 total=77\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=5\n"
	_, dirs := fake(t, map[string]string{
		"cpu.stat":            "usage_usec 5\nuser_usec 3\nsystem_usec 2\nnr_periods 9\nnr_throttled 1\nthrottled_usec 4\n",
		"cpu.pressure":        psi,
		"memory.stat":         "anon 10\nfile 4096\n",
		"memory.current":      "8192\n",
		"memory.max":          "max\n",
		"memory.peak":         "9000\n",
		"memory.events":       "low 0\nmax 6\noom 2\noom_kill 2\n",
		"memory.swap.max":     "100\n",
		"memory.swap.current": "1\n",
		"pids.current":        "3\n",
		"pids.max":            "max\n",
		"io.stat":             "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n7:0\n",
		"rdma.max":            "mlx4_0 hca_handle=2 hca_object=max\n",
		"rdma.current":        "mlx4_0 hca_handle=1 hca_object=7\n",
		"misc.current":        "sev 3\n",
		"misc.events":         "sev.max 4\n",
	})
	got, err := ReadStats(dirs)
	if err != nil {
		t.Fatal(err)
	}
	pressure := &PSIStats{Some: PSIData{1.5, 0.25, 0, 77}, Full: PSIData{0, 0, 0, 5}}
	want := &Stats{
		CPU:    CPUStats{Usage: CPUUsage{Total: 5000, User: 3000, Kernel: 2000}, Throttling: Throttling{9, 1, 4000}, PSI: pressure},
		Memory: MemoryStats{Cache: 4096, Usage: MemoryEntry{noLimit, 8192, 9000, 6}, Swap: MemoryEntry{Limit: noLimit, Usage: 8193}, Raw: map[string]uint64{"anon": 10, "file": 4096}},
		Pids:   PidsStats{Current: 3},
		BlockIO: BlockIOStats{ServiceBytes: []BlockIOEntry{{8, 0, "Read", 1}, {8, 0, "Write", 2}},
			Serviced: []BlockIOEntry{{8, 0, "Read", 3}, {8, 0, "Write", 4}}},
		Hugetlb: map[string]HugetlbStats{},
		Rdma:    &RdmaStats{Limit: []RdmaEntry{{"mlx4_0", 2, 1<<32 - 1}}, Current: []RdmaEntry{{"mlx4_0", 1, 7}}},
		Misc:    map[string]MiscStats{"sev": {3, 4}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
	if n, err := OOMKills(dirs); n != 2 || err != nil {
		t.Error(n, err)
	}
	w, err := WatchOOM(dirs)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	os.WriteFile(dirs[0].Path+"/memory.events", []byte("oom_kill 5\n"), 0o644)
	if kills, oom, ended, err := w.Wait(time.Second); kills != 3 || !oom || ended || err != nil {
		t.Error(kills, oom, ended, err)
	}
}

// Nothing is ever reached through a link, and nothing outside is removed.
func TestLinks(t *testing.T) {
	l, dirs := fake(t, nil)
	outside := t.TempDir()
	os.MkdirAll(outside+"/keep/this", 0o755)
	os.WriteFile(outside+"/memory.max", []byte("mine"), 0o644)
	os.Symlink(outside, dirs[0].Path+"/link")
	sub, _ := Sub(dirs, "link")
	if _, err := ReadStats(sub); !errors.Is(err, unix.ELOOP) {
		t.Error(err)
	}
	if err := Apply(sub, []Write{{Dir: sub[0].Path, File: "memory.max", Value: "x"}}); !errors.Is(err, unix.ELOOP) {
		t.Error(err)
	}
	below, _ := Sub(dirs, "link/keep")
	if err := Remove(below); !errors.Is(err, unix.ELOOP) {
		t.Error(err)
	}
	if _, err := Make(below); err == nil {
		// keep exists already, but not here.
		t.Error("made a directory through a link")
	}
	os.Remove(dirs[0].Path + "/link")
	os.Symlink(outside+"/memory.max", dirs[0].Path+"/memory.max")
	if err := Apply(dirs, []Write{{Dir: dirs[0].Path, File: "memory.max", Value: "x"}}); !errors.Is(err, unix.ELOOP) {
		t.Error(err)
	}
	if text, _ := os.ReadFile(outside + "/memory.max"); string(text) != "mine" || !exists(outside+"/keep/this") {
		t.Error("changed outside")
	}
	for _, path := range []string{l.Hierarchies[0].Mount, l.Hierarchies[0].Mount + "/..", l.Hierarchies[0].Mount + "/pod/.."} {
		if err := Remove([]Dir{{Path: path, H: dirs[0].H}}); err == nil {
			t.Error("removed ", path)
		}
	}
	if err := Apply(dirs, []Write{{Dir: outside, File: "memory.max", Value: "x"}}); !errors.Is(err, specs.ErrCorrupt) {
		t.Error(err)
	}
}

func TestRemoveTree(t *testing.T) {
	l, dirs := fake(t, nil)
	os.MkdirAll(dirs[0].Path+"/a/b/c", 0o755)
	os.MkdirAll(dirs[0].Path+"/a/d", 0o755)
	if err := Remove(dirs); err != nil || exists(dirs[0].Path) {
		t.Error(err)
	}
	RemoveEmpty(dirs, []string{parent(dirs[0].Path)})
	if exists(l.Hierarchies[0].Mount + "/pod") {
		t.Error("pod is left")
	}
}

func TestInherit(t *testing.T) {
	root := t.TempDir()
	l := &Layout{Mode: V1, Hierarchies: []Hierarchy{{Controllers: []string{"cpuset"}, Mount: root, Root: "/", Self: "/"}}}
	write := func(dir, cpus, mems, clone string) {
		os.MkdirAll(root+dir, 0o755)
		os.WriteFile(root+dir+"/cpuset.cpus", []byte(cpus+"\n"), 0o644)
		os.WriteFile(root+dir+"/cpuset.mems", []byte(mems+"\n"), 0o644)
		os.WriteFile(root+dir+"/cgroup.clone_children", []byte(clone+"\n"), 0o644)
	}
	write("", "0-3", "0-1", "0")
	write("/a", "0-1", "", "0")
	_, dirs, _ := l.Dirs("/a/b/c", "")
	show := func(res *rspec.LinuxResources) string {
		w, err := CpusetInherit(dirs, res)
		if err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(render(w), root, "")
	}
	const above = "/a/cpuset.mems = 0-1  \n/a/b/cpuset.cpus = 0-1  \n/a/b/cpuset.mems = 0-1  \n"
	if got := show(nil); got != above+"/a/b/c/cpuset.cpus = 0-1  \n/a/b/c/cpuset.mems = 0-1  \n" {
		t.Error(got)
	}
	if got := show(&rspec.LinuxResources{CPU: &rspec.LinuxCPU{Cpus: "1"}}); got != above+"/a/b/c/cpuset.mems = 0-1  \n" {
		t.Error(got)
	}
	write("/a", "0-1", "0", "1")
	if got := show(nil); got != "" {
		t.Error(got)
	}
}
