package monitor

import (
	"syscall"

	specs "stave/specs/leaf"
)

// failed is the record of a system call that did not do what it should.
func failed(step, call, path string, err error) *specs.Error {
	e := &specs.Error{Step: step, Syscall: call, Path: path}
	if errno, ok := err.(syscall.Errno); ok {
		e.Errno = errno
	} else {
		e.Problem = err.Error()
	}
	return e
}
