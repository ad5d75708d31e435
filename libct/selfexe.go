package libct

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"stave/specs"
)

// The runtime's own binary is, for a moment, the executable of a process in
// the container: from clone to execve, and longer if the container can make
// it execute /proc/self/exe. Through that link a container with the host's
// root could write to the file on the host (CVE-2019-5736). So commands that
// enter a container first execute themselves again from a private read-only
// mount of their own binary: the link then leads to that mount, which nothing
// can make writable, and which is in nobody's mount table.

// Seal returns at once if our executable is sealed, and otherwise executes it
// again, sealed; then it does not return. It also makes us undumpable, so that
// nothing in a container may look into our memory or through our links.
func Seal() error {
	unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	const self = "/proc/self/exe"
	var st unix.Statfs_t
	if err := unix.Statfs(self, &st); err != nil {
		return &specs.Error{Syscall: "statfs", Path: self, Errno: err.(unix.Errno), Hint: "stave needs /proc"}
	}
	if st.Flags&unix.ST_RDONLY != 0 || sealedMemfd(&st) {
		return nil
	}
	if err := readOnlyMount(self); err != nil {
		if err := memfdCopy(self); err != nil {
			return &specs.Error{Step: "seal", Syscall: "execveat", Path: self, Errno: err.(unix.Errno),
				Hint: "the runtime's binary must not be writable from a container"}
		}
	}
	return nil // not reached: one of the two has replaced us
}

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
	envp, err := syscall.SlicePtrFromStrings(os.Environ())
	if err != nil {
		return unix.EINVAL
	}
	empty, _ := unix.BytePtrFromString("")
	_, _, e := unix.Syscall6(unix.SYS_EXECVEAT, uintptr(fd), uintptr(unsafe.Pointer(empty)), uintptr(unsafe.Pointer(&argv[0])),
		uintptr(unsafe.Pointer(&envp[0])), unix.AT_EMPTY_PATH, 0)
	return e
}
