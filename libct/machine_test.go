package libct

import (
	"os"
	"runtime"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rig is a plan of a few operations with a machine for it. Registers are set
// by getpid(2), which says that an operation was executed, and nothing else.
type rig struct {
	*builder
	t *testing.T
}

func newRig(t *testing.T) *rig {
	b := &builder{Plan: &Plan{program: program{strs: map[string]uint64{}}}, host: &Host{}, req: &Request{}, how: map[[2]uint64]arg{}}
	b.step(Parent, "test", "", "")
	return &rig{b, t}
}

// mark adds an operation that leaves our pid in a new register.
func (r *rig) mark() Reg {
	dst := r.newReg()
	r.op(unix.SYS_GETPID).to(dst)
	return dst
}

// fails adds a call that fails with EBADF, or with the errno of a path.
func (r *rig) fails() *opRef { return r.op(unix.SYS_CLOSE, n(-1)) }

func (r *rig) absent() *opRef {
	return r.op(unix.SYS_FACCESSAT, n(unix.AT_FDCWD), r.str("/nothing-is-here"), n(0))
}
func (r *rig) below() *opRef {
	return r.op(unix.SYS_FACCESSAT, n(unix.AT_FDCWD), r.str("/dev/null/x"), n(0))
}

func (r *rig) machine() *machine {
	r.t.Helper()
	m, err := newMachine(&r.program, r.Steps[0].Ops, false)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { unix.Munmap(unsafe.Slice((*byte)(unsafe.Pointer(m.page)), unsafe.Sizeof(page{}))) })
	return m
}

// run executes the step as the parent does and wants this end: the index of
// the operation that failed (-1: none) and its errno.
func (r *rig) run(at int, errno syscall.Errno) *machine {
	r.t.Helper()
	m := r.machine()
	if at < 0 {
		at = len(m.ops)
	}
	if i, e := m.run(m.ops, false); i != at || syscall.Errno(e) != errno {
		r.t.Errorf("ended at %d with %v, not at %d with %v", i, syscall.Errno(e), at, errno)
	}
	runtime.KeepAlive(r.builder) // it holds the data that the machine has the address of
	return m
}

func (r *rig) ran(m *machine, reg Reg, want bool) {
	r.t.Helper()
	if got := m.regs[reg] == uint64(os.Getpid()); got != want {
		r.t.Errorf("register %d: executed %v, not %v", reg, got, want)
	}
}

func TestMachineStopsAtAnError(t *testing.T) {
	r := newRig(t)
	a := r.mark()
	r.fails()
	b := r.mark()
	m := r.run(1, unix.EBADF)
	r.ran(m, a, true)
	r.ran(m, b, false)
}

func TestMachineJumps(t *testing.T) {
	r := newRig(t)
	done, other, last := r.label(), r.label(), r.label()
	r.op(unix.SYS_GETPID).on(ruleOK, done) // success: over the next
	a := r.mark()
	r.place(done)
	r.fails().on(uint16(unix.ENOENT), last).on(uint16(unix.EBADF), other) // the second rule
	b := r.mark()
	r.place(other)
	c := r.mark()
	r.fails().on(ruleOK, last).on(ruleAny, -1) // any error: go on
	d := r.mark()
	r.op(opMove, n(0)).on(ruleOK, last) // how a plan jumps always
	e := r.mark()
	r.fails()
	r.place(last)
	f := r.mark()
	m := r.run(-1, 0)
	for reg, want := range map[Reg]bool{a: false, b: false, c: true, d: true, e: false, f: true} {
		r.ran(m, reg, want)
	}
}

// An errno that no rule names ends the step, whatever rules there are.
func TestMachineRulesAreExact(t *testing.T) {
	r := newRig(t)
	r.op(unix.SYS_GETPID).on(uint16(unix.EBADF), -1)
	r.absent().ignore(uint16(unix.ENOENT))
	r.below().ignore(uint16(unix.ENOENT)).ignore(uint16(unix.EBADF))
	r.run(2, unix.ENOTDIR)

	r = newRig(t)
	l := r.label()
	r.op(unix.SYS_GETPID).on(ruleAny, l) // success is no error
	a := r.mark()
	r.place(l)
	r.ran(r.run(-1, 0), a, true)

	r = newRig(t)
	defer func() {
		if recover() == nil {
			t.Error("a third rule was taken")
		}
	}()
	r.fails().ignore(1).ignore(2).ignore(3)
}

// A label may be placed at the very end of a step.
func TestMachineJumpsToTheEnd(t *testing.T) {
	r := newRig(t)
	end := r.label()
	r.fails().on(uint16(unix.EBADF), end)
	r.fails()
	r.place(end)
	r.run(-1, 0)
}

// Of several candidates the errno of the one that exists is the one to tell.
func TestMachineKeeps(t *testing.T) {
	for _, c := range []struct {
		name string
		ops  func(r *rig)
		want syscall.Errno
	}{
		{"none is there", func(r *rig) { r.absent().flag(opKeep); r.absent().flag(opKeep) }, unix.ENOENT},
		{"the first reason of two alike", func(r *rig) { r.absent().flag(opKeep); r.below().flag(opKeep) }, unix.ENOENT},
		{"the other way round", func(r *rig) { r.below().flag(opKeep); r.absent().flag(opKeep) }, unix.ENOTDIR},
		{"one is there", func(r *rig) { r.absent().flag(opKeep); r.fails().flag(opKeep); r.below().flag(opKeep) }, unix.EBADF},
		{"at first", func(r *rig) { r.fails().flag(opKeep); r.absent().flag(opKeep) }, unix.EBADF},
	} {
		r := newRig(t)
		c.ops(r)
		r.op(opFail)
		at := len(r.Steps[0].Ops) - 1
		t.Log(c.name)
		r.run(at, c.want)
	}
	// A rule goes before keeping, and success keeps nothing.
	r := newRig(t)
	found := r.label()
	r.absent().flag(opKeep)
	r.op(unix.SYS_GETPID).on(ruleOK, found).flag(opKeep)
	r.op(opFail)
	r.place(found)
	a := r.mark()
	r.ran(r.run(-1, 0), a, true)
}

// pipe gives the ends of a pipe in two registers.
func (r *rig) pipe(flags int) (fds [2]int, in, out Reg) {
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|flags); err != nil {
		r.t.Fatal(err)
	}
	return fds, r.newReg(), r.newReg()
}

func TestMachineWants(t *testing.T) {
	r := newRig(t)
	fds, in, out := r.pipe(0)
	buf := r.bytes(make([]byte, 8))
	got := r.newReg()
	r.op(unix.SYS_WRITE, out.arg(), r.str("abc"), n(3)).want(3)
	r.op(unix.SYS_READ, in.arg(), at(buf), n(8)).want(3).to(got)
	r.close(out)
	r.op(unix.SYS_READ, in.arg(), at(buf+4), n(1)).want(1).flag(opRetry) // the end of the file
	m := r.machine()
	m.regs[in], m.regs[out] = uint64(fds[0]), uint64(fds[1])
	if i, e := m.run(m.ops, false); i != 3 || e != uintptr(unix.EPIPE) {
		t.Error(i, syscall.Errno(e))
	}
	if m.regs[got] != 3 || string(r.data[buf:buf+4]) != "abc\x00" {
		t.Errorf("%d %q", m.regs[got], r.data[buf:buf+4])
	}
	unix.Close(fds[0])
}

// An error is an error and not a result that is not wanted.
func TestMachineWantKeepsErrno(t *testing.T) {
	r := newRig(t)
	r.fails().want(0)
	r.run(0, unix.EBADF)
}

// EAGAIN is tried again, and not for ever.
func TestMachineRetries(t *testing.T) {
	r := newRig(t)
	fds, in, _ := r.pipe(unix.O_NONBLOCK)
	r.op(unix.SYS_READ, in.arg(), at(r.bytes(make([]byte, 8))), n(1)).flag(opRetry)
	m := r.machine()
	m.regs[in] = uint64(fds[0])
	if i, e := m.run(m.ops, false); i != 0 || e != uintptr(unix.EAGAIN) {
		t.Error(i, syscall.Errno(e))
	}
	unix.Close(fds[0])
	unix.Close(fds[1])
}

func TestMachineMoves(t *testing.T) {
	r := newRig(t)
	a, b := r.newReg(), r.newReg()
	word := r.bytes([]byte{1, 2, 3, 4, 5, 6, 7, 8})
	r.op(opMove, u(0x1122334455667788)).to(a)
	r.op(opMove, a.arg()).to(b)
	r.op(opPoke, at(word+4), b.arg())
	r.op(opShow, n(2), b.arg())
	r.op(opMove, n(5)).to(0) // nowhere
	m := r.run(-1, 0)
	if m.regs[a] != 0x1122334455667788 || m.regs[b] != m.regs[a] || m.regs[0] != 0 {
		t.Errorf("%#x", m.regs)
	}
	// 32 bits, and what is beside them is as it was.
	if got := r.data[word : word+8]; string(got[:4]) != "\x01\x02\x03\x04" || r.word(word)>>32 != 0x55667788 {
		t.Errorf("% x", got)
	}
	if m.page.slots[2] != m.regs[a] || m.page.slots[1] != 0 {
		t.Errorf("%#x", m.page.slots)
	}
}

// Addresses: of data, of pointers in data, and of the shared page.
func TestMachineAddresses(t *testing.T) {
	r := newRig(t)
	fds, in, out := r.pipe(0)
	// struct iovec: a pointer that has to be relocated, and a length.
	iov := r.pointerArray([]uint64{r.str("hello").val})
	r.data[iov.val+8] = 5
	buf := r.bytes(make([]byte, 8))
	r.op(unix.SYS_WRITEV, out.arg(), iov, n(1)).want(5)
	r.op(unix.SYS_READ, in.arg(), at(buf), n(8)).want(5)
	r.op(unix.SYS_CLOCK_GETTIME, n(unix.CLOCK_MONOTONIC), shr(uint64(unsafe.Offsetof(page{}.slots))))
	argv := r.pointers([]string{"one", "two", "one"})
	m := r.machine()
	m.regs[in], m.regs[out] = uint64(fds[0]), uint64(fds[1])
	if i, e := m.run(m.ops, false); i != len(m.ops) || e != 0 {
		t.Fatal(i, syscall.Errno(e))
	}
	if string(r.data[buf:buf+5]) != "hello" || m.page.slots[0] == 0 && m.page.slots[1] == 0 {
		t.Errorf("%q %v", r.data[buf:buf+8], m.page.slots)
	}
	for i, want := range []string{"one", "two", "one"} {
		if off := r.word(argv.val+8*uint64(i)) - uint64(m.data); r.cString(off) != want {
			t.Errorf("pointer %d leads to %q", i, r.cString(off))
		}
	}
	if r.word(argv.val+24) != 0 {
		t.Error("the array does not end with NULL")
	}
	unix.Close(fds[0])
	unix.Close(fds[1])
}

// sendFD passes a descriptor over the channel.
func TestSendFD(t *testing.T) {
	r := newRig(t)
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	fds, in, _ := r.pipe(0)
	r.childEnd = r.newReg()
	r.sendFD(in)
	m := r.machine()
	m.regs[r.childEnd], m.regs[in] = uint64(pair[1]), uint64(fds[0])
	if i, e := m.run(m.ops, false); i != len(m.ops) || e != 0 {
		t.Fatal(i, syscall.Errno(e))
	}
	c := &Create{sock: pair[0]}
	if msg, err := c.receive(); msg != 'f' || len(c.fds) != 1 {
		t.Fatal(msg, err, c.fds)
	}
	var a, b unix.Stat_t
	if unix.Fstat(fds[0], &a) != nil || unix.Fstat(c.fds[0], &b) != nil || a.Ino != b.Ino {
		t.Error("another descriptor has come")
	}
	if flags, _ := unix.FcntlInt(uintptr(c.fds[0]), unix.F_GETFD, 0); flags&unix.FD_CLOEXEC == 0 {
		t.Error("it would outlive an execve(2)")
	}
	for _, fd := range []int{pair[0], pair[1], fds[0], fds[1], c.fds[0]} {
		unix.Close(fd)
	}
}

// The child: it reports where it failed and why, and ends.
func TestChildReports(t *testing.T) {
	r := newRig(t)
	r.op(unix.SYS_GETPID)
	r.absent()
	m := r.machine()
	pid, e := m.fork(&cloneArgs{exitSignal: uint64(unix.SIGCHLD)})
	if e != 0 {
		t.Fatal(e)
	}
	status := Wait(pid)
	if !status.Exited() || status.ExitStatus() != 1 || m.page.op != 1 || m.page.errno != uint32(unix.ENOENT) || m.page.failed != 1 {
		t.Errorf("%v: operation %d errno %d failed %d", status, m.page.op, m.page.errno, m.page.failed)
	}
	runtime.KeepAlive(r.builder)
}

// The child that makes another: the first ends, the second goes on, and is
// ours.
func TestChildForks(t *testing.T) {
	r := newRig(t)
	r.op(unix.SYS_CLONE3, r.words(unix.CLONE_PARENT, 0, 0, 0, 0, 0, 0, 0), n(64)).flag(opFork)
	r.op(opShow, n(3), n(42))
	r.op(unix.SYS_EXIT_GROUP, n(7))
	m := r.machine()
	pid, e := m.fork(&cloneArgs{exitSignal: uint64(unix.SIGCHLD)})
	if e != 0 {
		t.Fatal(e)
	}
	if status := Wait(pid); status.ExitStatus() != 0 {
		t.Error(status)
	}
	if m.page.pid == 0 || int(m.page.pid) == pid {
		t.Fatalf("pid %d of %d", m.page.pid, pid)
	}
	if status := Wait(int(m.page.pid)); status.ExitStatus() != 7 || m.page.slots[3] != 42 || m.page.failed != 0 {
		t.Error(status, m.page.slots, m.page.failed)
	}
	runtime.KeepAlive(r.builder)
}

// With a trace every operation is stamped, in order.
func TestChildStamps(t *testing.T) {
	r := newRig(t)
	for range 5 {
		r.op(unix.SYS_GETPID)
	}
	r.fails()
	m, err := newMachine(&r.program, r.Steps[0].Ops, true)
	if err != nil {
		t.Fatal(err)
	}
	begin := uint64(monotonic())
	pid, e := m.fork(&cloneArgs{exitSignal: uint64(unix.SIGCHLD)})
	if e != 0 {
		t.Fatal(e)
	}
	Wait(pid)
	last := begin
	for i := range m.ops {
		if m.stamps[i] < last {
			t.Errorf("stamp %d is %d, after %d", i, m.stamps[i], last)
		}
		last = m.stamps[i]
	}
	if m.stamps[len(m.ops)] != 0 {
		t.Error("a stamp of nothing")
	}
	runtime.KeepAlive(r.builder)
}

// The data: strings once, structures aligned.
func TestProgramData(t *testing.T) {
	p := &program{strs: map[string]uint64{}}
	a, b := p.str("a"), p.str("bc")
	if a == b || p.str("a") != a || p.cString(a.val) != "a" || p.cString(b.val) != "bc" || p.cString(b.val+1) != "c" {
		t.Error(a, b, p.data)
	}
	for range 3 {
		if off := p.bytes([]byte{1}); off%8 != 0 {
			t.Error(off)
		}
	}
	w := p.words(1, 2, 3)
	if w.val%8 != 0 || len(p.data) != int(w.val)+24 || p.data[w.val+8] != 2 && p.data[w.val+15] != 2 {
		t.Error(w, p.data)
	}
	if p.cString(uint64(len(p.data))) != "" || p.cString(1<<40) != "" {
		t.Error("a string beyond the end")
	}
	if p.newReg() == 0 {
		t.Error("register 0 was handed out")
	}
}

// The numbers that tests/explain knows too.
func TestEncoding(t *testing.T) {
	for _, c := range [][2]int{{int(argInt), 0}, {int(argReg), 1}, {int(argData), 2}, {int(argShared), 3},
		{int(opWant), 1}, {int(opFork), 2}, {int(opRetry), 8}, {int(opKeep), 16}, {ruleOK, 0xfffe}, {ruleAny, 0xffff},
		{opPoke, 0xff00}, {opMove, 0xff01}, {opFail, 0xff02}, {opShow, 0xff03}} {
		if c[0] != c[1] {
			t.Errorf("%#x is %#x now: change it in tests/explain", c[1], c[0])
		}
	}
}

// Every system call of the table has its name once and arguments that exist.
func TestSyscallTable(t *testing.T) {
	numbers, names := map[uint16]bool{}, map[string]bool{}
	for _, s := range syscalls {
		if numbers[s.nr] || names[s.name] || len(s.args) > 6 {
			t.Errorf("%s: twice, or with too many arguments", s.name)
		}
		numbers[s.nr], names[s.name] = true, true
		for _, a := range s.args {
			switch a {
			case 'd', 'f', 's', 'x', 'o', 'p', 'b', 'v', 'D':
			default:
				t.Errorf("%s: argument of kind %q", s.name, a)
			}
		}
	}
}
