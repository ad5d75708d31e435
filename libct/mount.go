package libct

import (
	"path"
	"strconv"
	"strings"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/specs"
)

// The mounts of the configuration. Each is made detached, gets its
// attributes, and is attached to the fd of its mount point only when it is
// complete: no half-made mount is ever visible, and no path is walked twice.

func isBind(m *rspec.Mount) bool { return specs.IsBind(m) }

func (b *builder) mounts() {
	for i := range b.spec.Mounts {
		m := &b.spec.Mounts[i]
		field := pointer("/mounts", i)
		opts, err := specs.ParseMountOptions(m.Options)
		if err != nil {
			b.fail(field+"/options", err.Error(), "", specs.ErrInvalid)
			return
		}
		if relative(m.Destination) == "." {
			b.fail(field+"/destination", "a mount over the root of the container", "make it the rootfs (/root/path) instead", specs.ErrUnsupported)
			return
		}
		if !b.procMountAllowed(m, field) {
			return
		}
		if opts.TmpCopyUp && m.Type != "tmpfs" {
			b.fail(field+"/options", "tmpcopyup on a filesystem that is not tmpfs", "", specs.ErrInvalid)
			return
		}
		switch {
		case opts.Remount && !isBind(m):
			b.remount(m, &opts, field)
		case isBind(m):
			b.bindMount(m, &opts, field, i)
		case m.Type == "cgroup" || m.Type == "cgroup2":
			b.cgroupMount(m, &opts, field)
		default:
			b.fsMount(m, &opts, field)
		}
	}
}

// procFiles are the files below /proc that may be covered: lxcfs and the like
// do it to show a container's own numbers. Everything else there is what
// security labels and sysctls go through.
var procFiles = [...]string{"cpuinfo", "diskstats", "meminfo", "stat", "swaps", "uptime", "loadavg", "slabinfo", "net/dev",
	"sys/kernel/ns_last_pid", "sys/crypto/fips_enabled"}

// procMountAllowed refuses what would put a file of the image's choice where
// the kernel's is believed to be (CVE-2019-16884).
func (b *builder) procMountAllowed(m *rspec.Mount, field string) bool {
	dest := relative(m.Destination)
	if dest == "proc" {
		if m.Type == "proc" && !isBind(m) || isBind(m) && b.host.ProcSources[absolute(b.req.Bundle, m.Source)] {
			return true
		}
		b.fail(field+"/destination", "only a procfs can be mounted on /proc", "use type proc, or bind a procfs", specs.ErrInvalid)
		return false
	}
	below, ok := strings.CutPrefix(dest, "proc/")
	if !ok {
		return true
	}
	for _, name := range procFiles {
		if below == name {
			return true
		}
	}
	b.fail(field+"/destination", "a mount inside /proc could stand in for the kernel's own files", "allowed are "+strings.Join(procFiles[:], ", "), specs.ErrInvalid)
	return false
}

// resolveFor says how strictly a destination is resolved. procfs and sysfs
// are what the runtime and the container trust to be the kernel's word: a
// link to another place is refused (CVE-2019-19921, CVE-2023-27561).
func resolveFor(m *rspec.Mount) uint64 {
	if m.Type == "proc" || m.Type == "sysfs" {
		return noSymlinks
	}
	return inRoot
}

// bindMount clones a tree of the host, or a part of it, into the container.
func (b *builder) bindMount(m *rspec.Mount, opts *specs.MountOptions, field string, i int) {
	b.step(Child, "mount "+m.Destination, field, "a clone of the host's mount, given its own attributes before anybody sees it; open_tree(2)")
	source := absolute(b.req.Bundle, m.Source)
	tree, opened := b.sources[i]
	if !opened {
		tree = b.newReg()
		b.openTree(tree, source, opts)
	}
	b.attributes(tree, opts)
	file := b.host.Sources[source]&unix.S_IFMT != unix.S_IFDIR
	b.attachTo(tree, m, opts, file)
}

func (b *builder) openTree(tree Reg, source string, opts *specs.MountOptions) {
	flags := unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC
	if opts.Rec {
		flags |= unix.AT_RECURSIVE
	}
	if opts.SrcNofollow {
		flags |= unix.AT_SYMLINK_NOFOLLOW
	}
	b.op(unix.SYS_OPEN_TREE, n(unix.AT_FDCWD), b.str(source), n(flags)).to(tree)
}

// bindSources opens, in the parent, those sources that the child could not:
// from inside a user namespace the host's directories may be closed to it.
// Mounts with mapped ids are prepared here too: that takes the rights of
// the filesystem's owner.
func (b *builder) bindSources() {
	b.sources = make(map[int]Reg)
	userNS, _ := b.namespace(rspec.UserNamespace)
	for i := range b.spec.Mounts {
		m := &b.spec.Mounts[i]
		opts, err := specs.ParseMountOptions(m.Options)
		if err != nil || !isBind(m) {
			continue
		}
		mapped := opts.IDMap || opts.RIDMap || len(m.UIDMappings) > 0
		if userNS == nil && !mapped {
			continue
		}
		tree := b.newReg()
		b.sources[i] = tree
		field := pointer("/mounts", i)
		b.step(Parent, "open source of "+m.Destination, field, "by the runtime, because the user namespace may not reach it; open_tree(2)")
		b.openTree(tree, absolute(b.req.Bundle, m.Source), &opts)
		if mapped {
			b.mapMount(tree, m, &opts, field)
		}
	}
}

// mapMount gives a detached mount its id mapping: a user namespace that
// exists for nothing else, or that of the container.
func (b *builder) mapMount(tree Reg, m *rspec.Mount, opts *specs.MountOptions, field string) {
	uids, gids := m.UIDMappings, m.GIDMappings
	if len(uids) == 0 && b.spec.Linux != nil {
		uids, gids = b.spec.Linux.UIDMappings, b.spec.Linux.GIDMappings
	}
	ns := b.newReg()
	b.call("id map of "+m.Destination, field+"/uidMappings", "an idmapped mount takes its mapping from a user namespace; mount_setattr(2)",
		[]string{"clone3({flags=CLONE_NEWUSER})", "write /proc/PID/uid_map, gid_map", "openat /proc/PID/ns/user"},
		func(c *Create) error { return c.mappingNamespace(ns, uids, gids) })
	flags := unix.AT_EMPTY_PATH
	if opts.RIDMap {
		flags |= unix.AT_RECURSIVE
	}
	b.step(Parent, "map ids of "+m.Destination, field+"/uidMappings", "files keep their owners on disk and show the container's ids; mount_setattr(2)")
	at := b.words(unix.MOUNT_ATTR_IDMAP, 0, 0, 0)
	b.op(opPoke, arg{argData, at.val + 24}, ns.arg())
	b.op(unix.SYS_MOUNT_SETATTR, tree.arg(), b.str(""), n(flags), at, n(32))
	b.close(ns)
}

// attributes sets the per-mount flags of a detached mount: those for the top
// mount alone, then those for the whole tree (options r*).
func (b *builder) attributes(tree Reg, opts *specs.MountOptions) {
	if opts.Flags != 0 || opts.Clear != 0 {
		b.op(unix.SYS_MOUNT_SETATTR, tree.arg(), b.str(""), n(unix.AT_EMPTY_PATH), b.words(opts.Flags, opts.Clear, 0, 0), n(32))
	}
	if opts.RecFlags != 0 || opts.RecClear != 0 {
		b.op(unix.SYS_MOUNT_SETATTR, tree.arg(), b.str(""), n(unix.AT_EMPTY_PATH|unix.AT_RECURSIVE), b.words(opts.RecFlags, opts.RecClear, 0, 0), n(32))
	}
}

// attachTo puts a complete mount on its mount point.
func (b *builder) attachTo(tree Reg, m *rspec.Mount, opts *specs.MountOptions, file bool) {
	target := b.makeIn(m.Destination, file, resolveFor(m))
	b.moveMount(tree, target)
	for _, p := range opts.Propagation {
		b.setPropagation(tree.arg(), b.str(""), p.Flag, p.Rec, unix.AT_EMPTY_PATH)
	}
	if b.pts != tree {
		b.close(tree)
	}
	b.close(target)
}

// fsMount makes a filesystem: tmpfs, proc, sysfs, devpts, mqueue, overlay...
func (b *builder) fsMount(m *rspec.Mount, opts *specs.MountOptions, field string) {
	for _, d := range opts.Data {
		if len(d) > 250 { // fsconfig(2) takes values of up to 255 bytes
			b.longMount(m, opts, field)
			return
		}
	}
	b.step(Child, "mount "+m.Destination, field, fsWhy(m.Type))
	tree := b.newReg()
	if mode, ok := b.host.DirModes[m.Destination]; ok && m.Type == "tmpfs" {
		opts.Data = append(opts.Data, "mode="+strconv.FormatUint(uint64(mode&0o7777), 8))
	}
	b.newFS(tree, m.Type, m.Source, opts)
	if m.Type == "devpts" && path.Clean(m.Destination) == "/dev/pts" {
		b.pts = tree // console.go opens its terminal here, through no path
	}
	if opts.RecFlags != 0 || opts.RecClear != 0 {
		b.attributes(tree, &specs.MountOptions{RecFlags: opts.RecFlags, RecClear: opts.RecClear})
	}
	if opts.TmpCopyUp {
		b.copyUp(tree, m, opts, field)
		return
	}
	b.attachTo(tree, m, opts, false)
}

// fsWhy explains the filesystems that every container has.
func fsWhy(fstype string) string {
	switch fstype {
	case "proc":
		return "a procfs shows the pid namespace of the process that makes it, so the child makes it; proc(5)"
	case "sysfs":
		return "a sysfs shows the network devices of its maker's network namespace; sysfs(5)"
	case "devpts":
		return "terminals of its own: newinstance and its ptmx; devpts in the kernel's filesystems documentation"
	case "mqueue":
		return "POSIX message queues belong to the ipc namespace; mq_overview(7)"
	case "tmpfs":
		return "an empty filesystem in memory; tmpfs(5)"
	case "overlay":
		return "layers as one tree; overlayfs in the kernel's filesystems documentation"
	}
	return "a filesystem made with the context API, which can say what it refuses; fsopen(2)"
}

// newFS makes a detached mount of a new filesystem instance.
func (b *builder) newFS(tree Reg, fstype, source string, opts *specs.MountOptions) {
	fs := b.newReg()
	b.op(unix.SYS_FSOPEN, b.str(fstype), n(unix.FSOPEN_CLOEXEC)).to(fs)
	if source == "" {
		source = fstype
	}
	b.fsconfig(fs, unix.FSCONFIG_SET_STRING, "source", b.str(source))
	for _, f := range opts.SBFlags {
		if fstype == "tmpfs" && f == "ro" {
			continue // the mount alone: what must be in it is yet to be made
		}
		b.fsconfig(fs, unix.FSCONFIG_SET_FLAG, f, n(0))
	}
	for _, d := range opts.Data {
		if key, value, ok := strings.Cut(d, "="); ok {
			b.fsconfig(fs, unix.FSCONFIG_SET_STRING, key, b.str(value))
		} else {
			b.fsconfig(fs, unix.FSCONFIG_SET_FLAG, d, n(0))
		}
	}
	b.mountLabel(fs)
	b.fsconfig(fs, unix.FSCONFIG_CMD_CREATE, "", n(0))
	b.op(unix.SYS_FSMOUNT, fs.arg(), n(unix.FSMOUNT_CLOEXEC), u(opts.Flags)).to(tree).flag(opLog)
	b.close(fs)
}

// fsconfig sets one parameter of a filesystem context.
func (b *builder) fsconfig(fs Reg, cmd int, key string, value arg) {
	k := n(0)
	if key != "" {
		k = b.str(key)
	}
	b.op(unix.SYS_FSCONFIG, fs.arg(), n(cmd), k, value, n(0)).flag(opLog)
}

// mountLabel passes linux.mountLabel to a new filesystem (SELinux).
func (b *builder) mountLabel(fs Reg) {
	if b.spec.Linux != nil && b.spec.Linux.MountLabel != "" && b.host.SELinux {
		b.fsconfig(fs, unix.FSCONFIG_SET_STRING, "context", b.str(b.spec.Linux.MountLabel))
	}
}

// longMount is mount(2) for options that the context API cannot take, such
// as the lowerdir of a deep overlay. The mount point is the directory that we
// are in, so there still is no path to walk.
func (b *builder) longMount(m *rspec.Mount, opts *specs.MountOptions, field string) {
	b.step(Child, "mount "+m.Destination, field, "an option longer than fsconfig(2) takes: mount(2), on the directory that we stand in")
	target := b.makeIn(m.Destination, false, resolveFor(m))
	if b.list != 0 {
		// What mount(2) makes has no identity before it is to be seen. It is
		// made in a mount that has one, and goes when that goes.
		under := b.newReg()
		b.op(unix.SYS_OPEN_TREE, target.arg(), b.str(""), n(unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH)).to(under)
		b.moveMount(under, target)
		b.close(target)
		target = under
	}
	b.op(unix.SYS_FCHDIR, target.arg())
	b.op(unix.SYS_MOUNT, b.str(m.Source), b.str("."), b.str(m.Type), n(unix.MS_SILENT), b.str(strings.Join(append(opts.SBFlags, opts.Data...), ",")))
	b.close(target)
	tree := b.newReg()
	b.openIn(tree, m.Destination, unix.O_PATH, inRoot)
	b.attributes(tree, opts)
	for _, p := range opts.Propagation {
		b.setPropagation(tree.arg(), b.str(""), p.Flag, p.Rec, unix.AT_EMPTY_PATH)
	}
	b.close(tree)
}

// remount changes what is mounted at the destination already.
func (b *builder) remount(m *rspec.Mount, opts *specs.MountOptions, field string) {
	b.step(Child, "remount "+m.Destination, field, "new parameters for the filesystem that is mounted there; fspick(2)")
	target, fs := b.newReg(), b.newReg()
	b.openIn(target, m.Destination, unix.O_PATH, inRoot)
	if len(opts.Data) > 0 || len(opts.SBFlags) > 0 {
		b.op(unix.SYS_FSPICK, target.arg(), b.str(""), n(unix.FSPICK_CLOEXEC|unix.FSPICK_EMPTY_PATH)).to(fs)
		for _, f := range opts.SBFlags {
			b.fsconfig(fs, unix.FSCONFIG_SET_FLAG, f, n(0))
		}
		for _, d := range opts.Data {
			key, value, ok := strings.Cut(d, "=")
			if ok {
				b.fsconfig(fs, unix.FSCONFIG_SET_STRING, key, b.str(value))
			} else {
				b.fsconfig(fs, unix.FSCONFIG_SET_FLAG, d, n(0))
			}
		}
		b.fsconfig(fs, unix.FSCONFIG_CMD_RECONFIGURE, "", n(0))
		b.close(fs)
	}
	b.attributes(target, opts)
	for _, p := range opts.Propagation {
		b.setPropagation(target.arg(), b.str(""), p.Flag, p.Rec, unix.AT_EMPTY_PATH)
	}
	b.close(target)
}

// copyUp fills a new tmpfs with what its mount point holds. The copying is
// the parent's: it has the fds of both, and ordinary Go to walk a tree.
func (b *builder) copyUp(tree Reg, m *rspec.Mount, opts *specs.MountOptions, field string) {
	target, from := b.makeIn(m.Destination, false, inRoot), b.newReg()
	b.openIn(from, m.Destination, unix.O_RDONLY|unix.O_DIRECTORY, inRoot)
	b.op(opShow, n(0), from.arg())
	b.op(opShow, n(1), tree.arg())
	b.call("copy up "+m.Destination, field+"/options", "tmpcopyup: the tmpfs starts with the files of the directory it covers",
		[]string{"pidfd_getfd both directories, copy the tree"}, (*Create).copyUp)
	b.step(Child, "attach "+m.Destination, field, "complete now; move_mount(2)")
	b.close(from)
	b.moveMount(tree, target)
	for _, p := range opts.Propagation {
		b.setPropagation(tree.arg(), b.str(""), p.Flag, p.Rec, unix.AT_EMPTY_PATH)
	}
	b.close(tree)
	b.close(target)
}
