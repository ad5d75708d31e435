package libct

import (
	"strings"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/libct/cgroup"
)

// The container's cgroups: made and limited by the parent before there is a
// process, entered by the child as the first thing it does, so that whatever
// it costs is counted.

func (b *builder) cgroups() {
	dirs := b.req.CgroupDirs
	if len(dirs) == 0 {
		return
	}
	res := b.linux().Resources
	for _, a := range cgroup.Ancestors(dirs) {
		b.step(Parent, "cgroup "+a, "/linux/cgroupsPath", "on the way to the container's; mkdir(2)")
		b.op(unix.SYS_MKDIRAT, n(unix.AT_FDCWD), b.str(a), n(0o755)).ignore(uint16(unix.EEXIST))
	}
	for _, w := range cgroup.Enable(b.host.Cgroups, dirs, res) {
		b.cgroupWrite(&w)
	}
	for _, d := range dirs {
		b.step(Parent, "cgroup "+d.Path, "/linux/cgroupsPath", "one directory in each hierarchy; cgroups(7)")
		b.op(unix.SYS_MKDIRAT, n(unix.AT_FDCWD), b.str(d.Path), n(0o755)).ignore(uint16(unix.EEXIST))
	}
	opts := cgroup.Options{SkipDevices: b.inUserNS() && b.host.UserNS}
	if b.spec.Linux != nil {
		opts.Devices = b.spec.Linux.Devices
	}
	if res == nil {
		res = &rspec.LinuxResources{}
	}
	writes, err := cgroup.Settings(b.host.Cgroups, dirs, res, opts)
	if err != nil {
		if b.err == nil {
			b.err = err
		}
		return
	}
	all := append(b.host.Cpuset, writes...)
	for i := 0; i < len(all); i++ {
		same := i + 1
		for same < len(all) && all[same].File == all[i].File && all[same].Dir == all[i].Dir && plain(&all[same]) {
			same++
		}
		if same > i+1 && plain(&all[i]) {
			b.cgroupWrites(all[i:same])
			i = same - 1
			continue
		}
		b.cgroupWrite(&all[i])
	}
	if v2 := cgroup.InitialCgroupDir(dirs); v2 != "" {
		b.cgroupFD = b.name(b.newReg(), "cgroup")
		b.step(Parent, "open cgroup", "/linux/cgroupsPath", "clone3(2) makes the process in it: no moment outside, no lock to move it")
		b.op(unix.SYS_OPENAT, n(unix.AT_FDCWD), b.str(v2), n(unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC)).to(b.cgroupFD)
	}
	b.deviceProgram(dirs, res, opts)
}

// plain says that a write has no alternative.
func plain(w *cgroup.Write) bool { return len(w.Ignore)+len(w.Else)+len(w.ElseOn) == 0 }

// cgroupWrites is several values for one file, such as devices.allow, which
// takes one at a time: one step, one descriptor.
func (b *builder) cgroupWrites(list []cgroup.Write) {
	w := &list[0]
	b.step(Parent, "set "+w.File, w.Field, w.Why)
	fd := b.newReg()
	b.op(unix.SYS_OPENAT, n(unix.AT_FDCWD), b.str(w.Dir+"/"+w.File), n(unix.O_WRONLY|unix.O_CLOEXEC)).to(fd)
	for i := range list {
		b.op(unix.SYS_WRITE, fd.arg(), b.str(list[i].Value), n(len(list[i].Value)))
	}
	b.close(fd)
}

// cgroupWrite is one setting: open, write, close, with the alternatives that
// only the kernel can choose between.
func (b *builder) cgroupWrite(w *cgroup.Write) {
	name := "set " + w.File
	switch {
	case w.Field == "":
		name += " of " + w.Dir
	case strings.HasPrefix(w.File, "devices."):
		name += " " + w.Value // one file, many rules
	}
	b.step(Parent, name, w.Field, w.Why)
	other, done := b.label(), b.label()
	b.settingOps(w, other, done)
	b.place(other)
	for i := range w.Else {
		next := b.label()
		b.settingOps(&w.Else[i], next, next)
		b.place(next)
	}
	b.place(done)
}

// settingOps writes one file. With one of w.ElseOn it jumps to other; when the
// value is written, or one of w.Ignore says that it need not be, to done.
func (b *builder) settingOps(w *cgroup.Write, other, done label) {
	fd := b.newReg()
	rules := func(r *opRef, closing label) {
		// Two rules are what an operation has room for; where more errnos
		// are meant, they all mean the same.
		switch {
		case len(w.ElseOn) == 1:
			r.on(uint16(w.ElseOn[0]), closing)
		case len(w.ElseOn) > 1 || len(w.Ignore) > 1:
			r.on(ruleAny, closing)
		}
	}
	r := b.op(unix.SYS_OPENAT, n(unix.AT_FDCWD), b.str(w.Dir+"/"+w.File), n(unix.O_WRONLY|unix.O_CLOEXEC)).to(fd)
	if len(w.Ignore) == 1 {
		r.on(uint16(w.Ignore[0]), done)
	}
	rules(r, other)
	wr := b.op(unix.SYS_WRITE, fd.arg(), b.str(w.Value), n(len(w.Value)))
	if len(w.Ignore) == 1 {
		wr.ignore(uint16(w.Ignore[0]))
	}
	if len(w.Else) > 0 {
		failed := b.label()
		rules(wr, failed)
		b.op(unix.SYS_CLOSE, fd.arg()).on(ruleOK, done)
		b.place(failed)
		b.close(fd)
		return
	}
	rules(wr, -1)
	b.close(fd)
}

// enterCgroups is the child joining on v1; on v2 it was born there.
func (b *builder) enterCgroups() {
	if len(b.req.CgroupDirs) == 0 {
		return
	}
	files := cgroup.JoinFiles(b.req.CgroupDirs, true)
	if len(files) == 0 {
		return
	}
	b.step(Child, "enter cgroups", "/linux/cgroupsPath",
		"by itself and through tasks: a single thread that moves itself needs no lock over all of the host's forks; cgroups(7)")
	// What we are made of, the copied pages of the runtime, need not count
	// as the container's memory: that cgroup is entered last, by a
	// descriptor. A new cgroup namespace must find us in it, though.
	late := ""
	closes := b.initPidfd != 0 && b.staged && !b.late // exec does, all descriptors, and before that
	if !b.isNew(rspec.CgroupNamespace) && !closes {
		for _, d := range b.req.CgroupDirs {
			if !d.H.V2 && len(d.Controllers) == 1 && d.Controllers[0] == "memory" {
				late = d.Path + "/tasks"
			}
		}
	}
	for _, f := range files {
		if f == late {
			b.memory = b.name(b.newReg(), "memory")
			b.op(unix.SYS_OPENAT, n(unix.AT_FDCWD), b.str(f), n(unix.O_WRONLY|unix.O_CLOEXEC)).to(b.memory)
			continue
		}
		b.writeFile(n(unix.AT_FDCWD), f, "0")
	}
}

// enterMemory enters the memory cgroup, when almost nothing of the runtime is
// left to be counted.
func (b *builder) enterMemory() {
	if b.memory == 0 {
		return
	}
	b.step(Child, "enter memory cgroup", "/linux/cgroupsPath", "late, so that the container pays for its program and not for what made it; cgroups(7)")
	b.op(unix.SYS_WRITE, b.memory.arg(), b.str("0"), n(1)).want(1)
	b.close(b.memory)
}

// cgroupMount shows the container its cgroups. On v1 that is a tmpfs with a
// mount for every hierarchy: a fresh one in a cgroup namespace, which is its
// root, else a bind of the container's own directory.
func (b *builder) cgroupMount(m *rspec.Mount, opts *mountOptions, field string) {
	if b.host.Cgroups == nil {
		b.fail(field, "no cgroup hierarchy is mounted on this host", "", nil)
		return
	}
	if b.host.Cgroups.Mode == cgroup.V2 {
		b.cgroup2Mount(m, opts, field)
		return
	}
	b.step(Child, "mount "+m.Destination, field, "a tmpfs that holds a mount for each cgroup v1 hierarchy; cgroups(7)")
	tree := b.newReg()
	top := mountOptions{Flags: unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC, Data: []string{"mode=755"}}
	b.newFS(tree, "tmpfs", "tmpfs", &top)
	b.attachTo(tree, m, &mountOptions{Propagation: opts.Propagation}, false)
	flags := unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC | opts.Flags&unix.MOUNT_ATTR_RDONLY
	for i := range b.req.CgroupDirs {
		d := &b.req.CgroupDirs[i]
		if d.H.V2 {
			continue
		}
		name := d.H.Mount[strings.LastIndexByte(d.H.Mount, '/')+1:]
		sub := *m
		sub.Destination = m.Destination + "/" + name
		b.step(Child, "mount "+sub.Destination, field, "the container's own part of the hierarchy; cgroup_namespaces(7)")
		tree := b.newReg()
		if ns, _ := b.namespace(rspec.CgroupNamespace); ns != nil {
			fs := mountOptions{Flags: flags}
			source := "cgroup"
			if strings.HasPrefix(d.Controllers[0], "name=") {
				fs.Data = []string{"none", d.Controllers[0]}
				source = name
			} else {
				fs.Data = d.Controllers
			}
			b.newFS(tree, "cgroup", source, &fs)
		} else {
			b.openTree(tree, d.Path, &mountOptions{Rec: true})
			b.attributes(tree, &mountOptions{Flags: flags})
		}
		b.attachTo(tree, &sub, &mountOptions{}, false)
	}
	b.cgroupLinks(m, opts, field)
}

// cgroupLinks names each controller of a hierarchy that has several, then
// makes the tmpfs read-only if the mount is.
func (b *builder) cgroupLinks(m *rspec.Mount, opts *mountOptions, field string) {
	b.step(Child, "links in "+m.Destination, field, "cpu and cpuacct are one hierarchy on many hosts; each has its name")
	dir := b.newReg()
	b.openIn(dir, m.Destination, unix.O_PATH|unix.O_DIRECTORY, inRoot)
	for i := range b.req.CgroupDirs {
		d := &b.req.CgroupDirs[i]
		if d.H.V2 || len(d.Controllers) < 2 {
			continue
		}
		name := d.H.Mount[strings.LastIndexByte(d.H.Mount, '/')+1:]
		for _, c := range d.Controllers {
			b.op(unix.SYS_SYMLINKAT, b.str(name), dir.arg(), b.str(c)).ignore(uint16(unix.EEXIST))
		}
	}
	if opts.Flags&unix.MOUNT_ATTR_RDONLY != 0 {
		b.op(unix.SYS_MOUNT_SETATTR, dir.arg(), b.str(""), n(unix.AT_EMPTY_PATH), b.words(unix.MOUNT_ATTR_RDONLY, 0, 0, 0), n(32))
	}
	b.close(dir)
}

func (b *builder) cgroup2Mount(m *rspec.Mount, opts *mountOptions, field string) {
	b.step(Child, "mount "+m.Destination, field, "the unified hierarchy, from the container's own cgroup down; cgroup_namespaces(7)")
	tree := b.newReg()
	if ns, _ := b.namespace(rspec.CgroupNamespace); ns != nil {
		b.newFS(tree, "cgroup2", m.Source, opts)
	} else {
		own := ""
		for _, d := range b.req.CgroupDirs {
			if d.H.V2 {
				own = d.Path
			}
		}
		if own == "" {
			own = "/sys/fs/cgroup"
		}
		b.openTree(tree, own, &mountOptions{Rec: true})
		b.attributes(tree, opts)
	}
	b.attachTo(tree, m, opts, false)
}

// deviceProgram replaces devices.allow and devices.deny where there is only
// cgroup v2: the rules become a BPF program.
func (b *builder) deviceProgram(dirs []cgroup.Dir, res *rspec.LinuxResources, opts cgroup.Options) {
	if opts.SkipDevices || !cgroup.DevicesByProgram(dirs) {
		return
	}
	rules, err := cgroup.Devices(res, opts)
	if err != nil {
		if b.err == nil {
			b.err = err
		}
		return
	}
	b.call("device filter", "/linux/resources/devices", "cgroup v2 has no devices controller: a BPF program decides; bpf(2)",
		[]string{"bpf(BPF_PROG_LOAD, BPF_PROG_TYPE_CGROUP_DEVICE)", "bpf(BPF_PROG_ATTACH, BPF_CGROUP_DEVICE)"},
		func(*Create) error { return cgroup.SetDevices(dirs, rules) })
}
