// Package nofile remembers the RLIMIT_NOFILE with which the program was
// started.
//
// Go's syscall package raises the soft limit when it is initialised and keeps
// the old value to itself. A container inherits the limits of whoever starts
// the runtime, so that value is needed. Go initialises packages in the order
// of their import paths once their imports are initialised: this one imports
// nothing and its path sorts before "syscall", so it reads the limit first.
// A test holds that it does.
package nofile

import "unsafe"

// Limit is a struct rlimit64 of prlimit(2).
type Limit struct{ Cur, Max uint64 }

// Original is the limit before Go changed it; all zero if it could not be read.
var Original = read()

//go:linkname rawSyscall6 syscall.RawSyscall6
func rawSyscall6(trap, a1, a2, a3, a4, a5, a6 uintptr) (r1, r2, errno uintptr)

const rlimitNofile = 7

func read() (l Limit) {
	rawSyscall6(sysPrlimit64, 0, rlimitNofile, 0, uintptr(unsafe.Pointer(&l)), 0, 0)
	return l
}
