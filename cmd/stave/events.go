package main

import (
	"stave/cmd/stave/cli"
	"stave/libct"
	"stave/libct/cgroup"
	"stave/specs"
)

// events prints what a container uses, now or at every interval, and its
// out-of-memory kills.
func (a *app) events() (int, error) {
	id, err := a.id()
	if err != nil {
		return 1, err
	}
	interval := a.inv.Flags.Duration("interval")
	if interval <= 0 {
		return 1, &usageError{"duration interval must be greater than 0", "such as 5s"}
	}
	c, err := libct.Open(a.root, id)
	if err != nil {
		return 1, err
	}
	defer c.Close()
	if c.Status() == "stopped" {
		return 1, &specs.Error{ID: id, Kind: specs.ErrNotRunning, Problem: "container is not running"}
	}
	dirs := c.CgroupDirs()
	report := func() error {
		s, err := cgroup.ReadStats(dirs)
		if err != nil {
			return err
		}
		if a.print(cli.AppendEvent(nil, "stats", id, converted(s, c))) != 0 {
			return &specs.Error{Path: "standard output", Problem: "cannot be written"}
		}
		return nil
	}
	if a.inv.Flags.Bool("stats") {
		return 0, report()
	}
	watch, err := cgroup.WatchOOM(dirs)
	if err != nil {
		return 1, err
	}
	defer watch.Close()
	for {
		_, oom, ended, err := watch.Wait(interval)
		switch {
		case err != nil:
			return 1, err
		case oom:
			a.print(cli.AppendEvent(nil, "oom", id, nil))
		}
		if ended || !c.Alive() {
			return 0, nil
		}
		if !oom {
			if err := report(); err != nil {
				if !c.Alive() {
					return 0, nil
				}
				return 1, err
			}
		}
	}
}

// converted puts a reading into the shape that is printed.
func converted(s *cgroup.Stats, c *libct.Container) *cli.Stats {
	out := &cli.Stats{
		CPU: cli.CPU{Usage: cli.CPUUsage{Total: s.CPU.Usage.Total, PerCPU: s.CPU.Usage.Percpu, PerCPUKernel: s.CPU.Usage.PercpuKernel,
			PerCPUUser: s.CPU.Usage.PercpuUser, Kernel: s.CPU.Usage.Kernel, User: s.CPU.Usage.User},
			Throttling: cli.Throttling(s.CPU.Throttling), PSI: pressure(s.CPU.PSI)},
		CPUSet: cli.CPUSet(s.CPUSet),
		Memory: cli.Memory{Cache: s.Memory.Cache, Usage: cli.MemoryEntry(s.Memory.Usage), Swap: cli.MemoryEntry(s.Memory.Swap),
			Kernel: cli.MemoryEntry(s.Memory.Kernel), KernelTCP: cli.MemoryEntry(s.Memory.KernelTCP), Raw: s.Memory.Raw, PSI: pressure(s.Memory.PSI)},
		PIDs: cli.PIDs(s.Pids),
		BlkIO: cli.BlkIO{IoServiceBytesRecursive: blocks(s.BlockIO.ServiceBytes), IoServicedRecursive: blocks(s.BlockIO.Serviced),
			IoQueuedRecursive: blocks(s.BlockIO.Queued), IoServiceTimeRecursive: blocks(s.BlockIO.ServiceTime), IoWaitTimeRecursive: blocks(s.BlockIO.WaitTime),
			IoMergedRecursive: blocks(s.BlockIO.Merged), IoTimeRecursive: blocks(s.BlockIO.Time), SectorsRecursive: blocks(s.BlockIO.Sectors), PSI: pressure(s.BlockIO.PSI)},
		HugeTLB: make(map[string]cli.HugeTLB, len(s.Hugetlb)),
	}
	for size, h := range s.Hugetlb {
		out.HugeTLB[size] = cli.HugeTLB(h)
	}
	for _, i := range c.Interfaces() {
		out.NetworkInterfaces = append(out.NetworkInterfaces, cli.NetworkInterface(i))
	}
	return out
}

func pressure(p *cgroup.PSIStats) *cli.PSI {
	if p == nil {
		return nil
	}
	return &cli.PSI{Some: cli.Pressure(p.Some), Full: cli.Pressure(p.Full)}
}

func blocks(list []cgroup.BlockIOEntry) []cli.BlkIOEntry {
	var out []cli.BlkIOEntry
	for _, e := range list {
		out = append(out, cli.BlkIOEntry(e))
	}
	return out
}
