package cgroup

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"stave/specs"
)

// fakeHost answers the questions of Detect from maps.
func fakeHost(magic map[string]int64, files map[string]string, dirs ...string) *host {
	return &host{root: mountRoot,
		magic:  func(p string) int64 { return magic[p] },
		exists: func(p string) bool { return has(dirs, p) },
		read: func(p string) (string, error) {
			if s, ok := files[p]; ok {
				return s, nil
			}
			return "", &specs.Error{Syscall: "openat2", Path: p, Errno: unix.ENOENT}
		}}
}

func describe(l *Layout) string {
	var b strings.Builder
	b.WriteString(l.Mode.String())
	for _, h := range l.Hierarchies {
		b.WriteString(" " + strings.Join(h.Controllers, "+") + "@" + h.Mount + " root=" + h.Root + " self=" + h.Self)
		if h.V2 {
			b.WriteString(" has=" + strings.Join(h.Available, "+"))
		}
	}
	return b.String()
}

func TestDetect(t *testing.T) {
	const one, two = unix.CGROUP_SUPER_MAGIC, unix.CGROUP2_SUPER_MAGIC
	for _, c := range []struct{ name, got, want string }{
		{"v2", detectString(t, fakeHost(map[string]int64{"/sys/fs/cgroup": two},
			map[string]string{"/proc/self/cgroup": "0::/user.slice/a b\n", "/sys/fs/cgroup/cgroup.controllers": "cpu memory pids\n"},
			"/sys/fs/cgroup/user.slice/a b")),
			"v2 @/sys/fs/cgroup root=/ self=/user.slice/a b has=cpu+memory+pids"},
		{"v2 with a part of the tree mounted", detectString(t, fakeHost(map[string]int64{"/sys/fs/cgroup": two},
			map[string]string{"/proc/self/cgroup": "0::/docker/x\n", "/sys/fs/cgroup/cgroup.controllers": "cpu\n",
				"/proc/self/mountinfo": "1 2 0:3 /docker/x /sys/fs/cgroup rw - cgroup2 cgroup rw\n"})),
			"v2 @/sys/fs/cgroup root=/docker/x self=/docker/x has=cpu"},
		{"v1 with joint controllers and a named hierarchy", detectString(t, fakeHost(
			map[string]int64{"/sys/fs/cgroup/cpu,cpuacct": one, "/sys/fs/cgroup/systemd": one, "/sys/fs/cgroup/pids": one},
			map[string]string{"/proc/self/cgroup": "3:pids:/\n2:cpu,cpuacct:/\n1:name=systemd:/init.scope\n0::/\n"}, "/sys/fs/cgroup/systemd/init.scope")),
			"v1 pids@/sys/fs/cgroup/pids root=/ self=/ cpu+cpuacct@/sys/fs/cgroup/cpu,cpuacct root=/ self=/ name=systemd@/sys/fs/cgroup/systemd root=/ self=/init.scope"},
		{"hybrid, one controller elsewhere and one nowhere", detectString(t, fakeHost(
			map[string]int64{"/sys/fs/cgroup/cpu": one, "/sys/fs/cgroup/unified": two},
			map[string]string{"/proc/self/cgroup": "3:pids:/\n2:cpu:/\n5:rdma:/\n0::/x\n", "/sys/fs/cgroup/unified/cgroup.controllers": "hugetlb\n",
				"/proc/self/mountinfo": "1 2 0:3 / /mnt/my\\040pids rw - cgroup cgroup rw,pids\n1 2 0:3 / / rw - ext4 x rw\n"}, "/sys/fs/cgroup/unified/x")),
			"hybrid pids@/mnt/my pids root=/ self=/ cpu@/sys/fs/cgroup/cpu root=/ self=/ @/sys/fs/cgroup/unified root=/ self=/x has=hugetlb"},
	} {
		if c.got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, c.got, c.want)
		}
	}
	_, err := fakeHost(nil, map[string]string{"/proc/self/cgroup": "0::/\n", "/proc/self/mountinfo": ""}).detect()
	if !errors.Is(err, specs.ErrUnsupported) {
		t.Errorf("no cgroup at all: %v", err)
	}
}

func detectString(t *testing.T, h *host) string {
	t.Helper()
	l, err := h.detect()
	if err != nil {
		return err.Error()
	}
	return describe(l)
}

func hybridLayout() *Layout {
	return &Layout{Mode: Hybrid, Hierarchies: []Hierarchy{
		{Controllers: []string{"cpu", "cpuacct"}, Mount: "/c/cpu,cpuacct", Root: "/", Self: "/"},
		{Controllers: []string{"memory"}, Mount: "/c/memory", Root: "/", Self: "/me/deep"},
		{Controllers: []string{"name=other"}, Mount: "/c/other", Root: "/", Self: "/"},
		{Controllers: []string{"name=systemd"}, Mount: "/c/systemd", Root: "/host/x", Self: "/host/x/y"},
		{Controllers: []string{""}, Mount: "/c/unified", Root: "/", Self: "/me", V2: true, Available: []string{"hugetlb"}},
	}}
}

func v2Layout() *Layout {
	return &Layout{Mode: V2, Hierarchies: []Hierarchy{
		{Controllers: []string{""}, Mount: "/c", Root: "/", Self: "/user.slice/s.scope", V2: true,
			Available: []string{"cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma"}}}}
}

func paths(dirs []Dir) string {
	var out []string
	for _, d := range dirs {
		out = append(out, d.Path)
	}
	return strings.Join(out, " ")
}

func TestDirs(t *testing.T) {
	for _, c := range []struct {
		l               *Layout
		path, rel, want string
	}{
		{hybridLayout(), "", "id", "/c/cpu,cpuacct/id /c/memory/me/deep/id /c/systemd/y/id /c/unified/id"},
		{hybridLayout(), "a//./b/", "a/b", "/c/cpu,cpuacct/a/b /c/memory/me/deep/a/b /c/systemd/y/a/b /c/unified/a/b"},
		{hybridLayout(), "/a/../b", "/b", "/c/cpu,cpuacct/b /c/memory/b /c/systemd/b /c/unified/b"},
		{v2Layout(), "", "id", "/c/user.slice/id"},
		{v2Layout(), "a/b", "a/b", "/c/user.slice/a/b"},
		{v2Layout(), "/machine.slice/x", "/machine.slice/x", "/c/machine.slice/x"},
	} {
		rel, dirs, err := c.l.Dirs(c.path, "id")
		if err != nil || rel != c.rel || paths(dirs) != c.want {
			t.Errorf("%s %q: %q %v %v", c.l.Mode, c.path, rel, paths(dirs), err)
		}
		var list, places []string
		for _, d := range dirs {
			list, places = append(list, d.Path), append(places, d.Place())
		}
		again, err := DirsAt(list, places)
		if err != nil || paths(again) != c.want {
			t.Errorf("DirsAt: %v %v", paths(again), err)
		}
		for i, d := range again {
			if h := dirs[i].H; d.H.V2 != h.V2 || d.H.Mount != h.Mount || !slices.Equal(d.Controllers, dirs[i].Controllers) || !slices.Equal(d.H.Available, h.Available) {
				t.Errorf("DirsAt makes %+v of %s; it was %+v", d.H, places[i], h)
			}
		}
	}
	for _, bad := range []string{"..", "../x", "/..", "a/../../b", "/a/../../c", "/", ".", "a/..", "a\nb", "a\x00"} {
		if _, _, err := v2Layout().Dirs(bad, "id"); !errors.Is(err, specs.ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, bad := range []string{"", "..", "a/b"} {
		if _, _, err := v2Layout().Dirs("", bad); !errors.Is(err, specs.ErrInvalid) {
			t.Errorf("id %q: %v", bad, err)
		}
	}
	for _, bad := range []string{"/", "/c", "/c/../etc", "/etc/x", "c/x", "/c/a/../b"} {
		if _, err := DirsAt([]string{bad}, []string{"2:cpu:/c"}); !errors.Is(err, specs.ErrCorrupt) {
			t.Errorf("DirsAt %q: %v", bad, err)
		}
	}
	for _, bad := range []string{"", "2", "2:cpu", "2:cpu:", "3:cpu:/c", "1:cpu:c", "1:cpu:/c/../c", "1:cpu:/", "1:cpu:/c/"} {
		if dirs, err := DirsAt([]string{"/c/a"}, []string{bad}); !errors.Is(err, specs.ErrCorrupt) {
			t.Errorf("DirsAt %q: %v %v", bad, dirs, err)
		}
	}
	if _, err := DirsAt([]string{"/c/a"}, nil); !errors.Is(err, specs.ErrCorrupt) {
		t.Errorf("DirsAt without places: %v", err)
	}
}

func TestJoin(t *testing.T) {
	_, dirs, _ := hybridLayout().Dirs("/a/b", "")
	if got := strings.Join(JoinFiles(dirs, true), " "); got != "/c/cpu,cpuacct/a/b/tasks /c/memory/a/b/tasks /c/systemd/a/b/tasks" {
		t.Error(got)
	}
	if got := JoinFiles(dirs, false); got[3] != "/c/unified/a/b/cgroup.procs" {
		t.Error(got)
	}
	if got := InitialCgroupDir(dirs); got != "/c/unified/a/b" {
		t.Error(got)
	}
	if got := strings.Join(Ancestors(dirs), " "); got != "/c/cpu,cpuacct/a /c/memory/a /c/systemd/a /c/unified/a" {
		t.Error(got)
	}
	_, dirs, _ = v2Layout().Dirs("a/b/c", "")
	if got := strings.Join(Ancestors(dirs), " "); got != "/c/user.slice/a /c/user.slice/a/b" {
		t.Error(got)
	}
	sub, err := Sub(dirs, "x/../y")
	if err != nil || paths(sub) != "/c/user.slice/a/b/c/y" {
		t.Error(paths(sub), err)
	}
	if _, err := Sub(dirs, "../y"); !errors.Is(err, specs.ErrInvalid) {
		t.Error(err)
	}
}
