package libct

import (
	"path"
	"syscall"
	"time"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/specs"
)

// The parent's steps that are more than a list of system calls.

// mapIDs writes the maps of the child's user namespace: directly where we may,
// with newuidmap(1) and newgidmap(1) where only they may.
func (c *Create) mapIDs() error {
	l := c.Spec.Linux
	return writeMaps(c.Pid, l.UIDMappings, l.GIDMappings)
}

func writeMaps(pid int, uids, gids []rspec.LinuxIDMapping) error {
	dir := "/proc/" + itoa(int64(pid)) + "/"
	if unix.Geteuid() != 0 {
		if err := helperMap("newuidmap", "/linux/uidMappings", pid, uids); err != nil {
			return err
		}
		return helperMap("newgidmap", "/linux/gidMappings", pid, gids)
	}
	for _, f := range [...]struct {
		name, field string
		list        []rspec.LinuxIDMapping
	}{{"gid_map", "/linux/gidMappings", gids}, {"uid_map", "/linux/uidMappings", uids}} {
		if len(f.list) == 0 {
			continue
		}
		fd, err := unix.Open(dir+f.name, unix.O_WRONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			_, err = unix.Write(fd, specs.AppendIDMappings(nil, f.list))
			unix.Close(fd)
		}
		if err != nil {
			return &specs.Error{Field: f.field, Syscall: "write", Path: dir + f.name, Errno: err.(unix.Errno),
				Hint: "the host ids must be ours to give, and the ranges must not overlap"}
		}
	}
	return nil
}

// helperMap calls newuidmap(1) or newgidmap(1), which know from /etc/subuid
// and /etc/subgid what an unprivileged user may map.
func helperMap(tool, field string, pid int, list []rspec.LinuxIDMapping) error {
	if len(list) == 0 {
		return nil
	}
	args := []string{tool, itoa(int64(pid))}
	for _, m := range list {
		args = append(args, itoa(int64(m.ContainerID)), itoa(int64(m.HostID)), itoa(int64(m.Size)))
	}
	for _, dir := range [...]string{"/usr/bin/", "/bin/", "/usr/local/bin/"} {
		if unix.Access(dir+tool, unix.X_OK) != nil {
			continue
		}
		hook := rspec.Hook{Path: dir + tool, Args: args}
		if err := runHook(&hook, nil, hookEnv{dir: "/"}); err != nil {
			e := err.(*specs.Error)
			e.Field, e.Path = field, dir+tool
			e.Hint = "see /etc/subuid and /etc/subgid"
			return e
		}
		return nil
	}
	return &specs.Error{Field: field, Path: tool, Problem: "not found", Hint: "install the package uidmap"}
}

// mappingNamespace leaves in a register the fd of a user namespace that has
// the given mapping and no process.
func (c *Create) mappingNamespace(dst Reg, uids, gids []rspec.LinuxIDMapping) error {
	p := &program{strs: map[string]uint64{}}
	wait1 := Op{NR: unix.SYS_READ}
	var hold [2]int
	if err := unix.Pipe2(hold[:], unix.O_CLOEXEC); err != nil {
		return &specs.Error{Syscall: "pipe2", Errno: err.(unix.Errno)}
	}
	defer unix.Close(hold[1])
	// The child must not hold the writing end, or it would wait for itself.
	shut := Op{NR: unix.SYS_CLOSE}
	shut.set(n(hold[1]))
	wait1.set(n(hold[0]), at(p.bytes(make([]byte, 8))), n(1))
	m, err := newMachine(p, []Op{shut, wait1}, false)
	if err != nil {
		return err
	}
	defer m.unmap()
	pid, e := m.fork(&cloneArgs{flags: unix.CLONE_NEWUSER, exitSignal: uint64(unix.SIGCHLD)})
	unix.Close(hold[0])
	if e != 0 {
		return &specs.Error{Syscall: "clone3", Errno: e}
	}
	defer func() {
		unix.Kill(pid, unix.SIGKILL)
		Wait(pid)
	}()
	if err := writeMaps(pid, uids, gids); err != nil {
		return err
	}
	name := "/proc/" + itoa(int64(pid)) + "/ns/user"
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &specs.Error{Syscall: "open", Path: name, Errno: err.(unix.Errno)}
	}
	c.m.regs[dst] = uint64(fd)
	return nil
}

// passConsole hands the master of the terminal on, or keeps it for run.
func (c *Create) passConsole() error {
	if len(c.fds) == 0 {
		return &specs.Error{Problem: "the child sent no terminal"}
	}
	c.Master, c.fds = c.fds[0], c.fds[1:]
	if c.Req.ConsoleSocket == "" {
		return nil
	}
	err := sendFDs(c.Req.ConsoleSocket, []byte("/dev/ptmx"), []int{c.Master})
	unix.Close(c.Master)
	c.Master = -1
	return err
}

func (c *Create) sendPidfd() error {
	return sendFDs(c.Req.PidfdSocket, []byte("pidfd"), []int{c.Pidfd})
}

// socketTimeout bounds how long a peer may keep us waiting.
const socketTimeout = 10 * time.Second

// sendFDs connects to a unix socket and sends one message with descriptors.
func sendFDs(name string, msg []byte, fds []int) error {
	fail := func(call string, err error) error {
		e := &specs.Error{Syscall: call, Path: name, Errno: err.(unix.Errno)}
		switch err {
		case unix.ECONNREFUSED, unix.ENOENT:
			e.Hint = "nobody listens on the socket"
		case unix.EAGAIN, unix.ETIMEDOUT:
			e.Hint = "the peer of the socket does not accept"
		case unix.EPIPE, unix.ECONNRESET:
			e.Hint = "the peer of the socket has closed it"
		}
		return e
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fail("socket", err)
	}
	defer unix.Close(fd)
	limit := unix.NsecToTimeval(int64(socketTimeout))
	unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &limit)
	// sun_path takes 108 bytes; a longer name is reached through its directory.
	addr := name
	if len(addr) >= 108 {
		dir, err := unix.Open(path.Dir(name), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return fail("open", err)
		}
		defer unix.Close(dir)
		addr = "/proc/self/fd/" + itoa(int64(dir)) + "/" + path.Base(name)
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: addr}); err != nil {
		return fail("connect", err)
	}
	for {
		err := unix.Sendmsg(fd, msg, unix.UnixRights(fds...), nil, unix.MSG_NOSIGNAL)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fail("sendmsg", err)
		}
		return nil
	}
}

// containerProcessState is what a seccomp agent gets (runtime.md, Seccomp
// state): the container's state around that of the process.
func (c *Create) containerProcessState(metadata string) []byte {
	s := &rspec.State{Version: rspec.Version, ID: c.Req.ID, Status: rspec.StateCreating, Pid: c.Pid, Bundle: c.Req.Bundle, Annotations: c.Spec.Annotations}
	if c.Req.Verb == "exec" {
		s.Status = rspec.StateRunning
		s.Pid = c.Rec.PID
	}
	return specs.AppendProcessState(nil, &rspec.ContainerProcessState{
		Version: rspec.Version, Fds: []string{rspec.SeccompFdName}, Pid: c.Pid, Metadata: metadata, State: *s,
	})
}

// copyUp copies what a mount point holds into the tmpfs that will cover it.
func (c *Create) copyUp() error {
	var fds [2]int
	for i := range fds {
		fd, err := unix.PidfdGetfd(c.Pidfd, int(c.m.page.slots[i]), 0)
		if err != nil {
			return &specs.Error{Syscall: "pidfd_getfd", Errno: err.(unix.Errno)}
		}
		defer unix.Close(fd)
		fds[i] = fd
	}
	return copyTree(fds[slotFrom], fds[slotTo], 0)
}

// copyTree copies a directory by descriptors: no link is followed, no name is
// looked up twice. Devices are left out: they are not ours to make there.
func copyTree(from, to, depth int) error {
	if depth > 128 {
		return &specs.Error{Problem: "directories nested deeper than 128"}
	}
	var st unix.Stat_t
	if err := unix.Fstat(from, &st); err != nil {
		return err
	}
	unix.Fchown(to, int(st.Uid), int(st.Gid))
	unix.Fchmod(to, st.Mode&0o7777)
	names, err := readNames(from)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := copyEntry(from, to, name, depth); err != nil {
			return &specs.Error{Path: name, Errno: err.(syscall.Errno), Step: "copy up"}
		}
	}
	return nil
}

func copyEntry(from, to int, name string, depth int) error {
	var st unix.Stat_t
	if err := unix.Fstatat(from, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	const own = unix.O_NOFOLLOW | unix.O_CLOEXEC
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		src, err := unix.Openat(from, name, unix.O_RDONLY|unix.O_DIRECTORY|own, 0)
		if err != nil {
			return err
		}
		defer unix.Close(src)
		if err := unix.Mkdirat(to, name, 0o700); err != nil {
			return err
		}
		dst, err := unix.Openat(to, name, unix.O_RDONLY|unix.O_DIRECTORY|own, 0)
		if err != nil {
			return err
		}
		defer unix.Close(dst)
		if err := copyTree(src, dst, depth+1); err != nil {
			if e, ok := err.(*specs.Error); ok && e.Errno != 0 {
				return e.Errno
			}
			return unix.ELOOP
		}
		return nil
	case unix.S_IFLNK:
		buf := make([]byte, 4096)
		n, err := unix.Readlinkat(from, name, buf)
		if err != nil {
			return err
		}
		if err := unix.Symlinkat(string(buf[:n]), to, name); err != nil {
			return err
		}
		return unix.Fchownat(to, name, int(st.Uid), int(st.Gid), unix.AT_SYMLINK_NOFOLLOW)
	case unix.S_IFREG:
		return copyFile(from, to, name, &st)
	}
	return nil
}

func copyFile(from, to int, name string, st *unix.Stat_t) error {
	const own = unix.O_NOFOLLOW | unix.O_CLOEXEC
	src, err := unix.Openat(from, name, unix.O_RDONLY|unix.O_NONBLOCK|own, 0)
	if err != nil {
		return err
	}
	defer unix.Close(src)
	dst, err := unix.Openat(to, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|own, 0o600)
	if err != nil {
		return err
	}
	defer unix.Close(dst)
	buf := make([]byte, 64<<10)
	for {
		n, err := unix.Read(src, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		for b := buf[:n]; len(b) > 0; {
			w, err := unix.Write(dst, b)
			if err != nil {
				return err
			}
			b = b[w:]
		}
	}
	if err := unix.Fchown(dst, int(st.Uid), int(st.Gid)); err != nil {
		return err
	}
	return unix.Fchmod(dst, st.Mode&0o7777)
}

func closeFD(fd int) {
	if fd >= 0 {
		unix.Close(fd)
	}
}
