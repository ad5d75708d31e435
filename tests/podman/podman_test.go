// Package podman holds Podman's view of the monitor: each check runs with
// Debian's conmon and with stave-monitor, and both must show the same, which is
// also written down.
//
// # What
//
// A check is a shell script as somebody would type it, and all that it prints.
// Podman, its images and its configuration are the same on both sides but for
// conmon_path; the runtime is stave on both.
//
// # Shapes
//
// A [side] is a Podman of its own with one monitor. A [check] is a row of a
// table; with talk it sits at a terminal. After every check its containers are
// removed, and nothing of them may be left on the machine.
//
// # Not here
//
// What the monitor promises line by line: tests/monitor. What Podman asks of
// the runtime: tests/callers.
package podman

import (
	"fmt"
	"io/fs"
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

// A check is a script and what it prints, stdout and stderr in one. Ids of
// containers are shown as ID, the side's directory as DIR, times as TIME, steps as N.
type check struct {
	name   string
	script string
	want   string   // exactly this, or
	match  string   // a regular expression for all of it
	conmon string   // a regular expression for what Debian's conmon shows instead,
	bug    string   // because of this
	talk   []moment // at a terminal
}

func TestPodman(t *testing.T) {
	both := newSides(t, func() string { return receive(t, "/run/systemd/journal/socket", entry) })
	for _, table := range []struct {
		name   string
		checks []check
	}{
		{"run", runChecks}, {"data", dataChecks}, {"logs", logChecks}, {"life", lifeChecks}, {"end", endChecks},
		{"exec", execChecks}, {"attach", attachChecks}, {"tty", terminalChecks}, {"notify", notifyChecks},
		{"view", viewChecks}, {"pod", podChecks},
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
	saw := make([]string, len(both))
	var wait sync.WaitGroup
	for i, s := range both {
		wait.Add(1)
		go func() { defer wait.Done(); saw[i] = s.do(t, k) }()
	}
	wait.Wait()
	pods := strings.Contains(k.script, "pod create")
	// With conmon, Podman loses output now and then, with runc as with stave.
	// Who is compared with may try again; we may not.
	for again := 0; again < 2 && k.wrong(both[0], saw[0]) != "" && k.wrong(both[1], saw[1]) == ""; again++ {
		t.Logf("asked again: %s", k.wrong(both[0], saw[0]))
		both[0].tidy(t, pods)
		saw[0] = both[0].do(t, k)
	}
	for i, s := range both {
		if wrong := k.wrong(s, saw[i]); wrong != "" {
			t.Error(wrong)
		}
	}
	if saw[0] != saw[1] && k.bug == "" {
		t.Errorf("they differ first here: with %s\n%s\nwith %s\n%s", both[0].name, unlike(saw[0], saw[1]), both[1].name, unlike(saw[1], saw[0]))
	}
	for _, s := range both {
		wait.Add(1)
		go func() { defer wait.Done(); s.tidy(t, pods) }()
	}
	wait.Wait()
	nothingLeft(t, both, mounts, processes)
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

// unlike is a from the line on where it is not b.
func unlike(a, b string) string {
	lines := strings.Split(a, "\n")
	for i, line := range strings.Split(b, "\n") {
		if i >= len(lines) || lines[i] != line {
			return strings.Join(lines[min(i, len(lines)):], "\n")
		}
	}
	return a
}

// A side is a Podman of its own, with one monitor.
type side struct {
	name string // of the monitor
	dir  string // its storage, and where scripts run
	env  []string
}

// newSides makes a Podman with conmon and one with stave-monitor. journal makes
// one, and gives the name of a file with what it gets, if there is such a file.
func newSides(t *testing.T, journal func() string) []*side {
	t.Helper()
	stave := kit.Subject(t).Path
	kit.NeedTool(t, "podman")
	conmon := kit.NeedTool(t, "conmon")
	ours := os.Getenv("STAVE_MONITOR")
	if ours == "" {
		ours = filepath.Join(kit.ModuleRoot(), "bin", "stave-monitor")
	}
	if _, err := os.Stat(ours); err != nil {
		t.Fatalf("%s is not built: make", ours)
	}
	notify := kit.BuildC(t, "podman/notify", "notify")
	// State of the runtime, the journal's socket and Podman's locks are at fixed
	// places: those of this test alone, in its own mount namespace.
	for _, dir := range []string{"/run", "/dev/shm"} {
		kit.Must(t, unix.Mount("test", dir, "tmpfs", 0, "mode=0755"))
		t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	}
	entries := journal()

	b := kit.NewBundle(t)
	data, err := os.ReadFile(notify)
	kit.Must(t, err)
	kit.Must(t, os.WriteFile(filepath.Join(b.Rootfs, "bin/notify"), data, 0o755))
	for _, name := range []string{"md5sum", "yes", "printf", "tr", "expr", "printenv", "cut", "reset"} {
		kit.Must(t, os.Symlink("busybox", filepath.Join(b.Rootfs, "bin", name)))
	}
	image := filepath.Join(kit.Dir(t), "image.tar")
	if res := kit.Do(t, "tar", "-C", b.Rootfs, "-cf", image, "."); res.Code != 0 {
		t.Fatal(res)
	}
	both := []*side{{name: "conmon"}, {name: "stave-monitor"}}
	for _, s := range both {
		s.dir = kit.Dir(t)
		path := conmon
		if s.name != "conmon" {
			path = ours
		}
		s.configure(t, stave, path)
		kit.Must(t, os.Mkdir(s.dir+"/work", 0o755))
		s.env = append(s.env, "JOURNAL="+entries, "NOTIFIED="+receive(t, s.dir+"/notify.sock", plain))
		if res := s.sh(t, "podman import --change CMD=/bin/sh "+image+" img"); res.Code != 0 {
			t.Fatal(res)
		}
	}
	return both
}

func (s *side) configure(t *testing.T, stave, monitor string) {
	t.Helper()
	kit.Must(t, os.WriteFile(s.dir+"/containers.conf", []byte(fmt.Sprintf(`[containers]
default_ulimits = []
log_driver = "k8s-file"
netns = "none"
pids_limit = 0
[network]
network_backend = "netavark"
network_config_dir = %[1]q
[engine]
cgroup_manager = "cgroupfs"
conmon_path = [%[2]q]
events_logger = "file"
runtime = "stave"
tmp_dir = %[3]q
[engine.runtimes]
stave = [%[4]q]
`, s.dir+"/net", monitor, s.dir+"/tmp", stave)), 0o644))
	kit.Must(t, os.WriteFile(s.dir+"/storage.conf", []byte(fmt.Sprintf("[storage]\ndriver = \"vfs\"\ngraphroot = %q\nrunroot = %q\n",
		s.dir+"/root", s.dir+"/runroot")), 0o644))
	s.env = []string{"HOME=" + s.dir, "CONTAINERS_CONF=" + s.dir + "/containers.conf", "CONTAINERS_STORAGE_CONF=" + s.dir + "/storage.conf",
		"XDG_RUNTIME_DIR=" + s.dir, "TERM=xterm", "TZ=UTC", "D=" + s.dir}
}

// prelude: rc prints the exit status of a command; till waits until a command
// succeeds, which must be at all.
const prelude = `exec 2>&1
cd $D/work
rc() { "$@"; echo "=$?"; }
till() {
	for i in $(seq 300); do
		if eval "$*" >/dev/null 2>&1; then return; fi
		sleep 0.1
	done
	echo "never: $*"
}
`

func (s *side) command(script string) *kit.Cmd {
	return &kit.Cmd{Args: []string{"sh", "-c", prelude + script}, Env: s.env, Timeout: 2 * time.Minute}
}

func (s *side) sh(t *testing.T, script string) *kit.Result {
	t.Helper()
	cmd := s.command(script)
	cmd.Start(t)
	return cmd.Wait()
}

// do runs a check and gives what it printed.
func (s *side) do(t *testing.T, k *check) string {
	t.Helper()
	if k.talk != nil {
		return s.clean(s.converse(t, k))
	}
	res := s.sh(t, k.script)
	if res.TimedOut {
		res.Stdout += "\ntimed out\n"
	}
	return s.clean(res.Stdout)
}

// What differs from run to run.
var (
	fullID  = regexp.MustCompile(`\b[0-9a-f]{64}\b`)
	shortID = regexp.MustCompile(`\b[0-9a-f]{12}\b`)
	timeRFC = regexp.MustCompile(`\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( \+0000 UTC|Z|[+-]\d\d:\d\d)`)
	// Who comes first makes the cgroup that both are in, step by step.
	step = regexp.MustCompile(`\bstep \d+/\d+ `)
	// A shell asks its terminal where the cursor is, and says its prompt again
	// when keys have come before the answer.
	cursor = regexp.MustCompile(`\x1b\[[0-9;]*[A-Za-z]`)
	prompt = regexp.MustCompile(`(/ # ){2,}`)
)

func (s *side) clean(text string) string {
	text = strings.ReplaceAll(text, s.dir, "DIR")
	text = fullID.ReplaceAllString(text, "ID")
	text = shortID.ReplaceAllString(text, "ID")
	text = step.ReplaceAllString(text, "step N ")
	text = prompt.ReplaceAllString(cursor.ReplaceAllString(text, ""), "/ # ")
	return timeRFC.ReplaceAllString(text, "TIME")
}

// tidy removes what a check made.
func (s *side) tidy(t *testing.T, pods bool) {
	t.Helper()
	script := "podman rm -af -t 0 >/dev/null; rm -rf $D/work/*"
	if pods {
		script = "podman pod rm -af -t 0 >/dev/null; " + script
	}
	if res := s.sh(t, script); res.Stdout != "" || res.Code != 0 {
		t.Errorf("with %s: not removed: %s", s.name, res)
	}
	for _, dir := range []string{"/root/vfs-containers", "/runroot/vfs-containers"} {
		entries, _ := os.ReadDir(s.dir + dir)
		for _, e := range entries {
			if e.IsDir() {
				t.Errorf("with %s: left behind: %s", s.name, filepath.Join(s.dir, dir, e.Name()))
			}
		}
	}
}

// nothingLeft looks for processes, mounts, cgroups and states of a check.
func nothingLeft(t *testing.T, both []*side, mounts []string, processes []kit.Proc) {
	t.Helper()
	var left []string
	if kit.Eventually(5*time.Second, func() bool {
		left = nil
		for _, p := range kit.Descendants() {
			if !slices.ContainsFunc(processes, func(q kit.Proc) bool { return q.PID == p.PID }) {
				left = append(left, fmt.Sprintf("process %d (%s)", p.PID, p.Comm))
			}
		}
		for _, m := range mountTable(t) {
			if !slices.Contains(mounts, m) {
				left = append(left, "mount "+m)
			}
		}
		for _, s := range both {
			left = append(left, s.cgroups(t)...)
		}
		states, _ := filepath.Glob("/run/stave/*")
		left = append(left, states...)
		return len(left) == 0
	}) {
		return
	}
	t.Errorf("left behind:\n  %s", strings.Join(left, "\n  "))
}

// cgroups lists those of containers that this side had; its events name them.
func (s *side) cgroups(t *testing.T) (found []string) {
	t.Helper()
	events, err := os.ReadFile(s.dir + "/tmp/events/events.log")
	kit.Must(t, err)
	ids := map[string]bool{}
	for _, id := range fullID.FindAllString(string(events), -1) {
		ids["libpod-"+id] = true
	}
	_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && ids[d.Name()] {
			found = append(found, "cgroup "+path)
		}
		return nil // a directory may vanish meanwhile
	})
	return found
}

func mountTable(t *testing.T) []string {
	t.Helper()
	data, err := os.ReadFile("/proc/self/mountinfo")
	kit.Must(t, err)
	return strings.Split(strings.TrimSpace(string(data)), "\n")
}
