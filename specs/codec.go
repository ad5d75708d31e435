package specs

//go:generate go run ./internal/gen

// The parts that the generated codec is put together from: one pair of
// functions for every kind of Go type that the runtime-spec uses.

import (
	"maps"
	"slices"
	"strconv"

	"stave/specs/leaf"
)

// decoder is the reader as generated code wants it.
type decoder struct {
	leaf.Reader
	key string // of the member that has come
}

func (d *decoder) object() bool { return d.Object() }

func (d *decoder) member() (ok bool) {
	d.key, ok = d.Member()
	return ok
}

// other deals with a key that is none of fields.
func (d *decoder) other(fields string) { d.Respell(fields) }

type (
	signed   interface{ ~int | ~int32 | ~int64 }
	unsigned interface {
		~uint | ~uint16 | ~uint32 | ~uint64
	}
)

// decodeDocument reads the whole of data as one value. A null is refused: it
// would pass for an empty value.
func decodeDocument[T any](data []byte, value func(*decoder, *T)) (*T, error) {
	d := &decoder{Reader: *leaf.NewReader(data)}
	v := new(T)
	d.Document()
	value(d, v)
	if err := d.End(); err != nil {
		return nil, err
	}
	return v, nil
}

func decodeString[T ~string](d *decoder, v *T) {
	if d.Has() {
		*v = T(d.Text())
	}
}

func decodeBool(d *decoder, v *bool) {
	if d.Has() {
		*v = d.Bool()
	}
}

func decodeInt[T signed](d *decoder, v *T) {
	if !d.Has() {
		return
	}
	text, place := d.Integer()
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || int64(T(n)) != n {
		d.Fail(place, "expected an integer in range, found "+text)
		return
	}
	*v = T(n)
}

// decodeUint refuses what does not fit and never wraps: a uid of 2^32 must
// not become root.
func decodeUint[T unsigned](d *decoder, v *T) {
	if !d.Has() {
		return
	}
	text, place := d.Integer()
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || uint64(T(n)) != n {
		d.Fail(place, "expected an integer from 0 to "+strconv.FormatUint(uint64(^T(0)), 10)+", found "+text)
		return
	}
	*v = T(n)
}

func decodePointer[T any](d *decoder, v **T, value func(*decoder, *T)) {
	if d.Null() {
		*v = nil
		return
	}
	*v = new(T)
	value(d, *v)
}

func decodeSlice[T any](d *decoder, v *[]T, value func(*decoder, *T)) {
	*v = nil
	if !d.Array() {
		return
	}
	out := []T{}
	for d.Element() {
		var one T
		out = append(out, one)
		value(d, &out[len(out)-1])
	}
	*v = out
}

func decodeMap[T any](d *decoder, v *map[string]T, value func(*decoder, *T)) {
	*v = nil
	if !d.object() {
		return
	}
	out := map[string]T{}
	for d.member() {
		key := d.key
		var one T
		value(d, &one)
		out[key] = one
	}
	*v = out
}

// decodePresence only notes that an object is there: stave refuses the parts
// of the spec that are for other platforms, whatever they hold.
func decodePresence[T any](d *decoder, v **T) {
	*v = nil
	if !d.object() {
		return
	}
	for d.member() {
		d.Skip()
	}
	*v = new(T)
}

// appendKey begins a member of the object that b is in the middle of.
func appendKey(b []byte, key string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	return append(leaf.AppendString(b, key), ':')
}

func appendText[T ~string](b []byte, v *T) []byte { return AppendString(b, string(*v)) }

func appendBool(b []byte, v *bool) []byte { return strconv.AppendBool(b, *v) }

func appendInt[T signed](b []byte, v *T) []byte { return strconv.AppendInt(b, int64(*v), 10) }

func appendUint[T unsigned](b []byte, v *T) []byte { return strconv.AppendUint(b, uint64(*v), 10) }

func appendPointer[T any](b []byte, v *T, value func([]byte, *T) []byte) []byte {
	if v == nil {
		return append(b, "null"...)
	}
	return value(b, v)
}

func appendSlice[T any](b []byte, v []T, value func([]byte, *T) []byte) []byte {
	if v == nil {
		return append(b, "null"...)
	}
	b = append(b, '[')
	for i := range v {
		if i > 0 {
			b = append(b, ',')
		}
		b = value(b, &v[i])
	}
	return append(b, ']')
}

func appendMap[T any](b []byte, v map[string]T, value func([]byte, *T) []byte) []byte {
	if v == nil {
		return append(b, "null"...)
	}
	b = append(b, '{')
	for _, key := range slices.Sorted(maps.Keys(v)) {
		one := v[key]
		b = value(appendKey(b, key), &one)
	}
	return append(b, '}')
}

func appendPresence[T any](b []byte, _ *T) []byte { return append(b, "{}"...) }
