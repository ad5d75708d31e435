package specs

import (
	"slices"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
)

// Capabilities lists the names of capabilities(7); the index is the number
// that the kernel knows one by.
func Capabilities() []string {
	return []string{
		"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL",
		"CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE",
		"CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER",
		"CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT",
		"CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME",
		"CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
		"CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM",
		"CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
	}
}

// CapabilityBits turns names into a mask; those that are not known have none.
func CapabilityBits(names []string) uint64 {
	all := Capabilities()
	bits := uint64(0)
	for _, name := range names {
		if i := slices.Index(all, name); i >= 0 {
			bits |= 1 << i
		}
	}
	return bits
}

// capabilityWarnings tells of what will not be granted. The spec wants a
// warning here and no error (config.md, Linux Process).
func capabilityWarnings(c *rspec.LinuxCapabilities, field string) []string {
	if c == nil {
		return nil
	}
	var warnings []string
	all := Capabilities()
	permitted, inheritable := CapabilityBits(c.Permitted), CapabilityBits(c.Inheritable)
	for _, set := range []struct {
		name  string
		names []string
		limit uint64 // what the kernel lets this set hold
		why   string
	}{
		{"bounding", c.Bounding, ^uint64(0), ""},
		{"permitted", c.Permitted, ^uint64(0), ""},
		{"inheritable", c.Inheritable, ^uint64(0), ""},
		{"effective", c.Effective, permitted, "permitted"},
		{"ambient", c.Ambient, permitted & inheritable, "permitted and inheritable"},
	} {
		for i, name := range set.names {
			place := at(sub(field, set.name), i)
			switch n := slices.Index(all, name); {
			case n < 0:
				warnings = append(warnings, place+": "+name+" is not known, ignored")
			case set.limit&(1<<n) == 0:
				warnings = append(warnings, place+": "+name+" is not among the "+set.why+" ones, ignored")
			}
		}
	}
	return warnings
}
