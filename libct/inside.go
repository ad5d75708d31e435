package libct

import (
	"syscall"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/specs"
)

// inside runs a program of the host in the namespaces of a container: for the
// createContainer hooks, whose paths are the host's and whose namespaces are
// the container's. It is the machine again, with a plan of a few steps.
type inside struct {
	pidfd int
	dir   string // working directory
	flags uint64 // CLONE_NEW* of the container's namespaces
}

func (in *inside) spawn(path string, args, env []string, stdio [3]int) (int, error) {
	p := &program{strs: make(map[string]uint64), data: make([]byte, 0, 4096)}
	var ops []Op
	add := func(nr uint16, flags opFlags, a ...arg) {
		o := Op{NR: nr, Flags: flags}
		o.set(a...)
		ops = append(ops, o)
	}
	add(unix.SYS_SETNS, 0, n(in.pidfd), u(in.flags))
	// A pid namespace is entered by the next child, which stays ours.
	add(unix.SYS_CLONE3, opFork, p.words(unix.CLONE_PARENT, 0, 0, 0, 0, 0, 0, 0), n(64))
	for i, fd := range stdio {
		add(unix.SYS_DUP3, 0, n(fd), n(i), n(0))
	}
	add(unix.SYS_SETSID, 0)
	add(unix.SYS_CHDIR, 0, p.str(in.dir))
	add(unix.SYS_CLOSE_RANGE, 0, n(3), u(0xffffffff), n(unix.CLOSE_RANGE_CLOEXEC))
	add(unix.SYS_EXECVE, 0, p.str(path), p.pointers(args), p.pointers(env))

	// stdio of ours may be among 0..2 only if the runtime was started
	// without them; the Go runtime opens /dev/null there then.
	m, err := newMachine(p, ops, false)
	if err != nil {
		return 0, err
	}
	defer m.unmap()
	// EOF on this pipe is the execve: it is the only descriptor that both
	// processes hold.
	var sync [2]int
	if err := unix.Pipe2(sync[:], unix.O_CLOEXEC); err != nil {
		return 0, &specs.Error{Syscall: "pipe2", Errno: err.(unix.Errno)}
	}
	helper, e := m.fork(&cloneArgs{exitSignal: uint64(unix.SIGCHLD)})
	unix.Close(sync[1])
	defer unix.Close(sync[0])
	if e != 0 {
		return 0, &specs.Error{Syscall: "clone3", Errno: e}
	}
	var b [1]byte
	for {
		if _, err := unix.Read(sync[0], b[:]); err != unix.EINTR {
			break
		}
	}
	Wait(helper)
	if m.page.failed != 0 {
		if m.page.pid != 0 {
			Wait(int(m.page.pid))
		}
		return 0, &specs.Error{Syscall: syscallName(ops[m.page.op].NR), Errno: syscall.Errno(m.page.errno)}
	}
	return int(m.page.pid), nil
}

// namespaceFlags sums up the namespaces of a configuration, new and joined.
func namespaceFlags(list []rspec.LinuxNamespace) (flags uint64) {
	for i := range list {
		for _, k := range nsFlags {
			if k.name == list[i].Type {
				flags |= k.flag
			}
		}
	}
	return flags
}
