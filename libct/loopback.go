package libct

import (
	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

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
