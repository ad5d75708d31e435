package main

import (
	"errors"

	"stave/cmd/stave/cli"
	"stave/libct"
	"stave/specs"
)

// kill sends a signal.
func (a *app) kill() (int, error) {
	id, err := a.id()
	if err != nil {
		return 1, err
	}
	name := "SIGTERM"
	if len(a.inv.Args) > 1 {
		name = a.inv.Args[1]
	}
	sig, err := cli.ParseSignal(name)
	if err != nil {
		return 1, err
	}
	c, err := libct.Open(a.root, id)
	if err != nil {
		return 1, err
	}
	defer c.Close()
	err = c.Kill(sig)
	if errors.Is(err, specs.ErrNotRunning) && a.inv.Flags.Bool("all") {
		err = nil // kill --all of a container that has ended: nobody is left, as asked
	}
	return 0, err
}

// delete removes a container.
func (a *app) delete() (int, error) {
	id, err := a.id()
	if err != nil {
		return 1, err
	}
	if a.inv.Flags.Bool("force") {
		warnings, err := libct.ForceDelete(a.root, id)
		a.warnings(warnings)
		return 0, err
	}
	c, err := libct.OpenLocked(a.root, id)
	if err != nil {
		return 1, err
	}
	defer c.Close()
	err = c.Delete()
	a.warnings(c.Warnings)
	return 0, err
}
