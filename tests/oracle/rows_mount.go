package oracle

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"stave/tests/kit"
)

func addMount(s *specs.Spec, dest, kind, source string, options ...string) {
	s.Mounts = append(s.Mounts, specs.Mount{Destination: dest, Type: kind, Source: source, Options: options})
}

func bind(name string, options ...string) row {
	return row{name: name, change: []func(*env){func(e *env) {
		addMount(e.spec(), "/mnt/v", "bind", e.volume(), options...)
	}}, ask: []string{"read /mnt/v/file", "write /mnt/v/file", "make /mnt/v/new", "exec /mnt/v/script", "stat /mnt/v", "ls /mnt/v"}}
}

// mountOptionRows has every option string of config.md#mounts, on a bind mount
// and, where it means something there, on a tmpfs.
func mountOptionRows() []row {
	var all []row
	both := strings.Fields("ro rw nosuid suid nodev dev noexec exec noatime atime nodiratime diratime relatime norelatime strictatime nostrictatime")
	for _, o := range both {
		all = append(all, bind("bind option "+o, "bind", o))
		all = append(all, one("tmpfs option "+o, func(s *specs.Spec) { addMount(s, "/mnt/t", "tmpfs", "tmpfs", o) },
			"make /mnt/t/x", "stat /mnt/t"))
	}
	for _, o := range strings.Fields("sync async dirsync lazytime silent loud iversion noiversion defaults") {
		all = append(all, one("tmpfs option "+o, func(s *specs.Spec) { addMount(s, "/mnt/t", "tmpfs", "tmpfs", o) }, "make /mnt/t/x"))
	}
	for _, o := range strings.Fields("rro rrw rnosuid rsuid rnodev rdev rnoexec rexec rnoatime ratime rnodiratime rdiratime rrelatime rnorelatime rstrictatime rnostrictatime rnosymfollow rsymfollow nosymfollow symfollow") {
		r := bind("bind option "+o, "rbind", o)
		r.skip = "runc" // since 1.2, where each flag is cleared as well as set
		all = append(all, r)
	}
	for _, o := range strings.Fields("private rprivate slave rslave shared rshared unbindable runbindable") {
		all = append(all, bind("bind propagation "+o, "rbind", o))
	}
	return append(all, bind("bind ro,nosuid,nodev,noexec", "bind", "ro", "nosuid", "nodev", "noexec"),
		bind("bind without the bind option", "rbind"), bind("bind ro then rw", "bind", "ro", "rw"),
		bind("bind an unknown option", "bind", "wibble"))
}

// danglingRows are mount points that are links to what is not there.
func danglingRows() []row {
	dangling := func(name, target string, ask ...string) row {
		return row{name: "destination a dangling link, " + name, change: []func(*env){func(e *env) {
			for link, to := range map[string]string{"etc/dangling": target, "chain2": "/chain3", "chain3": "var/end/here"} {
				kit.Must(e.t, os.Symlink(to, filepath.Join(e.b.Rootfs, link)))
			}
			addMount(e.spec(), "/etc/dangling", "bind", filepath.Join(e.volume(), "file"), "bind", "ro")
		}}, ask: append(ask, "read /etc/dangling")}
	}
	through := row{name: "destination below a dangling link", change: []func(*env){func(e *env) {
		kit.Must(e.t, os.Symlink("../run/lock", filepath.Join(e.b.Rootfs, "var/lock")))
		addMount(e.spec(), "/var/lock/deep/er", "tmpfs", "tmpfs", "size=1m")
	}}, ask: []string{"stat /run/lock/deep/er", "stat /var/lock"}}
	return []row{through, dangling("absolute", "/run/a/file", "stat /run/a/file"), dangling("relative", "../run/b/file", "stat /run/b/file"),
		dangling("that leads out", "../../../../../../run/c", "stat /run/c"), dangling("a chain", "/chain2", "stat /var/end/here"),
		dangling("a loop", "dangling")}
}

func mountRows() []row {
	file := row{name: "bind a file", change: []func(*env){func(e *env) {
		addMount(e.spec(), "/etc/file", "bind", filepath.Join(e.volume(), "file"), "bind", "ro")
	}}, ask: []string{"read /etc/file", "write /etc/file"}}
	nested := row{name: "bind below a bind", change: []func(*env){func(e *env) {
		addMount(e.spec(), "/mnt/a", "bind", e.volume(), "rbind")
		addMount(e.spec(), "/mnt/a/sub", "tmpfs", "tmpfs", "size=1m")
	}}, ask: []string{"ls /mnt/a", "make /mnt/a/sub/x"}}
	link := row{name: "destination through a symlink in the rootfs", change: []func(*env){func(e *env) {
		kit.Must(e.t, os.Symlink("/var", filepath.Join(e.b.Rootfs, "link")))
		addMount(e.spec(), "/link/x", "tmpfs", "tmpfs", "size=1m")
	}}, ask: []string{"stat /link", "stat /var/x"}}
	escape := row{name: "destination through a symlink that leads out", change: []func(*env){func(e *env) {
		kit.Must(e.t, os.Symlink("../../../../../../../..", filepath.Join(e.b.Rootfs, "up")))
		addMount(e.spec(), "/up/mnt/x", "tmpfs", "tmpfs", "size=1m")
	}}, ask: []string{"stat /mnt/x"}}
	copyUp := row{name: "tmpfs tmpcopyup", change: []func(*env){on(func(s *specs.Spec) {
		addMount(s, "/etc", "tmpfs", "tmpfs", "tmpcopyup")
	})}, ask: []string{"ls /etc", "read /etc/passwd"}}
	missing := row{name: "bind a source that is missing", change: []func(*env){on(func(s *specs.Spec) {
		addMount(s, "/mnt/x", "bind", "/nonexistent/source", "bind")
	})}}
	none := func(dest string) row {
		return one("without "+dest, func(s *specs.Spec) {
			s.Mounts = slices.DeleteFunc(s.Mounts, func(m specs.Mount) bool { return m.Destination == dest })
		})
	}
	set := func(name, dest string, options ...string) row {
		return one(name, func(s *specs.Spec) {
			for i := range s.Mounts {
				if s.Mounts[i].Destination == dest {
					s.Mounts[i].Options = options
				}
			}
		})
	}
	all := []row{file, nested, link, escape, copyUp, missing,
		one("tmpfs size", func(s *specs.Spec) { addMount(s, "/mnt/t", "tmpfs", "tmpfs", "size=1m", "nr_inodes=100") }),
		one("tmpfs mode and owner", func(s *specs.Spec) {
			addMount(s, "/mnt/t", "tmpfs", "tmpfs", "mode=0770", "uid=1000", "gid=2000")
		}, "stat /mnt/t"),
		one("tmpfs over an existing directory", func(s *specs.Spec) { addMount(s, "/tmp", "tmpfs", "tmpfs") }, "stat /tmp"),
		one("tmpfs at a deep new place", func(s *specs.Spec) { addMount(s, "/mnt/a/b/c", "tmpfs", "tmpfs") }, "stat /mnt/a", "stat /mnt/a/b/c"),
		one("destination without a slash", func(s *specs.Spec) { addMount(s, "mnt/rel", "tmpfs", "tmpfs") }),
		one("tmpfs bad data", func(s *specs.Spec) { addMount(s, "/mnt/t", "tmpfs", "tmpfs", "size=banana") }),
		one("unknown filesystem", func(s *specs.Spec) { addMount(s, "/mnt/t", "wibblefs", "x") }),
		set("proc hidepid", "/proc", "hidepid=2"), set("proc ro", "/proc", "ro", "nosuid", "noexec", "nodev"),
		set("devpts plain", "/dev/pts"), set("devpts max", "/dev/pts", "newinstance", "ptmxmode=0600", "mode=0600", "max=5"),
		set("sysfs rw", "/sys", "nosuid", "noexec", "nodev"), set("cgroup rw", "/sys/fs/cgroup", "nosuid", "noexec", "nodev"),
		none("/proc"), none("/dev/pts"), none("/dev/shm"), none("/dev/mqueue"), none("/sys"), none("/sys/fs/cgroup"),
		one("root rw", func(s *specs.Spec) { s.Root.Readonly = false }, "make /x"),
		one("two tmpfs on one place", func(s *specs.Spec) {
			addMount(s, "/mnt/t", "tmpfs", "one", "size=1m")
			addMount(s, "/mnt/t", "tmpfs", "two", "size=2m")
		}),
		one("bind the host's dev", func(s *specs.Spec) { addMount(s, "/mnt/null", "bind", "/dev/null", "bind") }, "dev /mnt/null"),
		one("sysfs without a network namespace and cgroup rw", func(s *specs.Spec) {
			setNamespaces(s, []specs.LinuxNamespaceType{specs.PIDNamespace, specs.MountNamespace, specs.CgroupNamespace})
			addMount(s, "/mnt/cg", "cgroup", "cgroup", "rw")
		}),
	}
	for _, p := range strings.Fields("private rprivate slave rslave shared rshared") {
		all = append(all, one("rootfs propagation "+p, func(s *specs.Spec) { s.Linux.RootfsPropagation = p }))
	}
	return all
}

func pathRows() []row {
	return []row{
		one("masked nothing", func(s *specs.Spec) { s.Linux.MaskedPaths = nil }),
		one("readonly nothing", func(s *specs.Spec) { s.Linux.ReadonlyPaths = nil }),
		one("mask a file, a directory and nothing", func(s *specs.Spec) {
			s.Linux.MaskedPaths = []string{"/etc/passwd", "/var", "/not/there", "/proc/kcore"}
		}, "read /etc/passwd", "ls /var", "stat /etc/passwd"),
		one("readonly below a tmpfs", func(s *specs.Spec) {
			addMount(s, "/mnt/t", "tmpfs", "tmpfs")
			s.Linux.ReadonlyPaths = []string{"/mnt/t", "/not/there"}
		}, "make /mnt/t/x"),
		one("the same path masked and readonly", func(s *specs.Spec) {
			s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = []string{"/proc/irq"}, []string{"/proc/irq"}
		}, "ls /proc/irq"),
		one("devices of every type", func(s *specs.Spec) {
			s.Linux.Devices = []specs.LinuxDevice{
				{Path: "/dev/c", Type: "c", Major: 1, Minor: 3, FileMode: kit.Ptr(os.FileMode(0o604)), UID: kit.Ptr(uint32(7)), GID: kit.Ptr(uint32(8))},
				{Path: "/dev/b", Type: "b", Major: 7, Minor: 200}, {Path: "/dev/u", Type: "u", Major: 1, Minor: 5},
				{Path: "/dev/p", Type: "p", FileMode: kit.Ptr(os.FileMode(0o622))},
				{Path: "/dev/deep/er/x", Type: "c", Major: 1, Minor: 7},
			}
			s.Linux.Resources.Devices = append(s.Linux.Resources.Devices, specs.LinuxDeviceCgroup{Allow: true, Type: "b", Major: kit.Ptr(int64(7)), Minor: kit.Ptr(int64(200)), Access: "m"})
		}, "dev /dev/c", "dev /dev/b"),
		one("a device over a default one", func(s *specs.Spec) {
			s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/null", Type: "c", Major: 1, Minor: 3, FileMode: kit.Ptr(os.FileMode(0o600))}}
		}),
		one("device of unknown type", func(s *specs.Spec) { s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/x", Type: "z"}} }),
		one("sysctl", func(s *specs.Spec) {
			s.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "1", "kernel.shm_rmid_forced": "1", "net.ipv4.ip_unprivileged_port_start": "80",
				"fs.mqueue.msg_max": "20"}
		}, "read /proc/sys/net/ipv4/ip_forward", "read /proc/sys/kernel/shm_rmid_forced", "read /proc/sys/fs/mqueue/msg_max"),
		one("sysctl with slashes", func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{"net/ipv4/ip_forward": "1"} }, "read /proc/sys/net/ipv4/ip_forward"),
		one("sysctl of the host", func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{"vm.swappiness": "60"} }),
		one("sysctl kernel.domainname", func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{"kernel.domainname": "a.test"} }),
		one("sysctl net without the namespace", func(s *specs.Spec) {
			setNamespaces(s, []specs.LinuxNamespaceType{specs.PIDNamespace, specs.MountNamespace})
			s.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "1"}
		}),
	}
}
