package libct

import (
	"encoding/binary"
	"path"
	"strconv"
	"strings"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/libct/cgroup"
	"stave/libct/quick"
	"stave/specs"
)

// A container without a mount namespace has its mounts in the runtime's, where
// they stay until somebody unmounts them. Their names say little by then: a
// destination may lead through links, and the container may have exchanged
// those, or moved the directory, which takes the mount along. So the child
// writes down the identity of each mount while nobody can see it yet, and
// delete asks the kernel where that mount is now.

const mountsFile = quick.MountsFile

// listedMount is what the child writes: the number by which mountinfo knows a
// mount, and the one that is never given twice (statx(2), since Linux 6.8;
// before, the first again).
type listedMount struct{ id, unique uint64 }

const listedSize = 16

// mountList opens the file for the child. It is a line of the record that grows.
func (b *builder) mountList() {
	ns, _ := b.namespace(rspec.MountNamespace)
	p := b.spec.Process
	if ns != nil || len(b.spec.Mounts) == 0 && (p == nil || !p.Terminal) {
		return
	}
	b.list = b.name(b.newReg(), "mounts")
	b.step(Parent, "list of mounts", "/mounts", "they are made where the runtime lives, and delete must find them wherever they are by then; mount_namespaces(7)")
	b.op(unix.SYS_OPENAT, n(unix.AT_FDCWD), b.str(b.req.stateDir()+"/"+mountsFile), n(unix.O_WRONLY|unix.O_CREAT|unix.O_APPEND|unix.O_CLOEXEC), n(0o600)).to(b.list)
}

// moveMount attaches a complete mount to its mount point.
func (b *builder) moveMount(tree, target Reg) {
	if b.list != 0 {
		const mountID = 0x90 // of stx_mnt_id in struct statx
		var ids [2]uint64
		for i, mask := range [...]int{unix.STATX_MNT_ID, unix.STATX_MNT_ID_UNIQUE} {
			buf := b.bytes(make([]byte, 256))
			b.op(unix.SYS_STATX, tree.arg(), b.str(""), n(unix.AT_EMPTY_PATH), n(mask), at(buf))
			ids[i] = buf + mountID
		}
		iov := b.words(ids[0], 8, ids[1], 8)
		b.relocs = append(b.relocs, int(iov.val), int(iov.val)+16)
		b.op(unix.SYS_WRITEV, b.list.arg(), iov, n(2)).want(listedSize)
	}
	b.op(unix.SYS_MOVE_MOUNT, tree.arg(), b.str(""), target.arg(), b.str(""), n(attach))
}

// closeList ends it: what the container mounts itself is its own affair.
func (b *builder) closeList() {
	if b.list != 0 {
		b.close(b.list)
	}
}

// unmountListed takes away the mounts of the list, the last first. Without a list
// there are none, and those of another boot are gone.
func unmountListed(l *stateLock, rec *specs.Record) error {
	data, err := l.readFile(mountsFile)
	if err == unix.ENOENT || rec.BootID != "" && rec.BootID != bootID() {
		return nil
	}
	if err != nil {
		return &specs.Error{ID: l.id, Syscall: "openat", Path: l.root + "/" + l.id + "/" + mountsFile, Errno: err.(unix.Errno)}
	}
	for end := len(data) / listedSize * listedSize; end > 0; end -= listedSize {
		m := listedMount{binary.NativeEndian.Uint64(data[end-16:]), binary.NativeEndian.Uint64(data[end-8:])}
		if err := m.unmount(); err != nil {
			err.ID = l.id
			return err
		}
	}
	return nil
}

// unmount detaches the mount with all that is mounted in it. Something may be
// mounted on top of it, which goes first. A mount that is not in our namespace
// is none that we could unmount.
func (m listedMount) unmount() *specs.Error {
	for range 1000 {
		table, err := readMounts()
		if err != nil {
			return &specs.Error{Syscall: "open", Path: mountinfo, Errno: err.(unix.Errno)}
		}
		own, there := table[m.id]
		if !there {
			return nil
		}
		if more, err := m.unmountTop(own.point, table); err != nil || !more {
			return err
		}
	}
	return nil
}

// unmountTop unmounts what is to be seen at the mount point if that is m or
// stands on it, and says whether m may be still there.
func (m listedMount) unmountTop(point string, table map[uint64]mountEntry) (more bool, _ *specs.Error) {
	fail := func(call string, err error) *specs.Error {
		return &specs.Error{Syscall: call, Path: point, Errno: err.(unix.Errno)}
	}
	dir, err := unix.Openat2(unix.AT_FDCWD, path.Dir(point), &unix.OpenHow{Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS})
	if err == unix.ENOENT || err == unix.ENOTDIR {
		return false, nil // something else is mounted further up, and hides it
	}
	if err != nil {
		return false, fail("openat2", err)
	}
	defer unix.Close(dir)
	name := path.Base(point)
	top, err := identify(dir, name)
	if err == unix.ENOENT {
		return false, nil
	}
	if err != nil {
		return false, fail("statx", err)
	}
	if top.id == m.id && top.unique != m.unique || !stands(top.id, m.id, table) {
		return false, nil // the number is another's by now
	}
	// umount2(2) takes no descriptor, but a name in the directory we are in.
	here, err := unix.Open(".", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false, fail("open", err)
	}
	defer unix.Close(here)
	if err := unix.Fchdir(dir); err != nil {
		return false, fail("fchdir", err)
	}
	defer unix.Fchdir(here)
	if err := unix.Unmount(name, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil && err != unix.EINVAL {
		return false, fail("umount2", err)
	}
	return top.id != m.id, nil
}

func identify(dir int, name string) (m listedMount, err error) {
	var st unix.Statx_t
	const how = unix.AT_SYMLINK_NOFOLLOW | unix.AT_NO_AUTOMOUNT
	if err := unix.Statx(dir, name, how, unix.STATX_MNT_ID, &st); err != nil {
		return m, err
	}
	m.id = st.Mnt_id
	err = unix.Statx(dir, name, how, unix.STATX_MNT_ID_UNIQUE, &st)
	m.unique = st.Mnt_id
	return m, err
}

// stands says that the mount top is base, or on it, or on what is.
func stands(top, base uint64, table map[uint64]mountEntry) bool {
	for range len(table) + 1 {
		if top == base {
			return true
		}
		e, ok := table[top]
		if !ok {
			return false
		}
		top = e.parent
	}
	return false
}

const mountinfo = "/proc/self/mountinfo"

type mountEntry struct {
	parent uint64
	point  string // absolute
}

// readMounts reads proc_pid_mountinfo(5).
func readMounts() (map[uint64]mountEntry, error) {
	data, err := readSmall(mountinfo, 64<<20)
	if err != nil {
		return nil, err
	}
	table := make(map[uint64]mountEntry)
	for _, line := range strings.Split(string(data), "\n") {
		f := strings.SplitN(line, " ", 6)
		if len(f) < 6 {
			continue
		}
		id, err1 := strconv.ParseUint(f[0], 10, 64)
		parent, err2 := strconv.ParseUint(f[1], 10, 64)
		if err1 == nil && err2 == nil {
			table[id] = mountEntry{parent, cgroup.Unescape(f[4])}
		}
	}
	return table, nil
}
