//go:build !amd64

package libct

// Where there is no assembler for it, the child is always a fork.
const haveThread = false

func cloneThread(args *cloneArgs, m *machine) (r uintptr) { panic("libct: no thread here") }

func vfork(args *cloneArgs, m *machine) (r uintptr) { panic("libct: no thread here") }
