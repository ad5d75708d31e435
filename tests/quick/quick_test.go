// Package quick holds what is done without the runtime of Go (libct/quick) to
// the command's ordinary way: with --debug, which says no more where nothing is
// wrong, there is no other.
package quick

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/tests/kit"
)

func TestMain(m *testing.M) { kit.Main(m) }

// A calls is what strace(1) has seen of a command.
type calls []string

var goMaps = regexp.MustCompile(`^mmap\(`)

// quick tells that the runtime of Go has not begun: it maps its heap first.
func (c calls) quick() bool {
	for _, line := range c {
		if goMaps.MatchString(line) {
			return false
		}
	}
	return len(c) > 5
}

// traced runs a verb under strace, with these of its flags.
func traced(t *testing.T, r *kit.Runtime, flags []string, args ...string) (*kit.Result, calls) {
	t.Helper()
	log := filepath.Join(kit.Dir(t), "calls")
	c := r.Cmd(args...)
	c.Args = append(append([]string{kit.NeedTool(t, "strace"), "-qq", "-o", log}, flags...), c.Args...)
	c.Start(t)
	res := c.Wait()
	data, err := os.ReadFile(log)
	kit.Must(t, err)
	return res, strings.Split(strings.TrimSpace(string(data)), "\n")
}

func needQuick(t *testing.T) {
	kit.Begin(t)
	if runtime.GOARCH != "amd64" {
		kit.Lacks(t, "a way without Go's runtime on %s", runtime.GOARCH)
	}
}

// A stage is a container somewhere in its life.
type stage struct {
	name   string
	change []kit.Mutation
	reach  func(t *testing.T, r *kit.Runtime, id string)
	quick  string // the verbs that are done without Go's runtime there
}

func must(t *testing.T, res *kit.Result) {
	t.Helper()
	if res.Code != 0 {
		t.Fatal(res)
	}
}

func started(t *testing.T, r *kit.Runtime, id string) { t.Helper(); must(t, r.Start(id)) }

// ended waits also until nobody finds the process any more: to look at one that
// is still a zombie takes more calls.
func ended(t *testing.T, r *kit.Runtime, id string) {
	t.Helper()
	must(t, r.Start(id))
	s, _ := r.State(id)
	must(t, r.Kill(id, "KILL"))
	if s.PID == 0 || !kit.Eventually(20*time.Second, func() bool { return unix.Kill(s.PID, 0) == unix.ESRCH }) {
		t.Fatalf("process %d does not end", s.PID)
	}
}

func stages() []stage {
	text := kit.With(func(s *specs.Spec) {
		s.Annotations = map[string]string{"b": "<a> & \"b\"\n\u2028é", "a": `{"json": ["x"]}`, "empty": "", "\\": "\x01"}
	})
	hooks := kit.With(func(s *specs.Spec) {
		s.Hooks = &specs.Hooks{Poststop: []specs.Hook{{Path: "/bin/true"}}, Poststart: []specs.Hook{{Path: "/bin/true"}}}
	})
	return []stage{
		{name: "created", quick: "state start kill"},
		{name: "running", reach: started, quick: "state kill"},
		{name: "stopped", reach: ended, quick: "state delete"},
		{name: "paused", reach: func(t *testing.T, r *kit.Runtime, id string) {
			started(t, r, id)
			must(t, r.Do("pause", id))
		}, quick: "state"},
		{name: "annotated", change: []kit.Mutation{text}, quick: "state start kill"},
		{name: "annotated and stopped", change: []kit.Mutation{text}, reach: ended, quick: "state delete"},
		{name: "with hooks", change: []kit.Mutation{hooks}, quick: "state kill"},
		{name: "with hooks and stopped", change: []kit.Mutation{hooks}, reach: ended, quick: "state"},
		{name: "the host's processes", change: []kit.Mutation{kit.Namespaces("mount", "uts", "ipc")}, reach: started, quick: "state"},
		{name: "the host's mounts, stopped", change: []kit.Mutation{kit.Namespaces("pid", "uts"), func(b *kit.Bundle) {
			b.Spec.Root.Readonly = false
			b.Spec.Mounts, b.Spec.Linux.MaskedPaths, b.Spec.Linux.ReadonlyPaths = []specs.Mount{{Destination: "/tmp", Type: "tmpfs", Source: "tmpfs"}}, nil, nil
		}}, reach: ended, quick: "state"},
		{name: "no such container", reach: func(t *testing.T, r *kit.Runtime, id string) { must(t, r.Delete(id, "--force")) }},
		{name: "no record", reach: func(t *testing.T, r *kit.Runtime, id string) {
			kit.Must(t, os.WriteFile(r.Root+"/"+id+"/state.json", nil, 0o600))
		}},
		{name: "a record too large", reach: func(t *testing.T, r *kit.Runtime, id string) {
			f, err := os.OpenFile(r.Root+"/"+id+"/state.json", os.O_WRONLY|os.O_APPEND, 0)
			kit.Must(t, err)
			defer f.Close()
			_, err = f.WriteString(strings.Repeat("\n", 70<<10))
			kit.Must(t, err)
		}},
		{name: "a cgroup of its own", reach: func(t *testing.T, r *kit.Runtime, id string) {
			ended(t, r, id)
			for _, dir := range cgroupsOf(t, r, id) {
				kit.Must(t, os.Mkdir(dir+"/below", 0o755))
			}
		}, quick: "state"},
	}
}

var cgroupDirs = regexp.MustCompile(`"cgroupDirs":\[([^]]*)\]`)

func cgroupsOf(t *testing.T, r *kit.Runtime, id string) []string {
	t.Helper()
	data, err := os.ReadFile(r.Root + "/" + id + "/state.json")
	kit.Must(t, err)
	m := cgroupDirs.FindStringSubmatch(string(data))
	if m == nil {
		t.Fatalf("no cgroups in %s", data)
	}
	return strings.Split(strings.Trim(m[1], `"`), `","`)
}

var stamp = regexp.MustCompile(`time="[^"]*"|"pid": \d+|"created": "[^"]*"`)

// What differs between two containers of the same kind.
func plain(text, id string) string {
	return stamp.ReplaceAllString(strings.ReplaceAll(text, id, "ID"), "")
}

// Every verb, in every stage: the same output, status and outcome both ways, and
// the quick way is taken where it should be.
func TestBothWays(t *testing.T) {
	for _, s := range stages() {
		for _, verb := range []string{"state", "start", "kill", "delete", "delete --force", "kill --all"} {
			t.Run(s.name+"/"+verb, func(t *testing.T) {
				needQuick(t)
				r := kit.Subject(t)
				b := kit.NewBundle(t, append([]kit.Mutation{kit.Args("sleep", "1000")}, s.change...)...)
				before := kit.Snap(r, b)
				var saw [2]string
				for i, global := range [][]string{nil, {"--debug"}} {
					r.Global = nil
					id := kit.ID()
					must(t, r.Create(b, id))
					if s.reach != nil {
						s.reach(t, r, id)
					}
					r.Global = global
					args := append(strings.Fields(verb), id)
					if strings.HasPrefix(verb, "kill") {
						args = append(args, "KILL")
					}
					res, trace := traced(t, r, nil, args...)
					r.Global = []string{"--debug"}
					if res.Code == 0 && strings.HasPrefix(verb, "kill") && !r.WaitStatus(id, "stopped") {
						t.Error("it does not end")
					}
					after := r.Do("state", id)
					saw[i] = fmt.Sprintf("status %d\n%s\n%s\nafterwards %d\n%s%s", res.Code, res.Stdout, res.Stderr, after.Code, after.Stdout, after.Stderr)
					saw[i] = plain(saw[i], id)
					want := i == 0 && strings.Contains(" "+s.quick+" ", " "+strings.Fields(verb)[0]+" ")
					if trace.quick() != want {
						t.Errorf("without Go's runtime: %v, want %v\n%s", trace.quick(), want, strings.Join(trace, "\n"))
					}
					must(t, r.Delete(id, "--force"))
				}
				if saw[0] != saw[1] {
					t.Errorf("quick:\n%s\nordinary:\n%s", saw[0], saw[1])
				}
				kit.NoLeak(t, r, before, b)
			})
		}
	}
}

// A program that cannot be executed: start has opened the gate without Go's
// runtime, and says all that it says otherwise.
func TestStartFails(t *testing.T) {
	for name, script := range map[string]string{"missing interpreter": "#!/no/such\n", "not executable": "", "carriage return": "#!/bin/sh\r\n"} {
		t.Run(name, func(t *testing.T) {
			needQuick(t)
			r := kit.Subject(t)
			b := kit.NewBundle(t, kit.Args("/program"))
			kit.Must(t, os.WriteFile(b.Rootfs+"/program", []byte(script), 0o755))
			before := kit.Snap(r, b)
			var saw [2]string
			for i, global := range [][]string{{"--log-format", "json"}, {"--log-format", "json", "--debug"}} {
				id := kit.ID()
				must(t, r.Create(b, id))
				r.Global = global
				res := r.Start(id)
				r.Global = nil
				saw[i] = regexp.MustCompile(`"time":"[^"]*"`).ReplaceAllString(plain(fmt.Sprint(res.Code, res.Stdout, res.Stderr), id), "")
				if res.Code == 0 || !strings.Contains(res.Stderr, "execve") {
					t.Error(res)
				}
				must(t, r.Delete(id))
			}
			if saw[0] != saw[1] {
				t.Errorf("quick:\n%s\nordinary:\n%s", saw[0], saw[1])
			}
			kit.NoLeak(t, r, before, b)
		})
	}
}

// A life is the verbs that may go the quick way, and how far a container is.
var life = []struct {
	verb  string
	args  []string
	reach func(t *testing.T, r *kit.Runtime, id string)
}{
	{"state", nil, started},
	{"start", nil, nil},
	{"kill", []string{"KILL"}, started},
	{"delete", nil, ended},
}

var callName = regexp.MustCompile(`^(\w+)\(`)

// each visits every system call of the quick verbs, by name and number.
func each(t *testing.T, visit func(t *testing.T, r *kit.Runtime, b *kit.Bundle, verb string, args []string, call string, nth int, reach func(*testing.T, *kit.Runtime, string))) {
	for _, v := range life {
		t.Run(v.verb, func(t *testing.T) {
			r := kit.Subject(t)
			b := kit.NewBundle(t, kit.Args("sleep", "1000"))
			id := kit.ID()
			must(t, r.Create(b, id))
			if v.reach != nil {
				v.reach(t, r, id)
			}
			res, trace := traced(t, r, nil, append([]string{v.verb, id}, v.args...)...)
			must(t, res)
			must(t, r.Delete(id, "--force"))
			if !trace.quick() {
				t.Fatalf("not the quick way:\n%s", strings.Join(trace, "\n"))
			}
			seen := map[string]int{}
			for _, line := range trace {
				m := callName.FindStringSubmatch(line)
				if m == nil || m[1] == "execve" || m[1] == "exit_group" || m[1] == "arch_prctl" {
					continue
				}
				seen[m[1]]++
				call, nth := m[1], seen[m[1]]
				t.Run(fmt.Sprintf("%s %d", call, nth), func(t *testing.T) {
					needQuick(t)
					before := kit.Snap(r, b)
					visit(t, r, b, v.verb, v.args, call, nth, v.reach)
					kit.NoLeak(t, r, before, b)
				})
			}
			if len(seen) < 5 {
				t.Errorf("only %v were seen", seen)
			}
		})
	}
}

// Killed at any of its calls: it can be deleted, and nothing is left.
func TestKilledAtAnyCall(t *testing.T) {
	each(t, func(t *testing.T, r *kit.Runtime, b *kit.Bundle, verb string, args []string, call string, nth int, reach func(*testing.T, *kit.Runtime, string)) {
		id := kit.ID()
		must(t, r.Create(b, id))
		if reach != nil {
			reach(t, r, id)
		}
		res, _ := traced(t, r, []string{"-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", call, nth)}, append([]string{verb, id}, args...)...)
		if res.Code != 128+int(unix.SIGKILL) {
			t.Fatalf("it was not killed: %s", res)
		}
		must(t, r.Delete(id, "--force"))
		must(t, r.Create(b, id)) // the id is free
		must(t, r.Delete(id, "--force"))
	})
}

// Failing at any of its calls, it goes the ordinary way, to the same end.
func TestFailsAtAnyCall(t *testing.T) {
	each(t, func(t *testing.T, r *kit.Runtime, b *kit.Bundle, verb string, args []string, call string, nth int, reach func(*testing.T, *kit.Runtime, string)) {
		id := kit.ID()
		must(t, r.Create(b, id))
		if reach != nil {
			reach(t, r, id)
		}
		res, trace := traced(t, r, []string{"-e", fmt.Sprintf("inject=%s:error=EIO:when=%d", call, nth)}, append([]string{verb, id}, args...)...)
		if !strings.Contains(strings.Join(trace, "\n"), "(INJECTED)") {
			t.Fatalf("nothing has failed: %s", res)
		}
		// To close is not needed for anything, and what start has waited for
		// cannot be asked for again.
		lost := verb == "start" && call == "read" && strings.Contains(res.Stderr, "result")
		if res.Code != 0 && !lost {
			t.Errorf("%s\n%s", res, strings.Join(trace, "\n"))
		}
		want := map[string]string{"state": "running", "start": "running", "kill": "stopped", "delete": ""}[verb]
		if want != "" && !r.WaitStatus(id, want) {
			t.Errorf("it is not %s", want)
		}
		must(t, r.Delete(id, "--force"))
	})
}

// Standard streams that are closed are not taken for something else.
func TestClosedStreams(t *testing.T) {
	needQuick(t)
	r := kit.Subject(t)
	b := kit.NewBundle(t, kit.Args("sleep", "1000"))
	id := kit.ID()
	must(t, r.Create(b, id))
	for _, verb := range []string{"state", "start", "kill", "delete --force"} {
		c := r.Cmd(append(strings.Fields(verb), id)...)
		c.Args = append([]string{"sh", "-c", `exec "$@" <&- >&- 2>&-`, "sh"}, c.Args...)
		c.Start(t)
		if res := c.Wait(); res.Code != 0 && verb != "state" {
			t.Errorf("%s: %s", verb, res)
		}
	}
	if _, err := os.Stat(r.Root + "/" + id); err == nil {
		t.Error("it is still there")
	}
}

// Somebody else holds the lock: start waits for it, as ever.
func TestLocked(t *testing.T) {
	needQuick(t)
	r := kit.Subject(t)
	b := kit.NewBundle(t, kit.Args("sleep", "1000"))
	id := kit.ID()
	must(t, r.Create(b, id))
	dir, err := os.Open(r.Root + "/" + id)
	kit.Must(t, err)
	defer dir.Close()
	kit.Must(t, unix.Flock(int(dir.Fd()), unix.LOCK_EX))
	c := r.Cmd("start", id)
	c.Start(t)
	time.Sleep(300 * time.Millisecond)
	if s, _ := r.State(id); s.Status != "created" {
		t.Errorf("started under somebody's lock: %s", s.Status)
	}
	kit.Must(t, unix.Flock(int(dir.Fd()), unix.LOCK_UN))
	must(t, c.Wait())
	if s, _ := r.State(id); s.Status != "running" {
		t.Errorf("not started: %s", s.Status)
	}
	must(t, r.Delete(id, "--force"))
}
