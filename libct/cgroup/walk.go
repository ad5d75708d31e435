package cgroup

// walk.go: a visit to every cgroup of a subtree, children first.

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxRel keeps relative paths below PATH_MAX. A container may nest its
// cgroups deeper than one path can say; there the walk goes on from a new
// directory fd.
const maxRel = 3072

// walk calls visit for every cgroup below the open directory base, children
// before their parent, and at last for base itself with rel "". base and rel
// are for openat2(2), full is the whole path for messages. A cgroup that
// vanishes in between is not an error.
func walk(base int, path string, visit func(base int, rel, full string) error) error {
	names, err := children(base, path)
	if err != nil {
		if gone(err) {
			return nil
		}
		return err
	}
	for _, name := range names {
		if err := walkBelow(base, name, path+"/"+name, visit); err != nil {
			return err
		}
	}
	return visit(base, "", path)
}

func walkBelow(base int, rel, full string, visit func(int, string, string) error) error {
	fd, err := open(base, rel, unix.O_RDONLY|unix.O_DIRECTORY, beneath)
	if err == unix.ENOENT || err == unix.ENODEV {
		return nil
	} else if err != nil {
		return failed("openat2", full, err)
	}
	names, err := children(fd, full)
	if err != nil && !gone(err) {
		unix.Close(fd)
		return err
	}
	// Short of the limit only base stays open on the way down, whatever the
	// depth; the price is that the path is resolved again.
	deep := len(rel) > maxRel
	if !deep {
		unix.Close(fd)
	}
	for _, name := range names {
		if deep {
			err = walkBelow(fd, name, "..."+full[len(full)-len(rel):]+"/"+name, visit)
		} else {
			err = walkBelow(base, rel+"/"+name, full+"/"+name, visit)
		}
		if err != nil {
			break
		}
	}
	if deep {
		unix.Close(fd)
	}
	if err != nil {
		return err
	}
	return visit(base, rel, full)
}

func ptr(b *byte) unsafe.Pointer { return unsafe.Pointer(b) }
