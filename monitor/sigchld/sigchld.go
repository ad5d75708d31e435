// Package sigchld turns SIGCHLD into an event for epoll.
//
// # What
//
// Others read signals from a signalfd(2). For SIGCHLD that cannot work in a Go
// program: the runtime takes this signal out of the mask of each of its
// threads (blockableSig in runtime/signal_unix.go), and a thread that has no
// use for it swallows it before the signalfd is read. But whichever thread the
// kernel chooses runs the process's handler. So the handler here is ours: one
// write(2) to an eventfd(2), in assembly, because it interrupts Go code anywhere
// and may use nothing of Go's runtime.
//
// # Errors
//
// Those of eventfd2 and rt_sigaction, as errno.
//
// # Not here
//
// Which child has ended: ask waitid(2). os/signal, which would answer too,
// needs a goroutine and a thread that waits in it.
package sigchld

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// eventFD and one are the handler's; a process has one disposition of SIGCHLD.
var (
	eventFD int32
	one     uint64 = 1
)

// handler is not for calling: handlerPC gives its address.
func handler()

func handlerPC() uintptr

// Open installs the handler and gives the eventfd, which becomes readable with
// each SIGCHLD. To be called once in a process.
func Open() (fd int, err error) {
	fd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return -1, err
	}
	eventFD = int32(fd)
	// struct sigaction of the kernel: the handler comes first on every
	// architecture. The rest stays what the runtime chose: its signal stack,
	// SA_RESTART, and the restorer where there is one.
	var action [4]uint64
	if _, _, e := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGCHLD), 0, uintptr(unsafe.Pointer(&action)), 8, 0, 0); e != 0 {
		unix.Close(fd)
		return -1, e
	}
	action[0] = uint64(handlerPC())
	if _, _, e := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGCHLD), uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0); e != 0 {
		unix.Close(fd)
		return -1, e
	}
	return fd, nil
}
