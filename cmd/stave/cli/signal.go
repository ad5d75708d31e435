package cli

import (
	"strconv"
	"strings"
	"syscall"

	"stave/specs"
)

// The realtime signals as programs count them: the C library keeps 32 and 33.
const (
	rtMin = 34
	rtMax = 64
)

// signals are the names without SIG at their numbers on Linux, but for mips, alpha and sparc.
var signals = [...]string{"", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
	"STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS"}

// ParseSignal reads a signal as `kill` takes it: a number from 0 to 64, or a name in any
// case with or without SIG, among them IOT, CLD and POLL, and RTMIN, RTMIN+n, RTMAX, RTMAX-n.
func ParseSignal(s string) (syscall.Signal, error) {
	if n, err := strconv.Atoi(s); err == nil {
		if n < 0 || n > rtMax {
			return 0, signalError(s, "signals are numbered from 0 to 64")
		}
		return syscall.Signal(n), nil
	}
	name := strings.TrimPrefix(strings.ToUpper(s), "SIG")
	switch name {
	case "":
		return 0, signalError(s, "")
	case "IOT":
		return syscall.SIGABRT, nil
	case "CLD":
		return syscall.SIGCHLD, nil
	case "POLL":
		return syscall.SIGIO, nil
	}
	for n, known := range signals {
		if name == known {
			return syscall.Signal(n), nil
		}
	}
	if n, ok := realtime(name, "RTMIN", '+'); ok && n <= rtMax-rtMin {
		return syscall.Signal(rtMin + n), nil
	}
	if n, ok := realtime(name, "RTMAX", '-'); ok && n <= rtMax-rtMin {
		return syscall.Signal(rtMax - n), nil
	}
	return 0, signalError(s, "")
}

// realtime reads n out of base, or base and sign and n.
func realtime(name, base string, sign byte) (n int, ok bool) {
	rest, ok := strings.CutPrefix(name, base)
	if !ok || rest == "" {
		return 0, ok
	}
	if rest[0] != sign {
		return 0, false
	}
	u, err := strconv.ParseUint(rest[1:], 10, 8)
	return int(u), err == nil
}

func signalError(s, hint string) error {
	if hint == "" {
		hint = "give a number, or a name such as TERM, SIGKILL or RTMIN+3"
	}
	return &specs.Error{Verb: "kill", Problem: "no such signal: " + strconv.Quote(s), Hint: hint}
}
