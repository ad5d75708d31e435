package logs

// A log gets a new file: because it is full, or because it was moved away.

import (
	"errors"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// makeRoom gives the log a file in which need bytes do not exceed the limit,
// unless they do so alone.
func (f *file) makeRoom(need int64) syscall.Errno {
	var st unix.Stat_t
	if err := unix.Fstat(f.fd, &st); err != nil {
		return errno(err)
	}
	f.size = st.Size // somebody may have emptied it
	// The second turn is for a file of somebody else's at PATH that is full too.
	for range 2 {
		if f.size == 0 || f.size+need <= f.max {
			return 0
		}
		if err := f.roll(); err != nil {
			var e syscall.Errno
			if !errors.As(err, &e) {
				e = syscall.EPERM // refused by our own checks
			}
			return e
		}
	}
	return 0
}

// roll begins a new file at PATH: an empty one, or, if somebody else has put
// one there that is not empty, that one.
func (f *file) roll() error {
	dir, err := f.openDir()
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	var st unix.Stat_t
	there := unix.Fstatat(dir, f.base(), &st, unix.AT_SYMLINK_NOFOLLOW) == nil
	ours := there && st.Dev == f.dev && st.Ino == f.ino
	regular := st.Mode&unix.S_IFMT == unix.S_IFREG
	switch {
	case there && !ours && regular && st.Size > 0:
		return f.join(dir, unix.O_NOFOLLOW)
	case there && !ours && !regular && f.rotate:
		return unix.EEXIST // a link perhaps
	case f.rotate:
		return f.rotateIn(dir, ours)
	}
	return f.truncateIn(dir, ours)
}

// truncateIn puts an empty file in the place of PATH: what was logged so far is
// gone, but a reader that has the old file open keeps it. ftruncate(2) of the
// file itself is for when there is no room for a second one; then it is what
// makes room.
func (f *file) truncateIn(dir int, ours bool) error {
	tmp := f.base() + ".tmp"
	fd, err := f.create(dir, tmp)
	if err == nil {
		if err = f.kernel.renameat(dir, tmp, f.base()); err == nil {
			return f.adopt(fd)
		}
		unix.Close(fd)
		f.kernel.unlinkat(dir, tmp) // the error to report is the first
	}
	if ours && f.kernel.ftruncate(f.fd, 0) == nil {
		f.size, f.ragged = 0, false
		return nil
	}
	return err
}

// rotateIn makes PATH, if it is ours, PATH.1, and makes a new PATH.
func (f *file) rotateIn(dir int, ours bool) error {
	next := f.base() + ".new"
	fd, err := f.create(dir, next)
	if err != nil {
		return err
	}
	if ours {
		if err = f.shift(dir); err == nil {
			err = f.kernel.renameat(dir, f.base(), f.backup(1))
		}
	}
	if err == nil {
		err = f.kernel.renameat(dir, next, f.base())
	}
	if err != nil {
		unix.Close(fd)
		f.kernel.unlinkat(dir, next) // the error to report is the first
		return err
	}
	return f.adopt(fd)
}

// shift moves the backups up to make PATH.1 free. A gap, which a crash may have
// left, is filled: nothing is thrown away before there are more than allowed.
func (f *file) shift(dir int) error {
	last := 1
	var st unix.Stat_t
	for last < f.keep && unix.Fstatat(dir, f.backup(last), &st, unix.AT_SYMLINK_NOFOLLOW) == nil {
		last++
	}
	for n := last; n > 1; n-- {
		if err := f.kernel.renameat(dir, f.backup(n-1), f.backup(n)); err != nil {
			return err
		}
	}
	return nil
}

func (f *file) backup(n int) string { return f.base() + "." + strconv.Itoa(n) }

// create makes an empty file; one that a crash has left is in nobody's use.
func (f *file) create(dir int, name string) (int, error) {
	if err := f.kernel.unlinkat(dir, name); err != nil && err != unix.ENOENT {
		return -1, err
	}
	return f.openIn(dir, name, unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW)
}

// join goes on in the file that is at PATH.
func (f *file) join(dir, flags int) error {
	fd, err := f.openIn(dir, f.base(), flags)
	if err != nil {
		return err
	}
	return f.adopt(fd)
}

// reopen is for when somebody has moved PATH away. If nobody has, it begins a
// new file all the same: rotated with --log-rotate, else in place of the old.
func (f *file) reopen() error {
	var err error
	if f.regular {
		err = f.roll()
	} else {
		err = f.again()
	}
	if e, ok := err.(syscall.Errno); ok {
		return f.failed("open", e)
	}
	return err
}

// again opens a fifo or a device anew.
func (f *file) again() error {
	dir, err := f.openDir()
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	return f.join(dir, 0)
}
