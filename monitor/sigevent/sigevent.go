// Package sigevent turns signals into an event for epoll.
//
// # What
//
// Others block signals and read them from a signalfd(2). In a Go program that
// cannot work: whatever mask it was started with, the runtime takes SIGCHLD and
// the signals that end a process out of the mask of each of its threads
// (blockableSig in runtime/signal_unix.go), and a thread that has no use for a
// signal swallows it before the signalfd is read. But whichever thread the
// kernel chooses, it runs the process's handler. So the handler here is ours:
// a flag is set and one write(2) made to an eventfd(2), in assembly, because it
// interrupts Go code anywhere and may use nothing of Go's runtime.
//
// # Errors
//
// Those of eventfd2 and rt_sigaction, as errno.
//
// # Not here
//
// Which child has ended: ask waitid(2). os/signal, which would answer too,
// needs a goroutine and a thread that waits in it.
package sigevent

import (
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// These are the handler's; a process has one disposition of each signal.
var (
	eventFD int32
	one     uint64     = 1
	seen    [65]uint32 // one for each signal
)

// handler is not for calling: handlerPC gives its address.
func handler()

func handlerPC() uintptr

// ignored is SIG_IGN. Where the caller has had a signal ignored (nohup(1)), Go
// leaves it so, and so do we.
const ignored = 1

// Open installs the handler for all of list and gives the eventfd, which
// becomes readable with each of them. To be called once in a process.
func Open(list ...unix.Signal) (fd int, err error) {
	fd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return -1, err
	}
	eventFD = int32(fd)
	for _, sig := range list {
		// struct sigaction of the kernel: the handler comes first on every
		// architecture. The rest stays what the runtime chose: its signal
		// stack, SA_RESTART, and the restorer where there is one.
		var action [4]uint64
		_, _, e := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), 0, uintptr(unsafe.Pointer(&action)), 8, 0, 0)
		if e == 0 && action[0] != ignored {
			action[0] = uint64(handlerPC())
			_, _, e = unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0)
		}
		if e != 0 {
			unix.Close(fd)
			return -1, e
		}
	}
	return fd, nil
}

// Take empties the eventfd. To be called before Has: what comes after is told again.
func Take(fd int) {
	var count [8]byte
	unix.Read(fd, count[:])
}

// Has says whether the signal has come since it was last asked for.
func Has(sig unix.Signal) bool { return atomic.SwapUint32(&seen[sig], 0) != 0 }
