package libct

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"stave/libct/quick"
)

// cloneArgs is struct clone_args of clone3(2), version 2 (with cgroup).
type cloneArgs struct {
	flags, pidfd, childTID, parentTID uint64
	exitSignal, stack, stackSize, tls uint64
	setTID, setTIDSize, cgroup        uint64
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

// fork makes the child, which executes m.ops and never returns from here. It
// shares no memory with us but m.page: what it inherits is a copy, taken at
// this moment, of the whole plan.
//
// Signals are blocked around the clone and reset to their defaults in the
// child (runtimeAfterForkInChild), so no Go signal handler can run there.
//
//go:noinline
//go:nosplit
//go:norace
func (m *machine) fork(args *cloneArgs) (pid int, errno syscall.Errno) {
	runtimeBeforeFork()
	r, _, e := syscall.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(args)), unsafe.Sizeof(*args), 0)
	if e != 0 || r != 0 {
		runtimeAfterFork()
		return int(r), e
	}
	runtimeAfterForkInChild()
	m.child()
	return 0, 0 // not reached
}

// child is the life of the container's first process before execve(2).
//
//go:nosplit
//go:norace
func (m *machine) child() {
	i, e := m.run(m.ops, true)
	// Still here: an operation failed. Say so in the shared page and, if the
	// creator has gone by now, in the pipe that start listens to.
	m.page.errno = uint32(e)
	if i < len(m.ops) && m.ops[i].Flags&opLog != 0 {
		m.readLog(uintptr(m.regs[m.ops[i].A[0]]))
	}
	m.page.failed = 1
	if m.result != 0 && m.regs[m.result] != 0 {
		syscall.RawSyscall(unix.SYS_WRITE, uintptr(m.regs[m.result]), uintptr(unsafe.Pointer(m.page)), resultSize)
	}
	exit(1)
}

// resultSize is what start reads: op, errno, failed and pid of the page.
const resultSize = quick.ResultSize

// readLog collects the messages that the kernel keeps in a filesystem context
// (fsopen(2)), which say what an errno cannot, such as the option refused.
//
//go:nosplit
//go:norace
func (m *machine) readLog(fd uintptr) {
	used := uintptr(0)
	for used < uintptr(len(m.page.log))-1 {
		r, _, e := syscall.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&m.page.log[used])), uintptr(len(m.page.log))-1-used)
		if e != 0 || r == 0 {
			return
		}
		used += r
	}
}
