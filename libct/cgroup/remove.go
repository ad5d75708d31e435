package cgroup

// remove.go: taking a container's cgroups away, with all that it made below
// them. Runs in the parent.

import (
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"stave/specs"
)

// removeTimeout bounds the wait for a cgroup that is still busy: processes
// that have been killed leave it in their own time.
const removeTimeout = 2 * time.Second

// Remove removes dirs with their sub-cgroups. What is gone already is fine.
// If one stays busy the others are removed nevertheless, and the error names
// the processes that are left in it.
func Remove(dirs []Dir) error {
	deadline := time.Now().Add(removeTimeout)
	var first error
	for _, d := range dirs {
		if err := d.remove(deadline); err != nil && first == nil {
			first = err
		}
	}
	return first
}

func (d Dir) remove(deadline time.Time) error {
	parent, name, err := d.openParent()
	if err != nil {
		if gone(err) {
			return nil
		}
		return err
	}
	defer unix.Close(parent)
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		err := rmdir(parent, name)
		switch err {
		case nil, unix.ENOENT:
			return nil
		case unix.EBUSY, unix.ENOTEMPTY:
			// Sub-cgroups, or processes. New ones may appear at any
			// time, so this starts over until it is quiet.
		default:
			return failed("unlinkat", d.Path, err)
		}
		if err := d.removeBelow(parent, name); err != nil {
			return err
		}
		if err := rmdir(parent, name); err == nil || err == unix.ENOENT {
			return nil
		}
		if time.Now().After(deadline) {
			if err := left([]Dir{d}); err != nil {
				e := err.(*specs.Error)
				e.Syscall, e.Errno = "unlinkat", unix.EBUSY
				return e
			}
			return failed("unlinkat", d.Path, unix.EBUSY)
		}
		time.Sleep(pause)
	}
}

// removeBelow removes the sub-cgroups that let go of it.
func (d Dir) removeBelow(parent int, name string) error {
	fd, err := open(parent, name, unix.O_RDONLY|unix.O_DIRECTORY, beneath)
	if err == unix.ENOENT {
		return nil
	} else if err != nil {
		return failed("openat2", d.Path, err)
	}
	defer unix.Close(fd)
	return walk(fd, d.Path, func(base int, rel, full string) error {
		if rel == "" {
			return nil // d itself is the caller's
		}
		dir, last := base, rel
		if i := strings.LastIndexByte(rel, '/'); i >= 0 {
			fd, err := open(base, rel[:i], unix.O_PATH|unix.O_DIRECTORY, beneath)
			if err == unix.ENOENT {
				return nil
			} else if err != nil {
				return failed("openat2", full, err)
			}
			defer unix.Close(fd)
			dir, last = fd, rel[i+1:]
		}
		switch err := rmdir(dir, last); err {
		case nil, unix.ENOENT, unix.EBUSY, unix.ENOTEMPTY:
			return nil
		default:
			return failed("unlinkat", full, err)
		}
	})
}

// openParent opens the directory that holds d.
func (d Dir) openParent() (fd int, name string, err error) {
	rel := d.rel()
	i := strings.LastIndexByte(rel, '/')
	name = rel[i+1:]
	if name == "" || name == "." || name == ".." {
		return -1, "", &specs.Error{Path: d.Path, Problem: "the mount point of a hierarchy is not ours to remove", Kind: specs.ErrCorrupt}
	}
	up := ""
	if i > 0 {
		up = rel[:i]
	}
	fd, err = d.openAt(up, parent(d.Path))
	return fd, name, err
}

// RemoveEmpty removes, from the last to the first, directories that were made
// on the way to a container's own (Ancestors, Make) and that nobody uses any
// more. One in use stays, and is no error: others may share it.
func RemoveEmpty(dirs []Dir, made []string) {
	for i := len(made) - 1; i >= 0; i-- {
		for _, d := range dirs {
			if !strings.HasPrefix(made[i], d.H.Mount+"/") || clean(made[i]) != made[i] {
				continue
			}
			fd, name, err := Dir{Path: made[i], H: d.H}.openParent()
			if err == nil {
				_ = rmdir(fd, name) // EBUSY: in use
				unix.Close(fd)
			}
			break
		}
	}
}

func rmdir(dirfd int, name string) error {
	for {
		if err := unix.Unlinkat(dirfd, name, unix.AT_REMOVEDIR); err != unix.EINTR {
			return err
		}
	}
}
