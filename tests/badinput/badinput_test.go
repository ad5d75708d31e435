// Package badinput holds the runtime to its promise for bad input: one line on
// stderr that names the culprit, an exit status that is not 0, nothing left.
package badinput

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"stave/tests/kit"
)

func TestMain(m *testing.M) { kit.Main(m) }

// A bad input is a config that is wrong in one place, or a command line.
type bad struct {
	name   string
	want   string // what the line must contain: a pointer into the config, a path, a flag
	change func(b *kit.Bundle)
	raw    string   // config.json as it is, instead
	args   []string // command line instead of create; ID and BUNDLE are put in
	id     string   // instead of a good one
}

func TestBadInput(t *testing.T) {
	for _, c := range append(configCases(), commandCases()...) {
		t.Run(c.name, func(t *testing.T) {
			kit.Begin(t)
			r := kit.Subject(t)
			r.Timeout = 15 * time.Second
			b := kit.NewBundle(t)
			if c.change != nil {
				c.change(b)
				b.Write(t)
			}
			if c.raw != "" {
				b.WriteRaw(t, strings.TrimPrefix(c.raw, "raw:"))
			}
			id := kit.ID()
			if c.id != "" {
				id = strings.ReplaceAll(c.id, "ID", id)
			}
			args := []string{"create", "--bundle", b.Dir, id}
			if c.args != nil {
				args = nil
				for _, a := range c.args {
					args = append(args, strings.NewReplacer("ID", id, "BUNDLE", b.Dir).Replace(a))
				}
			}
			before := kit.Snap(r, b)
			res := r.Do(args...)
			if res.Code == 0 || res.Code > 128 && res.Code < 193 || res.TimedOut { // exec of runc has 255
				t.Errorf("want an error exit status: %s", res)
			}
			line := strings.TrimSuffix(res.Stderr, "\n")
			if line == "" || strings.Contains(line, "\n") {
				t.Errorf("want one line on stderr: %s", res)
			}
			if !strings.Contains(line, c.want) {
				t.Errorf("want %q in the line: %s", c.want, res)
			}
			if strings.Contains(line, "goroutine ") || strings.Contains(line, "panic:") {
				t.Errorf("a panic: %s", res)
			}
			kit.NoLeak(t, r, before, b)
		})
	}
}

// Positive control: the same checks find a good container that is left running.
func TestGoodInputIsSeen(t *testing.T) {
	kit.Begin(t)
	r := kit.Subject(t)
	b := kit.NewBundle(t, kit.Shell("sleep 60"))
	before := kit.Snap(r, b)
	if res := r.Create(b, kit.ID()); res.Code != 0 {
		t.Fatal(res)
	}
	if diff := before.Compare(kit.Snap(r, b)); len(diff) < 3 {
		t.Errorf("a created container leaves no more than %v", diff)
	}
}

func spec(name, want string, change func(s *specs.Spec)) bad {
	return bad{name: name, want: want, change: func(b *kit.Bundle) { change(b.Spec) }}
}

func configCases() []bad {
	long := strings.Repeat("x", 5000)
	p := kit.Ptr[int64]
	mount := func(name, want string, m specs.Mount) bad {
		return spec("mount "+name, want, func(s *specs.Spec) { s.Mounts = append(s.Mounts, m) })
	}
	return []bad{
		{name: "config empty", raw: "raw:", want: "config.json"},
		{name: "config not JSON", raw: "not json", want: "config.json"},
		{name: "config cut", raw: `{"ociVersion": "1.0.2", "process": {`, want: "config.json"},
		{name: "config an array", raw: `[]`, want: "config.json"},
		{name: "config null", raw: `null`, want: ""},
		{name: "config empty object", raw: `{}`, want: "ociVersion"},
		{name: "config trailing garbage", raw: `{"ociVersion":"1.0.2"} x`, want: "config.json"},
		{name: "config wrong type", raw: `{"ociVersion":"1.0.2","process":{"args":"sh"}}`, want: "/process/args"},
		{name: "config deep nesting", raw: strings.Repeat(`{"a":`, 20000), want: "config.json"},
		{name: "config missing", want: "config.json", change: func(b *kit.Bundle) {}, args: []string{"create", "--bundle", "BUNDLE/rootfs", "ID"}},
		spec("version none", "ociVersion", func(s *specs.Spec) { s.Version = "" }),
		spec("version 2", "ociVersion", func(s *specs.Spec) { s.Version = "2.0.0" }),
		spec("version garbage", "ociVersion", func(s *specs.Spec) { s.Version = "banana" }),
		spec("root none", "/root", func(s *specs.Spec) { s.Root = nil }),
		spec("root path empty", "/root/path", func(s *specs.Spec) { s.Root.Path = "" }),
		spec("root missing", "nonexistent", func(s *specs.Spec) { s.Root.Path = "nonexistent" }),
		spec("root a file", "/root", func(s *specs.Spec) { s.Root.Path = "config.json" }),
		spec("root is /", "/root/path", func(s *specs.Spec) { s.Root.Path = "/" }),
		spec("args empty", "/process/args", func(s *specs.Spec) { s.Process.Args = nil }),
		spec("args first empty", "/process/args", func(s *specs.Spec) { s.Process.Args = []string{""} }),
		spec("args NUL", "/process/args", func(s *specs.Spec) { s.Process.Args = []string{"a\x00b"} }),
		spec("env without =", "/process/env", func(s *specs.Spec) { s.Process.Env = []string{"NOEQUALS"} }),
		spec("env NUL", "/process/env", func(s *specs.Spec) { s.Process.Env = []string{"A=\x00"} }),
		spec("cwd empty", "/process/cwd", func(s *specs.Spec) { s.Process.Cwd = "" }),
		spec("cwd relative", "/process/cwd", func(s *specs.Spec) { s.Process.Cwd = "tmp" }),
		spec("cwd too long", "/process/cwd", func(s *specs.Spec) { s.Process.Cwd = "/" + long }),
		spec("cwd a file", "/process/cwd", func(s *specs.Spec) { s.Process.Cwd = "/etc/passwd" }),
		spec("rlimit unknown", "/process/rlimits", func(s *specs.Spec) { s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_X"}} }),
		spec("rlimit twice", "/process/rlimits", func(s *specs.Spec) { s.Process.Rlimits = append(s.Process.Rlimits, s.Process.Rlimits[0]) }),
		spec("rlimit soft above hard", "/process/rlimits", func(s *specs.Spec) { s.Process.Rlimits[0].Soft = 2048 }),
		spec("terminal without a socket", "console-socket", func(s *specs.Spec) { s.Process.Terminal = true }),
		spec("scheduler unknown", "/process/scheduler", func(s *specs.Spec) { s.Process.Scheduler = &specs.Scheduler{Policy: "SCHED_X"} }),
		spec("ioPriority unknown", "/process/ioPriority", func(s *specs.Spec) { s.Process.IOPriority = &specs.LinuxIOPriority{Class: "X"} }),
		spec("apparmor not here", "/process/apparmorProfile", func(s *specs.Spec) { s.Process.ApparmorProfile = "nope" }),
		spec("selinux not here", "/process/selinuxLabel", func(s *specs.Spec) { s.Process.SelinuxLabel = "a:b:c:s0" }),
		spec("hostname too long", "/hostname", func(s *specs.Spec) { s.Hostname = strings.Repeat("h", 65) }),
		spec("hostname without uts", "/hostname", func(s *specs.Spec) { s.Linux.Namespaces = drop(s.Linux.Namespaces, specs.UTSNamespace) }),
		mount("destination empty", "/mounts/7", specs.Mount{Type: "tmpfs", Source: "t"}),
		mount("type unknown", "/mounts/7", specs.Mount{Destination: "/mnt/x", Type: "wibblefs", Source: "t"}),
		mount("source missing", "/mounts/7", specs.Mount{Destination: "/mnt/x", Type: "bind", Source: "/no/such/dir", Options: []string{"bind"}}),
		mount("data bad", "/mounts/7", specs.Mount{Destination: "/mnt/x", Type: "tmpfs", Source: "t", Options: []string{"size=banana"}}),
		mount("over a file", "/mounts/7", specs.Mount{Destination: "/etc/passwd", Type: "tmpfs", Source: "t"}),
		mount("below a file", "/mounts/7", specs.Mount{Destination: "/etc/passwd/x", Type: "tmpfs", Source: "t"}),
		mount("into proc", "/mounts/7", specs.Mount{Destination: "/proc/self/attr", Type: "tmpfs", Source: "t"}),
		mount("id mapping without maps", "/mounts/7", specs.Mount{Destination: "/mnt/x", Type: "bind", Source: "/tmp", Options: []string{"rbind", "idmap"}}),
		spec("namespace unknown", "/linux/namespaces/5", func(s *specs.Spec) { s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: "x"}) }),
		spec("namespace twice", "/linux/namespaces/5", func(s *specs.Spec) {
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.PIDNamespace})
		}),
		spec("namespace path missing", "/no/such/ns", func(s *specs.Spec) { s.Linux.Namespaces[1].Path = "/no/such/ns" }),
		spec("namespace path of another type", "/linux/namespaces/1", func(s *specs.Spec) { s.Linux.Namespaces[1].Path = "/proc/self/ns/uts" }),
		spec("namespace path no namespace", "/linux/namespaces/1", func(s *specs.Spec) { s.Linux.Namespaces[1].Path = "/etc/passwd" }),
		spec("mappings without a user namespace", "/linux/uidMappings", func(s *specs.Spec) { s.Linux.UIDMappings = []specs.LinuxIDMapping{{Size: 1}} }),
		spec("user namespace without mappings", "idMap", func(s *specs.Spec) {
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
		}),
		spec("mappings overlap", "/linux/uidMappings", func(s *specs.Spec) {
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
			s.Linux.UIDMappings = []specs.LinuxIDMapping{{Size: 10, HostID: 1}, {ContainerID: 5, HostID: 100, Size: 10}}
			s.Linux.GIDMappings = s.Linux.UIDMappings
		}),
		spec("device type", "/linux/devices/0", func(s *specs.Spec) { s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/x", Type: "z"}} }),
		spec("device path relative", "/linux/devices/0", func(s *specs.Spec) { s.Linux.Devices = []specs.LinuxDevice{{Path: "x", Type: "c", Major: 1, Minor: 3}} }),
		spec("sysctl of the host", "vm.swappiness", func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{"vm.swappiness": "60"} }),
		spec("sysctl missing", "net.no.such", func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{"net.no.such": "1"} }),
		spec("sysctl with dots", "/linux/sysctl", func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{"net/../kernel/core_pattern": "x"} }),
		spec("sysctl bad value", "ip_forward", func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "banana"} }),
		spec("seccomp action", "/linux/seccomp", func(s *specs.Spec) { s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: "X"} }),
		spec("seccomp operator", "/linux/seccomp", func(s *specs.Spec) {
			s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{{Names: []string{"getcpu"}, Action: specs.ActErrno, Args: []specs.LinuxSeccompArg{{Op: "X"}}}}}
		}),
		spec("seccomp argument 6", "/linux/seccomp", func(s *specs.Spec) {
			s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{{Names: []string{"getcpu"}, Action: specs.ActErrno, Args: []specs.LinuxSeccompArg{{Index: 6, Op: specs.OpEqualTo}}}}}
		}),
		spec("seccomp architecture", "/linux/seccomp", func(s *specs.Spec) {
			s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Architectures: []specs.Arch{"SCMP_ARCH_X"}}
		}),
		spec("propagation", "/linux/rootfsPropagation", func(s *specs.Spec) { s.Linux.RootfsPropagation = "x" }),
		spec("personality", "/linux/personality", func(s *specs.Spec) { s.Linux.Personality = &specs.LinuxPersonality{Domain: "X"} }),
		spec("memory swap below limit", "memory", func(s *specs.Spec) {
			s.Linux.Resources.Memory = &specs.LinuxMemory{Limit: p(1 << 26), Swap: p(1 << 25)}
		}),
		spec("cpuset banana", "cpu", func(s *specs.Spec) { s.Linux.Resources.CPU = &specs.LinuxCPU{Cpus: "banana"} }),
		spec("hugepage size a path", "hugepage", func(s *specs.Spec) {
			s.Linux.Resources.HugepageLimits = []specs.LinuxHugepageLimit{{Pagesize: "../../x", Limit: 1}}
		}),
		spec("unified on v1", "unified", func(s *specs.Spec) { s.Linux.Resources.Unified = map[string]string{"memory.max": "1"} }),
		spec("hook path relative", "/hooks/createRuntime/0", func(s *specs.Spec) { s.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: "x"}}} }),
		spec("hook timeout", "/hooks/createRuntime/0", func(s *specs.Spec) {
			s.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: "/bin/true", Timeout: kit.Ptr(0)}}}
		}),
		spec("hook fails", "/hooks/createRuntime/0", func(s *specs.Spec) { s.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: "/bin/false"}}} }),
		spec("annotation key empty", "/annotations", func(s *specs.Spec) { s.Annotations = map[string]string{"": "x"} }),
		spec("a vm", "/vm", func(s *specs.Spec) { s.VM = &specs.VM{Kernel: specs.VMKernel{Path: "/x"}} }),
		spec("windows", "/windows", func(s *specs.Spec) { s.Windows = &specs.Windows{LayerFolders: []string{"x"}} }),
	}
}

func drop(all []specs.LinuxNamespace, t specs.LinuxNamespaceType) (keep []specs.LinuxNamespace) {
	for _, n := range all {
		if n.Type != t {
			keep = append(keep, n)
		}
	}
	return keep
}

func commandCases() []bad {
	cmd := func(name, want string, args ...string) bad {
		return bad{name: "command " + name, want: want, args: args}
	}
	all := []bad{
		cmd("no id", "", "create", "--bundle", "BUNDLE"), cmd("two ids", "", "create", "--bundle", "BUNDLE", "ID", "ID"),
		cmd("unknown verb", "wibble", "wibble"), cmd("unknown flag", "wibble", "create", "--wibble", "ID"),
		cmd("bundle missing", "/no/such", "create", "--bundle", "/no/such", "ID"),
		cmd("pid file in a missing directory", "/no/such/dir", "create", "--bundle", "BUNDLE", "--pid-file", "/no/such/dir/pid", "ID"),
		cmd("console socket missing", "console-socket", "create", "--bundle", "BUNDLE", "--console-socket", "/no/such/sock", "ID"),
		cmd("preserve-fds not open", "preserve-fds", "create", "--bundle", "BUNDLE", "--preserve-fds", "50", "ID"),
		cmd("state of none", "ID", "state", "ID"), cmd("start of none", "ID", "start", "ID"), cmd("kill of none", "ID", "kill", "ID"),
		cmd("delete of none", "ID", "delete", "ID"), cmd("exec of none", "ID", "exec", "ID", "true"), cmd("pause of none", "ID", "pause", "ID"),
		cmd("resume of none", "ID", "resume", "ID"), cmd("ps of none", "ID", "ps", "ID"), cmd("events of none", "ID", "events", "--stats", "ID"),
		cmd("update of none", "ID", "update", "--memory", "1000000", "ID"), cmd("exec without a command", "", "exec", "ID"),
	}
	for i := range all {
		all[i].want = strings.ReplaceAll(all[i].want, "ID", kit.Prefix)
	}
	for _, id := range []string{"..", ".", "a/b", "../x", "a b", "a\nb", "ü", "/abs", "ID;x", "ID\x01", strings.Repeat("i", 1025)} {
		all = append(all, bad{name: fmt.Sprintf("id %.12q", id), id: id, want: ""})
	}
	return all
}

// The state root itself may be bad.
func TestBadRoot(t *testing.T) {
	for name, path := range map[string]string{"a file": "/etc/passwd", "below a file": "/etc/passwd/x", "procfs": "/proc/x"} {
		t.Run(name, func(t *testing.T) {
			kit.Begin(t)
			r := kit.Subject(t)
			b := kit.NewBundle(t)
			before := kit.Snap(r, b)
			c := &kit.Cmd{Args: []string{r.Path, "--root", path, "create", "--bundle", b.Dir, kit.ID()}}
			c.Start(t)
			if res := c.Wait(); res.Code == 0 || !strings.Contains(res.Stderr, filepath.Dir(path)) {
				t.Errorf("%s", res)
			}
			kit.NoLeak(t, r, before, b)
			if _, err := os.Stat("/etc/passwd"); err != nil {
				t.Fatal(err)
			}
		})
	}
}
