// Package seccomp compiles linux.seccomp into a filter program.
package seccomp

import (
	rspec "github.com/opencontainers/runtime-spec/specs-go"

	"stave/specs"
)

// Host is the machine that a filter is for.
type Host struct {
	Arch string // GOARCH
}

// Filter is a compiled filter.
type Filter struct {
	Prog   []byte
	Flags  uint
	Notify bool
}

// Compile refuses for now.
func Compile(s *rspec.LinuxSeccomp, host Host) (*Filter, error) {
	return nil, &specs.Error{Field: "/linux/seccomp", Problem: "not built in yet", Kind: specs.ErrUnsupported}
}

// KnownArchs lists the architectures that filters can be made for.
func KnownArchs() []string { return nil }

// SupportedFlags lists the flags that this kernel takes.
func SupportedFlags() []string { return nil }
