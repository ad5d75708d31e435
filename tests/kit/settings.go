package kit

import (
	"fmt"
	"os"
	"strings"
)

// hostSettings are the host's values that an attack which works may change. They
// are part of every snapshot, and Main puts them back at the end.
var hostSettings = []string{
	"/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sys/kernel/domainname",
	"/proc/sys/kernel/modprobe", "/proc/sys/kernel/sysrq", "/proc/sys/kernel/poweroff_cmd",
	"/proc/sys/kernel/shm_rmid_forced", "/proc/sys/vm/swappiness", "/proc/sys/vm/overcommit_memory",
	"/proc/sys/fs/mqueue/msg_max", "/proc/sys/net/ipv4/ip_forward",
	"/proc/sys/net/ipv4/ip_unprivileged_port_start", "/proc/irq/default_smp_affinity",
}

func settings() []string {
	var all []string
	for _, path := range hostSettings {
		if data, err := os.ReadFile(path); err == nil {
			all = append(all, path+" = "+strings.TrimSpace(string(data)))
		}
	}
	return all
}

// restoreSettings writes back what has changed, and says so.
func restoreSettings(before []string) (changed bool) {
	now := map[string]string{}
	for _, line := range settings() {
		path, value, _ := strings.Cut(line, " = ")
		now[path] = value
	}
	for _, line := range before {
		path, value, _ := strings.Cut(line, " = ")
		if now[path] == value {
			continue
		}
		changed = true
		err := os.WriteFile(path, []byte(value), 0)
		fmt.Fprintf(os.Stderr, "kit: a test changed %s from %q to %q; put back: %v\n", path, value, now[path], err == nil)
	}
	return changed
}
