package monitor

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// memory.go: memory outside Go's heap. The kernel gives a page when it is
// first touched and takes it back when asked; the garbage collector, which
// this process hardly ever runs, does neither.

const page = 4096 // what stays of a buffer at rest; no harm where pages are larger

// mapped is fresh, empty memory.
func mapped(size int, flags int) ([]byte, error) {
	p, err := unix.MmapPtr(-1, 0, nil, uintptr(size), unix.PROT_READ|unix.PROT_WRITE, flags|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, failed("get memory", "mmap", "", err)
	}
	return unsafe.Slice((*byte)(p), size), nil
}

func unmapped(mem []byte) {
	if mem != nil {
		unix.MunmapPtr(unsafe.Pointer(unsafe.SliceData(mem)), uintptr(len(mem)))
	}
}

// readSize is how much one read takes: what a pipe holds.
const readSize = 64 << 10

// scratch is the one buffer that everything is read into, of all containers of
// this process. What is in it is of no use after the handler that read it.
type scratch struct {
	mem     []byte
	touched int // bytes from the front that may have pages behind them
}

func (b *scratch) open() (err error) {
	b.mem, err = mapped(readSize, unix.MAP_PRIVATE)
	return err
}

func (b *scratch) used(n int) { b.touched = max(b.touched, n) }

// trim gives what a flood has touched back to the kernel.
func (b *scratch) trim() {
	if b.touched > page {
		unix.Madvise(b.mem[page:], unix.MADV_DONTNEED)
		b.touched = page
	}
}

// Warm has the kernel give, in one call, the next pages of Go's heap, which are
// about to be used: one after the other they are page faults, of which a start
// has hundreds, and under a hypervisor most of its time. What is asked for and
// then not used stays all the same. MADV_POPULATE_WRITE of madvise(2); where it
// fails, as at the end of a piece of the heap, nothing is lost.
func Warm(size int) {
	next := make([]byte, min(size, 2*page)) // of no constant size: on the heap, which grows upwards
	unix.Syscall(unix.SYS_MADVISE, uintptr(unsafe.Pointer(unsafe.SliceData(next))), uintptr(size), unix.MADV_POPULATE_WRITE)
}
