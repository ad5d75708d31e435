package specs

import (
	"slices"
	"strconv"
	"strings"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// MountOptions is what the option strings of one mount ask for, in the terms
// of fsconfig(2), move_mount(2) and mount_setattr(2). Where options contradict
// each other the later one counts.
type MountOptions struct {
	// Of this mount: MOUNT_ATTR_* to set and to clear. An access time mode
	// is one value of several bits, so choosing one puts all of
	// MOUNT_ATTR__ATIME into Clear, as mount_setattr(2) demands.
	Flags, Clear uint64
	// The same for the whole tree: the r* options, with AT_RECURSIVE.
	RecFlags, RecClear uint64
	// Of the superblock, for FSCONFIG_SET_FLAG: ro, rw, sync, async, dirsync,
	// lazytime, nolazytime, mand, nomand; at most one of each pair. Without
	// meaning for a bind mount.
	SBFlags []string
	// SBReadonly says that ro is among SBFlags. As in mount(2), ro makes both
	// the superblock and the mount read-only.
	SBReadonly bool

	Bind    bool // bind or rbind
	Rec     bool // rbind
	Remount bool

	// Propagation lists the changes of propagation, to be done in this order
	// and after all else: slave then shared is not shared then slave.
	Propagation []Propagation

	// Data are the options of the filesystem, each key or key=value.
	Data []string

	Silent   bool // silent, loud: MS_SILENT of mount(2)
	IVersion bool // iversion, noiversion: MS_I_VERSION of mount(2)
	ACL      bool // acl: MS_POSIXACL of mount(2)
	NoACL    bool // noacl

	IDMap  bool // idmap: the mount itself
	RIDMap bool // ridmap: the tree

	TmpCopyUp    bool // fill a tmpfs with what the mount point held
	CopySymlink  bool // a source that is a symlink is copied as one
	SrcNofollow  bool // bind a source that is a symlink itself
	DestNofollow bool // mount on a destination that is a symlink itself
}

// Propagation is one change of mount propagation.
type Propagation struct {
	Flag uint64 // unix.MS_SHARED, MS_PRIVATE, MS_SLAVE or MS_UNBINDABLE
	Rec  bool   // for the whole tree
}

type optionKind uint8

const (
	optNothing   optionKind = iota
	optAttr                 // an attribute of the mount
	optAtime                // an access time mode
	optNoAtime              // not that access time mode: back to the default
	optSuper                // a flag of the superblock
	optPropagate            // a change of propagation
	optWord                 // anything else: see word
)

type mountOption struct {
	name  string
	kind  optionKind
	clear bool
	rec   bool
	flag  uint64
}

// mountOptions lists every option that is not the filesystem's own: config.md,
// Linux mount options, and a few of runc's and crun's. Never written to.
var mountOptions = [...]mountOption{
	{name: "acl", kind: optWord},
	{name: "async", kind: optSuper},
	{name: "atime", kind: optNoAtime, flag: unix.MOUNT_ATTR_NOATIME},
	{name: "bind", kind: optWord},
	{name: "copy-symlink", kind: optWord},
	{name: "defaults"},
	{name: "dest-nofollow", kind: optWord},
	{name: "dev", kind: optAttr, clear: true, flag: unix.MOUNT_ATTR_NODEV},
	{name: "diratime", kind: optAttr, clear: true, flag: unix.MOUNT_ATTR_NODIRATIME},
	{name: "dirsync", kind: optSuper},
	{name: "exec", kind: optAttr, clear: true, flag: unix.MOUNT_ATTR_NOEXEC},
	{name: "idmap", kind: optWord},
	{name: "iversion", kind: optWord},
	{name: "lazytime", kind: optSuper},
	{name: "loud", kind: optWord},
	{name: "mand", kind: optSuper},
	{name: "noacl", kind: optWord},
	{name: "noatime", kind: optAtime, flag: unix.MOUNT_ATTR_NOATIME},
	{name: "nodev", kind: optAttr, flag: unix.MOUNT_ATTR_NODEV},
	{name: "nodiratime", kind: optAttr, flag: unix.MOUNT_ATTR_NODIRATIME},
	{name: "noexec", kind: optAttr, flag: unix.MOUNT_ATTR_NOEXEC},
	{name: "noiversion", kind: optWord},
	{name: "nolazytime", kind: optSuper},
	{name: "nomand", kind: optSuper},
	{name: "norelatime", kind: optNoAtime, flag: unix.MOUNT_ATTR_RELATIME},
	{name: "nostrictatime", kind: optNoAtime, flag: unix.MOUNT_ATTR_STRICTATIME},
	{name: "nosuid", kind: optAttr, flag: unix.MOUNT_ATTR_NOSUID},
	{name: "nosymfollow", kind: optAttr, flag: unix.MOUNT_ATTR_NOSYMFOLLOW},
	{name: "private", kind: optPropagate, flag: unix.MS_PRIVATE},
	{name: "ratime", kind: optNoAtime, rec: true, flag: unix.MOUNT_ATTR_NOATIME},
	{name: "rbind", kind: optWord},
	{name: "rdev", kind: optAttr, rec: true, clear: true, flag: unix.MOUNT_ATTR_NODEV},
	{name: "rdiratime", kind: optAttr, rec: true, clear: true, flag: unix.MOUNT_ATTR_NODIRATIME},
	{name: "relatime", kind: optAtime, flag: unix.MOUNT_ATTR_RELATIME},
	{name: "remount", kind: optWord},
	{name: "rexec", kind: optAttr, rec: true, clear: true, flag: unix.MOUNT_ATTR_NOEXEC},
	{name: "ridmap", kind: optWord},
	{name: "rnoatime", kind: optAtime, rec: true, flag: unix.MOUNT_ATTR_NOATIME},
	{name: "rnodev", kind: optAttr, rec: true, flag: unix.MOUNT_ATTR_NODEV},
	{name: "rnodiratime", kind: optAttr, rec: true, flag: unix.MOUNT_ATTR_NODIRATIME},
	{name: "rnoexec", kind: optAttr, rec: true, flag: unix.MOUNT_ATTR_NOEXEC},
	{name: "rnorelatime", kind: optNoAtime, rec: true, flag: unix.MOUNT_ATTR_RELATIME},
	{name: "rnostrictatime", kind: optNoAtime, rec: true, flag: unix.MOUNT_ATTR_STRICTATIME},
	{name: "rnosuid", kind: optAttr, rec: true, flag: unix.MOUNT_ATTR_NOSUID},
	{name: "rnosymfollow", kind: optAttr, rec: true, flag: unix.MOUNT_ATTR_NOSYMFOLLOW},
	{name: "ro", kind: optAttr, flag: unix.MOUNT_ATTR_RDONLY},
	{name: "rprivate", kind: optPropagate, rec: true, flag: unix.MS_PRIVATE},
	{name: "rrelatime", kind: optAtime, rec: true, flag: unix.MOUNT_ATTR_RELATIME},
	{name: "rro", kind: optAttr, rec: true, flag: unix.MOUNT_ATTR_RDONLY},
	{name: "rrw", kind: optAttr, rec: true, clear: true, flag: unix.MOUNT_ATTR_RDONLY},
	{name: "rshared", kind: optPropagate, rec: true, flag: unix.MS_SHARED},
	{name: "rslave", kind: optPropagate, rec: true, flag: unix.MS_SLAVE},
	{name: "rstrictatime", kind: optAtime, rec: true, flag: unix.MOUNT_ATTR_STRICTATIME},
	{name: "rsuid", kind: optAttr, rec: true, clear: true, flag: unix.MOUNT_ATTR_NOSUID},
	{name: "rsymfollow", kind: optAttr, rec: true, clear: true, flag: unix.MOUNT_ATTR_NOSYMFOLLOW},
	{name: "runbindable", kind: optPropagate, rec: true, flag: unix.MS_UNBINDABLE},
	{name: "rw", kind: optAttr, clear: true, flag: unix.MOUNT_ATTR_RDONLY},
	{name: "shared", kind: optPropagate, flag: unix.MS_SHARED},
	{name: "silent", kind: optWord},
	{name: "slave", kind: optPropagate, flag: unix.MS_SLAVE},
	{name: "src-nofollow", kind: optWord},
	{name: "strictatime", kind: optAtime, flag: unix.MOUNT_ATTR_STRICTATIME},
	{name: "suid", kind: optAttr, clear: true, flag: unix.MOUNT_ATTR_NOSUID},
	{name: "symfollow", kind: optAttr, clear: true, flag: unix.MOUNT_ATTR_NOSYMFOLLOW},
	{name: "sync", kind: optSuper},
	{name: "tmpcopyup", kind: optWord},
	{name: "unbindable", kind: optPropagate, flag: unix.MS_UNBINDABLE},
}

// KnownMountOptions lists, sorted, the options that are not passed on to the
// filesystem.
func KnownMountOptions() []string {
	names := make([]string, len(mountOptions))
	for i := range mountOptions {
		names[i] = mountOptions[i].name
	}
	return names
}

// IsBind says whether m is a bind mount, which its options alone decide
// (config.md, Mounts).
func IsBind(m *rspec.Mount) bool {
	return slices.Contains(m.Options, "bind") || slices.Contains(m.Options, "rbind")
}

// ParseMountOptions sorts the options of one mount by what they mean. An
// unknown one is the filesystem's own, and so part of Data (config.md, Linux
// mount options). Field of an *Error is the place in opts, such as /2.
func ParseMountOptions(opts []string) (MountOptions, error) {
	var m MountOptions
	for i, name := range opts {
		if strings.IndexByte(name, 0) >= 0 {
			return MountOptions{}, invalid(at("", i), "a mount option has a NUL byte: "+strconv.Quote(name), "")
		}
		if name == "" {
			continue
		}
		n, found := slices.BinarySearchFunc(mountOptions[:], name, func(o mountOption, name string) int {
			return strings.Compare(o.name, name)
		})
		if !found {
			m.Data = append(m.Data, name)
			continue
		}
		m.apply(&mountOptions[n])
	}
	m.SBReadonly = slices.Contains(m.SBFlags, "ro")
	return m, nil
}

func (m *MountOptions) apply(o *mountOption) {
	set, clr := &m.Flags, &m.Clear
	if o.rec {
		set, clr = &m.RecFlags, &m.RecClear
	}
	switch o.kind {
	case optAttr:
		if o.clear {
			*set, *clr = *set&^o.flag, *clr|o.flag
		} else {
			*set, *clr = *set|o.flag, *clr&^o.flag
		}
		if o.name == "ro" || o.name == "rw" {
			m.super(o.name)
		}
	case optAtime:
		*set, *clr = *set&^unix.MOUNT_ATTR__ATIME|o.flag, *clr|unix.MOUNT_ATTR__ATIME
	case optNoAtime:
		noAtime(set, clr, o.flag)
	case optSuper:
		m.super(o.name)
	case optPropagate:
		m.Propagation = append(m.Propagation, Propagation{o.flag, o.rec})
	case optWord:
		m.word(o.name)
	}
}

// noAtime takes an access time mode back. What is left is another mode that
// was chosen before, or else relatime, which is what the kernel has had for a
// default since 2.6.30; so there is nothing that norelatime could change to.
func noAtime(set, clr *uint64, mode uint64) {
	chosen := *clr&unix.MOUNT_ATTR__ATIME != 0
	if chosen && *set&unix.MOUNT_ATTR__ATIME != mode {
		return
	}
	*set &^= unix.MOUNT_ATTR__ATIME
	if mode == unix.MOUNT_ATTR_RELATIME {
		*clr &^= unix.MOUNT_ATTR__ATIME
	} else {
		*clr |= unix.MOUNT_ATTR__ATIME
	}
}

// super notes a flag of the superblock in place of its opposite.
func (m *MountOptions) super(name string) {
	opposite := ""
	switch name {
	case "ro":
		opposite = "rw"
	case "rw":
		opposite = "ro"
	case "sync":
		opposite = "async"
	case "async":
		opposite = "sync"
	case "lazytime", "mand":
		opposite = "no" + name
	case "nolazytime", "nomand":
		opposite = name[len("no"):]
	}
	m.SBFlags = slices.DeleteFunc(m.SBFlags, func(s string) bool { return s == name || s == opposite })
	m.SBFlags = append(m.SBFlags, name)
}

func (m *MountOptions) word(name string) {
	switch name {
	case "bind":
		m.Bind = true
	case "rbind":
		m.Bind, m.Rec = true, true
	case "remount":
		m.Remount = true
	case "silent", "loud":
		m.Silent = name == "silent"
	case "iversion", "noiversion":
		m.IVersion = name == "iversion"
	case "acl", "noacl":
		m.ACL, m.NoACL = name == "acl", name == "noacl"
	case "idmap", "ridmap":
		m.IDMap, m.RIDMap = name == "idmap", name == "ridmap"
	case "tmpcopyup":
		m.TmpCopyUp = true
	case "copy-symlink":
		m.CopySymlink = true
	case "src-nofollow":
		m.SrcNofollow = true
	case "dest-nofollow":
		m.DestNofollow = true
	}
}
