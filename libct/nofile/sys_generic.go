//go:build !amd64

package nofile

// The table that all architectures added since 2012 share (arm64, riscv64).
const sysPrlimit64 = 261
