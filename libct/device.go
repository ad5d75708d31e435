package libct

import (
	"os"
	"path"
	"strings"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Devices: the nodes that every Linux program may count on (config-linux.md,
// "Default Devices"), then those of the configuration, then the links of
// /dev. mknod(2) needs CAP_MKNOD in the initial user namespace; in another
// the host's node is bound over an empty file instead.

type device struct {
	path         string
	mode         uint32 // with the type bits of mknod(2)
	major, minor uint32
	uid, gid     uint32
	field        string
}

// hasDev says whether the runtime fills /dev: not if the host's is bound there.
func (b *builder) hasDev() bool {
	for i := range b.spec.Mounts {
		m := &b.spec.Mounts[i]
		if path.Clean(m.Destination) == "/dev" && isBind(m) {
			return false
		}
	}
	return true
}

func defaultDevices() []device {
	chr := func(name string, major, minor uint32) device {
		return device{path: "/dev/" + name, mode: unix.S_IFCHR | 0o666, major: major, minor: minor}
	}
	return []device{
		chr("null", 1, 3), chr("zero", 1, 5), chr("full", 1, 7),
		chr("random", 1, 8), chr("urandom", 1, 9), chr("tty", 5, 0),
	}
}

func configuredDevice(d *rspec.LinuxDevice, field string) device {
	out := device{path: path.Clean(d.Path), major: uint32(d.Major), minor: uint32(d.Minor), field: field}
	mode := os.FileMode(0o666)
	if d.FileMode != nil {
		mode = *d.FileMode
	}
	out.mode = uint32(mode & 0o7777)
	switch d.Type {
	case "b":
		out.mode |= unix.S_IFBLK
	case "p":
		out.mode |= unix.S_IFIFO
	default: // c and u
		out.mode |= unix.S_IFCHR
	}
	if d.UID != nil {
		out.uid = *d.UID
	}
	if d.GID != nil {
		out.gid = *d.GID
	}
	return out
}

func (b *builder) devices() {
	if !b.hasDev() {
		return
	}
	list := defaultDevices()
	if b.spec.Linux != nil {
		for i := range b.spec.Linux.Devices {
			d := configuredDevice(&b.spec.Linux.Devices[i], pointer("/linux/devices", i))
			replaced := false
			for j := range list {
				if list[j].path == d.path {
					list[j], replaced = d, true
				}
			}
			if !replaced {
				list = append(list, d)
			}
		}
	}
	b.step(Child, "open /dev", "", "device nodes are made below its fd, wherever the image's links lead")
	dev := b.name(b.makeIn("/dev", false, inRoot), "dev")
	for i := range list {
		b.device(dev, &list[i])
	}
	b.devLinks(dev)
	b.step(Child, "close /dev", "", "the fd has served")
	b.close(dev)
}

func (b *builder) device(dev Reg, d *device) {
	why := "every container has it; config-linux.md, Default Devices"
	if d.field != "" {
		why = "mknod(2), or a bind of the host's node where a user namespace forbids it"
	}
	b.step(Child, "device "+d.path, d.field, why)
	dir, name := dev, strings.TrimPrefix(d.path, "/dev/")
	own := name == d.path || strings.Contains(name, "/")
	if own {
		dir, name = b.makeIn(path.Dir(d.path), false, inRoot), path.Base(d.path)
	}
	if b.inUserNS() && d.mode&unix.S_IFMT != unix.S_IFIFO {
		b.bindDevice(dir, name, d.path)
	} else {
		b.makeDevice(dir, name, d)
	}
	if own {
		b.close(dir)
	}
}

// makeDevice makes the node, in place of whatever the image has there.
func (b *builder) makeDevice(dir Reg, name string, d *device) {
	made := b.label()
	node := unix.Mkdev(d.major, d.minor)
	b.op(unix.SYS_MKNODAT, dir.arg(), b.str(name), u(uint64(d.mode)), u(node)).on(ruleOK, made).ignore(uint16(unix.EEXIST))
	b.op(unix.SYS_UNLINKAT, dir.arg(), b.str(name), n(0))
	b.op(unix.SYS_MKNODAT, dir.arg(), b.str(name), u(uint64(d.mode)), u(node))
	b.place(made)
	if d.uid != 0 || d.gid != 0 {
		b.op(unix.SYS_FCHOWNAT, dir.arg(), b.str(name), u(uint64(d.uid)), u(uint64(d.gid)), n(unix.AT_SYMLINK_NOFOLLOW))
	}
}

// bindDevice puts the host's node over an empty file.
func (b *builder) bindDevice(dir Reg, name, host string) {
	node, target := b.newReg(), b.newReg()
	b.op(unix.SYS_OPEN_TREE, n(unix.AT_FDCWD), b.str(host), n(unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)).to(node)
	b.op(unix.SYS_MKNODAT, dir.arg(), b.str(name), n(unix.S_IFREG|0o600), n(0)).ignore(uint16(unix.EEXIST))
	b.op(unix.SYS_OPENAT, dir.arg(), b.str(name), n(unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC)).to(target)
	b.moveMount(node, target)
	b.close(target)
	b.close(node)
}

// inUserNS says that mknod(2) cannot work.
func (b *builder) inUserNS() bool {
	ns, _ := b.namespace(rspec.UserNamespace)
	return ns != nil || b.host.UserNS
}

// devLinks makes the symbolic links that programs expect in /dev
// (config-linux.md, "Dev symbolic links"), and /dev/ptmx, which must lead to
// the container's own devpts.
func (b *builder) devLinks(dev Reg) {
	b.step(Child, "links in /dev", "", "programs reach their own descriptors through them; config-linux.md, Dev symbolic links")
	for _, l := range [...][2]string{{"/proc/self/fd", "fd"}, {"/proc/self/fd/0", "stdin"}, {"/proc/self/fd/1", "stdout"}, {"/proc/self/fd/2", "stderr"}} {
		b.op(unix.SYS_SYMLINKAT, b.str(l[0]), dev.arg(), b.str(l[1])).ignore(uint16(unix.EEXIST))
	}
	if b.host.KCore {
		b.op(unix.SYS_SYMLINKAT, b.str("/proc/kcore"), dev.arg(), b.str("core")).ignore(uint16(unix.EEXIST))
	}
	b.op(unix.SYS_UNLINKAT, dev.arg(), b.str("ptmx"), n(0)).ignore(uint16(unix.ENOENT))
	b.op(unix.SYS_SYMLINKAT, b.str("pts/ptmx"), dev.arg(), b.str("ptmx"))
}
