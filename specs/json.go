package specs

// JSON text to Go values, without reflection: the first use of encoding/json
// on a Spec costs 0.7 ms, which is most of what a whole container costs. The
// per-type code is generated (codec_gen.go); this file is the reader below it.
// Values come out as encoding/json would have them, with these differences:
// a repeated key replaces what the earlier one gave (encoding/json merges),
// nesting ends at 1000 (not 10000), and every error has a place.

import (
	"strconv"
	"strings"
)

// maxDepth keeps a hostile text from growing our stack.
const maxDepth = 1000

// decoder reads one text from front to back. The first error stays, and every
// method does nothing after it, so the generated code need not ask.
type decoder struct {
	text  string
	pos   int
	fresh bool // an object or array was just opened: no comma is due
	again bool // key was respelled by other: offer it once more
	key   string
	path  []segment // of the value being read
	err   *Error
}

// segment is one step of a JSON pointer.
type segment struct {
	key   string
	index int // -1: key counts; -2: neither does yet
}

func newDecoder(data []byte) *decoder {
	// One copy of the text; every string without an escape is a part of it.
	return &decoder{text: string(data), path: make([]segment, 0, 16)}
}

// end requires that nothing but white space is left.
func (d *decoder) end() error {
	if d.peek(); d.err == nil && d.pos < len(d.text) {
		d.fail(d.pos, "expected the end of the text, found "+d.found())
	}
	if d.err != nil {
		return d.err
	}
	return nil
}

// peek skips white space and gives the next byte, 0 at the end.
func (d *decoder) peek() byte {
	for d.pos < len(d.text) {
		switch c := d.text[d.pos]; c {
		case ' ', '\t', '\n', '\r':
			d.pos++
		default:
			return c
		}
	}
	return 0
}

// object enters an object. It says false for null and after an error.
func (d *decoder) object() bool { return d.enter('{', "an object") }

// array enters an array. It says false for null and after an error.
func (d *decoder) array() bool { return d.enter('[', "an array") }

func (d *decoder) enter(open byte, what string) bool {
	if d.null() || d.err != nil {
		return false
	}
	if d.peek() != open {
		return d.expected(what)
	}
	if len(d.path) == maxDepth {
		return d.fail(d.pos, "nested deeper than "+strconv.Itoa(maxDepth))
	}
	d.pos++
	d.path = append(d.path, segment{index: -2})
	d.fresh = true
	return true
}

// leave goes out of an object or array at its closing byte.
func (d *decoder) leave() bool {
	d.pos++
	d.path = d.path[:len(d.path)-1]
	d.fresh = false
	return false
}

// member goes to the next key of an object; false at its end.
func (d *decoder) member() bool {
	if d.again {
		d.again = false
		return true
	}
	if d.err != nil {
		return false
	}
	c := d.peek()
	if c == '}' {
		return d.leave()
	}
	d.path[len(d.path)-1].index = -2
	if !d.fresh {
		if c != ',' {
			return d.expected("a comma or }")
		}
		d.pos++
		c = d.peek()
	}
	d.fresh = false
	if c != '"' {
		return d.expected("a key")
	}
	d.key = d.quoted()
	if d.peek() != ':' {
		return d.expected("a colon")
	}
	d.pos++
	d.path[len(d.path)-1] = segment{key: d.key, index: -1}
	return d.err == nil
}

// element goes to the next element of an array; false at its end.
func (d *decoder) element() bool {
	if d.err != nil {
		return false
	}
	c := d.peek()
	top := &d.path[len(d.path)-1]
	if d.fresh {
		if c == ']' {
			return d.leave()
		}
		d.fresh = false
		top.index = 0
		return true
	}
	switch c {
	case ']':
		return d.leave()
	case ',':
		d.pos++
		top.index++
		return true
	}
	return d.expected("a comma or ]")
}

// other deals with a key that is none of fields, letter by letter. One that
// differs from a field in case only is that field, as in encoding/json: there
// are configurations that lean on it. Any other is skipped (config.md,
// Extensibility).
func (d *decoder) other(fields string) {
	for rest := fields; rest != ""; {
		var name string
		name, rest, _ = strings.Cut(rest, ",")
		if strings.EqualFold(name, d.key) {
			d.key, d.again = name, true
			return
		}
	}
	d.skip()
}

// skip reads a value of any kind.
func (d *decoder) skip() {
	switch d.peek() {
	case '{':
		for d.object(); d.member(); {
			d.skip()
		}
	case '[':
		for d.array(); d.element(); {
			d.skip()
		}
	case '"':
		d.quoted()
	case 't', 'f':
		d.boolean()
	case 'n':
		d.null()
	default:
		d.number("a value")
	}
}

// null reads a null, if that is what comes next.
func (d *decoder) null() bool {
	return d.err == nil && d.peek() == 'n' && d.literal("null")
}

func (d *decoder) literal(word string) bool {
	if !strings.HasPrefix(d.text[d.pos:], word) {
		return d.expected(word)
	}
	d.pos += len(word)
	return true
}

func (d *decoder) boolean() bool {
	switch d.peek() {
	case 't':
		return d.literal("true")
	case 'f':
		d.literal("false")
		return false
	}
	return d.expected("a boolean")
}

// number reads a number and gives its text.
func (d *decoder) number(what string) string {
	d.peek()
	start := d.pos
	d.accept("-")
	if !d.accept("0") && !d.digits() {
		d.pos = start
		d.expected(what)
		return ""
	}
	if d.accept(".") && !d.digits() || d.accept("eE") && (d.accept("+-") || true) && !d.digits() {
		d.expected("a digit")
		return ""
	}
	return d.text[start:d.pos]
}

func (d *decoder) accept(set string) bool {
	if d.pos < len(d.text) && strings.IndexByte(set, d.text[d.pos]) >= 0 {
		d.pos++
		return true
	}
	return false
}

func (d *decoder) digits() bool {
	start := d.pos
	for d.pos < len(d.text) && '0' <= d.text[d.pos] && d.text[d.pos] <= '9' {
		d.pos++
	}
	return d.pos > start
}
