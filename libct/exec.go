package libct

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/libct/cgroup"
	"stave/libct/seccomp"
	"stave/specs"
)

// exec: another process in a running container. It is the same machine with
// another plan: the child is made in the container's pid namespace, enters
// its cgroups, joins all other namespaces with one setns(2) on the pidfd of
// init, and becomes a process by the same steps as init did.

// CompileExec makes the plan for process p in the container of rec.
func CompileExec(rec *specs.Record, p *rspec.Process, filter []byte, host *Host, req *Request) (*Plan, error) {
	spec := &rspec.Spec{Version: rec.OCIVersion, Process: p, Root: &rspec.Root{Path: rec.Rootfs}, Annotations: rec.Annotations,
		Linux: &rspec.Linux{Namespaces: rec.Namespaces, Personality: rec.Personality}}
	b := &builder{
		Plan: &Plan{program: program{strs: make(map[string]uint64, 32), data: make([]byte, 0, 8<<10)}},
		spec: spec, host: host, req: req, how: make(map[[2]uint64]arg, 4),
	}
	b.Steps = make([]Step, 0, 32)
	b.namespaceFlags = namespaceFlags(rec.Namespaces)
	b.execFilter, b.execNotify = filter, rec.SeccompListenerPath
	b.channel()
	b.exposed = b.namespaceFlags&unix.CLONE_NEWUSER == 0 && (mayPtrace(rec, p) || b.namespaceFlags&unix.CLONE_NEWPID == 0)
	b.enterNamespaces(rec)
	if b.late {
		b.step(Child, "file mode mask", "", "modes of what the plan makes are the plan's; umask(2)")
		b.op(unix.SYS_UMASK, n(0))
	} else {
		b.session()
	}
	b.execConsole()
	b.execProcfs(p)
	b.process(p, "/process")
	if b.stub != 0 {
		b.becomeStub(p, "/process")
		b.asStub(p, "/process")
	} else {
		b.execute(p, "/process")
	}
	return b.finish()
}

// enterNamespaces brings the child into the container. The pid namespace is
// that of the children of the thread that clones (setns(2)), so with it the
// one clone3 is enough; a runtime without rights of its own must enter the
// user namespace first, in an intermediate process.
func (b *builder) enterNamespaces(rec *specs.Record) {
	b.initPidfd = b.newReg()
	flags := b.namespaceFlags
	b.clone = cloneArgs{flags: unix.CLONE_PIDFD, exitSignal: uint64(unix.SIGCHLD)}
	why := "made in the pid namespace of the container; setns(2), clone3(2)"
	does := ""
	switch {
	case flags&unix.CLONE_NEWPID == 0:
	case flags&unix.CLONE_NEWUSER != 0 && b.host.EUID != 0:
		b.staged = true
	case flags&unix.CLONE_NEWUSER == 0 && mayPtrace(rec, b.spec.Process):
		// A process in there could trace ours, reach what it still holds
		// and use the capabilities that it still has (CVE-2016-9962): it
		// must not be seen before it holds nothing.
		b.staged, b.late = true, b.canBeLate()
	default:
		flags &^= unix.CLONE_NEWPID
		b.enterPID = b.initPidfd
		does = "setns(INIT, CLONE_NEWPID); "
	}
	b.prepareStub()
	b.threads = haveThread && b.stub != 0 && !b.host.SuidDumpable
	dirs := b.req.CgroupDirs
	if v2 := cgroup.InitialCgroupDir(dirs); v2 != "" {
		b.cgroupFD = b.newReg()
		b.step(Parent, "open cgroup", "", "clone3(2) makes the process in it; cgroups(7)")
		b.op(unix.SYS_OPENAT, n(unix.AT_FDCWD), b.str(v2), n(unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC)).to(b.cgroupFD)
	}
	b.call("clone", "", why, []string{does + b.toldClone()}, (*Create).clone)
	if !b.staged {
		b.announce()
	}
	b.closeParents()
	if fds := b.req.stdio; fds != nil {
		b.step(Child, "stdio", "", "the pipes of the hook; dup(2)")
		for i, fd := range fds {
			b.op(unix.SYS_DUP3, n(fd), n(i), n(0))
		}
	}
	p := b.spec.Process
	if a := p.ExecCPUAffinity; a != nil && a.Initial != "" {
		b.affinity(a.Initial, "initial")
	}
	b.enterCgroups()
	if a := p.ExecCPUAffinity; a != nil && a.Final != "" {
		b.affinity(a.Final, "final")
	}
	b.step(Child, "join namespaces", "/linux/namespaces", "all at once, through the pidfd of init: no path to open, no race with its end; setns(2)")
	if flags != 0 {
		b.op(unix.SYS_SETNS, b.initPidfd.arg(), u(flags))
	}
	b.close(b.initPidfd)
	if b.staged && !b.late {
		b.step(Child, "clone into pid namespace", "/linux/namespaces", "setns(2) into a pid namespace is for children only")
		b.closeAll()
		b.op(unix.SYS_CLONE3, b.words(unix.CLONE_PARENT, 0, 0, 0, 0, 0, 0, 0), n(64)).flag(opFork)
		b.announce()
	}
	if flags&unix.CLONE_NEWUSER != 0 {
		b.becomeRoot("/linux/namespaces")
	}
}

// closeAll closes every descriptor but those that the container keeps, and the
// channel.
func (b *builder) closeAll() {
	keep := n(3 + b.req.PreserveFDs + b.req.ListenFDs)
	b.op(unix.SYS_CLOSE_RANGE, keep, b.belowEnd.arg(), n(0)).ignore(uint16(unix.EINVAL)) // EINVAL: there are none
	b.op(unix.SYS_CLOSE_RANGE, b.aboveEnd.arg(), u(0xffffffff), n(0))
}

// canBeLate says whether the child can be cloned into the pid namespace with
// all done but what grants nothing. Not with a label, which is written through
// a procfs of that namespace: there the security module keeps processes
// apart. And not if a filter that is on before, as without no_new_privs it
// must be, refuses what is still to come.
func (b *builder) canBeLate() bool {
	p := b.spec.Process
	if p.ApparmorProfile != "" || p.SelinuxLabel != "" {
		return false
	}
	if p.NoNewPrivileges || len(b.execFilter) <= 8 {
		return true
	}
	if ownArch() == 0 {
		return false
	}
	const fd = 9
	for _, c := range [...]struct {
		nr   uint32
		args [6]uint64
	}{{unix.SYS_CLONE, [6]uint64{unix.CLONE_PARENT}}, {unix.SYS_SETSID, [6]uint64{}}, {unix.SYS_IOCTL, [6]uint64{0, unix.TIOCSCTTY}},
		{unix.SYS_SENDTO, [6]uint64{fd, 1, 1, unix.MSG_NOSIGNAL}}, {unix.SYS_READ, [6]uint64{fd, 1, 1}}} {
		if !seccomp.Allows(b.execFilter[8:], ownArch(), c.nr, c.args) {
			return false
		}
	}
	return true
}

// cloneLate makes the container's process. clone(2) and not clone3(2), which
// many filters pretend not to know because they cannot see its flags.
func (b *builder) cloneLate(p *rspec.Process) {
	b.step(Child, "clone into pid namespace", "/linux/namespaces",
		"only now: whoever may trace it there finds nothing that is not the container's; CVE-2016-9962, clone(2)")
	b.op(unix.SYS_CLONE, n(unix.CLONE_PARENT), n(0), n(0), n(0), n(0)).flag(opFork)
	b.announce()
	b.step(Child, "new session", "", "no controlling terminal of the host, and no signals from its job control; setsid(2)")
	b.op(unix.SYS_SETSID)
	if p.Terminal {
		b.op(unix.SYS_IOCTL, n(0), n(unix.TIOCSCTTY), n(0))
	}
}

// rememberPtrace notes in the record that this exec grants CAP_SYS_PTRACE,
// which makes every later one careful.
func (c *Container) rememberPtrace(p *rspec.Process) error {
	if mayPtrace(c.Rec, nil) || !mayPtrace(c.Rec, p) {
		return nil
	}
	if err := c.lock.acquire(unix.LOCK_EX); err != nil {
		return err
	}
	defer unix.Flock(c.lock.fd, unix.LOCK_UN)
	rec, err := c.lock.record()
	if err != nil {
		return err
	}
	rec.Ptrace = true
	return c.lock.writeFile(recordFile, specs.AppendRecord(nil, rec))
}

// mayPtrace says whether a process of the container may have CAP_SYS_PTRACE
// over ours, which is undumpable: if the configuration or an exec grants it.
func mayPtrace(rec *specs.Record, p *rspec.Process) bool {
	for _, q := range [...]*rspec.Process{rec.Process, p} {
		if q == nil || q.Capabilities == nil {
			continue
		}
		for _, c := range q.Capabilities.Bounding {
			if c == "CAP_SYS_PTRACE" {
				return true
			}
		}
	}
	return rec.Process == nil || rec.Ptrace
}

// affinity sets the CPUs, given as a list such as 0-3,7.
func (b *builder) affinity(list, which string) {
	field := "/process/execCPUAffinity/" + which
	mask, ok := cpuMask(list)
	if !ok {
		b.fail(field, "not a list of CPUs: "+list, "such as 0-3,7", specs.ErrInvalid)
		return
	}
	b.step(Child, "CPU affinity "+which, field, "where exec may run before and after it is in the cgroup; sched_setaffinity(2)")
	b.op(unix.SYS_SCHED_SETAFFINITY, n(0), n(len(mask)), at(b.bytes(mask)))
}

func cpuMask(list string) ([]byte, bool) {
	mask := make([]byte, 128)
	for _, part := range strings.Split(list, ",") {
		lo, hi, ranged := strings.Cut(strings.TrimSpace(part), "-")
		if !ranged {
			hi = lo
		}
		a, err1 := strconv.Atoi(lo)
		z, err2 := strconv.Atoi(hi)
		if err1 != nil || err2 != nil || a < 0 || z < a || z >= 8*1024 {
			return nil, false
		}
		for len(mask)*8 <= z {
			mask = append(mask, make([]byte, 128)...)
		}
		for ; a <= z; a++ {
			mask[a/8] |= 1 << (a % 8)
		}
	}
	return mask, true
}

// execConsole is a terminal from the container's devpts.
func (b *builder) execConsole() {
	p := b.spec.Process
	if !p.Terminal {
		return
	}
	b.step(Child, "console", "/process/terminal", "a terminal of the container's devpts; pty(7)")
	master, slave := b.newReg(), b.newReg()
	b.root = b.newReg()
	b.op(unix.SYS_OPENAT, n(unix.AT_FDCWD), b.str("/"), n(unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC)).to(b.root)
	b.openIn(master, "/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY, inRoot)
	b.terminal(p, master, slave)
	b.close(b.root)
	b.handOver(master, slave, "/process/terminal")
}

// execProcfs makes the private procfs if labels will be written through it.
func (b *builder) execProcfs(p *rspec.Process) {
	if p.ApparmorProfile != "" || p.SelinuxLabel != "" {
		b.ownProcfs()
	}
}

// Filter reads the compiled seccomp filter of the container; nil: it has none.
func (c *Container) Filter() ([]byte, error) {
	if !c.Rec.Seccomp {
		return nil, nil
	}
	data, err := c.lock.readFile(filterFile)
	if err != nil || len(data) < 8 || len(data)%8 != 0 {
		return nil, &specs.Error{ID: c.ID, Path: filterFile, Kind: specs.ErrCorrupt, Problem: "the seccomp filter of the container cannot be read",
			Hint: "a process without it would have more rights than the container"}
	}
	return data, nil
}

// packFilter is the file format: the flags, whether there is a listener, and
// the program.
func packFilter(prog []byte, flags uint32, notify bool) []byte {
	out := make([]byte, 8, 8+len(prog))
	binary.LittleEndian.PutUint32(out, flags)
	if notify {
		out[4] = 1
	}
	return append(out, prog...)
}

// Exec runs a process in the container; it returns the plan in execution,
// with the pid of the new process, once its program has started.
//
// sub gives paths below the container's cgroups by controller, "" being all.
func (c *Container) Exec(p *rspec.Process, sub map[string]string, req *Request) (*Create, error) {
	if c.pidfd < 0 {
		return nil, &specs.Error{Verb: "exec", ID: c.ID, Kind: specs.ErrNotRunning, Problem: "cannot exec in a stopped container"}
	}
	host := &Host{EUID: unix.Geteuid(), UserNS: InUserNamespace(), Caps: boundingCaps(), NoFile: noFile(), Home: "/", Sealed: Sealed(), NoExecMemfd: noExecMemfd(),
		SuidDumpable: suidDumpable()}
	if !hasHome(p.Env) {
		host.Home = c.home(p.User.UID)
	}
	lsmFacts(host, p, nil)
	filter, err := c.Filter()
	if err != nil {
		return nil, err
	}
	if err := c.rememberPtrace(p); err != nil {
		return nil, err
	}
	req.CgroupDirs = slices.Clone(c.cgroupDirs()) // --cgroup moves them
	if err := subCgroups(req.CgroupDirs, sub); err != nil {
		return nil, err
	}
	plan, err := CompileExec(c.Rec, p, filter, host, req)
	if err != nil {
		return nil, err
	}
	spec := &rspec.Spec{Process: p, Root: &rspec.Root{Path: c.Rec.Rootfs}, Annotations: c.Rec.Annotations,
		Linux: &rspec.Linux{Seccomp: &rspec.LinuxSeccomp{ListenerPath: c.Rec.SeccompListenerPath, ListenerMetadata: c.Rec.SeccompListenerMetadata}}}
	if plan.NeedsSeal() {
		return nil, Seal()
	}
	run, err := NewCreate(plan, spec, req)
	if err != nil {
		return nil, err
	}
	run.Rec = c.Rec
	run.borrowed = true
	dup, err := unix.FcntlInt(uintptr(c.pidfd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, &specs.Error{Verb: "exec", ID: c.ID, Syscall: "fcntl", Errno: err.(unix.Errno)}
	}
	defer unix.Close(dup)
	run.m.regs[plan.initPidfd] = uint64(dup)
	return run, run.Execute()
}

// subCgroups moves dirs to the places below them that sub names.
func subCgroups(dirs []cgroup.Dir, sub map[string]string) error {
	used := make(map[string]bool, len(sub))
	for i := range dirs {
		path, ok := sub[""]
		used[""] = true
		for _, c := range dirs[i].Controllers {
			c = strings.TrimPrefix(c, "name=")
			if p, named := sub[c]; named && c != "" {
				path, ok, used[c] = p, true, true
			}
		}
		if !ok {
			continue
		}
		below, err := cgroup.Sub(dirs[i:i+1], path)
		if err != nil {
			return err
		}
		dirs[i] = below[0]
	}
	for c := range sub {
		if !used[c] {
			return &specs.Error{Problem: "--cgroup " + c + ": the container has no such controller", Kind: specs.ErrInvalid}
		}
	}
	return nil
}

// home looks up the user's home directory in the container as it is now.
func (c *Container) home(uid uint32) string {
	dir, err := unix.Open("/proc/"+itoa(int64(c.Rec.PID))+"/root", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "/"
	}
	defer unix.Close(dir)
	return homeIn(dir, "etc/passwd", uid, inRoot)
}
