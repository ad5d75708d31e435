package specs

// Reader reads one JSON text member by member, for the small messages of a
// protocol that no generated code is worth while for. It is the reader of
// config.json: no reflection, every error has a place, and the first one stays
// while all that follows gives nothing.
type Reader struct{ d *decoder }

// NewReader makes one for a text, of which it keeps a copy.
func NewReader(data []byte) *Reader { return &Reader{newDecoder(data)} }

// Object enters the object that comes next; false if there is none.
func (r *Reader) Object() bool { return r.d.object() }

// Member goes to the next member of the object, whose value has to be read
// then; false at the end of the object.
func (r *Reader) Member() (key string, ok bool) {
	ok = r.d.member()
	return r.d.key, ok
}

// Array enters the array that comes next; false if there is none.
func (r *Reader) Array() bool { return r.d.array() }

// Element goes to the next element of the array; false at its end.
func (r *Reader) Element() bool { return r.d.element() }

// String reads a string.
func (r *Reader) String() (s string) {
	decodeString(r.d, &s)
	return s
}

// Strings reads an array of strings.
func (r *Reader) Strings() (list []string) {
	decodeSlice(r.d, &list, decodeString[string])
	return list
}

// Int reads an integer.
func (r *Reader) Int() (n int64) {
	decodeInt(r.d, &n)
	return n
}

// Bool reads a boolean.
func (r *Reader) Bool() (b bool) {
	decodeBool(r.d, &b)
	return b
}

// Raw gives the text of the value that comes next.
func (r *Reader) Raw() string {
	r.d.peek()
	start := r.d.pos
	r.d.skip()
	if r.d.err != nil {
		return ""
	}
	return r.d.text[start:r.d.pos]
}

// Skip leaves out the value that comes next.
func (r *Reader) Skip() { r.d.skip() }

// End requires that the text ends here, and gives the first error, an *Error.
func (r *Reader) End() error { return r.d.end() }
