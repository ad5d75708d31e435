package wire

import (
	"strconv"

	specs "stave/specs/leaf"
)

// A message names its fields once, for both directions: to a writer, which
// appends those that are not zero, and to a reader, which looks for the one
// whose name has come. What is absent is zero, and what is not known is skipped:
// so a field can be added without a new version.
type fields interface {
	text(name string, v *string)
	texts(name string, v *[]string)
	number(name string, v *int64)
	truth(name string, v *bool)
	raw(name string, v *string) // any JSON value, as it is
}

type message interface{ fields(fields) }

type writer struct{ b []byte }

func (w *writer) key(name string) {
	if w.b[len(w.b)-1] != '{' {
		w.b = append(w.b, ',')
	}
	w.b = append(specs.AppendString(w.b, name), ':')
}

func (w *writer) text(name string, v *string) {
	if *v != "" {
		w.key(name)
		w.b = specs.AppendString(w.b, *v)
	}
}

func (w *writer) texts(name string, v *[]string) {
	if len(*v) == 0 {
		return
	}
	w.key(name)
	for i, s := range *v {
		w.b = specs.AppendString(append(w.b, "[,"[min(i, 1)]), s)
	}
	w.b = append(w.b, ']')
}

func (w *writer) number(name string, v *int64) {
	if *v != 0 {
		w.key(name)
		w.b = strconv.AppendInt(w.b, *v, 10)
	}
}

func (w *writer) truth(name string, v *bool) {
	if *v {
		w.key(name)
		w.b = append(w.b, "true"...)
	}
}

func (w *writer) raw(name string, v *string) {
	if *v != "" {
		w.key(name)
		w.b = append(w.b, *v...)
	}
}

func appendMessage(b []byte, m message) []byte {
	w := writer{append(b, '{')}
	m.fields(&w)
	return append(w.b, '}')
}

type reader struct {
	r   *specs.Reader
	key string
	hit bool
}

func (r *reader) is(name string) bool {
	if r.hit || r.key != name {
		return false
	}
	r.hit = true
	return true
}

func (r *reader) text(name string, v *string) {
	if r.is(name) {
		*v = r.r.String()
	}
}

func (r *reader) texts(name string, v *[]string) {
	if r.is(name) {
		*v = r.r.Strings()
	}
}

func (r *reader) number(name string, v *int64) {
	if r.is(name) {
		*v = r.r.Int()
	}
}

func (r *reader) truth(name string, v *bool) {
	if r.is(name) {
		*v = r.r.Bool()
	}
}

func (r *reader) raw(name string, v *string) {
	if r.is(name) {
		*v = r.r.Raw()
	}
}

func parseMessage(data []byte, m message) error {
	in := specs.NewReader(data)
	if !in.Object() {
		if err := in.End(); err != nil {
			return wrap(err)
		}
		return invalid("a message is an object, not null")
	}
	r := reader{r: in}
	for {
		var ok bool
		if r.key, ok = in.Member(); !ok {
			break
		}
		r.hit = false
		if m.fields(&r); !r.hit {
			in.Skip()
		}
	}
	if err := in.End(); err != nil {
		return wrap(err)
	}
	return nil
}

func wrap(err error) error {
	e := &Error{Record: *err.(*specs.Error)}
	e.Step = "read a message"
	return e
}
