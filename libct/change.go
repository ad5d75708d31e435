package libct

import (
	"strconv"
	"strings"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/libct/cgroup"
	"stave/libct/seccomp"
	"stave/specs"
)

// Changes to a container that exists, and questions about it.

// Freeze pauses or resumes.
func (c *Container) Freeze(on bool) error {
	switch s := c.Status(); {
	case on && s != string(rspec.StateRunning) && s != string(rspec.StateCreated):
		return &specs.Error{ID: c.ID, Problem: "cannot pause a container that is " + s, Kind: specs.ErrNotRunning}
	case !on && s != "paused":
		return &specs.Error{ID: c.ID, Problem: "container not paused", Hint: "it is " + s}
	}
	dirs := c.cgroupDirs()
	if len(dirs) == 0 {
		return &specs.Error{ID: c.ID, Problem: "the container has no cgroup, and only a cgroup can be frozen", Kind: specs.ErrUnsupported}
	}
	return cgroup.Freeze(dirs, on)
}

// Update writes new limits and keeps them in the record.
func (c *Container) Update(res *rspec.LinuxResources) error {
	if c.pidfd < 0 {
		return &specs.Error{ID: c.ID, Kind: specs.ErrNotRunning, Problem: "container is not running"}
	}
	layout, err := cgroup.Detect()
	if err != nil {
		return err
	}
	dirs, err := c.recordedDirs()
	if err != nil {
		return err
	}
	if len(dirs) == 0 {
		return &specs.Error{ID: c.ID, Field: "/linux/resources", Problem: "the container has no cgroup", Kind: specs.ErrUnsupported}
	}
	old := c.Rec.Resources
	if old == nil {
		old = &rspec.LinuxResources{}
	}
	if err := cgroup.Update(layout, dirs, old, res); err != nil {
		return err
	}
	merged := *old
	mergeResources(&merged, res)
	c.Rec.Resources = &merged
	return c.lock.writeFile(recordFile, specs.AppendRecord(nil, c.Rec))
}

// mergeResources puts what is set in add over old; devices are not update's.
func mergeResources(old, add *rspec.LinuxResources) {
	if add.Memory != nil {
		old.Memory = add.Memory
	}
	if add.CPU != nil {
		old.CPU = add.CPU
	}
	if add.Pids != nil {
		old.Pids = add.Pids
	}
	if add.BlockIO != nil {
		old.BlockIO = add.BlockIO
	}
	if len(add.HugepageLimits) > 0 {
		old.HugepageLimits = add.HugepageLimits
	}
	if add.Network != nil {
		old.Network = add.Network
	}
	if len(add.Rdma) > 0 {
		old.Rdma = add.Rdma
	}
	if len(add.Unified) > 0 {
		old.Unified = add.Unified
	}
}

// Alive says that the first process has not ended.
func (c *Container) Alive() bool {
	if c.pidfd < 0 {
		return false
	}
	p := []unix.PollFd{{Fd: int32(c.pidfd), Events: unix.POLLIN}}
	n, _ := unix.Poll(p, 0)
	return n == 0
}

// Interface counts the traffic of one network interface of the container.
type Interface struct {
	Name                                    string
	RxBytes, RxPackets, RxErrors, RxDropped uint64
	TxBytes, TxPackets, TxErrors, TxDropped uint64
}

// Interfaces reads them from the container's network namespace, if it has one
// of its own; the loopback interface is left out.
func (c *Container) Interfaces() []Interface {
	if namespaceFlags(c.Rec.Namespaces)&unix.CLONE_NEWNET == 0 {
		return nil
	}
	data, err := readSmall("/proc/"+itoa(int64(c.Rec.PID))+"/net/dev", 1<<20)
	if err != nil {
		return nil
	}
	var out []Interface
	for _, line := range strings.Split(string(data), "\n") {
		name, rest, ok := strings.Cut(line, ":")
		name = strings.TrimSpace(name)
		f := strings.Fields(rest)
		if !ok || len(f) < 16 || name == "lo" {
			continue
		}
		var v [16]uint64
		for i := range v {
			v[i], _ = strconv.ParseUint(f[i], 10, 64)
		}
		out = append(out, Interface{name, v[0], v[1], v[2], v[3], v[8], v[9], v[10], v[11]})
	}
	return out
}

// ProbeFeatures asks the running kernel what of our abilities it supports.
func ProbeFeatures() specs.FeatureProbe {
	p := specs.FeatureProbe{Seccomp: true, SeccompArchs: seccomp.KnownArchs(), SeccompFlags: seccomp.SupportedFlags(), UnsafeAnnotations: []string{"bundle"}}
	for _, k := range nsFlags {
		if unix.Access("/proc/self/ns/"+k.proc, unix.F_OK) == nil {
			p.Namespaces = append(p.Namespaces, string(k.name))
		}
	}
	if b, err := readSmall("/proc/sys/kernel/cap_last_cap", 16); err == nil {
		p.LastCapability, _ = strconv.Atoi(strings.TrimSpace(string(b)))
	}
	p.CgroupV1, p.CgroupV2, p.RDMA = true, true, true
	if b, err := readSmall("/sys/module/apparmor/parameters/enabled", 16); err == nil {
		p.AppArmor = strings.HasPrefix(string(b), "Y")
	}
	var st unix.Statfs_t
	p.SELinux = unix.Statfs("/sys/fs/selinux", &st) == nil && int64(st.Type) == unix.SELINUX_MAGIC
	// A kernel with idmapped mounts refuses a bad descriptor, others the flag.
	if fd, err := unix.OpenTree(unix.AT_FDCWD, "/", unix.OPEN_TREE_CLOEXEC); err == nil {
		err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: 1 << 30})
		p.IDMap = err == unix.EBADF || err == unix.EINVAL || err == unix.EPERM
		unix.Close(fd)
	}
	return p
}
