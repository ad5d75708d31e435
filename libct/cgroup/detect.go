package cgroup

// detect.go: which hierarchies this host has and where. Runs in the parent,
// before anything is decided.

import (
	"strings"

	"golang.org/x/sys/unix"
	"stave/specs"
)

// Mode is the layout of the host.
type Mode int

const (
	V1     Mode = iota // controllers on v1 hierarchies, no v2 mounted
	Hybrid             // controllers on v1 hierarchies, v2 mounted beside them
	V2                 // the v2 hierarchy alone
)

func (m Mode) String() string {
	return [...]string{"v1", "hybrid", "v2"}[m]
}

// Hierarchy is one mounted cgroup tree.
type Hierarchy struct {
	Controllers []string // v1: "cpu", "cpuacct" or "name=systemd"; v2: one empty string
	Available   []string // v2: cgroup.controllers at the mount point
	Mount       string   // absolute mount point
	Root        string   // what of the hierarchy is mounted there; "/" but for nested hosts
	Self        string   // our own cgroup in it, from /proc/self/cgroup
	V2          bool
}

// Layout is what Detect found, in the order of /proc/self/cgroup.
type Layout struct {
	Mode        Mode
	Hierarchies []Hierarchy
}

const mountRoot = "/sys/fs/cgroup"

// Detect asks the host. On a v2 host that is two small files; elsewhere the
// conventional directory names are checked with statfs(2), because
// /proc/self/mountinfo of a busy host is long and slow to make. It is read
// only when a hierarchy is not where it should be.
func Detect() (*Layout, error) {
	h := host{root: mountRoot, magic: statfsMagic, exists: exists,
		read: func(path string) (string, error) { return readFile(unix.AT_FDCWD, path, path) }}
	return h.detect()
}

// host is the questions that detection asks, so that tests can answer them.
type host struct {
	root   string
	magic  func(path string) int64 // statfs(2) f_type, 0 if there is none
	exists func(path string) bool
	read   func(path string) (string, error)
	mounts []mountLine // of mountinfo, once read
	looked bool
}

func (h *host) detect() (*Layout, error) {
	self, err := h.read("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	lines := parseSelf(self)
	if h.magic(h.root) == unix.CGROUP2_SUPER_MAGIC {
		hier, err := h.unified(h.root, lines)
		if err != nil {
			return nil, err
		}
		return &Layout{Mode: V2, Hierarchies: []Hierarchy{hier}}, nil
	}
	l := &Layout{Mode: V1}
	for _, line := range lines {
		if line.v2() {
			continue
		}
		if mount := h.find(line.controllers); mount != "" {
			hier := Hierarchy{Controllers: line.controllers, Mount: mount, Root: "/", Self: line.path}
			if err := h.place(&hier); err != nil {
				return nil, err
			}
			l.Hierarchies = append(l.Hierarchies, hier)
		}
	}
	if mount := h.root + "/unified"; h.magic(mount) == unix.CGROUP2_SUPER_MAGIC {
		hier, err := h.unified(mount, lines)
		if err != nil {
			return nil, err
		}
		l.Mode = Hybrid
		l.Hierarchies = append(l.Hierarchies, hier)
	}
	if len(l.Hierarchies) == 0 {
		return nil, &specs.Error{Path: h.root, Problem: "no cgroup hierarchy is mounted", Kind: specs.ErrUnsupported}
	}
	return l, nil
}

func (h *host) unified(mount string, lines []selfLine) (Hierarchy, error) {
	hier := Hierarchy{Controllers: []string{""}, Mount: mount, Root: "/", Self: "/", V2: true}
	for _, line := range lines {
		if line.v2() {
			hier.Self = line.path
		}
	}
	if err := h.place(&hier); err != nil {
		return hier, err
	}
	avail, err := h.read(mount + "/cgroup.controllers")
	hier.Available = strings.Fields(avail)
	return hier, err
}

// place finds Root. Inside a container without a cgroup namespace,
// /proc/self/cgroup tells the host's path, while only a part of the tree is
// mounted here.
func (h *host) place(hier *Hierarchy) error {
	if hier.Self == "/" || h.exists(hier.Mount+hier.Self) {
		return nil
	}
	if err := h.mountinfo(); err != nil {
		return err
	}
	for _, m := range h.mounts {
		if m.point == hier.Mount && m.v2 == hier.V2 {
			// A root such as /../.. is above the root of our cgroup
			// namespace (cgroup_namespaces(7)); then nothing below the
			// mount point is named by Self.
			hier.Root = m.root
		}
	}
	return nil
}

// find answers where a v1 hierarchy is mounted, or "".
func (h *host) find(controllers []string) string {
	joined := strings.TrimPrefix(strings.Join(controllers, ","), "name=")
	names := controllers
	if len(controllers) > 1 {
		names = append([]string{joined}, controllers...)
	}
	for _, name := range names {
		// A named hierarchy can have any name; only one path element is a
		// convention worth a look.
		name = strings.TrimPrefix(name, "name=")
		if strings.Contains(name, "/") || name == "" || name == ".." || name == "." {
			continue
		}
		if mount := h.root + "/" + name; h.magic(mount) == unix.CGROUP_SUPER_MAGIC {
			return mount
		}
	}
	if h.mountinfo() != nil {
		return ""
	}
	for _, m := range h.mounts {
		if !m.v2 && has(strings.Split(m.options, ","), controllers[0]) {
			return m.point
		}
	}
	return ""
}

func (h *host) mountinfo() error {
	if h.looked {
		return nil
	}
	text, err := h.read("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	h.looked, h.mounts = true, parseMountinfo(text)
	return nil
}

// selfLine is one line of /proc/self/cgroup: id:controllers:path.
type selfLine struct {
	controllers []string
	path        string
}

func (l selfLine) v2() bool { return l.controllers == nil }

func parseSelf(text string) []selfLine {
	var out []selfLine
	for line := range strings.Lines(text) {
		id, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		controllers, path, ok := strings.Cut(rest, ":")
		if !ok || path == "" || path[0] != '/' {
			continue
		}
		switch {
		case controllers != "":
			out = append(out, selfLine{strings.Split(controllers, ","), clean(path)})
		case id == "0":
			out = append(out, selfLine{nil, clean(path)})
		}
	}
	return out
}

// mountLine is what matters here of a line of mountinfo (proc_pid_mountinfo(5)).
type mountLine struct {
	root, point, options string
	v2                   bool
}

func parseMountinfo(text string) []mountLine {
	var out []mountLine
	for line := range strings.Lines(text) {
		head, tail, ok := strings.Cut(line, " - ")
		f, t := strings.Fields(head), strings.Fields(tail)
		if !ok || len(f) < 5 || len(t) < 3 || t[0] != "cgroup" && t[0] != "cgroup2" {
			continue
		}
		out = append(out, mountLine{Unescape(f[3]), Unescape(f[4]), t[2], t[0] == "cgroup2"})
	}
	return out
}

// Unescape undoes the \ooo of mountinfo (space, tab, newline, backslash).
func Unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b []byte
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			b = append(b, (s[i+1]-'0')<<6|(s[i+2]-'0')<<3|(s[i+3]-'0'))
			i += 3
			continue
		}
		b = append(b, s[i])
	}
	return string(b)
}

func statfsMagic(path string) int64 {
	var st unix.Statfs_t
	for {
		switch err := unix.Statfs(path, &st); err {
		case nil:
			return int64(st.Type)
		case unix.EINTR:
		default:
			return 0
		}
	}
}

func exists(path string) bool { return unix.Faccessat(unix.AT_FDCWD, path, unix.F_OK, 0) == nil }

func has(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}
