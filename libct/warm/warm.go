// Package warm maps memory before it is used.
//
// Go initialises packages in the order of their import paths once their
// imports are initialised: this one imports next to nothing and its path sorts
// before "sync" and "syscall", so it comes before nearly all.
package warm

import (
	"unsafe"

	_ "stave/libct/stack" // before: the heap goes on behind it
)

//go:linkname rawSyscall6 syscall.RawSyscall6
func rawSyscall6(trap, a1, a2, a3, a4, a5, a6 uintptr) (r1, r2, errno uintptr)

// Heap has the kernel map, in one call, memory that is about to be used. The
// runtime of Go takes its heap from fresh pages, each of which is a page fault
// of its own when it is first touched, and a command that ends after a few
// milliseconds spends much of them on that: a fault costs several times what
// the page does, and under a hypervisor twenty times. See MADV_POPULATE_WRITE
// in madvise(2); where it fails nothing is lost.
func Heap(size uintptr) {
	// The heap grows upwards, in chunks of 4 MiB that Go's runtime maps as a
	// whole; it hands out spans from a cache of 512 KiB.
	const page, chunk, cache = 4 << 10, 4 << 20, 512 << 10
	onHeap = make([]byte, 2*page)
	begin := uintptr(unsafe.Pointer(&onHeap[0]))
	left := -begin & (chunk - 1)
	if left >= size {
		populate(begin, size)
		return
	}
	// Too little is left of this chunk. Something that nobody touches takes
	// it, and the heap goes on in the next.
	onHeap = make([]byte, left)
	populate(begin, min(left, cache))
	populate(begin+left, size)
}

const madvPopulateWrite = 23

func populate(at, size uintptr) { rawSyscall6(sysMadvise, at, size, madvPopulateWrite, 0, 0, 0) }

// onHeap keeps the compiler from putting them on the stack.
var onHeap []byte

// What every command takes, before any of it runs: the initialisation of
// packages, and the stacks and caches that come with it.
var _ = first()

func first() struct{} {
	Heap(96 << 10)
	return struct{}{}
}
