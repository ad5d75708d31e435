package leaf

import "strconv"

// The values of a JSON text. A null gives the zero value.

// Has says that a value comes next. A null is none, and is read.
func (d *Reader) Has() bool { return !d.Null() && d.err == nil }

// Document says that the text is an object, and that it is an error if not:
// where a null would pass for an empty value.
func (d *Reader) Document() bool { return d.peek() == '{' || d.expected("an object") }

// String reads a string.
func (d *Reader) String() (s string) {
	if d.Has() {
		s = d.Text()
	}
	return s
}

// Strings reads an array of strings.
func (d *Reader) Strings() (list []string) {
	if !d.Array() {
		return nil
	}
	list = []string{}
	for d.Element() {
		list = append(list, d.String())
	}
	return list
}

// Int reads an integer.
func (d *Reader) Int() int64 {
	if !d.Has() {
		return 0
	}
	text, place := d.Integer()
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		d.Fail(place, "expected an integer in range, found "+text)
		return 0
	}
	return n
}

// Integer reads an integer that must be there, of any size, and gives its text
// and place.
func (d *Reader) Integer() (text string, place int) {
	d.peek()
	place = d.pos
	return d.number("an integer"), place
}

// Bool reads a boolean.
func (d *Reader) Bool() bool { return d.Has() && d.boolean() }

// Raw gives the text of the value that comes next.
func (d *Reader) Raw() string {
	d.peek()
	start := d.pos
	d.Skip()
	if d.err != nil {
		return ""
	}
	return d.text[start:d.pos]
}
