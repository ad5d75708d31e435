//go:build !amd64

package libct

const haveTicks = false

func ticks() uint64 { return 0 }
