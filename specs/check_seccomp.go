package specs

import (
	"slices"
	"strconv"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
)

// SeccompActions lists the actions of config-linux.md, Seccomp.
func SeccompActions() []rspec.LinuxSeccompAction {
	return []rspec.LinuxSeccompAction{
		rspec.ActAllow, rspec.ActErrno, rspec.ActKill, rspec.ActKillProcess, rspec.ActKillThread,
		rspec.ActLog, rspec.ActNotify, rspec.ActTrace, rspec.ActTrap,
	}
}

// SeccompOperators lists the comparisons of config-linux.md, Seccomp.
func SeccompOperators() []rspec.LinuxSeccompOperator {
	return []rspec.LinuxSeccompOperator{
		rspec.OpEqualTo, rspec.OpGreaterEqual, rspec.OpGreaterThan, rspec.OpLessEqual,
		rspec.OpLessThan, rspec.OpMaskedEqual, rspec.OpNotEqual,
	}
}

// SeccompArchs lists the architectures of config-linux.md, Seccomp.
func SeccompArchs() []rspec.Arch {
	return []rspec.Arch{
		rspec.ArchAARCH64, rspec.ArchARM, rspec.ArchLOONGARCH64, rspec.ArchM68K, rspec.ArchMIPS,
		rspec.ArchMIPS64, rspec.ArchMIPS64N32, rspec.ArchMIPSEL, rspec.ArchMIPSEL64, rspec.ArchMIPSEL64N32,
		rspec.ArchPARISC, rspec.ArchPARISC64, rspec.ArchPPC, rspec.ArchPPC64, rspec.ArchPPC64LE,
		rspec.ArchRISCV64, rspec.ArchS390, rspec.ArchS390X, rspec.ArchSH, rspec.ArchSHEB,
		rspec.ArchX32, rspec.ArchX86, rspec.ArchX86_64,
	}
}

// SeccompFlags lists the flags of config-linux.md, Seccomp.
func SeccompFlags() []rspec.LinuxSeccompFlag {
	return []rspec.LinuxSeccompFlag{
		rspec.LinuxSeccompFlagLog, rspec.LinuxSeccompFlagSpecAllow,
		"SECCOMP_FILTER_FLAG_TSYNC", rspec.LinuxSeccompFlagWaitKillableRecv,
	}
}

func checkSeccomp(s *rspec.LinuxSeccomp, field string) error {
	if s == nil {
		return nil
	}
	if err := oneOf(sub(field, "defaultAction"), s.DefaultAction, SeccompActions()...); err != nil {
		return err
	}
	if s.DefaultAction == rspec.ActNotify {
		// The agent would be asked about the very calls that send it the fd.
		return invalid(sub(field, "defaultAction"), "SCMP_ACT_NOTIFY cannot be the default", "")
	}
	if err := checkErrno(sub(field, "defaultErrnoRet"), s.DefaultErrnoRet, s.DefaultAction); err != nil {
		return err
	}
	for i, arch := range s.Architectures {
		if err := oneOf(at(sub(field, "architectures"), i), arch, SeccompArchs()...); err != nil {
			return err
		}
	}
	for i, flag := range s.Flags {
		if err := oneOf(at(sub(field, "flags"), i), flag, SeccompFlags()...); err != nil {
			return err
		}
	}
	notify := false
	for i, call := range s.Syscalls {
		if err := checkSyscall(&call, at(sub(field, "syscalls"), i)); err != nil {
			return err
		}
		notify = notify || call.Action == rspec.ActNotify
	}
	return checkListener(s, notify, field)
}

func checkListener(s *rspec.LinuxSeccomp, notify bool, field string) error {
	place := sub(field, "listenerPath")
	switch {
	case s.ListenerPath == "" && s.ListenerMetadata != "":
		return invalid(sub(field, "listenerMetadata"), "must not be set without listenerPath", "")
	case !notify: // the path is to be ignored
		return nil
	case s.ListenerPath == "":
		return invalid(place, "missing: SCMP_ACT_NOTIFY needs a listener", "")
	case len(s.ListenerPath) > 107:
		return invalid(place, strconv.Itoa(len(s.ListenerPath))+" bytes; a socket's path has at most 107 (unix(7))", "")
	}
	return noNUL(place, s.ListenerPath)
}

func checkSyscall(call *rspec.LinuxSyscall, field string) error {
	if len(call.Names) == 0 {
		return invalid(sub(field, "names"), "missing: at least one is required", "")
	}
	if i := slices.Index(call.Names, ""); i >= 0 {
		return invalid(at(sub(field, "names"), i), "an empty name", "")
	}
	if err := noNULs(sub(field, "names"), call.Names); err != nil {
		return err
	}
	if err := oneOf(sub(field, "action"), call.Action, SeccompActions()...); err != nil {
		return err
	}
	if i := slices.Index(call.Names, "write"); i >= 0 && call.Action == rspec.ActNotify {
		// The process writes to its parent between filter and execve.
		return invalid(at(sub(field, "names"), i), "SCMP_ACT_NOTIFY cannot be used for write", "")
	}
	if err := checkErrno(sub(field, "errnoRet"), call.ErrnoRet, call.Action); err != nil {
		return err
	}
	for i, arg := range call.Args {
		place := at(sub(field, "args"), i)
		if arg.Index > 5 {
			return invalid(sub(place, "index"), "must be from 0 to 5, is "+strconv.FormatUint(uint64(arg.Index), 10), "")
		}
		if err := oneOf(sub(place, "op"), arg.Op, SeccompOperators()...); err != nil {
			return err
		}
	}
	return nil
}

// checkErrno refuses an errno where the action returns none. The kernel cuts
// an errno at 4095 (MAX_ERRNO); a tracer gets 16 bits.
func checkErrno(field string, errno *uint, action rspec.LinuxSeccompAction) error {
	if errno == nil {
		return nil
	}
	limit := uint(4095)
	switch action {
	case rspec.ActErrno:
	case rspec.ActTrace:
		limit = 65535
	default:
		return invalid(field, string(action)+" returns no errno", "")
	}
	if *errno > limit {
		return invalid(field, "must be from 0 to "+strconv.FormatUint(uint64(limit), 10)+", is "+strconv.FormatUint(uint64(*errno), 10), "")
	}
	return nil
}
