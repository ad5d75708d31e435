//go:build faults

package libct

import (
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"stave/specs"
)

// The fault switch of test builds: STAVE_FAULT=<step>[:nth]=<what>, where step
// is the name or the number that `stave explain --steps` prints, nth one of
// its system calls from 1, and what is
//
//	kill         SIGKILL to whoever acts
//	errno:NAME   the call fails with this errno
//	pause        whoever acts stops until it gets SIGCONT: look around, then
//	             send that. The parent stops as by SIGSTOP; the child, which a
//	             pid namespace may shield from its own signals, sleeps in
//	             rt_sigtimedwait(2)
const faultsEnabled = true

type fault struct {
	set     bool
	step    int // index of a plan's step; -1: it is a point of another verb
	name    string
	nth     int // from 0
	flat    int // index among the child's operations; -1: the step is the parent's
	armed   bool
	kill    bool
	pause   bool
	errno   uintptr
	what    string
	inChild bool
}

func parseFault() (f fault, err error) {
	text, _ := syscall.Getenv("STAVE_FAULT")
	if text == "" {
		return f, nil
	}
	bad := &specs.Error{Problem: "STAVE_FAULT=" + text + " is not <step>[:nth]=kill|errno:NAME|pause", Kind: specs.ErrInvalid}
	i := strings.LastIndexByte(text, '=')
	if i < 0 {
		return f, bad
	}
	f = fault{set: true, step: -1, flat: -1, name: text[:i], what: text[i+1:]}
	if j := strings.LastIndexByte(f.name, ':'); j >= 0 {
		if nth, err := strconv.Atoi(f.name[j+1:]); err == nil && nth > 0 {
			f.name, f.nth = f.name[:j], nth-1
		}
	}
	switch {
	case f.what == "kill":
		f.kill = true
	case f.what == "pause":
		f.pause = true
	default:
		name, ok := strings.CutPrefix(f.what, "errno:")
		for e := 1; ok && e < 134; e++ {
			if unix.ErrnoName(syscall.Errno(e)) == name {
				f.errno = uintptr(e)
			}
		}
		if f.errno == 0 {
			return f, bad
		}
	}
	return f, nil
}

// newFault finds the step in the plan.
func newFault(p *Plan) (fault, error) {
	f, err := parseFault()
	if err != nil || !f.set {
		return f, err
	}
	number, _ := strconv.Atoi(f.name)
	flat := 0
	for i := range p.Steps {
		s := &p.Steps[i]
		if s.Stub {
			continue
		}
		if s.Name == f.name || number == i+1 {
			f.step = i
			if s.Actor == Child {
				f.flat, f.inChild = flat+s.waits+f.nth, true
			}
			break
		}
		if s.Actor == Child {
			flat += len(s.Ops)
		}
	}
	return f, nil
}

//go:nosplit
//go:norace
func (f *fault) hits(child bool, op int) bool {
	if !f.set {
		return false
	}
	if child {
		return op == f.flat
	}
	return f.armed && op == f.nth
}

// strike does what is asked; the errno is that of the call that is not made.
//
//go:nosplit
//go:norace
func (f *fault) strike() uintptr {
	pid, _, _ := syscall.RawSyscall(unix.SYS_GETPID, 0, 0, 0)
	if f.kill {
		// The first process of a pid namespace cannot kill itself.
		syscall.RawSyscall(unix.SYS_KILL, pid, uintptr(unix.SIGKILL), 0)
		exit(137)
	}
	if f.pause && f.inChild {
		set, old := [1]uint64{1 << (unix.SIGCONT - 1)}, [1]uint64{}
		syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_BLOCK, uintptr(unsafe.Pointer(&set)), uintptr(unsafe.Pointer(&old)), 8, 0, 0)
		for {
			if _, _, e := syscall.RawSyscall6(unix.SYS_RT_SIGTIMEDWAIT, uintptr(unsafe.Pointer(&set)), 0, 0, 8, 0, 0); e != syscall.EINTR {
				break
			}
		}
		syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&old)), 0, 8, 0, 0)
		return 0
	}
	if f.pause {
		syscall.RawSyscall(unix.SYS_KILL, pid, uintptr(unix.SIGSTOP), 0)
		return 0
	}
	return f.errno
}

// arm is called at every step of the parent.
func (c *Create) arm(step int) error {
	f := &c.m.fault
	f.armed = f.set && !f.inChild && f.step == step
	if f.armed && c.Plan.Steps[step].Call != nil {
		if e := f.strike(); e != 0 {
			return c.wrap(step, syscall.Errno(e))
		}
	}
	return nil
}

// point is a place in a verb that has no plan: start, kill and delete.
func point(name string) error {
	f, err := parseFault()
	if err != nil || !f.set || f.name != name {
		return err
	}
	if e := f.strike(); e != 0 {
		return &specs.Error{Step: name, Errno: syscall.Errno(e)}
	}
	return nil
}
