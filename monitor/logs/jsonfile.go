package logs

import (
	"bytes"
	"unicode/utf8"
)

// jsonFile is the format of Docker's json-file driver, one object a line:
//
//	{"log":"text\n","stream":"stdout","time":"2026-11-21T16:17:13.123456789Z"}
//
// The text of a record that does not end its line lacks the \n. Times are UTC,
// without trailing zeros, and all records of a line have that of the first.
type jsonFile struct {
	clock  clock
	suffix [2][jsonSuffix]byte
	length [2]int
}

const (
	jsonHead   = `{"log":"`
	jsonStream = `","stream":"std`
	jsonSuffix = len(jsonStream) + len(`out","time":"`) + len("2026-11-21T16:17:13.123456789Z") + len("\"}\n")
	jsonText   = 16384
)

func (j *jsonFile) stamp(s Stream, now int64) {
	text := j.clock.at(now)[:offsetAt]
	for text[len(text)-1] == '0' && len(text) > digitsAt {
		text = text[:len(text)-1]
	}
	if len(text) == digitsAt {
		text = text[:digitsAt-1] // and no point either
	}
	b := append(j.suffix[s][:0], jsonStream...)
	if s == Stderr {
		b = append(b, `err","time":"`...)
	} else {
		b = append(b, `out","time":"`...)
	}
	b = append(b, text...)
	b = append(b, "Z\"}\n"...)
	j.length[s] = len(b)
}

func (j *jsonFile) worst(n int) int { return len(jsonHead) + 6*n + len(`\n`) + jsonSuffix }

func (j *jsonFile) append(b []byte, s Stream, _ *tail, head, text []byte, full bool) []byte {
	b = append(b, jsonHead...)
	if len(head) > 0 {
		// A character may lie across the seam; it must not become two errors.
		n := len(head) - incomplete(head)
		b = escape(b, head[:n])
		if cut := head[n:]; len(cut) > 0 {
			var seam [2 * utf8.UTFMax]byte
			joined := append(append(seam[:0], cut...), text[:min(len(text), utf8.UTFMax)]...)
			_, size := utf8.DecodeRune(joined)
			if size > len(cut) {
				b = escape(b, joined[:size])
				text = text[size-len(cut):]
			} else {
				b = escape(b, cut)
			}
		}
	}
	b = escape(b, text)
	if full {
		b = append(b, `\n`...)
	}
	return append(b, j.suffix[s][:j.length[s]]...)
}

// incomplete is the number of bytes at the end of p that begin a character of
// UTF-8 and do not end it.
func incomplete(p []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(p); n++ {
		if c := p[len(p)-n]; utf8.RuneStart(c) {
			if utf8.FullRune(p[len(p)-n:]) {
				return 0
			}
			return n
		}
	}
	return 0
}

// escape appends text as the inside of a JSON string, with the escapes that
// Docker uses: those of encoding/json in its earliest form.
func escape(b, text []byte) []byte {
	const hex = "0123456789abcdef"
	start := 0
	for i := 0; i < len(text); {
		c := text[i]
		if ' ' <= c && c < utf8.RuneSelf && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&' {
			i++
			continue
		}
		size := 1
		var r rune
		if c >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(text[i:])
			if (r != utf8.RuneError || size > 1) && r != '\u2028' && r != '\u2029' {
				i += size
				continue
			}
		}
		b = append(b, text[start:i]...)
		switch {
		case c >= utf8.RuneSelf && size == 1:
			b = append(b, `\ufffd`...)
		case c >= utf8.RuneSelf: // line ends in JavaScript, though not in JSON
			b = append(append(b, `\u202`...), hex[r&0xf])
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\r':
			b = append(b, `\r`...)
		case c == '\n':
			b = append(b, `\n`...)
		default:
			b = append(append(b, `\u00`...), hex[c>>4], hex[c&0xf])
		}
		i += size
		start = i
	}
	return append(b, text[start:]...)
}

func (j *jsonFile) entry(b []byte) entry {
	e := entry{length: bytes.IndexByte(b, '\n') + 1}
	// Quotes in the text are escaped, so the last of these ends it.
	end := bytes.LastIndex(b[:e.length], []byte(jsonStream))
	if b[end+len(jsonStream)] == 'e' {
		e.stream = Stderr
	}
	for text := b[len(jsonHead):end]; len(text) > 0; {
		size, was := 1, 1
		if text[0] == '\\' {
			size = 2
			e.full = text[1] == 'n'
			if text[1] == 'u' {
				size = 6
				if string(text[2:5]) == "202" {
					was = 3 // U+2028 and U+2029; every other escape was one byte
				}
			}
		} else {
			e.full = false
		}
		text, e.bytes = text[size:], e.bytes+int64(was)
	}
	return e
}
