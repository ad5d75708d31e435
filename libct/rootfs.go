package libct

import (
	"path"

	"golang.org/x/sys/unix"
)

// The rootfs becomes a mount of its own, so that pivot_root(2) accepts it as
// the new root. Until then the child sees the host's tree, in a mount
// namespace that passes nothing back to the host.

// propagation maps the values of rootfsPropagation.
func propagation(name string) (flag uint64, recursive, ok bool) {
	switch name {
	case "shared":
		return unix.MS_SHARED, false, true
	case "rshared":
		return unix.MS_SHARED, true, true
	case "slave":
		return unix.MS_SLAVE, false, true
	case "rslave", "":
		return unix.MS_SLAVE, true, true
	case "private":
		return unix.MS_PRIVATE, false, true
	case "rprivate":
		return unix.MS_PRIVATE, true, true
	case "unbindable":
		return unix.MS_UNBINDABLE, false, true
	case "runbindable":
		return unix.MS_UNBINDABLE, true, true
	}
	return 0, false, false
}

// setPropagation is mount_setattr(2) with nothing but a propagation type.
func (b *builder) setPropagation(dir, name arg, flag uint64, recursive bool, flags uint64) *opRef {
	if recursive {
		flags |= unix.AT_RECURSIVE
	}
	return b.op(unix.SYS_MOUNT_SETATTR, dir, name, u(flags), b.words(0, 0, flag, 0), n(32))
}

func (b *builder) rootfs() {
	mountNS, _ := b.namespace("mount")
	if mountNS == nil {
		b.root = b.name(b.newReg(), "root")
		b.step(Child, "open rootfs", "/root/path", "without a mount namespace the container can only be confined with chroot(2)")
		b.op(unix.SYS_OPENAT, n(unix.AT_FDCWD), b.str(b.rootPath()), n(unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC)).to(b.root)
		return
	}
	name := b.spec.Linux.RootfsPropagation
	flag, rec, _ := propagation(name)
	b.step(Child, "mount propagation", "/linux/rootfsPropagation",
		"the namespace starts as a copy whose mounts still tell the host's of every change; mount_namespaces(7)")
	b.setPropagation(n(unix.AT_FDCWD), b.str("/"), flag, rec, 0)
	if !rec || flag == unix.MS_SHARED || flag == unix.MS_UNBINDABLE {
		// The mount that the rootfs stands on must not be shared, or our
		// own mount would appear on the host and pivot_root would refuse.
		// It is the nearest ancestor that is a mount: EINVAL says it is not.
		done := b.label()
		for p := b.rootPath(); ; p = path.Dir(p) {
			r := b.setPropagation(n(unix.AT_FDCWD), b.str(p), unix.MS_PRIVATE, false, 0).on(ruleOK, done)
			if p == "/" {
				break
			}
			r.ignore(uint16(unix.EINVAL))
		}
		b.place(done)
	}

	b.root = b.name(b.newReg(), "root")
	b.step(Child, "rootfs", "/root/path", "pivot_root(2) wants a mount, so the directory is cloned as one and put over itself; open_tree(2)")
	b.op(unix.SYS_OPEN_TREE, n(unix.AT_FDCWD), b.str(b.rootPath()), n(unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)).to(b.root)
	b.op(unix.SYS_MOVE_MOUNT, b.root.arg(), b.str(""), n(unix.AT_FDCWD), b.str(b.rootPath()), n(unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_SYMLINKS))
}

// rootPath is the absolute path of the rootfs on the host.
func (b *builder) rootPath() string {
	return absolute(b.req.Bundle, b.spec.Root.Path)
}

// absolute resolves a path of the configuration against the bundle.
func absolute(bundle, p string) string {
	if path.IsAbs(p) {
		return path.Clean(p)
	}
	return path.Join(bundle, p)
}
