package specs

import rspec "github.com/opencontainers/runtime-spec/specs-go"

// Record is what stave keeps on disk about a container, in
// ROOT/ID/state.json. It is written before the first lasting kernel object
// (phase "creating", with everything that delete needs to find those objects
// again) and replaced once the container is created.
type Record struct {
	Version     int    `json:"version"` // format of this record: RecordVersion
	OCIVersion  string `json:"ociVersion"`
	ID          string `json:"id"`
	Bundle      string `json:"bundle"` // absolute
	Rootfs      string `json:"rootfs"` // absolute
	Created     string `json:"created"`
	Phase       string `json:"phase"` // PhaseCreating or PhaseCreated
	BootID      string `json:"bootID"`
	PID         int    `json:"pid,omitempty"`        // as the host counts
	StartTime   uint64 `json:"startTime,omitempty"`  // field 22 of /proc/PID/stat, clock ticks since boot
	RuntimePID  int    `json:"runtimePID,omitempty"` // the creating process, while Phase is creating
	RuntimeTime uint64 `json:"runtimeTime,omitempty"`

	CgroupPath   string   `json:"cgroupPath,omitempty"`   // relative to each hierarchy's root, as settled
	CgroupDirs   []string `json:"cgroupDirs,omitempty"`   // absolute directories, each ours to remove
	CgroupPlaces []string `json:"cgroupPlaces,omitempty"` // of each, "version:controllers:mount point"
	CgroupOwned  []string `json:"cgroupOwned,omitempty"`  // absolute directories that we made on the way there; removed when empty

	Annotations             map[string]string       `json:"annotations,omitempty"`
	Namespaces              []rspec.LinuxNamespace  `json:"namespaces,omitempty"`
	UIDMappings             []rspec.LinuxIDMapping  `json:"uidMappings,omitempty"`
	GIDMappings             []rspec.LinuxIDMapping  `json:"gidMappings,omitempty"`
	Hooks                   *rspec.Hooks            `json:"hooks,omitempty"`   // those that later commands run
	Process                 *rspec.Process          `json:"process,omitempty"` // defaults for exec
	Personality             *rspec.LinuxPersonality `json:"personality,omitempty"`
	Resources               *rspec.LinuxResources   `json:"resources,omitempty"` // as last set, for update
	Seccomp                 bool                    `json:"seccomp,omitempty"`   // ROOT/ID/seccomp.bpf holds the filter
	SeccompListenerPath     string                  `json:"seccompListenerPath,omitempty"`
	SeccompListenerMetadata string                  `json:"seccompListenerMetadata,omitempty"`
	SeccompFlags            []string                `json:"seccompFlags,omitempty"`

	// Notify says that its program has a socket to say that it is ready
	// (sd_notify(3)), which start binds.
	Notify bool `json:"notify,omitempty"`

	// Ptrace says that an exec has granted CAP_SYS_PTRACE to a process.
	Ptrace bool `json:"ptrace,omitempty"`

	// AfterGate is what start needs to explain a failure in the container's
	// process after the runtime that compiled its plan has gone: a line for
	// each of the child's last operations, its index, step number, steps in
	// all, step, field, system call and path between tabs.
	AfterGate []string `json:"afterGate,omitempty"`
}

// RecordVersion is the format that this stave writes.
const RecordVersion = 1

// The phases of a Record.
const (
	PhaseCreating = "creating"
	PhaseCreated  = "created"
)
