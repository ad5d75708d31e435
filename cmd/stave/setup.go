package main

import (
	"golang.org/x/sys/unix"

	"stave/libct"
	"stave/specs"
)

// spec writes a config.json to begin with.
func (a *app) spec() (int, error) {
	name := "config.json"
	if dir := a.inv.Flags.String("bundle"); dir != "" {
		name = dir + "/" + name
	}
	s := specs.Example()
	if a.inv.Flags.Bool("rootless") {
		s = specs.ExampleRootless()
	}
	fd, err := unix.Open(name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o666)
	if err != nil {
		e := &specs.Error{Syscall: "open", Path: name, Errno: err.(unix.Errno)}
		if err == unix.EEXIST {
			e.Problem, e.Hint = "file exists", "remove it first"
		}
		return 1, e
	}
	defer unix.Close(fd)
	if err := write(fd, specs.Indent(nil, specs.AppendSpec(nil, s), "", "\t")); err != nil {
		unix.Unlink(name)
		return 1, &specs.Error{Syscall: "write", Path: name, Errno: err.(unix.Errno)}
	}
	return 0, nil
}

// features prints what this runtime can do on this kernel.
func (a *app) features() (int, error) {
	p := libct.ProbeFeatures()
	p.Annotations = map[string]string{"io.github.stave.version": version}
	if commit != "" {
		p.Annotations["io.github.stave.commit"] = commit
	}
	out := specs.Indent(nil, specs.AppendFeatures(nil, specs.Features(p)), "", "    ")
	return a.print(append(out, '\n')), nil
}
