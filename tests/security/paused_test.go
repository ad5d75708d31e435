package security

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/tests/kit"
)

// A race that is lost every time: the runtime is stopped before each system
// call of the step that uses a path of a volume, the path is exchanged for a
// link to the canary, and the runtime goes on. Between looking and using there
// must be no moment at which that helps.
type race struct {
	id, step string
	mutation kit.Mutation
}

func races() []race {
	mountOn := func(destination string, m specs.Mount) kit.Mutation {
		m.Destination = destination
		return kit.AddMount(m)
	}
	tmpfs := specs.Mount{Type: "tmpfs", Source: "t"}
	copied := specs.Mount{Type: "tmpfs", Source: "t", Options: []string{"tmpcopyup"}}
	file := specs.Mount{Type: "bind", Source: "/etc/passwd", Options: []string{"bind"}}
	device := func(path string) kit.Mutation {
		return kit.With(func(s *specs.Spec) {
			s.Linux.Devices = []specs.LinuxDevice{{Path: path, Type: "c", Major: 1, Minor: 3}}
		})
	}
	return []race{
		{"CVE-2021-30465", "mount /vol/swap/sub", mountOn("/vol/swap/sub", tmpfs)},
		{"CVE-2021-30465-itself", "mount /vol/swap", mountOn("/vol/swap", tmpfs)},
		{"CVE-2024-45310", "mount /vol/swap/a/b", mountOn("/vol/swap/a/b", tmpfs)},
		{"CVE-2024-45310-file", "mount /vol/swap/a/file", mountOn("/vol/swap/a/file", file)},
		{"copy-up", "mount /vol/swap", mountOn("/vol/swap", copied)},
		{"CVE-2026-47766", "device /vol/swap/x", device("/vol/swap/x")},
		{"CVE-2026-47766-deep", "device /vol/swap/a/x", device("/vol/swap/a/x")},
	}
}

func TestPausedRaces(t *testing.T) {
	toy, faults := buildToy(t), kit.FaultBuild(t)
	for _, race := range races() {
		t.Run(race.id, func(t *testing.T) {
			t.Run("control", func(t *testing.T) {
				kit.Begin(t)
				w := newSwap(t, kit.NewRuntime(t, ownCopy(t, toy)), race)
				if harm, paused := w.lose(t, 1); !paused {
					t.Fatal("the toy does not pause")
				} else if harm == "" {
					t.Error("the toy is not harmed, so the test proves nothing")
				} else {
					t.Logf("the toy: %s", harm)
				}
			})
			t.Run("resists", func(t *testing.T) {
				kit.Begin(t)
				r := kit.NewRuntime(t, faults)
				before := kit.Snap(r)
				w := newSwap(t, r, race)
				calls, pauses := callsOf(t, r, w.b, race.step), 0
				for nth := 1; nth <= calls; nth++ {
					harm, paused := w.lose(t, nth)
					if paused {
						pauses++
					}
					if harm != "" {
						t.Errorf("exchanged before call %d of %q: %s", nth, race.step, harm)
					}
				}
				if pauses < 3 {
					t.Errorf("of %d calls %d were paused at", calls, pauses)
				}
				kit.NoLeak(t, r, before)
			})
		})
	}
}

// A swap is a volume with a directory and a link to the canary beside it.
type swapped struct {
	r      *kit.Runtime
	race   race
	b      *kit.Bundle
	c      *canary
	volume string
}

func newSwap(t *testing.T, r *kit.Runtime, race race) *swapped {
	w := &swapped{r: r, race: race, c: newCanary(t), volume: kit.Dir(t)}
	kit.Must(t, os.Symlink(w.c.dir, filepath.Join(w.volume, "other")))
	script := ""
	if strings.HasPrefix(race.step, "mount ") { // one that is not below /vol is not in the container
		script = "grep -q ' /vol/' /proc/mounts || echo ELSEWHERE; "
	}
	w.b = kit.NewBundle(t, kit.AddMount(specs.Mount{Destination: "/vol", Type: "bind", Source: w.volume, Options: []string{"rbind"}}),
		kit.Shell(script+"cat /vol/swap/canary-file /vol/swap/*/canary-file /vol/other/canary-file 2>/dev/null; true"), race.mutation)
	return w
}

// lose runs the container once, paused before the nth call of the step.
func (w *swapped) lose(t *testing.T, nth int) (harm string, paused bool) {
	t.Helper()
	swap, other := filepath.Join(w.volume, "swap"), filepath.Join(w.volume, "other")
	if info, err := os.Lstat(swap); err == nil && info.Mode()&os.ModeSymlink != 0 {
		kit.Must(t, unix.Renameat2(unix.AT_FDCWD, swap, unix.AT_FDCWD, other, unix.RENAME_EXCHANGE))
	}
	kit.Must(t, kit.RemoveTree(swap)) // what the last one made there
	kit.Must(t, os.MkdirAll(filepath.Join(swap, "sub"), 0o755))
	file := filepath.Join(w.b.Dir, "toy-pause")
	c := w.r.Cmd("run", "--bundle", w.b.Dir, kit.ID())
	c.Env = append(c.Env, fmt.Sprintf("STAVE_FAULT=%s:%d=pause", w.race.step, nth), "TOY_PAUSE="+file)
	c.Timeout = 20 * time.Second
	c.Start(t)
	pid := 0
	kit.Eventually(10*time.Second, func() bool {
		if _, err := os.Stat(file); err == nil {
			pid = -1
		} else {
			pid = pausedBelow(c.PID())
		}
		return pid != 0 || ended(c.PID())
	})
	if pid != 0 {
		paused = true
		kit.Must(t, unix.Renameat2(unix.AT_FDCWD, swap, unix.AT_FDCWD, other, unix.RENAME_EXCHANGE))
		if _ = os.Remove(file); pid > 0 {
			kit.Must(t, unix.Kill(pid, unix.SIGCONT))
		}
	}
	res := c.Wait()
	switch {
	case res.TimedOut:
		return res.String(), paused
	case strings.Contains(res.Stdout, "secret"):
		return "the container reads the canary", paused
	case strings.Contains(res.Stdout, "ELSEWHERE"):
		return "the mount is outside the rootfs" + w.c.changed(), paused
	case strings.Contains(res.Stderr, "secret"):
		return "an error quotes the canary", paused
	}
	return w.c.changed(), paused
}

// pausedBelow finds the process that a pause fault has stopped: stopped, or in
// rt_sigtimedwait(2).
func pausedBelow(pid int) int {
	waits := strconv.Itoa(unix.SYS_RT_SIGTIMEDWAIT) + " "
	if state(pid) == "T" {
		return pid
	}
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		data, _ := os.ReadFile(list)
		for _, field := range strings.Fields(string(data)) {
			child, _ := strconv.Atoi(field)
			if call, _ := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", child)); strings.HasPrefix(string(call), waits) {
				return child
			}
			if found := pausedBelow(child); found != 0 {
				return found
			}
		}
	}
	return 0
}

func ended(pid int) bool { s := state(pid); return s == "Z" || s == "" }

func state(pid int) string {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if i := strings.LastIndexByte(string(data), ')'); i > 0 && len(data) > i+2 {
		return string(data[i+2 : i+3])
	}
	return ""
}

// callsOf counts the system calls of a step.
func callsOf(t *testing.T, r *kit.Runtime, b *kit.Bundle, step string) int {
	t.Helper()
	var plan []struct {
		Name  string
		Calls []string
	}
	res := r.Do("explain", "--json", b.Dir)
	if err := json.Unmarshal([]byte(res.Stdout), &plan); err != nil {
		t.Fatalf("%v: %s", err, res)
	}
	for _, s := range plan {
		if s.Name == step {
			return len(s.Calls)
		}
	}
	t.Fatalf("no step %q", step)
	return 0
}
