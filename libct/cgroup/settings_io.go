package cgroup

// settings_io.go: linux.resources.blockIO, hugepageLimits, network and rdma.

import (
	"strconv"
	"strings"
	"syscall"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func (s *settings) blockIO(b *rspec.LinuxBlockIO) {
	if b == nil {
		return
	}
	if w := get(b.Weight); w != 0 {
		s.ioWeight("/blockIO/weight", "", w)
	}
	if w := get(b.LeafWeight); w != 0 {
		s.ioLeafWeight("/blockIO/leafWeight", "blkio.leaf_weight", "", w)
	}
	for i, wd := range b.WeightDevice {
		field := "/blockIO/weightDevice/" + strconv.Itoa(i)
		if wd.Weight == nil && wd.LeafWeight == nil {
			s.invalid(field, "has neither weight nor leafWeight")
			return
		}
		dev := device(wd.Major, wd.Minor)
		if w := get(wd.Weight); w != 0 {
			s.ioWeight(field+"/weight", dev, w)
		}
		if w := get(wd.LeafWeight); w != 0 {
			s.ioLeafWeight(field+"/leafWeight", "blkio.leaf_weight_device", dev, w)
		}
	}
	for _, t := range []struct {
		list          []rspec.LinuxThrottleDevice
		field, v1, v2 string
	}{
		{b.ThrottleReadBpsDevice, "throttleReadBpsDevice", "blkio.throttle.read_bps_device", "rbps"},
		{b.ThrottleWriteBpsDevice, "throttleWriteBpsDevice", "blkio.throttle.write_bps_device", "wbps"},
		{b.ThrottleReadIOPSDevice, "throttleReadIOPSDevice", "blkio.throttle.read_iops_device", "riops"},
		{b.ThrottleWriteIOPSDevice, "throttleWriteIOPSDevice", "blkio.throttle.write_iops_device", "wiops"},
	} {
		for i, td := range t.list {
			s.throttle("/blockIO/"+t.field+"/"+strconv.Itoa(i), t.v1, t.v2, td)
		}
	}
}

func (s *settings) throttle(field, v1, v2 string, td rspec.LinuxThrottleDevice) {
	d, ok := s.on("blkio", "io", field)
	if !ok {
		return
	}
	dev, rate := device(td.Major, td.Minor), strconv.FormatUint(td.Rate, 10)
	if !d.H.V2 {
		s.put(d, v1, dev+" "+rate, field, "most of this kind of I/O on one device in a second")
		return
	}
	if td.Rate == 0 {
		rate = "max" // v1 lifts a limit with 0, v2 refuses it (ERANGE)
	}
	s.put(d, "io.max", dev+" "+v2+"="+rate, field, "most of this kind of I/O on one device in a second")
}

// ioWeight has two candidates everywhere: the weight of the BFQ scheduler and
// the one of CFQ (v1) or of the io.cost controller (v2). Which of them exists
// depends on the kernel's configuration; only the write can tell. io.weight
// has another scale (1 to 10000), as do its per-device lines.
func (s *settings) ioWeight(field, dev string, weight uint16) {
	if weight < 10 || weight > 1000 {
		s.invalid(field, "is from 10 to 1000")
		return
	}
	d, ok := s.on("blkio", "io", field)
	if !ok {
		return
	}
	const why = "share of the disk when it is contended"
	prefix, suffix := "", ""
	if dev != "" {
		prefix = dev + " "
		if !d.H.V2 {
			suffix = "_device"
		}
	}
	first, second := "blkio.weight"+suffix, "blkio.bfq.weight"+suffix
	value := prefix + strconv.Itoa(int(weight))
	other := value
	if d.H.V2 {
		first, second = "io.bfq.weight", "io.weight"
		other = prefix + strconv.FormatUint(ioWeightValue(weight), 10)
	}
	w := s.put(d, first, value, field, why)
	alt := *w
	alt.File, alt.Value = second, other
	alt.Hint = "the kernel has no proportional block I/O (BFQ or io.cost)"
	w.Else, w.ElseOn = []Write{alt}, []syscall.Errno{unix.ENOENT}
}

func (s *settings) ioLeafWeight(field, file, dev string, weight uint16) {
	d, ok := s.on("blkio", "io", field)
	if !ok {
		return
	}
	if d.H.V2 {
		s.unsupported(field, "cgroup v2 has no leaf weight: processes and sub-cgroups never compete there")
		return
	}
	value := strconv.Itoa(int(weight))
	if dev != "" {
		value = dev + " " + value
	}
	s.put(d, file, value, field, "weight against the sub-cgroups").Hint = "leaf weights left with the CFQ scheduler in Linux 5.0"
}

// ioWeightValue maps blkio.weight (10 to 1000) to io.weight (1 to 10000) on a
// straight line, as other runtimes do.
func ioWeightValue(weight uint16) uint64 {
	if weight == 0 {
		return 0
	}
	return 1 + (uint64(weight)-10)*9999/990
}

func device(major, minor int64) string {
	return num(major) + ":" + num(minor)
}

func (s *settings) hugepages(limits []rspec.LinuxHugepageLimit) {
	for i, h := range limits {
		field := "/hugepageLimits/" + strconv.Itoa(i)
		if !pageSize(h.Pagesize) {
			// It becomes part of a file name.
			s.invalid(field+"/pageSize", "is a size such as 2MB")
			return
		}
		d, ok := s.on("hugetlb", "hugetlb", field+"/limit")
		if !ok {
			return
		}
		suffix := ".limit_in_bytes"
		if d.H.V2 {
			suffix = ".max"
		}
		value := strconv.FormatUint(h.Limit, 10)
		w := s.put(d, "hugetlb."+h.Pagesize+suffix, value, field+"/limit", "most huge pages in use")
		w.Hint = "this machine has no huge pages of " + h.Pagesize
		w = s.put(d, "hugetlb."+h.Pagesize+".rsvd"+suffix, value, field+"/limit", "most huge pages reserved; refused at mmap(2) and not by SIGBUS later")
		w.Hint, w.Ignore = "", []syscall.Errno{unix.ENOENT} // since Linux 5.7
	}
}

func pageSize(s string) bool {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n > 0 && n < 12 && (s[n:] == "KB" || s[n:] == "MB" || s[n:] == "GB")
}

func (s *settings) network(n *rspec.LinuxNetwork) {
	if n == nil {
		return
	}
	if id := get(n.ClassID); id != 0 {
		if d, ok := s.on("net_cls", "", "/network/classID"); ok {
			s.put(d, "net_cls.classid", strconv.FormatUint(uint64(id), 10), "/network/classID", "class for traffic control")
		}
	}
	for i, p := range n.Priorities {
		field := "/network/priorities/" + strconv.Itoa(i)
		if p.Name == "" || strings.ContainsAny(p.Name, " \t\n/\x00") {
			s.invalid(field+"/name", "is no name of a network interface")
			return
		}
		if d, ok := s.on("net_prio", "", field); ok {
			s.put(d, "net_prio.ifpriomap", p.Name+" "+strconv.FormatUint(uint64(p.Priority), 10), field, "priority of what leaves by this interface")
		}
	}
}

func (s *settings) rdma(devices map[string]rspec.LinuxRdma) {
	for _, name := range sorted(devices) {
		field, r := "/rdma/"+pointer(name), devices[name]
		if name == "" || strings.ContainsAny(name, " \t\n\x00") {
			s.invalid(field, "is no name of an RDMA device")
			return
		}
		if r.HcaHandles == nil && r.HcaObjects == nil {
			s.invalid(field, "has neither hcaHandles nor hcaObjects")
			return
		}
		value := name
		if r.HcaHandles != nil {
			value += " hca_handle=" + strconv.FormatUint(uint64(*r.HcaHandles), 10)
		}
		if r.HcaObjects != nil {
			value += " hca_object=" + strconv.FormatUint(uint64(*r.HcaObjects), 10)
		}
		if d, ok := s.on("rdma", "rdma", field); ok {
			s.put(d, "rdma.max", value, field, "most handles and objects of one RDMA device")
		}
	}
}
