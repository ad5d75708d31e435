package crash

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/tests/kit"
)

// hostMounts makes a container without a mount namespace: what it mounts is
// mounted on the host, and most of it through links.
func hostMounts(t *testing.T) kit.Mutation {
	long := kit.Dir(t)
	var lower []string
	for _, c := range []string{"a", "b"} {
		dir := filepath.Join(long, strings.Repeat(c, 150)) // together more than fsconfig(2) takes
		kit.Must(t, os.Mkdir(dir, 0o755))
		lower = append(lower, dir)
	}
	return func(b *kit.Bundle) {
		for link, to := range map[string]string{"link": "real", "way": "/dir", "filelink": "/etc/passwd"} {
			kit.Must(t, os.Symlink(to, filepath.Join(b.Rootfs, link)))
		}
		for _, dir := range []string{"real", "dir", "long"} {
			kit.Must(t, os.Mkdir(filepath.Join(b.Rootfs, dir), 0o755))
		}
		s := b.Spec
		s.Root.Readonly = false
		s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = nil, nil
		s.Linux.Namespaces = []specs.LinuxNamespace{{Type: specs.PIDNamespace}}
		s.Hostname = ""
		s.Mounts = []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc"},
			{Destination: "/link", Type: "tmpfs", Source: "t"},
			{Destination: "/real", Type: "tmpfs", Source: "on top", Options: []string{"tmpcopyup"}},
			{Destination: "/way/sub/x y", Type: "tmpfs", Source: "t"},
			{Destination: "/filelink", Type: "bind", Source: "/etc/hostname", Options: []string{"bind"}},
			{Destination: "/long", Type: "overlay", Source: "o", Options: []string{"lowerdir=" + strings.Join(lower, ":")}},
		}
	}
}

// After delete the host's mount table is as before, whatever the container has
// made of the names by which its mounts were asked for.
func TestMountsOfHost(t *testing.T) {
	const wait = "; echo ready; exec sleep 60"
	for name, script := range map[string]string{
		"at rest":       "true",
		"links changed": "rm /link /way /filelink && ln -s /home /link && ln -s /var /way && ln -s /etc/group /filelink",
		"moved":         "mv /dir /tmp/dir && mkdir -p /dir/sub && mv /etc /home/etc && mkdir /etc",
	} {
		t.Run(name, func(t *testing.T) {
			kit.Begin(t)
			r := kit.Subject(t)
			b := kit.NewBundle(t, hostMounts(t), kit.Shell(script+wait))
			before := kit.Snap(r, b)
			id := kit.ID()
			res := r.Create(b, id)
			if res.Code != 0 {
				t.Fatal(res)
			}
			if n := newMounts(before, kit.Snap(r, b)); n < len(b.Spec.Mounts) {
				t.Fatalf("the control: the host sees %d mounts of %d", n, len(b.Spec.Mounts))
			}
			if res := r.Start(id); res.Code != 0 {
				t.Fatal(res)
			}
			if !kit.Eventually(10e9, func() bool { res.Reread(); return strings.Contains(res.Stdout, "ready") }) {
				t.Fatalf("the container does not get there: %s", res)
			}
			if strings.Contains(res.Stderr, "can't") {
				t.Fatalf("the container could not change it: %s", res)
			}
			if res := r.Delete(id, "--force"); res.Code != 0 {
				t.Error(res)
			}
			kit.NoLeak(t, r, before, b)
		})
	}
}

func newMounts(before, now kit.Snapshot) (n int) {
	for _, line := range before.Compare(now) {
		if strings.HasPrefix(line, "new mount") {
			n++
		}
	}
	return n
}

// What others have mounted where the container mounts, before it or after it,
// stays; what stands on its own mounts goes with them.
func TestMountsOfOthers(t *testing.T) {
	kit.Begin(t)
	r := kit.Subject(t)
	mount := kit.NeedTool(t, "mount")
	b := kit.NewBundle(t, hostMounts(t), kit.Args("sleep", "60"))
	on := func(dir string) {
		t.Helper()
		if res := kit.Do(t, mount, "-t", "tmpfs", "other", filepath.Join(b.Rootfs, dir)); res.Code != 0 {
			t.Fatal(res)
		}
		t.Cleanup(func() { kit.Do(t, "umount", "-l", filepath.Join(b.Rootfs, dir)) })
	}
	on("real")
	on("tmp")
	before := kit.Snap(r, b)
	id := r.Running(b)
	on("real")
	on("long")
	if res := r.Delete(id, "--force"); res.Code != 0 {
		t.Error(res)
	}
	kit.NoLeak(t, r, before, b)
}

// Killed before any call of any of its mounts, it leaves none: not when it is the
// child that dies, nor when it is the runtime, of which delete --force has the
// record alone.
func TestKilledAmongMountsOfHost(t *testing.T) {
	path := kit.FaultBuild(t)
	b := kit.NewBundle(t, hostMounts(t), kit.Args("sleep", "60"))
	most, ran := 0, 0
	for _, s := range plan(t, kit.NewRuntime(t, path), b) {
		if s.Name != "list of mounts" && s.Name != "chroot" && !strings.HasPrefix(s.Field, "/mounts") {
			continue
		}
		t.Run(strings.ReplaceAll(s.Name, "/", "."), func(t *testing.T) {
			kit.Begin(t)
			r := kit.NewRuntime(t, path)
			before := kit.Snap(r, b)
			ran++
			for nth := 1; nth <= max(len(s.Calls), 1); nth++ {
				id, fault := kit.ID(), fmt.Sprintf("%s:%d=", s.Name, nth)
				if res := verb(t, r, fault+"kill", "create", "--bundle", b.Dir, id); res.TimedOut {
					t.Fatal(res)
				} else if res.Code != 0 && s.Actor == "child" {
					kit.NoLeak(t, r, before, b) // without a delete
				}
				if res := r.Delete(id, "--force"); res.Code != 0 {
					t.Errorf("delete --force: %s", res)
				}
				if s.Actor == "child" {
					id = kit.ID()
					killedWhile(t, r, b, id, fault+"pause")
					most = max(most, newMounts(before, kit.Snap(r, b)))
					if res := r.Delete(id, "--force"); res.Code != 0 {
						t.Errorf("delete --force: %s", res)
					}
				}
				kit.NoLeak(t, r, before, b)
			}
			invariants(t, r, b, kit.ID(), before)
		})
	}
	if ran > 0 && most < len(b.Spec.Mounts) {
		t.Errorf("the control: no more than %d mounts were left by a runtime that was killed", most)
	}
}

// killedWhile kills the runtime that creates while its child is held up, unless
// the child does not come by there.
func killedWhile(t *testing.T, r *kit.Runtime, b *kit.Bundle, id, fault string) {
	t.Helper()
	c := r.Cmd("create", "--bundle", b.Dir, id)
	c.Env, c.Timeout = append(c.Env, "STAVE_FAULT="+fault), 20*time.Second
	c.Start(t)
	ended := func() bool {
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.PID()))
		_, rest, _ := strings.Cut(string(stat), ") ")
		return rest == "" || rest[0] == 'Z'
	}
	kit.Eventually(10*time.Second, func() bool { return ended() || heldUp() })
	c.Signal(9)
	if res := c.Wait(); res.TimedOut {
		t.Errorf("%s", res)
	}
}

// heldUp says that a child is in the rt_sigtimedwait(2) of the fault build.
func heldUp() bool {
	for _, p := range kit.Descendants() {
		call, _ := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", p.PID))
		if strings.HasPrefix(string(call), fmt.Sprint(unix.SYS_RT_SIGTIMEDWAIT, " ")) {
			return true
		}
	}
	return false
}

// A planned step is one of explain --json.
type planned struct {
	Name, Field, Actor string
	Calls              []string
}

func plan(t *testing.T, r *kit.Runtime, b *kit.Bundle) (all []planned) {
	t.Helper()
	res := r.Do("explain", "--json", b.Dir)
	if err := json.Unmarshal([]byte(res.Stdout), &all); err != nil {
		t.Fatalf("%v: %s", err, res)
	}
	return all
}
