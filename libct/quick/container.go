package quick

// container.go: what state a container is in, from its record and the kernel.

import (
	"syscall"
	"unsafe"
)

// A container, as package libct's, but for what is not needed here. What it
// cannot say for certain it does not say: ok is false then.
type container struct {
	dir   int // its state directory
	name  *byte
	pidfd int
	rec   record
	pid   uint64
}

const (
	stopped = iota
	running
	paused
	created
)

// open reads the record. Those who change a container lock it first.
func (k *container) open(c *call) bool {
	k.name = path(&statePath, c.root, c.id)
	k.dir = open(atCWD, k.name, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if k.dir < 3 { // an error, or a standard stream that was closed
		k.close()
		return false
	}
	if (c.verb == verbStart || c.verb == verbDelete) && !k.lock() || !k.read() {
		k.close()
		return false
	}
	id, ok := text(k.rec.id)
	if !ok || string(id) != string(c.id) || string(k.rec.version) != "1" || string(k.rec.phase) != `"created"` {
		k.close()
		return false
	}
	return true
}

func (k *container) lock() bool {
	var st syscall.Stat_t
	const lockEX, lockNB = 2, 4
	if _, e := sys(syscall.SYS_FLOCK, uintptr(k.dir), lockEX|lockNB, 0, 0); e != 0 {
		return false
	}
	_, e := sys(syscall.SYS_FSTAT, uintptr(k.dir), uintptr(unsafe.Pointer(&st)), 0, 0)
	return e == 0 && st.Nlink > 0
}

// contents is the record's text, for as long as the process lives.
var contents [64 << 10]byte

func (k *container) read() bool {
	n, ok := slurp(k.dir, name(RecordFile), contents[:])
	return ok && k.rec.read(contents[:n])
}

func (k *container) close() {
	shut(k.dir)
	shut(k.pidfd)
	k.dir, k.pidfd = -1, -1
}

// look finds the status. The pidfd of a process that is there stays open.
func (k *container) look() (status int, ok bool) {
	if len(k.rec.pid) == 0 {
		return stopped, true
	}
	if k.pid, ok = number(k.rec.pid); !ok || k.pid == 0 {
		return 0, false
	}
	fd, e := sys(sysPidfdOpen, uintptr(k.pid), 0, 0, 0)
	if e == syscall.ESRCH || e == syscall.EINVAL {
		return stopped, true
	}
	if k.pidfd = int(fd); e != 0 {
		k.pidfd = -1
		return 0, false
	}
	same, ok := k.sameProcess()
	if !ok {
		return 0, false
	}
	if !same {
		return stopped, true
	}
	frozen, ok := k.frozen()
	if !ok {
		return 0, false
	}
	if frozen {
		return paused, true
	}
	gate, e := sys(syscall.SYS_OPENAT, uintptr(k.dir), uintptr(unsafe.Pointer(name(GateFile))), syscall.O_WRONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0)
	switch e {
	case 0:
		shut(int(gate))
		return created, true
	case syscall.ENXIO, syscall.ENOENT:
		return running, true
	}
	return 0, false
}

// sameProcess: by start time and boot, the pid is still that of the container.
func (k *container) sameProcess() (same, ok bool) {
	began, ok := number(k.rec.startTime)
	if !ok {
		return false, false
	}
	var scratch [1024]byte
	n, there, ok := small(statPath(k.pid), scratch[:])
	if !ok || there && n == 0 {
		return false, false
	}
	if !there || statTime(scratch[:n]) != began {
		return false, true
	}
	boot, ok := text(k.rec.bootID)
	if !ok {
		return false, false
	}
	n, there, ok = small(name("/proc/sys/kernel/random/boot_id"), scratch[:])
	if !ok || !there {
		return false, false
	}
	return string(trim(scratch[:n])) == string(boot), true
}

// statTime is field 22 of proc_pid_stat(5); 0 if the process is dead.
func statTime(b []byte) uint64 {
	i := len(b) - 1
	for i >= 0 && b[i] != ')' {
		i--
	}
	if i < 0 || i+2 >= len(b) || b[i+2] == 'Z' || b[i+2] == 'X' {
		return 0
	}
	field := 2
	for ; i < len(b); i++ {
		if b[i] != ' ' {
			continue
		}
		if field++; field < 22 {
			continue
		}
		end := i + 1
		for end < len(b) && b[end] >= '0' && b[end] <= '9' {
			end++
		}
		n, _ := number(b[i+1 : end])
		return n
	}
	return 0
}

// frozen looks where pause does: in the freezer of v1 and in v2's hierarchy.
func (k *container) frozen() (yes, ok bool) {
	dirs, places := k.rec.cgroupDirs, k.rec.cgroupPlaces
	if count(dirs) != count(places) {
		return false, false
	}
	if count(dirs) == 0 {
		return false, true
	}
	v1, v2 := false, false
	for i, j := 1, 1; i > 0; {
		var dir, place []byte
		dir, i = next(dirs, i)
		place, j = next(places, j)
		p, ok := placeOf(dir, place)
		if !ok {
			return false, false
		}
		file := []byte(nil)
		switch {
		case p.v2 && !v2:
			v2, file = true, bytes("cgroup.freeze")
		case !p.v2 && !v1 && listed(p.controllers, "freezer"):
			v1, file = true, bytes("freezer.self_freezing")
		default:
			continue
		}
		var scratch [16]byte
		n, there, ok := small(path(&otherPath, p.dir, file), scratch[:])
		if !ok {
			return false, false
		}
		if there && string(trim(scratch[:n])) == "1" {
			return true, true
		}
	}
	return false, true
}

// A place is a cgroup and its hierarchy.
type place struct {
	dir, controllers, mount []byte
	v2                      bool
}

// placeOf reads a directory, and "version:controllers:mount point" of it; the
// directory must be below that mount point.
func placeOf(dir, where []byte) (p place, ok bool) {
	if p.dir, ok = text(dir); !ok {
		return p, false
	}
	if where, ok = text(where); !ok || len(where) < 3 || where[1] != ':' || where[0] != '1' && where[0] != '2' {
		return p, false
	}
	p.v2 = where[0] == '2'
	i := 2
	for i < len(where) && where[i] != ':' {
		i++
	}
	if i == len(where) {
		return p, false
	}
	p.controllers = where[2:i]
	p.mount = where[i+1:]
	return p, tidy(p.mount) && tidy(p.dir) && below(p.dir, p.mount)
}

// below: the path is in the directory.
func below(p, dir []byte) bool {
	return len(p) > len(dir) && string(p[:len(dir)]) == string(dir) && p[len(dir)] == '/'
}

// tidy: an absolute path without "//", ".", "..", or a "/" at its end.
func tidy(p []byte) bool {
	if len(p) < 2 || p[0] != '/' {
		return false
	}
	for from := 1; from <= len(p); {
		to := from
		for to < len(p) && p[to] != '/' {
			to++
		}
		switch string(p[from:to]) {
		case "", ".", "..":
			return false
		}
		from = to + 1
	}
	return true
}

// listed finds a word in a list with commas.
func listed(list []byte, word string) bool {
	for from := 0; from <= len(list); {
		to := from
		for to < len(list) && list[to] != ',' {
			to++
		}
		if string(list[from:to]) == word {
			return true
		}
		from = to + 1
	}
	return false
}

func trim(b []byte) []byte {
	for len(b) > 0 && (b[len(b)-1] == '\n' || b[len(b)-1] == ' ') {
		b = b[:len(b)-1]
	}
	return b
}

// ownPIDNamespace: nobody outlives its first process.
func (k *container) ownPIDNamespace() bool {
	if len(k.rec.namespaces) < 3 {
		return false
	}
	for i := 1; i > 0; {
		var one []byte
		one, i = next(k.rec.namespaces, i)
		if string(one) == `{"type":"pid"}` {
			return true
		}
	}
	return false
}
