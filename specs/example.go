package specs

import (
	"os"
	"strings"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Example is the configuration that `stave spec` writes: what `runc spec`
// writes, with another hostname. It has a cgroup namespace where the host's
// cgroups are v2.
func Example() *rspec.Spec { return example(onCgroup2()) }

// ExampleRootless is Example for a caller without privileges, mapped to
// root of a user namespace.
func ExampleRootless() *rspec.Spec {
	return rootless(example(onCgroup2()), uint32(os.Geteuid()), uint32(os.Getegid()))
}

func onCgroup2() bool {
	var st unix.Statfs_t
	return unix.Statfs("/sys/fs/cgroup", &st) == nil && st.Type == unix.CGROUP2_SUPER_MAGIC
}

func example(cgroup2 bool) *rspec.Spec {
	keep := []string{"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"}
	spec := &rspec.Spec{
		Version: SpecVersion,
		Process: &rspec.Process{
			Terminal: true,
			Args:     []string{"sh"},
			Env: []string{
				"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
				"TERM=xterm",
			},
			Cwd:             "/",
			Capabilities:    &rspec.LinuxCapabilities{Bounding: keep, Effective: keep, Permitted: keep},
			Rlimits:         []rspec.POSIXRlimit{{Type: "RLIMIT_NOFILE", Hard: 1024, Soft: 1024}},
			NoNewPrivileges: true,
		},
		Root:     &rspec.Root{Path: "rootfs", Readonly: true},
		Hostname: "stave",
		Mounts: []rspec.Mount{
			exampleMount("/proc", "proc", "proc", ""),
			exampleMount("/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k"),
			exampleMount("/dev/pts", "devpts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5"),
			exampleMount("/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777,size=65536k"),
			exampleMount("/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev"),
			exampleMount("/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro"),
			exampleMount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid,noexec,nodev,relatime,ro"),
		},
		Linux: &rspec.Linux{
			Resources: &rspec.LinuxResources{Devices: []rspec.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}}},
			Namespaces: []rspec.LinuxNamespace{
				{Type: rspec.PIDNamespace},
				{Type: rspec.NetworkNamespace},
				{Type: rspec.IPCNamespace},
				{Type: rspec.UTSNamespace},
				{Type: rspec.MountNamespace},
			},
			MaskedPaths: []string{
				"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
				"/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/sys/devices/virtual/powercap", "/proc/scsi",
			},
			ReadonlyPaths: []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
		},
	}
	if cgroup2 {
		spec.Linux.Namespaces = append(spec.Linux.Namespaces, rspec.LinuxNamespace{Type: rspec.CgroupNamespace})
	}
	return spec
}

func exampleMount(destination, typ, source, options string) rspec.Mount {
	m := rspec.Mount{Destination: destination, Type: typ, Source: source}
	if options != "" {
		m.Options = strings.Split(options, ",")
	}
	return m
}

// rootless changes what a caller without privileges may not have: a network
// of its own, a fresh sysfs (which the kernel ties to that network), gids
// beyond the one that is mapped, and limits.
func rootless(spec *rspec.Spec, hostUID, hostGID uint32) *rspec.Spec {
	linux := spec.Linux
	linux.Resources = nil
	linux.UIDMappings = []rspec.LinuxIDMapping{{ContainerID: 0, HostID: hostUID, Size: 1}}
	linux.GIDMappings = []rspec.LinuxIDMapping{{ContainerID: 0, HostID: hostGID, Size: 1}}
	var namespaces []rspec.LinuxNamespace
	for _, ns := range linux.Namespaces {
		if ns.Type != rspec.NetworkNamespace {
			namespaces = append(namespaces, ns)
		}
	}
	linux.Namespaces = append(namespaces, rspec.LinuxNamespace{Type: rspec.UserNamespace})
	for i := range spec.Mounts {
		m := &spec.Mounts[i]
		if m.Destination == "/sys" {
			*m = exampleMount("/sys", "none", "/sys", "rbind,nosuid,noexec,nodev,ro")
		}
		var options []string
		for _, option := range m.Options {
			if !strings.HasPrefix(option, "gid=") && !strings.HasPrefix(option, "uid=") {
				options = append(options, option)
			}
		}
		m.Options = options
	}
	return spec
}
