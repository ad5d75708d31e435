package libct

import (
	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Capabilities: the five sets of capabilities(7). The bounding set is trimmed
// while CAP_SETPCAP is still there, the three classical sets are set in one
// capset(2) after the change of user, and the ambient set, which must be part
// of both permitted and inheritable, comes last.

// capNames in the order of their bits, as in linux/capability.h.
var capNames = [...]string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID",
	"CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER",
	"CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE",
	"CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL", "CAP_SETFCAP",
	"CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF",
	"CAP_CHECKPOINT_RESTORE",
}

// CapabilityNames lists the capabilities that stave knows, for features.
func CapabilityNames() []string { return capNames[:] }

// capSet turns names into bits. What this host cannot grant is left out with
// a warning, as the specification says (config.md, process.capabilities);
// unknown names have had theirs from specs.Check.
func (b *builder) capSet(names []string, set string) (bits uint64) {
	for _, name := range names {
		for bit, c := range capNames {
			if c != name {
				continue
			}
			if b.host.Caps>>bit&1 == 0 {
				b.warn("capability " + name + " of the " + set + " set cannot be granted: the runtime does not have it")
				continue
			}
			bits |= 1 << bit
		}
	}
	return bits
}

// boundingSet drops from the bounding set whatever is not asked for.
func (b *builder) boundingSet(p *rspec.Process, field string) {
	var keep uint64
	if p.Capabilities != nil {
		keep = b.capSet(p.Capabilities.Bounding, "bounding")
	}
	b.step(Child, "bounding set", field+"/capabilities/bounding", "no execve(2) can bring these back; capabilities(7)")
	for bit := range capNames {
		if keep>>bit&1 == 0 {
			b.op(unix.SYS_PRCTL, n(unix.PR_CAPBSET_DROP), n(bit), n(0), n(0), n(0))
		}
	}
	// Capabilities newer than this list, up to where the kernel says EINVAL.
	done := b.label()
	for bit := len(capNames); bit < 64; bit++ {
		b.op(unix.SYS_PRCTL, n(unix.PR_CAPBSET_DROP), n(bit), n(0), n(0), n(0)).on(uint16(unix.EINVAL), done)
	}
	b.place(done)
}

func (b *builder) capabilities(p *rspec.Process, field string) {
	var c rspec.LinuxCapabilities
	if p.Capabilities != nil {
		c = *p.Capabilities
	}
	permitted, effective := b.capSet(c.Permitted, "permitted"), b.capSet(c.Effective, "effective")
	inheritable, ambient := b.capSet(c.Inheritable, "inheritable"), b.capSet(c.Ambient, "ambient")
	b.step(Child, "capabilities", field+"/capabilities", "effective, permitted and inheritable at once; capset(2)")
	b.op(unix.SYS_PRCTL, n(unix.PR_CAP_AMBIENT), n(unix.PR_CAP_AMBIENT_CLEAR_ALL), n(0), n(0), n(0))
	header := b.words(unix.LINUX_CAPABILITY_VERSION_3)
	lo, hi := uint64(0xffffffff), 32
	data := b.words(effective&lo|permitted&lo<<hi, inheritable&lo|effective>>hi<<hi, permitted>>hi|inheritable>>hi<<hi)
	b.op(unix.SYS_CAPSET, header, data)
	for bit := range capNames {
		if ambient>>bit&1 == 0 {
			continue
		}
		if permitted>>bit&1 == 0 || inheritable>>bit&1 == 0 {
			// Not permitted and inheritable: specs.Check has warned of it.
			continue
		}
		b.op(unix.SYS_PRCTL, n(unix.PR_CAP_AMBIENT), n(unix.PR_CAP_AMBIENT_RAISE), n(bit), n(0), n(0))
	}
}
