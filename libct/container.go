package libct

import (
	"strings"
	"time"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/libct/cgroup"
	"stave/specs"
)

// Container is one that exists, as its state directory and the kernel tell.
type Container struct {
	Root, ID string
	Rec      *specs.Record
	Warnings []error // of poststop hooks
	lock     *stateLock
	pidfd    int          // of the init process; -1: it is not running
	dirs     []cgroup.Dir // its cgroups, once they were needed
}

// Open reads a container without locking it, to look at it.
func Open(root, id string) (*Container, error) {
	l, err := openState(root, id)
	if err != nil {
		return nil, err
	}
	return open(l)
}

// OpenLocked is Open for commands that change the container. It waits for
// another such command to end.
func OpenLocked(root, id string) (*Container, error) {
	l, err := lockState(root, id)
	if err != nil {
		return nil, err
	}
	return open(l)
}

func open(l *stateLock) (*Container, error) {
	if err := spare(l.fd, toLook); err != nil {
		l.close()
		err.(*specs.Error).ID = l.id
		return nil, err
	}
	rec, err := l.record()
	if err != nil {
		l.close()
		return nil, err
	}
	c := &Container{Root: l.root, ID: l.id, Rec: rec, lock: l, pidfd: -1}
	if c.pidfd, err = openProcess(rec); err != nil {
		l.close()
		return nil, err
	}
	return c, nil
}

// Close gives up the lock and the handles.
func (c *Container) Close() {
	if c.pidfd >= 0 {
		unix.Close(c.pidfd)
	}
	c.lock.close()
}

// openProcess gives a handle of the recorded process, or -1 if that is no
// more: of another boot, or its pid is somebody else's by now. The pidfd is
// opened first and the start time compared then, so the process that is
// compared is the one that is held (faults: pid reuse). Not to be able to
// look is an error: to say "stopped" would let delete forget a process that
// runs.
func openProcess(rec *specs.Record) (int, error) {
	if rec.PID <= 0 {
		return -1, nil
	}
	fd, err := unix.PidfdOpen(rec.PID, 0)
	if err == unix.ESRCH || err == unix.EINVAL {
		return -1, nil
	}
	if err != nil {
		return -1, &specs.Error{ID: rec.ID, Syscall: "pidfd_open", Errno: err.(unix.Errno)}
	}
	same, err := sameProcess(rec)
	if !same || err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// sameProcess compares the process that has the recorded number now.
func sameProcess(rec *specs.Record) (bool, error) {
	var text [2]string
	for i, name := range [...]string{"/proc/" + itoa(int64(rec.PID)) + "/stat", bootIDFile} {
		b, err := readSmall(name, 1024)
		if scarce(err) {
			return false, &specs.Error{ID: rec.ID, Syscall: "open", Path: name, Errno: err.(unix.Errno)}
		}
		text[i] = string(b)
	}
	t := statTime(text[0])
	return t != 0 && t == rec.StartTime && strings.TrimSpace(text[1]) == rec.BootID, nil
}

// scarce tells that a file could not be read for lack of something that has
// nothing to do with the file.
func scarce(err error) bool {
	return err == unix.EMFILE || err == unix.ENFILE || err == unix.ENOMEM
}

// Status is one of the specification's, or paused.
func (c *Container) Status() string {
	// A runtime that died while it created took its child with it, unless
	// that had become the program already.
	if c.Rec.Phase == specs.PhaseCreating && c.creatorAlive() {
		return string(rspec.StateCreating)
	}
	if c.pidfd < 0 {
		return string(rspec.StateStopped)
	}
	if paused, err := cgroup.Paused(c.cgroupDirs()); err == nil && paused {
		return "paused"
	}
	if c.atGate() {
		return string(rspec.StateCreated)
	}
	return string(rspec.StateRunning)
}

// atGate: somebody holds the gate open, and that can only be the child that
// has not reached execve(2) yet.
func (c *Container) atGate() bool {
	fd, err := unix.Openat(c.lock.fd, gateFile, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	unix.Close(fd)
	return true
}

func (c *Container) creatorAlive() bool {
	return c.Rec.BootID == bootID() && c.Rec.RuntimeTime != 0 && startTime(c.Rec.RuntimePID) == c.Rec.RuntimeTime
}

// State is what `state` prints and hooks read.
func (c *Container) State() *rspec.State {
	s := &rspec.State{Version: rspec.Version, ID: c.ID, Status: rspec.ContainerState(c.Status()), Bundle: c.Rec.Bundle, Annotations: c.Rec.Annotations}
	if s.Status != rspec.StateStopped {
		s.Pid = c.Rec.PID
	}
	return s
}

// cgroupDirs turns the record back into directories; none where it is wrong.
func (c *Container) cgroupDirs() []cgroup.Dir {
	dirs, _ := c.recordedDirs()
	return dirs
}

func (c *Container) recordedDirs() (dirs []cgroup.Dir, err error) {
	if c.dirs == nil {
		c.dirs, err = cgroup.DirsAt(c.Rec.CgroupDirs, c.Rec.CgroupPlaces)
	}
	return c.dirs, err
}

// CgroupDirs is for stats, pause and update.
func (c *Container) CgroupDirs() []cgroup.Dir { return c.cgroupDirs() }

func ancestorsOf(dirs []cgroup.Dir) []string { return cgroup.Ancestors(dirs) }

// Kill sends a signal to the init process.
func (c *Container) Kill(sig unix.Signal) error {
	if c.pidfd < 0 {
		if sig == unix.SIGKILL && !c.ownPIDNamespace() {
			cgroup.Kill(c.cgroupDirs(), 0) // those who have outlived it
		}
		return &specs.Error{ID: c.ID, Kind: specs.ErrNotRunning}
	}
	if err := point("kill: send signal"); err != nil {
		return err
	}
	if ends(sig) && c.deaf() {
		sig = unix.SIGKILL
	}
	if err := unix.PidfdSendSignal(c.pidfd, sig, nil, 0); err != nil {
		if err == unix.ESRCH {
			return &specs.Error{ID: c.ID, Kind: specs.ErrNotRunning}
		}
		e := &specs.Error{ID: c.ID, Syscall: "pidfd_send_signal", Errno: err.(unix.Errno)}
		if err == unix.EINVAL {
			e.Hint = "signal " + itoa(int64(sig)) + " does not exist"
		}
		return e
	}
	// A frozen process takes SIGKILL only when it is thawed (cgroups(7), v1).
	if sig == unix.SIGKILL {
		if err := point("kill: signal the cgroup"); err != nil {
			return err
		}
		dirs := c.cgroupDirs()
		if paused, err := cgroup.Paused(dirs); err == nil && paused {
			cgroup.Freeze(dirs, false)
		}
		// Without a pid namespace of its own nothing but the cgroup ties
		// the other processes to init, and they would outlive it.
		if !c.ownPIDNamespace() {
			cgroup.Kill(dirs, 0)
		}
	}
	return nil
}

// ends: the signals by which people and supervisors end a process.
func ends(sig unix.Signal) bool {
	return sig == unix.SIGTERM || sig == unix.SIGINT || sig == unix.SIGHUP || sig == unix.SIGQUIT
}

// deaf: the process waits to be started, has no handlers and is the first of its
// pid namespace, which gets no signal that it has no handler for
// (pid_namespaces(7)); whoever stops it with SIGTERM would wait in vain. The lock,
// which is given up with our process, keeps it from being started meanwhile; if
// somebody has it, that is what happens.
func (c *Container) deaf() bool {
	return c.ownPIDNamespace() && c.Status() == string(rspec.StateCreated) &&
		c.lock.acquire(unix.LOCK_EX|unix.LOCK_NB) == nil && c.Status() == string(rspec.StateCreated)
}

func (c *Container) ownPIDNamespace() bool {
	for i := range c.Rec.Namespaces {
		if c.Rec.Namespaces[i].Type == rspec.PIDNamespace {
			return c.Rec.Namespaces[i].Path == ""
		}
	}
	return false
}

// Delete removes a container that does not run.
func (c *Container) Delete() error {
	switch s := c.Status(); s {
	case string(rspec.StateStopped):
	default: // runtime.md, Delete: created is not stopped either
		return &specs.Error{ID: c.ID, Problem: "cannot delete a container that is not stopped: it is " + s, Hint: "kill it, or use --force"}
	}
	return c.destroy()
}

// killTimeout bounds how long delete waits for processes to die.
const killTimeout = 10 * time.Second

// killAll ends every process of the container and waits for that.
func (c *Container) killAll() error {
	if err := point("delete: kill init"); err != nil {
		return err
	}
	dirs := c.cgroupDirs()
	if c.pidfd >= 0 {
		unix.PidfdSendSignal(c.pidfd, unix.SIGKILL, nil, 0)
	}
	if err := point("delete: kill cgroup"); err != nil {
		return err
	}
	if len(dirs) > 0 {
		if err := cgroup.Kill(dirs, killTimeout); err != nil {
			return err
		}
	}
	if err := point("delete: wait"); err != nil {
		return err
	}
	if c.pidfd >= 0 {
		p := []unix.PollFd{{Fd: int32(c.pidfd), Events: unix.POLLIN}}
		for {
			n, err := unix.Poll(p, int(killTimeout/time.Millisecond))
			if err == unix.EINTR {
				continue
			}
			if n == 0 {
				return &specs.Error{ID: c.ID, Problem: "the init process does not end", Hint: "it may hang in the kernel: see /proc/" + itoa(int64(c.Rec.PID)) + "/wchan"}
			}
			return nil
		}
	}
	return nil
}

// destroy removes what is left of a container without processes: poststop
// hooks run when its resources are gone, as the specification orders.
func (c *Container) destroy() error {
	if err := point("delete: remove cgroups"); err != nil {
		return err
	}
	if err := unmountListed(c.lock, c.Rec); err != nil {
		return err
	}
	if err := c.removeCgroups(); err != nil {
		return err
	}
	if err := point("delete: remove state"); err != nil {
		return err
	}
	lock := c.lock
	if err := lock.remove(); err != nil {
		return err
	}
	c.lock = &stateLock{fd: -1}
	if err := point("delete: poststop"); err != nil {
		return err
	}
	if h := c.Rec.Hooks; h != nil && len(h.Poststop) > 0 {
		s := c.State()
		s.Status, s.Pid = rspec.StateStopped, 0
		c.Warnings = append(c.Warnings, poststop(h.Poststop, s)...)
	}
	return nil
}

// poststop runs hooks of which none can stop the others: what fails is a
// warning (runtime.md, Lifecycle, step 13).
func poststop(list []rspec.Hook, s *rspec.State) (warnings []error) {
	for i := range list {
		if err := runHooks("poststop", list[i:i+1], s, hookEnv{dir: s.Bundle}); err != nil {
			err.(*specs.Error).Field = pointer("/hooks/poststop", i)
			warnings = append(warnings, err)
		}
	}
	return warnings
}

// ForceDelete is total: whatever there is of the container, in whatever state
// a crash left it, is gone afterwards. Of nothing, it is nothing.
func ForceDelete(root, id string) (warnings []error, err error) {
	l, err := lockState(root, id)
	if err != nil {
		if e, ok := err.(*specs.Error); ok && e.Kind == specs.ErrNotExist {
			return nil, nil
		}
		if e, ok := err.(*specs.Error); ok && e.Kind == specs.ErrCorrupt {
			return nil, removeOdd(root, id)
		}
		return nil, err
	}
	rec, err := l.record()
	if e, ok := err.(*specs.Error); ok && e.Kind != specs.ErrCorrupt {
		l.close()
		return nil, err // there may be one, and a process with it
	}
	if err != nil {
		// No record says where its cgroups are: those that carry its id in
		// the default place are its own, and nobody else's.
		rec = &specs.Record{ID: id}
		if layout, err := cgroup.Detect(); err == nil {
			if _, dirs, err := layout.Dirs("", id); err == nil {
				for _, d := range dirs {
					rec.CgroupDirs, rec.CgroupPlaces = append(rec.CgroupDirs, d.Path), append(rec.CgroupPlaces, d.Place())
				}
			}
		}
	}
	c := &Container{Root: root, ID: id, Rec: rec, lock: l, pidfd: -1}
	defer c.Close()
	if c.pidfd, err = openProcess(rec); err != nil {
		return nil, err
	}
	if err := c.killAll(); err != nil {
		return nil, err
	}
	err = c.destroy()
	return c.Warnings, err
}

// removeOdd removes what stands where a state directory should: never what it
// points to.
func removeOdd(root, id string) error {
	if err := unix.Unlink(root + "/" + id); err != nil && err != unix.ENOENT {
		return &specs.Error{ID: id, Syscall: "unlink", Path: root + "/" + id, Errno: err.(unix.Errno)}
	}
	return nil
}

// removeCgroups removes the container's cgroups, and of those on the way to
// them the ones that it made and that are empty now.
func (c *Container) removeCgroups() error {
	return removeDirs(c.cgroupDirs(), c.Rec.CgroupOwned)
}

func removeDirs(dirs []cgroup.Dir, owned []string) error {
	if len(dirs) == 0 {
		return nil
	}
	if err := cgroup.Remove(dirs); err != nil {
		return err
	}
	cgroup.RemoveEmpty(dirs, owned)
	return nil
}

// Poststart runs the hooks of that name after run; start does it itself.
func Poststart(c *Create) error {
	if h := c.Rec.Hooks; h == nil || len(h.Poststart) == 0 {
		return nil
	}
	l, err := lockState(c.Req.Root, c.Req.ID)
	if err != nil {
		return err
	}
	started := &Container{Root: c.Req.Root, ID: c.Req.ID, Rec: c.Rec, lock: l, pidfd: c.Pidfd}
	defer func() { started.lock.close() }() // of now: a failed hook has given up the lock already
	return started.poststart()
}

// Reaped deletes a container whose first process its parent has waited for.
func Reaped(root string, c *Create) (warnings []error, err error) {
	l, err := lockState(root, c.Req.ID)
	if err != nil {
		if e, ok := err.(*specs.Error); ok && e.Kind == specs.ErrNotExist {
			return nil, nil // somebody else deleted it meanwhile
		}
		return nil, err
	}
	done := &Container{Root: root, ID: c.Req.ID, Rec: c.Rec, lock: l, pidfd: -1, dirs: c.Req.CgroupDirs}
	defer done.Close()
	if !done.ownPIDNamespace() {
		if err := done.killAll(); err != nil {
			return nil, err
		}
	}
	err = done.destroy()
	return done.Warnings, err
}

// Entry is a line of list.
type Entry struct {
	ID  string
	C   *Container // open during the visit; nil: Err says why
	Err error
}

// List visits all containers, one after the other: their number needs no
// descriptors. One that cannot be read does not hide the others, and one that
// is deleted meanwhile is left out. Without the means to look there is no list.
func List(root string, visit func(Entry)) error {
	fd, err := unix.Open(root, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == unix.ENOENT {
		return nil
	}
	if err != nil {
		return &specs.Error{Syscall: "open", Path: root, Errno: err.(unix.Errno)}
	}
	names, err := readNames(fd)
	unix.Close(fd)
	if err != nil {
		return &specs.Error{Syscall: "getdents64", Path: root, Errno: err.(unix.Errno)}
	}
	for _, id := range names {
		if specs.CheckID(id) != nil {
			continue
		}
		c, err := Open(root, id)
		if e, ok := err.(*specs.Error); ok && (e.Kind == specs.ErrNotExist || gone(root, id)) {
			continue
		}
		if e, ok := err.(*specs.Error); ok && scarce(e.Errno) {
			return err
		}
		visit(Entry{ID: id, C: c, Err: err})
		if c != nil {
			c.Close()
		}
	}
	return nil
}

func gone(root, id string) bool {
	var st unix.Stat_t
	return unix.Lstat(root+"/"+id, &st) == unix.ENOENT
}
