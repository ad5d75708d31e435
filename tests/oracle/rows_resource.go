package oracle

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"stave/tests/kit"
)

func resources(name string, change func(r *specs.LinuxResources)) row {
	return one("resources "+name, func(s *specs.Spec) { change(s.Linux.Resources) })
}

func resourceRows() []row {
	memory := func(name string, m specs.LinuxMemory) row {
		return resources("memory "+name, func(r *specs.LinuxResources) { r.Memory = &m })
	}
	cpu := func(name string, c specs.LinuxCPU) row {
		return resources("cpu "+name, func(r *specs.LinuxResources) { r.CPU = &c })
	}
	pids := func(name string, limit int64) row {
		return resources("pids "+name, func(r *specs.LinuxResources) { r.Pids = &specs.LinuxPids{Limit: kit.Ptr(limit)} })
	}
	device := func(name string, rules ...specs.LinuxDeviceCgroup) row {
		return resources("devices "+name, func(r *specs.LinuxResources) { r.Devices = append(r.Devices, rules...) })
	}
	throttle := func(name string, set func(b *specs.LinuxBlockIO, t []specs.LinuxThrottleDevice)) row {
		return row{name: "resources blockIO " + name, change: []func(*env){func(e *env) {
			dev := specs.LinuxThrottleDevice{Rate: 1 << 20}
			dev.Major, dev.Minor = firstDisk()
			b := &specs.LinuxBlockIO{}
			set(b, []specs.LinuxThrottleDevice{dev})
			e.spec().Linux.Resources.BlockIO = b
		}}}
	}
	const mib = 1 << 20
	p := kit.Ptr[int64]
	path := func(name, cgroups string) row {
		return row{name: "cgroupsPath " + name, change: []func(*env){func(e *env) {
			e.spec().Linux.CgroupsPath = strings.ReplaceAll(cgroups, "ID", e.id)
		}}, leaves: strings.Count(cgroups, "/") > 1 || cgroups[0] != '/' && strings.Contains(cgroups, "/")}
	}
	return []row{
		one("resources unset", func(s *specs.Spec) { s.Linux.Resources = nil }),
		memory("limit", specs.LinuxMemory{Limit: p(64 * mib)}), memory("reservation", specs.LinuxMemory{Reservation: p(32 * mib)}),
		memory("limit and swap", specs.LinuxMemory{Limit: p(64 * mib), Swap: p(128 * mib)}), memory("swap unlimited", specs.LinuxMemory{Limit: p(64 * mib), Swap: p(-1)}),
		memory("unlimited", specs.LinuxMemory{Limit: p(-1)}), memory("swap below limit", specs.LinuxMemory{Limit: p(64 * mib), Swap: p(32 * mib)}),
		memory("swappiness", specs.LinuxMemory{Swappiness: kit.Ptr(uint64(10))}), memory("no oom killer", specs.LinuxMemory{DisableOOMKiller: kit.Ptr(true)}),
		memory("tcp", specs.LinuxMemory{KernelTCP: p(16 * mib)}), memory("limit not of pages", specs.LinuxMemory{Limit: p(64*mib + 1)}),
		cpu("shares", specs.LinuxCPU{Shares: kit.Ptr(uint64(512))}), cpu("shares 1", specs.LinuxCPU{Shares: kit.Ptr(uint64(1))}),
		cpu("quota", specs.LinuxCPU{Quota: p(50000)}), cpu("quota and period", specs.LinuxCPU{Quota: p(20000), Period: kit.Ptr(uint64(40000))}),
		cpu("quota unlimited", specs.LinuxCPU{Quota: p(-1)}), cpu("period", specs.LinuxCPU{Period: kit.Ptr(uint64(50000))}),
		cpu("quota too small", specs.LinuxCPU{Quota: p(1)}),
		cpu("cpuset", specs.LinuxCPU{Cpus: "0", Mems: "0"}), cpu("cpuset of a missing cpu", specs.LinuxCPU{Cpus: "4095"}),
		cpu("cpuset banana", specs.LinuxCPU{Cpus: "banana"}),
		pids("limit", 32), pids("unlimited", -1),
		device("allow one", specs.LinuxDeviceCgroup{Allow: true, Type: "c", Major: p(10), Minor: p(200), Access: "rwm"}),
		device("allow all", specs.LinuxDeviceCgroup{Allow: true, Access: "rwm"}),
		device("allow a major", specs.LinuxDeviceCgroup{Allow: true, Type: "b", Major: p(254), Access: "m"}),
		device("deny after allow", specs.LinuxDeviceCgroup{Allow: true, Type: "c", Major: p(10), Minor: p(200), Access: "rwm"},
			specs.LinuxDeviceCgroup{Allow: false, Type: "c", Major: p(10), Minor: p(200), Access: "w"}),
		throttle("read bps", func(b *specs.LinuxBlockIO, t []specs.LinuxThrottleDevice) { b.ThrottleReadBpsDevice = t }),
		throttle("write bps", func(b *specs.LinuxBlockIO, t []specs.LinuxThrottleDevice) { b.ThrottleWriteBpsDevice = t }),
		throttle("read iops", func(b *specs.LinuxBlockIO, t []specs.LinuxThrottleDevice) { b.ThrottleReadIOPSDevice = t }),
		throttle("write iops", func(b *specs.LinuxBlockIO, t []specs.LinuxThrottleDevice) { b.ThrottleWriteIOPSDevice = t }),
		path("absolute", "/ID"), path("absolute and deep", "/ID/a/b"), path("relative", "ID"), path("relative and deep", "ID/a"),
		path("with dots", "/ID/../../ID"),
	}
}

// firstDisk is any block device that takes a throttle.
func firstDisk() (major, minor int64) {
	data, _ := os.ReadFile("/proc/partitions")
	for _, line := range strings.Split(string(data), "\n") {
		f := strings.Fields(line)
		if len(f) != 4 || f[0] == "major" {
			continue
		}
		if _, err := os.Stat(filepath.Join("/sys/block", f[3])); err == nil {
			return atoi(f[0]), atoi(f[1])
		}
	}
	return 0, 0
}

func atoi(s string) (n int64) {
	for _, c := range s {
		n = n*10 + int64(c-'0')
	}
	return n
}

// hookRows write a line per hook into BUNDLE/trace: which, and what state said.
func hookRows() []row {
	hook := func(e *env, name string) specs.Hook {
		script := `read -r s; echo "` + name + ` $# $1 HOOKENV=$HOOKENV PATH=$PATH $(echo "$s" | sed -e 's/.*"status": *"\([a-z]*\)".*/\1/') $(pwd)" >> ` + e.b.Dir + `/trace`
		return specs.Hook{Path: "/bin/sh", Args: []string{"sh", "-c", script, "zero", "one"}, Env: []string{"HOOKENV=" + name, "PATH=/usr/bin:/bin"}}
	}
	with := func(name string, change func(e *env, h *specs.Hooks)) row {
		return row{name: "hooks " + name, change: []func(*env){func(e *env) {
			e.spec().Hooks = &specs.Hooks{}
			change(e, e.spec().Hooks)
		}}}
	}
	failing := specs.Hook{Path: "/bin/false", Args: []string{"false"}}
	slow := specs.Hook{Path: "/bin/sleep", Args: []string{"sleep", "10"}, Timeout: kit.Ptr(1)}
	return []row{
		with("prestart", func(e *env, h *specs.Hooks) { h.Prestart = []specs.Hook{hook(e, "prestart")} }), //nolint:staticcheck // old bundles have it
		with("createRuntime", func(e *env, h *specs.Hooks) { h.CreateRuntime = []specs.Hook{hook(e, "createRuntime")} }),
		with("createContainer", func(e *env, h *specs.Hooks) { h.CreateContainer = []specs.Hook{hook(e, "createContainer")} }),
		with("poststart", func(e *env, h *specs.Hooks) { h.Poststart = []specs.Hook{hook(e, "poststart")} }),
		with("poststop", func(e *env, h *specs.Hooks) { h.Poststop = []specs.Hook{hook(e, "poststop")} }),
		with("all of the host, two each", func(e *env, h *specs.Hooks) {
			h.CreateRuntime = []specs.Hook{hook(e, "cr1"), hook(e, "cr2")}
			h.CreateContainer = []specs.Hook{hook(e, "cc1"), hook(e, "cc2")}
			h.Poststart = []specs.Hook{hook(e, "pt1"), hook(e, "pt2")}
			h.Poststop = []specs.Hook{hook(e, "pp1"), hook(e, "pp2")}
		}),
		with("startContainer", func(e *env, h *specs.Hooks) {
			h.StartContainer = []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "true"}}}
		}),
		with("startContainer fails", func(_ *env, h *specs.Hooks) { h.StartContainer = []specs.Hook{failing} }),
		with("createRuntime fails", func(_ *env, h *specs.Hooks) { h.CreateRuntime = []specs.Hook{failing} }),
		with("createContainer fails", func(_ *env, h *specs.Hooks) { h.CreateContainer = []specs.Hook{failing} }),
		with("createRuntime times out", func(_ *env, h *specs.Hooks) { h.CreateRuntime = []specs.Hook{slow} }),
		with("poststop fails", func(_ *env, h *specs.Hooks) { h.Poststop = []specs.Hook{failing} }),
		with("createRuntime missing program", func(_ *env, h *specs.Hooks) { h.CreateRuntime = []specs.Hook{{Path: "/no/such/hook"}} }),
	}
}
