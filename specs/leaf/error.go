package leaf

import (
	"errors"
	"strconv"
	"strings"
	"syscall"
)

// Error is the one error record of the project. It crosses every process
// boundary as fields and is flattened to one line only when it is shown;
// callers of a runtime keep just the last line, so that line says it all:
//
//	create web1: step 14/151 mount /proc (/mounts/0): fsmount(2) proc: EPERM: hint
type Error struct {
	Verb    string        // create, start, exec, ...: what the user asked for
	ID      string        // container id
	N, Of   int           // position of the step in the plan, from 1; 0: not a step
	Step    string        // name of the step
	Actor   string        // parent or child; empty outside the plan
	Field   string        // JSON pointer into config.json, such as /mounts/0
	Syscall string        // name of the system call, such as openat2
	Path    string        // the object of the call, as the configuration names it
	Errno   syscall.Errno // 0: not from the kernel
	Problem string        // what is wrong, where no errno says it
	Hint    string        // what to mend
	Kind    error         // one of the Err values below, or nil
}

// The kinds that a caller may want to tell apart with errors.Is.
var (
	ErrNotExist    = errors.New("container does not exist")
	ErrExist       = errors.New("container already exists")
	ErrBusy        = errors.New("another command is working on the container")
	ErrNotRunning  = errors.New("container not running")
	ErrInvalid     = errors.New("invalid configuration")
	ErrUnsupported = errors.New("not supported")
	ErrCorrupt     = errors.New("state is corrupt")
)

func (e *Error) Error() string {
	var parts []string
	if head := strings.TrimSpace(e.Verb + " " + e.ID); head != "" {
		parts = append(parts, head)
	}
	step := ""
	if e.N > 0 {
		step = "step " + strconv.Itoa(e.N) + "/" + strconv.Itoa(e.Of) + " " + e.Step
	} else {
		step = e.Step
	}
	if e.Field != "" {
		step = strings.TrimSpace(step + " (" + Quote(e.Field) + ")")
	}
	if step != "" {
		parts = append(parts, step)
	}
	call := e.Syscall
	if call != "" {
		call += "(2)"
	}
	if e.Path != "" {
		call = strings.TrimSpace(call + " " + Quote(e.Path))
	}
	if call != "" {
		parts = append(parts, call)
	}
	if e.Errno != 0 {
		parts = append(parts, ErrnoName(e.Errno)+" ("+e.Errno.Error()+")")
	}
	if e.Problem != "" {
		parts = append(parts, e.Problem)
	} else if e.Errno == 0 && e.Kind != nil {
		parts = append(parts, e.Kind.Error())
	}
	if e.Hint != "" {
		parts = append(parts, e.Hint)
	}
	return strings.Join(parts, ": ")
}

// Unwrap lets errors.Is find both the errno and the kind.
func (e *Error) Unwrap() []error {
	var out []error
	if e.Errno != 0 {
		out = append(out, e.Errno)
	}
	if e.Kind != nil {
		out = append(out, e.Kind)
	}
	return out
}

// Quote keeps an error on its one line: a path or field with a newline or another
// control byte in it is quoted, any other is shown as it is.
func Quote(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] == 0x7f {
			return strconv.Quote(s)
		}
	}
	return s
}
