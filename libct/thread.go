package libct

import (
	"sync/atomic"
	"syscall"
	"unsafe"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/specs"
)

// The thread that makes the child. It is a raw clone3(2) too: the scheduler of
// Go knows nothing of it, so it costs no more than a thread costs.
//
// It serves twice. First it makes the new namespaces, of which the network's is
// by far the dearest, while the parent prepares the cgroups; they are its own
// until the child inherits them. Then it makes the child with CLONE_VM and
// CLONE_VFORK and sleeps until that has become the stub. The child runs in the
// memory of the parent, below the sleeping thread's stack: no page table is
// copied, and neither of the two has to copy the pages that it touches, which
// together took longer than all of the child's system calls. And the kernel's
// OOM killer leaves a process in vfork(2) alone (oom_badness in mm/oom_kill.c),
// so a memory limit that is too small comes back as ENOMEM from the very call.
//
// What makes this safe is that nobody can look at the child, whose memory is
// the runtime's: it is the first process of its pid namespace, or, with exec,
// undumpable among processes without CAP_SYS_PTRACE over us, and the stub gets
// memory of its own. Where that does not hold (builder.useStub,
// Host.SuidDumpable), or where there is no assembler for it, the child is a
// fork (child.go).

// thread is the part of the machine that parent, thread and child share.
type thread struct {
	stack   []byte
	child   machine // the parent's, with registers of its own
	mask    uint64  // the signals that were blocked before we blocked all: the child's
	unshare uint64  // clone flags of the namespaces to make at once; 0: none
	enter   int     // pid namespace, or pidfd, to make the child in; -1: none
	args    cloneArgs
	pid     int32 // of the child, while it is still being made
	pidfd   int32
	order   uint32 // futex: what the thread is to do
	outcome uint32 // futex: what came of it
	tid     uint32 // futex: the thread; 0: it has ended
	at      uint32 // the call that failed
	errno   syscall.Errno
}

// Orders and outcomes.
const (
	orderClone = 1
	orderEnd   = 2

	outcomeChild  = 1
	outcomeFailed = 2
)

const (
	cloneClearSighand = 0x100000000 // linux/sched.h, since 5.5
	threadStack       = 16 << 10

	// byThread are the flags of the child's clone beside those of namespaces.
	byThread = unix.CLONE_VM | unix.CLONE_VFORK | unix.CLONE_PARENT_SETTID | cloneClearSighand
)

// threaded decides whether the child is made by the thread.
func (b *builder) threaded() bool {
	if !haveThread || !b.useStub() {
		return false
	}
	if b.spec.Linux == nil {
		return true
	}
	for i := range b.spec.Linux.Namespaces {
		switch n := &b.spec.Linux.Namespaces[i]; {
		case n.Type == rspec.TimeNamespace: // setns(2): not from a process that shares memory
			return false
		case n.Type == rspec.UserNamespace && n.Path != "" && b.req.Verb != "exec":
			return false // an intermediate process
		}
	}
	return true
}

// early is the set of namespaces that the thread makes while the parent is at
// other things: all but those that are owned by a new user namespace, and those
// that are made late.
func (b *builder) early() uint64 {
	const can = unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWNS
	if !b.threads || b.isNew(rspec.UserNamespace) {
		return 0
	}
	flags := uint64(0)
	for _, k := range nsFlags {
		if b.isNew(k.name) {
			flags |= k.flag & can
		}
	}
	if flags&unix.CLONE_NEWNET == 0 {
		return 0 // the others are cheap
	}
	return flags
}

// beginThread is the first step of all: the thread has the longest way.
func (b *builder) beginThread() {
	b.threads = b.threaded()
	flags := b.early()
	if flags == 0 {
		return
	}
	b.begun = len(b.Steps)
	b.call("begin namespaces", "/linux/namespaces", "made by a thread of the parent meanwhile, because they take longest, and inherited by the child that it makes later; unshare(2)",
		[]string{"in a thread: unshare(" + cloneFlagNames(flags) + ")"}, func(c *Create) error {
			return c.m.startThread(flags)
		})
}

// startThread makes the thread.
func (m *machine) startThread(unshare uint64) error {
	t := &thread{}
	m.thread = t
	t.stack = make([]byte, threadStack)
	t.unshare, t.enter, t.pidfd = unshare, -1, -1
	top := uintptr(unsafe.Pointer(&t.stack[0]))
	args := cloneArgs{
		flags: unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_THREAD | unix.CLONE_SYSVSEM |
			unix.CLONE_PARENT_SETTID | unix.CLONE_CHILD_CLEARTID,
		parentTID: uint64(uintptr(unsafe.Pointer(&t.tid))),
		childTID:  uint64(uintptr(unsafe.Pointer(&t.tid))),
		stack:     uint64(top), stackSize: threadStack,
	}
	syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_BLOCK, 0, uintptr(unsafe.Pointer(&t.mask)), 8, 0, 0)
	if e := m.spawn(&args); e != 0 {
		return &specs.Error{Syscall: "clone3", Errno: e}
	}
	return nil
}

// spawn blocks all signals around the clone, so that the thread has all of them
// blocked for good: no handler of Go's can run on a thread that Go does not know.
//
//go:noinline
//go:nosplit
//go:norace
func (m *machine) spawn(args *cloneArgs) syscall.Errno {
	runtimeBeforeFork()
	r := cloneThread(args, m)
	runtimeAfterFork()
	if r > ^uintptr(4095) {
		return syscall.Errno(-r)
	}
	return 0
}

// cloneByThread orders the child and waits until it runs.
func (m *machine) cloneByThread(args *cloneArgs, enter int) (pid, pidfd int, at string, errno syscall.Errno) {
	t := m.thread
	t.args = *args
	t.args.flags |= byThread
	t.args.pidfd = uint64(uintptr(unsafe.Pointer(&t.pidfd)))
	t.args.parentTID = uint64(uintptr(unsafe.Pointer(&t.pid)))
	t.enter = enter
	t.child = *m
	t.child.regs = append([]uint64(nil), m.regs...)
	t.post(&t.order, orderClone)
	t.await(&t.outcome, 0)
	if t.outcome == outcomeFailed {
		m.endThread()
		return 0, -1, syscallName(uint16(t.at)), t.errno
	}
	return int(t.pid), int(t.pidfd), "", 0
}

// endThread waits for the end of the thread, whose stack is ours to keep: it
// ends when its child is the stub, or gone, or when it has none.
func (m *machine) endThread() {
	t := m.thread
	if t == nil || t.stack == nil {
		return
	}
	if t.order == 0 {
		t.post(&t.order, orderEnd)
	}
	for tid := atomic.LoadUint32(&t.tid); tid != 0; tid = atomic.LoadUint32(&t.tid) {
		t.await(&t.tid, tid)
	}
	t.stack = nil
}

// post and await are the two halves of a futex(2). Not FUTEX_PRIVATE_FLAG: the
// kernel does not use it when it clears tid.
//
//go:nosplit
//go:norace
func (t *thread) post(word *uint32, v uint32) {
	atomic.StoreUint32(word, v)
	syscall.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWake, 1, 0, 0, 0)
}

//go:nosplit
//go:norace
func (t *thread) await(word *uint32, old uint32) {
	for atomic.LoadUint32(word) == old {
		_, _, e := syscall.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWait, uintptr(old), 0, 0, 0)
		if e != 0 && e != syscall.EAGAIN && e != syscall.EINTR {
			return
		}
	}
}

const (
	futexWait = 0
	futexWake = 1
)

// threadMain is the life of the thread; under it there is no Go runtime, as in
// the child.
//
//go:nosplit
//go:norace
func threadMain(m *machine) {
	t := m.thread
	if t.unshare != 0 {
		if _, _, e := syscall.RawSyscall(unix.SYS_UNSHARE, uintptr(t.unshare), 0, 0); e != 0 {
			t.failed(unix.SYS_UNSHARE, e)
			return
		}
	}
	t.await(&t.order, 0)
	if t.order != orderClone {
		return
	}
	if t.enter >= 0 {
		// pid_for_children is a thread's own.
		if _, _, e := syscall.RawSyscall(unix.SYS_SETNS, uintptr(t.enter), unix.CLONE_NEWPID, 0); e != 0 {
			t.failed(unix.SYS_SETNS, e)
			return
		}
	}
	if r := vfork(&t.args, &t.child); r > ^uintptr(4095) {
		t.failed(unix.SYS_CLONE3, syscall.Errno(-r))
	} else if atomic.LoadUint32(&t.outcome) == 0 {
		// Killed before its first instruction. There was a child all the
		// same, and the parent finds out how it ended.
		t.post(&t.outcome, outcomeChild)
	}
}

//go:nosplit
//go:norace
func (t *thread) failed(at uint32, e syscall.Errno) {
	t.at, t.errno = at, e
	t.post(&t.outcome, outcomeFailed)
}

// childMain is where the child begins. The kernel has reset its handlers
// (CLONE_CLEAR_SIGHAND); its mask is still the thread's.
//
//go:nosplit
//go:norace
func childMain(m *machine) {
	t := m.thread
	t.post(&t.outcome, outcomeChild)
	syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&t.mask)), 0, 8, 0, 0)
	m.child()
}
