package main

import "stave/libct"

// start opens the gate.
func (a *app) start() (int, error) {
	id, err := a.id()
	if err != nil {
		return 1, err
	}
	c, err := libct.OpenLocked(a.root, id)
	if err != nil {
		return 1, err
	}
	defer c.Close()
	err = c.Start()
	return execStatus(err, 1) * boolInt(err != nil), err
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
