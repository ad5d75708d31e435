package libct

import "golang.org/x/sys/unix"

// The system calls that plans are made of. One table serves explain, which
// spells their arguments, and errors, which name them.

type syscallInfo struct {
	nr   uint16
	name string
	args string // a letter for each argument, see below
}

// The letters: d number, f fd (or AT_FDCWD), s string, x flags, o mode in
// octal, p pointer to a structure, b buffer, v array of strings, D device.
var syscalls = [...]syscallInfo{
	{unix.SYS_CAPSET, "capset", "pp"},
	{unix.SYS_CHDIR, "chdir", "s"},
	{unix.SYS_CHROOT, "chroot", "s"},
	{unix.SYS_CLONE, "clone", "xdddd"},
	{unix.SYS_CLONE3, "clone3", "pd"},
	{unix.SYS_CLOSE, "close", "f"},
	{unix.SYS_CLOSE_RANGE, "close_range", "ddx"},
	{unix.SYS_DUP3, "dup3", "ffx"},
	{unix.SYS_EXECVEAT, "execveat", "fsvvx"},
	{unix.SYS_FCNTL, "fcntl", "fxd"},
	{unix.SYS_MEMFD_CREATE, "memfd_create", "sx"},
	{unix.SYS_EXECVE, "execve", "svv"},
	{unix.SYS_FACCESSAT, "faccessat", "fsd"},
	{unix.SYS_FCHDIR, "fchdir", "f"},
	{unix.SYS_FCHOWN, "fchown", "fdd"},
	{unix.SYS_FCHOWNAT, "fchownat", "fsddx"},
	{unix.SYS_FSCONFIG, "fsconfig", "fxssd"},
	{unix.SYS_FSMOUNT, "fsmount", "fxx"},
	{unix.SYS_FSOPEN, "fsopen", "sx"},
	{unix.SYS_FSPICK, "fspick", "fsx"},
	{unix.SYS_IOCTL, "ioctl", "fxp"},
	{unix.SYS_IOPRIO_SET, "ioprio_set", "ddd"},
	{unix.SYS_KEYCTL, "keyctl", "xsddd"},
	{unix.SYS_MKDIRAT, "mkdirat", "fso"},
	{unix.SYS_MKNODAT, "mknodat", "fsoD"},
	{unix.SYS_MOUNT, "mount", "sssxs"},
	{unix.SYS_MOUNT_SETATTR, "mount_setattr", "fsxpd"},
	{unix.SYS_MOVE_MOUNT, "move_mount", "fsfsx"},
	{unix.SYS_OPENAT, "openat", "fsxo"},
	{unix.SYS_OPENAT2, "openat2", "fspd"},
	{unix.SYS_OPEN_TREE, "open_tree", "fsx"},
	{unix.SYS_PERSONALITY, "personality", "x"},
	{unix.SYS_PIVOT_ROOT, "pivot_root", "ss"},
	{unix.SYS_PRCTL, "prctl", "xdddd"},
	{unix.SYS_PRLIMIT64, "prlimit64", "dxpp"},
	{unix.SYS_READ, "read", "fbd"},
	{unix.SYS_SCHED_SETAFFINITY, "sched_setaffinity", "ddp"},
	{unix.SYS_SCHED_SETATTR, "sched_setattr", "dpx"},
	{unix.SYS_SECCOMP, "seccomp", "xxp"},
	{unix.SYS_SENDMSG, "sendmsg", "fpx"},
	{unix.SYS_SENDTO, "sendto", "fsdxpd"},
	{unix.SYS_SETDOMAINNAME, "setdomainname", "sd"},
	{unix.SYS_SETGROUPS, "setgroups", "dp"},
	{unix.SYS_SETHOSTNAME, "sethostname", "sd"},
	{unix.SYS_SETNS, "setns", "fx"},
	{unix.SYS_SETRESGID, "setresgid", "ddd"},
	{unix.SYS_SETRESUID, "setresuid", "ddd"},
	{unix.SYS_SETSID, "setsid", ""},
	{unix.SYS_SOCKET, "socket", "ddd"},
	{unix.SYS_STATX, "statx", "fsxxp"},
	{unix.SYS_SYMLINKAT, "symlinkat", "sfs"},
	{unix.SYS_UMASK, "umask", "o"},
	{unix.SYS_UMOUNT2, "umount2", "sx"},
	{unix.SYS_UNLINKAT, "unlinkat", "fsx"},
	{unix.SYS_UNSHARE, "unshare", "x"},
	{unix.SYS_WRITE, "write", "fsd"},
	{unix.SYS_WRITEV, "writev", "fpd"},
}

func lookupSyscall(nr uint16) *syscallInfo {
	for i := range syscalls {
		if syscalls[i].nr == nr {
			return &syscalls[i]
		}
	}
	return nil
}

func syscallName(nr uint16) string {
	if s := lookupSyscall(nr); s != nil {
		return s.name
	}
	return ""
}

// stringArg says that argument i is a string which names something.
func stringArg(nr uint16, i int) bool {
	s := lookupSyscall(nr)
	return s != nil && i < len(s.args) && s.args[i] == 's'
}
