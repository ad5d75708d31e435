package cgroup

// stats_v2.go: the statistics files of cgroup v2. On a hybrid host it finds
// only those of the controllers that are not on v1.

import (
	"strconv"
	"strings"
)

func (s *Stats) v2(r *reader) {
	s.cpuV2(r)
	s.memoryV2(r)
	s.pidsV2(r)
	s.ioV2(r)
	s.hugetlbV2(r)
	if limit := r.rdma("rdma.max"); limit != nil {
		s.Rdma = &RdmaStats{Limit: limit, Current: r.rdma("rdma.current")}
	}
	misc := func(key string, set func(*MiscStats)) {
		if s.Misc == nil {
			s.Misc = map[string]MiscStats{}
		}
		m := s.Misc[key]
		set(&m)
		s.Misc[key] = m
	}
	r.keys("misc.current", func(key string, v uint64) { misc(key, func(m *MiscStats) { m.Usage = v }) })
	r.keys("misc.events", func(key string, v uint64) {
		misc(strings.TrimSuffix(key, ".max"), func(m *MiscStats) { m.Events = v })
	})
}

func (s *Stats) cpuV2(r *reader) {
	if s.CPU.Usage.Total != 0 {
		return // v1 has told already; cpu.stat is here on every hierarchy
	}
	r.keys("cpu.stat", func(key string, v uint64) {
		switch key {
		case "usage_usec":
			s.CPU.Usage.Total = v * 1000
		case "user_usec":
			s.CPU.Usage.User = v * 1000
		case "system_usec":
			s.CPU.Usage.Kernel = v * 1000
		case "nr_periods":
			s.CPU.Throttling.Periods = v
		case "nr_throttled":
			s.CPU.Throttling.ThrottledPeriods = v
		case "throttled_usec":
			s.CPU.Throttling.ThrottledTime = v * 1000
		}
	})
	s.CPU.PSI = r.psi("cpu.pressure")
}

func (s *Stats) memoryV2(r *reader) {
	m := MemoryStats{PSI: r.psi("memory.pressure")}
	text, ok := r.text("memory.stat")
	if !ok || s.Memory.Raw != nil {
		s.Memory.PSI = m.PSI
		return
	}
	m.Raw = map[string]uint64{}
	each(text, func(key string, v uint64) { m.Raw[key] = v })
	m.Cache = m.Raw["file"]
	m.Usage = MemoryEntry{Usage: r.number("memory.current"), Limit: r.number("memory.max"), Max: r.number("memory.peak")}
	r.keys("memory.events", func(key string, v uint64) {
		if key == "max" {
			m.Usage.Failcnt = v
		}
	})
	// v2 counts swap alone; the record has always had both together.
	if text, ok := r.text("memory.swap.current"); ok {
		m.Swap = MemoryEntry{Usage: number(text) + m.Usage.Usage, Limit: r.number("memory.swap.max")}
		if m.Swap.Limit != noLimit && m.Usage.Limit != noLimit {
			m.Swap.Limit += m.Usage.Limit
		} else {
			m.Swap.Limit = noLimit
		}
	}
	s.Memory = m
}

func (s *Stats) pidsV2(r *reader) {
	if _, ok := r.text("pids.current"); ok {
		s.Pids.v(r)
	} else if s.Pids.Current == 0 {
		// Without the controller: processes instead of tasks.
		text, _ := r.text("cgroup.procs")
		s.Pids.Current = uint64(strings.Count(text, "\n"))
	}
}

func (s *Stats) ioV2(r *reader) {
	s.BlockIO.PSI = r.psi("io.pressure")
	text, ok := r.text("io.stat")
	if !ok || s.BlockIO.Serviced != nil {
		return
	}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		major, minor, _ := strings.Cut(f[0], ":")
		for _, kv := range f[1:] {
			key, value, _ := strings.Cut(kv, "=")
			e := BlockIOEntry{Major: number(major), Minor: number(minor), Value: number(value)}
			switch key {
			case "rbytes":
				e.Op = "Read"
				s.BlockIO.ServiceBytes = append(s.BlockIO.ServiceBytes, e)
			case "wbytes":
				e.Op = "Write"
				s.BlockIO.ServiceBytes = append(s.BlockIO.ServiceBytes, e)
			case "rios":
				e.Op = "Read"
				s.BlockIO.Serviced = append(s.BlockIO.Serviced, e)
			case "wios":
				e.Op = "Write"
				s.BlockIO.Serviced = append(s.BlockIO.Serviced, e)
			}
		}
	}
}

func (s *Stats) hugetlbV2(r *reader) {
	if avail, _ := r.text("cgroup.controllers"); !has(strings.Fields(avail), "hugetlb") {
		return
	}
	for _, size := range pageSizes() {
		p := "hugetlb." + size
		h := HugetlbStats{Usage: r.number(p + ".rsvd.current")}
		if _, ok := r.text(p + ".rsvd.current"); !ok {
			h.Usage = r.number(p + ".current")
		}
		r.keys(p+".events", func(key string, v uint64) {
			if key == "max" {
				h.Failcnt = v
			}
		})
		s.Hugetlb[size] = h
	}
}

// psi reads "some avg10=0.00 avg60=0.00 avg300=0.00 total=0"; nil where the
// kernel does not keep pressure.
func (r *reader) psi(name string) *PSIStats {
	text, ok := r.text(name)
	if !ok {
		return nil
	}
	p := &PSIStats{}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		d := &p.Some
		if f[0] == "full" {
			d = &p.Full
		}
		for _, kv := range f[1:] {
			key, value, _ := strings.Cut(kv, "=")
			avg, _ := strconv.ParseFloat(value, 64)
			switch key {
			case "avg10":
				d.Avg10 = avg
			case "avg60":
				d.Avg60 = avg
			case "avg300":
				d.Avg300 = avg
			case "total":
				d.Total = number(value)
			}
		}
	}
	return p
}
