package cgroup

// procs.go: which processes are in a cgroup.

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// primary is the directory whose processes stand for the container: v2, or
// the v1 hierarchy that every container is in.
func primary(dirs []Dir) Dir {
	if len(dirs) == 1 {
		return dirs[0]
	}
	for _, c := range []string{"devices", "freezer", "pids", "memory", "cpu"} {
		if d, ok := find(dirs, c); ok {
			return d
		}
	}
	if d, ok := findV2(dirs); ok || len(dirs) == 0 {
		return d
	}
	return dirs[0]
}

// Procs lists the processes in dirs, with their sub-cgroups if recursive. A
// cgroup that is gone has none. Processes that this process id namespace
// cannot see are left out.
func Procs(dirs []Dir, recursive bool) ([]int, error) {
	d := primary(dirs)
	if d.H == nil {
		return nil, nil
	}
	return d.procs(recursive)
}

func (d Dir) procs(recursive bool) (pids []int, err error) {
	fd, err := d.openDir()
	if err != nil {
		if gone(err) {
			err = nil
		}
		return nil, err
	}
	defer unix.Close(fd)
	if !recursive {
		return procsAt(fd, "", d.Path)
	}
	err = walk(fd, d.Path, func(base int, rel, full string) error {
		more, err := procsAt(base, rel, full)
		pids = append(pids, more...)
		return err
	})
	return pids, err
}

// procsAt reads cgroup.procs of base/rel. A threaded cgroup has only
// cgroup.threads, and says EOPNOTSUPP to the other (cgroups(7)).
func procsAt(base int, rel, full string) ([]int, error) {
	name := "cgroup.procs"
	if rel != "" {
		rel += "/"
	}
	text, err := readFile(base, rel+name, full+"/"+name)
	if errnoOf(err) == unix.EOPNOTSUPP {
		name = "cgroup.threads"
		text, err = readFile(base, rel+name, full+"/"+name)
	}
	if gone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var pids []int
	for line := range strings.Lines(text) {
		if pid, err := strconv.Atoi(strings.TrimSpace(line)); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
