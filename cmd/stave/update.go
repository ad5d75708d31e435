package main

import (
	"strconv"
	"strings"

	rspec "github.com/opencontainers/runtime-spec/specs-go"

	"stave/libct"
	"stave/specs"
)

// freeze stops the processes of a container, or lets them go on.
func (a *app) freeze() (int, error) {
	id, err := a.id()
	if err != nil {
		return 1, err
	}
	c, err := libct.OpenLocked(a.root, id)
	if err != nil {
		return 1, err
	}
	defer c.Close()
	return 0, c.Freeze(a.inv.Command.Name == "pause")
}

// update changes limits.
func (a *app) update() (int, error) {
	id, err := a.id()
	if err != nil {
		return 1, err
	}
	var res *rspec.LinuxResources
	if file := a.inv.Flags.String("resources"); file != "" {
		res, err = specs.LoadResources(file)
	} else {
		res, err = a.limits()
	}
	if err != nil {
		return 1, err
	}
	if err := specs.CheckResources(res, "/linux/resources"); err != nil {
		return 1, err
	}
	c, err := libct.OpenLocked(a.root, id)
	if err != nil {
		return 1, err
	}
	defer c.Close()
	return 0, c.Update(res)
}

// limits reads the flags of update.
func (a *app) limits() (*rspec.LinuxResources, error) {
	f := &a.inv.Flags
	for _, name := range [...]string{"l3-cache-schema", "mem-bw-schema"} {
		if f.String(name) != "" {
			return nil, &specs.Error{Field: "/linux/intelRdt", Problem: "--" + name + " is not supported", Kind: specs.ErrUnsupported}
		}
	}
	r := &rspec.LinuxResources{}
	m, c := &rspec.LinuxMemory{}, &rspec.LinuxCPU{}
	var err error
	size := func(name string, dst **int64) {
		if f.IsSet(name) && err == nil {
			var v int64
			if v, err = parseSize(name, f.String(name)); err == nil {
				*dst = &v
				r.Memory = m
			}
		}
	}
	size("memory", &m.Limit)
	size("memory-reservation", &m.Reservation)
	size("memory-swap", &m.Swap)
	signed := func(name string, dst **int64) {
		if f.IsSet(name) && f.String(name) != "" && err == nil {
			v, e := strconv.ParseInt(f.String(name), 10, 64)
			if e != nil {
				err = badNumber(name, f.String(name))
				return
			}
			*dst = &v
			r.CPU = c
		}
	}
	unsigned := func(name string, dst **uint64) {
		if f.IsSet(name) && f.String(name) != "" && err == nil {
			v, e := strconv.ParseUint(f.String(name), 10, 64)
			if e != nil {
				err = badNumber(name, f.String(name))
				return
			}
			*dst = &v
			r.CPU = c
		}
	}
	unsigned("cpu-period", &c.Period)
	signed("cpu-quota", &c.Quota)
	unsigned("cpu-burst", &c.Burst)
	unsigned("cpu-share", &c.Shares)
	unsigned("cpu-rt-period", &c.RealtimePeriod)
	signed("cpu-rt-runtime", &c.RealtimeRuntime)
	signed("cpu-idle", &c.Idle)
	if err != nil {
		return nil, err
	}
	if c.Cpus, c.Mems = f.String("cpuset-cpus"), f.String("cpuset-mems"); c.Cpus+c.Mems != "" {
		r.CPU = c
	}
	if f.IsSet("pids-limit") {
		v := int64(f.Int("pids-limit"))
		r.Pids = &rspec.LinuxPids{Limit: &v}
	}
	if f.IsSet("blkio-weight") {
		v := f.Int("blkio-weight")
		if v < 0 || v > 1<<16-1 {
			return nil, badNumber("blkio-weight", strconv.Itoa(v))
		}
		w := uint16(v)
		r.BlockIO = &rspec.LinuxBlockIO{Weight: &w}
	}
	return r, nil
}

func badNumber(name, v string) error {
	return &specs.Error{Problem: "invalid value for --" + name + ": " + strconv.Quote(v), Kind: specs.ErrInvalid}
}

// parseSize reads 64m, 1.5g, 1024 or -1: bytes, in powers of 1024.
func parseSize(name, s string) (int64, error) {
	if s == "-1" {
		return -1, nil
	}
	t := strings.TrimSuffix(strings.ToLower(strings.TrimSpace(s)), "b")
	t = strings.TrimSuffix(t, "i")
	shift := 0
	if t != "" {
		if i := strings.IndexByte("kmgtp", t[len(t)-1]); i >= 0 {
			shift, t = 10*(i+1), t[:len(t)-1]
		}
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(t), 64)
	if err != nil || v < 0 || v*float64(uint64(1)<<shift) >= 1<<63 {
		return 0, badNumber(name, s)
	}
	return int64(v * float64(uint64(1)<<shift)), nil
}
