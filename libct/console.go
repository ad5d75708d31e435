package libct

import (
	"encoding/binary"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// The console: a pseudoterminal from the container's own devpts. It is opened
// through the fd of that mount and TIOCGPTPEER, never by the name /dev/pts/N,
// which the container's image could have prepared (CVE-2025-52565). The master
// goes to the parent as a file descriptor in a message.

func (b *builder) console() {
	p := b.spec.Process
	if p == nil || !p.Terminal {
		return
	}
	b.step(Child, "console", "/process/terminal", "a terminal of the container's devpts, opened by fd; pty(7), ioctl_tty(2)")
	master, slave := b.name(b.newReg(), "master"), b.name(b.newReg(), "slave")
	if b.pts != 0 {
		b.op(unix.SYS_OPENAT, b.pts.arg(), b.str("ptmx"), n(unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)).to(master)
	} else {
		b.openIn(master, "/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY, inRoot)
	}
	b.terminal(p, master, slave)
	if b.hasDev() {
		tree, dir, target := b.newReg(), b.newReg(), b.newReg()
		b.op(unix.SYS_OPEN_TREE, slave.arg(), b.str(""), n(unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH)).to(tree)
		b.openIn(dir, "/dev", unix.O_PATH|unix.O_DIRECTORY, inRoot)
		b.op(unix.SYS_MKNODAT, dir.arg(), b.str("console"), n(unix.S_IFREG|0o666), n(0)).ignore(uint16(unix.EEXIST))
		b.op(unix.SYS_OPENAT, dir.arg(), b.str("console"), n(unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC)).to(target)
		b.moveMount(tree, target)
		b.close(tree)
		b.close(dir)
		b.close(target)
	}
	b.handOver(master, slave, "/process/terminal")
}

// terminal unlocks the pty, opens its other end and makes that the
// controlling terminal and stdio.
func (b *builder) terminal(p *rspec.Process, master, slave Reg) {
	b.op(unix.SYS_IOCTL, master.arg(), n(unix.TIOCSPTLCK), at(b.bytes(make([]byte, 8))))
	b.op(unix.SYS_IOCTL, master.arg(), n(unix.TIOCGPTPEER), n(unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)).to(slave)
	if s := p.ConsoleSize; s != nil {
		var ws [8]byte // struct winsize
		binary.NativeEndian.PutUint16(ws[0:], uint16(s.Height))
		binary.NativeEndian.PutUint16(ws[2:], uint16(s.Width))
		b.op(unix.SYS_IOCTL, slave.arg(), n(unix.TIOCSWINSZ), at(b.bytes(ws[:])))
	}
	if p.User.UID != 0 {
		b.op(unix.SYS_FCHOWN, slave.arg(), u(uint64(p.User.UID)), u(0xffffffff))
	}
	if !b.late { // else the process that it will be is not there yet
		b.op(unix.SYS_IOCTL, slave.arg(), n(unix.TIOCSCTTY), n(0))
	}
	for fd := 0; fd < 3; fd++ {
		b.op(unix.SYS_DUP3, slave.arg(), n(fd), n(0))
	}
}

// handOver sends the master to the parent, which passes it on.
func (b *builder) handOver(master, slave Reg, field string) {
	b.sendFD(master)
	b.close(master)
	b.close(slave)
	b.call("hand over the console", field, "to the peer of --console-socket, or to our own terminal; unix(7)",
		[]string{"recvmsg SCM_RIGHTS", "sendmsg SCM_RIGHTS to the console socket"}, (*Create).passConsole)
}

// sendFD sends one descriptor over the socketpair: struct msghdr with one byte
// of data and one control message.
func (b *builder) sendFD(fd Reg) {
	control := make([]byte, 24) // struct cmsghdr (16 bytes) and an int, padded
	binary.NativeEndian.PutUint64(control[0:], 20)
	binary.NativeEndian.PutUint32(control[8:], unix.SOL_SOCKET)
	binary.NativeEndian.PutUint32(control[12:], unix.SCM_RIGHTS)
	ctl := b.bytes(control)
	b.op(opPoke, at(ctl+16), fd.arg())
	iov := b.pointerArray([]uint64{b.str("f").val})
	binary.NativeEndian.PutUint64(b.data[iov.val+8:], 1) // iov_len
	hdr := make([]byte, 56)
	binary.NativeEndian.PutUint64(hdr[16:], iov.val)
	binary.NativeEndian.PutUint64(hdr[24:], 1)
	binary.NativeEndian.PutUint64(hdr[32:], ctl)
	binary.NativeEndian.PutUint64(hdr[40:], 24)
	off := b.bytes(hdr)
	b.relocs = append(b.relocs, int(off)+16, int(off)+32)
	b.op(unix.SYS_SENDMSG, b.childEnd.arg(), at(off), n(unix.MSG_NOSIGNAL)).want(1)
}
