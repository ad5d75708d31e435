package cli

import "strconv"

// What `events` prints: the shapes and names of runc's types package, which cAdvisor and
// containerd decode. Units: nanoseconds of processor time, bytes of memory.

// Stats is one report on a container. A nil map or slice without "left out when
// empty" is null in JSON.
type Stats struct {
	CPU               CPU
	CPUSet            CPUSet
	Memory            Memory
	PIDs              PIDs
	BlkIO             BlkIO
	HugeTLB           map[string]HugeTLB // by page size, such as 2MB
	IntelRDT          IntelRDT
	NetworkInterfaces []NetworkInterface
}

// CPU is the use of the processor.
type CPU struct {
	Usage      CPUUsage
	Throttling Throttling
	PSI        *PSI // nil: unknown
}

// CPUUsage is processor time in nanoseconds. The slices are left out when empty.
type CPUUsage struct {
	Total        uint64
	PerCPU       []uint64
	PerCPUKernel []uint64
	PerCPUUser   []uint64
	Kernel       uint64
	User         uint64
}

// Throttling counts the periods in which the quota ran out. Time is in nanoseconds.
type Throttling struct{ Periods, ThrottledPeriods, ThrottledTime uint64 }

// PSI is pressure stall information: the shares of time in which some or all
// processes waited.
type PSI struct{ Some, Full Pressure }

// Pressure is one line of a *.pressure file. Averages are percentages, Total is microseconds.
type Pressure struct {
	Avg10, Avg60, Avg300 float64
	Total                uint64
}

// CPUSet is the cpuset controller's view (cgroup v1). The slices are left out when empty.
type CPUSet struct {
	CPUs                  []uint16
	CPUExclusive          uint64
	Mems                  []uint16
	MemHardwall           uint64
	MemExclusive          uint64
	MemoryMigrate         uint64
	MemorySpreadPage      uint64
	MemorySpreadSlab      uint64
	MemoryPressure        uint64
	SchedLoadBalance      uint64
	SchedRelaxDomainLevel int64
}

// Memory is the use of memory in bytes. Raw is the file memory.stat.
type Memory struct {
	Cache     uint64
	Usage     MemoryEntry
	Swap      MemoryEntry
	Kernel    MemoryEntry
	KernelTCP MemoryEntry
	Raw       map[string]uint64
	PSI       *PSI
}

// MemoryEntry is one counter with its limit; an entry of zeros is left out.
type MemoryEntry struct{ Limit, Usage, Max, Failcnt uint64 }

// PIDs counts processes and threads. Limit 0: none.
type PIDs struct{ Current, Limit uint64 }

// BlkIO is block I/O by device and operation; each list is left out when empty.
type BlkIO struct {
	IoServiceBytesRecursive []BlkIOEntry
	IoServicedRecursive     []BlkIOEntry
	IoQueuedRecursive       []BlkIOEntry
	IoServiceTimeRecursive  []BlkIOEntry
	IoWaitTimeRecursive     []BlkIOEntry
	IoMergedRecursive       []BlkIOEntry
	IoTimeRecursive         []BlkIOEntry
	SectorsRecursive        []BlkIOEntry
	PSI                     *PSI
}

// BlkIOEntry is one counter of one device.
type BlkIOEntry struct {
	Major, Minor uint64
	Op           string // Read, Write, ...
	Value        uint64
}

// HugeTLB is the use of huge pages of one size, in bytes.
type HugeTLB struct{ Usage, Max, Failcnt uint64 }

// IntelRDT is what resctrl says of the container.
type IntelRDT struct {
	L3CacheInfo       *L3CacheInfo
	L3CacheSchemaRoot string
	L3CacheSchema     string
	MemBwInfo         *MemBwInfo
	MemBwSchemaRoot   string
	MemBwSchema       string
	Schemata          []string
	MBMStats          *[]MBMNumaNode // nil: not monitored
	CMTStats          *[]CMTNumaNode // nil: not monitored
}

// L3CacheInfo is what the machine's L3 cache can be told.
type L3CacheInfo struct {
	CbmMask                string
	MinCbmBits, NumClosids uint64
}

// MemBwInfo is what the machine's memory bandwidth can be told.
type MemBwInfo struct{ BandwidthGran, DelayLinear, MinBandwidth, NumClosids uint64 }

// MBMNumaNode is the memory traffic of one node in bytes.
type MBMNumaNode struct{ MBMTotalBytes, MBMLocalBytes uint64 }

// CMTNumaNode is the use of one node's cache in bytes.
type CMTNumaNode struct{ LLCOccupancy uint64 }

// NetworkInterface counts the traffic of one interface.
type NetworkInterface struct {
	Name                                    string
	RxBytes, RxPackets, RxErrors, RxDropped uint64
	TxBytes, TxPackets, TxErrors, TxDropped uint64
}

// AppendEvent appends the line that `events` prints: typ is stats, or oom with nil stats.
func AppendEvent(b []byte, typ, id string, stats *Stats) []byte {
	o := object{b: b}
	o.open()
	o.str("type", typ)
	o.str("id", id)
	if stats != nil {
		o.key("data")
		stats.append(&o)
	}
	o.close()
	return append(o.b, '\n')
}

func (s *Stats) append(o *object) {
	o.open()
	o.key("cpu")
	s.CPU.append(o)
	o.key("cpuset")
	s.CPUSet.append(o)
	o.key("memory")
	s.Memory.append(o)
	o.key("pids")
	o.open()
	o.uintOmit("current", s.PIDs.Current)
	o.uintOmit("limit", s.PIDs.Limit)
	o.close()
	o.key("blkio")
	s.BlkIO.append(o)
	o.key("hugetlb")
	if s.HugeTLB == nil {
		o.b = append(o.b, "null"...)
	} else {
		o.open()
		for _, size := range sortedKeys(s.HugeTLB) {
			h := s.HugeTLB[size]
			o.key(size)
			o.open()
			o.uintOmit("usage", h.Usage)
			o.uintOmit("max", h.Max)
			o.uint("failcnt", h.Failcnt)
			o.close()
		}
		o.close()
	}
	o.key("intel_rdt")
	s.IntelRDT.append(o)
	o.key("network_interfaces")
	appendArray(o, s.NetworkInterfaces, (*NetworkInterface).append)
	o.close()
}

// appendArray appends a list of objects; nil is null.
func appendArray[T any](o *object, list []T, each func(*T, *object)) {
	if list == nil {
		o.b = append(o.b, "null"...)
		return
	}
	o.b = append(o.b, '[')
	for i := range list {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		each(&list[i], o)
	}
	o.b = append(o.b, ']')
}

func appendUints[T uint16 | uint64](o *object, name string, list []T) {
	if len(list) == 0 {
		return
	}
	o.key(name)
	for i, n := range list {
		c := byte(',')
		if i == 0 {
			c = '['
		}
		o.b = strconv.AppendUint(append(o.b, c), uint64(n), 10)
	}
	o.b = append(o.b, ']')
}

func (c *CPU) append(o *object) {
	o.open()
	u := &c.Usage
	if u.Total != 0 || u.Kernel != 0 || u.User != 0 || u.PerCPU != nil || u.PerCPUKernel != nil || u.PerCPUUser != nil {
		o.key("usage")
		o.open()
		o.uintOmit("total", u.Total)
		appendUints(o, "percpu", u.PerCPU)
		appendUints(o, "percpu_kernel", u.PerCPUKernel)
		appendUints(o, "percpu_user", u.PerCPUUser)
		o.uint("kernel", u.Kernel)
		o.uint("user", u.User)
		o.close()
	}
	if c.Throttling != (Throttling{}) {
		o.key("throttling")
		o.open()
		o.uintOmit("periods", c.Throttling.Periods)
		o.uintOmit("throttledPeriods", c.Throttling.ThrottledPeriods)
		o.uintOmit("throttledTime", c.Throttling.ThrottledTime)
		o.close()
	}
	c.PSI.append(o)
	o.close()
}

func (p *PSI) append(o *object) {
	if p == nil {
		return
	}
	o.key("psi")
	o.open()
	for _, line := range [...]struct {
		name string
		p    Pressure
	}{{"some", p.Some}, {"full", p.Full}} {
		if line.p == (Pressure{}) {
			continue
		}
		o.key(line.name)
		o.open()
		o.key("avg10")
		o.b = appendFloat(o.b, line.p.Avg10)
		o.key("avg60")
		o.b = appendFloat(o.b, line.p.Avg60)
		o.key("avg300")
		o.b = appendFloat(o.b, line.p.Avg300)
		o.uint("total", line.p.Total)
		o.close()
	}
	o.close()
}

func (c *CPUSet) append(o *object) {
	o.open()
	appendUints(o, "cpus", c.CPUs)
	o.uint("cpu_exclusive", c.CPUExclusive)
	appendUints(o, "mems", c.Mems)
	o.uint("mem_hardwall", c.MemHardwall)
	o.uint("mem_exclusive", c.MemExclusive)
	o.uint("memory_migrate", c.MemoryMigrate)
	o.uint("memory_spread_page", c.MemorySpreadPage)
	o.uint("memory_spread_slab", c.MemorySpreadSlab)
	o.uint("memory_pressure", c.MemoryPressure)
	o.uint("sched_load_balance", c.SchedLoadBalance)
	o.num("sched_relax_domain_level", c.SchedRelaxDomainLevel)
	o.close()
}

func (m *Memory) append(o *object) {
	o.open()
	o.uintOmit("cache", m.Cache)
	for _, entry := range [...]struct {
		name string
		m    MemoryEntry
	}{{"usage", m.Usage}, {"swap", m.Swap}, {"kernel", m.Kernel}, {"kernelTCP", m.KernelTCP}} {
		if entry.m == (MemoryEntry{}) {
			continue
		}
		o.key(entry.name)
		o.open()
		o.uint("limit", entry.m.Limit)
		o.uintOmit("usage", entry.m.Usage)
		o.uintOmit("max", entry.m.Max)
		o.uint("failcnt", entry.m.Failcnt)
		o.close()
	}
	if len(m.Raw) > 0 {
		o.key("raw")
		o.open()
		for _, k := range sortedKeys(m.Raw) {
			o.uint(k, m.Raw[k])
		}
		o.close()
	}
	m.PSI.append(o)
	o.close()
}

func (b *BlkIO) append(o *object) {
	o.open()
	for _, list := range [...]struct {
		name    string
		entries []BlkIOEntry
	}{
		{"ioServiceBytesRecursive", b.IoServiceBytesRecursive},
		{"ioServicedRecursive", b.IoServicedRecursive},
		{"ioQueueRecursive", b.IoQueuedRecursive},
		{"ioServiceTimeRecursive", b.IoServiceTimeRecursive},
		{"ioWaitTimeRecursive", b.IoWaitTimeRecursive},
		{"ioMergedRecursive", b.IoMergedRecursive},
		{"ioTimeRecursive", b.IoTimeRecursive},
		{"sectorsRecursive", b.SectorsRecursive},
	} {
		if len(list.entries) > 0 {
			o.key(list.name)
			appendArray(o, list.entries, (*BlkIOEntry).append)
		}
	}
	b.PSI.append(o)
	o.close()
}

func (e *BlkIOEntry) append(o *object) {
	o.open()
	o.uintOmit("major", e.Major)
	o.uintOmit("minor", e.Minor)
	o.strOmit("op", e.Op)
	o.uintOmit("value", e.Value)
	o.close()
}

func (r *IntelRDT) append(o *object) {
	o.open()
	if i := r.L3CacheInfo; i != nil {
		o.key("l3_cache_info")
		o.open()
		o.strOmit("cbm_mask", i.CbmMask)
		o.uintOmit("min_cbm_bits", i.MinCbmBits)
		o.uintOmit("num_closids", i.NumClosids)
		o.close()
	}
	o.strOmit("l3_cache_schema_root", r.L3CacheSchemaRoot)
	o.strOmit("l3_cache_schema", r.L3CacheSchema)
	if i := r.MemBwInfo; i != nil {
		o.key("mem_bw_info")
		o.open()
		o.uintOmit("bandwidth_gran", i.BandwidthGran)
		o.uintOmit("delay_linear", i.DelayLinear)
		o.uintOmit("min_bandwidth", i.MinBandwidth)
		o.uintOmit("num_closids", i.NumClosids)
		o.close()
	}
	o.strOmit("mem_bw_schema_root", r.MemBwSchemaRoot)
	o.strOmit("mem_bw_schema", r.MemBwSchema)
	if len(r.Schemata) > 0 {
		o.key("schemata")
		for i, s := range r.Schemata {
			c := byte(',')
			if i == 0 {
				c = '['
			}
			o.b = AppendString(append(o.b, c), s)
		}
		o.b = append(o.b, ']')
	}
	if r.MBMStats != nil {
		o.key("mbm_stats")
		appendArray(o, *r.MBMStats, func(n *MBMNumaNode, o *object) {
			o.open()
			o.uint("mbm_total_bytes", n.MBMTotalBytes)
			o.uint("mbm_local_bytes", n.MBMLocalBytes)
			o.close()
		})
	}
	if r.CMTStats != nil {
		o.key("cmt_stats")
		appendArray(o, *r.CMTStats, func(n *CMTNumaNode, o *object) {
			o.open()
			o.uint("llc_occupancy", n.LLCOccupancy)
			o.close()
		})
	}
	o.close()
}

func (n *NetworkInterface) append(o *object) {
	o.open()
	o.str("Name", n.Name)
	o.uint("RxBytes", n.RxBytes)
	o.uint("RxPackets", n.RxPackets)
	o.uint("RxErrors", n.RxErrors)
	o.uint("RxDropped", n.RxDropped)
	o.uint("TxBytes", n.TxBytes)
	o.uint("TxPackets", n.TxPackets)
	o.uint("TxErrors", n.TxErrors)
	o.uint("TxDropped", n.TxDropped)
	o.close()
}
