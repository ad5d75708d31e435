package specs

import (
	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/opencontainers/runtime-spec/specs-go/features"
)

// FeatureProbe is what the features document says of the runtime as it was
// built and of the kernel that it runs on. The caller asks; Features only
// puts the answers in their places.
type FeatureProbe struct {
	Annotations map[string]string // about the runtime itself, such as its version

	// UnsafeAnnotations are the annotations of a configuration that this
	// runtime acts upon; one that ends with a dot stands for all that begin so.
	UnsafeAnnotations []string

	Namespaces     []string // those that the kernel has, by the spec's names; nil: all
	LastCapability int      // /proc/sys/kernel/cap_last_cap; 0: all that we know

	CgroupV1, CgroupV2, Systemd, SystemdUser, RDMA bool

	Seccomp      bool
	SeccompArchs []string // that filters can be made for; nil: all of the spec
	SeccompFlags []string // that this kernel takes

	AppArmor, SELinux, IDMap, NetDevices           bool
	IntelRdt, IntelRdtSchemata, IntelRdtMonitoring bool
	MemoryPolicyModes, MemoryPolicyFlags           []string // nil: not supported
}

// Features is the document of features.md.
func Features(p FeatureProbe) *features.Features {
	f := &features.Features{
		OCIVersionMin: "1.0.0",
		OCIVersionMax: SpecVersion,
		Hooks:         Hooks(),
		MountOptions:  KnownMountOptions(),
		Annotations:   p.Annotations,
		Linux: &features.Linux{
			Namespaces:   p.Namespaces,
			Capabilities: Capabilities(),
			Cgroup: &features.Cgroup{
				V1:          &p.CgroupV1,
				V2:          &p.CgroupV2,
				Systemd:     &p.Systemd,
				SystemdUser: &p.SystemdUser,
				Rdma:        &p.RDMA,
			},
			Seccomp:         seccompFeatures(&p),
			Apparmor:        &features.Apparmor{Enabled: &p.AppArmor},
			Selinux:         &features.Selinux{Enabled: &p.SELinux},
			IntelRdt:        &features.IntelRdt{Enabled: &p.IntelRdt, Schemata: &p.IntelRdtSchemata, Monitoring: &p.IntelRdtMonitoring},
			MountExtensions: &features.MountExtensions{IDMap: &features.IDMap{Enabled: &p.IDMap}},
			NetDevices:      &features.NetDevices{Enabled: &p.NetDevices},
		},
		PotentiallyUnsafeConfigAnnotations: p.UnsafeAnnotations,
	}
	if p.Namespaces == nil {
		f.Linux.Namespaces = Namespaces()
	}
	if n := p.LastCapability + 1; n > 1 && n < len(f.Linux.Capabilities) {
		f.Linux.Capabilities = f.Linux.Capabilities[:n]
	}
	if p.MemoryPolicyModes != nil {
		f.Linux.MemoryPolicy = &features.MemoryPolicy{Modes: p.MemoryPolicyModes, Flags: p.MemoryPolicyFlags}
	}
	return f
}

func seccompFeatures(p *FeatureProbe) *features.Seccomp {
	if !p.Seccomp {
		return &features.Seccomp{Enabled: &p.Seccomp}
	}
	s := &features.Seccomp{
		Enabled:        &p.Seccomp,
		Actions:        names(SeccompActions()),
		Operators:      names(SeccompOperators()),
		Archs:          p.SeccompArchs,
		KnownFlags:     names(SeccompFlags()),
		SupportedFlags: p.SeccompFlags,
	}
	if s.Archs == nil {
		s.Archs = names(SeccompArchs())
	}
	return s
}

// Hooks lists the hooks of config.md in the order in which they run.
func Hooks() []string {
	return []string{"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"}
}

// Namespaces lists the types of config-linux.md, sorted.
func Namespaces() []string {
	return names([]rspec.LinuxNamespaceType{
		rspec.CgroupNamespace, rspec.IPCNamespace, rspec.MountNamespace, rspec.NetworkNamespace,
		rspec.PIDNamespace, rspec.TimeNamespace, rspec.UserNamespace, rspec.UTSNamespace,
	})
}

func names[T ~string](values []T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}
