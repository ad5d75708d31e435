package oracle

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"stave/tests/kit"
)

func TestMain(m *testing.M) { kit.Main(m) }

// The same bundle gives the same facts under the runtime at hand, Debian's
// runc, and libcontainer.
func TestOracle(t *testing.T) {
	kit.NeedRoot(t)
	kit.UseProbe(t)
	subject := kit.SubjectPath()
	if _, err := os.Stat(subject); err != nil {
		kit.Lacks(t, "%s: build it, or set RUNTIME", subject)
	}
	references := map[string]string{"runc": kit.NeedTool(t, "runc"), "libct": buildLibct(t)}
	if references["runc"] == subject {
		delete(references, "runc")
	}
	names, used := map[string]bool{}, map[*accepted]int{}
	split := map[string]int{} // the references disagree, and we side with one
	var equal, unequal, waived int
	for _, r := range rows() {
		if names[r.name] {
			t.Fatalf("two rows named %s", r.name)
		}
		names[r.name] = true
		t.Run(r.name, func(t *testing.T) {
			kit.Begin(t)
			if r.lacks != "" {
				kit.Lacks(t, "%s", r.lacks)
			}
			got := observe(t, subject, r)
			if d, ok := got["delete"]; ok {
				t.Errorf("delete --force: %s", d)
			}
			want := map[string]facts{}
			for name, path := range references {
				if r.skip != name {
					want[name] = observe(t, path, r)
				}
			}
			for name, w := range want {
				for _, d := range compare(w, got) {
					if a := findAccepted(r.name, d.field, name); a != nil {
						used[a]++
						waived++
						continue
					}
					if other := agrees(want, name, d); other != "" {
						split[d.field+": "+other+" against "+name]++
						continue
					}
					unequal++
					t.Errorf("%s: %s has %q, we have %q", d.field, name, d.want, d.got)
				}
			}
			equal += len(got)
		})
	}
	for i := range acceptedDifferences {
		if a := &acceptedDifferences[i]; used[a] > 0 {
			fmt.Printf("oracle: accepted %4d times: %s %s %s: %s\n", used[a], a.bundle, a.field, a.against, a.reason)
		}
	}
	sides := 0
	for _, what := range slices.Sorted(maps.Keys(split)) {
		fmt.Printf("oracle: the references differ, we side with %3d times %s\n", split[what], what)
		sides += split[what]
	}
	fmt.Printf("oracle: %d bundles, %d facts of ours, %d differences, %d accepted, %d where the references differ\n",
		len(names), equal, unequal, waived, sides)
}

// agrees names another reference that has what we have in this field.
func agrees(want map[string]facts, name string, d difference) string {
	for other, w := range want {
		value, ok := w[d.field]
		if other != name && (ok && value == d.got || !ok && d.got == "(absent)") && w["create"] == want[name]["create"] {
			return other
		}
		if other != name && d.field == "create" && value == d.got {
			return other
		}
	}
	return ""
}

// buildLibct builds the libcontainer runtime once and keeps it in the cache.
func buildLibct(t *testing.T) string {
	kit.NeedTool(t, "gcc")
	to := filepath.Join(kit.ModuleRoot(), "tests", ".cache", "libct-oracle")
	cmd := exec.Command("go", "build", "-p", "1", "-tags", "seccomp", "-o", to, "./tests/oracle/libct-oracle")
	cmd.Dir = kit.ModuleRoot()
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	if out, err := kit.Output(cmd); err != nil {
		t.Fatalf("build of libct-oracle (libseccomp-dev?): %v\n%s", err, out)
	}
	return to
}

// observe runs one bundle under one runtime. A runtime that refuses the bundle
// gives the single fact that it does.
func observe(t *testing.T, path string, r row) facts {
	t.Helper()
	rt := kit.NewRuntime(t, path)
	rt.Timeout = 20 * time.Second
	id := kit.ID()
	b := kit.NewBundle(t, kit.Args("probe"))
	e := &env{t: t, b: b, id: id}
	for _, m := range r.change {
		m(e)
	}
	b.Write(t)
	ask(t, b, append(defaultAsked, r.ask...))
	names := []string{id, "ID", b.Dir, "BUNDLE"}
	if e.dir != "" {
		names = append(names, e.dir, "VOLUME")
	}
	rename := strings.NewReplacer(names...)
	before := kit.Snap(rt)

	res := rt.Create(b, id)
	if res.Code != 0 {
		kit.NoLeak(t, rt, before)
		t.Logf("%s refuses: %s", filepath.Base(path), res.LastLine())
		return facts{"create": "refused"}
	}
	f := facts{"create": "ok"}
	state, _ := rt.State(id)
	hostFacts(f, state.PID, rename)
	if s := rt.Start(id); s.Code != 0 {
		f["start"] = "refused"
	} else if !rt.WaitStatus(id, "stopped") {
		t.Errorf("%s: still not stopped", filepath.Base(path))
	}
	res.Reread()
	if f["start"] == "" {
		inside, err := parse(res.Stdout, rename)
		if err != nil {
			f["probe"] = "no report"
			t.Logf("%s: %v, stderr: %s", filepath.Base(path), err, res.LastLine())
		}
		for k, v := range inside {
			f[k] = v
		}
	}
	if trace, err := os.ReadFile(filepath.Join(b.Dir, "trace")); err == nil {
		f["trace"] = rename.Replace(string(trace))
	}
	if d := rt.Delete(id, "--force"); d.Code != 0 {
		f["delete"] = "refused"
		t.Logf("%s: %s", filepath.Base(path), d.LastLine())
	}
	if trace, err := os.ReadFile(filepath.Join(b.Dir, "trace")); err == nil {
		f["trace after delete"] = rename.Replace(string(trace))
	}
	e.end()
	if !r.leaves {
		_ = os.Remove(filepath.Join(b.Dir, "trace"))
		kit.NoLeak(t, rt, before)
	}
	return f
}

// defaultAsked is asked of every bundle.
var defaultAsked = []string{
	"write /proc/sysrq-trigger", "write /proc/sys/kernel/hostname", "read /proc/kcore", "ls /proc/scsi",
	"stat /proc/kcore", "stat /proc/acpi", "stat /sys/firmware", "write /proc/irq/default_smp_affinity",
	"dev /dev/null", "dev /dev/zero", "dev /dev/full", "dev /dev/tty", "dev /dev/kmsg", "dev /dev/fuse",
	"mknod c 1:3", "mknod c 10:200", "mknod b 254:0", "make /sys/fs/cgroup/x", "make /tmp/x", "make /dev/shm/x",
	"ls /sys/fs/cgroup", "read /proc/sys/kernel/hostname", "read /proc/sys/net/ipv4/ip_unprivileged_port_start",
	"call unshare-uts", "call keyctl", "call mount", "call personality-8",
}

func ask(t *testing.T, b *kit.Bundle, lines []string) {
	t.Helper()
	kit.Must(t, os.WriteFile(filepath.Join(b.Rootfs, "probe.list"), []byte(strings.Join(lines, "\n")+"\n"), 0o644))
}
