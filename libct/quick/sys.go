package quick

// sys.go: system calls, and the C strings for them, out of memory that is there
// already.

import (
	"syscall"
	"unsafe"
)

// What package syscall has no name for; the same on all architectures.
const (
	sysPidfdSendSignal = 424
	sysPidfdOpen       = 434
	sysOpenat2         = 437
)

const (
	maxName = 255
	maxPath = 4096
)

const atCWD = -100 // AT_FDCWD

// sys is a system call. Nothing it is given a pointer to may move meanwhile.
//
//go:nosplit
func sys(trap, a, b, c, d uintptr) (uintptr, syscall.Errno) {
	for {
		r, _, e := syscall.RawSyscall6(trap, a, b, c, d, 0, 0)
		if e != syscall.EINTR {
			return r, e
		}
	}
}

// open gives a descriptor, or -1.
func open(dir int, name *byte, flags, mode uintptr) int {
	fd, e := sys(syscall.SYS_OPENAT, uintptr(dir), uintptr(unsafe.Pointer(name)), flags|syscall.O_CLOEXEC, mode)
	if e != 0 {
		return -1
	}
	return int(fd)
}

func shut(fd int) {
	if fd >= 0 {
		syscall.RawSyscall6(syscall.SYS_CLOSE, uintptr(fd), 0, 0, 0, 0, 0)
	}
}

// C strings in the making.
var (
	statePath [maxPath]byte // of the state directory, all the time
	otherPath [maxPath]byte // good until the next
	names     [maxName + 1]byte
)

// path joins two parts of a path. One that is too long is "", which no file has.
func path(buf *[maxPath]byte, dir, name []byte) *byte {
	n := len(dir) + 1 + len(name)
	if n >= maxPath {
		n = 0
	} else {
		copy(buf[:], dir)
		buf[len(dir)] = '/'
		copy(buf[len(dir)+1:], name)
	}
	buf[n] = 0
	return &buf[0]
}

// copied is path with one part.
func copied(name []byte) *byte {
	n := 0
	if len(name) < maxPath {
		n = copy(otherPath[:], name)
	}
	otherPath[n] = 0
	return &otherPath[0]
}

// bytes are those of a constant.
func bytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// name is a C string of a constant; it is good until the next.
func name(s string) *byte {
	n := copy(names[:maxName], s)
	names[n] = 0
	return &names[0]
}

// statPath is /proc/PID/stat.
func statPath(pid uint64) *byte {
	n := copy(names[:], "/proc/")
	n += decimal(names[n:], pid)
	n += copy(names[n:], "/stat")
	names[n] = 0
	return &names[0]
}

// decimal writes a number and gives its length.
func decimal(b []byte, n uint64) int {
	digits := 1
	for m := n; m >= 10; m /= 10 {
		digits++
	}
	if digits > len(b) {
		return 0
	}
	for i := digits - 1; i >= 0; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
	return digits
}

// slurp reads a file of a directory as a whole, if it fits.
func slurp(dir int, name *byte, b []byte) (n int, ok bool) {
	fd := open(dir, name, syscall.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if fd < 0 {
		return 0, false
	}
	for {
		got, e := sys(syscall.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&b[n])), uintptr(len(b)-n), 0)
		if e != 0 {
			shut(fd)
			return 0, false
		}
		if n += int(got); got == 0 || n >= len(b) {
			shut(fd)
			return n, n < len(b)
		}
	}
}

// small reads a file of the kernel's at its absolute path, which no symbolic
// link is part of. There is none without its process or its cgroup.
func small(name *byte, b []byte) (n int, there, ok bool) {
	how := [3]uint64{syscall.O_RDONLY | syscall.O_CLOEXEC, 0, 4} // RESOLVE_NO_SYMLINKS
	at := atCWD
	fd, e := sys(sysOpenat2, uintptr(at), uintptr(unsafe.Pointer(name)), uintptr(unsafe.Pointer(&how)), unsafe.Sizeof(how))
	if e == syscall.ENOENT || e == syscall.ESRCH || e == syscall.ENODEV {
		return 0, false, true
	}
	if e != 0 {
		return 0, false, false
	}
	got, e := sys(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), 0)
	shut(int(fd))
	if e == syscall.ESRCH || e == syscall.ENODEV {
		return 0, false, true
	}
	return int(got), true, e == 0
}
