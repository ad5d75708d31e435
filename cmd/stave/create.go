package main

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"stave/libct"
	"stave/libct/trace"
	"stave/libct/warm"
	"stave/specs"
)

// create makes a container that waits to be started.
func (a *app) create() (int, error) {
	c, err := a.begin(&libct.Request{Verb: "create", Gate: true}, true)
	if err != nil {
		return execStatus(err, 1), err
	}
	return 0, a.saveTrace(c)
}

// begin loads the bundle, compiles it and executes the plan.
func (a *app) begin(req *libct.Request, detached bool) (*libct.Create, error) {
	id, err := a.id()
	if err != nil {
		return nil, err
	}
	warm.Heap(448 << 10)
	libct.Undumpable()
	f := &a.inv.Flags
	req.ID, req.Root = id, a.root
	req.Bundle = f.String("bundle")
	if req.Bundle == "" {
		req.Bundle = workDir()
	}
	req.NoPivot, req.NoNewKeyring = f.Bool("no-pivot"), f.Bool("no-new-keyring")
	req.ConsoleSocket, req.PidFile, req.PidfdSocket = f.String("console-socket"), f.String("pid-file"), f.String("pidfd-socket")
	if req.PreserveFDs = f.Int("preserve-fds"); req.PreserveFDs < 0 {
		return nil, &specs.Error{Problem: "--preserve-fds must not be negative", Kind: specs.ErrInvalid}
	}
	req.ListenFDs = listenFDs()
	req.NotifySocket, _ = unix.Getenv("NOTIFY_SOCKET")
	req.Trace = f.String("trace") != ""

	cfg, plan, err := libct.Prepare(req)
	if err != nil {
		return nil, err
	}
	if plan.NeedsSeal() {
		return nil, libct.Seal()
	}
	for _, w := range plan.Warnings {
		a.warn(w)
	}
	tty := cfg.Spec.Process != nil && cfg.Spec.Process.Terminal
	if err := checkConsole(tty, detached, req.ConsoleSocket); err != nil {
		return nil, err
	}
	c, err := libct.NewCreate(plan, cfg.Spec, req)
	if err != nil {
		return nil, err
	}
	a.debug("compiled " + req.Bundle + "/config.json into " + strconv.Itoa(len(plan.Steps)) + " steps")
	if err := c.Execute(); err != nil {
		return nil, err
	}
	a.debug("the process of " + id + " has pid " + strconv.Itoa(c.Pid))
	return c, nil
}

// checkConsole refuses what cannot work: somebody must hold the terminal.
func checkConsole(tty, detached bool, socket string) error {
	field := "/process/terminal"
	switch {
	case tty && detached && socket == "":
		return &specs.Error{Field: field, Problem: "a terminal without anybody to hold it: the command does not stay", Hint: "give --console-socket, or set terminal to false", Kind: specs.ErrInvalid}
	case !tty && socket != "":
		return &specs.Error{Field: field, Problem: "--console-socket without a terminal", Hint: "set terminal to true, or leave --console-socket out", Kind: specs.ErrInvalid}
	case tty && !detached && socket != "":
		return &specs.Error{Field: field, Problem: "--console-socket for a command that holds the terminal itself", Hint: "add --detach, or leave --console-socket out", Kind: specs.ErrInvalid}
	}
	return nil
}

// listenFDs is the number of sockets that systemd passes on (sd_listen_fds(3)).
func listenFDs() int {
	v, _ := unix.Getenv("LISTEN_FDS")
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// saveTrace writes the timeline, if it was asked for.
func (a *app) saveTrace(c *libct.Create) error {
	name := a.inv.Flags.String("trace")
	if name == "" {
		return nil
	}
	fd, err := unix.Open(name, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC|unix.O_CLOEXEC, 0o644)
	if err == nil {
		err = write(fd, trace.Append(nil, c))
		unix.Close(fd)
	}
	if err != nil {
		return &specs.Error{Syscall: "open", Path: name, Errno: err.(unix.Errno), Hint: "the file of --trace"}
	}
	return nil
}

// execStatus is 127 or 126 for a program that could not be run, as shells
// have it, and status for all other errors.
func execStatus(err error, status int) int {
	if e, ok := err.(*specs.Error); ok && (e.Step == "execve" || e.Step == "find program") && strings.HasPrefix(e.Syscall, "execve") {
		return libct.ExecExit(e)
	}
	return status
}
