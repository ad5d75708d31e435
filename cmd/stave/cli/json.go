package cli

import (
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// AppendString appends s as a JSON string in the very bytes of encoding/json:
// <, > and & escaped, and bytes that are not UTF-8 replaced.
func AppendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&' {
				i++
				continue
			}
			b = append(b, s[start:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\b':
				b = append(b, '\\', 'b')
			case '\f':
				b = append(b, '\\', 'f')
			case '\n':
				b = append(b, '\\', 'n')
			case '\r':
				b = append(b, '\\', 'r')
			case '\t':
				b = append(b, '\\', 't')
			default:
				b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			}
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b = append(append(b, s[start:i]...), `\ufffd`...)
			start = i + 1
		case r == '\u2028' || r == '\u2029': // not allowed in JavaScript's strings
			b = append(append(b, s[start:i]...), `\u202`...)
			b = append(b, hex[r&15])
			start = i + size
		}
		i += size
	}
	return append(append(b, s[start:]...), '"')
}

// appendFloat writes a number as encoding/json does: as ECMAScript would, save
// that NaN and the infinities, which JSON has not, become 0.
func appendFloat(b []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(b, '0')
	}
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	b = strconv.AppendFloat(b, f, format, -1, 64)
	if n := len(b); format == 'e' && n >= 4 && b[n-4] == 'e' && b[n-3] == '-' && b[n-2] == '0' { // e-09 is e-9
		b[n-2] = b[n-1]
		b = b[:n-1]
	}
	return b
}

// An object is JSON in the making.
type object struct {
	b      []byte
	indent bool // a field a line, two spaces a level
	depth  int
	first  bool // no field of this level yet
}

func (o *object) open() {
	o.b = append(o.b, '{')
	o.first = true
	o.depth++
}

func (o *object) close() {
	o.depth--
	if !o.first {
		o.line()
	}
	o.b = append(o.b, '}')
	o.first = false
}

// line begins a new line, if there are lines.
func (o *object) line() {
	if !o.indent {
		return
	}
	o.b = append(o.b, '\n')
	for range o.depth {
		o.b = append(o.b, ' ', ' ')
	}
}

// key writes the comma that is due and the name of a field.
func (o *object) key(name string) {
	if !o.first {
		o.b = append(o.b, ',')
	}
	o.first = false
	o.line()
	o.b = append(AppendString(o.b, name), ':')
	if o.indent {
		o.b = append(o.b, ' ')
	}
}

func (o *object) str(name, value string)     { o.key(name); o.b = AppendString(o.b, value) }
func (o *object) num(name string, v int64)   { o.key(name); o.b = strconv.AppendInt(o.b, v, 10) }
func (o *object) uint(name string, v uint64) { o.key(name); o.b = strconv.AppendUint(o.b, v, 10) }

// The ones with omitted zero values: omitempty.

func (o *object) strOmit(name, value string) {
	if value != "" {
		o.str(name, value)
	}
}

func (o *object) uintOmit(name string, v uint64) {
	if v != 0 {
		o.uint(name, v)
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func appendInts(b []byte, list []int) []byte {
	if list == nil {
		return append(b, "null"...)
	}
	b = append(b, '[')
	for i, n := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(n), 10)
	}
	return append(b, ']')
}
