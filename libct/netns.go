package libct

import (
	"runtime"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/specs"
)

// The network namespace is by far the dearest to make: 0.6 ms of the 0.9 that
// all of a default container take here. Nothing depends on it until the child
// is there, so a thread of the parent makes it while the others prepare the
// cgroups, and the child joins it. In a user namespace it must be made inside.

// netNS is a namespace in the making.
type netNS struct {
	fd    int
	errno unix.Errno
}

// makeNetNS starts to make one. The thread that did it is in it for good, so
// it ends with the goroutine, which never unlocks it.
func makeNetNS() <-chan netNS {
	made := make(chan netNS, 1)
	go func() {
		runtime.LockOSThread()
		n := netNS{fd: -1}
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			n.fd, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		}
		if err != nil {
			n.errno = err.(unix.Errno)
		}
		made <- n
	}()
	return made
}

// threadNetNS says whether the namespace can be made so.
func threadNetNS(l *rspec.Linux) bool {
	fresh := false
	if l != nil {
		for i := range l.Namespaces {
			switch n := &l.Namespaces[i]; n.Type {
			case rspec.UserNamespace:
				return false
			case rspec.NetworkNamespace:
				fresh = n.Path == ""
			}
		}
	}
	return fresh
}

// startNetNamespace is the first step of all: the thread has the longest way.
func (b *builder) startNetNamespace() {
	if !threadNetNS(b.spec.Linux) || b.host.UserNS {
		return
	}
	_, field := b.namespace(rspec.NetworkNamespace)
	b.call("begin network namespace", field, "made by a thread of its own meanwhile, because it takes longest; unshare(2)",
		[]string{"in a thread: unshare(CLONE_NEWNET), openat /proc/thread-self/ns/net"}, func(c *Create) error {
			c.netNS = makeNetNS()
			return nil
		})
}

// netNamespace takes CLONE_NEWNET out of the flags of the clone where a thread
// makes the namespace, and lets the child join it.
func (b *builder) netNamespace(joins []joined, fresh uint64) ([]joined, uint64) {
	if !threadNetNS(b.spec.Linux) || b.host.UserNS {
		return joins, fresh
	}
	_, field := b.namespace(rspec.NetworkNamespace)
	fd := b.name(b.newReg(), "net")
	b.call("network namespace", field, "the child joins what the thread has made; setns(2)", []string{"wait for the thread"}, func(c *Create) error {
		n := <-c.netNS
		c.netNS, c.net = nil, n.fd
		if n.errno != 0 {
			return &specs.Error{Syscall: "unshare", Errno: n.errno}
		}
		c.m.regs[fd] = uint64(n.fd)
		return nil
	})
	return append(joins, joined{unix.CLONE_NEWNET, "network", field, fd}), fresh &^ unix.CLONE_NEWNET
}

// loopback brings up "lo" in a new network namespace, where it is down: without
// it a program cannot even talk to itself.
func (b *builder) loopback() {
	if !b.isNew(rspec.NetworkNamespace) {
		return
	}
	_, field := b.namespace(rspec.NetworkNamespace)
	b.step(Child, "loopback up", field, "a new network namespace has a loopback device, and it is down; netdevice(7)")
	sock := b.newReg()
	var ifreq [40]byte // struct ifreq: the name, then the flags
	copy(ifreq[:], "lo")
	ifreq[16] = unix.IFF_UP
	b.op(unix.SYS_SOCKET, n(unix.AF_INET), n(unix.SOCK_DGRAM|unix.SOCK_CLOEXEC), n(0)).to(sock)
	b.op(unix.SYS_IOCTL, sock.arg(), n(unix.SIOCSIFFLAGS), at(b.bytes(ifreq[:])))
	b.close(sock)
}
