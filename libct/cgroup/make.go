package cgroup

// make.go: making the directories, the checks before a container may use
// them, and what a v1 cpuset needs before a process can enter. Runs in the
// parent.

import (
	"strconv"
	"strings"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"stave/specs"
)

// Make makes dirs and what is missing above them. It returns what it made,
// in the order made; after an error it has removed all of that again.
func Make(dirs []Dir) (made []string, err error) {
	for _, d := range dirs {
		more, err := d.make()
		made = append(made, more...)
		if err != nil {
			RemoveEmpty(dirs, made)
			return nil, err
		}
	}
	return made, nil
}

func (d Dir) make() (made []string, err error) {
	mount, err := open(unix.AT_FDCWD, d.H.Mount, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, failed("openat2", d.H.Mount, err)
	}
	defer unix.Close(mount)
	rel := d.rel()
	// Nearly always only the last element is missing, so the work starts at
	// the end; each ENOENT goes one element up.
	for end := len(rel); ; {
		err := mkdirBeneath(mount, rel[:end])
		switch {
		case err == unix.ENOENT:
			end = strings.LastIndexByte(rel[:end], '/')
			if end <= 0 {
				return made, failed("mkdirat", d.Path, err)
			}
			continue
		case err == nil:
			made = append(made, d.H.Mount+"/"+rel[:end])
		case err != unix.EEXIST:
			return made, failed("mkdirat", d.H.Mount+"/"+rel[:end], err)
		}
		if end == len(rel) {
			return made, nil
		}
		if next := strings.IndexByte(rel[end+1:], '/'); next >= 0 {
			end += 1 + next
		} else {
			end = len(rel)
		}
	}
}

func mkdirBeneath(mount int, rel string) error {
	dir, name := ".", rel
	if i := strings.LastIndexByte(rel, '/'); i >= 0 {
		dir, name = rel[:i], rel[i+1:]
	}
	fd, err := open(mount, dir, unix.O_PATH|unix.O_DIRECTORY, beneath)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Mkdirat(fd, name, 0o755)
}

// Check tells whether a container can be created in dirs: nothing runs there
// (another container with the same cgroupsPath would share limits and fate)
// and nothing is frozen (the new process would stop in its tracks, and the
// runtime with it). A directory that does not exist is fit.
func Check(dirs []Dir) error {
	for _, d := range dirs {
		pids, err := d.procs(false)
		if err != nil {
			return err
		}
		if len(pids) > 0 {
			return &specs.Error{Field: fieldPath, Path: d.Path, Kind: specs.ErrBusy,
				Problem: "the cgroup has processes already: " + join(pids)}
		}
		if !d.H.V2 {
			continue
		}
		kind, err := d.read("cgroup.type")
		if err != nil && !gone(err) {
			return err
		}
		if kind = strings.TrimSpace(kind); kind != "" && kind != "domain" {
			return &specs.Error{Field: fieldPath, Path: d.Path, Kind: specs.ErrUnsupported,
				Problem: "the cgroup is \"" + kind + "\" (threaded), where no new process can live"}
		}
	}
	for _, d := range freezers(dirs) {
		for !d.exists() && d.rel() != "" {
			d.Path = parent(d.Path) // it will be born under this one
		}
		if d.rel() == "" {
			continue // the root cannot be frozen
		}
		frozen, err := d.frozen()
		if err != nil && !gone(err) {
			return err
		}
		if frozen {
			return &specs.Error{Field: fieldPath, Path: d.Path, Kind: specs.ErrBusy,
				Problem: "the cgroup is frozen, and a process in it could not start"}
		}
	}
	return nil
}

func (d Dir) exists() bool {
	fd, err := d.openDir()
	if err == nil {
		unix.Close(fd)
	}
	return err == nil
}

// CpusetInherit reads what a v1 cpuset needs. A new one has neither CPUs nor
// memory nodes, and no process can enter it before it has both (ENOSPC);
// cpusets above it may be in the same state. It returns the writes, to be
// done after the directories exist and before Settings; none where the
// kernel itself copies from the parent (cgroup.clone_children). Call it
// before the directories are made.
func CpusetInherit(dirs []Dir, res *rspec.LinuxResources) ([]Write, error) {
	d, ok := find(dirs, "cpuset")
	if !ok {
		return nil, nil
	}
	top := Dir{Path: d.H.Mount, H: d.H}
	cpus, mems, clone, err := top.cpuset()
	if err != nil {
		return nil, err
	}
	var out []Write
	there := true
	for _, path := range append(upTo(d), d.Path) {
		here := Dir{Path: path, H: d.H}
		var c, m string
		if there {
			var mode string
			switch c, m, mode, err = here.cpuset(); {
			case gone(err):
				there = false
			case err != nil:
				return nil, err
			default:
				clone = mode
			}
		}
		if !there && clone == "1" {
			break // mkdir(2) copies, all the way down
		}
		add := func(file, have, value string, own bool) string {
			if have != "" {
				return have
			}
			if !own {
				out = append(out, Write{Dir: path, File: file, Value: value,
					Why: "a cpuset is born empty, and nothing can run in it"})
			}
			return value
		}
		last := path == d.Path && res != nil && res.CPU != nil
		cpus = add("cpuset.cpus", c, cpus, last && res.CPU.Cpus != "")
		mems = add("cpuset.mems", m, mems, last && res.CPU.Mems != "")
	}
	return out, nil
}

func (d Dir) cpuset() (cpus, mems, clone string, err error) {
	fd, err := d.openDir()
	if err != nil {
		return "", "", "", err
	}
	defer unix.Close(fd)
	r := &reader{dir: fd, path: d.Path}
	for _, f := range []struct {
		name string
		to   *string
	}{{"cpuset.cpus", &cpus}, {"cpuset.mems", &mems}, {"cgroup.clone_children", &clone}} {
		text, ok := r.text(f.name)
		if !ok && r.err == nil {
			r.err = failed("openat2", d.Path+"/"+f.name, unix.ENOENT)
		}
		*f.to = strings.TrimSpace(text)
	}
	return cpus, mems, clone, r.err
}

// Delegate gives the container's v2 cgroup to its user, who may then make
// sub-cgroups and move processes among them, but not touch the limits (spec,
// "Cgroup ownership"). On v1 delegation is not safe, and nothing is done.
func Delegate(dirs []Dir, hostUID int) error {
	d, ok := findV2(dirs)
	if !ok {
		return nil
	}
	files, err := readFile(unix.AT_FDCWD, "/sys/kernel/cgroup/delegate", "/sys/kernel/cgroup/delegate")
	if err != nil {
		if !gone(err) {
			return err
		}
		files = "cgroup.procs\ncgroup.subtree_control\ncgroup.threads\n"
	}
	fd, err := d.openDir()
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Fchownat(fd, "", hostUID, -1, unix.AT_EMPTY_PATH); err != nil {
		return failed("fchownat", d.Path, err)
	}
	for file := range strings.FieldsSeq(files) {
		err := unix.Fchownat(fd, file, hostUID, -1, unix.AT_SYMLINK_NOFOLLOW)
		if err != nil && err != unix.ENOENT {
			return failed("fchownat", d.Path+"/"+file, err)
		}
	}
	return nil
}

// join shows a few process ids.
func join(pids []int) string {
	var b []byte
	for i, pid := range pids {
		if i == 8 {
			return string(append(b, " and "...)) + strconv.Itoa(len(pids)-i) + " more"
		}
		if i > 0 {
			b = append(b, ' ')
		}
		b = strconv.AppendInt(b, int64(pid), 10)
	}
	return string(b)
}
