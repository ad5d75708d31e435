// Package explain_test holds the promise that the plan which `stave explain` prints
// is what strace(1) sees: call for call in the child, and in the parent no
// change to the system that no step tells of.
package explain_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"stave/libct"
	"stave/libct/explain"
	"stave/tests/kit"
)

func TestMain(m *testing.M) { kit.Main(m) }

// A scenario is a bundle, and whether it is created and started or run.
type scenario struct {
	name   string
	verb   string
	change []kit.Mutation
	flags  []string // of the command line; set is the same in the request
	set    func(*libct.Request)
}

func scenarios(t *testing.T) []scenario {
	masked := kit.With(func(s *specs.Spec) {
		for i := range 20 {
			s.Linux.MaskedPaths = append(s.Linux.MaskedPaths, []string{"/etc/passwd", "/mnt", "/nothing", "/etc/passwd/x", "/proc/interrupts"}[i%5])
		}
	})
	hook := func(args ...string) []specs.Hook {
		return []specs.Hook{{Path: kit.NeedTool(t, "busybox"), Args: append([]string{"busybox"}, args...)}}
	}
	hooks := kit.With(func(s *specs.Spec) {
		s.Hooks = &specs.Hooks{
			Prestart:        hook("true"), //nolint:staticcheck // deprecated and still used
			CreateRuntime:   hook("cat"),
			CreateContainer: hook("true"),
			StartContainer:  []specs.Hook{{Path: "/bin/true"}},
			Poststop:        hook("true"),
		}
	})
	filter := kit.With(func(s *specs.Spec) {
		s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{
			{Names: []string{"mount", "umount2", "ptrace", "kexec_load"}, Action: specs.ActErrno}}}
	})
	limits := kit.With(func(s *specs.Spec) {
		s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_CORE", Soft: 0, Hard: 0}, {Type: "RLIMIT_NPROC", Soft: 500, Hard: 600}}
		s.Process.User = specs.User{UID: 1000, GID: 1000, AdditionalGids: []uint32{2000, 5}, Umask: kit.Ptr(uint32(0o027))}
		s.Process.OOMScoreAdj = kit.Ptr(100)
	})
	sysctls := kit.With(func(s *specs.Spec) {
		s.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "1", "kernel.msgmax": "4096"}
	})
	bind := func(dest string, options ...string) kit.Mutation {
		return func(b *kit.Bundle) {
			b.Spec.Mounts = append(b.Spec.Mounts, specs.Mount{Destination: dest, Type: "bind", Source: kit.Dir(t), Options: append(options, "rbind")})
		}
	}
	tmpfs := func(dest string, options ...string) kit.Mutation {
		return kit.AddMount(specs.Mount{Destination: dest, Type: "tmpfs", Source: "tmpfs", Options: options})
	}
	device := kit.With(func(s *specs.Spec) {
		s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/sub/dir/fuse", Type: "c", Major: 10, Minor: 229, FileMode: kit.Ptr(os.FileMode(0o640)), UID: kit.Ptr(uint32(7))},
			{Path: "/dev/null", Type: "c", Major: 1, Minor: 3}}
	})
	caps := kit.With(func(s *specs.Spec) {
		list := []string{"CAP_NET_BIND_SERVICE", "CAP_CHOWN"}
		s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: list, Effective: list, Permitted: list, Inheritable: list, Ambient: list}
		s.Process.NoNewPrivileges = false
	})
	joined := kit.With(func(s *specs.Spec) {
		for i := range s.Linux.Namespaces {
			switch ns := &s.Linux.Namespaces[i]; ns.Type {
			case specs.PIDNamespace, specs.IPCNamespace, specs.NetworkNamespace:
				ns.Path = "/proc/self/ns/" + map[specs.LinuxNamespaceType]string{specs.PIDNamespace: "pid", specs.IPCNamespace: "ipc", specs.NetworkNamespace: "net"}[ns.Type]
			}
		}
	})
	clocks := kit.With(func(s *specs.Spec) {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.TimeNamespace})
		s.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{"boottime": {Secs: 1000}, "monotonic": {Secs: 5, Nanosecs: 7}}
	})
	cgroupNS := kit.With(func(s *specs.Spec) {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
	})
	propagated := kit.With(func(s *specs.Spec) { s.Linux.RootfsPropagation = "shared" })
	searched := kit.With(func(s *specs.Spec) {
		s.Process.Args, s.Process.Cwd = []string{"true"}, "/made/here"
		s.Root.Readonly = true
	})
	pidFile := filepath.Join(kit.Dir(t), "pid")
	return []scenario{
		{name: "plain", verb: "run"},
		{name: "plain", verb: "create"},
		{name: "user namespace", verb: "run", change: []kit.Mutation{kit.UserNamespace, bind("/data", "ro")}},
		{name: "user namespace", verb: "create", change: []kit.Mutation{kit.UserNamespace}},
		{name: "masked paths", verb: "run", change: []kit.Mutation{masked}},
		{name: "hooks", verb: "create", change: []kit.Mutation{hooks}},
		{name: "hooks", verb: "run", change: []kit.Mutation{hooks}},
		{name: "seccomp", verb: "run", change: []kit.Mutation{filter}},
		{name: "seccomp without no_new_privs", verb: "create", change: []kit.Mutation{filter, caps}},
		{name: "sysctls", verb: "run", change: []kit.Mutation{sysctls}},
		{name: "user and limits", verb: "run", change: []kit.Mutation{limits}},
		{name: "tmpfs", verb: "run", change: []kit.Mutation{tmpfs("/tmp"), tmpfs("/a/b/c", "size=1m", "mode=700", "nosuid", "ro", "rshared"), tmpfs("/etc", "tmpcopyup")}},
		{name: "binds", verb: "run", change: []kit.Mutation{bind("/data", "ro", "rro", "rslave"), bind("/var/x/y"), device, propagated}},
		{name: "cgroup namespace", verb: "run", change: []kit.Mutation{cgroupNS}},
		{name: "time namespace", verb: "run", change: []kit.Mutation{clocks}},
		{name: "joined namespaces", verb: "run", change: []kit.Mutation{joined, kit.DropMount("/sys", "/sys/fs/cgroup")}},
		{name: "work directory", verb: "create", change: []kit.Mutation{searched}, flags: []string{"--pid-file", pidFile, "--no-new-keyring"},
			set: func(r *libct.Request) { r.PidFile, r.NoNewKeyring = pidFile, true }},
	}
}

// A record is a run under strace, with the plan that was compiled for it.
type record struct {
	plan   *libct.Plan
	run    bool   // after the plan the parent attends and deletes the container
	calls  []call // of the parent from its last execve(2) on, and of its children
	parent int
	child  int // the process made by the plan's clone3(2)
}

// observe runs the bundle under strace.
func observe(t *testing.T, s scenario) *record {
	t.Helper()
	r, b, id := kit.Subject(t), kit.NewBundle(t, s.change...), kit.ID()
	req := &libct.Request{Verb: s.verb, ID: id, Root: r.Root, Bundle: b.Dir, Gate: s.verb == "create"}
	if s.set != nil {
		s.set(req)
	}
	_, plan, err := libct.Prepare(req)
	if err != nil {
		t.Fatal(err)
	}
	sameSources(t, r, b)
	out := filepath.Join(kit.Dir(t), "trace")
	c := r.Cmd(slices.Concat([]string{s.verb, "--bundle", b.Dir}, s.flags, []string{id})...)
	c.Args = slices.Concat([]string{kit.NeedTool(t, "strace")}, options, []string{"-o", out}, c.Args)
	c.Start(t)
	if s.verb == "create" {
		// strace stays until the container's process has ended.
		if !r.WaitStatus(id, "created") {
			c.Signal(15)
			t.Fatalf("not created: %s", c.Wait())
		}
		if res := r.Start(id); res.Code != 0 {
			t.Errorf("start: %s", res)
		}
	}
	if res := c.Wait(); res.Code != 0 || res.TimedOut {
		t.Fatal(res)
	}
	calls, err := readTrace(out)
	if err != nil {
		t.Fatal(err)
	}
	return cut(t, &record{plan: plan, run: s.verb == "run"}, calls)
}

// sameSources makes sure that the runtime under test is what this test was
// compiled with: it prints the plan that the library makes.
func sameSources(t *testing.T, r *kit.Runtime, b *kit.Bundle) {
	t.Helper()
	_, plan, err := libct.Prepare(&libct.Request{Verb: "explain", ID: "ID", Root: r.Root, Bundle: b.Dir, Gate: true})
	if err != nil {
		t.Fatal(err)
	}
	if res := r.Do("explain", "--json", b.Dir); res.Stdout != string(explain.JSON(nil, plan)) {
		t.Fatalf("%s explains another plan than the library makes: build it again", r.Path)
	}
}

// cut finds the parent, drops what it did before it was sealed, and finds
// the child.
func cut(t *testing.T, r *record, calls []call) *record {
	t.Helper()
	r.parent = calls[0].pid
	for i, c := range calls {
		if c.pid == r.parent && strings.HasPrefix(c.name, "execve") && c.errno == "" {
			r.calls = calls[i+1:]
		}
	}
	into := uint64(0)
	for i := range r.plan.Steps {
		if s := &r.plan.Steps[i]; s.Name == "open cgroup" {
			into = cloneFlags(t, "CLONE_INTO_CGROUP") // it is this step that tells of it
		} else if s.Name == "clone" {
			want := cloneFlags(t, strings.Join(s.Does, " ")) | into
			for _, c := range r.calls {
				// A hook or the owner of an id mapping is cloned too, with other flags.
				if c.name != "clone3" || c.errno != "" || c.pid != r.parent && !r.thread(c.pid) {
					continue
				}
				fields, err := structure(c.args[0])
				if err != nil {
					t.Fatal(err)
				}
				if got, _ := number(fields["flags"]); got&0x1000 != 0 { // CLONE_PIDFD: only this one
					r.child = int(c.ret)
					if got != want {
						t.Errorf("step clone tells of flags %#x (%s), strace saw %#x", want, s.Does, got)
					}
				}
			}
		}
	}
	if r.child == 0 {
		t.Fatal("strace saw no clone3 of the plan")
	}
	return r
}

var flagName = regexp.MustCompile(`CLONE_\w+`)

func cloneFlags(t *testing.T, text string) (flags uint64) {
	for _, name := range flagName.FindAllString(text, -1) {
		v, ok := cloneNames[name]
		if !ok {
			t.Fatalf("clone flag %s", name)
		}
		flags |= v
	}
	return flags
}

// thread says whether pid is a thread of the parent.
func (r *record) thread(pid int) bool {
	for _, c := range r.calls {
		if isThread(c) && int(c.ret) == pid {
			return true
		}
	}
	return false
}

// parents are the calls of the parent, all its threads together.
func (r *record) parents() (mine []call) {
	threads := map[int]bool{r.parent: true}
	for _, c := range r.calls {
		if isThread(c) {
			threads[int(c.ret)] = true
		}
		if threads[c.pid] {
			mine = append(mine, c)
		}
	}
	return mine
}

// check compares plan and trace: first the parent's side, whose registers the
// child then inherits.
func (r *record) check() (*walk, error) {
	w := &walk{program: take(r.plan), regs: map[uint64]uint64{0: 0}}
	if err := w.parent(r.parents(), items(r.plan), r.run); err != nil {
		return w, fmt.Errorf("parent: %w", err)
	}
	if err := w.follow(r.calls, r.child); err != nil {
		return w, fmt.Errorf("child: %w", err)
	}
	return w, nil
}

// The plan is what strace sees.
func TestPlanIsWhatStraceSees(t *testing.T) {
	for _, s := range scenarios(t) {
		t.Run(s.verb+" "+s.name, func(t *testing.T) {
			kit.Begin(t)
			r := observe(t, s)
			w, err := r.check()
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d of the child's %d operations were made", len(w.done), len(w.ops))
		})
	}
}

// Positive control: a plan in which one call is missing, or one argument is
// another, is not what strace saw. All of them, one after the other.
func TestEveryDifferenceIsSeen(t *testing.T) {
	kit.Begin(t)
	r := observe(t, scenarios(t)[3])
	w, err := r.check()
	if err != nil {
		t.Fatal(err)
	}
	parent := &walk{program: take(r.plan), regs: map[uint64]uint64{0: 0}}
	if err := parent.parent(r.parents(), items(r.plan), r.run); err != nil {
		t.Fatal(err)
	}
	before := parent.regs // as the child inherits them
	fresh := func(g *program) error {
		return (&walk{program: g, regs: maps.Clone(before)}).follow(r.calls, r.child)
	}
	good := take(r.plan)
	if err := fresh(good); err != nil {
		t.Fatal(err)
	}
	missed := 0
	for _, i := range w.done {
		if fresh(good.without(i)) == nil {
			t.Errorf("not missed: %s", good.spell(&good.ops[i]))
		}
		missed++
	}
	changed := 0
	for _, i := range w.done {
		o := &good.ops[i]
		for arg, seen := range w.seen[i] {
			if kind := uint8(o.Kind[arg]); kind == isReg || kind == isInt && seen == "NULL" || kind == isData && (seen[0] != '"' || good.name(o) == "read") {
				continue
			}
			if fresh(good.changed(i, arg)) == nil {
				t.Errorf("argument %d is another and it is not seen: %s", arg, good.spell(o))
			}
			changed++
		}
	}
	t.Logf("%d operations left out, %d arguments changed", missed, changed)
	if missed < 100 || changed < 200 {
		t.Error("that is too few to mean much")
	}

	// And in the parent: a change that no step tells of.
	for i := range r.plan.Steps {
		s := &r.plan.Steps[i]
		if s.Actor == libct.Child {
			continue
		}
		all := items(r.plan)
		less, changes := slices.Clone(all), false
		less = slices.DeleteFunc(less, func(it item) bool {
			if it.step != i {
				return false
			}
			if it.op != nil {
				changes = changes || family(w.name(it.op)) != ""
			} else {
				changes = changes || !it.satisfied() || it.aside != ""
			}
			return true
		})
		if !changes {
			continue
		}
		w := &walk{program: take(r.plan), regs: map[uint64]uint64{0: 0}}
		if w.parent(r.parents(), less, r.run) == nil {
			t.Errorf("a plan without step %d %s is as good", i+1, s.Name)
		}
	}
}

// The reader of traces reads what strace writes.
func TestReadTrace(t *testing.T) {
	kit.Begin(t)
	calls, err := parseTrace(`7 openat2(3, "\x61\x28", {flags=0x280000, resolve=0x12}, 24) = -1 ENOENT (No such file or directory)
7 clone(child_stack=0x1, flags=0xd0f00 <unfinished ...>
8 read(5,  <unfinished ...>
7 <... clone resumed>, tls=0x2) = 9
8 <... read resumed>"\x74", 1)  = ? ERESTARTSYS (To be restarted if SA_RESTART is set)
9 mknodat(4, "\x6e", 020666, makedev(0x1, 0x3)) = 0
9 umask(000)                        = 022
8 exit_group(0)                     = ?
9 +++ exited with 0 +++
`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range calls {
		got = append(got, fmt.Sprintln(c.pid, c.name, len(c.args), c.ret, c.errno, c.again, c.never))
	}
	want := []string{"7 openat2 4 -1 ENOENT false false", "7 clone 3 9  false false", "8 read 3 0  true false",
		"9 mknodat 4 0  false false", "9 umask 1 18  false false", "8 exit_group 1 0  false true"}
	for i := range want {
		got[i] = strings.Join(strings.Fields(got[i]), " ")
		want[i] = strings.Join(strings.Fields(want[i]), " ")
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nnot %q", got, want)
	}
	if s, _ := text(calls[0].args[1]); s != "a(" {
		t.Errorf("%q", s)
	}
	if v, err := number(calls[3].args[3]); v != 0x103 || err != nil {
		t.Error(v, err)
	}
	for _, bad := range []string{"x", "7 open", "7 <... read resumed>) = 0", "7 f(1) = x"} {
		if _, err := parseTrace(bad); err == nil {
			t.Errorf("read %q", bad)
		}
	}
}
