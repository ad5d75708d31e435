package libct

import (
	"golang.org/x/sys/unix"
)

// Masked and read-only paths: parts of procfs and sysfs that a container must
// not see or change. They are mounts, made by fd while the rootfs is still an
// ordinary part of our tree. A path that does not exist needs no mask.

const attach = unix.MOVE_MOUNT_F_EMPTY_PATH | unix.MOVE_MOUNT_T_EMPTY_PATH

func (b *builder) readonlyPaths() {
	if b.spec.Linux == nil {
		return
	}
	for i, p := range b.spec.Linux.ReadonlyPaths {
		b.step(Child, "read-only "+p, pointer("/linux/readonlyPaths", i), "a read-only bind of the path over itself; mount_setattr(2)")
		target, tree := b.newReg(), b.newReg()
		absent := b.label()
		b.openIn(target, p, unix.O_PATH, inRoot).on(uint16(unix.ENOENT), absent).on(uint16(unix.ENOTDIR), absent)
		b.op(unix.SYS_OPEN_TREE, target.arg(), b.str(""), n(unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE|unix.AT_EMPTY_PATH)).to(tree)
		b.op(unix.SYS_MOUNT_SETATTR, tree.arg(), b.str(""), n(unix.AT_EMPTY_PATH|unix.AT_RECURSIVE), b.words(unix.MOUNT_ATTR_RDONLY, 0, 0, 0), n(32))
		b.op(unix.SYS_MOVE_MOUNT, tree.arg(), b.str(""), target.arg(), b.str(""), n(attach))
		b.close(tree)
		b.close(target)
		b.place(absent)
	}
}

func (b *builder) maskedPaths() {
	if b.spec.Linux == nil || len(b.spec.Linux.MaskedPaths) == 0 {
		return
	}
	// The host's own /dev/null: the one in the rootfs is whatever the image
	// or a volume makes of it (CVE-2025-31133).
	b.step(Child, "open /dev/null", "/linux/maskedPaths", "the host's, because the image's may be anything; null(4)")
	null := b.name(b.newReg(), "null")
	b.op(unix.SYS_OPENAT, n(unix.AT_FDCWD), b.str("/dev/null"), n(unix.O_PATH|unix.O_CLOEXEC)).to(null)
	for i, p := range b.spec.Linux.MaskedPaths {
		b.step(Child, "mask "+p, pointer("/linux/maskedPaths", i), "a file disappears behind /dev/null, a directory behind an empty read-only tmpfs")
		target, tree, fs := b.newReg(), b.newReg(), b.newReg()
		absent, isFile, done := b.label(), b.label(), b.label()
		// Which of the two it is must be known before a mount is made: to
		// drop one that was never attached costs an RCU grace period.
		b.openIn(target, p, unix.O_PATH|unix.O_DIRECTORY, inRoot).on(uint16(unix.ENOENT), absent).on(uint16(unix.ENOTDIR), isFile)
		b.op(unix.SYS_FSOPEN, b.str("tmpfs"), n(unix.FSOPEN_CLOEXEC)).to(fs)
		b.fsconfig(fs, unix.FSCONFIG_SET_STRING, "source", b.str("tmpfs"))
		b.fsconfig(fs, unix.FSCONFIG_SET_FLAG, "ro", n(0))
		b.mountLabel(fs)
		b.fsconfig(fs, unix.FSCONFIG_CMD_CREATE, "", n(0))
		b.op(unix.SYS_FSMOUNT, fs.arg(), n(unix.FSMOUNT_CLOEXEC), n(unix.MOUNT_ATTR_RDONLY)).to(tree).flag(opLog)
		b.close(fs)
		b.op(opMove, n(0)).on(ruleOK, done)
		b.place(isFile)
		// ENOTDIR may also mean that a component above is a file: then the
		// path does not exist either.
		b.openIn(target, p, unix.O_PATH, inRoot).on(uint16(unix.ENOTDIR), absent).on(uint16(unix.ENOENT), absent)
		b.op(unix.SYS_OPEN_TREE, null.arg(), b.str(""), n(unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH)).to(tree)
		b.place(done)
		b.op(unix.SYS_MOVE_MOUNT, tree.arg(), b.str(""), target.arg(), b.str(""), n(attach))
		b.close(tree)
		b.close(target)
		b.place(absent)
	}
	b.close(null)
}
