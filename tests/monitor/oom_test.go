package monitor

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"stave/tests/kit"
)

// hungry is a container that is killed for memory at once.
func hungry(b *kit.Bundle) {
	b.Spec.Linux.Resources.Memory = &specs.LinuxMemory{Limit: kit.Ptr(int64(8 << 20)), Swap: kit.Ptr(int64(8 << 20))}
	b.Spec.Linux.CgroupsPath = "/" + kit.ID()
	// One process, and no shell that would tell a child's death as its own status.
	b.Spec.Process.Args = []string{"dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1"}
}

// needMemoryCgroup skips where nothing limits memory.
func needMemoryCgroup(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("/sys/fs/cgroup/memory/memory.limit_in_bytes"); err == nil {
		return
	}
	data, _ := os.ReadFile("/sys/fs/cgroup/cgroup.controllers")
	if !strings.Contains(string(data), "memory") {
		kit.Lacks(t, "the memory controller")
	}
}

// Killed for memory: two empty files say so, 0644, and the status is 137.
func TestOOM(t *testing.T) {
	needMemoryCgroup(t)
	each(t, func(t *testing.T, s subject) {
		c := real(t, s, stave(t), hungry)
		if code := c.run(); code != 137 {
			t.Errorf("exit status %d; log %q", code, c.read("log"))
		}
		for _, path := range []string{c.file("persist/oom"), c.inBundle("oom")} {
			info, err := os.Stat(path)
			if !s.ours() && err != nil {
				// An event that is dispatched after SIGCHLD is lost there.
				t.Logf("conmon lost the event: %v", err)
				continue
			}
			if err != nil || info.Size() != 0 || info.Mode() != 0o644 {
				t.Errorf("%s: %v, %v", path, info, err)
			}
		}
		c.clean()
	})
}

// No files without an OOM, whatever the end.
func TestNoOOM(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		for _, script := range []string{"exit 0", "kill -9 $$; sleep 1"} {
			c := real(t, s, stave(t), kit.Shell(script), func(b *kit.Bundle) {
				b.Spec.Linux.Resources.Memory = &specs.LinuxMemory{Limit: kit.Ptr(int64(64 << 20))}
			})
			c.run()
			for _, path := range []string{c.file("persist/oom"), c.inBundle("oom")} {
				if _, err := os.Stat(path); err == nil {
					t.Errorf("%s: there is %s", script, path)
				}
			}
			c.clean()
		}
	})
}

// Every one of many, deterministically: also the event that comes in the same
// moment as the end.
func TestOOMManyTimes(t *testing.T) {
	needMemoryCgroup(t)
	s := ours(t)
	lost := 0
	n := often(20, 1000)
	for range n {
		c := real(t, s, stave(t), hungry)
		c.run()
		_, one := os.Stat(c.file("persist/oom"))
		_, two := os.Stat(c.inBundle("oom"))
		if one != nil || two != nil {
			lost++
		}
		c.clean()
	}
	if lost > 0 {
		t.Errorf("%d of %d are not told", lost, n)
	}
}

// The monitor protects itself where it may, and nobody else.
func TestOOMScore(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, "record; container 'cat /proc/$$/oom_score_adj >'$D'/container-oom; read x <'$D'/go'")
		c.created()
		own := strings.TrimSpace(c.procFile("oom_score_adj"))
		want := strings.TrimSpace(selfOOM(t))
		if mayLowerOOM() {
			want = "-1000"
		}
		if own != want {
			t.Errorf("the monitor has %s, want %s", own, want)
		}
		if got := c.recorded("oom"); got != selfOOM(t) {
			t.Errorf("the runtime has %q", got)
		}
		kit.Must(t, eventuallyNonEmpty(filepath.Join(filepath.Dir(c.rt.Path), "container-oom")))
		if got := c.recorded("container-oom"); got != selfOOM(t) {
			t.Errorf("the container has %q", got)
		}
		c.release()
		c.wait()
		c.clean()
	})
}

// mayLowerOOM says whether we have CAP_SYS_RESOURCE.
func mayLowerOOM() bool {
	data, _ := os.ReadFile("/proc/self/status")
	caps, _ := strconv.ParseUint(status(string(data), "CapEff"), 16, 64)
	return caps&(1<<24) != 0
}

// A caller with a value of its own gets it back in the runtime.
func TestOOMScoreIsRestored(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, "record; container true")
		c.withCommand("true")
		c.add("--sync")
		line := "echo 500 >/proc/$$/oom_score_adj; exec " + s.path + " \"$@\""
		cmd := &kit.Cmd{Args: append([]string{"sh", "-c", line, "sh"}, c.flags...), Env: []string{"TMPDIR=" + c.rt.Tmp}}
		cmd.Start(t)
		if res := cmd.Wait(); res.Code != 0 {
			t.Fatal(res)
		}
		want := "500\n"
		if !s.ours() { // Debian's version sets 0
			want = "0\n"
		}
		if got := c.recorded("oom"); got != want {
			t.Errorf("the runtime has %q", got)
		}
		if got := c.read("cmd-oom"); got != "500\n" && s.ours() {
			t.Errorf("the exit command has %q", got)
		}
	})
}
