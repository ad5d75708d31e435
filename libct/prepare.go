package libct

import (
	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/libct/cgroup"
	"stave/specs"
)

// Prepare decides everything: it loads and checks the bundle, asks the host,
// and compiles the plan. Nothing lasting has happened when it returns.
func Prepare(req *Request) (*specs.Config, *Plan, error) {
	cfg, err := specs.Load(req.Bundle)
	if err != nil {
		return nil, nil, err
	}
	req.Bundle = cfg.Bundle
	warnings, err := specs.Check(cfg.Spec, cfg.Bundle)
	if err != nil {
		return nil, nil, err
	}
	if err := checkRoot(absolute(cfg.Bundle, cfg.Spec.Root.Path)); err != nil {
		return nil, nil, err
	}
	host, err := Survey(cfg.Spec, cfg.Bundle)
	if err != nil {
		return nil, nil, err
	}
	if err := settleNotify(cfg.Spec, host, req); err != nil {
		return nil, nil, err
	}
	if err := settleCgroups(cfg.Spec, host, req); err != nil {
		return nil, nil, err
	}
	if err := checkDescriptors(req); err != nil {
		return nil, nil, err
	}
	plan, err := Compile(cfg.Spec, host, req)
	if err != nil {
		return nil, nil, err
	}
	plan.Warnings = append(warnings, plan.Warnings...)
	return cfg, plan, nil
}

// checkRoot refuses a rootfs that cannot be one, before anything is made.
func checkRoot(root string) error {
	e := &specs.Error{Field: "/root/path", Path: root, Kind: specs.ErrInvalid}
	var st unix.Stat_t
	if err := unix.Stat(root, &st); err != nil {
		e.Syscall, e.Errno, e.Hint = "stat", err.(unix.Errno), "unpack an image there"
		return e
	}
	switch {
	case root == "/":
		e.Problem, e.Hint = "the rootfs is the host's own root", "give the container a directory of its own"
	case st.Mode&unix.S_IFMT != unix.S_IFDIR:
		e.Problem = "the rootfs is not a directory"
	default:
		return nil
	}
	return e
}

// settleCgroups decides where the container's cgroups are.
func settleCgroups(spec *rspec.Spec, host *Host, req *Request) (err error) {
	path := ""
	if spec.Linux != nil {
		path = spec.Linux.CgroupsPath
	}
	if req.CgroupPath, req.CgroupDirs, err = host.Cgroups.Dirs(path, req.ID); err != nil {
		return err
	}
	if req.Verb == "explain" {
		return nil // nobody is going to enter them
	}
	if err := cgroup.Check(req.CgroupDirs); err != nil {
		return err
	}
	var res *rspec.LinuxResources
	if spec.Linux != nil {
		res = spec.Linux.Resources
	}
	host.Cpuset, err = cgroup.CpusetInherit(req.CgroupDirs, res)
	return err
}

// checkDescriptors makes sure that what is to be passed on is there.
func checkDescriptors(req *Request) error {
	for fd := 3; fd < 3+req.ListenFDs+req.PreserveFDs; fd++ {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil {
			return &specs.Error{Problem: "descriptor " + itoa(int64(fd)) + " is not open",
				Hint: "--preserve-fds counts descriptors from 3, after those of LISTEN_FDS", Kind: specs.ErrInvalid}
		}
	}
	return nil
}
