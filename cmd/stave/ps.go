package main

import (
	"os"
	"os/exec"

	"stave/cmd/stave/cli"
	"stave/libct"
	"stave/libct/cgroup"
	"stave/libct/entry"
	"stave/specs"
)

// ps prints the processes of a container.
func (a *app) ps() (int, error) {
	id, err := a.id()
	if err != nil {
		return 1, err
	}
	c, err := libct.Open(a.root, id)
	if err != nil {
		return 1, err
	}
	defer c.Close()
	pids, err := cgroup.Procs(c.CgroupDirs(), true)
	if err != nil {
		return 1, err
	}
	switch format := a.inv.Flags.String("format"); format {
	case "json":
		return a.print(cli.AppendPIDs(nil, pids)), nil
	case "table":
	default:
		return 1, &usageError{"invalid format option: " + format, "table or json"}
	}
	args := a.inv.Args[1:]
	if len(args) == 0 {
		args = []string{"-ef"}
	}
	ps := exec.Command("ps", args...)
	ps.Env = entry.Strip(os.Environ())
	out, err := ps.Output()
	if err != nil {
		return 1, &specs.Error{Path: "ps", Problem: err.Error()}
	}
	text, err := cli.AppendPS(nil, out, pids)
	if err != nil {
		return 1, err
	}
	return a.print(text), nil
}
