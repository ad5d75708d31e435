package specs

import (
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
)

// full is a configuration that uses everything that Check looks at, and that
// is right.
func full() *rspec.Spec {
	s := example(true)
	s.Domainname = "example.org"
	p := s.Process
	p.ConsoleSize = &rspec.Box{Height: 24, Width: 80}
	p.User = rspec.User{UID: 1, GID: 2, Umask: new(uint32(0o22)), AdditionalGids: []uint32{3}}
	p.OOMScoreAdj = new(-1000)
	p.Scheduler = &rspec.Scheduler{Policy: rspec.SchedFIFO, Priority: 1, Flags: []rspec.LinuxSchedulerFlag{rspec.SchedFlagResetOnFork}}
	p.IOPriority = &rspec.LinuxIOPriority{Class: rspec.IOPRIO_CLASS_BE, Priority: 7}
	p.ExecCPUAffinity = &rspec.CPUAffinity{Initial: "0-3,7", Final: "1"}
	p.SelinuxLabel, p.ApparmorProfile = "system_u:system_r:svirt_lxc_net_t:s0:c124,c675", "acme_secure_profile"
	hook := rspec.Hook{Path: "/bin/true", Args: []string{"true"}, Env: []string{"A="}, Timeout: new(1)}
	s.Hooks = &rspec.Hooks{CreateRuntime: []rspec.Hook{hook}, Poststop: []rspec.Hook{hook}}
	s.Annotations = map[string]string{"a": ""}
	ids := []rspec.LinuxIDMapping{{ContainerID: 0, HostID: 1000, Size: 1000}, {ContainerID: 1000, HostID: 5000, Size: 1}}
	s.Mounts = append(s.Mounts, rspec.Mount{Destination: "/data", Source: "/x", Options: []string{"rbind", "ridmap"},
		UIDMappings: slices.Clone(ids), GIDMappings: slices.Clone(ids)})
	l := s.Linux
	l.Namespaces = append(l.Namespaces, rspec.LinuxNamespace{Type: "user"}, rspec.LinuxNamespace{Type: "time"})
	l.UIDMappings, l.GIDMappings = slices.Clone(ids), slices.Clone(ids)
	l.TimeOffsets = map[string]rspec.LinuxTimeOffset{"monotonic": {Secs: -1, Nanosecs: 999999999}}
	l.Devices = []rspec.LinuxDevice{
		{Path: "/dev/fuse", Type: "c", Major: 10, Minor: 229, FileMode: new(os.FileMode(0o666)), UID: new(uint32(0)), GID: new(uint32(0))},
		{Path: "/dev/pipe", Type: "p"},
	}
	l.CgroupsPath = "/a/../b"
	l.Sysctl = map[string]string{"net.ipv4.conf.eth0/1.mtu": "1500", "kernel.sem": "1 2 3 4", "fs.mqueue.msg_max": "10",
		"kernel/domainname": "x", "user.max_user_namespaces": "0"}
	l.RootfsPropagation, l.MountLabel = "rslave", "system_u:object_r:svirt_sandbox_file_t:s0"
	l.Personality = &rspec.LinuxPersonality{Domain: rspec.PerLinux32}
	l.Seccomp = &rspec.LinuxSeccomp{
		DefaultAction: rspec.ActErrno, DefaultErrnoRet: new(uint(38)), Architectures: []rspec.Arch{rspec.ArchX86_64},
		Flags: []rspec.LinuxSeccompFlag{rspec.LinuxSeccompFlagLog}, ListenerPath: "/run/agent.sock", ListenerMetadata: "x",
		Syscalls: []rspec.LinuxSyscall{
			{Names: []string{"mkdir"}, Action: rspec.ActNotify},
			{Names: []string{"clone"}, Action: rspec.ActAllow, Args: []rspec.LinuxSeccompArg{{Index: 5, Op: rspec.OpMaskedEqual}}},
		},
	}
	l.Resources = fullResources()
	return s
}

func fullResources() *rspec.LinuxResources {
	throttle := []rspec.LinuxThrottleDevice{{LinuxBlockIODevice: rspec.LinuxBlockIODevice{Major: 8}, Rate: 1}}
	return &rspec.LinuxResources{
		Devices: []rspec.LinuxDeviceCgroup{{Access: "rwm"}, {Allow: true, Type: "c", Major: new(int64(10)), Minor: new(int64(-1)), Access: "rw"}},
		Memory:  &rspec.LinuxMemory{Limit: new(int64(1 << 20)), Swap: new(int64(1 << 20)), Swappiness: new(uint64(100))},
		CPU: &rspec.LinuxCPU{Shares: new(uint64(1)), Quota: new(int64(1000)), Period: new(uint64(1000)), Burst: new(uint64(1000)),
			RealtimeRuntime: new(int64(5)), RealtimePeriod: new(uint64(5)), Cpus: "0", Mems: "0-1", Idle: new(int64(1))},
		Pids: &rspec.LinuxPids{Limit: new(int64(0))},
		BlockIO: &rspec.LinuxBlockIO{Weight: new(uint16(10)), LeafWeight: new(uint16(1000)),
			WeightDevice:          []rspec.LinuxWeightDevice{{LinuxBlockIODevice: rspec.LinuxBlockIODevice{Major: 8}, Weight: new(uint16(10))}},
			ThrottleReadBpsDevice: throttle, ThrottleWriteIOPSDevice: throttle},
		HugepageLimits: []rspec.LinuxHugepageLimit{{Pagesize: "2MB"}, {Pagesize: "64KB"}, {Pagesize: "1GB"}},
		Network:        &rspec.LinuxNetwork{Priorities: []rspec.LinuxInterfacePriority{{Name: "eth0"}}},
		Rdma:           map[string]rspec.LinuxRdma{"mlx5_1": {HcaHandles: new(uint32(3))}},
		Unified:        map[string]string{"io.max": "259:0 rbps=1\n253:0 rbps=1", "hugetlb.1GB.max": "0", "cgroup.max.depth": "1"},
	}
}

func TestCheckAccepts(t *testing.T) {
	for name, s := range map[string]*rspec.Spec{
		"example":              example(true),
		"rootless":             rootless(example(false), 1000, 1000),
		"everything":           full(),
		"least":                {Version: "1.0.0", Root: &rspec.Root{Path: "rootfs"}},
		"release candidate":    {Version: "1.0.0-rc5", Root: &rspec.Root{Path: "/r"}},
		"development":          {Version: "1.0.2-dev+a.01", Root: &rspec.Root{Path: "/r"}},
		"zero resources":       {Version: "1.1.0", Root: &rspec.Root{Path: "/r"}, Linux: &rspec.Linux{Resources: &rspec.LinuxResources{}}},
		"console, no teletype": {Version: "1.1.0", Root: &rspec.Root{Path: "/r"}, Process: &rspec.Process{Args: []string{"a"}, Cwd: "/", ConsoleSize: &rspec.Box{Height: 70000}}},
	} {
		if warnings, err := Check(s, "/bundle"); err != nil || len(warnings) > 0 {
			t.Errorf("%s: %v %q", name, err, warnings)
		}
	}
}

func TestCheckAcceptsTheSameDeviceTwice(t *testing.T) {
	s := full()
	s.Linux.Devices = append(s.Linux.Devices, s.Linux.Devices...)
	if _, err := Check(s, "/bundle"); err != nil {
		t.Error(err)
	}
}

// FuzzCheck looks for a configuration that Check cannot stand, and for an
// error that does not say what it must.
func FuzzCheck(f *testing.F) {
	f.Add(AppendSpec(nil, full()))
	f.Add(AppendSpec(nil, example(true)))
	for _, bad := range badConfigs {
		s := full()
		bad.mutate(s)
		f.Add(AppendSpec(nil, s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Decode(data)
		if err != nil {
			return
		}
		_, err = Check(s, "/bundle")
		_, again := Check(s, "/bundle")
		if err == nil && again == nil {
			return
		}
		var e *Error
		if !errors.As(err, &e) || e.Field == "" || e.Problem == "" || e.Kind == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%#v", err)
		}
		if again == nil || err.Error() != again.Error() {
			t.Errorf("%v, and then %v", err, again)
		}
	})
}

func TestCheckWarns(t *testing.T) {
	for want, mutate := range map[string]func(s *rspec.Spec){
		"/ociVersion: version 1.9.0 is newer":                               func(s *rspec.Spec) { s.Version = "1.9.0" },
		"/mounts/0/destination: proc is not absolute; taken as /proc":       func(s *rspec.Spec) { s.Mounts[0].Destination = "proc" },
		"/process/capabilities/bounding/0: CAP_TEST is not known":           func(s *rspec.Spec) { s.Process.Capabilities.Bounding = []string{"CAP_TEST"} },
		"/process/capabilities/effective/0: CAP_BPF is not among the permi": func(s *rspec.Spec) { s.Process.Capabilities.Effective = []string{"CAP_BPF"} },
		"/process/capabilities/ambient/0: CAP_KILL is not among":            func(s *rspec.Spec) { s.Process.Capabilities.Ambient = []string{"CAP_KILL"} },
		"/process/commandLine: for Windows only":                            func(s *rspec.Spec) { s.Process.CommandLine = "x" },
		"/mounts: without a mount namespace": func(s *rspec.Spec) {
			s.Linux.Namespaces = s.Linux.Namespaces[:4]
			s.Linux.MaskedPaths, s.Linux.ReadonlyPaths, s.Root.Readonly = nil, nil, false
		},
	} {
		s := example(false)
		mutate(s)
		warnings, err := Check(s, "/bundle")
		if err != nil || len(warnings) != 1 || !strings.HasPrefix(warnings[0], want) {
			t.Errorf("got %q %v, want %q", warnings, err, want)
		}
	}
}

// badConfigs are mutations of full, one wrong thing each.
var badConfigs = []struct {
	field, problem string
	mutate         func(s *rspec.Spec)
}{
	{"/ociVersion", "missing", func(s *rspec.Spec) { s.Version = "" }},
	{"/ociVersion", "is not a version", func(s *rspec.Spec) { s.Version = "invalid" }},
	{"/ociVersion", "is not a version", func(s *rspec.Spec) { s.Version = "1.0" }},
	{"/ociVersion", "is not a version", func(s *rspec.Spec) { s.Version = "1.0.01" }},
	{"/ociVersion", "is not a version", func(s *rspec.Spec) { s.Version = "1.0.0-" }},
	{"/ociVersion", "is not a version", func(s *rspec.Spec) { s.Version = "1.0.0-rc.01" }},
	{"/ociVersion", "is not a version", func(s *rspec.Spec) { s.Version = "1.0.0+é" }},
	{"/ociVersion", "is not a version", func(s *rspec.Spec) { s.Version = "v1.0.0" }},
	{"/ociVersion", "version 2.0.0", func(s *rspec.Spec) { s.Version = "2.0.0" }},
	{"/ociVersion", "version 0.1.0", func(s *rspec.Spec) { s.Version = "0.1.0" }},
	{"/windows", "Linux containers only", func(s *rspec.Spec) { s.Windows = &rspec.Windows{} }},
	{"/solaris", "Linux containers only", func(s *rspec.Spec) { s.Solaris = &rspec.Solaris{} }},
	{"/vm", "Linux containers only", func(s *rspec.Spec) { s.VM = &rspec.VM{} }},
	{"/zos", "Linux containers only", func(s *rspec.Spec) { s.ZOS = &rspec.ZOS{} }},
	{"/freebsd", "Linux containers only", func(s *rspec.Spec) { s.FreeBSD = &rspec.FreeBSD{} }},

	{"/process/args", "missing", func(s *rspec.Spec) { s.Process.Args = nil }},
	{"/process/args/0", "empty", func(s *rspec.Spec) { s.Process.Args[0] = "" }},
	{"/process/args/0", "NUL", func(s *rspec.Spec) { s.Process.Args[0] = "sh\x00" }},
	{"/process/cwd", "missing", func(s *rspec.Spec) { s.Process.Cwd = "" }},
	{"/process/cwd", "absolute", func(s *rspec.Spec) { s.Process.Cwd = "tmp" }},
	{"/process/cwd", "NUL", func(s *rspec.Spec) { s.Process.Cwd = "/\x00" }},
	{"/process/env/1", "is not NAME=VALUE", func(s *rspec.Spec) { s.Process.Env[1] = "TERM" }},
	{"/process/env/0", "is not NAME=VALUE", func(s *rspec.Spec) { s.Process.Env[0] = "=x" }},
	{"/process/env/0", "NUL", func(s *rspec.Spec) { s.Process.Env[0] = "A=\x00" }},
	{"/process/consoleSize", "65535", func(s *rspec.Spec) { s.Process.ConsoleSize.Width = 65536 }},
	{"/process/user/uid", "no user", func(s *rspec.Spec) { s.Process.User.UID = 4294967295 }},
	{"/process/user/gid", "no group", func(s *rspec.Spec) { s.Process.User.GID = 4294967295 }},
	{"/process/user/additionalGids/0", "no group", func(s *rspec.Spec) { s.Process.User.AdditionalGids[0] = 4294967295 }},
	{"/process/user/umask", "0777", func(s *rspec.Spec) { *s.Process.User.Umask = 0o1000 }},
	{"/process/user/uid", "not in /linux/uidMappings", func(s *rspec.Spec) { s.Process.User.UID = 1001 }},
	{"/process/user/gid", "not in /linux/gidMappings", func(s *rspec.Spec) { s.Process.User.GID = 1001 }},
	{"/process/user/additionalGids/0", "not in /linux/gidMappings", func(s *rspec.Spec) { s.Process.User.AdditionalGids[0] = 1001 }},
	{"/process/rlimits/0/type", "not known", func(s *rspec.Spec) { s.Process.Rlimits[0].Type = "RLIMIT_TEST" }},
	{"/process/rlimits/1/type", "was set by /process/rlimits/0", func(s *rspec.Spec) { s.Process.Rlimits = append(s.Process.Rlimits, s.Process.Rlimits[0]) }},
	{"/process/rlimits/0/soft", "above the hard limit", func(s *rspec.Spec) { s.Process.Rlimits[0].Soft = 1025 }},
	{"/process/oomScoreAdj", "-1001", func(s *rspec.Spec) { *s.Process.OOMScoreAdj = -1001 }},
	{"/process/oomScoreAdj", "1001", func(s *rspec.Spec) { *s.Process.OOMScoreAdj = 1001 }},
	{"/process/scheduler/policy", "missing", func(s *rspec.Spec) { s.Process.Scheduler.Policy = "" }},
	{"/process/scheduler/policy", "not known", func(s *rspec.Spec) { s.Process.Scheduler.Policy = "SCHED_X" }},
	{"/process/scheduler/policy", "never implemented", func(s *rspec.Spec) { s.Process.Scheduler.Policy = rspec.SchedISO }},
	{"/process/scheduler/flags/0", "not known", func(s *rspec.Spec) { s.Process.Scheduler.Flags[0] = "X" }},
	{"/process/scheduler/nice", "-20 to 19", func(s *rspec.Spec) { s.Process.Scheduler.Nice = 20 }},
	{"/process/scheduler/priority", "1 to 99", func(s *rspec.Spec) { s.Process.Scheduler.Priority = 100 }},
	{"/process/scheduler/priority", "no meaning", func(s *rspec.Spec) { s.Process.Scheduler.Policy = rspec.SchedBatch }},
	{"/process/scheduler", "no meaning", func(s *rspec.Spec) { s.Process.Scheduler.Runtime = 1 }},
	{"/process/scheduler", "0 < runtime", func(s *rspec.Spec) {
		s.Process.Scheduler = &rspec.Scheduler{Policy: rspec.SchedDeadline, Runtime: 2, Deadline: 1}
	}},
	{"/process/ioPriority/class", "not known", func(s *rspec.Spec) { s.Process.IOPriority.Class = "X" }},
	{"/process/ioPriority/priority", "0 to 7", func(s *rspec.Spec) { s.Process.IOPriority.Priority = 8 }},
	{"/process/execCPUAffinity/initial", "not a list", func(s *rspec.Spec) { s.Process.ExecCPUAffinity.Initial = "3-1" }},
	{"/process/execCPUAffinity/final", "not a list", func(s *rspec.Spec) { s.Process.ExecCPUAffinity.Final = "1," }},
	{"/process/selinuxLabel", "USER:ROLE:TYPE", func(s *rspec.Spec) { s.Process.SelinuxLabel = "x" }},
	{"/process/apparmorProfile", "line break", func(s *rspec.Spec) { s.Process.ApparmorProfile = "x\ny" }},

	{"/root/path", "missing", func(s *rspec.Spec) { s.Root = nil }},
	{"/root/path", "missing", func(s *rspec.Spec) { s.Root.Path = "" }},
	{"/root/path", "NUL", func(s *rspec.Spec) { s.Root.Path = "a\x00" }},
	{"/hostname", "65 bytes", func(s *rspec.Spec) { s.Hostname = strings.Repeat("a", 65) }},
	{"/hostname", "line break", func(s *rspec.Spec) { s.Hostname = "a\n" }},
	{"/domainname", "65 bytes", func(s *rspec.Spec) { s.Domainname = strings.Repeat("a", 65) }},
	{"/hostname", "needs a uts namespace", func(s *rspec.Spec) { without(s, "uts") }},

	{"/mounts/0/destination", "missing", func(s *rspec.Spec) { s.Mounts[0].Destination = "" }},
	{"/mounts/0/destination", `must not have ".."`, func(s *rspec.Spec) { s.Mounts[0].Destination = "/a/../b" }},
	{"/mounts/0/destination", `must not have ".."`, func(s *rspec.Spec) { s.Mounts[0].Destination = ".." }},
	{"/mounts/0/destination", "NUL", func(s *rspec.Spec) { s.Mounts[0].Destination = "/a\x00" }},
	{"/mounts/0/source", "NUL", func(s *rspec.Spec) { s.Mounts[0].Source = "\x00" }},
	{"/mounts/0/type", "not a filesystem type", func(s *rspec.Spec) { s.Mounts[0].Type = "a/b" }},
	{"/mounts/0/type", "missing", func(s *rspec.Spec) { s.Mounts[0].Type = "" }},
	{"/mounts/0/type", "by an option", func(s *rspec.Spec) { s.Mounts[0].Type = "bind" }},
	{"/mounts/1/options/1", "NUL", func(s *rspec.Spec) { s.Mounts[1].Options[1] = "a\x00" }},
	{"/mounts/0/options", "tmpcopyup is for a tmpfs", func(s *rspec.Spec) { s.Mounts[0].Options = []string{"tmpcopyup"} }},
	{"/mounts/0/options", "are for bind mounts", func(s *rspec.Spec) { s.Mounts[0].Options = []string{"src-nofollow"} }},
	{"/mounts/7/options", "exclude each other", func(s *rspec.Spec) { s.Mounts[7].Options = []string{"bind", "src-nofollow", "copy-symlink"} }},
	{"/mounts/7/source", "missing", func(s *rspec.Spec) { s.Mounts[7].Source = "" }},
	{"/mounts/7/gidMappings", "missing", func(s *rspec.Spec) { s.Mounts[7].GIDMappings = nil }},
	{"/mounts/7/uidMappings", "missing", func(s *rspec.Spec) { s.Mounts[7].UIDMappings = nil }},
	{"/mounts/7/uidMappings/1/containerID", "overlap", func(s *rspec.Spec) { s.Mounts[7].UIDMappings[1].ContainerID = 999 }},
	{"/mounts/7/gidMappings/0/size", "at least one", func(s *rspec.Spec) { s.Mounts[7].GIDMappings[0].Size = 0 }},
	{"/mounts/0/options", "idmap needs mappings", func(s *rspec.Spec) {
		without(s, "user")
		s.Linux.UIDMappings, s.Linux.GIDMappings = nil, nil
		s.Mounts[0].Options = []string{"idmap"}
	}},
	{"/hooks/createRuntime/0/path", "absolute", func(s *rspec.Spec) { s.Hooks.CreateRuntime[0].Path = "true" }},
	{"/hooks/createRuntime/0/path", "missing", func(s *rspec.Spec) { s.Hooks.CreateRuntime[0].Path = "" }},
	{"/hooks/poststop/0/timeout", "more than 0", func(s *rspec.Spec) { s.Hooks.Poststop[0].Timeout = new(0) }},
	{"/hooks/poststop/0/env/0", "NAME=VALUE", func(s *rspec.Spec) { s.Hooks.Poststop[0].Env = []string{"x"} }},
	{"/hooks/poststop/0/args/0", "NUL", func(s *rspec.Spec) { s.Hooks.Poststop[0].Args = []string{"\x00"} }},
	{"/annotations/", "must not be empty", func(s *rspec.Spec) { s.Annotations[""] = "x" }},

	{"/linux/namespaces/0/type", "not known", func(s *rspec.Spec) { s.Linux.Namespaces[0].Type = "net" }},
	{"/linux/namespaces/1/type", "a second pid namespace", func(s *rspec.Spec) { s.Linux.Namespaces[1].Type = "pid" }},
	{"/linux/namespaces/0/path", "absolute", func(s *rspec.Spec) { s.Linux.Namespaces[0].Path = "x" }},
	{"/linux/uidMappings", "needs a user namespace", func(s *rspec.Spec) { without(s, "user") }},
	{"/linux/uidMappings/0/size", "at least one", func(s *rspec.Spec) { s.Linux.UIDMappings[0].Size = 0 }},
	{"/linux/gidMappings", "missing", func(s *rspec.Spec) { s.Linux.GIDMappings = nil }},
	{"/linux/uidMappings/1/hostID", "overlap", func(s *rspec.Spec) { s.Linux.UIDMappings[1].HostID = 1999 }},
	{"/linux/uidMappings/1/hostID", "go past", func(s *rspec.Spec) { s.Linux.UIDMappings[1].HostID = 4294967295 }},
	{"/linux/timeOffsets/realtime", "not known", func(s *rspec.Spec) { s.Linux.TimeOffsets["realtime"] = rspec.LinuxTimeOffset{} }},
	{"/linux/timeOffsets/monotonic/nanosecs", "less than", func(s *rspec.Spec) { s.Linux.TimeOffsets["monotonic"] = rspec.LinuxTimeOffset{Nanosecs: 1e9} }},
	{"/linux/timeOffsets/monotonic", "needs a time namespace", func(s *rspec.Spec) { without(s, "time") }},
	{"/linux/timeOffsets/monotonic", "joined by its path", func(s *rspec.Spec) { s.Linux.Namespaces[7].Path = "/proc/1/ns/time" }},
	{"/linux/devices/0/path", "absolute", func(s *rspec.Spec) { s.Linux.Devices[0].Path = "dev/fuse" }},
	{"/linux/devices/0/path", "must name a file", func(s *rspec.Spec) { s.Linux.Devices[0].Path = "/dev/../x" }},
	{"/linux/devices/0/path", "must name a file", func(s *rspec.Spec) { s.Linux.Devices[0].Path = "//" }},
	{"/linux/devices/1/path", "another device in /linux/devices/0", func(s *rspec.Spec) { s.Linux.Devices[1].Path = "/dev//fuse" }},
	{"/linux/devices/0/type", "not known", func(s *rspec.Spec) { s.Linux.Devices[0].Type = "a" }},
	{"/linux/devices/0/major", "missing", func(s *rspec.Spec) { s.Linux.Devices[0].Major, s.Linux.Devices[0].Minor = 0, 0 }},
	{"/linux/devices/0/major", "0 to 4095", func(s *rspec.Spec) { s.Linux.Devices[0].Major = 4096 }},
	{"/linux/devices/0/minor", "0 to 1048575", func(s *rspec.Spec) { s.Linux.Devices[0].Minor = -1 }},
	{"/linux/devices/0/fileMode", "permission bits", func(s *rspec.Spec) { *s.Linux.Devices[0].FileMode = 1 << 16 }},
	{"/linux/devices/0/uid", "no user", func(s *rspec.Spec) { *s.Linux.Devices[0].UID = 4294967295 }},
	{"/linux/devices/0/gid", "no group", func(s *rspec.Spec) { *s.Linux.Devices[0].GID = 4294967295 }},
	{"/linux/cgroupsPath", "leads out", func(s *rspec.Spec) { s.Linux.CgroupsPath = "../x" }},
	{"/linux/cgroupsPath", "leads out", func(s *rspec.Spec) { s.Linux.CgroupsPath = "/a/../../a" }},
	{"/linux/cgroupsPath", "line break", func(s *rspec.Spec) { s.Linux.CgroupsPath = "/a\nb" }},
	{"/linux/maskedPaths/0", "absolute", func(s *rspec.Spec) { s.Linux.MaskedPaths[0] = "proc/acpi" }},
	{"/linux/readonlyPaths/0", "missing", func(s *rspec.Spec) { s.Linux.ReadonlyPaths[0] = "" }},
	{"/linux/maskedPaths", "needs a mount namespace", func(s *rspec.Spec) { without(s, "mount"); s.Root.Readonly = false }},
	{"/root/readonly", "needs a mount namespace", func(s *rspec.Spec) { without(s, "mount"); s.Root.Readonly = true }},
	{"/linux/rootfsPropagation", "not known", func(s *rspec.Spec) { s.Linux.RootfsPropagation = "x" }},
	{"/linux/mountLabel", "USER:ROLE:TYPE", func(s *rspec.Spec) { s.Linux.MountLabel = "a:b:c,\n" }},
	{"/linux/personality/domain", "not known", func(s *rspec.Spec) { s.Linux.Personality.Domain = "x" }},
	{"/linux/personality/flags", "no flags yet", func(s *rspec.Spec) { s.Linux.Personality.Flags = []rspec.LinuxPersonalityFlag{"x"} }},
	{"/linux/intelRdt", "not supported yet", func(s *rspec.Spec) { s.Linux.IntelRdt = &rspec.LinuxIntelRdt{} }},
	{"/linux/memoryPolicy", "not supported yet", func(s *rspec.Spec) { s.Linux.MemoryPolicy = &rspec.LinuxMemoryPolicy{} }},
	{"/linux/netDevices", "not supported yet", func(s *rspec.Spec) { s.Linux.NetDevices = map[string]rspec.LinuxNetDevice{"eth0": {}} }},

	{"/linux/sysctl/kernel.core_pattern", "not part of any namespace", sysctl("kernel.core_pattern", "|/x")},
	{"/linux/sysctl/kernel.shm_rmid_forced+kernel.core_pattern", "no sysctl has", sysctl("kernel.shm_rmid_forced+kernel.core_pattern", "1")},
	{"/linux/sysctl/net.a=1", "no sysctl has", sysctl("net.a=1", "1")},
	{"/linux/sysctl/net.a\nb", "no sysctl has", sysctl("net.a\nb", "1")},
	{"/linux/sysctl/net~1..~1kernel~1core_pattern", "not a sysctl's name", sysctl("net/../kernel/core_pattern", "1")},
	{"/linux/sysctl/net.~1~1.x", "not a sysctl's name", sysctl("net.//.x", "1")},
	{"/linux/sysctl/net..x", "not a sysctl's name", sysctl("net..x", "1")},
	{"/linux/sysctl/net.x", "line break", sysctl("net.x", "1\n2")},
	{"/linux/sysctl/sem", "not part of any namespace", sysctl("sem", "1")},
	{"/linux/sysctl/kernel.hostname", "field of its own", sysctl("kernel.hostname", "a")},
	{"/linux/sysctl/net~1ipv4~1conf~1eth0.1~1mtu", "same sysctl as net.ipv4.conf.eth0/1.mtu", sysctl("net/ipv4/conf/eth0.1/mtu", "1")},
	{"/linux/sysctl/net.ipv4.conf.eth0~11.mtu", "needs a network namespace", func(s *rspec.Spec) { without(s, "network") }},
	{"/linux/sysctl/fs.mqueue.msg_max", "needs a ipc namespace", func(s *rspec.Spec) { without(s, "ipc") }},

	{"/linux/seccomp/defaultAction", "missing", func(s *rspec.Spec) { s.Linux.Seccomp.DefaultAction = "" }},
	{"/linux/seccomp/defaultAction", "not known", func(s *rspec.Spec) { s.Linux.Seccomp.DefaultAction = "allow" }},
	{"/linux/seccomp/defaultAction", "cannot be the default", func(s *rspec.Spec) { s.Linux.Seccomp.DefaultAction = rspec.ActNotify }},
	{"/linux/seccomp/defaultErrnoRet", "returns no errno", func(s *rspec.Spec) { s.Linux.Seccomp.DefaultAction = rspec.ActAllow }},
	{"/linux/seccomp/defaultErrnoRet", "0 to 4095", func(s *rspec.Spec) { *s.Linux.Seccomp.DefaultErrnoRet = 4096 }},
	{"/linux/seccomp/architectures/0", "not known", func(s *rspec.Spec) { s.Linux.Seccomp.Architectures[0] = "amd64" }},
	{"/linux/seccomp/flags/0", "not known", func(s *rspec.Spec) { s.Linux.Seccomp.Flags[0] = "LOG" }},
	{"/linux/seccomp/listenerPath", "missing", func(s *rspec.Spec) { s.Linux.Seccomp.ListenerPath, s.Linux.Seccomp.ListenerMetadata = "", "" }},
	{"/linux/seccomp/listenerPath", "at most 107", func(s *rspec.Spec) { s.Linux.Seccomp.ListenerPath = "/" + strings.Repeat("a", 107) }},
	{"/linux/seccomp/listenerMetadata", "without listenerPath", func(s *rspec.Spec) { s.Linux.Seccomp.ListenerPath = "" }},
	{"/linux/seccomp/syscalls/0/names", "missing", func(s *rspec.Spec) { s.Linux.Seccomp.Syscalls[0].Names = nil }},
	{"/linux/seccomp/syscalls/0/names/0", "empty name", func(s *rspec.Spec) { s.Linux.Seccomp.Syscalls[0].Names[0] = "" }},
	{"/linux/seccomp/syscalls/0/names/0", "cannot be used for write", func(s *rspec.Spec) { s.Linux.Seccomp.Syscalls[0].Names[0] = "write" }},
	{"/linux/seccomp/syscalls/1/action", "missing", func(s *rspec.Spec) { s.Linux.Seccomp.Syscalls[1].Action = "" }},
	{"/linux/seccomp/syscalls/1/errnoRet", "returns no errno", func(s *rspec.Spec) { s.Linux.Seccomp.Syscalls[1].ErrnoRet = new(uint(1)) }},
	{"/linux/seccomp/syscalls/1/args/0/index", "0 to 5", func(s *rspec.Spec) { s.Linux.Seccomp.Syscalls[1].Args[0].Index = 6 }},
	{"/linux/seccomp/syscalls/1/args/0/op", "not known", func(s *rspec.Spec) { s.Linux.Seccomp.Syscalls[1].Args[0].Op = "==" }},

	{"/linux/resources/devices/1/type", "not known", func(s *rspec.Spec) { s.Linux.Resources.Devices[1].Type = "p" }},
	{"/linux/resources/devices/1/access", "r, w and m", func(s *rspec.Spec) { s.Linux.Resources.Devices[1].Access = "rx" }},
	{"/linux/resources/devices/1/minor", "not a device number", func(s *rspec.Spec) { *s.Linux.Resources.Devices[1].Minor = -2 }},
	{"/linux/resources/memory/limit", "-1 (no limit) or more", func(s *rspec.Spec) { *s.Linux.Resources.Memory.Limit = -2 }},
	{"/linux/resources/memory/swap", "must not be below limit", func(s *rspec.Spec) { *s.Linux.Resources.Memory.Swap = 1 }},
	{"/linux/resources/memory/swap", "needs one of memory", func(s *rspec.Spec) { s.Linux.Resources.Memory.Limit = nil }},
	{"/linux/resources/memory/swappiness", "0 to 100", func(s *rspec.Spec) { *s.Linux.Resources.Memory.Swappiness = 101 }},
	{"/linux/resources/cpu/quota", "at least 1000", func(s *rspec.Spec) { *s.Linux.Resources.CPU.Quota = 999 }},
	{"/linux/resources/cpu/quota", "-1 (no limit)", func(s *rspec.Spec) { *s.Linux.Resources.CPU.Quota = -2 }},
	{"/linux/resources/cpu/period", "1000 to 1000000", func(s *rspec.Spec) { *s.Linux.Resources.CPU.Period = 1000001 }},
	{"/linux/resources/cpu/burst", "above the quota", func(s *rspec.Spec) { *s.Linux.Resources.CPU.Burst = 1001 }},
	{"/linux/resources/cpu/realtimeRuntime", "above realtimePeriod", func(s *rspec.Spec) { *s.Linux.Resources.CPU.RealtimeRuntime = 6 }},
	{"/linux/resources/cpu/idle", "0 or 1", func(s *rspec.Spec) { *s.Linux.Resources.CPU.Idle = 2 }},
	{"/linux/resources/cpu/cpus", "not a list", func(s *rspec.Spec) { s.Linux.Resources.CPU.Cpus = "0-" }},
	{"/linux/resources/cpu/mems", "not a list", func(s *rspec.Spec) { s.Linux.Resources.CPU.Mems = "x" }},
	{"/linux/resources/pids/limit", "-1 (no limit)", func(s *rspec.Spec) { *s.Linux.Resources.Pids.Limit = -2 }},
	{"/linux/resources/blockIO/weight", "10 to 1000", func(s *rspec.Spec) { *s.Linux.Resources.BlockIO.Weight = 9 }},
	{"/linux/resources/blockIO/leafWeight", "10 to 1000", func(s *rspec.Spec) { *s.Linux.Resources.BlockIO.LeafWeight = 1001 }},
	{"/linux/resources/blockIO/weightDevice/0", "is required", func(s *rspec.Spec) { s.Linux.Resources.BlockIO.WeightDevice[0].Weight = nil }},
	{"/linux/resources/blockIO/weightDevice/0/major", "0 to 4095", func(s *rspec.Spec) { s.Linux.Resources.BlockIO.WeightDevice[0].Major = -1 }},
	{"/linux/resources/blockIO/throttleReadBpsDevice/0/minor", "0 to 1048575", func(s *rspec.Spec) { s.Linux.Resources.BlockIO.ThrottleReadBpsDevice[0].Minor = 1 << 20 }},
	{"/linux/resources/hugepageLimits/0/pageSize", "not a size", func(s *rspec.Spec) { s.Linux.Resources.HugepageLimits[0].Pagesize = "../../xMB" }},
	{"/linux/resources/hugepageLimits/0/pageSize", "not a size", func(s *rspec.Spec) { s.Linux.Resources.HugepageLimits[0].Pagesize = "02MB" }},
	{"/linux/resources/hugepageLimits/0/pageSize", "not a size", func(s *rspec.Spec) { s.Linux.Resources.HugepageLimits[0].Pagesize = "MB" }},
	{"/linux/resources/network/priorities/0/name", "name of an interface", func(s *rspec.Spec) { s.Linux.Resources.Network.Priorities[0].Name = "a/b" }},
	{"/linux/resources/rdma/mlx5_1", "is required", func(s *rspec.Spec) { s.Linux.Resources.Rdma["mlx5_1"] = rspec.LinuxRdma{} }},
	{"/linux/resources/unified/..~1x.y", "cgroup v2 file", unified("../x.y", "1")},
	{"/linux/resources/unified/memory", "cgroup v2 file", unified("memory", "1")},
	{"/linux/resources/unified/memory..max", "cgroup v2 file", unified("memory..max", "1")},
	{"/linux/resources/unified/memory.max\n", "cgroup v2 file", unified("memory.max\n", "1")},
	{"/linux/resources/unified/cgroup.procs", "acts on processes", unified("cgroup.procs", "1")},
	{"/linux/resources/unified/memory.max", "NUL", unified("memory.max", "\x00")},
}

func without(s *rspec.Spec, t rspec.LinuxNamespaceType) {
	s.Linux.Namespaces = slices.DeleteFunc(s.Linux.Namespaces, func(ns rspec.LinuxNamespace) bool { return ns.Type == t })
}

func sysctl(key, value string) func(*rspec.Spec) {
	return func(s *rspec.Spec) { s.Linux.Sysctl[key] = value }
}

func unified(key, value string) func(*rspec.Spec) {
	return func(s *rspec.Spec) { s.Linux.Resources.Unified[key] = value }
}

func TestCheckRefuses(t *testing.T) {
	for _, tt := range badConfigs {
		s := full()
		if _, err := Check(s, "/bundle"); err != nil {
			t.Fatal("the control is refused:", err)
		}
		tt.mutate(s)
		_, err := Check(s, "/bundle")
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s %s: accepted", tt.field, tt.problem)
			continue
		}
		if e.Field != tt.field || !strings.Contains(e.Problem, tt.problem) {
			t.Errorf("\n got %s: %s\nwant %s: %s", e.Field, e.Problem, tt.field, tt.problem)
		}
		if !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: Kind is %v", e.Field, e.Kind)
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("more than a line: %q", err)
		}
	}
}

// A check must not change what it looks at.
func TestCheckIsPure(t *testing.T) {
	s := full()
	s.Process.Capabilities.Bounding = append(s.Process.Capabilities.Bounding, "CAP_X")
	before := string(AppendSpec(nil, s))
	Check(s, "/bundle")
	if string(AppendSpec(nil, s)) != before || !reflect.DeepEqual(full(), full()) {
		t.Error("changed")
	}
}

func TestCheckBundle(t *testing.T) {
	for _, bundle := range []string{"", "x", "/a\x00"} {
		if _, err := Check(full(), bundle); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %v", bundle, err)
		}
	}
}

func TestCheckID(t *testing.T) {
	for _, id := range []string{"a", "_", "0", "web-1", "a+b.c_d", "A..", strings.Repeat("a", 255)} {
		if err := CheckID(id); err != nil {
			t.Error(err)
		}
	}
	for id, problem := range map[string]string{
		"":                       "must not be empty",
		".":                      "must not begin with '.'",
		"..":                     "must not begin with '.'",
		"-x":                     "must not begin with '-'",
		"a/b":                    "'/' is not allowed",
		"a b":                    "' ' is not allowed",
		"a\x00":                  `'\x00' is not allowed`,
		"a\n":                    `'\n' is not allowed`,
		"é":                      "'é' is not allowed",
		"\xff":                   "is not allowed",
		strings.Repeat("a", 256): "256 bytes; at most 255",
	} {
		if err := CheckID(id); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), problem) {
			t.Errorf("%q: got %v, want %s", id, err, problem)
		}
	}
}

func TestSysctlPath(t *testing.T) {
	for key, want := range map[string]string{
		"net.ipv4.ip_forward":        "net/ipv4/ip_forward",
		"net/ipv4/ip_forward":        "net/ipv4/ip_forward",
		"net.ipv4.conf.eno2/100.mtu": "net/ipv4/conf/eno2.100/mtu",
		"net/ipv4/conf/eno2.100/mtu": "net/ipv4/conf/eno2.100/mtu",
		"kernel":                     "kernel",
	} {
		if got := SysctlPath(key); got != want {
			t.Errorf("%s: got %s, want %s", key, got, want)
		}
	}
}
