package seccomp

import (
	"strconv"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/specs"
)

// flagTsync is no flag of the specification, but runc takes it.
const flagTsync rspec.LinuxSeccompFlag = "SECCOMP_FILTER_FLAG_TSYNC"

func flagBit(flag rspec.LinuxSeccompFlag) (bit uint, ok bool) {
	switch flag {
	case flagTsync:
		return unix.SECCOMP_FILTER_FLAG_TSYNC, true
	case rspec.LinuxSeccompFlagLog:
		return unix.SECCOMP_FILTER_FLAG_LOG, true
	case rspec.LinuxSeccompFlagSpecAllow:
		return unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW, true
	case rspec.LinuxSeccompFlagWaitKillableRecv:
		return unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, true
	}
	return 0, false
}

// allFlags are those that a profile may have.
var allFlags = [...]rspec.LinuxSeccompFlag{flagTsync, rspec.LinuxSeccompFlagLog,
	rspec.LinuxSeccompFlagSpecAllow, rspec.LinuxSeccompFlagWaitKillableRecv}

// SupportedFlags lists the flags that this kernel takes.
func SupportedFlags() []string {
	var list []string
	for _, flag := range allFlags {
		if bit, _ := flagBit(flag); kernelTakes(bit) {
			list = append(list, string(flag))
		}
	}
	return list
}

// KernelFlags are the bits of the flags that this kernel takes. It costs one
// system call for each.
func KernelFlags() (bits uint) {
	for _, flag := range allFlags {
		if bit, _ := flagBit(flag); kernelTakes(bit) {
			bits |= bit
		}
	}
	return bits
}

// kernelTakes asks for a filter at address 0: the kernel looks at the flags
// first, so EFAULT means that it knows them and EINVAL that it does not.
func kernelTakes(bit uint) bool {
	if bit == unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV {
		bit |= unix.SECCOMP_FILTER_FLAG_NEW_LISTENER // it is refused alone
	}
	_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, uintptr(bit), 0)
	return errno == unix.EFAULT
}

// flagBits are the bits for seccomp(2). Where the configuration has no list at
// all, the mitigation of speculative store bypass stays off as runc has it: it
// costs much, and kernels since 5.16 leave it off by themselves.
func flagBits(s *rspec.LinuxSeccomp, kernel uint, notify bool) (bits uint, err error) {
	taken := func(bit uint) bool {
		if kernel == 0 {
			return kernelTakes(bit)
		}
		return kernel&bit != 0
	}
	if s.Flags == nil {
		if taken(unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW) {
			return unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW, nil
		}
		return 0, nil
	}
	for i, flag := range s.Flags {
		field := "/linux/seccomp/flags/" + strconv.Itoa(i)
		bit, ok := flagBit(flag)
		switch {
		case !ok:
			return 0, invalid(field, "unknown flag "+strconv.Quote(string(flag)))
		case !taken(bit):
			return 0, &specs.Error{Field: field, Problem: "the kernel does not know " + string(flag), Kind: specs.ErrUnsupported}
		case flag == flagTsync:
			// One thread loads the filter, and the kernel refuses the bit
			// together with a listener: it would change nothing.
		case flag == rspec.LinuxSeccompFlagWaitKillableRecv && !notify:
			// The kernel refuses the bit where there is no listener.
		default:
			bits |= bit
		}
	}
	return bits, nil
}
