package libct

import (
	"encoding/binary"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// machine executes operations. The parent has one for its own steps; the
// child works on the copy of it that fork made.
type machine struct {
	ops    []Op // the child's program
	regs   []uint64
	data   uintptr  // address of the plan's data
	page   *page    // shared by parent and child
	shared []byte   // the mapping that page and stamps are in
	stamps []uint64 // ticks, or ns, after each of the child's operations, in the shared mapping; empty: not asked for
	result Reg      // register of the pipe that tells start about a failed execve, if there is one
	kept   uintptr  // errno remembered by opKeep
	thread *thread  // what makes the child, where that is not a fork
	fault  fault    // where to fail on purpose (builds with the tag faults)
}

// page is the memory that parent and child share. The child only ever writes
// to it and the parent only reads, after a message or the child's death.
type page struct {
	op     uint32 // index of the operation the child is at
	errno  uint32 // why it failed there
	failed uint32 // 1: it failed; 0 and no child: it was killed
	pid    int32  // the container's process, when an intermediate process made it
	slots  [8]uint64
	log    [480]byte // what the filesystem context had to say, NUL-terminated lines
}

// newMachine relocates the data of p, which must not grow afterwards, and
// makes the shared page, which unmap gives back.
func newMachine(p *program, child []Op, trace bool) (*machine, error) {
	size := int(unsafe.Sizeof(page{}))
	if trace {
		size += 8 * (len(child) + 1)
	}
	mem, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, err
	}
	m := &machine{ops: child, regs: make([]uint64, p.regs+1), page: (*page)(unsafe.Pointer(&mem[0])), shared: mem}
	if trace {
		m.stamps = unsafe.Slice((*uint64)(unsafe.Pointer(&mem[unsafe.Sizeof(page{})])), len(child)+1)
	}
	if len(p.data) > 0 {
		m.data = uintptr(unsafe.Pointer(&p.data[0]))
	}
	for _, slot := range p.relocs {
		off := binary.NativeEndian.Uint64(p.data[slot:])
		binary.NativeEndian.PutUint64(p.data[slot:], off+uint64(m.data))
	}
	return m, nil
}

// unmap ends the machine: there is no page any more.
func (m *machine) unmap() {
	if m.shared != nil {
		unix.Munmap(m.shared)
		m.shared, m.page, m.stamps = nil, nil, nil
	}
}

// run executes ops in order and returns the index of the one that failed and
// its errno; len(ops) and 0 when all is done.
//
// It runs in the child between clone3(2) and execve(2), where the Go runtime
// does not exist: no allocation, no growing stack, no lock, no write barrier.
// The parent uses the same loop for its own operations.
//
//go:nosplit
//go:norace
func (m *machine) run(ops []Op, child bool) (int, uintptr) {
	for i := 0; i < len(ops); i++ {
		o := &ops[i]
		if child {
			m.page.op = uint32(i)
		}
		var r, e uintptr
		if faultsEnabled && m.fault.hits(child, i) {
			e = m.fault.strike()
		}
		if e == 0 {
			r, e = m.call(o)
		}
		if child && len(m.stamps) > i {
			m.stamp(i)
		}
		if e == 0 && o.Dst != 0 {
			m.regs[o.Dst] = uint64(r)
		}
		if !child && o.NR == unix.SYS_CLOSE && o.Kind[0] == argReg {
			m.regs[o.A[0]] = 0 // so that release does not close it again
		}
		if e == 0 && o.Flags&opWant != 0 && r != uintptr(o.Want) {
			return i, uintptr(syscall.EPIPE)
		}
		if e == 0 && o.Flags&opFork != 0 && r != 0 {
			// The intermediate process: its child carries on.
			m.page.pid = int32(r)
			exit(0)
		}
		if skip := o.skip(e); skip >= 0 {
			i += skip
			continue
		}
		if e != 0 && o.Flags&opKeep != 0 {
			// Of several candidates the one that exists but may not be
			// run says more than the ones that are not there.
			if m.kept == 0 || e != uintptr(syscall.ENOENT) && e != uintptr(syscall.ENOTDIR) {
				m.kept = e
			}
			continue
		}
		if e != 0 {
			return i, e
		}
	}
	return len(ops), 0
}

// skip looks up the rule for a result: how many operations to jump over, or
// -1 if there is no rule.
//
//go:nosplit
//go:norace
func (o *Op) skip(e uintptr) int {
	for j := range o.Rules {
		switch r := &o.Rules[j]; {
		case r.Errno == 0:
			return -1
		case r.Errno == ruleOK && e == 0,
			r.Errno == ruleAny && e != 0,
			uintptr(r.Errno) == e && e != 0:
			return int(r.Skip)
		}
	}
	return -1
}

// call resolves the arguments of o and makes the system call.
//
//go:nosplit
//go:norace
func (m *machine) call(o *Op) (r, errno uintptr) {
	var a [6]uintptr
	for j := range a {
		switch v := uintptr(o.A[j]); o.Kind[j] {
		case argInt:
			a[j] = v
		case argReg:
			a[j] = uintptr(m.regs[v])
		case argData:
			a[j] = m.data + v
		case argShared:
			a[j] = uintptr(unsafe.Pointer(m.page)) + v
		}
	}
	switch o.NR {
	case opPoke:
		// The data is the child's own copy: this is how a register gets
		// into a structure.
		*(*uint32)(m.dataAt(a[0])) = uint32(a[1])
		return 0, 0
	case opMove:
		return a[0], 0
	case opShow:
		m.page.slots[a[0]%uintptr(len(m.page.slots))] = uint64(a[1])
		return 0, 0
	case opFail:
		return 0, m.kept
	}
	for try := 0; ; try++ {
		r, _, e := syscall.RawSyscall6(uintptr(o.NR), a[0], a[1], a[2], a[3], a[4], a[5])
		if o.Flags&opRetry != 0 && (e == syscall.EAGAIN || e == syscall.EINTR) && try < 1000 {
			continue
		}
		return r, uintptr(e)
	}
}

//go:nosplit
//go:norace
func (m *machine) dataAt(p uintptr) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Pointer(&p))
}

//go:nosplit
//go:norace
func (m *machine) stamp(i int) {
	if haveTicks {
		m.stamps[i] = ticks()
		return
	}
	var ts [2]int64
	syscall.RawSyscall(unix.SYS_CLOCK_GETTIME, unix.CLOCK_MONOTONIC, uintptr(unsafe.Pointer(&ts)), 0)
	m.stamps[i] = uint64(ts[0])*1e9 + uint64(ts[1])
}

//go:nosplit
//go:norace
func exit(code uintptr) {
	for {
		syscall.RawSyscall(unix.SYS_EXIT_GROUP, code, 0, 0)
	}
}
