//go:build !amd64

package main

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// takeSignals returns a descriptor that gives a byte for each signal.
func takeSignals(list []syscall.Signal) int {
	var pipe [2]int
	if unix.Pipe2(pipe[:], unix.O_CLOEXEC|unix.O_NONBLOCK) != nil {
		return -1
	}
	come := make(chan os.Signal, 64)
	for _, s := range list {
		signal.Notify(come, s)
	}
	go func() {
		for s := range come {
			unix.Write(pipe[1], []byte{byte(s.(syscall.Signal))})
		}
	}()
	return pipe[0]
}
