package specs

import (
	"path"
	"strconv"
	"strings"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
)

// has says whether the container has a namespace that is not the runtime's
// own: a new one, or one that it joins.
func (c *checker) has(t rspec.LinuxNamespaceType) bool {
	for _, ns := range c.linux.Namespaces {
		if ns.Type == t {
			return true
		}
	}
	return false
}

// creates says whether a namespace is made for the container.
func (c *checker) creates(t rspec.LinuxNamespaceType) bool {
	for _, ns := range c.linux.Namespaces {
		if ns.Type == t && ns.Path == "" {
			return true
		}
	}
	return false
}

func (c *checker) namespaces() error {
	seen := map[rspec.LinuxNamespaceType]int{}
	for i, ns := range c.linux.Namespaces {
		field := at("/linux/namespaces", i)
		if err := oneOf(sub(field, "type"), ns.Type, rspec.PIDNamespace, rspec.NetworkNamespace, rspec.MountNamespace,
			rspec.IPCNamespace, rspec.UTSNamespace, rspec.UserNamespace, rspec.CgroupNamespace, rspec.TimeNamespace); err != nil {
			return err
		}
		if j, ok := seen[ns.Type]; ok {
			return invalid(sub(field, "type"), "a second "+string(ns.Type)+" namespace; the first is "+at("/linux/namespaces", j), "")
		}
		seen[ns.Type] = i
		if ns.Path != "" {
			if err := absolutePath(sub(field, "path"), ns.Path); err != nil {
				return err
			}
		}
	}
	return nil
}

// mappings belong to a user namespace that is new: one that is joined has its
// own already, and uid_map can be written only once. containerd and CRI-O give
// them with the path too; they are what its owner has written, for mounts with
// mapped ids.
func (c *checker) mappings() error {
	for _, m := range []struct {
		field    string
		mappings []rspec.LinuxIDMapping
	}{{"/linux/uidMappings", c.linux.UIDMappings}, {"/linux/gidMappings", c.linux.GIDMappings}} {
		switch given := len(m.mappings) > 0; {
		case given && !c.has(rspec.UserNamespace):
			return invalid(m.field, "needs a user namespace", `add {"type":"user"} to /linux/namespaces`)
		case !given && c.creates(rspec.UserNamespace):
			return invalid(m.field, "missing: a new user namespace needs it", "")
		}
		if err := CheckIDMappings(m.mappings, m.field); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) timeOffsets() error {
	for _, clock := range sortedKeys(c.linux.TimeOffsets) {
		field := sub("/linux/timeOffsets", clock)
		if err := oneOf(field, clock, "boottime", "monotonic"); err != nil {
			return err
		}
		switch {
		case !c.has(rspec.TimeNamespace):
			return invalid(field, "needs a time namespace", `add {"type":"time"} to /linux/namespaces`)
		case !c.creates(rspec.TimeNamespace):
			return invalid(field, "the time namespace is joined by its path and has its offsets already", "give a path or offsets")
		case c.linux.TimeOffsets[clock].Nanosecs >= 1e9:
			return invalid(sub(field, "nanosecs"), "must be less than 1000000000", "")
		}
	}
	return nil
}

func (c *checker) devices() error {
	seen := map[string]int{}
	for i, d := range c.linux.Devices {
		field := at("/linux/devices", i)
		if err := checkDevice(&d, field); err != nil {
			return err
		}
		// Two device plugins may well hand out the same device.
		if j, ok := seen[path.Clean(d.Path)]; ok && !sameDevice(&d, &c.linux.Devices[j]) {
			return invalid(sub(field, "path"), quote(d.Path)+" is another device in "+at("/linux/devices", j), "")
		}
		seen[path.Clean(d.Path)] = i
	}
	return nil
}

func sameDevice(a, b *rspec.LinuxDevice) bool {
	kind := func(d *rspec.LinuxDevice) string {
		if d.Type == "u" { // mknod(1): the same as c
			return "c"
		}
		return d.Type
	}
	return kind(a) == kind(b) && (a.Type == "p" || a.Major == b.Major && a.Minor == b.Minor)
}

// A device number has 12 bits of major and 20 of minor, see makedev(3) and
// the kernel's MKDEV.
const (
	maxMajor = 1<<12 - 1
	maxMinor = 1<<20 - 1
)

func checkDevice(d *rspec.LinuxDevice, field string) error {
	if err := absolutePath(sub(field, "path"), d.Path); err != nil {
		return err
	}
	if hasDotDot(d.Path) || path.Clean(d.Path) == "/" {
		return invalid(sub(field, "path"), quote(d.Path)+" must name a file, without \"..\"", "")
	}
	if err := oneOf(sub(field, "type"), d.Type, "c", "b", "u", "p"); err != nil {
		return err
	}
	if d.Type != "p" {
		switch {
		case d.Major == 0 && d.Minor == 0:
			return invalid(sub(field, "major"), "major and minor are missing", "")
		case d.Major < 0 || d.Major > maxMajor:
			return invalid(sub(field, "major"), "must be from 0 to "+strconv.Itoa(maxMajor)+", is "+strconv.FormatInt(d.Major, 10), "")
		case d.Minor < 0 || d.Minor > maxMinor:
			return invalid(sub(field, "minor"), "must be from 0 to "+strconv.Itoa(maxMinor)+", is "+strconv.FormatInt(d.Minor, 10), "")
		}
	}
	// Engines pass st_mode as it is: the bits of the file type are let be.
	if d.FileMode != nil && *d.FileMode > 0o177777 {
		return invalid(sub(field, "fileMode"), "must be permission bits, is "+decimal(uint32(*d.FileMode)), "JSON numbers are decimal")
	}
	if d.UID != nil && *d.UID == noID {
		return invalid(sub(field, "uid"), "4294967295 is no user: the kernel reads it as -1", "")
	}
	if d.GID != nil && *d.GID == noID {
		return invalid(sub(field, "gid"), "4294967295 is no group: the kernel reads it as -1", "")
	}
	return nil
}

// cgroup refuses a path that would climb out of where the runtime puts it
// (crun took `..` here until 1.28).
func (c *checker) cgroup() error {
	const field = "/linux/cgroupsPath"
	if err := oneLine(field, c.linux.CgroupsPath); err != nil {
		return err
	}
	depth := 0
	for part := range strings.SplitSeq(c.linux.CgroupsPath, "/") {
		switch part {
		case "", ".":
		case "..":
			if depth--; depth < 0 {
				return invalid(field, quote(c.linux.CgroupsPath)+" leads out of the hierarchy", "")
			}
		default:
			depth++
		}
	}
	if c.linux.Resources == nil {
		return nil
	}
	return CheckResources(c.linux.Resources, "/linux/resources")
}

func (c *checker) maskedPaths() error {
	for _, list := range []struct {
		field string
		paths []string
	}{{"/linux/maskedPaths", c.linux.MaskedPaths}, {"/linux/readonlyPaths", c.linux.ReadonlyPaths}} {
		if len(list.paths) > 0 && !c.has(rspec.MountNamespace) {
			return invalid(list.field, "needs a mount namespace, or the host's paths would be covered", `add {"type":"mount"} to /linux/namespaces`)
		}
		for i, p := range list.paths {
			if err := absolutePath(at(list.field, i), p); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *checker) labels() error {
	if p := c.linux.RootfsPropagation; p != "" {
		if err := oneOf("/linux/rootfsPropagation", p, "private", "rprivate", "rshared", "rslave",
			"runbindable", "shared", "slave", "unbindable"); err != nil {
			return err
		}
	}
	return checkSELinuxLabel("/linux/mountLabel", c.linux.MountLabel)
}

func (c *checker) personality() error {
	p := c.linux.Personality
	if p == nil {
		return nil
	}
	if err := oneOf("/linux/personality/domain", p.Domain, rspec.PerLinux, rspec.PerLinux32); err != nil {
		return err
	}
	if len(p.Flags) > 0 {
		return unsupported("/linux/personality/flags", "the runtime-spec has no flags yet", "remove it")
	}
	return nil
}
