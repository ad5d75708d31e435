package cgroup

// settings_cpu.go: linux.resources.cpu, for the controllers cpu and cpuset.

import (
	"math"
	"strconv"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
)

func (s *settings) cpu(c *rspec.LinuxCPU) {
	if c == nil {
		return
	}
	shares, quota, period := get(c.Shares), get(c.Quota), get(c.Period)
	rtRuntime, rtPeriod := get(c.RealtimeRuntime), get(c.RealtimePeriod)
	asks := ""
	for _, f := range []struct {
		set  bool
		name string
	}{{shares != 0, "shares"}, {quota != 0, "quota"}, {period != 0, "period"}, {c.Burst != nil, "burst"},
		{rtRuntime != 0, "realtimeRuntime"}, {rtPeriod != 0, "realtimePeriod"}, {c.Idle != nil, "idle"}} {
		if f.set && asks == "" {
			asks = "/cpu/" + f.name
		}
	}
	if asks == "" {
		return
	}
	if c.Burst != nil && quota > 0 && *c.Burst > uint64(quota) {
		s.invalid("/cpu/burst", "is no larger than quota (spec, \"CPU\")")
		return
	}
	if c.Idle != nil && *c.Idle != 0 && *c.Idle != 1 {
		s.invalid("/cpu/idle", "is 0 or 1")
		return
	}
	d, ok := s.on("cpu", "cpu", asks)
	switch {
	case !ok:
	case d.H.V2:
		s.cpuV2(d, c, shares, quota, period)
	case shares == 1 || shares > maxShares:
		// The kernel would take another value without a word.
		s.invalid("/cpu/shares", "is from 2 to 262144")
	default:
		s.cpuV1(d, c, shares, quota, period)
	}
}

const maxShares = 262144

func (s *settings) cpuV1(d Dir, c *rspec.LinuxCPU, shares uint64, quota int64, period uint64) {
	s.weight(d, c, "cpu.shares", shares, strconv.FormatUint(shares, 10))
	if period != 0 {
		s.put(d, "cpu.cfs_period_us", strconv.FormatUint(period, 10), "/cpu/period", "how often the quota is renewed").Again = quota != 0 || c.Burst != nil
	}
	if quota != 0 {
		s.put(d, "cpu.cfs_quota_us", num(max(quota, -1)), "/cpu/quota", "most CPU time in a period").Again = period != 0 || c.Burst != nil
	}
	if c.Burst != nil {
		s.put(d, "cpu.cfs_burst_us", strconv.FormatUint(*c.Burst, 10), "/cpu/burst", "unused quota that may be saved up").Again = quota != 0 || period != 0
	}
	// Before a process joins: one that runs under SCHED_FIFO or SCHED_RR
	// could not enter a cgroup without realtime bandwidth (sched(7)).
	rtRuntime, rtPeriod := get(c.RealtimeRuntime), get(c.RealtimePeriod)
	const hint = "the kernel does not group realtime tasks (CONFIG_RT_GROUP_SCHED)"
	if rtPeriod != 0 {
		w := s.put(d, "cpu.rt_period_us", strconv.FormatUint(rtPeriod, 10), "/cpu/realtimePeriod", "how often the realtime budget is renewed")
		w.Again, w.Hint = rtRuntime != 0, hint
	}
	if rtRuntime != 0 {
		w := s.put(d, "cpu.rt_runtime_us", num(rtRuntime), "/cpu/realtimeRuntime", "most time of realtime tasks in a period")
		w.Again, w.Hint = rtPeriod != 0, hint
	}
}

func (s *settings) cpuV2(d Dir, c *rspec.LinuxCPU, shares uint64, quota int64, period uint64) {
	if get(c.RealtimeRuntime) != 0 {
		s.unsupported("/cpu/realtimeRuntime", "cgroup v2 has no realtime bandwidth for a cgroup")
		return
	}
	if get(c.RealtimePeriod) != 0 {
		s.unsupported("/cpu/realtimePeriod", "cgroup v2 has no realtime bandwidth for a cgroup")
		return
	}
	s.weight(d, c, "cpu.weight", shares, strconv.FormatUint(cpuWeight(shares), 10))
	if quota != 0 || period != 0 {
		// The file keeps a period that is not written. A quota is always
		// written; Update brings the one in force.
		value, field := "max", "/cpu/quota"
		if quota > 0 {
			value = num(quota)
		}
		if quota == 0 {
			field = "/cpu/period"
		}
		if period != 0 {
			value += " " + strconv.FormatUint(period, 10)
		}
		s.put(d, "cpu.max", value, field, "most CPU time in a period, and the period").Again = c.Burst != nil
	}
	if c.Burst != nil {
		s.put(d, "cpu.max.burst", strconv.FormatUint(*c.Burst, 10), "/cpu/burst", "unused quota that may be saved up").Again = quota != 0 || period != 0
	}
}

// weight writes shares and idle. While cpu.idle is 1 the kernel refuses a
// weight: so the weight comes first on the way in, and last on the way out.
func (s *settings) weight(d Dir, c *rspec.LinuxCPU, file string, shares uint64, value string) {
	idle := func(when int64) {
		if c.Idle != nil && *c.Idle == when {
			s.put(d, "cpu.idle", num(when), "/cpu/idle", "1: run only when nothing else wants to (SCHED_IDLE)")
		}
	}
	idle(0)
	if shares != 0 {
		s.put(d, file, value, "/cpu/shares", "share of the CPU when it is contended")
	}
	idle(1)
}

// cpuWeight maps cpu.shares (2 to 262144, default 1024) to cpu.weight (1 to
// 10000, default 100): ten to the power of a quadratic in log2(shares) that
// meets those three pairs. All runtimes use this curve since 2025; the
// straight line before it gave a default container a weight of 39.
func cpuWeight(shares uint64) uint64 {
	switch {
	case shares == 0:
		return 0
	case shares <= 2:
		return 1
	case shares >= maxShares:
		return 10000
	}
	l := math.Log2(float64(shares))
	return uint64(math.Ceil(math.Pow(10, (l*l+125*l)/612.0-7.0/34.0)))
}

func (s *settings) cpuset(c *rspec.LinuxCPU) {
	if c == nil {
		return
	}
	for _, f := range []struct{ value, file, field, why string }{
		{c.Cpus, "cpuset.cpus", "/cpu/cpus", "CPUs to run on"},
		{c.Mems, "cpuset.mems", "/cpu/mems", "memory nodes to allocate from"},
	} {
		if f.value == "" {
			continue
		}
		if !cpuList(f.value) {
			s.invalid(f.field, "is a list such as 0-3,7")
			return
		}
		if d, ok := s.on("cpuset", "cpuset", f.field); ok {
			s.put(d, f.file, f.value, f.field, f.why)
		}
	}
}

// cpuList admits the characters of the kernel's list format, strides
// (0-31:2/4) and spaces included; the kernel judges the rest.
func cpuList(list string) bool {
	for i := range len(list) {
		switch c := list[i]; {
		case c >= '0' && c <= '9', c == ',', c == '-', c == ':', c == '/', c == ' ':
		default:
			return false
		}
	}
	return true
}

func get[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
