package wire

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"syscall"
	"testing"

	specs "stave/specs/leaf"
)

// fill gives every field of a struct a value that is not zero.
func fill(v reflect.Value) {
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.String:
			f.SetString("text \"\x01\u2028é")
			if name := v.Type().Field(i).Name; name == "Process" {
				f.SetString(`{"a":[1,{"b":null}]}`)
			}
		case reflect.Int64:
			f.SetInt(-1 << 62)
		case reflect.Bool:
			f.SetBool(true)
		case reflect.Slice:
			f.Set(reflect.ValueOf([]string{"one", "", "two"}))
		case reflect.Struct:
			fill(f)
		default:
			panic(v.Type().Field(i).Name)
		}
	}
}

// Every field of every message arrives: none is missing in its list.
func TestMessagesArrive(t *testing.T) {
	for _, m := range []message{&Greeting{}, &Request{}, &Status{}, &Stats{}, &Size{}} {
		fill(reflect.ValueOf(m).Elem())
		data := appendMessage(nil, m)
		got := reflect.New(reflect.TypeOf(m).Elem()).Interface().(message)
		if err := parseMessage(data, got); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		if !reflect.DeepEqual(m, got) {
			t.Errorf("%T: %s\n got %+v", m, data, got)
		}
		zero := reflect.New(reflect.TypeOf(m).Elem()).Interface().(message)
		if s := string(appendMessage(nil, zero)); s != "{}" {
			t.Errorf("%T: zero is %s", m, s)
		}
	}
}

func TestErrorArrives(t *testing.T) {
	for _, k := range kinds {
		e := &Error{Record: Record{Verb: "create", ID: "x", N: 3, Of: 7, Step: "mount", Actor: "child", Field: "/mounts/0", Syscall: "mount", Path: "/p",
			Errno: syscall.ENOENT, Problem: "p", Hint: "h", Kind: k.kind}, Runtime: "text\n"}
		got := &Error{}
		if err := got.Parse(e.Append(nil)); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(e, got) || !errors.Is(got, syscall.ENOENT) || !errors.Is(got, k.kind) || got.Error() != e.Error() {
			t.Errorf("got %#v", got)
		}
	}
	for e := syscall.Errno(1); e < 134; e++ {
		name := specs.ErrnoName(e)
		if strings.HasPrefix(name, "E") && errnoOf(name) != e && specs.ErrnoName(errnoOf(name)) != name {
			t.Errorf("%s is %d, not %d", name, errnoOf(name), e)
		}
	}
}

func TestRuntimeError(t *testing.T) {
	for text, want := range map[string]string{
		"": "create c: the runtime failed without a word",
		"time=\"2026-01-02T15:04:05Z\" level=error msg=\"no \\\"x\\\"\"\n": `create c: no "x"`,
		"warning\nlast line\n":                                  "create c: last line",
		`{"level":"error","msg":"runc says","time":"x"}` + "\n": "create c: runc says",
		"x\n" + `{"level":"error","msg":"m","verb":"exec","id":"i","step":"s","n":1,"of":2,"syscall":"mount","errno":"EPERM","hint":"h"}`: "exec i: step 1/2 s: mount(2): EPERM (operation not permitted): h",
		`{"broken`: `create c: {"broken`,
	} {
		if got := RuntimeError("create", "c", text); got.Error() != want || got.Runtime != text {
			t.Errorf("%q: %q, want %q", text, got.Error(), want)
		}
	}
}

// take decodes data in parts of at most size bytes.
func take(data []byte, size int) (frames []string, err error) {
	var d Decoder
	var body []byte
	for len(data) > 0 {
		n := min(d.Want(), len(data), size)
		kind, part, end, err := d.Take(data[:n])
		if err != nil {
			return frames, err
		}
		data = data[n:]
		if body = append(body, part...); end {
			frames = append(frames, string(rune(kind))+string(body))
			body = nil
		}
	}
	return frames, nil
}

func TestFrames(t *testing.T) {
	var b []byte
	b = AppendFrame(b, Hello, []byte("{}"))
	b = AppendFrame(b, EndStdin, nil)
	b = AppendFrame(b, Stdin, bytes.Repeat([]byte("x"), MaxRaw))
	for _, size := range []int{1, 3, 1 << 20} {
		frames, err := take(b, size)
		if err != nil || len(frames) != 3 || len(frames[0]) != 3 || len(frames[1]) != 1 || len(frames[2]) != 1+MaxRaw {
			t.Errorf("%d: %v, %d frames", size, err, len(frames))
		}
	}
	for _, bad := range []string{"\x00\x00\x00\x00\x00", "\x01\x00\x00\x00\x11", "\x01\x10\x00\x00\x01", "\x01\x00\x10\x00\x02", "\xff\xff\xff\xff\x20", "\x00\x00\x00\x00\x07"} {
		if frames, err := take([]byte(bad), 5); !errors.Is(err, specs.ErrInvalid) {
			t.Errorf("%q: %v %q", bad, err, frames)
		}
	}
}

// However a stream is cut, it is the same frames, and never more than was sent.
func FuzzFrame(f *testing.F) {
	f.Add([]byte("\x02\x00\x00\x00\x01{}\x00\x00\x00\x00\x11"), 3)
	f.Add([]byte("\xff\xff\xff\xff\x02"), 1)
	f.Fuzz(func(t *testing.T, data []byte, size int) {
		whole, werr := take(data, len(data)+1)
		parts, perr := take(data, max(size%100, 1))
		if !reflect.DeepEqual(whole, parts) || (werr == nil) != (perr == nil) {
			t.Fatalf("%q %v, in parts %q %v", whole, werr, parts, perr)
		}
		var again []byte
		for _, s := range whole {
			r := []rune(s[:1])
			again = AppendFrame(again, Kind(r[0]), []byte(s[1:]))
		}
		if !bytes.HasPrefix(data, again) {
			t.Fatalf("%q is not the beginning of %q", again, data)
		}
	})
}

// What can be read is written so that it can be read, and is the same.
func FuzzMessage(f *testing.F) {
	f.Add([]byte(`{"verb":"create","id":"x","runtimeArgs":["a"],"process":{"args":[]},"rows":3,"force":true}`))
	f.Add([]byte(`{"errno":"ENOENT","kind":"busy","n":1}`))
	f.Add([]byte(`{"id":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, m := range []message{&Greeting{}, &Request{}, &Status{}, &Stats{}, &Size{}, &Error{}} {
			if parseMessage(data, m) != nil {
				continue
			}
			again := reflect.New(reflect.TypeOf(m).Elem()).Interface().(message)
			text := appendMessage(nil, m)
			if err := parseMessage(text, again); err != nil {
				t.Fatalf("%T: %q gives %s: %v", m, data, text, err)
			}
			if second := appendMessage(nil, again); !bytes.Equal(text, second) {
				t.Fatalf("%T: %s and then %s", m, text, second)
			}
		}
	})
}
