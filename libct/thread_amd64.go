package libct

// haveThread says that there is assembler for this architecture.
const haveThread = true

// cloneThread makes a thread that executes threadMain; r is its id or a negative errno.
//
//go:noescape
func cloneThread(args *cloneArgs, m *machine) (r uintptr)

// vfork makes a process that executes childMain, and returns when that has
// become another program, or has ended.
//
//go:noescape
func vfork(args *cloneArgs, m *machine) (r uintptr)
