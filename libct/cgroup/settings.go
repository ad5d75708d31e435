package cgroup

// settings.go: linux.resources as an ordered list of writes. Pure; runs while
// the plan is compiled. One file per controller beside this one.

import (
	"slices"
	"strings"
	"syscall"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"stave/specs"
)

// Write is one write(2) to one cgroup file, as data.
type Write struct {
	Dir   string // absolute directory
	File  string // name in it
	Value string // exactly what is written, in one call
	Field string // JSON pointer of the setting, or "" where the runtime asks
	Why   string // one line for a reader
	Hint  string // what to mend when it fails with ENOENT

	// Ignore lists the errnos with which the setting holds anyhow.
	Ignore []syscall.Errno
	// Else is done instead, one after the other, when the write fails with
	// one of ElseOn. Its entries have no Else of their own.
	Else   []Write
	ElseOn []syscall.Errno
	// Again marks a write that the kernel may refuse with EINVAL until a
	// later one of the same list is done, when the cgroup has other limits
	// already (limit and memory+swap limit, period and quota). In a cgroup
	// just made the order of the list is right as it stands; elsewhere, do it
	// once more at the end.
	Again bool
}

// Options is what Settings needs to know beside the resources.
type Options struct {
	// Devices is linux.devices. A default device that the configuration
	// describes itself loses its place on the list of always allowed ones.
	Devices []rspec.LinuxDevice
	// SkipDevices leaves device access alone: in a user namespace neither
	// devices.deny nor BPF_PROG_LOAD is permitted, and mknod(2) is not
	// either; on update nobody asked for a change.
	SkipDevices bool
	// Update says that the cgroup is in use: a setting that equals the
	// kernel's default is written all the same.
	Update bool
}

// Settings turns resources into writes, in the order in which a fresh cgroup
// takes them, and all of them before the first process joins. On v2 the
// device rules are not among them: they are a program, see Devices.
//
// Each limit goes to the v1 hierarchy of its controller, else to v2 if that
// has the controller; if neither does it is an error.
func Settings(l *Layout, dirs []Dir, res *rspec.LinuxResources, opts Options) ([]Write, error) {
	s := &settings{l: l, dirs: dirs, opts: opts}
	if res == nil {
		res = &rspec.LinuxResources{}
	}
	s.pids(res.Pids)
	s.memory(res.Memory)
	s.blockIO(res.BlockIO)
	s.cpu(res.CPU)
	s.devices(res.Devices)
	s.cpuset(res.CPU)
	s.hugepages(res.HugepageLimits)
	s.network(res.Network)
	s.rdma(res.Rdma)
	s.unified(res.Unified) // last: it may refine any of the others
	if s.err != nil {
		return nil, s.err
	}
	return s.out, nil
}

// settings collects writes until the first error.
type settings struct {
	l    *Layout
	dirs []Dir
	opts Options
	out  []Write
	err  error
}

func (s *settings) add(w Write) { s.out = append(s.out, w) }

// put adds the ordinary write: nothing ignored, nothing else to try.
func (s *settings) put(d Dir, file, value, field, why string) *Write {
	s.out = append(s.out, Write{Dir: d.Path, File: file, Value: value, Field: resources + field, Why: why})
	w := &s.out[len(s.out)-1]
	if d.H.V2 {
		w.Hint = hintController
	}
	return w
}

const (
	resources      = "/linux/resources"
	hintController = "the controller is not enabled here: a cgroup above holds processes itself or does not delegate it"
)

// on answers where a controller of v1 or v2 name lives, and notes an error
// for field when that is nowhere.
func (s *settings) on(v1, v2, field string) (Dir, bool) {
	if s.err != nil {
		return Dir{}, false
	}
	if d, ok := find(s.dirs, v1); ok && v1 != "" {
		return d, true
	}
	if d, ok := findV2(s.dirs); ok && v2 != "" && has(d.H.Available, v2) {
		return d, true
	}
	name := v1
	if s.l.Mode == V2 && v2 != "" || v1 == "" {
		name = v2
	}
	s.unsupported(field, "this host ("+s.l.Mode.String()+") has no cgroup controller "+name)
	return Dir{}, false
}

func (s *settings) fail(kind error, field, problem string) {
	if s.err == nil {
		s.err = &specs.Error{Field: resources + field, Problem: problem, Kind: kind}
	}
}

func (s *settings) unsupported(field, problem string) { s.fail(specs.ErrUnsupported, field, problem) }
func (s *settings) invalid(field, problem string)     { s.fail(specs.ErrInvalid, field, problem) }

// Enable gives the writes that hand controllers down the v2 hierarchy, from
// the mount point to the parent of the container's cgroup, before the
// container's directory is used. On a v2 host that is every controller there
// is, because statistics need them where no limit does; beside v1 only those
// that a limit in res needs.
//
// A level that refuses all at once is asked for each one alone. What it then
// refuses is ignored here: a cgroup with processes of its own cannot enable
// domain controllers (EBUSY), and that matters only if a limit wants the
// controller, whose own write then fails and says so.
func Enable(l *Layout, dirs []Dir, res *rspec.LinuxResources) []Write {
	d, ok := findV2(dirs)
	if !ok {
		return nil
	}
	want := d.H.Available
	if l.Mode == Hybrid {
		want = wanted(dirs, res, d.H.Available)
	}
	if len(want) == 0 {
		return nil
	}
	refusal := []syscall.Errno{unix.EBUSY, unix.ENOENT, unix.EINVAL, unix.EPERM, unix.EACCES, unix.EOPNOTSUPP, unix.EROFS}
	var out []Write
	for _, dir := range append([]string{d.H.Mount}, upTo(d)...) {
		w := Write{Dir: dir, File: "cgroup.subtree_control", Value: "+" + strings.Join(want, " +"),
			Why: "hand the controllers down to the container (cgroups(7))", ElseOn: refusal}
		for _, c := range want {
			w.Else = append(w.Else, Write{Dir: dir, File: w.File, Value: "+" + c, Why: w.Why, Ignore: refusal})
		}
		out = append(out, w)
	}
	return out
}

// wanted lists the v2 controllers that res needs on a hybrid host.
func wanted(dirs []Dir, res *rspec.LinuxResources, avail []string) []string {
	if res == nil {
		return nil
	}
	var out []string
	need := func(set bool, v1, v2 string) {
		if _, ok := find(dirs, v1); set && !ok && has(avail, v2) {
			out = append(out, v2)
		}
	}
	need(res.Memory != nil, "memory", "memory")
	need(res.CPU != nil, "cpu", "cpu")
	need(res.CPU != nil && (res.CPU.Cpus != "" || res.CPU.Mems != ""), "cpuset", "cpuset")
	need(res.Pids != nil, "pids", "pids")
	need(res.BlockIO != nil, "blkio", "io")
	need(len(res.HugepageLimits) > 0, "hugetlb", "hugetlb")
	need(len(res.Rdma) > 0, "rdma", "rdma")
	return out
}

// upTo lists the directories between the mount point and d, both excluded,
// from the top.
func upTo(d Dir) []string {
	var out []string
	for i := len(d.H.Mount) + 1; i < len(d.Path); i++ {
		if d.Path[i] == '/' {
			out = append(out, d.Path[:i])
		}
	}
	return out
}

// unified writes v2 files by name. The specification wants unknown ones
// written too, so only the form is checked and that the controller exists.
func (s *settings) unified(files map[string]string) {
	if len(files) == 0 || s.err != nil {
		return
	}
	if s.l.Mode != V2 {
		s.unsupported("/unified", "cgroup v2 files need a v2 host, this one is "+s.l.Mode.String())
		return
	}
	d, ok := findV2(s.dirs)
	if !ok {
		s.unsupported("/unified", "the container has no cgroup v2 directory")
		return
	}
	for _, name := range sorted(files) {
		field := "/unified/" + pointer(name)
		controller, rest, ok := strings.Cut(name, ".")
		if !ok || controller == "" || rest == "" || strings.ContainsAny(name, "/\n\x00") {
			s.invalid(field, "not a file of a controller, such as memory.high")
			return
		}
		switch name {
		case "cgroup.procs", "cgroup.threads", "cgroup.kill", "cgroup.freeze", "cgroup.type", "cgroup.subtree_control":
			// These act on processes, the host's among them, or make the
			// cgroup one that no process can enter.
			s.invalid(field, "moves or stops processes and is no resource")
			return
		}
		if controller != "cgroup" && !has(d.H.Available, controller) {
			s.unsupported(field, "this host has no cgroup controller "+controller)
			return
		}
		// One write(2) is one command; io.max and its like take one device
		// each.
		for line := range strings.SplitSeq(strings.TrimSuffix(files[name], "\n"), "\n") {
			s.put(d, name, line, field, "cgroup v2 file by name")
		}
	}
}

// pointer escapes a map key for a JSON pointer (RFC 6901).
func pointer(key string) string {
	return strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1")
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
