package monitor

import (
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"stave/libct/nofile"
)

// fork.go: from a prepared command to a process. syscall.ForkExec would do but
// for what has to happen between fork and exec: oom_score_adj comes back,
// LISTEN_PID needs the pid of the process it is for, and descriptors above
// stdio may have to go.
//
// The child runs no Go but the few lines of exec below: no allocation, no
// growing stack, no lock. See libct/child.go, which does the same on a larger scale.

// command is a process to be, with all its memory prepared: outside the Go
// heap, as it is of no use once the process runs.
type command struct {
	mem  []byte // of what follows; shared with the child
	argv **byte // vectors of execve(2)
	envp **byte
	env  Environ // what envp points into

	stdio     [3]int
	oomScore  []byte // for /proc/self/oom_score_adj; empty: leave it
	dieWith   int    // parent whose end kills it; 0: it lives on
	onlyStdio bool   // descriptors from 3 up are closed
	listenPID []byte // where in the environment its pid belongs; empty: nowhere
	oomPath   *byte
	noFile    nofile.Limit
	unblock   uint64 // signals, as a set of the kernel's
	report    *report
}

// report is what became of the child's execve(2).
type report struct{ errno uint32 }

// pidRoom is enough for LISTEN_PID=, a pid and its NUL.
const pidRoom = 32

// newCommand copies argv into the form of execve(2).
func newCommand(argv []string, env Environ) (*command, error) { return prepare(argv, env, false) }

// prepare is newCommand, if listens says so for a process that LISTEN_PID
// names; sd_listen_fds(3).
func prepare(argv []string, env Environ, listens bool) (*command, error) {
	const word = unsafe.Sizeof(uintptr(0))
	entries, text := 0, len("/proc/self/oom_score_adj")+1
	for range env.All {
		entries++
	}
	for _, s := range argv {
		if strings.IndexByte(s, 0) >= 0 {
			return nil, failed("prepare "+argv[0], "execve", argv[0], unix.EINVAL)
		}
		text += len(s) + 1
	}
	vectors := int(word) * (1 + len(argv) + 1 + entries + 2)
	c := &command{env: env, stdio: [3]int{0, 1, 2}, noFile: nofile.Original, unblock: 1 << (unix.SIGPIPE - 1)}
	var err error
	if c.mem, err = mapped(vectors+text+pidRoom, unix.MAP_SHARED); err != nil {
		return nil, err
	}
	c.report = (*report)(unsafe.Pointer(&c.mem[0]))
	slots := unsafe.Slice((**byte)(unsafe.Pointer(&c.mem[word])), vectors/int(word)-1)
	rest := c.mem[vectors:]
	put := func(s string) *byte {
		p := &rest[0]
		rest = rest[copy(rest, s)+1:] // its NUL is there already
		return p
	}
	c.oomPath = put("/proc/self/oom_score_adj")
	c.argv = &slots[0]
	for i, s := range argv {
		slots[i] = put(s)
	}
	slots = slots[len(argv)+1:]
	c.envp = &slots[0]
	for entry := range env.All {
		if listens && strings.HasPrefix(entry, listenName) {
			continue
		}
		slots[0] = unsafe.StringData(entry) // its NUL is behind it
		slots = slots[1:]
	}
	if listens {
		slots[0] = put(listenName)
		c.listenPID = unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(slots[0]), len(listenName))), pidRoom-len(listenName)-1)
	}
	return c, nil
}

const listenName = "LISTEN_PID="

// execErrno is why the child could not execute the command; 0: it could, or
// has not come to it yet.
func (c *command) execErrno() syscall.Errno { return syscall.Errno(c.report.errno) }

// free gives the memory back.
func (c *command) free() {
	unmapped(c.mem)
	*c = command{}
}

// cloneArgs is struct clone_args of clone3(2), version 0.
type cloneArgs struct {
	flags, pidfd, childTID, parentTID uint64
	exitSignal, stack, stackSize, tls uint64
}

// These three are the runtime's own preparation for a fork. Its source keeps
// their names and types for exactly this use.
//
//go:linkname runtimeBeforeFork syscall.runtime_BeforeFork
func runtimeBeforeFork()

//go:linkname runtimeAfterFork syscall.runtime_AfterFork
func runtimeAfterFork()

//go:linkname runtimeAfterForkInChild syscall.runtime_AfterForkInChild
func runtimeAfterForkInChild()

// start makes the process. The caller closes pidfd, and frees the command once
// the process has ended.
func (c *command) start() (pid, pidfd int, err error) {
	fd := int32(-1)
	args := cloneArgs{flags: unix.CLONE_PIDFD, pidfd: uint64(uintptr(unsafe.Pointer(&fd))), exitSignal: uint64(unix.SIGCHLD)}
	pid, errno := c.fork(&args)
	if errno != 0 {
		return 0, -1, failed("start a process", "clone3", "", errno)
	}
	return pid, int(fd), nil
}

//go:noinline
//go:nosplit
//go:norace
func (c *command) fork(args *cloneArgs) (pid int, errno syscall.Errno) {
	runtimeBeforeFork()
	r, _, e := syscall.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(args)), unsafe.Sizeof(*args), 0)
	if e != 0 || r != 0 {
		runtimeAfterFork()
		return int(r), e
	}
	runtimeAfterForkInChild()
	c.report.errno = uint32(c.exec())
	for {
		syscall.RawSyscall(unix.SYS_EXIT_GROUP, 127, 0, 0)
	}
}

// exec is the child's whole life before execve(2); it returns only an error.
//
//go:nosplit
//go:norace
func (c *command) exec() syscall.Errno {
	if c.dieWith != 0 {
		if _, _, e := syscall.RawSyscall6(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0, 0); e != 0 {
			return e
		}
		// It may have died before the line above; prctl(2).
		if ppid, _, _ := syscall.RawSyscall(unix.SYS_GETPPID, 0, 0, 0); int(ppid) != c.dieWith {
			return syscall.ESRCH
		}
	}
	for i := range c.stdio {
		if c.stdio[i] != i { // all that are not are above 2, so none is overwritten too early
			if _, _, e := syscall.RawSyscall(unix.SYS_DUP3, uintptr(c.stdio[i]), uintptr(i), 0); e != 0 {
				return e
			}
		}
	}
	if c.onlyStdio {
		syscall.RawSyscall(unix.SYS_CLOSE_RANGE, 3, uintptr(^uint32(0)), 0)
	}
	if len(c.oomScore) > 0 {
		// Best effort, as setting it was.
		cwd := unix.AT_FDCWD
		if fd, _, e := syscall.RawSyscall6(unix.SYS_OPENAT, uintptr(cwd), uintptr(unsafe.Pointer(c.oomPath)), unix.O_WRONLY|unix.O_CLOEXEC, 0, 0, 0); e == 0 {
			syscall.RawSyscall(unix.SYS_WRITE, fd, uintptr(unsafe.Pointer(&c.oomScore[0])), uintptr(len(c.oomScore)))
			syscall.RawSyscall(unix.SYS_CLOSE, fd, 0, 0)
		}
	}
	if len(c.listenPID) > 0 {
		pid, _, _ := syscall.RawSyscall(unix.SYS_GETPID, 0, 0, 0)
		putDecimal(c.listenPID, uint32(pid))
	}
	if c.noFile.Max != 0 { // Go's syscall package has raised the soft limit for itself
		syscall.RawSyscall6(unix.SYS_PRLIMIT64, 0, unix.RLIMIT_NOFILE, uintptr(unsafe.Pointer(&c.noFile)), 0, 0, 0)
	}
	// The monitor is started with it blocked. The other signals are as they
	// should be: the runtime has put this thread's mask back, and execve(2)
	// puts back the dispositions.
	syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_UNBLOCK, uintptr(unsafe.Pointer(&c.unblock)), 0, 8, 0, 0)
	_, _, e := syscall.RawSyscall(unix.SYS_EXECVE, uintptr(unsafe.Pointer(*c.argv)), uintptr(unsafe.Pointer(c.argv)), uintptr(unsafe.Pointer(c.envp)))
	return e
}

// putDecimal writes n and a NUL into b, which has room.
//
//go:nosplit
//go:norace
func putDecimal(b []byte, n uint32) {
	digits := 1
	for m := n; m >= 10; m /= 10 {
		digits++
	}
	if digits >= len(b) {
		return
	}
	b[digits] = 0
	for i := digits - 1; i >= 0; i-- {
		b[i] = '0' + byte(n%10)
		n /= 10
	}
}
