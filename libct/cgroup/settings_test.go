package cgroup

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/opencontainers/cgroups"
	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"stave/specs"
)

func v1Layout() *Layout {
	l := &Layout{Mode: V1}
	for _, c := range []string{"cpu", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "hugetlb", "net_cls", "net_prio", "rdma"} {
		l.Hierarchies = append(l.Hierarchies, Hierarchy{Controllers: []string{c}, Mount: "/c/" + c, Root: "/", Self: "/"})
	}
	return l
}

// render shows writes as one would type them.
func render(writes []Write) string {
	var b strings.Builder
	line := func(indent string, w Write) {
		b.WriteString(indent + w.Dir + "/" + w.File + " = " + w.Value + "  " + strings.TrimPrefix(w.Field, resources))
		if w.Again {
			b.WriteString(" again")
		}
		for _, e := range w.Ignore {
			b.WriteString(" -" + specs.ErrnoName(e))
		}
		b.WriteString("\n")
	}
	for _, w := range writes {
		line("", w)
		for _, e := range w.Else {
			line("  else ", e)
		}
	}
	return b.String()
}

func settled(t *testing.T, l *Layout, text string, opts Options) (string, error) {
	t.Helper()
	res := &rspec.LinuxResources{}
	if err := json.Unmarshal([]byte(text), res); err != nil {
		t.Fatal(err)
	}
	_, dirs, err := l.Dirs("/x", "")
	if err != nil {
		t.Fatal(err)
	}
	writes, err := Settings(l, dirs, res, opts)
	return render(writes), err
}

const everything = `{
 "memory": {"limit": 1048576, "reservation": 524288, "swap": 3145728, "checkBeforeUpdate": true},
 "cpu": {"shares": 1024, "quota": 50000, "period": 200000, "burst": 1000, "cpus": "0-1", "mems": "0", "idle": 0},
 "pids": {"limit": 32},
 "blockIO": {"weight": 100, "weightDevice": [{"major":8,"minor":0,"weight":500}], "throttleReadBpsDevice": [{"major":8,"minor":0,"rate":600}],
   "throttleWriteBpsDevice": [{"major":8,"minor":0,"rate":0}], "throttleReadIOPSDevice": [{"major":8,"minor":1,"rate":5}], "throttleWriteIOPSDevice": [{"major":8,"minor":2,"rate":6}]},
 "hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}],
 "rdma": {"mlx5_1": {"hcaHandles": 3, "hcaObjects": 10000}, "a": {"hcaObjects": 1}}}`

func TestSettingsV1(t *testing.T) {
	got, err := settled(t, v1Layout(), everything, Options{SkipDevices: true})
	want := `/c/pids/x/pids.max = 32  /pids/limit
/c/memory/x/memory.limit_in_bytes = 1048576  /memory/limit again
/c/memory/x/memory.memsw.limit_in_bytes = 3145728  /memory/swap again
/c/memory/x/memory.soft_limit_in_bytes = 524288  /memory/reservation
/c/blkio/x/blkio.weight = 100  /blockIO/weight
  else /c/blkio/x/blkio.bfq.weight = 100  /blockIO/weight
/c/blkio/x/blkio.weight_device = 8:0 500  /blockIO/weightDevice/0/weight
  else /c/blkio/x/blkio.bfq.weight_device = 8:0 500  /blockIO/weightDevice/0/weight
/c/blkio/x/blkio.throttle.read_bps_device = 8:0 600  /blockIO/throttleReadBpsDevice/0
/c/blkio/x/blkio.throttle.write_bps_device = 8:0 0  /blockIO/throttleWriteBpsDevice/0
/c/blkio/x/blkio.throttle.read_iops_device = 8:1 5  /blockIO/throttleReadIOPSDevice/0
/c/blkio/x/blkio.throttle.write_iops_device = 8:2 6  /blockIO/throttleWriteIOPSDevice/0
/c/cpu/x/cpu.idle = 0  /cpu/idle
/c/cpu/x/cpu.shares = 1024  /cpu/shares
/c/cpu/x/cpu.cfs_period_us = 200000  /cpu/period again
/c/cpu/x/cpu.cfs_quota_us = 50000  /cpu/quota again
/c/cpu/x/cpu.cfs_burst_us = 1000  /cpu/burst again
/c/cpuset/x/cpuset.cpus = 0-1  /cpu/cpus
/c/cpuset/x/cpuset.mems = 0  /cpu/mems
/c/hugetlb/x/hugetlb.2MB.limit_in_bytes = 4194304  /hugepageLimits/0/limit
/c/hugetlb/x/hugetlb.2MB.rsvd.limit_in_bytes = 4194304  /hugepageLimits/0/limit -ENOENT
/c/rdma/x/rdma.max = a hca_object=1  /rdma/a
/c/rdma/x/rdma.max = mlx5_1 hca_handle=3 hca_object=10000  /rdma/mlx5_1
`
	if err != nil || got != want {
		t.Errorf("%v\n%s", err, got)
	}
	got, err = settled(t, v1Layout(), `{"memory": {"limit": -1, "kernel": -1, "kernelTCP": 4096, "swappiness": 0, "disableOOMKiller": true, "useHierarchy": true},
	 "cpu": {"quota": -5, "realtimePeriod": 1000000, "realtimeRuntime": 950000, "shares": 2, "idle": 1}, "pids": {"limit": 0},
	 "blockIO": {"leafWeight": 30}, "network": {"classID": 1048577, "priorities": [{"name": "eth0", "priority": 500}]}}`, Options{SkipDevices: true})
	want = `/c/pids/x/pids.max = 1  /pids/limit
/c/memory/x/memory.use_hierarchy = 1  /memory/useHierarchy
/c/memory/x/memory.limit_in_bytes = -1  /memory/limit again
/c/memory/x/memory.memsw.limit_in_bytes = -1  /memory/limit again -ENOENT
/c/memory/x/memory.kmem.limit_in_bytes = -1  /memory/kernel -ENOENT -ENOTSUP
/c/memory/x/memory.kmem.tcp.limit_in_bytes = 4096  /memory/kernelTCP
/c/memory/x/memory.oom_control = 1  /memory/disableOOMKiller
/c/memory/x/memory.swappiness = 0  /memory/swappiness
/c/blkio/x/blkio.leaf_weight = 30  /blockIO/leafWeight
/c/cpu/x/cpu.shares = 2  /cpu/shares
/c/cpu/x/cpu.idle = 1  /cpu/idle
/c/cpu/x/cpu.cfs_quota_us = -1  /cpu/quota
/c/cpu/x/cpu.rt_period_us = 1000000  /cpu/realtimePeriod again
/c/cpu/x/cpu.rt_runtime_us = 950000  /cpu/realtimeRuntime again
/c/net_cls/x/net_cls.classid = 1048577  /network/classID
/c/net_prio/x/net_prio.ifpriomap = eth0 500  /network/priorities/0
`
	if err != nil || got != want {
		t.Errorf("%v\n%s", err, got)
	}
}

func TestSettingsV2(t *testing.T) {
	got, err := settled(t, v2Layout(), everything[:len(everything)-1]+`, "unified": {"memory.high": "9", "io.max": "8:0 rbps=1\n8:1 wbps=2\n", "cgroup.max.depth": "3"}}`, Options{})
	want := `/c/x/pids.max = 32  /pids/limit
/c/x/memory.swap.max = 2097152  /memory/swap
/c/x/memory.max = 1048576  /memory/limit
/c/x/memory.low = 524288  /memory/reservation
/c/x/io.bfq.weight = 100  /blockIO/weight
  else /c/x/io.weight = 910  /blockIO/weight
/c/x/io.bfq.weight = 8:0 500  /blockIO/weightDevice/0/weight
  else /c/x/io.weight = 8:0 4950  /blockIO/weightDevice/0/weight
/c/x/io.max = 8:0 rbps=600  /blockIO/throttleReadBpsDevice/0
/c/x/io.max = 8:0 wbps=max  /blockIO/throttleWriteBpsDevice/0
/c/x/io.max = 8:1 riops=5  /blockIO/throttleReadIOPSDevice/0
/c/x/io.max = 8:2 wiops=6  /blockIO/throttleWriteIOPSDevice/0
/c/x/cpu.idle = 0  /cpu/idle
/c/x/cpu.weight = 100  /cpu/shares
/c/x/cpu.max = 50000 200000  /cpu/quota again
/c/x/cpu.max.burst = 1000  /cpu/burst again
/c/x/cpuset.cpus = 0-1  /cpu/cpus
/c/x/cpuset.mems = 0  /cpu/mems
/c/x/hugetlb.2MB.max = 4194304  /hugepageLimits/0/limit
/c/x/hugetlb.2MB.rsvd.max = 4194304  /hugepageLimits/0/limit -ENOENT
/c/x/rdma.max = a hca_object=1  /rdma/a
/c/x/rdma.max = mlx5_1 hca_handle=3 hca_object=10000  /rdma/mlx5_1
/c/x/cgroup.max.depth = 3  /unified/cgroup.max.depth
/c/x/io.max = 8:0 rbps=1  /unified/io.max
/c/x/io.max = 8:1 wbps=2  /unified/io.max
/c/x/memory.high = 9  /unified/memory.high
`
	if err != nil || got != want {
		t.Errorf("%v\n%s", err, got)
	}
	got, err = settled(t, v2Layout(), `{"memory": {"limit": -1}, "cpu": {"quota": -1}, "pids": {"limit": -1}}`, Options{})
	want = `/c/x/pids.max = max  /pids/limit
/c/x/memory.swap.max = max  /memory/limit -ENOENT
/c/x/memory.max = max  /memory/limit
/c/x/cpu.max = max  /cpu/quota
`
	if err != nil || got != want {
		t.Errorf("%v\n%s", err, got)
	}
}

func TestSettingsHybrid(t *testing.T) {
	got, err := settled(t, hybridLayout(), `{"hugepageLimits": [{"pageSize": "1GB", "limit": 0}]}`, Options{})
	if err != nil || got != "/c/unified/x/hugetlb.1GB.max = 0  /hugepageLimits/0/limit\n/c/unified/x/hugetlb.1GB.rsvd.max = 0  /hugepageLimits/0/limit -ENOENT\n" {
		t.Errorf("%v\n%s", err, got)
	}
}

func TestRefusals(t *testing.T) {
	small := &Layout{Mode: V1, Hierarchies: v1Layout().Hierarchies[3:4]} // devices only
	for _, c := range []struct {
		l          *Layout
		json, want string
		kind       error
	}{
		{small, `{"memory": {"limit": 1}}`, "/memory/limit", specs.ErrUnsupported},
		{small, `{"memory": {"swappiness": 1}}`, "/memory/swappiness", specs.ErrUnsupported},
		{small, `{"cpu": {"period": 1}}`, "/cpu/period", specs.ErrUnsupported},
		{small, `{"cpu": {"mems": "0"}}`, "/cpu/mems", specs.ErrUnsupported},
		{small, `{"pids": {"limit": 1}}`, "/pids/limit", specs.ErrUnsupported},
		{small, `{"blockIO": {"weight": 10}}`, "/blockIO/weight", specs.ErrUnsupported},
		{small, `{"hugepageLimits": [{"pageSize":"2MB"}]}`, "/hugepageLimits/0/limit", specs.ErrUnsupported},
		{small, `{"network": {"classID": 1}}`, "/network/classID", specs.ErrUnsupported},
		{small, `{"network": {"priorities": [{"name":"e"}]}}`, "/network/priorities/0", specs.ErrUnsupported},
		{small, `{"rdma": {"a/b": {"hcaHandles": 1}}}`, "/rdma/a~1b", specs.ErrUnsupported},
		{small, `{"unified": {"memory.high": "1"}}`, "/unified", specs.ErrUnsupported},
		{hybridLayout(), `{"unified": {"hugetlb.2MB.max": "1"}}`, "/unified", specs.ErrUnsupported},
		{v2Layout(), `{"network": {"classID": 1}}`, "/network/classID", specs.ErrUnsupported},
		{v2Layout(), `{"cpu": {"realtimeRuntime": 1}}`, "/cpu/realtimeRuntime", specs.ErrUnsupported},
		{v2Layout(), `{"memory": {"swappiness": 1}}`, "/memory/swappiness", specs.ErrUnsupported},
		{v2Layout(), `{"memory": {"disableOOMKiller": true}}`, "/memory/disableOOMKiller", specs.ErrUnsupported},
		{v2Layout(), `{"memory": {"useHierarchy": false}}`, "/memory/useHierarchy", specs.ErrUnsupported},
		{v2Layout(), `{"memory": {"kernelTCP": 1}}`, "/memory/kernelTCP", specs.ErrUnsupported},
		{v2Layout(), `{"memory": {"swap": 1}}`, "/memory/swap", specs.ErrInvalid},
		{v2Layout(), `{"memory": {"limit": 2, "swap": 1}}`, "/memory/swap", specs.ErrInvalid},
		{v1Layout(), `{"memory": {"limit": -2}}`, "/memory/limit", specs.ErrInvalid},
		{v1Layout(), `{"memory": {"swappiness": 101}}`, "/memory/swappiness", specs.ErrInvalid},
		{v1Layout(), `{"cpu": {"shares": 1}}`, "/cpu/shares", specs.ErrInvalid},
		{v1Layout(), `{"cpu": {"quota": 5, "burst": 6}}`, "/cpu/burst", specs.ErrInvalid},
		{v1Layout(), `{"cpu": {"idle": 2}}`, "/cpu/idle", specs.ErrInvalid},
		{v1Layout(), `{"cpu": {"cpus": "0\n1"}}`, "/cpu/cpus", specs.ErrInvalid},
		{v1Layout(), `{"hugepageLimits": [{"pageSize":"../../x"}]}`, "/hugepageLimits/0/pageSize", specs.ErrInvalid},
		{v1Layout(), `{"blockIO": {"weightDevice": [{}]}}`, "/blockIO/weightDevice/0", specs.ErrInvalid},
		{v1Layout(), `{"rdma": {"a": {}}}`, "/rdma/a", specs.ErrInvalid},
		{v2Layout(), `{"unified": {"../x.y": "1"}}`, "/unified/..~1x.y", specs.ErrInvalid},
		{v2Layout(), `{"unified": {"..": "1"}}`, "/unified/..", specs.ErrInvalid},
		{v2Layout(), `{"unified": {"memory": "1"}}`, "/unified/memory", specs.ErrInvalid},
		{v2Layout(), `{"unified": {"memory.a\nb": "1"}}`, "/unified/memory.a\nb", specs.ErrInvalid},
		{v2Layout(), `{"unified": {"cgroup.procs": "1"}}`, "/unified/cgroup.procs", specs.ErrInvalid},
		{v2Layout(), `{"unified": {"misc.max": "1"}}`, "/unified/misc.max", specs.ErrUnsupported},
		{v2Layout(), `{"blockIO": {"leafWeight": 10}}`, "/blockIO/leafWeight", specs.ErrUnsupported},
		{v1Layout(), `{"devices": [{"access": "x"}]}`, "/devices/0/access", specs.ErrInvalid},
		{v1Layout(), `{"devices": [{"access": ""}]}`, "/devices/0/access", specs.ErrInvalid},
		{v1Layout(), `{"devices": [{"access": "r", "type": "p"}]}`, "/devices/0/type", specs.ErrInvalid},
		{v1Layout(), `{"devices": [{"allow":true,"access": "r", "type": "c", "major": 1},{"access": "r", "type": "c", "major": 1, "minor": 5}]}`, "/devices/1", specs.ErrInvalid},
	} {
		_, err := settled(t, c.l, c.json, Options{SkipDevices: !strings.Contains(c.json, "devices")})
		var e *specs.Error
		if !errors.As(err, &e) || e.Field != resources+c.want || !errors.Is(err, c.kind) {
			t.Errorf("%s %s: %v", c.l.Mode, c.json, err)
		}
	}
	noDevices := &Layout{Mode: V1, Hierarchies: v1Layout().Hierarchies[:1]}
	if _, err := settled(t, noDevices, `{}`, Options{}); !errors.Is(err, specs.ErrUnsupported) {
		t.Errorf("v1 without the devices controller: %v", err)
	}
}

// What does nothing asks for no controller.
func TestNothingAsked(t *testing.T) {
	small := &Layout{Mode: V1, Hierarchies: v1Layout().Hierarchies[3:4]}
	got, err := settled(t, small, `{"memory": {"limit": 0, "disableOOMKiller": false}, "cpu": {"shares": 0, "cpus": ""}, "pids": {"limit": -1}, "blockIO": {"weight": 0}, "network": {"classID": 0}}`, Options{SkipDevices: true})
	if got != "" || err != nil {
		t.Error(got, err)
	}
}

func TestEnable(t *testing.T) {
	l := v2Layout()
	_, dirs, _ := l.Dirs("/a/b", "")
	w := Enable(l, dirs, nil)
	if len(w) != 2 || w[0].Dir != "/c" || w[1].Dir != "/c/a" || w[0].Value != "+cpuset +cpu +io +memory +hugetlb +pids +rdma" || len(w[1].Else) != 7 {
		t.Error(render(w))
	}
	l = hybridLayout()
	_, dirs, _ = l.Dirs("/a/b", "")
	if w := Enable(l, dirs, &rspec.LinuxResources{Memory: &rspec.LinuxMemory{}}); w != nil {
		t.Error(render(w))
	}
	if w := Enable(l, dirs, &rspec.LinuxResources{HugepageLimits: make([]rspec.LinuxHugepageLimit, 1)}); len(w) != 2 || w[1].Value != "+hugetlb" {
		t.Error(render(w))
	}
}

// The conversions are an agreement among runtimes: a container that moves
// between them keeps its weight.
func TestConversions(t *testing.T) {
	for n := uint64(0); n <= 262200; n++ {
		if got, want := cpuWeight(n), cgroups.ConvertCPUSharesToCgroupV2Value(n); got != want {
			t.Fatal(n, got, want)
		}
	}
	for n := uint16(10); n <= 1000; n++ {
		if got, want := ioWeightValue(n), cgroups.ConvertBlkIOToIOWeightValue(n); got != want {
			t.Fatal(n, got, want)
		}
	}
	for range 10000 {
		limit, swap := rand.Int64N(4)-1, rand.Int64N(6)-1
		want, err := cgroups.ConvertMemorySwapToCgroupV2Value(swap, limit)
		if err != nil {
			continue // refused before it comes to this
		}
		text := maxNum(want)
		if want == 0 && swap <= 0 {
			text = ""
		}
		if got := swapMax(limit, swap); got != text {
			t.Fatal(limit, swap, got, text)
		}
	}
}
