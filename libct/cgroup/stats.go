package cgroup

// stats.go: what a container uses, in the shape and with the names of runc's
// "events" output, which Docker, containerd and others read.

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Stats is one reading. Times are nanoseconds, memory is bytes; a limit of
// 2^64-1 is none, but for pids, where 0 is none.
type Stats struct {
	CPU     CPUStats                `json:"cpu"`
	CPUSet  CPUSetStats             `json:"cpuset"`
	Memory  MemoryStats             `json:"memory"`
	Pids    PidsStats               `json:"pids"`
	BlockIO BlockIOStats            `json:"blkio"`
	Hugetlb map[string]HugetlbStats `json:"hugetlb"`
	Rdma    *RdmaStats              `json:"rdma,omitempty"` // not in runc's output
	Misc    map[string]MiscStats    `json:"misc,omitempty"` // not in runc's output
}

type CPUStats struct {
	Usage      CPUUsage   `json:"usage"`
	Throttling Throttling `json:"throttling"`
	PSI        *PSIStats  `json:"psi,omitempty"`
}

type CPUUsage struct {
	Total        uint64   `json:"total,omitempty"`
	Percpu       []uint64 `json:"percpu,omitempty"`        // v1
	PercpuKernel []uint64 `json:"percpu_kernel,omitempty"` // v1
	PercpuUser   []uint64 `json:"percpu_user,omitempty"`   // v1
	Kernel       uint64   `json:"kernel"`
	User         uint64   `json:"user"`
}

type Throttling struct {
	Periods          uint64 `json:"periods,omitempty"`
	ThrottledPeriods uint64 `json:"throttledPeriods,omitempty"`
	ThrottledTime    uint64 `json:"throttledTime,omitempty"`
}

type CPUSetStats struct { // v1
	CPUs                  []uint16 `json:"cpus,omitempty"`
	CPUExclusive          uint64   `json:"cpu_exclusive"`
	Mems                  []uint16 `json:"mems,omitempty"`
	MemHardwall           uint64   `json:"mem_hardwall"`
	MemExclusive          uint64   `json:"mem_exclusive"`
	MemoryMigrate         uint64   `json:"memory_migrate"`
	MemorySpreadPage      uint64   `json:"memory_spread_page"`
	MemorySpreadSlab      uint64   `json:"memory_spread_slab"`
	MemoryPressure        uint64   `json:"memory_pressure"`
	SchedLoadBalance      uint64   `json:"sched_load_balance"`
	SchedRelaxDomainLevel int64    `json:"sched_relax_domain_level"`
}

type MemoryStats struct {
	Cache     uint64            `json:"cache,omitempty"`
	Usage     MemoryEntry       `json:"usage"`
	Swap      MemoryEntry       `json:"swap"`      // memory and swap together
	Kernel    MemoryEntry       `json:"kernel"`    // v1
	KernelTCP MemoryEntry       `json:"kernelTCP"` // v1
	Raw       map[string]uint64 `json:"raw,omitempty"`
	PSI       *PSIStats         `json:"psi,omitempty"`
}

type MemoryEntry struct {
	Limit   uint64 `json:"limit"`
	Usage   uint64 `json:"usage,omitempty"`
	Max     uint64 `json:"max,omitempty"`
	Failcnt uint64 `json:"failcnt"`
}

type PidsStats struct {
	Current uint64 `json:"current,omitempty"`
	Limit   uint64 `json:"limit,omitempty"`
}

type BlockIOStats struct {
	ServiceBytes []BlockIOEntry `json:"ioServiceBytesRecursive,omitempty"`
	Serviced     []BlockIOEntry `json:"ioServicedRecursive,omitempty"`
	Queued       []BlockIOEntry `json:"ioQueueRecursive,omitempty"`
	ServiceTime  []BlockIOEntry `json:"ioServiceTimeRecursive,omitempty"`
	WaitTime     []BlockIOEntry `json:"ioWaitTimeRecursive,omitempty"`
	Merged       []BlockIOEntry `json:"ioMergedRecursive,omitempty"`
	Time         []BlockIOEntry `json:"ioTimeRecursive,omitempty"`
	Sectors      []BlockIOEntry `json:"sectorsRecursive,omitempty"`
	PSI          *PSIStats      `json:"psi,omitempty"`
}

type BlockIOEntry struct {
	Major uint64 `json:"major,omitempty"`
	Minor uint64 `json:"minor,omitempty"`
	Op    string `json:"op,omitempty"`
	Value uint64 `json:"value,omitempty"`
}

type HugetlbStats struct {
	Usage   uint64 `json:"usage,omitempty"`
	Max     uint64 `json:"max,omitempty"`
	Failcnt uint64 `json:"failcnt"`
}

type RdmaStats struct {
	Limit   []RdmaEntry `json:"rdma_limit,omitempty"`
	Current []RdmaEntry `json:"rdma_current,omitempty"`
}

type RdmaEntry struct {
	Device     string `json:"device,omitempty"`
	HcaHandles uint32 `json:"hca_handles,omitempty"` // 2^32-1: no limit
	HcaObjects uint32 `json:"hca_objects,omitempty"`
}

type MiscStats struct {
	Usage  uint64 `json:"usage,omitempty"`
	Events uint64 `json:"events,omitempty"`
}

// PSIStats is pressure stall information (kernel, accounting/psi).
type PSIStats struct {
	Some PSIData `json:"some"`
	Full PSIData `json:"full"`
}

type PSIData struct {
	Avg10  float64 `json:"avg10"` // percent of the last 10 s, and so on
	Avg60  float64 `json:"avg60"`
	Avg300 float64 `json:"avg300"`
	Total  uint64  `json:"total"` // microseconds
}

// ReadStats reads everything that the controllers of dirs tell. A file that
// this kernel does not have leaves its fields zero; a cgroup that is gone is
// an error with ENOENT.
func ReadStats(dirs []Dir) (*Stats, error) {
	s := &Stats{Hugetlb: map[string]HugetlbStats{}}
	for _, d := range dirs {
		fd, err := d.openDir()
		if err != nil {
			return nil, err
		}
		r := &reader{dir: fd, path: d.Path}
		if d.H.V2 {
			s.v2(r)
		} else {
			for _, c := range d.Controllers {
				s.v1(r, c)
			}
		}
		unix.Close(fd)
		if r.err != nil {
			return nil, r.err
		}
	}
	return s, nil
}

// reader reads files of one directory and keeps the first real error.
type reader struct {
	dir  int
	path string
	err  error
}

// text reports false for a file that is not there. ENODEV and EOPNOTSUPP are
// how an existing file says that its feature is off.
func (r *reader) text(name string) (string, bool) {
	if r.err != nil {
		return "", false
	}
	text, err := readFile(r.dir, name, r.path+"/"+name)
	if err != nil {
		if errno := errnoOf(err); !gone(err) && errno != unix.EOPNOTSUPP {
			r.err = err
		}
		return "", false
	}
	return text, true
}

func (r *reader) number(name string) uint64 {
	if text, ok := r.text(name); ok {
		return number(text)
	}
	return 0
}

func (r *reader) keys(name string, f func(key string, value uint64)) {
	if text, ok := r.text(name); ok {
		each(text, f)
	}
}

// rdma reads lines such as "mlx4_0 hca_handle=2 hca_object=max".
func (r *reader) rdma(name string) (out []RdmaEntry) {
	text, _ := r.text(name)
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) != 3 {
			continue
		}
		e := RdmaEntry{Device: f[0]}
		for _, kv := range f[1:] {
			k, v, _ := strings.Cut(kv, "=")
			switch k {
			case "hca_handle":
				e.HcaHandles = uint32(number(v))
			case "hca_object":
				e.HcaObjects = uint32(number(v))
			}
		}
		out = append(out, e)
	}
	return out
}

// pageSizes lists the huge pages of this machine as the controller's file
// names have them. It is only asked for where the controller is.
func pageSizes() (out []string) {
	fd, err := open(unix.AT_FDCWD, "/sys/kernel/mm/hugepages", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	names, _ := children(fd, "")
	for _, name := range names {
		kb, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(name, "hugepages-"), "kB"))
		switch {
		case err != nil:
		case kb >= 1<<20:
			out = append(out, strconv.Itoa(kb>>20)+"GB")
		case kb >= 1<<10:
			out = append(out, strconv.Itoa(kb>>10)+"MB")
		default:
			out = append(out, strconv.Itoa(kb)+"KB")
		}
	}
	return out
}
