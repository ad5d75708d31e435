// Command show prints what it was started with, as the runtime of Go sees it.
package main

import (
	"os"
	"runtime"
	"strconv"

	"stave/libct/entry"
)

func main() {
	out := "procs " + strconv.Itoa(runtime.GOMAXPROCS(0)) + "\npage " + strconv.Itoa(os.Getpagesize()) + "\n"
	for _, a := range os.Args[1:] {
		out += "arg " + a + "\n"
	}
	for _, e := range entry.Strip(os.Environ()) {
		out += "env " + e + "\n"
	}
	os.Stdout.WriteString(out)
}
