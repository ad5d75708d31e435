package oracle

import "path"

// An accepted difference is one that is known and right. Patterns are those of
// path.Match, but "/" is an ordinary character and matched by "*".
type accepted struct {
	bundle, field string
	against       string // runc, libct, or "" for both
	reason        string // with the clause of the spec, or the change of the reference
}

var acceptedDifferences = []accepted{
	{"*", "mountinfo./sys/fs/cgroup.options", "", "config.md#mounts: ro was asked for; runc and libcontainer leave the tmpfs over the v1 hierarchies rw"},
	{"*", "asked.make /sys/fs/cgroup/x", "runc", "as above: EROFS for us; runc's directory is 0555 on a writable tmpfs"},
	{"*", "mountinfo./proc/timer_list.[tso]*", "", "a masked file is the host's own /dev/null by fd, never the one in the rootfs (CVE-2025-31133)"},
	{"*", "mountinfo./proc/keys.[tso]*", "", "as for timer_list"},
	{"*", "mountinfo./proc/kcore.[tso]*", "", "as for timer_list"},
	{"mask a file*", "mountinfo./etc/passwd.[tso]*", "", "as for timer_list"},
	{"hooks poststop fails", "delete", "", "runtime.md#lifecycle: a failing poststop hook is a warning"},
	{"*", "asked.make /sys/fs/cgroup/x", "libct", "libcontainer 1.5.2 makes the tmpfs over the v1 hierarchies rw and 0755; config.md#mounts asks for ro"},
	{"*", "mountinfo./proc/*.super", "", "the tmpfs that masks a directory: 1.5 limits its size, 1.1 does not; config-linux.md#masked-paths wants it unreadable only"},
	{"*", "mountinfo./sys/firmware.super", "", "as for /proc"},
	{"mask a file*", "mountinfo./var.super", "", "as for /proc"},
	{"capabilities unset", "*", "libct", "libcontainer keeps all when unset; we give none, as runc 1.1 does (config.md#linux-process leaves it open)"},
	{"*", "status.Spec*", "", "speculation control follows the flags of each libseccomp; config-linux.md#seccomp leaves the default open"},
}

func findAccepted(bundle, field, against string) *accepted {
	for i := range acceptedDifferences {
		a := &acceptedDifferences[i]
		if (a.against == "" || a.against == against) && match(a.bundle, bundle) && match(a.field, field) {
			return a
		}
	}
	return nil
}

func match(pattern, name string) bool {
	flat := func(s string) string {
		b := []byte(s)
		for i := range b {
			if b[i] == '/' {
				b[i] = ':'
			}
		}
		return string(b)
	}
	ok, err := path.Match(flat(pattern), flat(name))
	return err == nil && ok
}
