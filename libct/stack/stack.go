// Package stack makes the stack of the main goroutine as large as it is going
// to be, before there is much on it.
//
// Left to itself it is doubled whenever it is too small. Each of its sizes then
// has 32 KiB of the heap set aside, and cut up into a list that touches every
// page of them, for good: that is as much as the monitor keeps of a container. A
// stack of 32 KiB is too large for such lists. It costs the pages that are used,
// and is never copied, which takes the maps of all functions that are on it.
//
// Go initialises packages in the order of their import paths once their imports
// are initialised: this one imports nothing and its path sorts before "sync" and
// "syscall", so it comes before nearly all.
package stack

var _ = deep(false)

// deep has a large frame, of which nothing is touched.
//
//go:noinline
func deep(use bool) byte {
	if !use {
		return 0
	}
	var room [20 << 10]byte
	return sum(&room)
}

//go:noinline
func sum(room *[20 << 10]byte) (n byte) {
	for _, b := range room {
		n += b
	}
	return n
}
