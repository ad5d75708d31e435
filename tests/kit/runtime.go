package kit

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A Runtime is one OCI runtime with a state root of its own.
type Runtime struct {
	Path    string
	Root    string
	Tmp     string // TMPDIR and XDG_RUNTIME_DIR of every command, part of the snapshot
	Global  []string
	Env     []string
	Extra   []*os.File // fds 3, 4, ... of every command
	Timeout time.Duration
	t       testing.TB
}

// State is what the state verb prints.
type State struct {
	Version     string            `json:"ociVersion"`
	ID          string            `json:"id"`
	Status      string            `json:"status"`
	PID         int               `json:"pid"`
	Bundle      string            `json:"bundle"`
	Annotations map[string]string `json:"annotations"`
}

// ModuleRoot is the directory of go.mod.
func ModuleRoot() string {
	dir, _ := os.Getwd()
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
	}
	return "/"
}

// SubjectPath is the runtime under test: $RUNTIME, $STAVE, or bin/stave.
func SubjectPath() string {
	for _, name := range []string{"RUNTIME", "STAVE"} {
		if v := os.Getenv(name); v != "" {
			if path, err := exec.LookPath(v); err == nil {
				path, _ = filepath.Abs(path)
				return path
			}
			return v
		}
	}
	return filepath.Join(ModuleRoot(), "bin", "stave")
}

// Subject gives the runtime under test to one test, which needs root.
func Subject(t testing.TB) *Runtime {
	t.Helper()
	NeedRoot(t)
	path := SubjectPath()
	if _, err := os.Stat(path); err != nil {
		Lacks(t, "%s: build it, or set RUNTIME", path)
	}
	return NewRuntime(t, path)
}

// Reference gives Debian's runc to one test.
func Reference(t testing.TB) *Runtime {
	t.Helper()
	NeedRoot(t)
	return NewRuntime(t, NeedTool(t, "runc"))
}

// NewRuntime makes a state root for a runtime and empties it after the test.
func NewRuntime(t testing.TB, path string) *Runtime {
	t.Helper()
	r := &Runtime{Path: path, Root: Dir(t), Tmp: Dir(t), t: t}
	t.Cleanup(r.deleteAll)
	return r
}

// Is tells runtimes apart by the name of the program: runc, crun, stave.
func (r *Runtime) Is(name string) bool { return filepath.Base(r.Path) == name }

func (r *Runtime) deleteAll() {
	entries, _ := os.ReadDir(r.Root)
	for _, e := range entries {
		r.Do("delete", "--force", e.Name())
	}
}

// Cmd prepares a verb; the caller starts and waits.
func (r *Runtime) Cmd(args ...string) *Cmd {
	all := append([]string{r.Path, "--root", r.Root}, r.Global...)
	env := append([]string{"TMPDIR=" + r.Tmp, "XDG_RUNTIME_DIR=" + r.Tmp}, r.Env...)
	return &Cmd{Args: append(all, args...), Env: env, Extra: r.Extra, Timeout: r.Timeout}
}

// Do runs any verb to its end.
func (r *Runtime) Do(args ...string) *Result {
	r.t.Helper()
	c := r.Cmd(args...)
	c.Start(r.t)
	return c.Wait()
}

// Run runs a bundle to its end in the foreground.
func (r *Runtime) Run(b *Bundle, id string, flags ...string) *Result {
	r.t.Helper()
	return r.Do(append(append([]string{"run", "--bundle", b.Dir}, flags...), id)...)
}

// Create makes a container that waits to be started.
func (r *Runtime) Create(b *Bundle, id string, flags ...string) *Result {
	r.t.Helper()
	return r.Do(append(append([]string{"create", "--bundle", b.Dir}, flags...), id)...)
}

// Start starts a created container.
func (r *Runtime) Start(id string) *Result { r.t.Helper(); return r.Do("start", id) }

// Kill sends a signal; none is the runtime's default.
func (r *Runtime) Kill(id string, signal ...string) *Result {
	r.t.Helper()
	return r.Do(append([]string{"kill", id}, signal...)...)
}

// Delete removes a container.
func (r *Runtime) Delete(id string, flags ...string) *Result {
	r.t.Helper()
	return r.Do(append(append([]string{"delete"}, flags...), id)...)
}

// Exec runs a further process; flags end where "--" or the id begins.
func (r *Runtime) Exec(id string, flags []string, args ...string) *Result {
	r.t.Helper()
	return r.Do(slices.Concat([]string{"exec"}, flags, []string{id}, args)...)
}

// State asks for the state; it is zero when the verb fails.
func (r *Runtime) State(id string) (State, *Result) {
	r.t.Helper()
	res := r.Do("state", id)
	var s State
	if res.Code == 0 {
		if err := json.Unmarshal([]byte(res.Stdout), &s); err != nil {
			r.t.Errorf("state of %s is not JSON: %v\n%s", id, err, res)
		}
	}
	return s, res
}

// WaitStatus waits until the container has this status.
func (r *Runtime) WaitStatus(id, status string) bool {
	r.t.Helper()
	return Eventually(10*time.Second, func() bool {
		s, _ := r.State(id)
		return s.Status == status
	})
}

// Running creates and starts a container, and ends the test if that fails.
func (r *Runtime) Running(b *Bundle) string {
	r.t.Helper()
	id := ID()
	if res := r.Create(b, id); res.Code != 0 {
		r.t.Fatalf("create: %s", res)
	}
	if res := r.Start(id); res.Code != 0 {
		r.t.Fatalf("start: %s", res)
	}
	return id
}

// LastLine is the line of stderr that a caller would keep. runc's logger may
// wrap it in key=value form, which is undone.
func (r *Result) LastLine() string {
	lines := strings.Split(strings.TrimSpace(r.Stderr), "\n")
	last := lines[len(lines)-1]
	if _, msg, ok := strings.Cut(last, " msg="); ok {
		if s, err := strconv.Unquote(msg); err == nil {
			return s
		}
	}
	return last
}
