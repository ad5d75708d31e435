package quick

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/tests/kit"
)

// What the program changes for itself before Go begins is nothing that a
// container, a process in it, or a hook may come to see: they have the timer
// slack of whoever called.
func TestTimerSlackIsTheCallers(t *testing.T) {
	kit.Begin(t)
	const want = "123456"
	runtime.LockOSThread() // what is started from here has the slack of this thread
	defer runtime.UnlockOSThread()
	kit.Must(t, unix.Prctl(unix.PR_SET_TIMERSLACK, 123456, 0, 0, 0))
	defer func() { kit.Must(t, unix.Prctl(unix.PR_SET_TIMERSLACK, 0, 0, 0, 0)) }()

	const file = "/proc/self/timerslack_ns"
	if control := kit.Do(t, "cat", file); strings.TrimSpace(control.Stdout) != want {
		t.Fatalf("what we start has %s ns, so this shows nothing", control.Stdout)
	}
	r := kit.Subject(t)
	seen := filepath.Join(kit.Dir(t), "seen")
	hook := []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "cat " + file + " >>" + seen}}}
	b := kit.NewBundle(t, kit.Shell("cat "+file+"; exec sleep 1000"), kit.With(func(s *specs.Spec) {
		s.Hooks = &specs.Hooks{CreateRuntime: hook, CreateContainer: hook, Poststart: hook, Poststop: hook}
	}))
	id := kit.ID()
	must(t, r.Create(b, id))
	state, res := r.State(id)
	must(t, res)
	check := func(who, got string) {
		t.Helper()
		if strings.TrimSpace(got) != want {
			t.Errorf("%s has a timer slack of %q ns, want %s", who, got, want)
		}
	}
	first := filepath.Join("/proc", strconv.Itoa(state.PID), "timerslack_ns")
	read := func() string {
		data, err := os.ReadFile(first)
		kit.Must(t, err)
		return string(data)
	}
	check("a created container", read())
	must(t, r.Start(id))
	check("a running container", read())
	res = r.Exec(id, nil, "cat", file)
	must(t, res)
	check("a process of exec", res.Stdout)
	must(t, r.Delete(id, "--force"))
	res = r.Run(kit.NewBundle(t, kit.Args("cat", file)), kit.ID())
	must(t, res)
	check("a container of run", res.Stdout)
	data, err := os.ReadFile(seen)
	kit.Must(t, err)
	if lines := strings.Fields(string(data)); len(lines) != 4 {
		t.Errorf("%d of 4 hooks have run: %q", len(lines), data)
	}
	for _, line := range strings.Fields(string(data)) {
		check("a hook", line)
	}
}
