package kit

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A Snapshot is everything outside a container that a runtime may leave
// behind. The mount table is that of our own mount namespace, complete; of the
// cgroups only those with Prefix in their path, because others work here too.
type Snapshot map[string][]string

// Snap takes a snapshot; bundles are the directories the runtime was given.
func Snap(r *Runtime, bundles ...*Bundle) Snapshot {
	s := Snapshot{
		"mount":   mounts(),
		"cgroup":  cgroups(),
		"process": nil,
		"fd":      fds(),
		"setting": settings(),
		"state":   tree(r.Root),
		"tmp":     tree(r.Tmp),
	}
	var ns []string
	for _, p := range Descendants() {
		s["process"] = append(s["process"], fmt.Sprintf("%d (%s)", p.PID, p.Comm))
		ns = append(ns, namespacesOf(p.PID)...)
	}
	slices.Sort(ns)
	s["namespace"] = slices.Compact(ns)
	for _, b := range bundles {
		// The rootfs may gain mount points, which is the runtime's right.
		for _, line := range tree(b.Dir) {
			if !strings.HasPrefix(line, "rootfs") {
				s["bundle"] = append(s["bundle"], b.Dir+"/"+line)
			}
		}
	}
	return s
}

// Compare lists what is in now and was not in s, and what is gone.
func (s Snapshot) Compare(now Snapshot) []string {
	var diff []string
	for _, kind := range []string{"mount", "cgroup", "process", "namespace", "fd", "setting", "state", "tmp", "bundle"} {
		for _, line := range now[kind] {
			if !slices.Contains(s[kind], line) {
				diff = append(diff, "new "+kind+": "+line)
			}
		}
		for _, line := range s[kind] {
			if !slices.Contains(now[kind], line) {
				diff = append(diff, "lost "+kind+": "+line)
			}
		}
	}
	return diff
}

// NoLeak fails the test if something is left behind. Processes that are just
// ending get two seconds.
func NoLeak(t testing.TB, r *Runtime, before Snapshot, bundles ...*Bundle) {
	t.Helper()
	var diff []string
	if !Eventually(2*time.Second, func() bool {
		diff = before.Compare(Snap(r, bundles...))
		return len(diff) == 0
	}) {
		t.Errorf("left behind:\n  %s", strings.Join(diff, "\n  "))
	}
}

func mounts() []string {
	data, _ := os.ReadFile("/proc/self/mountinfo")
	return strings.Split(strings.TrimSpace(string(data)), "\n")
}

func cgroups() []string {
	all := os.Getenv("LEAK_ALL") != "" // alone on this machine: see everything
	var dirs []string
	_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && (all || strings.Contains(path, Prefix)) {
			dirs = append(dirs, path)
		}
		return nil // a directory may vanish meanwhile
	})
	return dirs
}

func fds() []string {
	var all []string
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		to, err := os.Readlink("/proc/self/fd/" + e.Name())
		// The directory itself, and what the Go runtime opens when it likes.
		if err == nil && !strings.HasPrefix(to, "/proc/") && !strings.HasPrefix(to, "anon_inode:") &&
			!strings.HasPrefix(to, "/sys/fs/cgroup") {
			all = append(all, e.Name()+" -> "+to)
		}
	}
	return all
}

func tree(dir string) []string {
	var all []string
	_ = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, _ error) error {
		if rel, err := filepath.Rel(dir, path); err == nil && rel != "." {
			all = append(all, rel)
		}
		return nil
	})
	return all
}

// NamespaceKinds are the links in /proc/PID/ns.
var NamespaceKinds = []string{"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"}

func namespacesOf(pid int) []string {
	var all []string
	for _, kind := range NamespaceKinds {
		if to, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, kind)); err == nil {
			all = append(all, to)
		}
	}
	return all
}

func chownDirs(root string, id int) {
	_ = filepath.WalkDir(root, func(path string, _ fs.DirEntry, _ error) error {
		return os.Lchown(path, id, id)
	})
}
