package wire

import (
	"errors"
	"strings"
	"syscall"

	specs "stave/specs/leaf"
)

// Record is specs.Error under a name that may stand beside a method Error.
type Record = specs.Error

// Error is an error of the monitor, or of the runtime that it called. Its
// fields are those that docs/errors.md describes.
type Error struct {
	Record
	Runtime string // what the runtime has printed to standard error, up to 8191 bytes
}

// The kinds of errors that only a monitor has.
var (
	ErrVersion = errors.New("no version of the protocol in common")
	ErrRefused = errors.New("not for this user")
	ErrTimeout = errors.New("timed out")
)

var kinds = []struct {
	name string
	kind error
}{
	{"not-exist", specs.ErrNotExist}, {"exist", specs.ErrExist}, {"busy", specs.ErrBusy}, {"not-running", specs.ErrNotRunning},
	{"invalid", specs.ErrInvalid}, {"unsupported", specs.ErrUnsupported}, {"corrupt", specs.ErrCorrupt},
	{"version", ErrVersion}, {"refused", ErrRefused}, {"timeout", ErrTimeout},
}

// Unwrap lets errors.Is find errno and kind, and errors.As the *specs.Error.
func (e *Error) Unwrap() []error { return append(e.Record.Unwrap(), &e.Record) }

// fields has, beside the record, what is a number or text on the wire only.
func (e *Error) fields(f fields) {
	errno, kind, n, of := "", "", int64(e.N), int64(e.Of)
	if e.Errno != 0 {
		errno = specs.ErrnoName(e.Errno)
	}
	for _, k := range kinds {
		if e.Kind == k.kind {
			kind = k.name
		}
	}
	f.text("verb", &e.Verb)
	f.text("id", &e.ID)
	f.text("step", &e.Step)
	f.number("n", &n)
	f.number("of", &of)
	f.text("actor", &e.Actor)
	f.text("field", &e.Field)
	f.text("syscall", &e.Syscall)
	f.text("path", &e.Path)
	f.text("errno", &errno)
	f.text("problem", &e.Problem)
	f.text("hint", &e.Hint)
	f.text("kind", &kind)
	f.text("runtime", &e.Runtime)
	e.N, e.Of = int(n), int(of)
	e.Errno = errnoOf(errno)
	e.Kind = nil
	for _, k := range kinds {
		if kind == k.name {
			e.Kind = k.kind
		}
	}
}

// errnoOf finds an errno by its name, which unlike its number is the same on
// every architecture.
func errnoOf(name string) syscall.Errno {
	if !strings.HasPrefix(name, "E") {
		return 0
	}
	for e := syscall.Errno(1); e < 200; e++ {
		if specs.ErrnoName(e) == name {
			return e
		}
	}
	return 0
}

// Append appends the error as JSON.
func (e *Error) Append(b []byte) []byte { return appendMessage(b, e) }

// Parse reads it.
func (e *Error) Parse(data []byte) error { return parseMessage(data, e) }

// logLine is a line of a runtime's JSON log: runc's and crun's have a text,
// stave's all fields of the error.
type logLine struct {
	Error
	level, msg string
}

func (l *logLine) fields(f fields) {
	f.text("level", &l.level)
	f.text("msg", &l.msg)
	l.Error.fields(f)
}

// RuntimeError makes an error of what a runtime has printed to standard error.
// Callers of a runtime count on the last line; where that is a line of a JSON
// log (--log-format json), its fields are the error's.
func RuntimeError(verb, id, text string) *Error {
	e := &Error{Runtime: text}
	e.Verb, e.ID = verb, id
	line := strings.TrimSpace(text)
	line = line[strings.LastIndexByte(line, '\n')+1:]
	if strings.HasPrefix(line, "{") {
		l := logLine{}
		if parseMessage([]byte(line), &l) == nil && l.level != "" {
			fromStave := l.Verb != "" || l.Syscall != "" || l.Problem != "" || l.Kind != nil
			if !fromStave {
				l.Problem = l.msg
			}
			if l.Verb == "" {
				l.Verb, l.ID = verb, id
			}
			l.Runtime = text
			return &l.Error
		}
	}
	if _, msg, ok := strings.Cut(line, " msg="); ok {
		if s, ok := unquote(msg); ok {
			line = s
		}
	}
	e.Problem = line
	if line == "" {
		e.Problem = "the runtime failed without a word"
	}
	return e
}

// unquote undoes the quotes of a logfmt value.
func unquote(s string) (string, bool) {
	r := specs.NewReader([]byte(s)) // its escapes are JSON's where runtimes use any
	out := r.String()
	return out, r.End() == nil
}
