// Package warm makes the start of Go's runtime cheaper for commands that end
// after a few milliseconds: what it will ask the kernel for bit by bit comes at
// once, and what it does for programs that stay is put off.
//
// # Memory
//
// A page that is touched for the first time is a page fault. [Heap] has the kernel
// map many in one call. Where a hypervisor keeps page tables of its own behind
// those of the kernel, the first touch of each costs a second fault, which no call
// saves: some 7 µs beside 13 without the call. There, which is found by timing one,
// the heap begins in one huge page (begin_amd64.s): 0.2 ms for all of it, and a
// run takes a sixth less. Elsewhere a huge page is only memory to be cleared, and
// is not asked for.
//
// # Wake-ups
//
// A thread of the runtime looks after the scheduler in sleeps of 20 µs. The slack
// that the kernel may add to them (prctl(2), PR_SET_TIMERSLACK) is made long before
// that thread is made, and put back for all else: fifty runs at once take a fifth
// less.
//
// # Order
//
// Go initialises packages in the order of their import paths once their
// imports are initialised: this one imports next to nothing and its path sorts
// before "sync" and "syscall", so it comes before nearly all.
package warm

import (
	"runtime"
	"unsafe"

	_ "stave/libct/entry" // where begin_amd64.s goes on
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
	if dear != 0 { // there is a huge page, and a second is one too many
		populate(begin, min(size, -begin&(hugePage-1)))
		return
	}
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

const hugePage = 2 << 20

// dear: a page is, and the heap lies in huge ones if the kernel gives them.
var dear byte

func populate(at, size uintptr) { rawSyscall6(sysMadvise, at, size, madvPopulateWrite, 0, 0, 0) }

// slack is the timer slack that we were called with; 0: it has not been changed.
// What we start must have it too, so the first thread, where it is put back, is
// the one that starts everything.
var slack uintptr

const prSetTimerSlack = 29

// onHeap keeps the compiler from putting them on the stack.
var onHeap []byte

// What every command takes, before any of it runs: the initialisation of
// packages, and the stacks and caches that come with it.
var _ = first()

func first() struct{} {
	if slack != 0 {
		runtime.LockOSThread()
		rawSyscall6(sysPrctl, prSetTimerSlack, slack, 0, 0, 0, 0)
	}
	Heap(96 << 10)
	return struct{}{}
}
