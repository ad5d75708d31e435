package libct

import (
	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Namespaces: which the container gets, and how its first process comes into
// them. New ones are all made by the one clone3(2) that makes the process;
// existing ones are joined with setns(2). Two are special: a pid or user
// namespace can only be entered by a process of which the container is a
// child (pid) or an owner (user), so an intermediate process joins first and
// then makes the container's process as our child with CLONE_PARENT.

// nsFlags maps the specification's names to clone flags, in the order in
// which they are joined: the user namespace first, because it owns the rest;
// the mount namespace last, because paths change meaning with it.
var nsFlags = [...]struct {
	name rspec.LinuxNamespaceType
	flag uint64
	proc string // file name in /proc/PID/ns
}{
	{rspec.UserNamespace, unix.CLONE_NEWUSER, "user"},
	{rspec.IPCNamespace, unix.CLONE_NEWIPC, "ipc"},
	{rspec.UTSNamespace, unix.CLONE_NEWUTS, "uts"},
	{rspec.NetworkNamespace, unix.CLONE_NEWNET, "net"},
	{rspec.PIDNamespace, unix.CLONE_NEWPID, "pid"},
	{rspec.CgroupNamespace, unix.CLONE_NEWCGROUP, "cgroup"},
	{rspec.TimeNamespace, unix.CLONE_NEWTIME, "time"},
	{rspec.MountNamespace, unix.CLONE_NEWNS, "mnt"},
}

// lateNamespaces are not made by clone3: a cgroup namespace takes the cgroup
// of its maker as its root, so the child must be in its cgroup first; a time
// namespace can only be set up before anybody is in it.
const lateNamespaces = unix.CLONE_NEWCGROUP | unix.CLONE_NEWTIME

// joined is a namespace to enter, with the register of its fd.
type joined struct {
	flag  uint64
	name  string
	field string
	fd    Reg
}

// namespaces opens those that are joined and sums up those that are new.
func (b *builder) namespaces() (joins []joined, fresh uint64) {
	for _, k := range nsFlags {
		ns, field := b.namespace(k.name)
		if ns == nil {
			continue
		}
		if ns.Path == "" {
			fresh |= k.flag
			continue
		}
		fd := b.newReg()
		b.step(Parent, "open namespace "+string(k.name), field, "the fd pins the namespace until the child enters it; namespaces(7)")
		b.op(unix.SYS_OPENAT, n(unix.AT_FDCWD), b.str(ns.Path), n(unix.O_RDONLY|unix.O_CLOEXEC)).to(fd)
		joins = append(joins, joined{k.flag, string(k.name), field, fd})
	}
	return joins, fresh
}

// cloneChild makes the process. With an intermediate process (staged) the
// first clone3 is a plain fork and the second makes the namespaces.
func (b *builder) cloneChild() {
	joins, fresh := b.namespaces()
	early := b.early()
	b.joins = joins
	atOnce := fresh &^ lateNamespaces
	for _, j := range joins {
		if j.flag == unix.CLONE_NEWPID || j.flag == unix.CLONE_NEWUSER || fresh&unix.CLONE_NEWUSER != 0 {
			b.staged = true
		}
	}
	b.fresh = fresh
	if fresh&unix.CLONE_NEWUSER != 0 {
		// The others are made once the child is root in the new user
		// namespace: what they create (the root of mqueue, the sysctls of
		// the network) then belongs to an id that exists inside.
		b.later = atOnce &^ (unix.CLONE_NEWUSER | unix.CLONE_NEWPID)
		atOnce &= unix.CLONE_NEWUSER | unix.CLONE_NEWPID
	}
	b.clone = cloneArgs{flags: unix.CLONE_PIDFD, exitSignal: uint64(unix.SIGCHLD)}
	if !b.staged {
		b.clone.flags |= atOnce &^ early
	}
	why := "one clone3(2) makes the process and all its new namespaces; the child inherits this plan and returns to no runtime"
	if b.staged {
		why = "a plain fork first: only a process of its own can enter existing pid and user namespaces; setns(2)"
	}
	if early != 0 {
		why = "the child inherits the thread's namespaces and this plan, in the parent's memory until it has a program of its own; clone3(2)"
	}
	b.call("clone", "/linux/namespaces", why, []string{b.toldClone()}, (*Create).clone)
}

// toldClone is the clone in the words of explain.
func (b *builder) toldClone() string {
	flags, where := b.clone.flags, ""
	if b.cgroupFD != 0 {
		flags |= unix.CLONE_INTO_CGROUP
	}
	if b.threads {
		flags, where = flags|byThread, "in the thread: "
	}
	return where + "clone3({flags=" + cloneFlagNames(flags) + ", exit_signal=SIGCHLD})"
}

// closeParents gives up the child's copies of what only the parent may hold:
// its end of the channel, whose EOF tells the child that the parent is gone,
// and the lock, which must end with the parent.
func (b *builder) closeParents() {
	b.step(Child, "close the parent's descriptors", "", "so that the child sees it when the parent dies, and frees its lock")
	b.close(b.parentEnd)
	if b.lock != 0 {
		b.close(b.lock)
	}
}

// joinNamespaces enters existing namespaces and, if there is an intermediate
// process, lets it make the child.
func (b *builder) joinNamespaces() {
	for _, j := range b.joins {
		b.step(Child, "join namespace "+j.name, j.field, "setns(2) into an existing namespace")
		b.op(unix.SYS_SETNS, j.fd.arg(), u(j.flag))
		b.close(j.fd)
	}
	if b.staged {
		b.step(Child, "clone into namespaces", "/linux/namespaces",
			"the second process is in the joined pid namespace and owns the new ones; CLONE_PARENT keeps it a child of the runtime")
		args := b.words(unix.CLONE_PARENT|b.fresh&^(lateNamespaces|b.later), 0, 0, 0, 0, 0, 0, 0)
		b.op(unix.SYS_CLONE3, args, n(64)).flag(opFork)
	}
	if b.fresh&unix.CLONE_NEWCGROUP != 0 {
		_, field := b.namespace(rspec.CgroupNamespace)
		b.step(Child, "new cgroup namespace", field, "after entering the cgroup, which becomes the root of the namespace; cgroup_namespaces(7)")
		b.op(unix.SYS_UNSHARE, n(unix.CLONE_NEWCGROUP))
	}
}

// mapIDs lets the parent write uid_map and gid_map, then becomes root inside.
func (b *builder) mapIDs() {
	if b.fresh&unix.CLONE_NEWUSER == 0 {
		for _, j := range b.joins {
			if j.flag == unix.CLONE_NEWUSER {
				b.becomeRoot(j.field)
			}
		}
		return
	}
	_, field := b.namespace(rspec.UserNamespace)
	b.call("map ids", "/linux/uidMappings", "a user namespace is nobody's until its maps are written from outside; user_namespaces(7)",
		[]string{"write /proc/PID/uid_map, setgroups, gid_map (or newuidmap, newgidmap)"}, (*Create).mapIDs)
	b.becomeRoot(field)
	if b.later != 0 {
		b.step(Child, "new namespaces", "/linux/namespaces", "made as root of the user namespace, which owns them; unshare(2)")
		b.op(unix.SYS_UNSHARE, u(b.later))
	}
}

func (b *builder) becomeRoot(field string) {
	b.step(Child, "become root inside", field, "id 0 of the user namespace owns what is built from here on; user_namespaces(7)")
	b.op(unix.SYS_SETRESGID, n(0), n(0), n(0))
	b.op(unix.SYS_SETRESUID, n(0), n(0), n(0))
	b.op(unix.SYS_SETGROUPS, n(0), n(0)).ignore(uint16(unix.EPERM)) // denied where /proc/PID/setgroups says so
}

// timeOffsets makes the time namespace, sets its clocks and enters it.
func (b *builder) timeOffsets() {
	if b.fresh&unix.CLONE_NEWTIME == 0 {
		return
	}
	_, field := b.namespace(rspec.TimeNamespace)
	b.step(Child, "new time namespace", field, "its offsets can be set only while nobody is in it, so unshare, set, then enter; time_namespaces(7)")
	b.op(unix.SYS_UNSHARE, n(unix.CLONE_NEWTIME))
	if off := b.spec.Linux.TimeOffsets; len(off) > 0 {
		text := ""
		for _, clock := range [...]string{"monotonic", "boottime"} {
			if o, ok := off[clock]; ok {
				text += clock + " " + itoa(o.Secs) + " " + itoa(int64(o.Nanosecs)) + "\n"
			}
		}
		b.writeFile(n(unix.AT_FDCWD), "/proc/self/timens_offsets", text)
	}
	fd := b.newReg()
	b.op(unix.SYS_OPENAT, n(unix.AT_FDCWD), b.str("/proc/self/ns/time_for_children"), n(unix.O_RDONLY|unix.O_CLOEXEC)).to(fd)
	b.op(unix.SYS_SETNS, fd.arg(), n(unix.CLONE_NEWTIME))
	b.close(fd)
}

// writeFile writes a kernel file in one write(2), as the kernel demands.
func (b *builder) writeFile(dir arg, name, value string) {
	fd := b.newReg()
	b.op(unix.SYS_OPENAT, dir, b.str(name), n(unix.O_WRONLY|unix.O_CLOEXEC)).to(fd)
	b.op(unix.SYS_WRITE, fd.arg(), b.str(value), n(len(value))).want(len(value))
	b.close(fd)
}

// session starts the container's process in a session of its own, with a file
// mode mask that leaves the modes of what it makes to the plan.
func (b *builder) session() {
	b.step(Child, "new session", "", "no controlling terminal of the host, and no signals from its job control; setsid(2)")
	b.op(unix.SYS_SETSID)
	b.op(unix.SYS_UMASK, n(0))
}

// cloneFlagNames spells clone flags for explain.
func cloneFlagNames(flags uint64) string {
	s := ""
	add := func(bit uint64, name string) {
		if flags&bit != 0 {
			if s != "" {
				s += "|"
			}
			s += name
		}
	}
	add(unix.CLONE_VM, "CLONE_VM")
	add(unix.CLONE_VFORK, "CLONE_VFORK")
	add(unix.CLONE_PARENT_SETTID, "CLONE_PARENT_SETTID")
	add(cloneClearSighand, "CLONE_CLEAR_SIGHAND")
	add(unix.CLONE_PIDFD, "CLONE_PIDFD")
	add(unix.CLONE_PARENT, "CLONE_PARENT")
	add(unix.CLONE_INTO_CGROUP, "CLONE_INTO_CGROUP")
	add(unix.CLONE_NEWUSER, "CLONE_NEWUSER")
	add(unix.CLONE_NEWIPC, "CLONE_NEWIPC")
	add(unix.CLONE_NEWUTS, "CLONE_NEWUTS")
	add(unix.CLONE_NEWNET, "CLONE_NEWNET")
	add(unix.CLONE_NEWPID, "CLONE_NEWPID")
	add(unix.CLONE_NEWCGROUP, "CLONE_NEWCGROUP")
	add(unix.CLONE_NEWTIME, "CLONE_NEWTIME")
	add(unix.CLONE_NEWNS, "CLONE_NEWNS")
	if s == "" {
		return "0"
	}
	return s
}
