package quick

// verbs.go: what is done to it: state, kill, start, delete (runtime.md, Operations).

import (
	"syscall"
	"unsafe"
)

// state prints what package cli's AppendState does: the record's strings are
// JSON in the same bytes already.
func (k *container) state() bool {
	status, ok := k.look()
	if !ok {
		return false
	}
	pid := k.pid
	if status == stopped {
		pid = 0
	}
	o := output{}
	o.line("{\n  \"ociVersion\": ", k.rec.ociVersion)
	o.line(",\n  \"id\": ", k.rec.id)
	o.text(",\n  \"pid\": ")
	o.n += decimal(printed[o.n:], pid)
	o.text(",\n  \"status\": ")
	switch status {
	case stopped:
		o.text(`"stopped"`)
	case running:
		o.text(`"running"`)
	case paused:
		o.text(`"paused"`)
	case created:
		o.text(`"created"`)
	}
	o.line(",\n  \"bundle\": ", k.rec.bundle)
	o.line(",\n  \"rootfs\": ", k.rec.rootfs)
	o.line(",\n  \"created\": ", k.rec.created)
	if a := k.rec.annotations; len(a) > 2 {
		before := ",\n  \"annotations\": {\n    "
		for i := 1; i > 0; {
			var v []byte
			key := i
			if i = str(a, i); i < 0 || i >= len(a) || a[i] != ':' {
				return false
			}
			o.line(before, a[key:i])
			v, i = next(a, i+1)
			o.line(": ", v)
			before = ",\n    "
		}
		o.text("\n  }")
	}
	o.text(",\n  \"owner\": \"\"\n}")
	return !o.bad && o.print()
}

// printed is the text of state.
var printed [128 << 10]byte

type output struct {
	n   int
	bad bool
}

func (o *output) text(s string) { o.bytes(bytes(s)) }

// line is a text and a JSON value, which must be there.
func (o *output) line(s string, value []byte) {
	o.text(s)
	o.bad = o.bad || len(value) == 0
	o.bytes(value)
}

func (o *output) bytes(b []byte) {
	if len(b) > len(printed)-32-o.n {
		o.bad = true
		return
	}
	o.n += copy(printed[o.n:], b)
}

// print is done when all of it is written. What fails before anything was, may
// be tried again.
func (o *output) print() bool {
	for at := 0; at < o.n; {
		n, e := sys(syscall.SYS_WRITE, 1, uintptr(unsafe.Pointer(&printed[at])), uintptr(o.n-at), 0)
		if e == syscall.EAGAIN && at > 0 {
			continue
		}
		if e != 0 {
			return false
		}
		at += int(n)
	}
	return true
}

// kill signals the first process, where nothing else has to be signalled or
// thawed for that.
func (k *container) kill(c *call) bool {
	status, ok := k.look()
	if !ok || status == stopped || status == created && c.signal != sigKILL || c.signal == sigKILL && (status == paused || !k.ownPIDNamespace()) {
		return false
	}
	_, e := sys(sysPidfdSendSignal, uintptr(k.pidfd), uintptr(c.signal), 0, 0)
	return e == 0
}

// start opens the gate of a container without hooks and waits for execve(2).
func (k *container) start() bool {
	status, ok := k.look()
	if !ok || status != created || len(k.rec.process) == 0 || !k.hookless() {
		return false
	}
	result := open(k.dir, name(ResultFile), syscall.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if result < 0 {
		return false
	}
	gate := open(k.dir, name(GateFile), syscall.O_WRONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if gate < 0 {
		shut(result)
		return false
	}
	word := [1]byte{'g'}
	_, e := sys(syscall.SYS_WRITE, uintptr(gate), uintptr(unsafe.Pointer(&word)), 1, 0)
	if e != 0 {
		shut(gate)
		shut(result)
		return false
	}
	done := k.awaitExec(result)
	if done {
		awaitGone(gate)
	}
	shut(gate)
	shut(result)
	if !done {
		failed.there, failed.lock = true, k.dir
		k.dir = -1 // the lock is not given up in between
	}
	return done
}

type pollFD struct {
	fd              int32
	events, revents int16
}

// awaitGone waits until nobody holds the gate, as package libct's.
func awaitGone(gate int) {
	p, limit := pollFD{fd: int32(gate)}, [2]int64{GateTimeout, 0}
	sys(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&p)), 1, uintptr(unsafe.Pointer(&limit)), 0)
}

// awaitExec reads the result pipe to its end: nothing in it means that
// execve(2) has closed it.
func (k *container) awaitExec(result int) bool {
	const pollIn = 1
	for {
		p := pollFD{fd: int32(result), events: pollIn}
		sys(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&p)), 1, 0, 0)
		n, e := sys(syscall.SYS_READ, uintptr(result), uintptr(unsafe.Pointer(&failed.result)), ResultSize, 0)
		if e == syscall.EAGAIN {
			continue
		}
		failed.errno = e
		return e == 0 && n != ResultSize
	}
}

func (k *container) hookless() bool { return len(k.rec.hooks) <= len("{}") }

// delete removes a container that has ended, if it has no hooks, no mounts on
// the host and no cgroups below its own.
func (k *container) delete() bool {
	status, ok := k.look()
	if !ok || status != stopped || !k.hookless() {
		return false
	}
	if _, e := sys(syscall.SYS_FACCESSAT, uintptr(k.dir), uintptr(unsafe.Pointer(name(MountsFile))), 0, 0); e != syscall.ENOENT {
		return false
	}
	return k.removeCgroups() && k.removeState()
}

const atRemoveDir = 0x200

func (k *container) removeCgroups() bool {
	dirs, places := k.rec.cgroupDirs, k.rec.cgroupPlaces
	if count(dirs) != count(places) {
		return false
	}
	if count(dirs) == 0 {
		return true
	}
	for removing := range 2 { // all are looked at before the first goes
		for i, j := 1, 1; i > 0; {
			var dir, where []byte
			dir, i = next(dirs, i)
			where, j = next(places, j)
			p, ok := placeOf(dir, where)
			if !ok || removing == 1 && !removed(copied(p.dir)) {
				return false
			}
		}
	}
	return k.removeOwned()
}

// removeOwned removes, from the last to the first, what was made on the way to
// the cgroups and is empty.
func (k *container) removeOwned() bool {
	owned := k.rec.cgroupOwned
	for left := count(owned); left > 0; left-- {
		var dir []byte
		for i, at := 0, 1; i < left; i++ {
			dir, at = next(owned, at)
		}
		d, ok := text(dir)
		if !ok || !tidy(d) || !k.belowHierarchy(d) {
			return false
		}
		removed(copied(d)) // or in use by others
	}
	return true
}

func (k *container) belowHierarchy(d []byte) bool {
	for i, j := 1, 1; i > 0; {
		var dir, where []byte
		dir, i = next(k.rec.cgroupDirs, i)
		where, j = next(k.rec.cgroupPlaces, j)
		if p, ok := placeOf(dir, where); ok && below(d, p.mount) {
			return true
		}
	}
	return false
}

// removed: the directory is gone, by us or already.
func removed(dir *byte) bool {
	at := atCWD
	_, e := sys(syscall.SYS_UNLINKAT, uintptr(at), uintptr(unsafe.Pointer(dir)), atRemoveDir, 0)
	return e == 0 || e == syscall.ENOENT
}

// removeState removes the files of the state directory, and the directory.
func (k *container) removeState() bool {
	n, e := sys(syscall.SYS_GETDENTS64, uintptr(k.dir), uintptr(unsafe.Pointer(&printed)), uintptr(len(printed)/2), 0)
	if e != 0 {
		return false
	}
	list := printed[:n]
	if n, e = sys(syscall.SYS_GETDENTS64, uintptr(k.dir), uintptr(unsafe.Pointer(&printed[len(printed)/2])), uintptr(len(printed)/2), 0); e != 0 || n != 0 {
		return false
	}
	for removing := range 2 { // no directory is in it, or nothing goes
		for rest := list; len(rest) > 19; {
			// struct linux_dirent64 of getdents(2): inode, offset, length, type, name.
			size := int(rest[16]) | int(rest[17])<<8
			if size < 20 || size > len(rest) {
				return false
			}
			file, kind := rest[19:size], rest[18]
			switch {
			case is(file, ".") || is(file, ".."):
			case kind != syscall.DT_REG && kind != syscall.DT_FIFO && kind != syscall.DT_SOCK:
				return false
			case removing == 1 && !is(file, RecordFile) && !k.unlink(&file[0]):
				return false
			}
			rest = rest[size:]
		}
	}
	// The record goes last: as long as it is there, so is the ordinary way. After
	// it nothing is in the way but what passes.
	return k.unlink(name(RecordFile)) && (removed(k.name) || removed(k.name))
}

func (k *container) unlink(file *byte) bool {
	_, e := sys(syscall.SYS_UNLINKAT, uintptr(k.dir), uintptr(unsafe.Pointer(file)), 0, 0)
	return e == 0 || e == syscall.ENOENT
}

// is compares a C string.
func is(file []byte, name string) bool {
	return len(file) > len(name) && string(file[:len(name)]) == name && file[len(name)] == 0
}
