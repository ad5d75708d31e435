// Package crio holds CRI-O's view of the runtime and the monitor: each check
// runs with Debian's conmon and with stave-monitor, and both must show the same,
// which is also written down.
//
// # What
//
// A check is a shell script of crictl commands as somebody would type them, and
// all that it prints. CRI-O 1.34.0 is what its Go module says, built and not
// changed; its configuration is the same on both sides but for monitor_path; the
// runtime is stave on both.
//
// # Shapes
//
// A [side] is a CRI-O of its own with one monitor. A [check] is a row of a
// table. After every check its pods are removed, and nothing of them may be left
// on the machine.
//
// # Not here
//
// What the monitor promises line by line: tests/monitor. The systemd cgroup
// driver, which stave has not got. Pod networks beyond a loopback device.
package crio

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"stave/tests/kit"
)

func TestMain(m *testing.M) { kit.Main(m) }

// A check is a script and what it prints, stdout and stderr in one. Ids are shown
// as ID, the side's directory as DIR, times as TIME, steps as N.
type check struct {
	name   string
	script string
	want   string // exactly this, or
	match  string // a regular expression for all of it
	conmon string // a regular expression for what Debian's conmon shows instead,
	bug    string // because of this
}

func TestCRIO(t *testing.T) {
	if os.Getenv("STAVE_CRIO") == "" {
		kit.Begin(t)
		t.Skip("CRI-O takes minutes to build: make crio, or STAVE_CRIO=1")
	}
	both := newSides(t)
	for _, table := range []struct {
		name   string
		checks []check
	}{
		{"pod", podChecks}, {"life", lifeChecks}, {"exec", execChecks}, {"logs", logChecks},
		{"attach", attachChecks}, {"restart", restartChecks},
	} {
		for _, k := range table.checks {
			t.Run(table.name+"/"+k.name, func(t *testing.T) {
				kit.Begin(t)
				k.run(t, both)
			})
		}
	}
}

// run asks both sides at once; they share nothing but the machine.
func (k *check) run(t *testing.T, both []*side) {
	t.Helper()
	mounts, processes := mountTable(t), kit.Descendants()
	saw, from := make([]string, len(both)), make([]int, len(both))
	each(both, func(i int, s *side) { from[i], saw[i] = s.logged(), s.do(t, k.script) })
	for i, s := range both {
		if wrong := k.wrong(s, saw[i]); wrong != "" {
			t.Error(wrong)
		}
	}
	if saw[0] != saw[1] && k.bug == "" && k.match == "" {
		t.Errorf("they differ: with %s\n%s\nwith %s\n%s", both[0].name, saw[0], both[1].name, saw[1])
	}
	each(both, func(_ int, s *side) { s.tidy(t) })
	nothingLeft(t, both, mounts, processes)
	if t.Failed() {
		for i, s := range both {
			t.Logf("CRI-O with %s:\n%s", s.name, s.complaints(from[i]))
		}
	}
}

func each(both []*side, do func(int, *side)) {
	var wait sync.WaitGroup
	for i, s := range both {
		wait.Add(1)
		go func() { defer wait.Done(); do(i, s) }()
	}
	wait.Wait()
}

// wrong says how a side's answer is not what it should be.
func (k *check) wrong(s *side, saw string) string {
	want, match := k.want, k.match
	if s.name == "conmon" && k.bug != "" {
		want, match = "", k.conmon
	}
	switch {
	case match == "" && saw != want:
		return fmt.Sprintf("with %s: got\n%s\nwant\n%s", s.name, saw, want)
	case match != "" && !regexp.MustCompile(`^(?:`+match+`)$`).MatchString(saw):
		return fmt.Sprintf("with %s: got\n%s\nwant a match of\n%s", s.name, saw, match)
	}
	return ""
}

// nothingLeft looks for processes, mounts and files of a check.
func nothingLeft(t *testing.T, both []*side, mounts []string, processes []kit.Proc) {
	t.Helper()
	var left []string
	if kit.Eventually(5*time.Second, func() bool {
		left = nil
		for _, p := range kit.Descendants() {
			known := func(q kit.Proc) bool { return q.PID == p.PID }
			daemon := func(s *side) bool { return s.daemon() == p.PID }
			if !slices.ContainsFunc(processes, known) && !slices.ContainsFunc(both, daemon) {
				left = append(left, fmt.Sprintf("process %d (%s)", p.PID, p.Comm))
			}
		}
		for _, m := range mountTable(t) {
			if !slices.Contains(mounts, m) {
				left = append(left, "mount "+m)
			}
		}
		for _, s := range both {
			left = append(left, s.left()...)
		}
		return len(left) == 0
	}) {
		return
	}
	t.Errorf("left behind:\n  %s", strings.Join(left, "\n  "))
}

// left lists what containers of a side leave in places that all of them use.
func (s *side) left() (found []string) {
	// Of the runtime, of CRI-O and of the monitor. What conmon leaves is its own.
	var places []string
	for _, place := range []string{"run/runtime/*", "run/exits/*", "ns/*/*", "tmp/*", "runroot/vfs-containers/*", "root/vfs-containers/*/*"} {
		places = append(places, filepath.Join(s.dir, place))
	}
	if s.name != "conmon" {
		places = append(places, s.attach+"/*")
	}
	for _, place := range places {
		names, _ := filepath.Glob(place)
		for _, name := range names {
			// Of all containers one, and a file beside the directories of containers.
			if filepath.Base(name) != "exec-pid-dir" && !strings.HasSuffix(name, ".json") {
				found = append(found, name)
			}
		}
	}
	// The pod's cgroup is the kubelet's to remove, and with it that of a monitor,
	// which CRI-O forgets when a create fails or when it starts again.
	pods, _ := filepath.Glob("/sys/fs/cgroup/*" + s.parent)
	for _, pod := range pods {
		below, _ := filepath.Glob(pod + "/*")
		for _, dir := range append(below, pod) {
			if info, err := os.Stat(dir); err != nil || !info.IsDir() {
				continue
			}
			if (dir == pod || strings.HasPrefix(filepath.Base(dir), "crio-conmon-")) && unix.Rmdir(dir) == nil {
				continue
			}
			found = append(found, "cgroup "+dir)
		}
	}
	return found
}

func mountTable(t *testing.T) []string {
	t.Helper()
	data, err := os.ReadFile("/proc/self/mountinfo")
	kit.Must(t, err)
	return strings.Split(strings.TrimSpace(string(data)), "\n")
}
