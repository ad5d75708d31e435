package cgroup

// kill.go: SIGKILL for everything in a container, whatever it does about it.
// Runs in the parent and forks nothing, so that neither pids.max nor a full
// process table can stop it.

import (
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"stave/specs"
)

// Kill kills every process of the container and of its sub-cgroups, frozen
// or not, and waits up to timeout until they are gone. With a timeout of
// zero it returns once each of them has been sent its signal.
//
// v2 has cgroup.kill: one write, which no fork outruns. On v1 the cgroup is
// frozen, every process is signalled, and the cgroup is thawed so that they
// can die; again until it is empty. On a hybrid host the first is done for
// those that are in the v2 cgroup too, the second for the rest.
//
// An error names the processes that are left.
func Kill(dirs []Dir, timeout time.Duration) error {
	deadline := time.Now().Add(timeout)
	v2, ok := findV2(dirs)
	byFile := false
	if ok {
		var err error
		if byFile, err = v2.killV2(); err != nil {
			return err
		}
	}
	if len(dirs) == 1 && byFile {
		return v2.awaitEmpty(timeout, deadline)
	}
	return killByHand(dirs, byFile, timeout, deadline)
}

// killV2 reports false where cgroup.kill does not exist: before Linux 5.14,
// and in a threaded cgroup (EOPNOTSUPP).
func (d Dir) killV2() (bool, error) {
	err := d.write("cgroup.kill", "1")
	switch errno := errnoOf(err); {
	case err == nil:
		return true, nil
	case gone(err), errno == unix.EOPNOTSUPP:
		return false, nil
	}
	return false, err
}

func (d Dir) awaitEmpty(timeout time.Duration, deadline time.Time) error {
	if timeout <= 0 {
		return nil
	}
	fd, err := d.openDir()
	if err != nil {
		if gone(err) {
			return nil
		}
		return err
	}
	defer unix.Close(fd)
	ok, err := awaitEvent(fd, d.Path, "populated", 0, deadline)
	if ok || gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return left([]Dir{d})
}

// killByHand is the loop of freeze, signal and thaw. signalled tells that
// cgroup.kill has been written: then the first round only thaws.
func killByHand(dirs []Dir, signalled bool, timeout time.Duration, deadline time.Time) error {
	f, canFreeze := find(dirs, "freezer")
	if !canFreeze {
		if p, ok := find(dirs, "pids"); ok {
			// Without a freezer this is what stops a fork bomb: no
			// more forks. Everything in here is to die anyhow.
			if err := p.write("pids.max", "0"); err != nil && !gone(err) {
				return err
			}
		}
	}
	pause := time.Millisecond
	for round := 0; ; round++ {
		if round > 0 || !signalled {
			if canFreeze {
				// Half frozen is good enough for this round, but a
				// frozen cgroup ends it in one.
				_ = f.freezeV1(time.Now().Add(20 * time.Millisecond))
			}
			if err := signalAll(dirs, unix.SIGKILL); err != nil {
				_ = f.thawAll(canFreeze)
				return err
			}
		}
		if err := f.thawAll(canFreeze); err != nil {
			return err
		}
		if timeout <= 0 && (round > 0 || !signalled) {
			return nil
		}
		for range 4 {
			empty, err := empty(dirs)
			if empty || err != nil {
				return err
			}
			if timeout > 0 && time.Now().After(deadline) {
				return left(dirs)
			}
			time.Sleep(pause)
		}
		pause = min(2*pause, 20*time.Millisecond)
	}
}

// thawAll thaws the cgroup and every one below it: a container that may
// write its own subtree can have frozen a part of it, and a v1-frozen process
// does not die before it is thawed.
func (d Dir) thawAll(can bool) error {
	if !can {
		return nil
	}
	fd, err := d.openDir()
	if err != nil {
		if gone(err) {
			return nil
		}
		return err
	}
	defer unix.Close(fd)
	return walk(fd, d.Path, func(base int, rel, full string) error {
		if rel != "" {
			rel += "/"
		}
		err := writeFile(base, rel+"freezer.state", "THAWED", full+"/freezer.state")
		if gone(err) {
			return nil
		}
		return err
	})
}

// signalAll sends a signal to every process in any of dirs and below.
func signalAll(dirs []Dir, sig unix.Signal) error {
	for _, d := range dirs {
		if err := d.signal(sig); err != nil {
			return err
		}
	}
	return nil
}

// signal walks the subtree. A process id read from cgroup.procs may be
// another process's by the time of a kill(2), so: pidfds first, then the list
// again, then only what is on it still. An id on the second list is in the
// cgroup, and its pidfd was opened before that; if it is a new process with
// an old number, the pidfd refers to the dead one and the signal goes nowhere.
func (d Dir) signal(sig unix.Signal) error {
	fd, err := d.openDir()
	if err != nil {
		if gone(err) {
			return nil
		}
		return err
	}
	defer unix.Close(fd)
	return walk(fd, d.Path, func(base int, rel, full string) error {
		pids, err := procsAt(base, rel, full)
		if err != nil {
			return err
		}
		for len(pids) > 0 {
			n := min(len(pids), 128) // pidfds at a time
			if err := signalSome(base, rel, full, pids[:n], sig); err != nil {
				return err
			}
			pids = pids[n:]
		}
		return nil
	})
}

func signalSome(base int, rel, full string, pids []int, sig unix.Signal) error {
	fds := make([]int, len(pids))
	defer func() {
		for _, fd := range fds {
			if fd > 0 {
				unix.Close(fd)
			}
		}
	}()
	for i, pid := range pids {
		fd, err := unix.PidfdOpen(pid, 0)
		if err == unix.ESRCH || err == unix.EINVAL {
			continue // gone, or a thread of a threaded cgroup
		}
		if err != nil {
			return failed("pidfd_open", full+"/cgroup.procs", err)
		}
		fds[i] = fd
	}
	now, err := procsAt(base, rel, full)
	if err != nil {
		return err
	}
	still := make(map[int]bool, len(now))
	for _, pid := range now {
		still[pid] = true
	}
	for i, pid := range pids {
		if fds[i] == 0 || !still[pid] {
			continue
		}
		if err := unix.PidfdSendSignal(fds[i], sig, nil, 0); err != nil && err != unix.ESRCH {
			return failed("pidfd_send_signal", full, err)
		}
	}
	return nil
}

// Signal sends a signal to every process of the container and of its
// sub-cgroups, each once; for SIGKILL use Kill, which makes sure. A process
// forked meanwhile may be missed.
func Signal(dirs []Dir, sig unix.Signal) error {
	d := primary(dirs)
	if d.H == nil {
		return nil
	}
	return d.signal(sig)
}

func empty(dirs []Dir) (bool, error) {
	for _, d := range dirs {
		pids, err := d.procs(true)
		if len(pids) > 0 || err != nil {
			return false, err
		}
	}
	return true, nil
}

// left is the error for a cgroup that would not become empty.
func left(dirs []Dir) error {
	for _, d := range dirs {
		pids, err := d.procs(true)
		if err != nil {
			return err
		}
		if len(pids) == 0 {
			continue
		}
		e := &specs.Error{Path: d.Path, Problem: "processes left: " + join(pids), Kind: specs.ErrBusy, Hint: "they live on; delete --force ends them"}
		if uninterruptible(pids) {
			e.Hint = "they sleep uninterruptibly; /proc/PID/stack tells where"
		}
		if frozen, _ := Frozen(dirs); frozen {
			e.Hint = "a cgroup above is frozen; thaw it"
		}
		return e
	}
	return nil
}

// uninterruptible: one of them cannot be signalled, as on a dead volume; proc_pid_stat(5).
func uninterruptible(pids []int) bool {
	for _, pid := range pids {
		name := "/proc/" + strconv.Itoa(pid) + "/stat"
		if text, err := readFile(unix.AT_FDCWD, name, name); err == nil {
			if i := strings.LastIndexByte(text, ')'); i >= 0 && strings.HasPrefix(text[i:], ") D") {
				return true
			}
		}
	}
	return false
}
