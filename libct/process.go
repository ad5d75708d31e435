package libct

import (
	"strings"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/specs"
)

// What a process is: its limits, its identity and its rights, taken on in the
// one order that works. Everything that needs a right comes before the right
// is given up; what grants nothing comes last. exec uses the same steps.

func (b *builder) process(p *rspec.Process, field string) {
	if p == nil {
		b.enterMemory()
		return
	}
	b.keyring()
	b.rlimits(p, field)
	b.scheduler(p, field)
	b.personality()
	b.workDirectory(p, field)
	b.findProgram(p, field)
	b.enterMemory()
	b.descriptors() // before the filter, which may be older than close_range(2)
	if !p.NoNewPrivileges {
		b.seccomp(field) // privileged: while CAP_SYS_ADMIN is still there
	}
	b.user(p, field)
	b.capabilities(p, field)
	if b.late {
		b.cloneLate(p)
	}
	if p.NoNewPrivileges {
		b.step(Child, "no_new_privs", field+"/noNewPrivileges", "from here on execve(2) grants nothing, set-user-ID or not; prctl(2)")
		b.op(unix.SYS_PRCTL, n(unix.PR_SET_NO_NEW_PRIVS), n(1), n(0), n(0), n(0))
		b.seccomp(field)
	}
}

// findProgram makes create say that the program is not there, as callers of
// runc expect; whether it can be executed is found out by start. It looks
// before the filter is on, and as root.
func (b *builder) findProgram(p *rspec.Process, field string) {
	if b.req.Verb == "exec" || b.req.Verb == "start" || len(p.Args) == 0 {
		return
	}
	b.step(Child, "find program", field+"/args", "where execvp(3) would find it; access(2)")
	found := b.label()
	for _, c := range searchPath(p) {
		b.op(unix.SYS_FACCESSAT, n(unix.AT_FDCWD), b.str(c), n(unix.X_OK)).on(ruleOK, found).flag(opKeep)
	}
	b.op(opFail)
	b.place(found)
}

// workDirectory enters process.cwd, resolved within the root: neither a
// descriptor of the host nor a magic link can lead out (CVE-2024-21626). It
// is made if it is missing, and entered while we may still enter any.
func (b *builder) workDirectory(p *rspec.Process, field string) {
	if p.Cwd == "" {
		return
	}
	b.step(Child, "work directory", field+"/cwd", "resolved below the root and entered by fd, made if it is missing; chdir(2)")
	root := b.root
	b.root = b.newReg()
	b.op(unix.SYS_OPENAT, n(unix.AT_FDCWD), b.str("/"), n(unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC)).to(b.root)
	dir := b.makeIn(p.Cwd, false, inRoot)
	b.op(unix.SYS_FCHDIR, dir.arg())
	b.close(dir)
	b.close(b.root)
	b.root = root
}

// user takes on uid, gid, groups and umask. PR_SET_KEEPCAPS lets the
// capabilities outlive the change of uid; the next step trims them.
func (b *builder) user(p *rspec.Process, field string) {
	b.boundingSet(p, field)
	b.step(Child, "user", field+"/user", "groups first: without CAP_SETGID they could not be changed any more; setresuid(2)")
	b.op(unix.SYS_PRCTL, n(unix.PR_SET_KEEPCAPS), n(1), n(0), n(0), n(0))
	if b.host.SetgroupsDenied {
		if len(p.User.AdditionalGids) > 0 {
			b.fail(field+"/user/additionalGids", "this user namespace may not set groups", "remove them, or map ids with newgidmap(1)", specs.ErrInvalid)
		}
	} else {
		groups := make([]byte, 0, 4*len(p.User.AdditionalGids))
		for _, g := range p.User.AdditionalGids {
			groups = append(groups, byte(g), byte(g>>8), byte(g>>16), byte(g>>24))
		}
		b.op(unix.SYS_SETGROUPS, n(len(p.User.AdditionalGids)), at(b.bytes(groups)))
	}
	gid, uid := u(uint64(p.User.GID)), u(uint64(p.User.UID))
	b.op(unix.SYS_SETRESGID, gid, gid, gid)
	b.op(unix.SYS_SETRESUID, uid, uid, uid)
	b.op(unix.SYS_PRCTL, n(unix.PR_SET_KEEPCAPS), n(0), n(0), n(0), n(0))
	mask := uint64(0o022)
	if p.User.Umask != nil {
		mask = uint64(*p.User.Umask)
	}
	b.op(unix.SYS_UMASK, u(mask))
}

// descriptors keeps everything above stdio, and above what --preserve-fds and
// LISTEN_FDS ask for, out of the container. One call marks all of them: those
// of the plan, and those that whoever called us leaked.
func (b *builder) descriptors() {
	if b.late {
		b.step(Child, "close descriptors", "", "gone, and not only marked, before anybody of the container can look; close_range(2)")
		b.closeAll()
		return
	}
	b.step(Child, "close descriptors", "", "marked, so that they are gone with execve(2) and not before; close_range(2)")
	b.op(unix.SYS_CLOSE_RANGE, n(3+b.req.PreserveFDs+b.req.ListenFDs), u(0xffffffff), n(unix.CLOSE_RANGE_CLOEXEC))
}

// keyring gives the container a session keyring of its own: without it the
// process would hold that of whoever called the runtime.
func (b *builder) keyring() {
	if b.req.NoNewKeyring {
		return
	}
	b.step(Child, "session keyring", "", "keys of the caller stay with the caller; keyctl(2)")
	key := b.newReg()
	done := b.label()
	b.op(unix.SYS_KEYCTL, n(unix.KEYCTL_JOIN_SESSION_KEYRING), b.str("_ses."+b.req.ID), n(0), n(0), n(0)).to(key).on(uint16(unix.ENOSYS), done)
	// The default permissions of a new session keyring, and search for its
	// owner; in a user namespace that id is not ours alone, so for others.
	perm := 0x3f1b0000
	if ns, _ := b.namespace(rspec.UserNamespace); ns != nil {
		perm = 0x3f130008
	}
	b.op(unix.SYS_KEYCTL, n(unix.KEYCTL_SETPERM), key.arg(), n(perm), n(0), n(0))
	b.place(done)
}

func (b *builder) personality() {
	if b.spec.Linux == nil || b.spec.Linux.Personality == nil {
		return
	}
	domain := uint64(0)
	if b.spec.Linux.Personality.Domain == rspec.PerLinux32 {
		domain = perLinux32
	}
	b.step(Child, "personality", "/linux/personality", "what uname(2) and some old interfaces show; personality(2)")
	b.op(unix.SYS_PERSONALITY, u(domain))
}

// perLinux32 is PER_LINUX32 of linux/personality.h.
const perLinux32 = 0x0008

// rlimitNames in the order of their numbers in getrlimit(2).
var rlimitNames = [...]string{
	"RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_DATA", "RLIMIT_STACK", "RLIMIT_CORE", "RLIMIT_RSS", "RLIMIT_NPROC", "RLIMIT_NOFILE",
	"RLIMIT_MEMLOCK", "RLIMIT_AS", "RLIMIT_LOCKS", "RLIMIT_SIGPENDING", "RLIMIT_MSGQUEUE", "RLIMIT_NICE", "RLIMIT_RTPRIO", "RLIMIT_RTTIME",
}

// rlimits sets the resource limits. RLIMIT_NOFILE is always set: Go raises
// the soft limit of every program that it starts, and the container must get
// the one that the caller had.
func (b *builder) rlimits(p *rspec.Process, field string) {
	nofile := false
	for i, l := range p.Rlimits {
		for nr, name := range rlimitNames {
			if name != l.Type {
				continue
			}
			nofile = nofile || nr == unix.RLIMIT_NOFILE
			b.step(Child, "limit "+name, pointer(field+"/rlimits", i), "getrlimit(2)")
			b.op(unix.SYS_PRLIMIT64, n(0), n(nr), b.words(l.Soft, l.Hard), n(0))
		}
	}
	if !nofile && b.host.NoFile.Max != 0 {
		b.step(Child, "limit RLIMIT_NOFILE", "", "as the caller had it: the Go runtime raises its own soft limit; getrlimit(2)")
		b.op(unix.SYS_PRLIMIT64, n(0), n(unix.RLIMIT_NOFILE), b.words(b.host.NoFile.Cur, b.host.NoFile.Max), n(0))
	}
}

// scheduler sets policy, nice value and I/O priority.
func (b *builder) scheduler(p *rspec.Process, field string) {
	if s := p.Scheduler; s != nil {
		b.step(Child, "scheduler", field+"/scheduler", "sched_setattr(2)")
		attr := b.words(48|schedPolicy(s.Policy)<<32, schedFlagBits(s.Flags), uint64(uint32(s.Nice))|uint64(uint32(s.Priority))<<32, s.Runtime, s.Deadline, s.Period)
		b.op(unix.SYS_SCHED_SETATTR, n(0), attr, n(0))
	}
	if io := p.IOPriority; io != nil {
		b.step(Child, "I/O priority", field+"/ioPriority", "ioprio_set(2)")
		b.op(unix.SYS_IOPRIO_SET, n(1), n(0), n(ioClass(io.Class)<<13|io.Priority))
	}
}

// schedPolicy gives the number of a policy in sched(7).
func schedPolicy(p rspec.LinuxSchedulerPolicy) uint64 {
	switch p {
	case rspec.SchedFIFO:
		return 1
	case rspec.SchedRR:
		return 2
	case rspec.SchedBatch:
		return 3
	case rspec.SchedISO:
		return 4
	case rspec.SchedIdle:
		return 5
	case rspec.SchedDeadline:
		return 6
	}
	return 0 // SCHED_OTHER
}

func ioClass(c rspec.IOPriorityClass) int {
	switch c {
	case rspec.IOPRIO_CLASS_RT:
		return 1
	case rspec.IOPRIO_CLASS_IDLE:
		return 3
	}
	return 2 // IOPRIO_CLASS_BE
}

func schedFlagBits(flags []rspec.LinuxSchedulerFlag) (bits uint64) {
	for _, f := range flags {
		switch f {
		case rspec.SchedFlagResetOnFork:
			bits |= 0x01
		case rspec.SchedFlagReclaim:
			bits |= 0x02
		case rspec.SchedFlagDLOverrun:
			bits |= 0x04
		case rspec.SchedFlagKeepPolicy:
			bits |= 0x08
		case rspec.SchedFlagKeepParams:
			bits |= 0x10
		case rspec.SchedFlagUtilClampMin:
			bits |= 0x20
		case rspec.SchedFlagUtilClampMax:
			bits |= 0x40
		}
	}
	return bits
}

// environment is process.env as execve(2) gets it: the last of equal names
// wins, HOME is there, and LISTEN_FDS is ours to say.
func (b *builder) environment(p *rspec.Process) []string {
	env := make([]string, 0, len(p.Env)+3)
	home := false
	for i, kv := range p.Env {
		name, _, _ := strings.Cut(kv, "=")
		later := false
		for _, other := range p.Env[i+1:] {
			if len(other) > len(name) && other[len(name)] == '=' && other[:len(name)] == name {
				later = true
			}
		}
		if later || b.req.ListenFDs > 0 && (name == "LISTEN_FDS" || name == "LISTEN_PID") {
			continue
		}
		home = home || name == "HOME" && len(kv) > len("HOME=")
		if name == "HOME" && len(kv) == len("HOME=") {
			continue
		}
		env = append(env, kv)
	}
	if b.req.ListenFDs > 0 {
		env = append(env, "LISTEN_FDS="+itoa(int64(b.req.ListenFDs)), "LISTEN_PID=1")
	}
	if !home {
		env = append(env, "HOME="+b.host.Home)
	}
	return env
}
