// Package quick does what a runtime is asked for most often without the runtime
// of Go: it looks at a container, signals it, starts it and removes it.
//
// # Why
//
// These commands are some twenty system calls each. Before the first of them
// Go maps its heap, starts its threads and touches more than a hundred pages,
// which takes longer than all the rest. So where a command is of the plain kind,
// the first instructions of the program call this package instead.
//
// # How
//
// The code is ordinary Go that asks nothing of Go's runtime: it allocates
// nothing, defers nothing and makes no goroutine, map, closure or interface. The
// compiled code expects a goroutine in a register, and finds a zeroed one, whose
// stack never ends; see quick_amd64.s. A test looks at the machine code: there is
// no call into the runtime but those that copy and compare bytes.
//
// # When not
//
// Whatever is unusual is declined: a flag, a hook, a record in another shape, a
// container in another state, an error. Then the runtime of Go starts and the
// command goes its ordinary way, which is the only one that reports errors. For
// that nothing has been done yet, or only what may be done twice; only a start
// whose program cannot be executed is handed over as it is (Failed).
package quick

import (
	"syscall"
	"unsafe"

	_ "stave/libct/warm" // where it goes on, if not here
)

// The files of a state directory that are known here; package libct has the others.
const (
	RecordFile = "state.json"
	GateFile   = "gate"
	ResultFile = "result"
	MountsFile = "mounts"

	ResultSize  = 16 // of what the child writes when execve(2) has failed
	GateTimeout = 1  // s, to wait at most until nobody holds the gate
)

// status of the process, or that there is none yet.
const declined = -1

// begin is called by the first instructions, with what execve(2) leaves on the
// stack: argc, that many arguments, a null, the environment, a null.
func begin(stack unsafe.Pointer) int32 {
	if !enabled {
		return declined
	}
	var c call
	if !c.parse(vector{(**byte)(unsafe.Add(stack, unsafe.Sizeof(uintptr(0))))}) {
		return declined
	}
	return c.run()
}

// run does what has been asked for.
func (c *call) run() int32 {
	k := container{dir: -1, pidfd: -1}
	if !c.openLog() || !k.open(c) {
		return declined
	}
	done := false
	switch c.verb {
	case verbState:
		done = k.state()
	case verbKill:
		done = k.kill(c)
	case verbStart:
		done = k.start()
	case verbDelete:
		done = k.delete()
	}
	if !done {
		k.close()
		return declined
	}
	return 0
}

// openLog makes the file of --log, as a command without an error does.
func (c *call) openLog() bool {
	if len(c.log) == 0 {
		return true
	}
	fd := open(atCWD, copied(c.log), syscall.O_CREAT|syscall.O_WRONLY|syscall.O_APPEND, 0o644)
	if fd < 3 {
		shut(fd)
		return false
	}
	shut(fd)
	return true
}

// A failure is a container whose program could not be executed, after start has
// opened the gate: to say why takes the ordinary way.
type failure struct {
	there  bool
	lock   int
	result [ResultSize]byte
	errno  syscall.Errno // of reading the result
}

var failed failure

// Failed gives what came of the start that was done already: the state
// directory, locked, and what the child has written, or why that is not known.
func Failed() (lock int, result []byte, errno syscall.Errno, ok bool) {
	return failed.lock, failed.result[:], failed.errno, failed.there
}
