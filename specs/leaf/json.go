package leaf

// JSON text to Go values, without reflection: the first use of encoding/json
// on a Spec costs 0.7 ms, which is most of what a whole container costs. The
// code for the types of the runtime-spec is generated (codec_gen.go in specs);
// this file is the reader below it, and below small messages that no generated
// code is worth while for. Values come out as encoding/json would have them,
// with these differences: a repeated key replaces what the earlier one gave
// (encoding/json merges), nesting ends at 1000 (not 10000), and every error has
// a place.

import (
	"strconv"
	"strings"
)

// maxDepth keeps a hostile text from growing our stack.
const maxDepth = 1000

// Reader reads one text from front to back, member by member. The first error
// stays, and every method does nothing after it, so that nobody need ask.
type Reader struct {
	text  string
	pos   int
	fresh bool // an object or array was just opened: no comma is due
	again bool // key was respelled by Respell: offer it once more
	key   string
	path  []segment // of the value being read
	err   *Error
}

// segment is one step of a JSON pointer.
type segment struct {
	key   string
	index int // -1: key counts; -2: neither does yet
}

// NewReader makes one for a text, of which it keeps a copy: every string without
// an escape is a part of that.
func NewReader(data []byte) *Reader {
	return &Reader{text: string(data), path: make([]segment, 0, 16)}
}

// End requires that nothing but white space is left, and gives the first error,
// an *Error.
func (d *Reader) End() error {
	if d.peek(); d.err == nil && d.pos < len(d.text) {
		d.Fail(d.pos, "expected the end of the text, found "+d.found())
	}
	if d.err != nil {
		return d.err
	}
	return nil
}

// peek skips white space and gives the next byte, 0 at the end.
func (d *Reader) peek() byte {
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

// Object enters an object. It says false for null and after an error.
func (d *Reader) Object() bool { return d.enter('{', "an object") }

// Array enters an array. It says false for null and after an error.
func (d *Reader) Array() bool { return d.enter('[', "an array") }

func (d *Reader) enter(open byte, what string) bool {
	if d.Null() || d.err != nil {
		return false
	}
	if d.peek() != open {
		return d.expected(what)
	}
	if len(d.path) == maxDepth {
		return d.Fail(d.pos, "nested deeper than "+strconv.Itoa(maxDepth))
	}
	d.pos++
	d.path = append(d.path, segment{index: -2})
	d.fresh = true
	return true
}

// leave goes out of an object or array at its closing byte.
func (d *Reader) leave() bool {
	d.pos++
	d.path = d.path[:len(d.path)-1]
	d.fresh = false
	return false
}

// Member goes to the next member of the object, whose value has to be read then;
// false at the end of the object.
func (d *Reader) Member() (key string, ok bool) {
	ok = d.member()
	return d.key, ok
}

func (d *Reader) member() bool {
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

// Element goes to the next element of the array; false at its end.
func (d *Reader) Element() bool {
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

// Respell deals with a key that is none of fields, letter by letter. One that
// differs from a field in case only is that field, as in encoding/json: there
// are configurations that lean on it. Any other is skipped (config.md,
// Extensibility).
func (d *Reader) Respell(fields string) {
	for rest := fields; rest != ""; {
		var name string
		name, rest, _ = strings.Cut(rest, ",")
		if strings.EqualFold(name, d.key) {
			d.key, d.again = name, true
			return
		}
	}
	d.Skip()
}

// Skip leaves out the value that comes next, of any kind.
func (d *Reader) Skip() {
	switch d.peek() {
	case '{':
		for d.Object(); d.member(); {
			d.Skip()
		}
	case '[':
		for d.Array(); d.Element(); {
			d.Skip()
		}
	case '"':
		d.quoted()
	case 't', 'f':
		d.boolean()
	case 'n':
		d.Null()
	default:
		d.number("a value")
	}
}

// Null reads a null, if that is what comes next.
func (d *Reader) Null() bool {
	return d.err == nil && d.peek() == 'n' && d.literal("null")
}

func (d *Reader) literal(word string) bool {
	if !strings.HasPrefix(d.text[d.pos:], word) {
		return d.expected(word)
	}
	d.pos += len(word)
	return true
}

func (d *Reader) boolean() bool {
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
func (d *Reader) number(what string) string {
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

func (d *Reader) accept(set string) bool {
	if d.pos < len(d.text) && strings.IndexByte(set, d.text[d.pos]) >= 0 {
		d.pos++
		return true
	}
	return false
}

func (d *Reader) digits() bool {
	start := d.pos
	for d.pos < len(d.text) && '0' <= d.text[d.pos] && d.text[d.pos] <= '9' {
		d.pos++
	}
	return d.pos > start
}
