package oracle

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"stave/tests/kit"
)

func process(name string, change func(p *specs.Process), ask ...string) row {
	return one(name, func(s *specs.Spec) { change(s.Process) }, ask...)
}

func processRows() []row {
	all := []row{
		{name: "base"},
		process("args", func(p *specs.Process) { p.Args = []string{"/bin/probe", "a b", "", "ü", "-x"} }),
		process("args by PATH of the process", func(p *specs.Process) { p.Env = []string{"PATH=/nowhere:/bin"} }),
		process("args not found", func(p *specs.Process) { p.Args = []string{"/no/such/program"} }),
		process("env", func(p *specs.Process) { p.Env = append(p.Env, "A=1", "A=2", "EMPTY=", "ü=ö", "HOME=/h") }),
		process("env none", func(p *specs.Process) { p.Env = nil; p.Args = []string{"/bin/probe"} }),
		process("cwd", func(p *specs.Process) { p.Cwd = "/var" }),
		process("cwd that is missing", func(p *specs.Process) { p.Cwd = "/home/new/er" }),
		one("cwd that is missing on a writable root", func(s *specs.Spec) { s.Root.Readonly = false; s.Process.Cwd = "/home/new/er" }, "stat /home/new", "stat /home/new/er"),
		process("cwd relative", func(p *specs.Process) { p.Cwd = "var" }),
		process("user", func(p *specs.Process) { p.User = specs.User{UID: 1000, GID: 1000} }),
		process("user that is in no passwd", func(p *specs.Process) { p.User = specs.User{UID: 4242, GID: 4343} }),
		process("groups", func(p *specs.Process) { p.User.AdditionalGids = []uint32{3, 2, 1, 2000} }),
		process("user and groups", func(p *specs.Process) {
			p.User = specs.User{UID: 1000, GID: 1000, AdditionalGids: []uint32{10}}
		}),
		process("umask 077", func(p *specs.Process) { p.User.Umask = kit.Ptr(uint32(0o077)) }),
		process("umask 0", func(p *specs.Process) { p.User.Umask = kit.Ptr(uint32(0)) }),
		process("oomScoreAdj 0", func(p *specs.Process) { p.OOMScoreAdj = kit.Ptr(0) }),
		process("oomScoreAdj 500", func(p *specs.Process) { p.OOMScoreAdj = kit.Ptr(500) }),
		process("oomScoreAdj 5000", func(p *specs.Process) { p.OOMScoreAdj = kit.Ptr(5000) }),
		process("noNewPrivileges off", func(p *specs.Process) { p.NoNewPrivileges = false }),
		one("no hostname", func(s *specs.Spec) { s.Hostname = "" }),
		one("hostname of 64", func(s *specs.Spec) { s.Hostname = strings.Repeat("h", 64) }),
		one("hostname of 65", func(s *specs.Spec) { s.Hostname = strings.Repeat("h", 65) }),
		one("annotations", func(s *specs.Spec) { s.Annotations = map[string]string{"a.b/c": "d"} }),
		one("root below a symlink", func(*specs.Spec) {}),
		process("rlimits lowered", func(p *specs.Process) {
			p.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 64, Hard: 128}, {Type: "RLIMIT_CORE", Soft: 0, Hard: 0},
				{Type: "RLIMIT_NPROC", Soft: 1000, Hard: 2000}, {Type: "RLIMIT_STACK", Soft: 1 << 20, Hard: 1 << 22},
				{Type: "RLIMIT_FSIZE", Soft: 1 << 30, Hard: 1 << 31}, {Type: "RLIMIT_MEMLOCK", Soft: 4096, Hard: 8192}}
		}),
		process("rlimits twice", func(p *specs.Process) {
			p.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_CORE"}, {Type: "RLIMIT_CORE", Hard: 1}}
		}),
		process("rlimits soft above hard", func(p *specs.Process) { p.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_CORE", Soft: 2, Hard: 1}} }),
		process("rlimits unknown", func(p *specs.Process) { p.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_WIBBLE"}} }),
		process("rlimits none", func(p *specs.Process) { p.Rlimits = nil }),
	}
	newer := []row{
		one("domainname", func(s *specs.Spec) { s.Domainname = "example.test" }),
		process("scheduler batch", func(p *specs.Process) { p.Scheduler = &specs.Scheduler{Policy: specs.SchedBatch, Nice: 5} }),
		process("scheduler idle", func(p *specs.Process) { p.Scheduler = &specs.Scheduler{Policy: specs.SchedIdle} }),
		process("scheduler fifo", func(p *specs.Process) { p.Scheduler = &specs.Scheduler{Policy: specs.SchedFIFO, Priority: 1} }),
		process("ioPriority", func(p *specs.Process) {
			p.IOPriority = &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_BE, Priority: 6}
		}),
		process("ioPriority idle", func(p *specs.Process) { p.IOPriority = &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_IDLE} }),
		one("personality linux32", func(s *specs.Spec) { s.Linux.Personality = &specs.LinuxPersonality{Domain: specs.PerLinux32} }),
		one("memory policy", func(s *specs.Spec) {
			s.Linux.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: specs.MpolBind, Nodes: "0"}
		}),
	}
	for i := range newer {
		newer[i].skip = "runc" // 1.1.5 predates these fields
		newer[i].name += " (1.1 and later)"
	}
	for i := range all {
		if all[i].name == "root below a symlink" {
			all[i].change = []func(*env){func(e *env) {
				kit.Must(e.t, os.Symlink("rootfs", filepath.Join(e.b.Dir, "link")))
				e.spec().Root.Path = "link"
			}}
		}
	}
	return append(all, newer...)
}

func capabilityRows() []row {
	caps := func(name string, change func(c *specs.LinuxCapabilities)) row {
		return process("capabilities "+name, func(p *specs.Process) { change(p.Capabilities) })
	}
	two := []string{"CAP_CHOWN", "CAP_SYS_ADMIN"}
	all := []row{
		process("capabilities unset", func(p *specs.Process) { p.Capabilities = nil }),
		caps("empty", func(c *specs.LinuxCapabilities) { *c = specs.LinuxCapabilities{} }),
		caps("bounding only", func(c *specs.LinuxCapabilities) { *c = specs.LinuxCapabilities{Bounding: two} }),
		caps("permitted without effective", func(c *specs.LinuxCapabilities) { *c = specs.LinuxCapabilities{Bounding: two, Permitted: two} }),
		caps("inheritable", func(c *specs.LinuxCapabilities) {
			*c = specs.LinuxCapabilities{Bounding: two, Permitted: two, Effective: two, Inheritable: two}
		}),
		caps("all five sets", func(c *specs.LinuxCapabilities) {
			*c = specs.LinuxCapabilities{Bounding: two, Permitted: two, Effective: two, Inheritable: two, Ambient: two}
		}),
		caps("effective above permitted", func(c *specs.LinuxCapabilities) { *c = specs.LinuxCapabilities{Bounding: two, Effective: two} }),
		caps("unknown name", func(c *specs.LinuxCapabilities) { c.Bounding = append(c.Bounding, "CAP_WIBBLE") }),
		caps("one the host cannot give", func(c *specs.LinuxCapabilities) {
			for _, set := range []*[]string{&c.Bounding, &c.Permitted, &c.Effective} {
				*set = append(*set, "CAP_SYS_RESOURCE")
			}
		}),
	}
	return append(all,
		process("capabilities ambient of a user", func(p *specs.Process) {
			p.User = specs.User{UID: 1000, GID: 1000}
			*p.Capabilities = specs.LinuxCapabilities{Bounding: two, Permitted: two, Effective: two, Inheritable: two, Ambient: two}
		}),
		process("capabilities of a user without ambient", func(p *specs.Process) { p.User = specs.User{UID: 1000, GID: 1000} }))
}

func seccompRows() []row {
	calls := []string{"call getppid", "call mkdir", "call chmod", "call sched_yield", "call getcpu", "call personality-query",
		"call personality-8", "call socket-vsock", "call socket-unix", "call clone3", "call unknown-9999", "call unshare", "call ptrace", "call bpf"}
	filter := func(name string, set specs.LinuxSeccomp) row {
		return one("seccomp "+name, func(s *specs.Spec) { s.Linux.Seccomp = &set }, calls...)
	}
	on := func(action specs.LinuxSeccompAction, errno *uint, args []specs.LinuxSeccompArg, names ...string) specs.LinuxSeccomp {
		return specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Architectures: []specs.Arch{specs.ArchX86_64, specs.ArchX86, specs.ArchX32},
			Syscalls: []specs.LinuxSyscall{{Names: names, Action: action, ErrnoRet: errno, Args: args}}}
	}
	arg := func(index uint, value, two uint64, op specs.LinuxSeccompOperator) []specs.LinuxSeccompArg {
		return []specs.LinuxSeccompArg{{Index: index, Value: value, ValueTwo: two, Op: op}}
	}
	all := []row{
		filter("allow everything", specs.LinuxSeccomp{DefaultAction: specs.ActAllow}),
		filter("errno by default value", on(specs.ActErrno, nil, nil, "mkdir", "sched_yield")),
		filter("errno 95", on(specs.ActErrno, kit.Ptr(uint(95)), nil, "mkdir")),
		filter("kill", on(specs.ActKill, nil, nil, "sched_yield")), filter("kill process", on(specs.ActKillProcess, nil, nil, "sched_yield")),
		filter("trap", on(specs.ActTrap, nil, nil, "sched_yield")), filter("log", on(specs.ActLog, nil, nil, "sched_yield")),
		filter("trace", on(specs.ActTrace, kit.Ptr(uint(5)), nil, "sched_yield")),
		filter("unknown system call", on(specs.ActErrno, nil, nil, "wibble", "mkdir")),
		filter("unknown action", on("SCMP_ACT_WIBBLE", nil, nil, "mkdir")),
		filter("native architecture only", specs.LinuxSeccomp{DefaultAction: specs.ActAllow,
			Syscalls: []specs.LinuxSyscall{{Names: []string{"getcpu"}, Action: specs.ActErrno}}}),
		filter("two arguments of one call", specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{
			{Names: []string{"socket"}, Action: specs.ActErrno, Args: []specs.LinuxSeccompArg{{Index: 0, Value: 40, Op: specs.OpEqualTo}, {Index: 1, Value: 1, Op: specs.OpEqualTo}}}}}),
		filter("the same argument twice is an or", specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{
			{Names: []string{"personality"}, Action: specs.ActErrno, Args: []specs.LinuxSeccompArg{{Index: 0, Value: 8, Op: specs.OpEqualTo}, {Index: 0, Value: 0xffffffff, Op: specs.OpEqualTo}}}}}),
		filter("default errno for the unknown", specs.LinuxSeccomp{DefaultAction: specs.ActErrno, DefaultErrnoRet: kit.Ptr(uint(38)),
			Syscalls: []specs.LinuxSyscall{{Names: allowList, Action: specs.ActAllow}}}),
	}
	for _, op := range []specs.LinuxSeccompOperator{specs.OpEqualTo, specs.OpNotEqual, specs.OpGreaterThan, specs.OpGreaterEqual, specs.OpLessThan, specs.OpLessEqual} {
		all = append(all, filter("operator "+string(op), on(specs.ActErrno, nil, arg(0, 8, 0, op), "personality")))
	}
	all = append(all, filter("operator masked", on(specs.ActErrno, nil, arg(0, 0xff, 8, specs.OpMaskedEqual), "personality")))
	user := filter("without noNewPrivileges", on(specs.ActErrno, nil, nil, "mkdir"))
	user.change = append(user.change, func(e *env) { e.spec().Process.NoNewPrivileges = false })
	return append(all, user)
}

// allowList is what a runtime and the probe need between the filter and the end.
var allowList = strings.Fields("read write open openat openat2 close stat fstat lstat newfstatat lseek mmap mprotect munmap brk ioctl access " +
	"faccessat faccessat2 dup dup2 dup3 fcntl getdents getdents64 getcwd chdir fchdir rename unlink unlinkat readlink readlinkat uname prctl arch_prctl " +
	"set_tid_address set_robust_list rseq getrandom prlimit64 getrlimit getuid geteuid getgid getegid getresuid getresgid getgroups umask capget capset " +
	"setuid setgid setgroups setresuid setresgid execve exit exit_group wait4 clone fork vfork futex rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack " +
	"getpid gettid getppid getsid getpgrp sched_getattr sched_getaffinity ioprio_get get_mempolicy socket bind sendto recvfrom recvmsg keyctl mknod mknodat " +
	"nanosleep clock_nanosleep clock_gettime epoll_create1 epoll_ctl epoll_pwait pipe2 tgkill madvise statx fchown seccomp close_range pread64 newuname " +
	"fstatfs statfs sendmsg getpgid setsid sched_yield personality writev readv poll ppoll kill timer_create timer_settime timer_delete eventfd2 restart_syscall membarrier mincore")
