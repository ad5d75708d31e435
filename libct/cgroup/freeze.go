package cgroup

// freeze.go: stopping every process of a container at once, for pause and
// for kill. Runs in the parent.

import (
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"stave/specs"
)

// freezeTimeout bounds how long a freeze may take. A process that sleeps
// uninterruptibly (a dead network file system) cannot be frozen on v2.
const freezeTimeout = 10 * time.Second

// freezers lists the directories that can freeze. On a hybrid host there are
// two: v1's controller comes first, since that is where other tools look.
func freezers(dirs []Dir) (out []Dir) {
	if d, ok := find(dirs, "freezer"); ok {
		out = append(out, d)
	}
	if d, ok := findV2(dirs); ok {
		out = append(out, d)
	}
	return out
}

// Freeze freezes or thaws the container with its sub-cgroups and returns when
// that is so. A freeze that does not succeed in time is taken back. Thawing
// undoes also what another tool froze, but not above the container.
func Freeze(dirs []Dir, frozen bool) error {
	where := freezers(dirs)
	if len(where) == 0 {
		return &specs.Error{Problem: "this host has no freezer", Kind: specs.ErrUnsupported}
	}
	if !frozen {
		for _, d := range where {
			if err := d.thaw(); err != nil {
				return err
			}
		}
		return nil
	}
	d := where[0]
	if d.H.V2 {
		return d.freezeV2()
	}
	err := d.freezeV1(time.Now().Add(freezeTimeout))
	if err != nil {
		_ = d.thaw() // the error at hand says more
	}
	return err
}

// thaw does not wait: a thawed process runs before anyone can look.
func (d Dir) thaw() error {
	if d.H.V2 {
		return d.write("cgroup.freeze", "0")
	}
	return d.write("freezer.state", "THAWED")
}

// freezeV1 writes FROZEN until the kernel agrees. A v1 freezer misses a
// process that is being forked into it, and stays FREEZING until it is told
// again; a fork bomb needs an occasional thaw for its queue of half-born
// processes to drain.
func (d Dir) freezeV1(deadline time.Time) error {
	fd, err := d.openDir()
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	path := d.Path + "/freezer.state"
	for i := 1; ; i++ {
		if i%50 == 0 {
			if err := writeFile(fd, "freezer.state", "THAWED", path); err != nil {
				return err
			}
			time.Sleep(5 * time.Millisecond)
		}
		if err := writeFile(fd, "freezer.state", "FROZEN", path); err != nil {
			return err
		}
		if i%25 == 0 {
			time.Sleep(50 * time.Microsecond)
		}
		state, err := readFile(fd, "freezer.state", path)
		switch {
		case err != nil:
			return err
		case strings.TrimSpace(state) == "FROZEN":
			return nil
		case time.Now().After(deadline):
			return &specs.Error{Path: path, Problem: "still " + strings.TrimSpace(state) + " after " + freezeTimeout.String(), Kind: specs.ErrBusy}
		}
	}
}

func (d Dir) freezeV2() error {
	fd, err := d.openDir()
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	path := d.Path + "/cgroup.freeze"
	if err := writeFile(fd, "cgroup.freeze", "1", path); err != nil {
		return err
	}
	ok, err := awaitEvent(fd, d.Path, "frozen", 1, time.Now().Add(freezeTimeout))
	if err == nil && !ok {
		err = &specs.Error{Path: path, Problem: "not frozen after " + freezeTimeout.String(), Kind: specs.ErrBusy,
			Hint: "a process in uninterruptible sleep holds it up"}
	}
	if err != nil {
		_ = writeFile(fd, "cgroup.freeze", "0", path) // the error at hand says more
	}
	return err
}

// awaitEvent waits until key of cgroup.events is value. The kernel wakes
// poll(2) with POLLPRI when the file changes, at most once in 10 ms.
func awaitEvent(dirfd int, path, key string, value uint64, deadline time.Time) (bool, error) {
	path += "/cgroup.events"
	fd, err := open(dirfd, "cgroup.events", unix.O_RDONLY, beneath)
	if err != nil {
		return false, failed("openat2", path, err)
	}
	defer unix.Close(fd)
	for {
		if _, err := unix.Seek(fd, 0, 0); err != nil {
			return false, failed("lseek", path, err)
		}
		text, err := readAll(fd, path)
		if err != nil {
			return false, err
		}
		if keyed(text, key) == value {
			return true, nil
		}
		left := time.Until(deadline)
		if left <= 0 {
			return false, nil
		}
		// A missed wake-up costs 20 ms, not the deadline.
		wait := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLPRI}}
		if _, err := unix.Poll(wait, int(min(left, 20*time.Millisecond)/time.Millisecond)+1); err != nil && err != unix.EINTR {
			return false, failed("poll", path, err)
		}
	}
}

// Frozen tells whether processes in dirs are stopped, or would be if there
// were any: frozen here or through a cgroup above. A cgroup that is gone is
// not frozen.
func Frozen(dirs []Dir) (bool, error) {
	for _, d := range freezers(dirs) {
		frozen, err := d.frozen()
		if frozen || err != nil && !gone(err) {
			return frozen, err
		}
	}
	return false, nil
}

func (d Dir) frozen() (bool, error) {
	if !d.H.V2 {
		state, err := d.read("freezer.state")
		return err == nil && strings.TrimSpace(state) != "THAWED", err
	}
	// cgroup.events says "frozen" only once there is a process to stop.
	for _, path := range append(upTo(d), d.Path) {
		text, err := Dir{Path: path, H: d.H}.read("cgroup.freeze")
		if err != nil || strings.TrimSpace(text) == "1" {
			return err == nil, err
		}
	}
	return false, nil
}

// Paused tells whether the container itself was frozen, by us or another:
// the state that "resume" can end.
func Paused(dirs []Dir) (bool, error) {
	for _, d := range freezers(dirs) {
		file := "freezer.self_freezing"
		if d.H.V2 {
			file = "cgroup.freeze"
		}
		text, err := d.read(file)
		if err != nil && !gone(err) {
			return false, err
		}
		if strings.TrimSpace(text) == "1" {
			return true, nil
		}
	}
	return false, nil
}
