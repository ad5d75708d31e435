package libct

import (
	"strings"

	"golang.org/x/sys/unix"

	"stave/specs"
)

// Hints: what to mend, for the failures that people meet. An errno alone says
// what the kernel thinks; the step and the field say what was meant.

func (c *Create) hint(e *specs.Error, o *Op) string {
	userNS := c.Plan.clone.flags&unix.CLONE_NEWUSER != 0 || c.Plan.staged
	switch {
	case (o.NR == unix.SYS_EXECVE || o.NR == unix.SYS_EXECVEAT) && e.Errno == unix.EAGAIN:
		return "the user has more processes than RLIMIT_NPROC of /process/rlimits allows: it counts those of the whole host; execve(2)"
	case o.NR == unix.SYS_EXECVE || o.NR == opFail:
		return ""
	case o.NR == unix.SYS_FSCONFIG && e.Errno == unix.EPERM && userNS && strings.HasSuffix(e.Step, "/proc"):
		return `a user namespace may mount proc only in its own pid namespace: add {"type":"pid"} to /linux/namespaces`
	case o.NR == unix.SYS_FSCONFIG && e.Errno == unix.EPERM && userNS && strings.HasSuffix(e.Step, "/sys"):
		return `a user namespace may mount sysfs only with its own network namespace: add {"type":"network"} to /linux/namespaces`
	case o.NR == unix.SYS_FSOPEN && e.Errno == unix.ENODEV:
		return "this kernel does not have that filesystem; see /proc/filesystems"
	case o.NR == unix.SYS_OPENAT2 && e.Errno == unix.ELOOP:
		return "a symbolic link stands there in the rootfs, and this destination must be a real directory"
	case o.NR == unix.SYS_OPENAT2 && e.Errno == unix.ENOENT:
		return "a symbolic link in the rootfs leads to something that does not exist"
	case o.NR == unix.SYS_OPENAT2 && e.Errno == unix.ENOTDIR:
		return "a component of the path is no directory in the rootfs"
	case o.NR == unix.SYS_MOVE_MOUNT && e.Errno == unix.EINVAL:
		return "a directory can be mounted only on a directory, a file only on a file"
	case o.NR == unix.SYS_MKDIRAT && e.Errno == unix.EROFS, o.NR == unix.SYS_MKNODAT && e.Errno == unix.EROFS:
		return "the mount point is missing and the filesystem is read-only: make it in the image"
	case e.Step == "rootfs" && e.Errno == unix.ENOENT:
		return "the directory does not exist; unpack an image there"
	case e.Step == "rootfs" && e.Errno == unix.ENOTDIR, e.Step == "rootfs" && e.Errno == unix.EINVAL:
		return "the rootfs must be a directory"
	case o.NR == unix.SYS_PRLIMIT64 && e.Errno == unix.EPERM:
		return "raising a hard limit needs CAP_SYS_RESOURCE, which the runtime does not have here"
	case strings.HasPrefix(e.Step, "sysctl ") && e.Errno == unix.ENOENT:
		return "this kernel does not have that sysctl"
	case strings.HasPrefix(e.Step, "sysctl ") && e.Errno == unix.EINVAL:
		return "the kernel does not accept that value"
	case o.NR == unix.SYS_CLONE3 && e.Errno == unix.EAGAIN && e.Actor == Child.String():
		return "this takes one process more for a moment: raise /linux/resources/pids/limit"
	case o.NR == unix.SYS_CLONE3 && e.Errno == unix.EAGAIN:
		return "too many processes: pids.max of the cgroup, RLIMIT_NPROC or kernel.pid_max"
	case o.NR == unix.SYS_PIVOT_ROOT && e.Errno == unix.EINVAL:
		return "the root of the host is a ramdisk: use --no-pivot"
	case o.NR == unix.SYS_KEYCTL && e.Errno == unix.EDQUOT:
		return "the user's keys are used up (kernel.keys.maxkeys): use --no-new-keyring"
	}
	return ""
}

// pathOf names the object of an operation: its first string argument that is
// not empty.
func (p *Plan) pathOf(o *Op) string {
	for i, k := range o.Kind {
		if k == argData && stringArg(o.NR, i) {
			if s := p.cString(o.A[i]); s != "" {
				return s
			}
		}
	}
	return ""
}

// afterGate describes the operations that run after the runtime has gone.
func (p *Plan) afterGate(stepOf []int) []string {
	if p.gate == 0 {
		return nil
	}
	ops, _ := p.childOps()
	last := -1
	for i := range p.Steps {
		if p.Steps[i].Actor == Parent {
			last = i
		}
	}
	var out []string
	for i := range ops {
		if s := stepOf[i]; s > last {
			st := &p.Steps[s]
			out = append(out, strings.Join([]string{itoa(int64(i)), itoa(int64(s + 1)), itoa(int64(len(p.Steps))),
				st.Name, st.Field, syscallName(ops[i].NR), p.pathOf(&ops[i])}, "\t"))
		}
	}
	if s := p.stubStep(); s >= 0 {
		st := &p.Steps[s]
		out = append(out, strings.Join([]string{itoa(stubOp), itoa(int64(s + 1)), itoa(int64(len(p.Steps))), st.Name, st.Field, "execve", ""}, "\t"))
	}
	return out
}

// stubOp is what a report of the stub has in the place of an operation.
const stubOp = 0xffffffff
