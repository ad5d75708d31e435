package main

import (
	"golang.org/x/sys/unix"

	"stave/libct"
)

// run creates and starts a container, and unless it is detached stays with it
// until its end and deletes it.
func (a *app) run() (int, error) {
	detach := a.inv.Flags.Bool("detach")
	req := &libct.Request{Verb: "run"}
	var relay *relay
	if !detach {
		// While the child works: a signal before this ends us, and the
		// child with us.
		req.Meanwhile = func() { relay = newRelay() }
	}
	c, err := a.begin(req, detach)
	if err != nil {
		return execStatus(err, 1), err
	}
	if err := a.saveTrace(c); err != nil {
		return 1, err
	}
	if err := libct.Poststart(c); err != nil {
		return 1, err // the container is gone by now
	}
	if detach {
		if c.Notify >= 0 {
			a.warnIf(c.AwaitReady())
		}
		return 0, nil
	}
	status, err := relay.attend(c)
	a.warnIf(err)
	if a.inv.Flags.Bool("keep") {
		return status, nil
	}
	warnings, err := libct.Reaped(a.root, c)
	a.warnings(warnings)
	if err != nil {
		return 1, err
	}
	return status, nil
}

// exitStatus is the shell's convention for a process that has ended.
func exitStatus(s unix.WaitStatus) int {
	if s.Signaled() {
		return 128 + int(s.Signal())
	}
	return s.ExitStatus()
}
