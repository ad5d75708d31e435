package libct

import (
	"strconv"
	"strings"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/libct/cgroup"
	"stave/libct/nofile"
	"stave/libct/seccomp"
	"stave/specs"
)

// Host is everything that Compile wants to know of the machine, asked before
// the first step. Compile itself asks nothing, so a test can compile for any
// machine.
type Host struct {
	EUID            int
	UserNS          bool // we are not in the initial user namespace
	SetgroupsDenied bool
	Caps            uint64 // our bounding set: what a container can get at most
	NoFile          nofile.Limit
	Cgroups         *cgroup.Layout
	Cpuset          []cgroup.Write    // v1: cpus and mems copied from above, before any task can enter
	Sources         map[string]uint32 // st_mode of every bind source
	Sealed          bool              // our own binary cannot be written through /proc/PID/exe
	NoExecMemfd     bool              // vm.memfd_noexec forbids to execute files in memory
	SuidDumpable    bool              // fs.suid_dumpable is 1: who changes ids may be traced by those who have the same
	SeccompFlags    uint              // of seccomp(2), that this kernel knows
	ProcSources     map[string]bool   // bind sources for /proc that are a procfs
	DirModes        map[string]uint32 // mode of the directory that a tmpfs without a mode covers, by destination
	Places          map[string]string // where links lead that mount points go through, both without the slash before
	KCore           bool              // /proc/kcore exists
	AppArmor        bool
	SELinux         bool
	Home            string // home directory of process.user, for HOME
}

type mountOptions = specs.MountOptions

// Survey asks the host all that spec makes necessary, and no more: every
// question costs a system call or two.
func Survey(spec *rspec.Spec, bundle string) (*Host, error) {
	h := &Host{EUID: unix.Geteuid(), NoFile: nofile.Original, Sources: make(map[string]uint32), Home: "/"}
	var err error
	if h.Cgroups, err = cgroup.Detect(); err != nil {
		return nil, err
	}
	if spec.Linux != nil && spec.Linux.Seccomp != nil {
		h.SeccompFlags = seccomp.KernelFlags()
	}
	h.Caps = boundingCaps()
	h.Sealed, h.NoExecMemfd = Sealed(), noExecMemfd()
	h.UserNS = InUserNamespace()
	h.KCore = unix.Access("/proc/kcore", unix.F_OK) == nil
	for i := range spec.Mounts {
		m := &spec.Mounts[i]
		if m.Type == "tmpfs" && !hasMode(m.Options) && spec.Root != nil {
			h.coveredMode(absolute(bundle, spec.Root.Path), m.Destination)
		}
		if !specs.IsBind(m) {
			continue
		}
		source := absolute(bundle, m.Source)
		var st unix.Stat_t
		if err := unix.Stat(source, &st); err != nil {
			return nil, &specs.Error{Field: pointer("/mounts", i) + "/source", Syscall: "stat", Path: source, Errno: err.(unix.Errno),
				Hint: "the source of a bind mount must exist on the host"}
		}
		h.Sources[source] = st.Mode
		if relative(m.Destination) == "proc" {
			var fs unix.Statfs_t
			h.ProcSources = map[string]bool{source: unix.Statfs(source, &fs) == nil && int64(fs.Type) == unix.PROC_SUPER_MAGIC}
		}
	}
	if spec.Root != nil {
		h.findPlaces(absolute(bundle, spec.Root.Path), spec.Mounts)
	}
	if p := spec.Process; p != nil {
		lsmFacts(h, p, spec.Linux)
		if !hasHome(p.Env) && spec.Root != nil {
			h.Home = homeOf(spec, bundle, p.User.UID)
		}
	}
	return h, nil
}

func hasMode(options []string) bool {
	for _, o := range options {
		if strings.HasPrefix(o, "mode=") {
			return true
		}
	}
	return false
}

// coveredMode notes the mode of a directory of the rootfs: a tmpfs over it
// gets the same, so that /tmp stays what the image made of it.
func (h *Host) coveredMode(root, dest string) {
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(dir)
	fd, err := unix.Openat2(dir, relative(dest), &unix.OpenHow{Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: inRoot})
	if err != nil {
		return
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) == nil {
		if h.DirModes == nil {
			h.DirModes = make(map[string]uint32)
		}
		h.DirModes[dest] = st.Mode
	}
}

func noFile() nofile.Limit { return nofile.Original }

// lsmFacts asks which security modules are on, if anything depends on it.
func lsmFacts(h *Host, p *rspec.Process, l *rspec.Linux) {
	if p.ApparmorProfile != "" {
		b, _ := readSmall("/sys/module/apparmor/parameters/enabled", 16)
		h.AppArmor = strings.HasPrefix(string(b), "Y")
	}
	if p.SelinuxLabel != "" || l != nil && l.MountLabel != "" {
		var st unix.Statfs_t
		h.SELinux = unix.Statfs("/sys/fs/selinux", &st) == nil && int64(st.Type) == unix.SELINUX_MAGIC
	}
}

// boundingCaps reads our bounding set, bit by bit: 41 calls that cost less
// than the one /proc/self/status.
func boundingCaps() (set uint64) {
	for bit := range capNames {
		if r, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(bit), 0, 0, 0); err == nil && r == 1 {
			set |= 1 << bit
		}
	}
	return set
}

// InUserNamespace: the initial one maps all ids onto themselves.
func InUserNamespace() bool {
	b, err := readSmall("/proc/self/uid_map", 4096)
	if err != nil {
		return false
	}
	f := strings.Fields(string(b))
	return !(len(f) == 3 && f[0] == "0" && f[1] == "0" && f[2] == "4294967295")
}

func hasHome(env []string) bool {
	for _, kv := range env {
		if len(kv) > len("HOME=") && kv[:5] == "HOME=" {
			return true
		}
	}
	return false
}

// homeOf looks the user up in the container's passwd(5), as it will be: a bind
// mount over /etc/passwd wins over the image's. The file is the image's word,
// so it is resolved inside the root, must be a regular file and is read only
// up to 1 MiB.
func homeOf(spec *rspec.Spec, bundle string, uid uint32) string {
	root, name := absolute(bundle, spec.Root.Path), "etc/passwd"
	if spec.Linux != nil {
		for _, p := range spec.Linux.MaskedPaths {
			if p := relative(p); p == name || p == "etc" {
				return "/"
			}
		}
	}
	for i := range spec.Mounts {
		if m := &spec.Mounts[i]; relative(m.Destination) == name && specs.IsBind(m) {
			root, name = absolute(bundle, m.Source), ""
		}
	}
	if name == "" {
		root, name = splitPath(root)
		return homeAt(root, name, uid, 0)
	}
	return homeAt(root, name, uid, inRoot)
}

func homeAt(root, name string, uid uint32, resolve uint64) string {
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "/"
	}
	defer unix.Close(dir)
	return homeIn(dir, name, uid, resolve)
}

// homeIn reads passwd below a directory.
func homeIn(dir int, name string, uid uint32, resolve uint64) string {
	fd, err := unix.Openat2(dir, name, &unix.OpenHow{Flags: unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK, Resolve: resolve})
	if err != nil {
		return "/"
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return "/"
	}
	data, _ := readFD(fd, 1<<20)
	return passwdHome(string(data), uid)
}

// passwdHome finds the home directory of uid: name:password:uid:gid:gecos:home:shell.
func passwdHome(data string, uid uint32) string {
	want := strconv.FormatUint(uint64(uid), 10)
	for len(data) > 0 {
		line := data
		if i := strings.IndexByte(data, '\n'); i >= 0 {
			line, data = data[:i], data[i+1:]
		} else {
			data = ""
		}
		if f := strings.Split(line, ":"); len(f) >= 6 && f[2] == want && strings.HasPrefix(f[5], "/") {
			return f[5]
		}
	}
	return "/"
}

// readSmall reads a kernel file of at most max bytes.
func readSmall(name string, max int) ([]byte, error) {
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	return readFD(fd, max)
}

func readFD(fd, max int) ([]byte, error) {
	buf := make([]byte, 0, min(max, 4096))
	for len(buf) < max {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := unix.Read(fd, buf[len(buf):min(cap(buf), max)])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return buf, err
		}
		if n == 0 {
			break
		}
		buf = buf[:len(buf)+n]
	}
	return buf, nil
}

func itoa(v int64) string { return strconv.FormatInt(v, 10) }
