package libct

import (
	"sort"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/specs"
)

// procfs and what is written through it: sysctls and the labels of Linux
// security modules. The container's own /proc may be anything (CVE-2019-16884,
// CVE-2025-52881), so the child makes a procfs that is attached nowhere: the
// kernel's word, and no path leads to it.

// ownProcfs makes the private procfs if anything will be written through it.
func (b *builder) ownProcfs() {
	p := b.spec.Process
	labelled := p != nil && (p.ApparmorProfile != "" || p.SelinuxLabel != "")
	if len(b.linux().Sysctl) == 0 && !labelled {
		return
	}
	b.step(Child, "private procfs", "", "kernel files are written through a procfs that no mount can stand before; fsmount(2)")
	fs := b.newReg()
	b.proc = b.name(b.newReg(), "proc")
	b.op(unix.SYS_FSOPEN, b.str("proc"), n(unix.FSOPEN_CLOEXEC)).to(fs)
	b.fsconfig(fs, unix.FSCONFIG_CMD_CREATE, "", n(0))
	b.op(unix.SYS_FSMOUNT, fs.arg(), n(unix.FSMOUNT_CLOEXEC), n(unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC|unix.MOUNT_ATTR_NODEV)).to(b.proc).flag(opLog)
	b.close(fs)
}

// linux is never nil.
func (b *builder) linux() *rspec.Linux {
	if b.spec.Linux == nil {
		return &rspec.Linux{}
	}
	return b.spec.Linux
}

func (b *builder) sysctls() {
	keys := make([]string, 0, len(b.linux().Sysctl))
	for k := range b.linux().Sysctl {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		b.step(Child, "sysctl "+k, "/linux/sysctl/"+escapePointer(k), "read and written in the namespaces of the process that opens it; sysctl(5)")
		b.writeFile(b.proc.arg(), "sys/"+specs.SysctlPath(k), b.linux().Sysctl[k])
	}
}

// escapePointer follows RFC 6901.
func escapePointer(s string) string {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '~':
			out = append(out, '~', '0')
		case '/':
			out = append(out, '~', '1')
		default:
			out = append(out, s[i])
		}
	}
	return string(out)
}

// execLabels sets the labels that execve(2) will apply. They come after all
// that the child still has to do as itself.
func (b *builder) execLabels(p *rspec.Process, field string) {
	if p.ApparmorProfile != "" {
		if !b.host.AppArmor {
			b.fail(field+"/apparmorProfile", "AppArmor is not enabled on this host", "remove the profile, or boot with apparmor=1", specs.ErrUnsupported)
			return
		}
		b.step(Child, "AppArmor profile", field+"/apparmorProfile", "takes effect at execve(2); apparmor(7)")
		done := b.label()
		fd, text := b.newReg(), "exec "+p.ApparmorProfile
		b.op(unix.SYS_OPENAT, b.proc.arg(), b.str("thread-self/attr/apparmor/exec"), n(unix.O_WRONLY|unix.O_CLOEXEC)).to(fd).on(ruleOK, done).ignore(uint16(unix.ENOENT))
		b.op(unix.SYS_OPENAT, b.proc.arg(), b.str("thread-self/attr/exec"), n(unix.O_WRONLY|unix.O_CLOEXEC)).to(fd)
		b.place(done)
		b.op(unix.SYS_WRITE, fd.arg(), b.str(text), n(len(text))).want(len(text))
		b.close(fd)
	}
	if p.SelinuxLabel != "" {
		if !b.host.SELinux {
			b.fail(field+"/selinuxLabel", "SELinux is not enabled on this host", "remove the label", specs.ErrUnsupported)
			return
		}
		b.step(Child, "SELinux label", field+"/selinuxLabel", "takes effect at execve(2); selinux(8)")
		b.writeFile(b.proc.arg(), "thread-self/attr/exec", p.SelinuxLabel)
	}
}

// hostname and domainname live in the UTS namespace.
func (b *builder) hostname() {
	if h := b.spec.Hostname; h != "" {
		b.step(Child, "hostname", "/hostname", "the UTS namespace's; sethostname(2)")
		b.op(unix.SYS_SETHOSTNAME, b.str(h), n(len(h)))
	}
	if d := b.spec.Domainname; d != "" {
		b.step(Child, "domainname", "/domainname", "the UTS namespace's NIS domain; setdomainname(2)")
		b.op(unix.SYS_SETDOMAINNAME, b.str(d), n(len(d)))
	}
}
