package specs

import (
	"strconv"
	"strings"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
)

// CheckResources holds limits to config-linux.md, Control groups, and to what
// the kernel's files take. field is where they stand: /linux/resources, or
// empty for a document of its own.
func CheckResources(r *rspec.LinuxResources, field string) error {
	for i, rule := range r.Devices {
		if err := checkDeviceRule(&rule, at(sub(field, "devices"), i)); err != nil {
			return err
		}
	}
	if r.Memory != nil {
		if err := checkMemory(r.Memory, sub(field, "memory")); err != nil {
			return err
		}
	}
	if r.CPU != nil {
		if err := checkCPU(r.CPU, sub(field, "cpu")); err != nil {
			return err
		}
	}
	if r.Pids != nil {
		if err := unlimitedOr(sub(sub(field, "pids"), "limit"), r.Pids.Limit); err != nil {
			return err
		}
	}
	if r.BlockIO != nil {
		if err := checkBlockIO(r.BlockIO, sub(field, "blockIO")); err != nil {
			return err
		}
	}
	for i, limit := range r.HugepageLimits {
		if !pageSize(limit.Pagesize) {
			return invalid(sub(at(sub(field, "hugepageLimits"), i), "pageSize"), strconv.Quote(limit.Pagesize)+" is not a size such as 2MB or 1GB", "")
		}
	}
	if r.Network != nil {
		for i, p := range r.Network.Priorities {
			if !interfaceName(p.Name) {
				return invalid(sub(at(sub(sub(field, "network"), "priorities"), i), "name"), strconv.Quote(p.Name)+" is not the name of an interface", "")
			}
		}
	}
	return checkMaps(r, field)
}

func checkMaps(r *rspec.LinuxResources, field string) error {
	for _, device := range sortedKeys(r.Rdma) {
		place := sub(sub(field, "rdma"), device)
		if device == "" || strings.ContainsAny(device, "\x00\n =/") {
			return invalid(place, strconv.Quote(device)+" is not the name of a device", "")
		}
		if r.Rdma[device].HcaHandles == nil && r.Rdma[device].HcaObjects == nil {
			return invalid(place, "hcaHandles or hcaObjects is required", "")
		}
	}
	for _, key := range sortedKeys(r.Unified) {
		if err := checkUnified(sub(sub(field, "unified"), key), key, r.Unified[key]); err != nil {
			return err
		}
	}
	return nil
}

// unlimitedOr is for limits where -1 says that there is none.
func unlimitedOr(field string, n *int64) error {
	if n != nil && *n < -1 {
		return invalid(field, "must be -1 (no limit) or more, is "+strconv.FormatInt(*n, 10), "")
	}
	return nil
}

func checkDeviceRule(rule *rspec.LinuxDeviceCgroup, field string) error {
	if rule.Type != "" {
		if err := oneOf(sub(field, "type"), rule.Type, "a", "b", "c"); err != nil {
			return err
		}
	}
	if rest := strings.Trim(rule.Access, "rwm"); rest != "" {
		return invalid(sub(field, "access"), strconv.Quote(rule.Access)+" must be made of r, w and m", "")
	}
	if err := numberOrAll(sub(field, "major"), rule.Major); err != nil {
		return err
	}
	return numberOrAll(sub(field, "minor"), rule.Minor)
}

// numberOrAll is for device numbers where -1 is all, as runc has it.
func numberOrAll(field string, n *int64) error {
	if n != nil && (*n < -1 || *n > 1<<32-1) {
		return invalid(field, "not a device number: "+strconv.FormatInt(*n, 10), "leave it out for all")
	}
	return nil
}

func checkMemory(m *rspec.LinuxMemory, field string) error {
	for _, limit := range []struct {
		name string
		n    *int64
	}{
		{"limit", m.Limit}, {"reservation", m.Reservation}, {"swap", m.Swap},
		{"kernel", m.Kernel}, {"kernelTCP", m.KernelTCP},
	} {
		if err := unlimitedOr(sub(field, limit.name), limit.n); err != nil {
			return err
		}
	}
	if m.Swap != nil && *m.Swap > 0 {
		// swap counts memory and swap together (config-linux.md, Memory).
		switch {
		case m.Limit == nil || *m.Limit <= 0:
			return invalid(sub(field, "swap"), "a limit of memory and swap together needs one of memory", "set limit")
		case *m.Swap < *m.Limit:
			return invalid(sub(field, "swap"), "counts memory and swap together and must not be below limit: "+
				strconv.FormatInt(*m.Swap, 10)+" < "+strconv.FormatInt(*m.Limit, 10), "")
		}
	}
	if m.Swappiness != nil && *m.Swappiness > 100 {
		return invalid(sub(field, "swappiness"), "must be from 0 to 100, is "+strconv.FormatUint(*m.Swappiness, 10), "")
	}
	return nil
}

// checkCPU knows the limits of kernel/sched: a period is 1 ms to 1 s and a
// quota at least 1 ms. 0 is unset. Shares out of range are for the kernel to
// clamp, as it does.
func checkCPU(c *rspec.LinuxCPU, field string) error {
	if err := unlimitedOr(sub(field, "quota"), c.Quota); err != nil {
		return err
	}
	if err := unlimitedOr(sub(field, "realtimeRuntime"), c.RealtimeRuntime); err != nil {
		return err
	}
	quota := int64(0)
	if c.Quota != nil {
		quota = *c.Quota
	}
	switch {
	case quota > 0 && quota < 1000:
		return invalid(sub(field, "quota"), "must be at least 1000 µs, is "+strconv.FormatInt(quota, 10), "")
	case c.Period != nil && *c.Period != 0 && (*c.Period < 1000 || *c.Period > 1000000):
		return invalid(sub(field, "period"), "must be from 1000 to 1000000 µs, is "+strconv.FormatUint(*c.Period, 10), "")
	case c.Burst != nil && quota > 0 && *c.Burst > uint64(quota):
		return invalid(sub(field, "burst"), "must not be above the quota of "+strconv.FormatInt(quota, 10)+" µs", "")
	case c.RealtimeRuntime != nil && c.RealtimePeriod != nil && *c.RealtimePeriod > 0 &&
		*c.RealtimeRuntime > 0 && uint64(*c.RealtimeRuntime) > *c.RealtimePeriod:
		return invalid(sub(field, "realtimeRuntime"), "must not be above realtimePeriod", "")
	case c.Idle != nil && *c.Idle != 0 && *c.Idle != 1:
		return invalid(sub(field, "idle"), "must be 0 or 1, is "+strconv.FormatInt(*c.Idle, 10), "")
	}
	if err := checkCPUList(sub(field, "cpus"), c.Cpus); err != nil {
		return err
	}
	return checkCPUList(sub(field, "mems"), c.Mems)
}

func checkBlockIO(b *rspec.LinuxBlockIO, field string) error {
	if err := checkWeight(sub(field, "weight"), b.Weight); err != nil {
		return err
	}
	if err := checkWeight(sub(field, "leafWeight"), b.LeafWeight); err != nil {
		return err
	}
	for i, d := range b.WeightDevice {
		place := at(sub(field, "weightDevice"), i)
		if d.Weight == nil && d.LeafWeight == nil {
			return invalid(place, "weight or leafWeight is required", "")
		}
		if err := checkNumbers(d.Major, d.Minor, place); err != nil {
			return err
		}
		if err := checkWeight(sub(place, "weight"), d.Weight); err != nil {
			return err
		}
		if err := checkWeight(sub(place, "leafWeight"), d.LeafWeight); err != nil {
			return err
		}
	}
	for _, list := range []struct {
		name    string
		devices []rspec.LinuxThrottleDevice
	}{
		{"throttleReadBpsDevice", b.ThrottleReadBpsDevice}, {"throttleWriteBpsDevice", b.ThrottleWriteBpsDevice},
		{"throttleReadIOPSDevice", b.ThrottleReadIOPSDevice}, {"throttleWriteIOPSDevice", b.ThrottleWriteIOPSDevice},
	} {
		for i, d := range list.devices {
			if err := checkNumbers(d.Major, d.Minor, at(sub(field, list.name), i)); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkNumbers(major, minor int64, field string) error {
	if major < 0 || major > maxMajor {
		return invalid(sub(field, "major"), "must be from 0 to "+strconv.Itoa(maxMajor)+", is "+strconv.FormatInt(major, 10), "")
	}
	if minor < 0 || minor > maxMinor {
		return invalid(sub(field, "minor"), "must be from 0 to "+strconv.Itoa(maxMinor)+", is "+strconv.FormatInt(minor, 10), "")
	}
	return nil
}

// checkWeight knows the scale of cgroup v1, in which the spec counts; 0 is
// unset.
func checkWeight(field string, weight *uint16) error {
	if weight != nil && *weight != 0 && (*weight < 10 || *weight > 1000) {
		return invalid(field, "must be from 10 to 1000, is "+strconv.Itoa(int(*weight)), "")
	}
	return nil
}

// pageSize matches [1-9][0-9]*[KMG]B: the text becomes part of a file's name.
func pageSize(s string) bool {
	number, ok := strings.CutSuffix(s, "B")
	if !ok || len(number) < 2 || !strings.ContainsRune("KMG", rune(number[len(number)-1])) {
		return false
	}
	number = number[:len(number)-1]
	return number[0] != '0' && strings.Trim(number, "0123456789") == ""
}

// interfaceName follows the kernel's dev_valid_name; IFNAMSIZ is 16 with the
// NUL.
func interfaceName(s string) bool {
	return s != "" && s != "." && s != ".." && len(s) < 16 && !strings.ContainsAny(s, "\x00/: \t\n\v\f\r")
}

// checkUnified lets through names of cgroup v2 files, CONTROLLER.FILE, and
// nothing that could be a path. Which process is in the cgroup, and whether
// it lives, is not a resource.
func checkUnified(field, key, value string) error {
	switch key {
	case "cgroup.procs", "cgroup.threads", "cgroup.kill":
		return invalid(field, "not a limit: it acts on processes", "")
	}
	controller, file, _ := strings.Cut(key, ".")
	word := func(s string) bool {
		return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
	}
	for part := range strings.SplitSeq(file, ".") {
		if !word(part) || !word(controller) {
			return invalid(field, strconv.Quote(key)+" is not a cgroup v2 file such as memory.max", "")
		}
	}
	return noNUL(field, value)
}
