//go:build !amd64

package warm

// The table that all architectures added since 2012 share (arm64, riscv64).
const (
	sysMadvise = 233
	sysPrctl   = 167
)
