package libct

import (
	"sort"
	"strings"
	"time"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/libct/quick"
	"stave/specs"
)

// The state directory, ROOT/ID. It is made first and removed last, so every
// lasting object of a container can be found from it. Its lock (flock(2) on
// the directory itself) is held by whoever changes the container, and ends
// with the holder, however it ends: a lock that is free and a record that says
// "creating" are the remains of a runtime that was killed.

const (
	recordFile  = quick.RecordFile
	filterFile  = "seccomp.bpf"
	maxRecord   = 16 << 20
	lockTimeout = 10 * time.Second
)

// stateLock is an open, locked state directory.
type stateLock struct {
	root string
	id   string
	fd   int
}

// makeState makes the directory of a new container, locked.
func makeState(root, id string) (*stateLock, error) {
	if err := makeRoot(root); err != nil {
		return nil, err
	}
	if err := spareAt(root, toTakeBack); err != nil {
		return nil, err
	}
	dir := root + "/" + id
	if err := unix.Mkdir(dir, 0o700); err != nil {
		e := &specs.Error{Syscall: "mkdir", Path: dir, Errno: err.(unix.Errno)}
		if err == unix.EEXIST {
			e.Kind, e.Hint = specs.ErrExist, "container with given ID already exists; delete it, or choose another id"
		}
		return nil, e
	}
	l, err := openState(root, id)
	if err != nil {
		unix.Rmdir(dir)
		return nil, err
	}
	if err := l.acquire(unix.LOCK_EX | unix.LOCK_NB); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// makeRoot makes the directory of all containers, and those above it.
func makeRoot(root string) error {
	err := unix.Mkdir(root, 0o700)
	if err == unix.ENOENT {
		for i := 1; i < len(root); i++ {
			if root[i] == '/' {
				unix.Mkdir(root[:i], 0o755)
			}
		}
		err = unix.Mkdir(root, 0o700)
	}
	if err != nil && err != unix.EEXIST {
		return &specs.Error{Syscall: "mkdir", Path: root, Errno: err.(unix.Errno), Hint: "choose another --root"}
	}
	return nil
}

// What some things take in descriptors at most, beside those that are open.
const (
	toTakeBack = 7 // a container that cannot be made: its lock, and a walk through its cgroups
	toLook     = 3 // at one: a cgroup and a file in it
)

// spareAt refuses to begin where there are fewer descriptors than that: what
// would be half done could not be undone, and what could not be looked at would
// seem not to be there.
func spareAt(dir string, count int) error {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &specs.Error{Syscall: "open", Path: dir, Errno: err.(unix.Errno)}
	}
	defer unix.Close(fd)
	return spare(fd, count-1)
}

// spare is spareAt, with any descriptor that is open.
func spare(fd, count int) error {
	var more [8]int
	for i := range count {
		dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			return &specs.Error{Syscall: "fcntl", Errno: err.(unix.Errno), Hint: "raise RLIMIT_NOFILE, or close some of the descriptors that are passed on"}
		}
		more[i] = dup
		defer unix.Close(more[i])
	}
	return nil
}

// openState opens an existing directory, without a lock. A symbolic link in
// its place is not a container.
func openState(root, id string) (*stateLock, error) {
	fd, err := unix.Open(root+"/"+id, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	switch err {
	case nil:
		return &stateLock{root, id, fd}, nil
	case unix.ENOENT:
		return nil, &specs.Error{ID: id, Kind: specs.ErrNotExist}
	case unix.ELOOP, unix.ENOTDIR:
		return nil, &specs.Error{ID: id, Path: root + "/" + id, Kind: specs.ErrCorrupt, Problem: "state is corrupt: not a directory"}
	}
	return nil, &specs.Error{ID: id, Syscall: "open", Path: root + "/" + id, Errno: err.(unix.Errno)}
}

func (l *stateLock) acquire(how int) error {
	deadline := monotonic() + int64(lockTimeout)
	for {
		err := unix.Flock(l.fd, how|unix.LOCK_NB)
		if err == nil {
			break
		}
		if err != unix.EWOULDBLOCK && err != unix.EINTR {
			return &specs.Error{ID: l.id, Syscall: "flock", Path: l.root + "/" + l.id, Errno: err.(unix.Errno)}
		}
		if how&unix.LOCK_NB != 0 || monotonic() > deadline {
			return &specs.Error{ID: l.id, Kind: specs.ErrBusy, Hint: "try again when it is done"}
		}
		time.Sleep(time.Millisecond)
	}
	// The directory that we hold may have been deleted while we waited.
	var st unix.Stat_t
	if unix.Fstat(l.fd, &st) == nil && st.Nlink == 0 {
		return &specs.Error{ID: l.id, Kind: specs.ErrNotExist}
	}
	return nil
}

// lockState opens and locks; it waits for another command, but not for ever.
func lockState(root, id string) (*stateLock, error) {
	l, err := openState(root, id)
	if err != nil {
		return nil, err
	}
	if err := l.acquire(unix.LOCK_EX); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *stateLock) close() { unix.Close(l.fd) }

// remove deletes the directory with all that stave ever puts there, and gives
// up the lock. Nothing is followed, nothing else is touched.
func (l *stateLock) remove() error {
	defer l.close()
	names, err := readNames(l.fd)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := unix.Unlinkat(l.fd, name, 0); err == unix.EISDIR || err == unix.EPERM {
			l.removeDir(name)
		}
	}
	if err := unix.Rmdir(l.root + "/" + l.id); err != nil && err != unix.ENOENT {
		return &specs.Error{ID: l.id, Syscall: "rmdir", Path: l.root + "/" + l.id, Errno: err.(unix.Errno)}
	}
	return nil
}

// removeDir removes one of its directories with the files in it.
func (l *stateLock) removeDir(name string) {
	dir, err := unix.Openat(l.fd, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err == nil {
		files, _ := readNames(dir)
		for _, f := range files {
			unix.Unlinkat(dir, f, 0)
		}
		unix.Close(dir)
	}
	unix.Unlinkat(l.fd, name, unix.AT_REMOVEDIR)
}

// writeFile replaces a file of the directory as a whole: whoever reads sees
// the old one or the new one. There is no fsync(2): what the record describes
// is gone after a power cut, and delete needs no record.
func (l *stateLock) writeFile(name string, data []byte) error {
	fail := func(call string, err error) error {
		return &specs.Error{Syscall: call, Path: l.root + "/" + l.id + "/" + name, Errno: err.(unix.Errno)}
	}
	tmp := "." + name
	fd, err := unix.Openat(l.fd, tmp, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return fail("openat", err)
	}
	for rest := data; len(rest) > 0; {
		n, err := unix.Write(fd, rest)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			unix.Close(fd)
			unix.Unlinkat(l.fd, tmp, 0)
			return fail("write", err)
		}
		rest = rest[n:]
	}
	unix.Close(fd)
	if err := unix.Renameat(l.fd, tmp, l.fd, name); err != nil {
		return fail("renameat", err)
	}
	return nil
}

func (l *stateLock) readFile(name string) ([]byte, error) {
	fd, err := unix.Openat(l.fd, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || st.Size > maxRecord {
		return nil, unix.EFBIG
	}
	buf := make([]byte, st.Size)
	n, err := unix.Read(fd, buf)
	if err != nil {
		return nil, err
	}
	return buf[:n], nil
}

// record reads what the directory says of its container.
func (l *stateLock) record() (*specs.Record, error) {
	corrupt := func(why string) error {
		return &specs.Error{ID: l.id, Path: l.root + "/" + l.id + "/" + recordFile, Kind: specs.ErrCorrupt,
			Problem: "state is corrupt: " + why, Hint: "delete --force removes it"}
	}
	data, err := l.readFile(recordFile)
	if err == unix.ENOENT {
		return nil, corrupt("there is no record")
	}
	if scarce(err) {
		return nil, &specs.Error{ID: l.id, Syscall: "openat", Path: l.root + "/" + l.id + "/" + recordFile, Errno: err.(unix.Errno)}
	}
	if err != nil {
		return nil, corrupt(err.Error())
	}
	rec, err := specs.DecodeRecord(data)
	if err != nil {
		if e, ok := err.(*specs.Error); ok {
			return nil, corrupt(e.Problem)
		}
		return nil, corrupt(err.Error())
	}
	if rec.Version != specs.RecordVersion {
		return nil, corrupt("format " + itoa(int64(rec.Version)) + ", this stave reads " + itoa(specs.RecordVersion))
	}
	if rec.ID != l.id {
		return nil, corrupt("it is of container " + rec.ID)
	}
	return rec, nil
}

// readNames lists a directory.
func readNames(fd int) ([]string, error) {
	if _, err := unix.Seek(fd, 0, 0); err != nil {
		return nil, err
	}
	buf := make([]byte, 8192)
	var names []string
	for {
		n, err := unix.ReadDirent(fd, buf)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			sort.Strings(names)
			return names, nil
		}
		_, _, names = unix.ParseDirent(buf[:n], -1, names)
	}
}

const bootIDFile = "/proc/sys/kernel/random/boot_id"

// bootID tells this boot from others: after a reboot every pid is a stranger's.
func bootID() string {
	b, _ := readSmall(bootIDFile, 64)
	return strings.TrimSpace(string(b))
}

// startTime is field 22 of /proc/PID/stat: with the pid it names one process
// of this boot. 0: there is no such process, or it is dead.
func startTime(pid int) uint64 {
	b, err := readSmall("/proc/"+itoa(int64(pid))+"/stat", 1024)
	if err != nil {
		return 0
	}
	return statTime(string(b))
}

// statTime finds it in the text of that file.
func statTime(s string) uint64 {
	i := strings.LastIndexByte(s, ')') // the name before it may hold anything
	if i < 0 || i+2 >= len(s) {
		return 0
	}
	f := strings.Fields(s[i+2:])
	if len(f) < 20 || f[0] == "Z" || f[0] == "X" {
		return 0
	}
	var t uint64
	for _, c := range []byte(f[19]) {
		if c < '0' || c > '9' {
			return 0
		}
		t = t*10 + uint64(c-'0')
	}
	return t
}

// stateDirectory and the record of intent: the first steps of every create.
func (b *builder) stateDirectory() {
	b.call("state directory", "", "first of all lasting things, so that delete finds the others from it",
		[]string{"mkdir ROOT/ID 0700", "flock LOCK_EX"}, (*Create).makeStateDir)
	does := []string{"openat, write, renameat state.json"}
	if b.filterFile != nil {
		does = []string{"openat, write, renameat seccomp.bpf, for exec", does[0]}
	}
	b.call("record intent", "", "on disk before any kernel object: after a crash here delete --force knows what to look for",
		does, (*Create).recordIntent)
}

func (c *Create) makeStateDir() (err error) {
	c.lock, err = makeState(c.Req.Root, c.Req.ID)
	if err == nil {
		c.m.regs[c.Plan.lock] = uint64(c.lock.fd)
	}
	return err
}

func (c *Create) recordIntent() error {
	spec, pid := c.Spec, unix.Getpid()
	rec := &specs.Record{
		Version: specs.RecordVersion, OCIVersion: spec.Version, ID: c.Req.ID, Bundle: c.Req.Bundle,
		Rootfs: absolute(c.Req.Bundle, spec.Root.Path), Created: time.Now().UTC().Format(time.RFC3339Nano),
		Phase: specs.PhaseCreating, BootID: bootID(), RuntimePID: pid, RuntimeTime: startTime(pid),
		CgroupPath: c.Req.CgroupPath, Annotations: spec.Annotations, Process: spec.Process,
	}
	for _, d := range c.Req.CgroupDirs {
		rec.CgroupDirs, rec.CgroupPlaces = append(rec.CgroupDirs, d.Path), append(rec.CgroupPlaces, d.Place())
	}
	for _, a := range ancestorsOf(c.Req.CgroupDirs) {
		if unix.Access(a, unix.F_OK) == unix.ENOENT {
			rec.CgroupOwned = append(rec.CgroupOwned, a)
		}
	}
	rec.Notify = c.Req.NotifySocket != ""
	if h := spec.Hooks; h != nil {
		rec.Hooks = &rspec.Hooks{StartContainer: h.StartContainer, Poststart: h.Poststart, Poststop: h.Poststop}
	}
	if l := spec.Linux; l != nil {
		rec.Namespaces, rec.UIDMappings, rec.GIDMappings = l.Namespaces, l.UIDMappings, l.GIDMappings
		rec.Personality, rec.Resources = l.Personality, l.Resources
	}
	c.Rec = rec
	if f := c.Plan.filterFile; f != nil {
		rec.Seccomp = true
		rec.SeccompListenerPath, rec.SeccompListenerMetadata = spec.Linux.Seccomp.ListenerPath, spec.Linux.Seccomp.ListenerMetadata
		if err := c.lock.writeFile(filterFile, f); err != nil {
			return err
		}
	}
	return c.lock.writeFile(recordFile, specs.AppendRecord(nil, rec))
}

// recordProcess is what the parent does as soon as there is a process, while
// the child is at work: from here on a crash leaves a record with its pid.
func (b *builder) recordProcess() {
	b.call("record process", "", "pid and start time: together they name one process of this boot",
		[]string{"read /proc/PID/stat", "openat, write, renameat state.json"}, (*Create).recordProcess)
	b.announce()
}

// announce tells others of the new process.
func (b *builder) announce() {
	if p := b.spec.Process; p != nil && p.OOMScoreAdj != nil {
		b.call("oom_score_adj", "/process/oomScoreAdj", "which process the kernel kills first when memory is short; proc(5)",
			[]string{"write /proc/PID/oom_score_adj"}, (*Create).oomScore)
	}
	if b.req.PidFile != "" {
		b.call("pid file", "", "--pid-file", []string{"openat, write, rename"}, (*Create).writePidFile)
	}
	if b.req.PidfdSocket != "" {
		b.call("pidfd", "", "--pidfd-socket: a handle of the process that no reuse of its number can confuse; pidfd_open(2)",
			[]string{"connect, sendmsg SCM_RIGHTS"}, (*Create).sendPidfd)
	}
}

// created marks the end: the container is as the configuration wants it.
func (b *builder) created() {
	b.call("record created", "", "from here on the container is created, not creating",
		[]string{"openat, write, renameat state.json"}, (*Create).recordCreated)
}

func (c *Create) oomScore() error {
	v := itoa(int64(*c.Spec.Process.OOMScoreAdj))
	name := "/proc/" + itoa(int64(c.Pid)) + "/oom_score_adj"
	fd, err := unix.Open(name, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return &specs.Error{Syscall: "open", Path: name, Errno: err.(unix.Errno)}
	}
	defer unix.Close(fd)
	if now, _ := readFD(fd, 16); strings.TrimSpace(string(now)) == v {
		return nil
	}
	if _, err := unix.Write(fd, []byte(v)); err != nil {
		e := &specs.Error{Syscall: "write", Path: name, Errno: err.(unix.Errno)}
		if err == unix.EACCES {
			e.Hint = "a value below the runtime's own needs CAP_SYS_RESOURCE"
		}
		return e
	}
	return nil
}

func (c *Create) recordProcess() error {
	c.Rec.PID, c.Rec.StartTime = c.Pid, startTime(c.Pid)
	c.Rec.AfterGate = c.Plan.afterGate(c.stepOf)
	return c.lock.writeFile(recordFile, specs.AppendRecord(nil, c.Rec))
}

func (c *Create) recordCreated() error {
	r := c.Rec
	r.Phase, r.RuntimePID, r.RuntimeTime = specs.PhaseCreated, 0, 0
	return c.lock.writeFile(recordFile, specs.AppendRecord(nil, r))
}

// writePidFile writes as runc does: beside it, then renamed.
func (c *Create) writePidFile() error {
	dir, name := splitPath(c.Req.PidFile)
	tmp := dir + "." + name
	fd, err := unix.Open(tmp, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_TRUNC|unix.O_CLOEXEC, 0o666)
	if err != nil {
		return &specs.Error{Syscall: "open", Path: tmp, Errno: err.(unix.Errno)}
	}
	_, err = unix.Write(fd, []byte(itoa(int64(c.Pid))))
	unix.Close(fd)
	if err == nil {
		err = unix.Rename(tmp, c.Req.PidFile)
		c.pidFile = err == nil
	}
	if err != nil {
		unix.Unlink(tmp)
		return &specs.Error{Syscall: "rename", Path: c.Req.PidFile, Errno: err.(unix.Errno)}
	}
	return nil
}

func splitPath(p string) (dir, name string) {
	i := strings.LastIndexByte(p, '/')
	return p[:i+1], p[i+1:]
}
