package cgroup

// settings_memory.go: linux.resources.memory and pids.

import (
	"strconv"
	"syscall"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func (s *settings) pids(p *rspec.LinuxPids) {
	if p == nil || p.Limit == nil {
		return
	}
	value := "max"
	switch n := *p.Limit; {
	case n > 0:
		value = strconv.FormatInt(n, 10)
	case n == 0:
		// Zero is a limit (spec, "PIDs"): no process may be added by fork.
		// The init process is there in any case, so 1 forbids the same
		// forks, and lets clone3(2) make the init inside the cgroup.
		value = "1"
	}
	if value == "max" && !s.have("pids", "pids") {
		return // no controller, no limit: as asked
	}
	if d, ok := s.on("pids", "pids", "/pids/limit"); ok {
		s.put(d, "pids.max", value, "/pids/limit", "most tasks at a time")
	}
}

func (s *settings) have(v1, v2 string) bool {
	_, ok := find(s.dirs, v1)
	d, ok2 := findV2(s.dirs)
	return ok || ok2 && has(d.H.Available, v2)
}

func (s *settings) memory(m *rspec.LinuxMemory) {
	if m == nil {
		return
	}
	v := memoryValues(m)
	for _, f := range []struct {
		name string
		n    int64
	}{{"limit", v.limit}, {"swap", v.swap}, {"reservation", v.reservation}, {"kernel", v.kernel}, {"kernelTCP", v.kernelTCP}} {
		if f.n < -1 {
			s.invalid("/memory/"+f.name, "neither a number of bytes nor -1 for unlimited")
			return
		}
	}
	if v.limit > 0 && v.swap > 0 && v.swap < v.limit {
		s.invalid("/memory/swap", "is memory plus swap, and so cannot be below memory.limit")
		return
	}
	if m.Swappiness != nil && *m.Swappiness > 100 && int64(*m.Swappiness) != -1 {
		s.invalid("/memory/swappiness", "is from 0 to 100")
		return
	}
	if v.asks == "" {
		return
	}
	d, ok := s.on("memory", "memory", v.asks)
	if !ok {
		return
	}
	if d.H.V2 {
		s.memoryV2(d, v, m)
	} else {
		s.memoryV1(d, v, m)
	}
}

// values is linux.resources.memory with 0 for "not set".
type values struct {
	limit, swap, reservation, kernel, kernelTCP int64
	asks                                        string // first field that asks for anything
}

func memoryValues(m *rspec.LinuxMemory) (v values) {
	take := func(p *int64, field string) int64 {
		if p == nil {
			return 0
		}
		if *p != 0 && v.asks == "" {
			v.asks = "/memory/" + field
		}
		return *p
	}
	v.limit = take(m.Limit, "limit")
	v.swap = take(m.Swap, "swap")
	v.reservation = take(m.Reservation, "reservation")
	v.kernel = take(m.Kernel, "kernel") //nolint:staticcheck // deprecated, still in the specification
	v.kernelTCP = take(m.KernelTCP, "kernelTCP")
	for _, f := range []struct {
		set  bool
		name string
	}{
		{m.Swappiness != nil && int64(*m.Swappiness) != -1, "swappiness"},
		{m.DisableOOMKiller != nil && *m.DisableOOMKiller, "disableOOMKiller"},
		{m.UseHierarchy != nil, "useHierarchy"},
	} {
		if f.set && v.asks == "" {
			v.asks = "/memory/" + f.name
		}
	}
	return v
}

func (s *settings) memoryV1(d Dir, v values, m *rspec.LinuxMemory) {
	if m.UseHierarchy != nil {
		// Before any limit, and before there are children. Linux 5.11 and
		// later know only "1" and refuse "0" themselves.
		s.put(d, "memory.use_hierarchy", bit(*m.UseHierarchy), "/memory/useHierarchy", "sub-cgroups count towards the limits")
	}
	swap, noSwap := v.swap, []syscall.Errno(nil)
	if v.limit == -1 && swap == 0 {
		// memory+swap cannot stay below an unlimited memory.
		swap, noSwap = -1, []syscall.Errno{unix.ENOENT}
	}
	if v.limit != 0 {
		w := s.put(d, "memory.limit_in_bytes", num(v.limit), "/memory/limit", "most memory, page cache included")
		w.Again = swap != 0
	}
	if swap != 0 {
		field := "/memory/swap"
		if v.swap == 0 {
			field = "/memory/limit"
		}
		w := s.put(d, "memory.memsw.limit_in_bytes", num(swap), field, "most memory and swap together")
		w.Again, w.Ignore = v.limit != 0, noSwap
		w.Hint = "the kernel does not account swap (CONFIG_SWAP, swapaccount=1)"
	}
	if v.reservation != 0 {
		s.put(d, "memory.soft_limit_in_bytes", num(v.reservation), "/memory/reservation", "reclaim above this comes first")
	}
	obsolete := []syscall.Errno{unix.ENOENT, unix.EOPNOTSUPP}
	if v.kernel != 0 {
		// The kernel has dropped this limit and counts its memory in the
		// ordinary one; the specification allows ignoring it.
		s.put(d, "memory.kmem.limit_in_bytes", num(v.kernel), "/memory/kernel", "kernel memory; without effect since Linux 5.16").Ignore = obsolete
	}
	if v.kernelTCP != 0 {
		s.put(d, "memory.kmem.tcp.limit_in_bytes", num(v.kernelTCP), "/memory/kernelTCP", "most memory in TCP buffers")
	}
	if m.DisableOOMKiller != nil && (*m.DisableOOMKiller || s.opts.Update) {
		s.put(d, "memory.oom_control", bit(*m.DisableOOMKiller), "/memory/disableOOMKiller", "1: tasks wait for memory and are not killed")
	}
	if m.Swappiness != nil && int64(*m.Swappiness) != -1 {
		s.put(d, "memory.swappiness", strconv.FormatUint(*m.Swappiness, 10), "/memory/swappiness", "how readily pages are swapped out")
	}
}

func (s *settings) memoryV2(d Dir, v values, m *rspec.LinuxMemory) {
	switch {
	case v.swap > 0 && v.limit == 0:
		s.invalid("/memory/swap", "is memory plus swap: on cgroup v2 it needs memory.limit to tell how much of it is swap")
		return
	case v.kernelTCP > 0:
		s.unsupported("/memory/kernelTCP", "cgroup v2 counts TCP buffers in memory.max and has no limit for them alone")
		return
	case m.Swappiness != nil && int64(*m.Swappiness) != -1:
		s.unsupported("/memory/swappiness", "cgroup v2 has no swappiness for a cgroup")
		return
	case m.DisableOOMKiller != nil && *m.DisableOOMKiller:
		s.unsupported("/memory/disableOOMKiller", "cgroup v2 always kills")
		return
	case m.UseHierarchy != nil && !*m.UseHierarchy:
		s.unsupported("/memory/useHierarchy", "cgroup v2 is always hierarchical")
		return
	}
	if swap := swapMax(v.limit, v.swap); swap != "" {
		field := "/memory/swap"
		if v.swap == 0 {
			field = "/memory/limit"
		}
		w := s.put(d, "memory.swap.max", swap, field, "most swap, memory not counted")
		w.Hint = "the kernel does not account swap (CONFIG_SWAP, swapaccount=1)"
		if swap == "max" || swap == "0" {
			w.Ignore = []syscall.Errno{unix.ENOENT} // no swap to account: none can be used
		}
	}
	if v.limit != 0 {
		s.put(d, "memory.max", maxNum(v.limit), "/memory/limit", "most memory, page cache included")
	}
	if v.reservation != 0 {
		s.put(d, "memory.low", maxNum(v.reservation), "/memory/reservation", "memory below this is reclaimed last")
	}
}

// swapMax converts memory+swap to swap alone; "" is not set.
func swapMax(limit, swap int64) string {
	switch {
	case swap == -1 || limit == -1 && swap == 0:
		return "max"
	case swap == 0:
		return ""
	case limit == -1:
		return num(swap) // memory without end: nothing to take off
	}
	return num(swap - limit)
}

func num(n int64) string { return strconv.FormatInt(n, 10) }

func maxNum(n int64) string {
	if n < 0 {
		return "max"
	}
	return num(n)
}

func bit(b bool) string {
	if b {
		return "1"
	}
	return "0"
}
