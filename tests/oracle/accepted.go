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
	{"user namespace*", "dev./dev/mqueue", "", "the ipc namespace is made when the child is root inside, group included; the references become root group later. config-linux.md#namespaces leaves the order open"},
	{"mappings without a user namespace", "create", "", "config-linux.md#user-namespace-mappings: they describe the container's user namespace, and there is none; to leave ids unmapped in silence would change isolation"},
	{"tmpfs option defaults", "create", "", "config.md#linux-mount-options lists it; the references pass it to the filesystem"},
	{"without /proc", "create", "", "nothing in config.md#mounts demands a procfs; ours for writing labels is private"},
	{"a device over a default one", "create", "", "config-linux.md#devices: the configured one wins; the references make both and fail"},
	{"root below a symlink", "create", "", "config.md#root asks for an absolute or relative path to a directory; a link on the way is one"},
	{"memory policy*", "create", "libct", "config-linux.md#memory-policy is refused by name until it is there"},
	{"capabilities one the host cannot give", "create", "", "config.md#linux-process: what cannot be granted MUST be logged as a warning"},
	{"resources memory tcp", "host.memory.kmem.tcp*", "", "config-linux.md#memory, kernelTCP: set, where the kernel takes it; libcontainer has dropped it"},
	{"cgroupsPath with dots", "create", "", "config-linux.md#cgroups-path: a path out of the hierarchy is refused, not bent"},
	{"hooks poststart", "trace*", "", "runtime.md#lifecycle: the program runs when poststart hooks do; released runc says created"},
	{"hooks all of the host*", "trace*", "", "as for hooks poststart"},
	{"hooks poststop", "trace*", "", "working directory of a hook: config.md#posix-platform-hooks leaves it open; we use the bundle for all, the references the caller's for delete"},
	{"hooks startContainer fails", "start", "", "runtime.md#lifecycle, step 7: an error of start; the references open the gate first and the caller learns nothing"},
	{"hooks startContainer fails", "probe", "", "as above: the container is destroyed"},
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
