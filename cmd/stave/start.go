package main

import (
	"os"

	"stave/libct"
	"stave/libct/quick"
)

// start opens the gate.
func (a *app) start() (int, error) {
	id, err := a.id()
	if err != nil {
		return 1, err
	}
	if lock, result, errno, ok := quick.Failed(); ok {
		err := libct.StartFailed(a.root, id, lock, result, errno)
		return execStatus(err, 1), err
	}
	c, err := libct.OpenLocked(a.root, id)
	if err != nil {
		return 1, err
	}
	defer c.Close()
	notify, to := -1, os.Getenv("NOTIFY_SOCKET")
	if to != "" {
		if notify, err = c.BindNotify(); err != nil {
			return 1, err
		}
	}
	if err := c.Start(); err != nil {
		return execStatus(err, 1), err
	}
	if notify >= 0 {
		a.warnIf(c.AwaitReady(notify, to))
	}
	return 0, nil
}
