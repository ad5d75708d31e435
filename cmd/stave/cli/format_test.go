package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"stave/specs"
)

// any strings, with what JSON escapes in them.
func randomString(r *rand.Rand) string {
	parts := []string{"a", "web1", "/srv/x", "\"", "\\", "<", ">", "&", "\n", "\t", "\r", "\b", "\f", "\x00", "\x1f", "\x7f", "é", "\u2028", "\u2029", "\ufffd", "\xff", "\xe2\x80", "😀", "\xed\xa0\x80"}
	var s strings.Builder
	for range r.IntN(6) {
		s.WriteString(parts[r.IntN(len(parts))])
	}
	return s.String()
}

func TestAppendStringIsEncodingJSON(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		s := randomString(r)
		want, _ := json.Marshal(s)
		if got := AppendString(nil, s); !bytes.Equal(got, want) {
			t.Fatalf("%q: got %s, want %s", s, got, want)
		}
	}
}

func TestAppendFloatIsEncodingJSON(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 20000 {
		f := math.Float64frombits(r.Uint64())
		if r.IntN(2) == 0 {
			f = float64(r.IntN(10001)) / 100
		}
		if math.IsNaN(f) || math.IsInf(f, 0) {
			continue
		}
		want, _ := json.Marshal(f)
		if got := appendFloat(nil, f); !bytes.Equal(got, want) {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
}

// The shapes with encoding/json's tags, in the order and with the omissions of runc's.
type jsonState struct {
	OCIVersion  string            `json:"ociVersion"`
	ID          string            `json:"id"`
	PID         int               `json:"pid"`
	Status      string            `json:"status"`
	Bundle      string            `json:"bundle"`
	Rootfs      string            `json:"rootfs"`
	Created     string            `json:"created"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Owner       string            `json:"owner"`
}

func randomStates(r *rand.Rand, text func() string) (list []State) {
	for range r.IntN(4) {
		s := State{"1.3.0", text(), r.IntN(99999), "running", text(), text(), "2026-01-02T03:04:05.6789Z", nil, text()}
		for range r.IntN(3) {
			if s.Annotations == nil {
				s.Annotations = map[string]string{}
			}
			s.Annotations[text()] = text()
		}
		list = append(list, s)
	}
	return list
}

func TestStatesAreEncodingJSON(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 2000 {
		list := randomStates(r, func() string { return randomString(r) })
		var tagged []jsonState
		for i, s := range list {
			tagged = append(tagged, jsonState(s))
			want, _ := json.MarshalIndent(tagged[i], "", "  ")
			if got := AppendState(nil, &list[i]); !bytes.Equal(got, want) {
				t.Fatalf("got %s\nwant %s", got, want)
			}
		}
		var want bytes.Buffer
		json.NewEncoder(&want).Encode(tagged)
		if got := AppendListJSON(nil, list); !bytes.Equal(got, want.Bytes()) {
			t.Fatalf("got %s\nwant %s", got, want.Bytes())
		}
	}
}

func TestListTableIsTabwriter(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 2000 {
		list := randomStates(r, func() string {
			return strings.Repeat("é-", r.IntN(3)) + strings.Repeat("x", r.IntN(15))
		})
		var want bytes.Buffer
		w := tabwriter.NewWriter(&want, 12, 1, 3, ' ', 0)
		fmt.Fprint(w, "ID\tPID\tSTATUS\tBUNDLE\tCREATED\tOWNER\n")
		for _, s := range list {
			fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\n", s.ID, s.PID, s.Status, s.Bundle, s.Created, s.Owner)
		}
		w.Flush()
		if got := AppendListTable(nil, list); string(got) != want.String() {
			t.Fatalf("got\n%s\nwant\n%s", got, &want)
		}
	}
	if got := string(AppendListTable(nil, []State{{ID: "a\tb", Bundle: "/\x1b[2J\n"}})); !strings.Contains(got, `a\tb`) || !strings.Contains(got, `/\x1b[2J\n`) {
		t.Errorf("control bytes reach the terminal: %q", got)
	}
}

func TestPIDsAndIDs(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{string(AppendPIDs(nil, nil)), "null\n"}, {string(AppendPIDs(nil, []int{})), "[]\n"}, {string(AppendPIDs(nil, []int{1, 20})), "[1,20]\n"},
		{string(AppendListIDs(nil, []State{{ID: "a"}, {ID: "b"}})), "a\nb\n"},
		{string(AppendListJSON(nil, nil)), "null\n"}, {string(AppendListJSON(nil, []State{})), "[]\n"},
		{string(AppendVersion(nil, Version{"0.1", "", "1.3.0", "go1.26"})), "stave version 0.1\nspec: 1.3.0\ngo: go1.26\n"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}

func TestAppendPS(t *testing.T) {
	out := "UID   PID  PPID CMD\nroot    1     0 init\nroot   42     1 sh -c x\n\nme     77    42 top\n"
	got, err := AppendPS(nil, []byte(out), []int{42, 77})
	if want := "UID   PID  PPID CMD\nroot   42     1 sh -c x\nme     77    42 top\n"; err != nil || string(got) != want {
		t.Errorf("got %q, %v", got, err)
	}
	for _, bad := range []string{"USER CMD\nme x\n", "A PID\nx y\n"} {
		if _, err := AppendPS(nil, []byte(bad), nil); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

func TestAppendLog(t *testing.T) {
	when := time.Date(2026, 1, 2, 15, 4, 5, 6, time.UTC)
	e := &specs.Error{Verb: "create", ID: "web1", N: 14, Of: 151, Step: "mount /proc", Actor: "child", Field: "/mounts/0",
		Syscall: "fsmount", Path: "proc", Errno: syscall.EPERM, Hint: "add {\"type\":\"pid\"}", Kind: specs.ErrInvalid}
	for _, tt := range []struct{ got, want string }{
		{string(AppendLog(nil, "text", "error", "", when, &specs.Error{Problem: "say \"x\"\n"})), `time="2026-01-02T15:04:05Z" level=error msg="say \"x\"\n"` + "\n"},
		{string(AppendLog(nil, "", "debug", "plain-word", when, nil)), `time="2026-01-02T15:04:05Z" level=debug msg=plain-word` + "\n"},
		{string(AppendLog(nil, "json", "warning", "a<b", when, nil)), `{"level":"warning","msg":"a\u003cb","time":"2026-01-02T15:04:05Z"}` + "\n"},
		{string(AppendLog(nil, "json", "error", "m", when, e)), `{"level":"error","msg":"m","time":"2026-01-02T15:04:05Z","verb":"create","id":"web1","step":"mount /proc","n":14,"of":151,"actor":"child","field":"/mounts/0","syscall":"fsmount","path":"proc","errno":"EPERM","hint":"add {\"type\":\"pid\"}","kind":"invalid"}` + "\n"},
	} {
		if tt.got != tt.want {
			t.Errorf("got  %swant %s", tt.got, tt.want)
		}
	}
	// What containerd's go-runc does with a line.
	var line struct {
		Level, Msg string
		Time       time.Time
	}
	if err := json.Unmarshal(AppendLog(nil, "json", "error", "", when, e), &line); err != nil || line.Level != "error" || line.Msg != e.Error() || line.Time.Unix() != when.Unix() {
		t.Errorf("%+v, %v", line, err)
	}
}

// fill sets fields at random, among them the empty values that are left out.
func fill(r *rand.Rand, v reflect.Value) {
	if r.IntN(3) == 0 {
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(r, v.Field(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(r, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), r.IntN(3), 3))
		for i := range v.Len() {
			fill(r, v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range r.IntN(3) {
			value := reflect.New(v.Type().Elem()).Elem()
			fill(r, value)
			v.SetMapIndex(reflect.ValueOf(randomString(r)), value)
		}
	case reflect.String:
		v.SetString(randomString(r))
	case reflect.Uint64:
		v.SetUint(r.Uint64() >> r.IntN(64))
	case reflect.Uint16:
		v.SetUint(r.Uint64N(1 << 16))
	case reflect.Int64:
		v.SetInt(int64(r.Uint64()))
	case reflect.Float64:
		v.SetFloat(float64(r.IntN(10001)) / 100)
	default:
		panic(v.Kind())
	}
}

// positional copies a value into another of the same shape, field by field.
func positional(dst, src reflect.Value) {
	switch src.Kind() {
	case reflect.Struct:
		if dst.NumField() != src.NumField() {
			panic(fmt.Sprintf("%v and %v", dst.Type(), src.Type()))
		}
		for i := range src.NumField() {
			positional(dst.Field(i), src.Field(i))
		}
	case reflect.Pointer:
		if !src.IsNil() {
			dst.Set(reflect.New(dst.Type().Elem()))
			positional(dst.Elem(), src.Elem())
		}
	case reflect.Slice:
		if !src.IsNil() {
			dst.Set(reflect.MakeSlice(dst.Type(), src.Len(), src.Len()))
			for i := range src.Len() {
				if dst.Index(i).Kind() == reflect.Pointer && src.Index(i).Kind() != reflect.Pointer {
					dst.Index(i).Set(reflect.New(dst.Type().Elem().Elem()))
					positional(dst.Index(i).Elem(), src.Index(i))
					continue
				}
				positional(dst.Index(i), src.Index(i))
			}
		}
	case reflect.Map:
		if !src.IsNil() {
			dst.Set(reflect.MakeMap(dst.Type()))
			for _, k := range src.MapKeys() {
				value := reflect.New(dst.Type().Elem()).Elem()
				positional(value, src.MapIndex(k))
				dst.SetMapIndex(k, value)
			}
		}
	default:
		dst.Set(src.Convert(dst.Type()))
	}
}
