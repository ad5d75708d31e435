package cli

import (
	"strconv"
	"time"

	"stave/specs"
)

// AppendLog appends one line of the log in the given format, json or else text,
// laid out as logrus does, which is what engines read. level is error, warning,
// info or debug. e, if not nil, adds the fields of the record to a JSON line; an empty msg
// is e's text.
//
//	{"level":"error","msg":"...","time":"2026-01-02T15:04:05Z","verb":"create","id":"web1","step":"mount /proc",...}
//	time="2026-01-02T15:04:05Z" level=error msg="..."
func AppendLog(b []byte, format, level, msg string, t time.Time, e *specs.Error) []byte {
	if msg == "" && e != nil {
		msg = e.Error()
	}
	when := t.Format(time.RFC3339)
	if format != "json" {
		b = appendLogfmt(append(b, "time="...), when)
		b = appendLogfmt(append(b, " level="...), level)
		b = appendLogfmt(append(b, " msg="...), msg)
		return append(b, '\n')
	}
	o := object{b: b}
	o.open()
	o.str("level", level)
	o.str("msg", msg)
	o.str("time", when)
	if e != nil {
		appendRecord(&o, e)
	}
	o.close()
	return append(o.b, '\n')
}

// appendRecord adds what is known of an error. The names are those in docs/errors.md.
func appendRecord(o *object, e *specs.Error) {
	o.strOmit("verb", e.Verb)
	o.strOmit("id", e.ID)
	o.strOmit("step", e.Step)
	o.uintOmit("n", uint64(max(e.N, 0)))
	o.uintOmit("of", uint64(max(e.Of, 0)))
	o.strOmit("actor", e.Actor)
	o.strOmit("field", e.Field)
	o.strOmit("syscall", e.Syscall)
	o.strOmit("path", e.Path)
	if e.Errno != 0 {
		o.str("errno", specs.ErrnoName(e.Errno))
	}
	o.strOmit("problem", e.Problem)
	o.strOmit("hint", e.Hint)
	o.strOmit("kind", kindName(e.Kind))
}

func kindName(kind error) string {
	switch kind {
	case nil:
		return ""
	case specs.ErrNotExist:
		return "not-exist"
	case specs.ErrExist:
		return "exist"
	case specs.ErrBusy:
		return "busy"
	case specs.ErrNotRunning:
		return "not-running"
	case specs.ErrInvalid:
		return "invalid"
	case specs.ErrUnsupported:
		return "unsupported"
	case specs.ErrCorrupt:
		return "corrupt"
	}
	return kind.Error()
}

// appendLogfmt appends a value, quoted where logrus would.
func appendLogfmt(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '-' || c == '.' || c == '_' || c == '/' || c == '@' || c == '^' || c == '+':
		default:
			return strconv.AppendQuote(b, s)
		}
	}
	return append(b, s...)
}
