// Package crash kills the runtime at every step of its own plan, and lets every
// step fail, and wants nothing left behind after one delete --force.
//
// The steps come from `stave explain --steps BUNDLE`; the faults from a build
// with the tag faults, by STAVE_FAULT=<step>[:nth]=kill|errno:NAME.
package crash

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"stave/tests/kit"
)

func TestMain(m *testing.M) { kit.Main(m) }

// A step is one line of explain --steps.
type step struct{ number, actor, name, field string }

func steps(t *testing.T, r *kit.Runtime, b *kit.Bundle) []step {
	t.Helper()
	res := r.Do("explain", "--steps", b.Dir)
	if res.Code != 0 {
		t.Fatal(res)
	}
	var all []step
	for _, line := range strings.Split(strings.TrimSpace(res.Stdout), "\n") {
		f := strings.Split(line, "\t")
		if len(f) < 3 {
			t.Fatalf("not N, actor, name, field divided by tabs: %q", line)
		}
		f = append(f, "")
		all = append(all, step{f[0], f[1], f[2], f[3]})
	}
	return all
}

// verb runs one verb under a fault.
func verb(t *testing.T, r *kit.Runtime, fault string, args ...string) *kit.Result {
	t.Helper()
	c := r.Cmd(args...)
	c.Env = append(c.Env, "STAVE_FAULT="+fault)
	c.Timeout = 20 * time.Second
	c.Start(t)
	return c.Wait()
}

// life runs a container's verbs in order until one is hit by the fault, and
// gives that verb and its result.
func life(t *testing.T, r *kit.Runtime, b *kit.Bundle, id, fault string) (string, *kit.Result) {
	t.Helper()
	for _, args := range [][]string{
		{"create", "--bundle", b.Dir, id}, {"start", id}, {"exec", id, "true"}, {"kill", id, "KILL"}, {"delete", id},
	} {
		if args[0] == "delete" {
			r.WaitStatus(id, "stopped")
		}
		if res := verb(t, r, fault, args...); res.Code != 0 {
			return args[0], res
		}
	}
	return "", nil
}

// invariants hold after any crash of any verb.
func invariants(t *testing.T, r *kit.Runtime, b *kit.Bundle, id string, before kit.Snapshot) {
	t.Helper()
	if res := r.Do("list", "--format", "json"); res.Code != 0 || res.TimedOut {
		t.Errorf("list: %s", res)
	}
	if _, res := r.State(id); res.TimedOut || res.Code > 1 {
		t.Errorf("state: %s", res)
	}
	if res := r.Delete(id, "--force"); res.Code != 0 {
		t.Errorf("delete --force: %s", res)
	}
	kit.NoLeak(t, r, before, b)
	if res := r.Create(b, id); res.Code != 0 {
		t.Errorf("create again: %s", res)
	}
	if res := r.Delete(id, "--force"); res.Code != 0 {
		t.Errorf("delete --force of the second: %s", res)
	}
	kit.NoLeak(t, r, before, b)
}

func bundles(t *testing.T) map[string]*kit.Bundle {
	hooks := kit.With(func(s *specs.Spec) {
		hook := []specs.Hook{{Path: "/bin/true"}}
		s.Hooks = &specs.Hooks{CreateRuntime: hook, CreateContainer: hook, Poststart: hook, Poststop: hook}
	})
	limits := kit.With(func(s *specs.Spec) {
		s.Linux.Resources.Pids = &specs.LinuxPids{Limit: kit.Ptr(int64(100))}
		s.Linux.Resources.Memory = &specs.LinuxMemory{Limit: kit.Ptr(int64(64 << 20))}
	})
	return map[string]*kit.Bundle{
		"plain":          kit.NewBundle(t, kit.Shell("sleep 60")),
		"user namespace": kit.NewBundle(t, kit.Shell("sleep 60"), kit.UserNamespace),
		"hooks":          kit.NewBundle(t, kit.Shell("sleep 60"), hooks, limits),
	}
}

// For every step: die there, delete, nothing is left, the id is free.
// For every step: ENOSPC there is an error that names the step.
func TestEveryStep(t *testing.T) {
	path := kit.FaultBuild(t)
	for name, b := range bundles(t) {
		list := steps(t, kit.NewRuntime(t, path), b)
		ran, hit := 0, 0
		seen := map[string]int{}
		for _, s := range list {
			seen[s.name]++
			for _, kind := range []string{"kill", "errno:ENOSPC"} {
				fault := s.name + "=" + kind
				if seen[s.name] > 1 {
					fault = s.number + "=" + kind
				}
				t.Run(name+"/"+s.number+" "+fault, func(t *testing.T) {
					kit.Begin(t)
					ran++
					r := kit.NewRuntime(t, path)
					before := kit.Snap(r, b)
					id := kit.ID()
					v, res := life(t, r, b, id, fault)
					if res == nil {
						t.Logf("no verb of create, start, exec, kill, delete comes by this step, or it bears the fault")
					} else {
						hit++
						if res.TimedOut {
							t.Errorf("%s hangs: %s", v, res)
						}
						// At the gate create has returned: what start finds is
						// a container that has stopped, with nobody left to ask.
						atGate := s.name == "wait at the gate" && strings.Contains(res.Stderr, "has stopped")
						if kind != "kill" && !atGate && !strings.Contains(res.Stderr, s.name) {
							t.Errorf("%s does not name the step %q: %s", v, s.name, res)
						}
					}
					invariants(t, r, b, id, before)
				})
			}
		}
		if hit == 0 && ran > 0 {
			t.Errorf("%s: not one of %d steps was hit: the fault build has no faults", name, len(list))
		}
	}
}

// SIGKILL from outside at any time, as an OOM killer or an operator would.
func TestKilledAnyTime(t *testing.T) {
	kit.Begin(t)
	r := kit.Subject(t)
	b := kit.NewBundle(t, kit.Shell("sleep 60"))
	before := kit.Snap(r, b)
	for i := range 60 {
		id := kit.ID()
		c := r.Cmd("create", "--bundle", b.Dir, id)
		c.Start(t)
		time.Sleep(time.Duration(i) * 250 * time.Microsecond)
		c.Signal(9)
		c.Wait()
		if res := r.Delete(id, "--force"); res.Code != 0 {
			t.Errorf("after %d x 250 us: %s", i, res)
		}
	}
	kit.NoLeak(t, r, before, b)
}

// A state directory with anything in it can be listed and deleted.
func TestCorruptState(t *testing.T) {
	damage := map[string]func(path string) error{
		"empty":     func(p string) error { return os.WriteFile(p, nil, 0o600) },
		"garbage":   func(p string) error { return os.WriteFile(p, []byte("\x00\xff{]"), 0o600) },
		"cut":       func(p string) error { return os.Truncate(p, 20) },
		"gone":      os.Remove,
		"directory": func(p string) error { _ = os.Remove(p); return os.Mkdir(p, 0o700) },
		"symlink":   func(p string) error { _ = os.Remove(p); return os.Symlink("/etc/passwd", p) },
		"huge":      func(p string) error { return os.Truncate(p, 1<<30) },
	}
	for name, hurt := range damage {
		t.Run(name, func(t *testing.T) {
			kit.Begin(t)
			r := kit.Subject(t)
			b := kit.NewBundle(t, kit.Shell("sleep 60"))
			before := kit.Snap(r, b)
			id := r.Running(b)
			files, _ := filepath.Glob(filepath.Join(r.Root, id, "*.json"))
			if len(files) == 0 {
				kit.Lacks(t, "a *.json in the state directory of this runtime")
			}
			for _, f := range files {
				kit.Must(t, hurt(f))
			}
			if res := r.Do("list"); res.Code != 0 || res.TimedOut || res.MaxRSS > 200<<10 {
				t.Errorf("list (%d KiB): %s", res.MaxRSS, res)
			}
			if res := r.Delete(id, "--force"); res.Code != 0 {
				t.Errorf("%s", res)
			}
			kit.NoLeak(t, r, before, b)
		})
	}
}
