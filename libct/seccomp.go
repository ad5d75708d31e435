package libct

import (
	"encoding/binary"
	"runtime"

	"golang.org/x/sys/unix"

	"stave/libct/seccomp"
	"stave/specs"
)

// The system call filter. Without no_new_privs loading it needs CAP_SYS_ADMIN,
// so it is loaded before the capabilities go, and everything after it is
// filtered; with no_new_privs it is the last thing before the gate.

func (b *builder) seccomp(string) {
	if len(b.execFilter) > 8 {
		b.filter(b.execFilter[8:], uint64(binary.LittleEndian.Uint32(b.execFilter)), b.execFilter[4] == 1)
		return
	}
	if len(b.compiled) > 0 {
		b.filter(b.compiled, b.flags, b.notify)
	}
}

// compileFilter turns linux.seccomp into a program, early: other steps depend
// on what it will refuse.
func (b *builder) compileFilter() {
	s := b.linux().Seccomp
	if s == nil {
		return
	}
	f, err := seccomp.Compile(s, seccomp.Host{Arch: runtime.GOARCH, Flags: b.host.SeccompFlags})
	if err != nil {
		if b.err == nil {
			b.err = err
		}
		return
	}
	b.filterFile = packFilter(f.Prog, uint32(f.Flags), f.Notify)
	b.compiled, b.flags, b.notify = f.Prog, uint64(f.Flags), f.Notify
}

// filter loads a compiled program: struct sock_fprog is a length and a pointer.
func (b *builder) filter(prog []byte, flags uint64, notify bool) {
	b.step(Child, "seccomp", "/linux/seccomp", "from here on the kernel asks the filter before every system call; seccomp(2)")
	if notify {
		flags |= unix.SECCOMP_FILTER_FLAG_NEW_LISTENER
	}
	text := b.bytes(prog)
	fprog := b.words(uint64(len(prog)/8), text)
	b.relocs = append(b.relocs, int(fprog.val)+8)
	r := b.op(unix.SYS_SECCOMP, n(unix.SECCOMP_SET_MODE_FILTER), u(flags), fprog)
	if !notify {
		return
	}
	listener := b.newReg()
	r.to(listener)
	b.op(opShow, n(slotListener), listener.arg())
	b.call("seccomp listener", "/linux/seccomp/listenerPath", "the agent decides on the calls that the filter hands to it; seccomp_unotify(2)",
		[]string{"pidfd_getfd", "connect, sendmsg SCM_RIGHTS with the container's state"}, (*Create).passListener)
	b.step(Child, "close seccomp listener", "/linux/seccomp/listenerPath", "the container must not answer for itself")
	b.close(listener)
}

// Slots of the shared page.
const (
	slotFrom = iota
	slotTo
	slotListener
)

func (c *Create) passListener() error {
	fd, err := unix.PidfdGetfd(c.Pidfd, int(c.m.page.slots[slotListener]), 0)
	if err != nil {
		return &specs.Error{Syscall: "pidfd_getfd", Errno: err.(unix.Errno)}
	}
	defer unix.Close(fd)
	s := c.Spec.Linux.Seccomp
	state := c.containerProcessState(s.ListenerMetadata)
	return sendFDs(s.ListenerPath, state, []int{fd})
}
