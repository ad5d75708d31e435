package libct

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"stave/libct/entry"
	"stave/specs"
)

// The runtime's own binary is, for a moment, the executable of a process in
// the container: from clone to execve, and longer if the container can make
// it execute /proc/self/exe. Through that link a container with the host's
// root could write to the file on the host (CVE-2019-5736). So commands that
// enter a container first execute themselves again from a private read-only
// mount of their own binary: the link then leads to that mount, which nothing
// can make writable, and which is in nobody's mount table.

// selfExe is a link to the file that we execute.
const selfExe = "/proc/self/exe"

// Undumpable keeps every process of a container from looking into our memory
// or through our links, unless it has CAP_SYS_PTRACE in our user namespace.
func Undumpable() { unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }

// Sealed says that nothing can write our binary through /proc/PID/exe: it is
// on a read-only mount, or the sealed copy.
func Sealed() bool {
	var st unix.Statfs_t
	if err := unix.Statfs(selfExe, &st); err != nil {
		return false
	}
	return st.Flags&unix.ST_RDONLY != 0 || sealedMemfd(&st)
}

// noExecMemfd reads vm.memfd_noexec: with 2 no file in memory is executable.
func noExecMemfd() bool {
	b, err := readSmall("/proc/sys/vm/memfd_noexec", 8)
	return err == nil && len(b) > 0 && b[0] == '2'
}

// suidDumpable reads fs.suid_dumpable, proc_sys_fs(5): with 1 a process is
// dumpable again once it has changed its ids, and with it its memory.
func suidDumpable() bool {
	b, err := readSmall("/proc/sys/fs/suid_dumpable", 8)
	return err != nil || len(b) > 0 && b[0] == '1'
}

// Seal executes us again from a sealed binary; it returns only on an error. A
// plan that does not end in the stub needs it.
func Seal() error {
	if err := readOnlyMount(selfExe); err != nil {
		if err := memfdCopy(selfExe); err != nil {
			return &specs.Error{Step: "seal", Syscall: "execveat", Path: selfExe, Errno: err.(unix.Errno),
				Hint: "the runtime's binary must not be writable from a container"}
		}
	}
	return nil // not reached: one of the two has replaced us
}

// NeedsSeal says that the plan must not be executed by an unsealed runtime.
func (p *Plan) NeedsSeal() bool { return p.stub == 0 && !p.sealed }

// readOnlyMount clones the mount of our binary, detached, makes the clone
// read-only and executes the binary from it.
func readOnlyMount(self string) error {
	fd, err := unix.OpenTree(unix.AT_FDCWD, self, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return err
	}
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID}
	if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &attr); err != nil {
		unix.Close(fd)
		return err
	}
	err = execFD(fd)
	unix.Close(fd)
	return err
}

const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE

// memfdCopy is for those who may not make mounts: a copy in memory that the
// kernel promises to leave as it is.
func memfdCopy(self string) error {
	src, err := unix.Open(self, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(src)
	dst, err := unix.MemfdCreate("stave", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return err
	}
	defer unix.Close(dst)
	for {
		n, err := unix.Sendfile(dst, src, nil, 1<<30)
		if err != nil && err != unix.EINTR {
			return err
		}
		if n == 0 && err == nil {
			break
		}
	}
	unix.Fchmod(dst, 0o500)
	if _, err := unix.FcntlInt(uintptr(dst), unix.F_ADD_SEALS, seals); err != nil {
		return err
	}
	return execFD(dst)
}

// sealedMemfd recognises the copy.
func sealedMemfd(st *unix.Statfs_t) bool {
	if int64(st.Type) != unix.TMPFS_MAGIC {
		return false
	}
	fd, err := unix.Open("/proc/self/exe", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	got, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	return err == nil && got&seals == seals
}

// execFD executes the file behind a descriptor with our own arguments and
// environment. The soft limit of open files goes back to what it was, so that
// the new process finds it as the caller had it.
func execFD(fd int) error {
	limit := unix.Rlimit{Cur: noFile().Cur, Max: noFile().Max}
	if limit.Max != 0 {
		unix.Prlimit(0, unix.RLIMIT_NOFILE, &limit, nil)
	}
	argv, err := syscall.SlicePtrFromStrings(os.Args)
	if err != nil {
		return unix.EINVAL
	}
	envp, err := syscall.SlicePtrFromStrings(entry.Strip(os.Environ()))
	if err != nil {
		return unix.EINVAL
	}
	empty, _ := unix.BytePtrFromString("")
	_, _, e := unix.Syscall6(unix.SYS_EXECVEAT, uintptr(fd), uintptr(unsafe.Pointer(empty)), uintptr(unsafe.Pointer(&argv[0])),
		uintptr(unsafe.Pointer(&envp[0])), unix.AT_EMPTY_PATH, 0)
	return e
}
