package libct

import (
	"encoding/binary"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/libct/cgroup"
	"stave/specs"
)

// Request is what the command line asks of create, run or exec, beside the
// configuration.
type Request struct {
	Verb   string // create, run, exec
	ID     string
	Root   string // directory of all containers' state
	Bundle string // absolute

	Gate          bool // stop between created and started
	NoPivot       bool
	NoNewKeyring  bool
	PreserveFDs   int // descriptors above stdio that the container keeps
	ListenFDs     int // of LISTEN_FDS, which come first; sd_listen_fds(3)
	ConsoleSocket string
	PidFile       string
	PidfdSocket   string
	NotifySocket  string // of the service manager; sd_notify(3)
	Trace         bool
	Meanwhile     func() // what the parent may do while the child works

	stdio    *[3]int // exec of a hook: descriptors for 0, 1, 2
	execPath string  // exec of a hook: the file, where args[0] may be another name

	CgroupPath string       // inner path, as settled
	CgroupDirs []cgroup.Dir // one in each hierarchy; none: the container stays in ours
}

func (r *Request) stateDir() string { return r.Root + "/" + r.ID }

// Create is a plan in execution: the parent's side of it.
type Create struct {
	Plan *Plan
	Req  *Request
	Spec *rspec.Spec
	Rec  *specs.Record

	Pid    int // of the container's process, as the host counts; 0 before the clone
	Pidfd  int
	Master int // our end of the console, if it has not been passed on; else -1
	Notify int // run: where the program says that it is ready; -1: nobody wants to know

	m         *machine
	stepOf    []int // step of each of the child's operations
	stubErrno syscall.Errno
	at        int // step that the parent is at
	sock      int // the parent's end; -1 before
	lock      *stateLock
	fds       []int  // received from the child, not yet used
	pidFile   bool   // the pid file has been written
	helper    int    // pid of the intermediate process; 0: none, or reaped
	hooked    bool   // a hook has been run
	borrowed  bool   // exec: record, lock and cgroups are the container's, not ours to remove
	Begun     int64  // clock of the first step, ns, for the timeline
	begun     uint64 // the same in ticks
	Finished  []int64
}

// NewCreate loads a plan into a machine.
func NewCreate(plan *Plan, spec *rspec.Spec, req *Request) (*Create, error) {
	c := &Create{Plan: plan, Req: req, Spec: spec, Pidfd: -1, Master: -1, Notify: -1, sock: -1}
	var ops []Op
	ops, c.stepOf = plan.childOps()
	var err error
	if c.m, err = newMachine(&plan.program, ops, req.Trace); err != nil {
		return nil, err
	}
	c.m.result = plan.result
	if c.m.fault, err = newFault(plan); err != nil {
		return nil, err
	}
	if req.Trace {
		c.Finished = make([]int64, len(plan.Steps))
		c.Begun, c.begun = monotonic(), ticks()
	}
	return c, nil
}

// Execute runs the plan from the first step to the last. When it returns nil
// the container is created, and with run its program has been started. On an
// error nothing is left.
func (c *Create) Execute() error {
	err := c.steps()
	if err != nil {
		c.rollback()
		return err
	}
	c.m.endThread()
	unix.Close(c.sock)
	if c.lock != nil {
		c.lock.close()
	}
	return nil
}

func (c *Create) steps() error {
	steps := c.Plan.Steps
	for i := 0; i < len(steps); i++ {
		c.at = i
		s := &steps[i]
		if s.Stub {
			continue // none of the machine's
		}
		if s.Actor == Child {
			end := i
			for end < len(steps) && steps[end].Actor == Child {
				end++
			}
			if err := c.letChild(i, end); err != nil {
				return err
			}
			i = end - 1
			continue
		}
		if faultsEnabled {
			if err := c.arm(i); err != nil {
				return err
			}
		}
		if s.Call != nil {
			if err := s.Call(c); err != nil {
				return c.wrap(i, err)
			}
		} else if op, e := c.m.run(s.Ops, false); e != 0 {
			return c.failed(i, &s.Ops[op], syscall.Errno(e))
		}
		if c.Finished != nil {
			c.Finished[i] = monotonic()
		}
	}
	return nil
}

// letChild gives the child its turn, which is the steps from begin to end, and
// waits until they are done: for its word, or, where the last of them is
// execve(2), for the channel to close.
func (c *Create) letChild(begin, end int) error {
	mark := c.Plan.mark
	if c.Plan.waitsItself() && begin == mark {
		return nil // it waits at the gate, for another than us
	}
	if _, err := unix.Write(c.sock, []byte("t")); err != nil {
		return c.childDied()
	}
	for {
		msg, err := c.receive()
		switch {
		case err != nil || msg == 0:
			if nr := c.m.ops[c.m.page.op].NR; end > mark && c.m.page.failed == 0 && (nr == unix.SYS_EXECVE || nr == unix.SYS_EXECVEAT) {
				return c.adopt()
			}
			return c.childDied()
		case msg == stubReport:
			return c.stubFailed(c.stubErrno)
		case msg == 't':
			return c.adopt()
		}
	}
}

// receive reads one message; descriptors that come with it are kept.
func (c *Create) receive() (byte, error) {
	buf, oob := make([]byte, resultSize), make([]byte, 64)
	for {
		n, oobn, err := recvmsg(c.sock, buf, oob)
		if err == unix.EINTR {
			continue
		}
		if err != 0 || n == 0 {
			return 0, err
		}
		if oobn > 0 {
			if msgs, err := unix.ParseSocketControlMessage(oob[:oobn]); err == nil {
				for i := range msgs {
					fds, _ := unix.ParseUnixRights(&msgs[i])
					c.fds = append(c.fds, fds...)
				}
			}
		}
		if n == resultSize {
			c.stubErrno = syscall.Errno(binary.NativeEndian.Uint32(buf[4:]))
			return stubReport, nil
		}
		return buf[0], nil
	}
}

// stubReport stands for a message of the stub: it could not become the program.
const stubReport = 0xff

func (c *Create) stubFailed(errno syscall.Errno) error {
	i := c.Plan.stubStep()
	e := c.stepError(i)
	e.Syscall, e.Errno = "execve", errno
	explainExec(e, absolute(c.Req.Bundle, c.Spec.Root.Path), c.Req.Bundle, c.Spec.Mounts, c.Spec.Process)
	return e
}

// recvmsg blocks in the raw system call. Through the runtime's wrapper the
// scheduler would hand our processor to a new thread after 20 µs of waiting,
// and we would have to get it back: more than the waiting costs.
func recvmsg(fd int, buf, oob []byte) (n, oobn int, errno syscall.Errno) {
	iov := unix.Iovec{Base: &buf[0], Len: uint64(len(buf))}
	msg := unix.Msghdr{Iov: &iov, Iovlen: 1, Control: &oob[0], Controllen: uint64(len(oob))}
	r, _, e := syscall.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&msg)), unix.MSG_CMSG_CLOEXEC)
	return int(r), int(msg.Controllen), e
}

// adopt takes over from the intermediate process, if there was one.
func (c *Create) adopt() error {
	if c.helper == 0 || c.m.page.pid == 0 {
		return nil
	}
	Wait(c.helper)
	c.helper = 0
	c.Pid = 0
	pid := int(c.m.page.pid)
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return c.wrap(c.at, &specs.Error{Syscall: "pidfd_open", Errno: err.(unix.Errno)})
	}
	// The page may have been written to by whoever could trace the child: a
	// process that is not our own child is none that we signal.
	if err := unix.Waitid(unix.P_PIDFD, fd, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil); err == unix.ECHILD {
		unix.Close(fd)
		return c.wrap(c.at, &specs.Error{Syscall: "waitid", Errno: unix.ECHILD, Problem: "the child names another process as itself"})
	}
	c.Pid = pid
	unix.Close(c.Pidfd)
	c.Pidfd = fd
	return nil
}

// clone starts the child.
func (c *Create) clone() error {
	args := c.Plan.clone
	pidfd := int32(-1)
	args.pidfd = uint64(uintptr(unsafe.Pointer(&pidfd)))
	if c.Plan.cgroupFD != 0 {
		args.flags |= unix.CLONE_INTO_CGROUP
		args.cgroup = c.m.regs[c.Plan.cgroupFD]
	}
	enter := -1
	if r := c.Plan.enterPID; r != 0 {
		enter = int(c.m.regs[r])
	}
	if c.Plan.threads {
		if err := c.cloneByThread(&args, enter); err != nil {
			return err
		}
		return c.cloned()
	}
	pid, err := c.forkInto(enter, &args)
	if pid > 0 {
		c.Pid, c.Pidfd = pid, int(pidfd) // in any case: rollback ends it
	}
	if err != nil {
		return err
	}
	return c.cloned()
}

// forkInto forks, in the pid namespace behind enter unless that is -1.
func (c *Create) forkInto(enter int, args *cloneArgs) (pid int, err error) {
	if enter >= 0 {
		// pid_for_children belongs to this thread, and must be put back
		// before anything else is forked from it. A thread where that fails
		// stays locked to this goroutine, and ends with it.
		runtime.LockOSThread()
		back, e := unix.Open("/proc/thread-self/ns/pid", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if e != nil {
			runtime.UnlockOSThread()
			return 0, &specs.Error{Syscall: "open", Path: "/proc/thread-self/ns/pid", Errno: e.(unix.Errno)}
		}
		defer unix.Close(back)
		if e := unix.Setns(enter, unix.CLONE_NEWPID); e != nil {
			runtime.UnlockOSThread()
			return 0, &specs.Error{Syscall: "setns", Errno: e.(unix.Errno)}
		}
		defer func() {
			if e := unix.Setns(back, unix.CLONE_NEWPID); e == nil {
				runtime.UnlockOSThread()
			} else if err == nil {
				err = &specs.Error{Syscall: "setns", Errno: e.(unix.Errno)}
			}
		}()
	}
	pid, e := c.m.fork(args)
	if e != 0 {
		return 0, &specs.Error{Syscall: "clone3", Errno: e}
	}
	return pid, nil
}

// cloneByThread has the thread make the child; it may have been at its first
// task until now, and then that may be what failed.
func (c *Create) cloneByThread(args *cloneArgs, enter int) error {
	if c.m.thread == nil {
		if err := c.m.startThread(0); err != nil {
			return err
		}
	}
	pid, pidfd, at, e := c.m.cloneByThread(args, enter)
	if e != 0 {
		err := &specs.Error{Syscall: at, Errno: e}
		if at == "unshare" {
			return c.wrap(c.Plan.begun, err)
		}
		return err
	}
	c.Pid, c.Pidfd = pid, pidfd
	return nil
}

// cloned is what the parent does as soon as there is a child.
func (c *Create) cloned() error {
	if c.Plan.staged {
		c.helper = c.Pid
	}
	unix.Close(int(c.m.regs[c.Plan.childEnd]))
	c.m.regs[c.Plan.childEnd] = 0
	if c.Req.Meanwhile != nil {
		c.Req.Meanwhile()
	}
	return nil
}

// openChannel makes the socketpair.
func (c *Create) openChannel() error {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return &specs.Error{Syscall: "socketpair", Errno: err.(unix.Errno)}
	}
	c.sock = fds[0]
	c.m.regs[c.Plan.parentEnd], c.m.regs[c.Plan.childEnd] = uint64(fds[0]), uint64(fds[1])
	c.m.regs[c.Plan.belowEnd], c.m.regs[c.Plan.aboveEnd] = uint64(fds[1]-1), uint64(fds[1]+1)
	return nil
}

// childDied makes the error of a child that is gone: the step it was at, and
// either the errno that it left or the signal that killed it.
func (c *Create) childDied() error {
	page := c.m.page
	op := int(page.op)
	if op >= len(c.m.ops) {
		op = len(c.m.ops) - 1
	}
	step := c.stepOf[op]
	if page.failed != 0 {
		err := c.failed(step, &c.m.ops[op], syscall.Errno(page.errno))
		if log := contextLog(page.log[:]); log != "" {
			err.(*specs.Error).Problem = log
		}
		return err
	}
	if c.helper != 0 && page.pid != 0 {
		c.adopt()
	}
	status := Wait(c.Pid)
	e := c.stepError(step)
	switch {
	case status.Signaled():
		e.Problem = "init killed by signal " + itoa(int64(status.Signal())) + " (" + unix.SignalName(status.Signal()) + ")"
		if status.Signal() == unix.SIGKILL {
			e.Hint = c.oomHint()
		}
	case status.Exited():
		e.Problem = "init exited with status " + itoa(int64(status.ExitStatus()))
	default:
		e.Problem = "init is gone"
	}
	c.Pid = 0
	return e
}

// oomHint says whether the memory limit was the cause.
func (c *Create) oomHint() string {
	for _, d := range c.Req.CgroupDirs {
		for _, f := range [...][2]string{{"memory.oom_control", "oom_kill "}, {"memory.events", "oom_kill "}} {
			b, err := readSmall(d.Path+"/"+f[0], 4096)
			if err != nil {
				continue
			}
			for _, line := range strings.Split(string(b), "\n") {
				if v, ok := strings.CutPrefix(line, f[1]); ok && v != "0" {
					limit, _ := readSmall(d.Path+"/memory.limit_in_bytes", 64)
					if len(limit) == 0 {
						limit, _ = readSmall(d.Path+"/memory.max", 64)
					}
					return "out of memory, oom_kill=" + v + ": raise /linux/resources/memory/limit, which is " + strings.TrimSpace(string(limit)) + " bytes"
				}
			}
		}
	}
	return ""
}

// contextLog joins the lines of a filesystem context: "e tmpfs: Bad value".
func contextLog(raw []byte) string {
	text := string(raw)
	if i := strings.IndexByte(text, 0); i >= 0 {
		text = text[:i]
	}
	var out []string
	for _, line := range strings.Split(text, "\n") {
		if len(line) > 2 && line[1] == ' ' {
			line = line[2:]
		}
		if line != "" {
			out = append(out, line)
		}
	}
	return strings.Join(out, "; ")
}

// stepError begins the record of an error in step i.
func (c *Create) stepError(i int) *specs.Error {
	s := &c.Plan.Steps[i]
	return &specs.Error{Verb: c.Req.Verb, ID: c.Req.ID, N: i + 1, Of: len(c.Plan.Steps), Step: s.Name, Field: s.Field, Actor: s.Actor.String()}
}

// failed is the error of an operation.
func (c *Create) failed(i int, o *Op, errno syscall.Errno) error {
	e := c.stepError(i)
	e.Syscall, e.Errno = syscallName(o.NR), errno
	if o.NR == opFail || o.NR == unix.SYS_FACCESSAT {
		e.Syscall = "execve"
		e.Path = c.Spec.Process.Args[0]
	} else {
		e.Path = c.Plan.pathOf(o)
	}
	e.Hint = c.hint(e, o)
	if e.Syscall == "execve" {
		explainExec(e, absolute(c.Req.Bundle, c.Spec.Root.Path), c.Req.Bundle, c.Spec.Mounts, c.Spec.Process)
	}
	return e
}

// wrap places an error of a parent's call into its step.
func (c *Create) wrap(i int, err error) error {
	e := c.stepError(i)
	inner, ok := err.(*specs.Error)
	if !ok {
		if errno, ok := err.(syscall.Errno); ok {
			e.Errno = errno
		} else {
			e.Problem = err.Error()
		}
		return e
	}
	if inner.N > 0 {
		return inner
	}
	e.Syscall, e.Path, e.Errno, e.Problem, e.Hint, e.Kind = inner.Syscall, inner.Path, inner.Errno, inner.Problem, inner.Hint, inner.Kind
	if inner.Field != "" {
		e.Field = inner.Field
	}
	return e
}

// Wait reaps a child of ours.
func Wait(pid int) (status unix.WaitStatus) {
	for {
		var s int32
		_, _, err := syscall.RawSyscall6(unix.SYS_WAIT4, uintptr(pid), uintptr(unsafe.Pointer(&s)), 0, 0, 0, 0) // raw: as recvmsg
		if err != unix.EINTR {
			return unix.WaitStatus(s)
		}
	}
}

func monotonic() int64 {
	var ts unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return ts.Nano()
}
