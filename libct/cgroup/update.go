package cgroup

// update.go: changing the limits of a container that runs. Runs in the parent.

import (
	"slices"
	"strconv"
	"strings"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"stave/specs"
)

// Update brings what new sets into force and leaves the rest as it is; old is
// what was set before, to go back to when the kernel refuses a part of new.
// Devices are not touched.
func Update(l *Layout, dirs []Dir, old, new *rspec.LinuxResources) error {
	if new == nil {
		return nil
	}
	opts := Options{SkipDevices: true, Update: true}
	res, err := inForce(dirs, new)
	if err != nil {
		return err
	}
	writes, err := Settings(l, dirs, res, opts)
	if err != nil {
		return err
	}
	if err := fits(dirs, new.Memory); err != nil {
		return err
	}
	if err := Apply(dirs, writes); err != nil {
		if before, e := Settings(l, dirs, old, opts); e == nil && old != nil {
			_ = Apply(dirs, before) // the refusal is what the caller must see
		}
		return err
	}
	return nil
}

// inForce completes new with what the kernel needs to be told along with it:
// on v2 the quota of a changed period, since cpu.max has no way to leave it.
func inForce(dirs []Dir, new *rspec.LinuxResources) (*rspec.LinuxResources, error) {
	c := new.CPU
	d, ok := findV2(dirs)
	if _, v1 := find(dirs, "cpu"); v1 || !ok || c == nil || get(c.Period) == 0 || get(c.Quota) != 0 {
		return new, nil
	}
	text, err := d.read("cpu.max")
	if err != nil {
		return nil, err
	}
	quota := int64(-1)
	if q, _, _ := strings.Cut(text, " "); q != "max" {
		if quota, err = strconv.ParseInt(q, 10, 64); err != nil {
			return nil, &specs.Error{Path: d.Path + "/cpu.max", Problem: "is not a quota: " + strconv.Quote(text), Kind: specs.ErrCorrupt}
		}
	}
	res, cpu := *new, *c
	cpu.Quota, res.CPU = &quota, &cpu
	return &res, nil
}

// fits refuses, where checkBeforeUpdate asks for it, a limit below what is in
// use: v2 would reclaim and then kill. v1 refuses by itself (EBUSY).
func fits(dirs []Dir, m *rspec.LinuxMemory) error {
	if m == nil || !get(m.CheckBeforeUpdate) {
		return nil
	}
	d, ok := memoryDir(dirs)
	if !ok || !d.H.V2 {
		return nil
	}
	text, err := d.read("memory.current")
	if err != nil {
		return err
	}
	used := number(text)
	for _, f := range []struct {
		name  string
		limit int64
	}{{"limit", get(m.Limit)}, {"swap", get(m.Swap)}} {
		if f.limit > 0 && uint64(f.limit) <= used {
			return &specs.Error{Field: resources + "/memory/" + f.name, Kind: specs.ErrInvalid,
				Problem: strconv.FormatInt(f.limit, 10) + " is not above the " + strconv.FormatUint(used, 10) + " bytes in use"}
		}
	}
	return nil
}

// Apply does writes in order, and once more at the end those that are marked
// Again and were refused with EINVAL. The first other refusal ends it.
func Apply(dirs []Dir, writes []Write) error {
	var again []Write
	for _, w := range writes {
		err := w.do(dirs)
		if w.Again && errnoOf(err) == unix.EINVAL {
			again = append(again, w)
			continue
		}
		if err != nil {
			return err
		}
	}
	for _, w := range again {
		if err := w.do(dirs); err != nil {
			return err
		}
	}
	return nil
}

func (w Write) do(dirs []Dir) error {
	d, ok := w.dir(dirs)
	if !ok {
		return &specs.Error{Field: w.Field, Path: w.Dir, Problem: "is not below a hierarchy of the container", Kind: specs.ErrCorrupt}
	}
	err := d.write(w.File, w.Value)
	errno := errnoOf(err)
	switch {
	case err == nil, slices.Contains(w.Ignore, errno):
		return nil
	case slices.Contains(w.ElseOn, errno):
		for _, e := range w.Else {
			if err := e.do(dirs); err != nil {
				return err
			}
		}
		return nil
	}
	if e, ok := err.(*specs.Error); ok {
		e.Field = w.Field
		if errno == unix.ENOENT {
			e.Hint = w.Hint
		}
	}
	return err
}

func (w Write) dir(dirs []Dir) (Dir, bool) {
	for _, d := range dirs {
		if w.Dir == d.H.Mount || strings.HasPrefix(w.Dir, d.H.Mount+"/") {
			return Dir{Path: w.Dir, H: d.H}, true
		}
	}
	return Dir{}, false
}
