package libct_test

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"testing"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/libct"
	"stave/libct/cgroup"
	"stave/libct/explain"
	"stave/libct/nofile"
	"stave/specs"
)

var update = flag.Bool("update", false, "rewrite testdata/*.txt")

// hostV1 is a host with three cgroup v1 hierarchies.
func hostV1() *libct.Host {
	h := func(mount string, controllers ...string) cgroup.Hierarchy {
		return cgroup.Hierarchy{Controllers: controllers, Mount: "/sys/fs/cgroup/" + mount, Root: "/", Self: "/"}
	}
	return &libct.Host{
		Caps:    1<<41 - 1,
		NoFile:  nofile.Limit{Cur: 1024, Max: 4096},
		Sealed:  true,
		Cgroups: &cgroup.Layout{Mode: cgroup.V1, Hierarchies: []cgroup.Hierarchy{h("systemd", "name=systemd"), h("cpu,cpuacct", "cpu", "cpuacct"), h("memory", "memory"), h("devices", "devices")}},
		Sources: map[string]uint32{"/dev": unix.S_IFDIR | 0o755, "/srv/data": unix.S_IFDIR | 0o755, "/srv/file": unix.S_IFREG | 0o644, "/b/rel": unix.S_IFDIR | 0o700},
		Home:    "/root",
	}
}

// hostV2 has the unified hierarchy and nothing else.
func hostV2() *libct.Host {
	h := hostV1()
	h.Cgroups = &cgroup.Layout{Mode: cgroup.V2, Hierarchies: []cgroup.Hierarchy{{Controllers: []string{""}, Mount: "/sys/fs/cgroup", Root: "/", Self: "/", V2: true,
		Available: []string{"cpuset", "cpu", "io", "memory", "pids"}}}}
	return h
}

// small is the least there can be: a process with a root, in new mount and
// pid namespaces. /dev is the host's, or the nodes would fill the page.
func small() *rspec.Spec {
	return &rspec.Spec{
		Version: "1.2.0",
		Root:    &rspec.Root{Path: "rootfs"},
		Process: &rspec.Process{Args: []string{"/hello", "world"}, Cwd: "/", Env: []string{"A=1"}},
		Mounts:  []rspec.Mount{{Destination: "/dev", Type: "bind", Source: "/dev", Options: []string{"bind"}}},
		Linux:   &rspec.Linux{Namespaces: []rspec.LinuxNamespace{{Type: rspec.MountNamespace}, {Type: rspec.PIDNamespace}}},
	}
}

// A golden is a compilation whose text is kept.
type golden struct {
	name  string
	amd64 bool // the text depends on the architecture
	host  func() *libct.Host
	spec  func(*rspec.Spec)
	req   func(*libct.Request)
	tweak func(*libct.Host)
	lone  bool   // no cgroup
	from  string // of the plan, the steps from this one
	to    string // up to the one before this are kept; the rest is in others
}

func ptr[T any](v T) *T { return &v }

var goldens = []golden{
	{name: "small", lone: true},
	{name: "devices", lone: true, from: "open /dev", to: "pivot_root", spec: func(s *rspec.Spec) {
		s.Mounts, s.Linux.Devices = nil, []rspec.LinuxDevice{{Path: "/dev/null", Type: "c", Major: 1, Minor: 3, GID: ptr(uint32(5))}, {Path: "/dev/net/tun", Type: "u", Major: 10, Minor: 200}}
	}, tweak: func(h *libct.Host) { h.KCore = true }},
	{name: "mounts", lone: true, from: "mount propagation", to: "session keyring", spec: func(s *rspec.Spec) {
		s.Mounts = append(s.Mounts,
			rspec.Mount{Destination: "/proc/", Type: "proc", Source: "proc"},
			rspec.Mount{Destination: "/tmp", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "ro", "size=1m", "rshared"}},
			rspec.Mount{Destination: "/data", Type: "bind", Source: "/srv/data", Options: []string{"rbind", "ro", "rnosuid", "rslave"}},
			rspec.Mount{Destination: "/etc/a/file", Source: "/srv/file", Options: []string{"bind"}},
			rspec.Mount{Destination: "/rel", Source: "rel", Options: []string{"bind"}},
			rspec.Mount{Destination: "/over", Type: "overlay", Source: "overlay", Options: []string{"lowerdir=/" + strings.Repeat("l", 260)}},
			rspec.Mount{Destination: "/full", Type: "tmpfs", Options: []string{"tmpcopyup"}},
			rspec.Mount{Destination: "/proc", Type: "proc", Options: []string{"remount", "hidepid=2"}},
		)
		s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = []string{"/proc/kcore"}, []string{"/proc/sys"}
		s.Linux.RootfsPropagation, s.Root.Readonly = "shared", true
	}, tweak: func(h *libct.Host) { h.DirModes = map[string]uint32{"/full": unix.S_IFDIR | 0o1777} }},
	{name: "user namespace", lone: true, to: "session keyring", spec: func(s *rspec.Spec) {
		s.Linux.Namespaces = append(s.Linux.Namespaces, rspec.LinuxNamespace{Type: rspec.UserNamespace}, rspec.LinuxNamespace{Type: rspec.UTSNamespace},
			rspec.LinuxNamespace{Type: rspec.NetworkNamespace, Path: "/run/netns/n"})
		s.Linux.UIDMappings = []rspec.LinuxIDMapping{{HostID: 100000, Size: 65536}}
		s.Linux.GIDMappings = s.Linux.UIDMappings
		s.Hostname = "inside"
		s.Mounts = append(s.Mounts, rspec.Mount{Destination: "/data", Type: "bind", Source: "/srv/data", Options: []string{"bind", "idmap"}})
	}},
	{name: "inside a user namespace", lone: true, from: "mount /proc", spec: func(s *rspec.Spec) {
		s.Mounts = []rspec.Mount{{Destination: "/proc", Type: "proc", Source: "proc"}}
		s.Process.Capabilities = &rspec.LinuxCapabilities{Bounding: []string{"CAP_SYS_TIME", "CAP_KILL"}}
	}, tweak: func(h *libct.Host) { h.UserNS, h.SetgroupsDenied, h.EUID, h.Caps = true, true, 1000, 1<<5 }},
	{name: "limits v1", to: "mount propagation", spec: limits},
	{name: "limits v2", to: "mount propagation", host: hostV2, spec: limits},
	{name: "process", lone: true, from: "pid file", spec: func(s *rspec.Spec) {
		p := s.Process
		p.Args, p.Env = []string{"sh"}, []string{"PATH=/bin::rel:/usr/bin/", "HOME="}
		p.User = rspec.User{UID: 7, GID: 8, AdditionalGids: []uint32{9, 10}, Umask: ptr(uint32(0o77))}
		p.Capabilities = &rspec.LinuxCapabilities{Bounding: []string{"CAP_CHOWN", "CAP_BPF"}, Permitted: []string{"CAP_CHOWN", "CAP_BPF"}, Effective: []string{"CAP_CHOWN"},
			Inheritable: []string{"CAP_CHOWN"}, Ambient: []string{"CAP_CHOWN"}}
		p.Rlimits = []rspec.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 10, Hard: 20}, {Type: "RLIMIT_CORE", Soft: unix.RLIM_INFINITY, Hard: unix.RLIM_INFINITY}}
		p.NoNewPrivileges, p.Cwd = true, "/work"
		p.Terminal, p.ConsoleSize = true, &rspec.Box{Height: 25, Width: 80}
		p.Scheduler = &rspec.Scheduler{Policy: rspec.SchedBatch, Nice: 3}
		p.IOPriority = &rspec.LinuxIOPriority{Class: rspec.IOPRIO_CLASS_BE, Priority: 4}
		p.OOMScoreAdj, p.ApparmorProfile = ptr(100), "confined"
		s.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "1", "kernel.msgmax": "2"}
		s.Linux.Personality = &rspec.LinuxPersonality{Domain: rspec.PerLinux32}
	}, tweak: func(h *libct.Host) { h.AppArmor = true }, req: func(r *libct.Request) { r.PidFile, r.PreserveFDs, r.ListenFDs = "/run/x.pid", 2, 1 }},
	{name: "cgroup mount v1", from: "mount /cg", to: "pivot_root", spec: cgroupMount, tweak: func(h *libct.Host) { h.Cgroups.Hierarchies = h.Cgroups.Hierarchies[1:] }},
	{name: "cgroup mount v2", host: hostV2, from: "mount /cg", to: "pivot_root", spec: cgroupMount},
	{name: "create", amd64: true, spec: func(s *rspec.Spec) {
		s.Hooks = &rspec.Hooks{CreateRuntime: []rspec.Hook{{Path: "/h/runtime"}}, CreateContainer: []rspec.Hook{{Path: "/h/container"}}, StartContainer: []rspec.Hook{{Path: "/h/start"}}}
		s.Linux.Seccomp = &rspec.LinuxSeccomp{DefaultAction: rspec.ActAllow, Syscalls: []rspec.LinuxSyscall{{Names: []string{"mount"}, Action: rspec.ActErrno}}}
		s.Linux.Namespaces = append(s.Linux.Namespaces, rspec.LinuxNamespace{Type: rspec.CgroupNamespace}, rspec.LinuxNamespace{Type: rspec.TimeNamespace})
		s.Linux.TimeOffsets = map[string]rspec.LinuxTimeOffset{"monotonic": {Secs: 1}, "boottime": {Secs: 2, Nanosecs: 3}}
	}, tweak: func(h *libct.Host) { h.Sealed = false }, req: func(r *libct.Request) { r.Verb, r.Gate = "create", true }},
}

func cgroupMount(s *rspec.Spec) {
	s.Mounts = append(s.Mounts, rspec.Mount{Destination: "/cg", Type: "cgroup", Source: "cgroup", Options: []string{"ro"}})
	s.Linux.Resources = &rspec.LinuxResources{Devices: []rspec.LinuxDeviceCgroup{{Allow: true, Access: "rwm"}}}
}

func limits(s *rspec.Spec) {
	s.Linux.CgroupsPath = "/pod/box"
	s.Linux.Resources = &rspec.LinuxResources{
		Memory:  &rspec.LinuxMemory{Limit: ptr(int64(1 << 20)), Swap: ptr(int64(2 << 20))},
		CPU:     &rspec.LinuxCPU{Shares: ptr(uint64(512)), Quota: ptr(int64(50000)), Period: ptr(uint64(100000))},
		Devices: []rspec.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}},
	}
}

// compile makes everything anew.
func (g *golden) compile(t testing.TB) (*libct.Plan, *rspec.Spec, *libct.Host) {
	t.Helper()
	spec, req := small(), &libct.Request{Verb: "run", ID: "box1", Root: "/run/stave", Bundle: "/b"}
	host := hostV1()
	if g.host != nil {
		host = g.host()
	}
	if g.spec != nil {
		g.spec(spec)
	}
	if g.tweak != nil {
		g.tweak(host)
	}
	if g.req != nil {
		g.req(req)
	}
	if !g.lone {
		var err error
		if req.CgroupPath, req.CgroupDirs, err = host.Cgroups.Dirs(spec.Linux.CgroupsPath, req.ID); err != nil {
			t.Fatal(err)
		}
	}
	plan, err := libct.Compile(spec, host, req)
	if err != nil {
		t.Fatal(err)
	}
	return plan, spec, host
}

// prose is the text of a plan without the reasons, and with the middle of long
// rows of the same call left out.
func prose(p *libct.Plan, from, to string) string {
	var b strings.Builder
	for _, w := range p.Warnings {
		b.WriteString("warning: " + w + "\n")
	}
	on := from == ""
	for i := range p.Steps {
		s := &p.Steps[i]
		on = (on || s.Name == from) && (s.Name != to || to == "")
		if !on {
			continue
		}
		b.WriteString(strings.ToUpper(s.Actor.String()[:1]) + " " + s.Name)
		if s.Field != "" {
			b.WriteString("  (" + s.Field + ")")
		}
		b.WriteByte('\n')
		var lines []string
		lines = append(lines, s.Does...)
		for j := range s.Ops {
			if text := p.Spell(&s.Ops[j]); text != "" {
				lines = append(lines, text)
			}
		}
		head := func(l string) string { h, _, _ := strings.Cut(l, ","); return h }
		for j := 0; j < len(lines); {
			k := j + 1
			for k < len(lines) && head(lines[k]) == head(lines[j]) && strings.HasPrefix(lines[j], "prctl(PR_CAPBSET_DROP") {
				k++
			}
			b.WriteString("  " + lines[j] + "\n")
			if k-j > 3 {
				b.WriteString("  ... " + strconv.Itoa(k-j-2) + " more\n  " + lines[k-1] + "\n")
			} else {
				for _, l := range lines[j+1 : k] {
					b.WriteString("  " + l + "\n")
				}
			}
			j = k
		}
	}
	return b.String()
}

func compare(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", strings.ReplaceAll(name, " ", "-")+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; go test ./libct -update writes it", err)
	}
	if got == string(want) {
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range g {
		if i >= len(w) || g[i] != w[i] {
			have := "(the end)"
			if i < len(w) {
				have = w[i]
			}
			t.Fatalf("%s:%d: the plan has\n\t%s\nand the file\n\t%s\nif that is meant: go test ./libct -update", file, i+1, g[i], have)
		}
	}
	t.Fatalf("%s has %d lines more than the plan", file, len(w)-len(g))
}

// Plans are what they were: a change of a plan shows in the diff of testdata.
func TestGolden(t *testing.T) {
	for i := range goldens {
		g := &goldens[i]
		t.Run(g.name, func(t *testing.T) {
			if g.amd64 && runtime.GOARCH != "amd64" {
				t.Skip("the text is that of amd64")
			}
			plan, _, _ := g.compile(t)
			compare(t, g.name, prose(plan, g.from, g.to))
		})
	}
}

// The plan of exec: the same steps, in a container that exists.
func TestGoldenExec(t *testing.T) {
	ns := []rspec.LinuxNamespace{{Type: rspec.PIDNamespace}, {Type: rspec.MountNamespace}}
	p := &rspec.Process{Args: []string{"/bin/sh"}, Cwd: "/", Terminal: true}
	for _, c := range []struct {
		name string
		rec  *specs.Record
		p    *rspec.Process
	}{
		{"exec", &specs.Record{ID: "box1", Rootfs: "/b/rootfs", Bundle: "/b", Namespaces: ns, Process: small().Process}, p},
		{"exec of one who may trace", &specs.Record{ID: "box1", Rootfs: "/b/rootfs", Bundle: "/b", Namespaces: ns, Process: small().Process, Ptrace: true}, p},
	} {
		host := hostV1()
		_, dirs, err := host.Cgroups.Dirs("", "box1")
		if err != nil {
			t.Fatal(err)
		}
		plan, err := libct.CompileExec(c.rec, c.p, nil, host, &libct.Request{Verb: "exec", ID: "box1", Root: "/run/stave", Bundle: "/b", CgroupDirs: dirs})
		if err != nil {
			t.Fatal(err)
		}
		compare(t, c.name, prose(plan, "", ""))
	}
}

// Same specification, same host: the same plan, and neither is changed.
func TestCompileIsPure(t *testing.T) {
	bytes := func(p *libct.Plan) []byte { return reflect.ValueOf(p).Elem().FieldByName("data").Bytes() }
	for i := range goldens {
		g := &goldens[i]
		first, spec, host := g.compile(t)
		for range 8 { // maps give another order each time
			again, _, _ := g.compile(t)
			if string(bytes(first)) != string(bytes(again)) {
				t.Fatalf("%s: other data", g.name)
			}
			if string(explain.JSON(nil, first)) != string(explain.JSON(nil, again)) {
				t.Fatalf("%s: another text", g.name)
			}
			for j := range first.Steps {
				if !reflect.DeepEqual(first.Steps[j].Ops, again.Steps[j].Ops) {
					t.Fatalf("%s: step %s has other operations", g.name, first.Steps[j].Name)
				}
			}
		}
		freshSpec, freshHost := small(), hostV1()
		if g.host != nil {
			freshHost = g.host()
		}
		if g.spec != nil {
			g.spec(freshSpec)
		}
		if g.tweak != nil {
			g.tweak(freshHost)
		}
		if !reflect.DeepEqual(spec, freshSpec) {
			t.Errorf("%s: Compile has changed the specification", g.name)
		}
		if !reflect.DeepEqual(host, freshHost) {
			t.Errorf("%s: Compile has changed the host's facts", g.name)
		}
	}
}

// Compiling the same values twice gives the same too: nothing is left in them.
func TestCompileAgain(t *testing.T) {
	for i := range goldens {
		g := &goldens[i]
		first, spec, host := g.compile(t)
		req := &libct.Request{Verb: "run", ID: "box1", Root: "/run/stave", Bundle: "/b"}
		if g.req != nil {
			g.req(req)
		}
		if !g.lone {
			req.CgroupPath, req.CgroupDirs, _ = host.Cgroups.Dirs(spec.Linux.CgroupsPath, req.ID)
		}
		again, err := libct.Compile(spec, host, req)
		if err != nil {
			t.Fatal(err)
		}
		if string(explain.JSON(nil, first)) != string(explain.JSON(nil, again)) {
			t.Errorf("%s: another plan", g.name)
		}
	}
}

// What every plan promises, whatever the specification: rules lead only
// forward and stay within their step; a step has operations or Go code.
func TestPlansAreSound(t *testing.T) {
	for i := range goldens {
		g := &goldens[i]
		plan, _, _ := g.compile(t)
		for _, s := range plan.Steps {
			if s.Name == "" || s.Why == "" {
				t.Errorf("%s: a step without a name or a reason: %+v", g.name, s.Name)
			}
			if s.Actor == libct.Child && (s.Call != nil || len(s.Ops) == 0) {
				t.Errorf("%s: the child cannot execute %s", g.name, s.Name)
			}
			if s.Actor == libct.Parent && (s.Call == nil) == (len(s.Ops) == 0) {
				t.Errorf("%s: %s is both or nothing", g.name, s.Name)
			}
			if s.Call != nil && len(s.Does) == 0 {
				t.Errorf("%s: %s does not tell what it does", g.name, s.Name)
			}
			if strings.ContainsAny(s.Name+s.Field, "\t\n") {
				t.Errorf("%s: %q would break a line of steps", g.name, s.Name)
			}
			for j, o := range s.Ops {
				for _, r := range o.Rules {
					if r.Errno != 0 && j+1+int(r.Skip) > len(s.Ops) {
						t.Errorf("%s: %s: a rule of %s leads out of its step", g.name, s.Name, plan.Spell(&s.Ops[j]))
					}
				}
				if text := plan.Spell(&s.Ops[j]); strings.HasPrefix(text, "syscall_") {
					t.Errorf("%s: %s: %s has no spelling", g.name, s.Name, text)
				}
			}
		}
	}
}

// Who may be looked at has no memory in common with the runtime.
func TestWhoSharesMemory(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("only amd64 has the thread that shares memory")
	}
	const shared = "CLONE_VM"
	host := func(h *libct.Host) *libct.Host { h.Sealed = false; return h }
	told := func(p *libct.Plan, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		for i := range p.Steps {
			if p.Steps[i].Name == "clone" {
				return strings.Join(p.Steps[i].Does, " ")
			}
		}
		t.Fatal("no clone")
		return ""
	}
	type ns = rspec.LinuxNamespace
	for _, row := range []struct {
		name string
		want bool
		list []ns
		host func(*libct.Host)
		spec func(*rspec.Spec)
	}{
		{name: "a pid namespace of its own", want: true, list: []ns{{Type: rspec.PIDNamespace}, {Type: rspec.MountNamespace}}},
		{name: "and all others", want: true, list: []ns{{Type: rspec.PIDNamespace}, {Type: rspec.MountNamespace}, {Type: rspec.NetworkNamespace}, {Type: rspec.IPCNamespace}, {Type: rspec.UTSNamespace}}},
		{name: "the host's pid namespace", list: []ns{{Type: rspec.MountNamespace}}},
		{name: "another's pid namespace", list: []ns{{Type: rspec.PIDNamespace, Path: "/proc/7/ns/pid"}, {Type: rspec.MountNamespace}}},
		{name: "another's user namespace", list: []ns{{Type: rspec.UserNamespace, Path: "/proc/7/ns/user"}, {Type: rspec.PIDNamespace}, {Type: rspec.MountNamespace}}},
		{name: "a time namespace", list: []ns{{Type: rspec.PIDNamespace}, {Type: rspec.TimeNamespace}, {Type: rspec.MountNamespace}}},
		{name: "no program in memory", list: []ns{{Type: rspec.PIDNamespace}, {Type: rspec.MountNamespace}}, host: func(h *libct.Host) { h.NoExecMemfd = true }},
		{name: "a label", list: []ns{{Type: rspec.PIDNamespace}, {Type: rspec.MountNamespace}}, host: func(h *libct.Host) { h.AppArmor = true }, spec: func(s *rspec.Spec) { s.Process.ApparmorProfile = "p" }},
	} {
		s, h := small(), host(hostV1())
		s.Linux.Namespaces = row.list
		if row.host != nil {
			row.host(h)
		}
		if row.spec != nil {
			row.spec(s)
		}
		plan, err := libct.Compile(s, h, &libct.Request{Verb: "run", ID: "c", Root: "/r", Bundle: "/b"})
		if got := strings.Contains(told(plan, err), shared); got != row.want {
			t.Errorf("%s: shares memory: %v", row.name, got)
		}
	}
	for _, row := range []struct {
		name string
		want bool
		rec  func(*specs.Record)
		host func(*libct.Host)
	}{
		{name: "exec", want: true},
		{name: "exec where somebody may trace", rec: func(r *specs.Record) { r.Ptrace = true }},
		{name: "exec in the host's pid namespace", rec: func(r *specs.Record) { r.Namespaces = r.Namespaces[:1] }},
		{name: "exec where the change of ids makes dumpable", host: func(h *libct.Host) { h.SuidDumpable = true }},
	} {
		p := &rspec.Process{Args: []string{"/true"}, Cwd: "/"}
		rec := &specs.Record{ID: "c", Rootfs: "/b/rootfs", Process: p, Namespaces: []ns{{Type: rspec.MountNamespace}, {Type: rspec.PIDNamespace}}}
		h := host(hostV1())
		if row.rec != nil {
			row.rec(rec)
		}
		if row.host != nil {
			row.host(h)
		}
		plan, err := libct.CompileExec(rec, p, nil, h, &libct.Request{Verb: "exec", ID: "c", Root: "/r", Bundle: "/b"})
		if got := strings.Contains(told(plan, err), shared); got != row.want {
			t.Errorf("%s: shares memory: %v", row.name, got)
		}
	}
}
