// Package entry is where the programs begin on amd64: some instructions before
// the runtime of Go, which tell it to make do with one processor.
//
// GOMAXPROCS is read when the runtime starts, and what it sets up for a second
// processor, threads and their stacks above all, is of no use to a command that
// ends after a few milliseconds, nor to a monitor that sleeps in one loop; to
// lower it afterwards gives nothing back. Only the environment can say it in
// time, and only the program itself can say it for itself alone: so its first
// instructions add the variable to the vector that the kernel has laid on the
// stack (execve(2)), behind those of the caller, of which the first counts.
//
// The linker is told by -E; a program linked without it starts as ever.
package entry

import (
	"runtime"
	"slices"
)

// profileRate is where those instructions say that nobody wants a profile of the
// heap. The runtime comes to know it too late, with its first samples taken.
var profileRate = &runtime.MemProfileRate

const variable = "GOMAXPROCS=1"

// Strip takes out of an environment what was added, and nothing else: other
// programs must not inherit it.
func Strip(env []string) []string {
	if last := len(env) - 1; last >= 0 && env[last] == variable {
		return slices.Clip(env[:last])
	}
	return env
}
