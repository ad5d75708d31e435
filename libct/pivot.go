package libct

import "golang.org/x/sys/unix"

// pivot_root(2): the container's rootfs becomes "/", and the host's tree,
// which is then mounted on top of it, is detached. chroot(2) alone would
// leave the host's mounts in the namespace, one fchdir away from any process
// with an open directory.

func (b *builder) pivot() {
	b.makeWorkDirectory()
	b.rootAttributes()
	mountNS, _ := b.namespace("mount")
	switch {
	case mountNS == nil:
		b.step(Child, "chroot", "/root/path", "no mount namespace of its own: nothing to pivot; chroot(2)")
		b.closeList()
		b.op(unix.SYS_FCHDIR, b.root.arg())
		b.op(unix.SYS_CHROOT, b.str("."))
	case b.req.NoPivot:
		// For a root on a ramdisk, which cannot be pivoted away: the rootfs
		// is moved over "/" instead. The host's mounts stay below it.
		b.step(Child, "move root", "", "--no-pivot: a rootfs (ramdisk) root cannot be pivoted; mount_namespaces(7)")
		b.op(unix.SYS_FCHDIR, b.root.arg())
		b.op(unix.SYS_MOVE_MOUNT, b.root.arg(), b.str(""), n(unix.AT_FDCWD), b.str("/"), n(unix.MOVE_MOUNT_F_EMPTY_PATH))
		b.op(unix.SYS_CHROOT, b.str("."))
	default:
		b.step(Child, "pivot_root", "/root/path", "with \".\" twice the old root ends up on top of the new one, where umount2(2) finds it; pivot_root(2)")
		flag, _, _ := propagation(b.linux().RootfsPropagation)
		old := b.name(b.newReg(), "old")
		if flag != unix.MS_SLAVE {
			b.op(unix.SYS_OPENAT, n(unix.AT_FDCWD), b.str("/"), n(unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC)).to(old)
		}
		b.op(unix.SYS_FCHDIR, b.root.arg())
		b.op(unix.SYS_PIVOT_ROOT, b.str("."), b.str("."))
		if flag != unix.MS_SLAVE {
			// The host's tree is still shared with the host: to detach it
			// here must not unmount it there.
			b.setPropagation(old.arg(), b.str(""), unix.MS_SLAVE, true, unix.AT_EMPTY_PATH)
			b.close(old)
		}
		b.op(unix.SYS_UMOUNT2, b.str("."), n(unix.MNT_DETACH))
	}
	b.op(unix.SYS_CHDIR, b.str("/"))
	if mountNS == nil || b.spec.Linux == nil {
		return
	}
	if flag, rec, _ := propagation(b.spec.Linux.RootfsPropagation); flag == unix.MS_SHARED || flag == unix.MS_UNBINDABLE {
		b.step(Child, "root propagation", "/linux/rootfsPropagation", "only now: before the pivot it would have reached the host")
		b.setPropagation(n(unix.AT_FDCWD), b.str("/"), flag, rec, 0)
	}
}

// makeWorkDirectory makes process.cwd if it is missing and the root is about
// to become read-only; otherwise entering it does.
func (b *builder) makeWorkDirectory() {
	p := b.spec.Process
	if p == nil || b.spec.Root == nil || !b.spec.Root.Readonly || relative(p.Cwd) == "." {
		return
	}
	b.step(Child, "make work directory", "/process/cwd", "while the root can still be written")
	b.close(b.makeIn(p.Cwd, false, inRoot))
}

// rootAttributes makes the root read-only, after all mount points have been
// made in it.
func (b *builder) rootAttributes() {
	if b.spec.Root == nil || !b.spec.Root.Readonly {
		return
	}
	b.step(Child, "read-only root", "/root/readonly", "the mount, not the filesystem: what is mounted below keeps its own flags; mount_setattr(2)")
	b.op(unix.SYS_MOUNT_SETATTR, b.root.arg(), b.str(""), n(unix.AT_EMPTY_PATH), b.words(unix.MOUNT_ATTR_RDONLY, 0, 0, 0), n(32))
}
