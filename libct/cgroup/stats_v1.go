package cgroup

// stats_v1.go: the statistics files of the v1 controllers.

import "strings"

func (s *Stats) v1(r *reader, controller string) {
	switch controller {
	case "cpu":
		r.keys("cpu.stat", func(key string, v uint64) {
			switch key {
			case "nr_periods":
				s.CPU.Throttling.Periods = v
			case "nr_throttled":
				s.CPU.Throttling.ThrottledPeriods = v
			case "throttled_time":
				s.CPU.Throttling.ThrottledTime = v
			}
		})
	case "cpuacct":
		s.CPU.Usage = cpuacct(r)
	case "cpuset":
		s.CPUSet = cpusetV1(r)
	case "memory":
		s.Memory = memoryV1(r)
	case "pids":
		s.Pids.v(r)
	case "blkio":
		s.BlockIO = blkio(r)
	case "hugetlb":
		for _, size := range pageSizes() {
			p := "hugetlb." + size + ".rsvd"
			if _, ok := r.text(p + ".usage_in_bytes"); !ok {
				p = "hugetlb." + size
			}
			s.Hugetlb[size] = HugetlbStats{Usage: r.number(p + ".usage_in_bytes"), Max: r.number(p + ".max_usage_in_bytes"), Failcnt: r.number(p + ".failcnt")}
		}
	case "rdma":
		s.Rdma = &RdmaStats{Limit: r.rdma("rdma.max"), Current: r.rdma("rdma.current")}
	}
}

func (p *PidsStats) v(r *reader) {
	p.Current = r.number("pids.current")
	if p.Limit = r.number("pids.max"); p.Limit == noLimit {
		p.Limit = 0
	}
}

func cpuacct(r *reader) (u CPUUsage) {
	u.Total = r.number("cpuacct.usage")
	if text, ok := r.text("cpuacct.usage_percpu"); ok {
		u.Percpu = numbers(text)
	}
	const tick = 1e9 / 100 // USER_HZ is 100 on every Linux that Go runs on
	r.keys("cpuacct.stat", func(key string, v uint64) {
		switch key {
		case "user":
			u.User = v * tick
		case "system":
			u.Kernel = v * tick
		}
	})
	text, _ := r.text("cpuacct.usage_all") // since Linux 4.8: cpu user system
	for line := range strings.Lines(text) {
		if n := numbers(line); len(n) >= 3 && !strings.HasPrefix(line, "cpu") {
			u.PercpuUser = append(u.PercpuUser, n[1])
			u.PercpuKernel = append(u.PercpuKernel, n[2])
		}
	}
	return u
}

func cpusetV1(r *reader) (c CPUSetStats) {
	cpus, _ := r.text("cpuset.cpus")
	mems, _ := r.text("cpuset.mems")
	c = CPUSetStats{
		CPUs: list(cpus), CPUExclusive: r.number("cpuset.cpu_exclusive"),
		Mems: list(mems), MemHardwall: r.number("cpuset.mem_hardwall"),
		MemExclusive: r.number("cpuset.mem_exclusive"), MemoryMigrate: r.number("cpuset.memory_migrate"),
		MemorySpreadPage: r.number("cpuset.memory_spread_page"), MemorySpreadSlab: r.number("cpuset.memory_spread_slab"),
		MemoryPressure: r.number("cpuset.memory_pressure"), SchedLoadBalance: r.number("cpuset.sched_load_balance"),
	}
	// -1 here is a value: the system's default level.
	if level := r.number("cpuset.sched_relax_domain_level"); level == noLimit {
		c.SchedRelaxDomainLevel = -1
	} else {
		c.SchedRelaxDomainLevel = int64(level)
	}
	return c
}

func memoryV1(r *reader) (m MemoryStats) {
	m.Raw = map[string]uint64{}
	r.keys("memory.stat", func(key string, v uint64) { m.Raw[key] = v })
	m.Cache = m.Raw["cache"]
	entry := func(prefix string) MemoryEntry {
		return MemoryEntry{Usage: r.number(prefix + ".usage_in_bytes"), Max: r.number(prefix + ".max_usage_in_bytes"),
			Failcnt: r.number(prefix + ".failcnt"), Limit: r.number(prefix + ".limit_in_bytes")}
	}
	m.Usage, m.Swap = entry("memory"), entry("memory.memsw")
	m.Kernel, m.KernelTCP = entry("memory.kmem"), entry("memory.kmem.tcp")
	return m
}

// blkio takes the most detailed set of files that has data: the BFQ
// scheduler's, the one of CFQ (before Linux 5.0), or the throttling layer's,
// which counts every request that a disk has seen.
func blkio(r *reader) (b BlockIOStats) {
	for _, prefix := range []string{"blkio.bfq.", "blkio."} {
		if b.Serviced = blkioFile(r, prefix+"io_serviced_recursive"); b.Serviced == nil {
			continue
		}
		b.ServiceBytes = blkioFile(r, prefix+"io_service_bytes_recursive")
		b.Queued = blkioFile(r, prefix+"io_queued_recursive")
		b.ServiceTime = blkioFile(r, prefix+"io_service_time_recursive")
		b.WaitTime = blkioFile(r, prefix+"io_wait_time_recursive")
		b.Merged = blkioFile(r, prefix+"io_merged_recursive")
		b.Time = blkioFile(r, prefix+"time_recursive")
		b.Sectors = blkioFile(r, prefix+"sectors_recursive")
		return b
	}
	for _, suffix := range []string{"_recursive", ""} {
		if b.Serviced = blkioFile(r, "blkio.throttle.io_serviced"+suffix); b.Serviced != nil {
			b.ServiceBytes = blkioFile(r, "blkio.throttle.io_service_bytes"+suffix)
			return b
		}
	}
	return b
}

// blkioFile parses "8:0 Read 124" and "8:0 6792"; a last line "Total 228"
// repeats the sum.
func blkioFile(r *reader, name string) (out []BlockIOEntry) {
	text, _ := r.text(name)
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		major, minor, ok := strings.Cut(f[0], ":")
		if !ok {
			continue
		}
		e := BlockIOEntry{Major: number(major), Minor: number(minor), Value: number(f[len(f)-1])}
		if len(f) > 2 {
			e.Op = f[1]
		}
		out = append(out, e)
	}
	return out
}
