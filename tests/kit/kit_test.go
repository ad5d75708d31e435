package kit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) { Main(m) }

// The verbs of the kit work with the runtime at hand, and nothing is left.
func TestLifeCycle(t *testing.T) {
	Begin(t)
	r := Subject(t)
	b := NewBundle(t, Shell("echo hello; exec sleep 30"))
	before := Snap(r, b)
	id := r.Running(b)
	if s, res := r.State(id); s.Status != "running" || s.PID == 0 {
		t.Errorf("state: %s", res)
	}
	if res := r.Exec(id, nil, "sh", "-c", "echo in; exit 7"); res.Code != 7 || res.Stdout != "in\n" {
		t.Errorf("exec: %s", res)
	}
	if len(before.Compare(Snap(r, b))) == 0 {
		t.Error("a running container left no trace: the snapshot is blind")
	}
	if res := r.Kill(id, "KILL"); res.Code != 0 {
		t.Errorf("kill: %s", res)
	}
	if !r.WaitStatus(id, "stopped") {
		t.Error("still not stopped")
	}
	if res := r.Delete(id); res.Code != 0 {
		t.Errorf("delete: %s", res)
	}
	NoLeak(t, r, before, b)
}

// Positive control: each kind of leak is seen.
func TestSnapshotSees(t *testing.T) {
	Begin(t)
	NeedRoot(t)
	r := NewRuntime(t, "/bin/true")
	b := NewBundle(t)
	before := Snap(r, b)
	cgroup := filepath.Join(anyCgroup(t), ID())
	dir := Dir(t)
	Must(t, os.Mkdir(cgroup, 0o755))
	Must(t, os.WriteFile(filepath.Join(r.Root, "x"), nil, 0o600))
	Must(t, os.WriteFile(filepath.Join(r.Tmp, "x"), nil, 0o600))
	Must(t, os.WriteFile(filepath.Join(b.Dir, "x"), nil, 0o600))
	file, err := os.Open("/etc/passwd")
	Must(t, err)
	Do(t, "mount", "-t", "tmpfs", "x", dir)
	Do(t, "unshare", "-u", "sh", "-c", "sleep 30 & exit 0")
	seen := strings.Join(before.Compare(Snap(r, b)), "\n")
	for _, kind := range []string{"mount", "cgroup", "process", "namespace", "fd", "state", "tmp", "bundle"} {
		if !strings.Contains(seen, "new "+kind+": ") {
			t.Errorf("a new %s is not seen in:\n%s", kind, seen)
		}
	}
	file.Close()
	Do(t, "umount", dir)
	Must(t, os.Remove(cgroup))
	Must(t, os.Remove(filepath.Join(r.Root, "x")))
	Must(t, os.Remove(filepath.Join(r.Tmp, "x")))
	Must(t, os.Remove(filepath.Join(b.Dir, "x")))
	killStrays()
	NoLeak(t, r, before, b)
}

// A command that hangs ends with its deadline, with all its children.
func TestDeadline(t *testing.T) {
	Begin(t)
	c := &Cmd{Args: []string{"sh", "-c", "sleep 60; true"}, Timeout: 200 * time.Millisecond}
	c.Start(t)
	if res := c.Wait(); !res.TimedOut || res.Took > 5*time.Second {
		t.Errorf("%s", res)
	}
}

func anyCgroup(t *testing.T) string {
	for _, dir := range []string{"/sys/fs/cgroup/pids", "/sys/fs/cgroup/memory", "/sys/fs/cgroup"} {
		if _, err := os.Stat(dir); err == nil {
			return dir
		}
	}
	Lacks(t, "a cgroup hierarchy")
	return ""
}

// A mount that was left in a directory of ours keeps its files.
func TestRemoveTreeSparesMounts(t *testing.T) {
	Begin(t)
	NeedRoot(t)
	canary, dir := Dir(t), Dir(t)
	file := filepath.Join(canary, "keep")
	Must(t, os.WriteFile(file, []byte("x"), 0o600))
	point := filepath.Join(dir, "a b")
	Must(t, os.Mkdir(point, 0o755))
	for range 2 { // stacked
		if res := Do(t, "mount", "--bind", canary, point); res.Code != 0 {
			t.Fatal(res)
		}
	}
	if err := RemoveTree(dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Errorf("removed through a bind mount: %v", err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("still there")
	}
}

// A setting of the host that a test changes is seen, and put back.
func TestSettings(t *testing.T) {
	Begin(t)
	NeedRoot(t)
	const path = "/proc/sys/kernel/domainname" // of all of them the most harmless
	before := settings()
	Must(t, os.WriteFile(path, []byte("kit.test"), 0))
	if !restoreSettings(before) {
		t.Error("the change is not seen")
	}
	if restoreSettings(before) {
		t.Error("it is not put back")
	}
}
