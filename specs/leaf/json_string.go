package leaf

// The strings of a JSON text.

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Text reads a string that must be there.
func (d *Reader) Text() string {
	if d.peek() != '"' {
		d.expected("a string")
		return ""
	}
	return d.quoted()
}

// quoted reads a string whose opening quote comes next.
func (d *Reader) quoted() string {
	d.pos++
	start := d.pos
	ascii := true
	for ; d.pos < len(d.text); d.pos++ {
		switch c := d.text[d.pos]; {
		case c == '"':
			s := d.text[start:d.pos]
			d.pos++
			if ascii || utf8.ValidString(s) {
				return s
			}
			d.pos = start
			return d.unescape()
		case c == '\\':
			d.pos = start
			return d.unescape()
		case c < ' ':
			d.Fail(d.pos, "a control character in a string must be written as \\u00"+hex2(c))
			return ""
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	d.expected("a closing quote")
	return ""
}

// unescape reads the rest of a string that is not a plain part of the text:
// one with escapes, or with bytes that are not UTF-8, each of which becomes
// U+FFFD.
func (d *Reader) unescape() string {
	out := make([]byte, 0, 64)
	for d.pos < len(d.text) {
		c := d.text[d.pos]
		switch {
		case c == '"':
			d.pos++
			return string(out)
		case c < ' ':
			d.Fail(d.pos, "a control character in a string must be written as \\u00"+hex2(c))
			return ""
		case c == '\\':
			r, ok := d.escape()
			if !ok {
				d.expected(`one of \" \\ \/ \b \f \n \r \t \uXXXX`)
				return ""
			}
			out = utf8.AppendRune(out, r)
		default:
			r, size := utf8.DecodeRuneInString(d.text[d.pos:])
			out = utf8.AppendRune(out, r)
			d.pos += size
		}
	}
	d.expected("a closing quote")
	return ""
}

// escape reads one escape; a pair of surrogates is one.
func (d *Reader) escape() (rune, bool) {
	rest := d.text[d.pos:]
	if len(rest) < 2 {
		return 0, false
	}
	if i := strings.IndexByte(`"\/bfnrt`, rest[1]); i >= 0 {
		d.pos += 2
		return rune("\"\\/\b\f\n\r\t"[i]), true
	}
	r, ok := hex4(rest)
	if !ok {
		return 0, false
	}
	d.pos += 6
	if utf16.IsSurrogate(r) {
		low, _ := hex4(d.text[d.pos:])
		if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
			d.pos += 6
		}
	}
	return r, true
}

// hex4 reads \uXXXX at the front of s.
func hex4(s string) (rune, bool) {
	if len(s) < 6 || s[:2] != `\u` {
		return 0, false
	}
	n := rune(0)
	for i := 2; i < 6; i++ {
		c := s[i]
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		n = n<<4 | rune(c)
	}
	return n, true
}
