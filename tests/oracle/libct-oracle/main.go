//go:build linux

// Command libct-oracle is the smallest runtime that can be made of
// libcontainer: create, start, state, kill and delete, with runc's command
// line. The oracle test compares what its containers see with what others see.
// It needs cgo, for libcontainer's nsenter, and libseccomp under the build tag.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"

	_ "github.com/opencontainers/cgroups/devices" // without it device rules are refused
	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/configs"
	_ "github.com/opencontainers/runc/libcontainer/nsenter"
	"github.com/opencontainers/runc/libcontainer/specconv"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func main() {
	// libcontainer starts this binary again as the container's first process.
	if len(os.Args) > 1 && os.Args[1] == "init" {
		libcontainer.Init()
		return
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "libct-oracle:", err)
		os.Exit(1)
	}
}

func run() error {
	root := flag.String("root", "/run/libct-oracle", "state root")
	flag.Parse()
	if flag.NArg() < 1 {
		return errors.New("no verb")
	}
	verb, rest := flag.Arg(0), flag.NewFlagSet("verb", flag.ExitOnError)
	bundle := rest.String("bundle", ".", "bundle")
	force := rest.Bool("force", false, "kill first")
	_ = rest.Parse(flag.Args()[1:])
	id := rest.Arg(0)
	if verb == "create" {
		return create(*root, *bundle, id)
	}
	c, err := libcontainer.Load(*root, id)
	if err != nil {
		return err
	}
	switch verb {
	case "start":
		return c.Exec()
	case "state":
		state, err := c.OCIState()
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(state)
	case "kill":
		return c.Signal(unix.SIGKILL)
	case "delete":
		if *force {
			_ = c.Signal(unix.SIGKILL)
		}
		return c.Destroy()
	}
	return fmt.Errorf("unknown verb %q", verb)
}

func create(root, bundle, id string) error {
	if err := os.Chdir(bundle); err != nil {
		return err
	}
	data, err := os.ReadFile("config.json")
	if err != nil {
		return err
	}
	spec := new(specs.Spec)
	if err := json.Unmarshal(data, spec); err != nil {
		return err
	}
	config, err := specconv.CreateLibcontainerConfig(&specconv.CreateOpts{CgroupName: id, Spec: spec})
	if err != nil {
		return err
	}
	c, err := libcontainer.Create(root, id, config)
	if err != nil {
		return err
	}
	p, err := process(spec.Process)
	if err == nil {
		err = c.Start(p)
	}
	if err != nil {
		return errors.Join(err, c.Destroy())
	}
	return nil
}

func process(p *specs.Process) (*libcontainer.Process, error) {
	lp := &libcontainer.Process{
		Init: true, Args: p.Args, Env: p.Env, Cwd: p.Cwd,
		UID: int(p.User.UID), GID: int(p.User.GID),
		Label: p.SelinuxLabel, AppArmorProfile: p.ApparmorProfile, NoNewPrivileges: &p.NoNewPrivileges,
		Scheduler: p.Scheduler, IOPriority: p.IOPriority,
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, LogLevel: "4",
	}
	for _, g := range p.User.AdditionalGids {
		lp.AdditionalGroups = append(lp.AdditionalGroups, int(g))
	}
	if c := p.Capabilities; c != nil {
		lp.Capabilities = &configs.Capabilities{Bounding: c.Bounding, Effective: c.Effective,
			Inheritable: c.Inheritable, Permitted: c.Permitted, Ambient: c.Ambient}
	}
	for _, l := range p.Rlimits {
		number, ok := rlimits[l.Type]
		if !ok {
			return nil, errors.New("wrong rlimit value: " + strconv.Quote(l.Type))
		}
		lp.Rlimits = append(lp.Rlimits, configs.Rlimit{Type: number, Hard: l.Hard, Soft: l.Soft})
	}
	return lp, nil
}

var rlimits = map[string]int{
	"RLIMIT_AS": unix.RLIMIT_AS, "RLIMIT_CORE": unix.RLIMIT_CORE, "RLIMIT_CPU": unix.RLIMIT_CPU,
	"RLIMIT_DATA": unix.RLIMIT_DATA, "RLIMIT_FSIZE": unix.RLIMIT_FSIZE, "RLIMIT_LOCKS": unix.RLIMIT_LOCKS,
	"RLIMIT_MEMLOCK": unix.RLIMIT_MEMLOCK, "RLIMIT_MSGQUEUE": unix.RLIMIT_MSGQUEUE,
	"RLIMIT_NICE": unix.RLIMIT_NICE, "RLIMIT_NOFILE": unix.RLIMIT_NOFILE, "RLIMIT_NPROC": unix.RLIMIT_NPROC,
	"RLIMIT_RSS": unix.RLIMIT_RSS, "RLIMIT_RTPRIO": unix.RLIMIT_RTPRIO, "RLIMIT_RTTIME": unix.RLIMIT_RTTIME,
	"RLIMIT_SIGPENDING": unix.RLIMIT_SIGPENDING, "RLIMIT_STACK": unix.RLIMIT_STACK,
}
