package logs

import (
	"bytes"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	specs "stave/specs/leaf"
)

// file is the place of a log that is a file; or a fifo or a device, which are
// written to and otherwise left alone.
type file struct {
	kernel kernel
	path   string // absolute
	rotate bool   // else truncate
	keep   int    // backups
	allow  []string

	fd       int
	dev, ino uint64
	regular  bool
	ragged   bool  // somebody died in the middle of the last line; end it first
	size     int64 // of the file, if nobody else writes to it
	limit    int64 // of the size
	max      int64 // the same; never reached where the file is not regular
	total    int64 // size at first, and all that was written since
}

// openFile opens the log, or makes it.
func openFile(f *file) error {
	dir, err := f.openDir()
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	flags := unix.O_CREAT
	if f.rotate || len(f.allow) > 0 {
		flags |= unix.O_NOFOLLOW
		if err := f.checkAbsent(dir); err != nil {
			return err
		}
	}
	fd, err := f.openIn(dir, f.base(), flags)
	if err == unix.ELOOP {
		return f.refused("a symbolic link is not written to with --log-rotate or --log-allowlist-dir")
	}
	if err != nil {
		return f.failed("open", err)
	}
	if err := f.adopt(fd); err != nil {
		return f.failed("fstat", err)
	}
	f.total = f.size
	return nil
}

// openIn opens for appending. A fifo or terminal must not block the one goroutine
// of the event loop; for a regular file O_NONBLOCK means nothing.
func (f *file) openIn(dir int, name string, flags int) (int, error) {
	return f.kernel.openat(dir, name, unix.O_WRONLY|unix.O_APPEND|unix.O_NONBLOCK|unix.O_NOCTTY|flags)
}

// adopt goes on with fd, and closes the one before.
func (f *file) adopt(fd int) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return err
	}
	if f.fd >= 0 {
		unix.Close(f.fd)
	}
	f.fd, f.dev, f.ino = fd, st.Dev, st.Ino
	f.regular = st.Mode&unix.S_IFMT == unix.S_IFREG
	f.size, f.max = 0, limitOf(0)
	if f.regular {
		f.size, f.max = st.Size, f.limit
	}
	f.ragged = f.regular && f.size > 0 && f.lastByte() != '\n'
	return nil
}

// lastByte of the file; a line end if it cannot be read.
func (f *file) lastByte() byte {
	b := [1]byte{'\n'}
	fd, err := unix.Open(f.path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return b[0]
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) == nil && st.Dev == f.dev && st.Ino == f.ino {
		unix.Pread(fd, b[:], f.size-1) // b stays a line end if that fails
	}
	return b[0]
}

func (f *file) push(p []byte, torn int) (int, int, syscall.Errno) {
	if f.ragged && len(p) > 0 {
		n, e := f.writeAll([]byte{'\n'})
		if e != 0 {
			return 0, torn, e
		}
		f.ragged = n == 0
	}
	n, e := f.writeAll(p[torn:])
	n += torn
	if e == 0 {
		return n, 0, 0
	}
	done := bytes.LastIndexByte(p[:n], '\n') + 1
	torn = n - done
	if torn > 0 && f.cut(torn) {
		torn = 0
	}
	return done, torn, e
}

// writeAll writes p; a short write(2) is continued, and only the next one tells
// why it was short.
func (f *file) writeAll(p []byte) (int, syscall.Errno) {
	done := 0
	for done < len(p) {
		n, err := f.kernel.write(f.fd, p[done:])
		if n > 0 {
			done += n
			f.size += int64(n)
			f.total += int64(n)
		}
		switch e, _ := err.(syscall.Errno); {
		case err == nil && n > 0, e == syscall.EINTR:
		case e != 0:
			return done, e
		default:
			return done, syscall.EIO // nothing written and no reason given
		}
	}
	return done, 0
}

// cut takes the last n bytes back, if they are the last ones of the file.
func (f *file) cut(n int) bool {
	var st unix.Stat_t
	if !f.regular || unix.Fstat(f.fd, &st) != nil || st.Size != f.size {
		return false
	}
	if f.kernel.ftruncate(f.fd, f.size-int64(n)) != nil {
		return false
	}
	f.size -= int64(n)
	f.total -= int64(n)
	return true
}

func (f *file) waitFD() int {
	if f.regular {
		return -1
	}
	return f.fd
}

func (f *file) gone(syscall.Errno) bool { return false }

func (f *file) finish(sync bool) error {
	var err error
	if sync && f.regular {
		if e := f.kernel.fsync(f.fd); e != nil {
			err = f.call("fsync", e)
		}
	}
	unix.Close(f.fd)
	f.fd = -1
	return err
}

func (f *file) base() string { return f.path[strings.LastIndexByte(f.path, '/')+1:] }

func (f *file) parent() string {
	if i := strings.LastIndexByte(f.path, '/'); i > 0 {
		return f.path[:i]
	}
	return "/"
}

func (f *file) error(e syscall.Errno) *specs.Error { return f.call("write", e) }

func (f *file) call(name string, err error) *specs.Error {
	return &specs.Error{Syscall: name, Path: f.path, Errno: errno(err)}
}

// failed and refused have the words that callers look for.
func (f *file) failed(call string, err error) error {
	e := f.call(call, err)
	e.Step = "Failed to open log file"
	return e
}

func (f *file) refused(problem string) error {
	return &specs.Error{Step: "Failed to open log file", Path: f.path, Problem: problem, Kind: specs.ErrInvalid}
}
