package specs

import (
	"strconv"
	"strings"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
)

// SysctlPath turns a key into a path below /proc/sys. As in sysctl(8), the
// separator that comes first is the separator: in net.ipv4.conf.eth0/1.mtu
// and net/ipv4/conf/eth0.1/mtu the interface is eth0.1.
func SysctlPath(key string) string {
	if i := strings.IndexAny(key, "./"); i < 0 || key[i] == '/' {
		return key
	}
	return strings.Map(func(r rune) rune {
		switch r {
		case '.':
			return '/'
		case '/':
			return '.'
		}
		return r
	}, key)
}

// sysctls lets through only what a namespace of the container holds. All else
// below /proc/sys is the whole machine's. Whether a network namespace that is
// joined is the host's own, only the kernel can say.
func (c *checker) sysctls() error {
	seen := map[string]string{}
	for _, key := range sortedKeys(c.linux.Sysctl) {
		field := sub("/linux/sysctl", key)
		name := SysctlPath(key)
		// CVE-2022-0811: + and = once let one setting pass for two.
		if bad := strings.IndexFunc(key, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune("+=,*\\", r) }); bad >= 0 {
			return invalid(field, "the key has a character that no sysctl has: "+strconv.Quote(key), "")
		}
		for part := range strings.SplitSeq(name, "/") {
			if part == "" || part == "." || part == ".." {
				return invalid(field, strconv.Quote(key)+" is not a sysctl's name", "")
			}
		}
		if other, ok := seen[name]; ok {
			return invalid(field, "is the same sysctl as "+other, "")
		}
		seen[name] = key
		if err := oneLine(field, c.linux.Sysctl[key]); err != nil {
			return err
		}
		if err := c.sysctlNamespace(field, name); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) sysctlNamespace(field, name string) error {
	var needs rspec.LinuxNamespaceType
	first, _, _ := strings.Cut(name, "/")
	switch {
	case name == "kernel/hostname":
		return invalid(field, "the hostname has a field of its own", "use /hostname")
	case name == "kernel/domainname":
		needs = rspec.UTSNamespace
	case first == "net":
		needs = rspec.NetworkNamespace
	case first == "user":
		needs = rspec.UserNamespace
	case strings.HasPrefix(name, "fs/mqueue/"), ipcSysctl(name):
		needs = rspec.IPCNamespace
	default:
		return invalid(field, "is not part of any namespace: it would change the host", "")
	}
	if !c.has(needs) {
		return invalid(field, "needs a "+string(needs)+" namespace, or it would change the host",
			`add {"type":"`+string(needs)+`"} to /linux/namespaces`)
	}
	return nil
}

// ipcSysctl knows the files of /proc/sys/kernel that belong to an ipc
// namespace, see ipc_namespaces(7) and the kernel's ipc/ipc_sysctl.c.
func ipcSysctl(name string) bool {
	switch strings.TrimPrefix(name, "kernel/") {
	case "auto_msgmni", "msg_next_id", "msgmax", "msgmnb", "msgmni", "sem", "sem_next_id",
		"shm_next_id", "shm_rmid_forced", "shmall", "shmmax", "shmmni":
		return strings.HasPrefix(name, "kernel/")
	}
	return false
}
