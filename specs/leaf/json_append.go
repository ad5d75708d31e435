package leaf

// Go values to JSON text. The bytes are those of encoding/json, HTML escapes
// included, because people compare the output of runtimes byte by byte.

import "unicode/utf8"

// AppendString appends s as a JSON string.
func AppendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if ' ' <= c && c < utf8.RuneSelf && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&' {
			i++
			continue
		}
		size := 1
		if c >= utf8.RuneSelf {
			var r rune
			r, size = utf8.DecodeRuneInString(s[i:])
			if (r != utf8.RuneError || size > 1) && r != '\u2028' && r != '\u2029' {
				i += size
				continue
			}
		}
		b = append(b, s[start:i]...)
		b = appendEscape(b, s[i:i+size])
		i += size
		start = i
	}
	return append(append(b, s[start:]...), '"')
}

// appendEscape appends the escape of one character.
func appendEscape(b []byte, s string) []byte {
	switch s {
	case `"`, `\`:
		return append(b, '\\', s[0])
	case "\b":
		return append(b, `\b`...)
	case "\f":
		return append(b, `\f`...)
	case "\n":
		return append(b, `\n`...)
	case "\r":
		return append(b, `\r`...)
	case "\t":
		return append(b, `\t`...)
	case "\u2028": // a line end in JavaScript, though not in JSON
		return append(b, `\u2028`...)
	case "\u2029":
		return append(b, `\u2029`...)
	}
	if s[0] >= utf8.RuneSelf {
		return append(b, `\ufffd`...)
	}
	return append(append(b, `\u00`...), hex2(s[0])...)
}

// Indent appends the valid JSON text data to b, each member and element on a
// line of its own that begins with prefix and one indent per level. The first
// line gets neither, as in encoding/json.
func Indent(b, data []byte, prefix, indent string) []byte {
	level := 0
	line := func() {
		b = append(append(b, '\n'), prefix...)
		for range level {
			b = append(b, indent...)
		}
	}
	opened := false // an object or array that may yet prove empty
	for i := 0; i < len(data); i++ {
		c := data[i]
		if c == ' ' || c == '\t' || c == '\n' || c == '\r' {
			continue
		}
		closing := c == '}' || c == ']'
		if opened && !closing {
			level++
			line()
		}
		if closing && !opened {
			level--
			line()
		}
		opened = c == '{' || c == '['
		switch c {
		case ',':
			b = append(b, c)
			line()
		case ':':
			b = append(b, ": "...)
		case '"':
			end := i + 1
			for ; end < len(data)-1 && data[end] != '"'; end++ {
				if data[end] == '\\' {
					end++
				}
			}
			b = append(b, data[i:end+1]...)
			i = end
		default:
			b = append(b, c)
		}
	}
	return b
}
