package libct

import (
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// Paths inside a rootfs belong to whoever made the image and may change while
// we look. So none is ever used by name: openat2(2) resolves it below the
// root, with every symbolic link taken as the container would take it, and
// all that follows works on the fd. Ten of runc's sixteen CVEs are this.

const (
	inRoot     = unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS
	noSymlinks = inRoot | unix.RESOLVE_NO_SYMLINKS
)

// openIn opens an existing path of the container.
func (b *builder) openIn(dst Reg, p string, flags, resolve uint64) *opRef {
	return b.op(unix.SYS_OPENAT2, b.root.arg(), b.str(relative(p)), b.openHow(flags|unix.O_CLOEXEC, resolve), n(24)).to(dst).flag(opRetry)
}

// makeIn opens a path of the container and makes what is missing: its
// directories, and the last component as a directory or as an empty file.
// Every component is made below the fd of its parent, so that no link can
// lead the new name elsewhere (CVE-2024-45310). If the path goes through a
// link that leads to nothing, what is made is that (place.go).
func (b *builder) makeIn(p string, file bool, resolve uint64) Reg {
	target := b.newReg()
	p = relative(p)
	done := b.label()
	b.openIn(target, p, unix.O_PATH, resolve).on(ruleOK, done).ignore(uint16(unix.ENOENT))
	if place, ok := b.host.Places[p]; ok && resolve == inRoot {
		p = place
	}
	parent, prefix := b.root, ""
	parts := strings.Split(p, "/")
	for i, part := range parts {
		last := i == len(parts)-1
		if last && file {
			b.op(unix.SYS_MKNODAT, parent.arg(), b.str(part), n(unix.S_IFREG|0o644), n(0)).ignore(uint16(unix.EEXIST))
		} else {
			b.op(unix.SYS_MKDIRAT, parent.arg(), b.str(part), n(0o755)).ignore(uint16(unix.EEXIST))
		}
		if parent != b.root {
			b.close(parent)
		}
		prefix = path.Join(prefix, part)
		if last {
			b.openIn(target, prefix, unix.O_PATH, resolve)
			break
		}
		parent = b.newReg()
		b.openIn(parent, prefix, unix.O_PATH|unix.O_DIRECTORY, resolve)
	}
	b.place(done)
	return target
}
