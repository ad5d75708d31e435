package cgroup

// paths.go: from linux.cgroupsPath to directories. Pure; runs while the plan
// is compiled.

import (
	"strings"

	"stave/specs"
)

// Dir is the container's directory in one hierarchy.
type Dir struct {
	Path        string // absolute
	H           *Hierarchy
	Controllers []string // those of H
}

// rel is the path below the mount point, without a leading slash.
func (d Dir) rel() string {
	return strings.TrimPrefix(strings.TrimPrefix(d.Path, d.H.Mount), "/")
}

const fieldPath = "/linux/cgroupsPath"

// Dirs settles where the container goes, in the places where runc puts it, so
// that callers which look there find it:
//
//	            v1 hierarchy         v2 beside v1    v2
//	"/a/b"      MOUNT/a/b            MOUNT/a/b       MOUNT/a/b
//	"a/b"       MOUNT/SELF/a/b       MOUNT/a/b       MOUNT/(parent of SELF)/a/b
//	""          as ID                as ID           as ID
//
// On v2 it is the parent of our own cgroup because a cgroup with processes in
// it cannot hand controllers to children (cgroups(7), "no internal
// processes"). rel is the cleaned inner path ("/a/b", "a/b" or the id): it
// gives the same dirs again for as long as we live in the same cgroup.
func (l *Layout) Dirs(cgroupsPath, id string) (rel string, dirs []Dir, err error) {
	switch {
	case cgroupsPath != "":
		rel, err = inner(cgroupsPath)
	case id == "" || id == "." || id == ".." || strings.ContainsAny(id, "/\x00\n"):
		err = &specs.Error{Path: id, Problem: "not a name for a cgroup", Kind: specs.ErrInvalid}
	default:
		rel = id
	}
	if err != nil {
		return "", nil, err
	}
	for i := range l.Hierarchies {
		h := &l.Hierarchies[i]
		if !h.joined() {
			continue
		}
		base := "/"
		if rel[0] != '/' && (l.Mode != Hybrid || !h.V2) {
			base = h.self()
			if h.V2 {
				base = parent(base)
			}
		}
		path := h.Mount + clean(base+"/"+rel)
		dirs = append(dirs, Dir{Path: path, H: h, Controllers: h.Controllers})
	}
	return rel, dirs, nil
}

// Place names the hierarchy of d, for a record: version, controllers (of v2:
// those it has at its mount point) and mount point, divided by colons.
func (d Dir) Place() string {
	if d.H.V2 {
		return "2:" + strings.Join(d.H.Available, ",") + ":" + d.H.Mount
	}
	return "1:" + strings.Join(d.H.Controllers, ",") + ":" + d.H.Mount
}

// DirsAt turns recorded directories and their places into Dirs again. The host
// is not asked: a hierarchy that is no longer mounted has no such directory,
// and that is how everything that looks into one finds out.
func DirsAt(paths, places []string) ([]Dir, error) {
	if len(paths) != len(places) {
		return nil, &specs.Error{Problem: "cgroup directories and hierarchies do not match", Kind: specs.ErrCorrupt}
	}
	dirs, hierarchies := make([]Dir, len(paths)), make([]Hierarchy, len(paths))
	for i, path := range paths {
		h := &hierarchies[i]
		version, rest, _ := strings.Cut(places[i], ":")
		controllers, mount, _ := strings.Cut(rest, ":")
		h.Mount, h.V2 = mount, version == "2"
		if h.V2 {
			h.Controllers, h.Available = []string{""}, strings.FieldsFunc(controllers, comma)
		} else {
			h.Controllers = strings.Split(controllers, ",")
		}
		if version != "1" && !h.V2 || mount == "" || mount[0] != '/' || clean(mount) != mount {
			return nil, &specs.Error{Path: places[i], Problem: "not a cgroup hierarchy", Kind: specs.ErrCorrupt}
		}
		if !strings.HasPrefix(path, mount+"/") || clean(path) != path {
			return nil, &specs.Error{Path: path, Problem: "not a directory below a cgroup hierarchy", Kind: specs.ErrCorrupt}
		}
		dirs[i] = Dir{Path: path, H: h, Controllers: h.Controllers}
	}
	return dirs, nil
}

func comma(r rune) bool { return r == ',' }

// Sub gives the same cgroup below each of dirs, for exec --cgroup.
func Sub(dirs []Dir, sub string) ([]Dir, error) {
	rel, err := inner("/" + sub)
	if err != nil {
		e := err.(*specs.Error)
		e.Field, e.Path = "", sub
		return nil, e
	}
	out := make([]Dir, len(dirs))
	for i, d := range dirs {
		d.Path += rel
		out[i] = d
	}
	return out, nil
}

// Ancestors lists, from the top down and each once, the directories above
// dirs that may have to be made before dirs themselves. Our own cgroups and
// what is above them exist.
func Ancestors(dirs []Dir) []string {
	var out []string
	for _, d := range dirs {
		self := d.H.Mount + d.H.self()
		for i := len(d.H.Mount) + 1; i < len(d.Path); i++ {
			if d.Path[i] != '/' {
				continue
			}
			if a := d.Path[:i]; a != self && !strings.HasPrefix(self, a+"/") {
				out = append(out, a)
			}
		}
	}
	return out
}

// JoinFiles lists the files into which a process writes "0" to enter dirs.
// On v1 that is tasks and not cgroup.procs: for the writing thread itself the
// kernel then needs no lock over every fork and exec of the host, and taking
// that lock waits for an RCU grace period (5–15 ms here). It moves one
// thread, so the process must have no other.
//
// The v2 directory has no such way in. A process that was cloned into
// InitialCgroupDir (cloned is true) is there already; any other needs
// cgroup.procs.
func JoinFiles(dirs []Dir, cloned bool) []string {
	var out []string
	for _, d := range dirs {
		switch {
		case !d.H.V2:
			out = append(out, d.Path+"/tasks")
		case !cloned:
			out = append(out, d.Path+"/cgroup.procs")
		}
	}
	return out
}

// InitialCgroupDir is the directory for CLONE_INTO_CGROUP (clone(2)), on
// hybrid hosts as well; "" where v2 is not mounted.
func InitialCgroupDir(dirs []Dir) string {
	for _, d := range dirs {
		if d.H.V2 {
			return d.Path
		}
	}
	return ""
}

// joined tells whether containers enter this hierarchy: any with a kernel
// controller, v2, and of the named ones only systemd's, whose path is how
// systemd and its tools find a process. Other named hierarchies are private
// to whoever mounted them.
func (h *Hierarchy) joined() bool {
	return h.V2 || !strings.HasPrefix(h.Controllers[0], "name=") || h.Controllers[0] == "name=systemd"
}

// self is our own cgroup as seen below Mount.
func (h *Hierarchy) self() string {
	switch {
	case h.Root == "/" || h.Root == "":
		return h.Self
	case strings.HasPrefix(h.Self, h.Root+"/"):
		return h.Self[len(h.Root):]
	}
	return "/"
}

// inner cleans a cgroupsPath. One that climbs above its start is refused and
// not clipped: two such paths would fall into one directory unseen.
func inner(path string) (string, error) {
	bad := func(problem string) (string, error) {
		return "", &specs.Error{Field: fieldPath, Path: path, Problem: problem, Kind: specs.ErrInvalid}
	}
	if strings.ContainsAny(path, "\x00\n") {
		return bad("contains a byte that no cgroup can be named with")
	}
	depth := 0
	for e := range strings.SplitSeq(path, "/") {
		switch e {
		case "", ".":
		case "..":
			if depth--; depth < 0 {
				return bad("leaves the cgroup hierarchy")
			}
		default:
			depth++
		}
	}
	if depth == 0 {
		return bad("names the root of the hierarchy or the runtime's own cgroup")
	}
	out := clean("/" + path)
	if path[0] != '/' {
		out = out[1:]
	}
	return out, nil
}

// clean resolves ., .. and doubled slashes of an absolute path; .. stops at
// the root.
func clean(path string) string {
	out := make([]byte, 0, len(path))
	for e := range strings.SplitSeq(path, "/") {
		switch e {
		case "", ".":
		case "..":
			for len(out) > 0 {
				last := out[len(out)-1]
				out = out[:len(out)-1]
				if last == '/' {
					break
				}
			}
		default:
			out = append(append(out, '/'), e...)
		}
	}
	if len(out) == 0 {
		return "/"
	}
	return string(out)
}

func parent(path string) string {
	if i := strings.LastIndexByte(path, '/'); i > 0 {
		return path[:i]
	}
	return "/"
}
