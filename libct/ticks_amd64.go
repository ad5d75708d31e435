package libct

// haveTicks: there is a counter that takes no system call to read. A hundred and
// fifty of those are a twentieth of a run.
const haveTicks = true

// ticks is the processor's time stamp counter. Every processor that runs a
// kernel with clone3(2) and is worth a timeline has one that is the same on all
// of its cores and never slows down.
//
//go:noescape
func ticks() uint64
