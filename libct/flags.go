package libct

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Flags by their names, for spell.go. A table is searched in order, values
// with several bits before the single bits that they contain.

type flagName struct {
	bits uint64
	name string
}

var (
	openFlags = []flagName{
		{unix.O_PATH, "O_PATH"}, {unix.O_DIRECTORY, "O_DIRECTORY"}, {unix.O_NOFOLLOW, "O_NOFOLLOW"}, {unix.O_NOCTTY, "O_NOCTTY"},
		{unix.O_NONBLOCK, "O_NONBLOCK"}, {unix.O_CREAT, "O_CREAT"}, {unix.O_EXCL, "O_EXCL"}, {unix.O_CLOEXEC, "O_CLOEXEC"},
		{unix.O_RDWR, "O_RDWR"}, {unix.O_WRONLY, "O_WRONLY"},
	}
	resolveFlags = []flagName{
		{unix.RESOLVE_IN_ROOT, "RESOLVE_IN_ROOT"}, {unix.RESOLVE_NO_MAGICLINKS, "RESOLVE_NO_MAGICLINKS"},
		{unix.RESOLVE_NO_SYMLINKS, "RESOLVE_NO_SYMLINKS"}, {unix.RESOLVE_BENEATH, "RESOLVE_BENEATH"},
	}
	attrFlags = []flagName{
		{unix.MOUNT_ATTR__ATIME, "MOUNT_ATTR__ATIME"}, {unix.MOUNT_ATTR_RDONLY, "MOUNT_ATTR_RDONLY"}, {unix.MOUNT_ATTR_NOSUID, "MOUNT_ATTR_NOSUID"},
		{unix.MOUNT_ATTR_NODEV, "MOUNT_ATTR_NODEV"}, {unix.MOUNT_ATTR_NOEXEC, "MOUNT_ATTR_NOEXEC"}, {unix.MOUNT_ATTR_NOATIME, "MOUNT_ATTR_NOATIME"},
		{unix.MOUNT_ATTR_STRICTATIME, "MOUNT_ATTR_STRICTATIME"}, {unix.MOUNT_ATTR_NODIRATIME, "MOUNT_ATTR_NODIRATIME"},
		{unix.MOUNT_ATTR_NOSYMFOLLOW, "MOUNT_ATTR_NOSYMFOLLOW"}, {unix.MOUNT_ATTR_IDMAP, "MOUNT_ATTR_IDMAP"},
	}
	propagationFlags = []flagName{
		{unix.MS_SHARED, "MS_SHARED"}, {unix.MS_SLAVE, "MS_SLAVE"}, {unix.MS_PRIVATE, "MS_PRIVATE"}, {unix.MS_UNBINDABLE, "MS_UNBINDABLE"},
	}
	treeFlags = []flagName{
		{unix.OPEN_TREE_CLONE, "OPEN_TREE_CLONE"}, {unix.OPEN_TREE_CLOEXEC, "OPEN_TREE_CLOEXEC"}, {unix.AT_RECURSIVE, "AT_RECURSIVE"},
		{unix.AT_EMPTY_PATH, "AT_EMPTY_PATH"}, {unix.AT_SYMLINK_NOFOLLOW, "AT_SYMLINK_NOFOLLOW"},
	}
	moveFlags = []flagName{
		{unix.MOVE_MOUNT_F_EMPTY_PATH, "MOVE_MOUNT_F_EMPTY_PATH"}, {unix.MOVE_MOUNT_T_EMPTY_PATH, "MOVE_MOUNT_T_EMPTY_PATH"},
		{unix.MOVE_MOUNT_T_SYMLINKS, "MOVE_MOUNT_T_SYMLINKS"},
	}
)

// bits spells a set of flags.
func bits(table []flagName, v uint64) string {
	if v == 0 {
		return "0"
	}
	var out []string
	for _, f := range table {
		if v&f.bits == f.bits {
			out = append(out, f.name)
			v &^= f.bits
		}
	}
	if v != 0 {
		out = append(out, "0x"+strconv.FormatUint(v, 16))
	}
	return strings.Join(out, "|")
}

// value spells one of an enumeration.
func value(v uint64, names ...flagName) string {
	for _, f := range names {
		if f.bits == v {
			return f.name
		}
	}
	return "0x" + strconv.FormatUint(v, 16)
}

// flagText spells argument i of a system call.
func flagText(nr uint16, i int, v uint64) string {
	switch nr {
	case unix.SYS_OPENAT:
		if v&(unix.O_PATH|unix.O_WRONLY|unix.O_RDWR) == 0 {
			return strings.TrimSuffix("O_RDONLY|"+bits(openFlags, v), "|0")
		}
		return bits(openFlags, v)
	case unix.SYS_OPEN_TREE, unix.SYS_MOUNT_SETATTR, unix.SYS_FCHOWNAT:
		return bits(treeFlags, v)
	case unix.SYS_STATX:
		if i == 3 {
			return value(v, flagName{unix.STATX_MNT_ID, "STATX_MNT_ID"}, flagName{unix.STATX_MNT_ID_UNIQUE, "STATX_MNT_ID_UNIQUE"})
		}
		return bits(treeFlags, v)
	case unix.SYS_MOVE_MOUNT:
		return bits(moveFlags, v)
	case unix.SYS_SETNS, unix.SYS_UNSHARE, unix.SYS_CLONE:
		return cloneFlagNames(v)
	case unix.SYS_FSOPEN:
		return bits([]flagName{{unix.FSOPEN_CLOEXEC, "FSOPEN_CLOEXEC"}}, v)
	case unix.SYS_FSPICK:
		return bits([]flagName{{unix.FSPICK_CLOEXEC, "FSPICK_CLOEXEC"}, {unix.FSPICK_EMPTY_PATH, "FSPICK_EMPTY_PATH"}}, v)
	case unix.SYS_FSMOUNT:
		if i == 2 {
			return bits(attrFlags, v)
		}
		return bits([]flagName{{unix.FSMOUNT_CLOEXEC, "FSMOUNT_CLOEXEC"}}, v)
	case unix.SYS_FSCONFIG:
		return value(v, flagName{unix.FSCONFIG_SET_FLAG, "FSCONFIG_SET_FLAG"}, flagName{unix.FSCONFIG_SET_STRING, "FSCONFIG_SET_STRING"},
			flagName{unix.FSCONFIG_CMD_CREATE, "FSCONFIG_CMD_CREATE"}, flagName{unix.FSCONFIG_CMD_RECONFIGURE, "FSCONFIG_CMD_RECONFIGURE"})
	case unix.SYS_UMOUNT2:
		return bits([]flagName{{unix.MNT_DETACH, "MNT_DETACH"}}, v)
	case unix.SYS_CLOSE_RANGE:
		return bits([]flagName{{unix.CLOSE_RANGE_CLOEXEC, "CLOSE_RANGE_CLOEXEC"}}, v)
	case unix.SYS_KEYCTL:
		return value(v, flagName{unix.KEYCTL_JOIN_SESSION_KEYRING, "KEYCTL_JOIN_SESSION_KEYRING"}, flagName{unix.KEYCTL_SETPERM, "KEYCTL_SETPERM"})
	case unix.SYS_PRCTL:
		return value(v, flagName{unix.PR_CAPBSET_DROP, "PR_CAPBSET_DROP"}, flagName{unix.PR_SET_KEEPCAPS, "PR_SET_KEEPCAPS"},
			flagName{unix.PR_CAP_AMBIENT, "PR_CAP_AMBIENT"}, flagName{unix.PR_SET_NO_NEW_PRIVS, "PR_SET_NO_NEW_PRIVS"})
	case unix.SYS_IOCTL:
		return value(v, flagName{unix.TIOCSPTLCK, "TIOCSPTLCK"}, flagName{unix.TIOCGPTPEER, "TIOCGPTPEER"},
			flagName{unix.TIOCSCTTY, "TIOCSCTTY"}, flagName{unix.TIOCSWINSZ, "TIOCSWINSZ"}, flagName{unix.SIOCSIFFLAGS, "SIOCSIFFLAGS"})
	case unix.SYS_PRLIMIT64:
		if v < uint64(len(rlimitNames)) {
			return rlimitNames[v]
		}
	case unix.SYS_SECCOMP:
		if i == 0 {
			return value(v, flagName{unix.SECCOMP_SET_MODE_FILTER, "SECCOMP_SET_MODE_FILTER"})
		}
	case unix.SYS_FCNTL:
		return value(v, flagName{unix.F_SETFD, "F_SETFD"}, flagName{unix.F_ADD_SEALS, "F_ADD_SEALS"})
	case unix.SYS_EXECVEAT:
		return bits(treeFlags, v)
	case unix.SYS_MEMFD_CREATE:
		return bits([]flagName{{unix.MFD_CLOEXEC, "MFD_CLOEXEC"}, {unix.MFD_ALLOW_SEALING, "MFD_ALLOW_SEALING"}, {unix.MFD_EXEC, "MFD_EXEC"}}, v)
	case unix.SYS_SENDMSG, unix.SYS_SENDTO:
		return bits([]flagName{{unix.MSG_NOSIGNAL, "MSG_NOSIGNAL"}}, v)
	}
	return "0x" + strconv.FormatUint(v, 16)
}
