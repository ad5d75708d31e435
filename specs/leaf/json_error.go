package leaf

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// expected says what should stand at the present place. Like Fail it is
// always false, so that a caller may end with it.
func (d *Reader) expected(what string) bool {
	return d.Fail(d.pos, "expected "+what+", found "+d.found())
}

// Fail records an error at a place in the text, as Integer gives it; only the
// first error counts.
func (d *Reader) Fail(pos int, problem string) bool {
	if d.err == nil {
		line := 1 + strings.Count(d.text[:pos], "\n")
		column := 1 + utf8.RuneCountInString(d.text[strings.LastIndexByte(d.text[:pos], '\n')+1:pos])
		d.err = &Error{
			Field:   d.pointer(),
			Problem: "line " + strconv.Itoa(line) + ", column " + strconv.Itoa(column) + ": " + problem,
			Kind:    ErrInvalid,
		}
	}
	return false
}

// found names what stands at the present place.
func (d *Reader) found() string {
	if d.pos >= len(d.text) {
		return "the end of the text"
	}
	switch c := d.text[d.pos]; {
	case c == '{':
		return "an object"
	case c == '[':
		return "an array"
	case c == '"':
		return "a string"
	case c == '-' || '0' <= c && c <= '9':
		return "a number"
	}
	for _, word := range []string{"true", "false", "null"} {
		if strings.HasPrefix(d.text[d.pos:], word) {
			return word
		}
	}
	r, size := utf8.DecodeRuneInString(d.text[d.pos:])
	if r == utf8.RuneError && size == 1 {
		return "byte 0x" + hex2(d.text[d.pos])
	}
	return strconv.QuoteRune(r)
}

// pointer is the JSON pointer (RFC 6901) of the value being read.
func (d *Reader) pointer() string {
	out := ""
	for _, s := range d.path {
		switch s.index {
		case -2:
		case -1:
			out = Sub(out, s.key)
		default:
			out = At(out, s.index)
		}
	}
	return out
}

// Sub is the JSON pointer of a member of the object at field.
func Sub(field, key string) string {
	if strings.ContainsAny(key, "~/") {
		key = strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1")
	}
	return field + "/" + key
}

// At is the JSON pointer of an element of the array at field.
func At(field string, index int) string { return field + "/" + strconv.Itoa(index) }

func hex2(c byte) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[c>>4], digits[c&15]})
}
