package cgroup

// device_attach.go: loading a device filter and attaching it to a v2 cgroup,
// by bpf(2). Runs in the parent; device access is checked from the next
// open(2) or mknod(2) on.

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
	"stave/specs"
)

// SetDevices makes set the device filter of the container's v2 cgroup. A
// filter that is there already is replaced without a moment in between in
// which every device is open. Filters of cgroups above apply as well.
func SetDevices(dirs []Dir, set DeviceRules) error {
	d, ok := findV2(dirs)
	if !ok {
		return &specs.Error{Field: resources + "/devices", Problem: "the container has no cgroup v2 directory", Kind: specs.ErrUnsupported}
	}
	prog, err := LoadDevices(set.Program())
	if err != nil {
		return err
	}
	defer unix.Close(prog)
	dir, err := d.openDir()
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	old, err := attachedDevices(dir, d.Path)
	if err != nil {
		return err
	}
	defer func() {
		for _, fd := range old {
			unix.Close(fd)
		}
	}()
	if len(old) == 1 {
		return AttachDevices(dir, prog, old[0])
	}
	if err := AttachDevices(dir, prog, -1); err != nil {
		return err
	}
	// More than one: each can only forbid, so the old ones go after the new
	// one is in force.
	for _, fd := range old {
		attr := progAttach{target: uint32(dir), prog: uint32(fd), kind: bpfCgroupDevice}
		if _, err := bpf(unix.BPF_PROG_DETACH, unsafe.Pointer(&attr), unsafe.Sizeof(attr), "BPF_PROG_DETACH"); err != nil {
			return err
		}
	}
	return nil
}

const (
	bpfProgTypeCgroupDevice = 15 // BPF_PROG_TYPE_CGROUP_DEVICE
	bpfCgroupDevice         = 6  // BPF_CGROUP_DEVICE
)

type progLoad struct { // the head of union bpf_attr for BPF_PROG_LOAD
	kind, count        uint32
	insns, license     uint64
	logLevel, logSize  uint32
	logBuf             uint64
	kernVersion, flags uint32
	name               [16]byte
	ifindex, expected  uint32
}

type progAttach struct { // for BPF_PROG_ATTACH and BPF_PROG_DETACH
	target, prog, kind, flags, replace uint32
}

type progQuery struct { // for BPF_PROG_QUERY
	target, kind, query, flags uint32
	ids                        uint64
	count, _                   uint32
	attachFlags                uint64
	// Linux 6.17 to 7.1 write this field whatever size they are told.
	linkIDs, linkFlags, revision uint64
}

// LoadDevices loads a program of DeviceRules.Program. The caller closes the fd.
func LoadDevices(program []byte) (int, error) {
	license := []byte("Apache-2.0\x00")
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(&program[0])
	pin.Pin(&license[0])
	attr := progLoad{kind: bpfProgTypeCgroupDevice, count: uint32(len(program) / 8),
		insns: addr(&program[0]), license: addr(&license[0]), expected: bpfCgroupDevice}
	copy(attr.name[:], "devices")
	return bpf(unix.BPF_PROG_LOAD, unsafe.Pointer(&attr), unsafe.Sizeof(attr), "BPF_PROG_LOAD")
}

// AttachDevices attaches prog to the cgroup directory dir, in the place of
// the program old if that is not negative. BPF_F_ALLOW_MULTI lets cgroups
// below have filters of their own, which can only narrow this one.
func AttachDevices(dir, prog, old int) error {
	attr := progAttach{target: uint32(dir), prog: uint32(prog), kind: bpfCgroupDevice, flags: unix.BPF_F_ALLOW_MULTI}
	if old >= 0 {
		attr.flags |= unix.BPF_F_REPLACE
		attr.replace = uint32(old)
	}
	_, err := bpf(unix.BPF_PROG_ATTACH, unsafe.Pointer(&attr), unsafe.Sizeof(attr), "BPF_PROG_ATTACH")
	return err
}

// attachedDevices opens the device filters of the cgroup itself.
func attachedDevices(dir int, path string) (fds []int, err error) {
	ids := make([]uint32, 64) // the kernel's limit for one cgroup
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(&ids[0])
	attr := progQuery{target: uint32(dir), kind: bpfCgroupDevice, ids: uint64(uintptr(unsafe.Pointer(&ids[0]))), count: uint32(len(ids))}
	if _, err := bpf(unix.BPF_PROG_QUERY, unsafe.Pointer(&attr), unsafe.Sizeof(attr), "BPF_PROG_QUERY "+path); err != nil {
		return nil, err
	}
	for _, id := range ids[:min(int(attr.count), len(ids))] {
		get := struct{ id, next, flags uint32 }{id: id}
		fd, err := bpf(unix.BPF_PROG_GET_FD_BY_ID, unsafe.Pointer(&get), unsafe.Sizeof(get), "BPF_PROG_GET_FD_BY_ID")
		switch errno := errnoOf(err); {
		case err == nil:
			fds = append(fds, fd)
		case errno == unix.EPERM || errno == unix.EACCES || errno == unix.ENOENT:
			// Another's program that a security module hides, or one
			// just gone. It stays; it can only forbid more.
		default:
			for _, fd := range fds {
				unix.Close(fd)
			}
			return nil, err
		}
	}
	return fds, nil
}

// bpf makes one bpf(2) call. EAGAIN: the verifier was interrupted by a signal.
func bpf(cmd int, attr unsafe.Pointer, size uintptr, what string) (int, error) {
	for range 32 {
		r, _, errno := unix.Syscall(unix.SYS_BPF, uintptr(cmd), uintptr(attr), size)
		switch errno {
		case 0:
			return int(r), nil
		case unix.EAGAIN, unix.EINTR:
		default:
			return -1, failed("bpf", what, errno)
		}
	}
	return -1, failed("bpf", what, unix.EAGAIN)
}

func addr(b *byte) uint64 { return uint64(uintptr(unsafe.Pointer(b))) }
