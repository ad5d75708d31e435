package specs

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/opencontainers/runtime-spec/specs-go/features"

	"stave/specs/internal/gen/codec"
)

func TestGeneratedCodecIsUpToDate(t *testing.T) {
	want, err := codec.Source(".")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("codec_gen.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatal("codec_gen.go is stale: run go generate ./specs")
	}
}

// upstream is the directory of the runtime-spec module, whose examples we read.
func upstream(t testing.TB) string {
	dir := filepath.Join(modCache(t), "github.com/opencontainers/runtime-spec@v1.3.0")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no source of the runtime-spec module:", err)
	}
	return dir
}

func modCache(t testing.TB) string {
	if dir := os.Getenv("GOMODCACHE"); dir != "" {
		return dir
	}
	if dir := os.Getenv("GOPATH"); dir != "" {
		return filepath.Join(filepath.SplitList(dir)[0], "pkg/mod")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		t.Skip(err)
	}
	return filepath.Join(home, "go/pkg/mod")
}

func TestDecodeUpstreamConfigs(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(upstream(t), "schema/test/config/*/*.json"))
	if len(files) < 10 {
		t.Fatal("only", len(files), "files")
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.Base(file), func(t *testing.T) { compareSpec(t, data) })
	}
}

// compareSpec holds Decode against encoding/json.
func compareSpec(t *testing.T, data []byte) {
	t.Helper()
	var want rspec.Spec
	wantErr := json.Unmarshal(data, &want)
	got, err := Decode(data)
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("Decode: %v, encoding/json: %v\n%s", err, wantErr, data)
	}
	if err != nil {
		return
	}
	onlyPresence(&want)
	if !reflect.DeepEqual(got, &want) {
		t.Fatalf("\n got %s\nwant %s", AppendSpec(nil, got), AppendSpec(nil, &want))
	}
}

// onlyPresence does to a Spec of encoding/json what decodePresence does.
func onlyPresence(s *rspec.Spec) {
	if s.Solaris != nil {
		s.Solaris = &rspec.Solaris{}
	}
	if s.Windows != nil {
		s.Windows = &rspec.Windows{}
	}
	if s.VM != nil {
		s.VM = &rspec.VM{}
	}
	if s.ZOS != nil {
		s.ZOS = &rspec.ZOS{}
	}
	if s.FreeBSD != nil {
		s.FreeBSD = &rspec.FreeBSD{}
	}
}

// fill sets every field of v, each with the chance of 3 in 4.
func fill(r *rand.Rand, v reflect.Value) {
	if r.IntN(4) == 0 {
		return
	}
	switch v.Kind() {
	case reflect.String:
		alphabet := []rune("aZ09/. _-\"\\<>&\n\t\b\f\x01\x7fé€😀\u2028\u2029\ufffd")
		out := []rune{}
		for range r.IntN(9) {
			out = append(out, alphabet[r.IntN(len(alphabet))])
		}
		v.SetString(string(out))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(int64(r.Uint64()) >> r.IntN(64) << (64 - v.Type().Bits()) >> (64 - v.Type().Bits()))
	case reflect.Uint, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(r.Uint64() >> r.IntN(64) << (64 - v.Type().Bits()) >> (64 - v.Type().Bits()))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(r, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1+r.IntN(3), 3))
		for i := range v.Len() {
			fill(r, v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 1 + r.IntN(3) {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(r, key)
			fill(r, value)
			v.SetMapIndex(key, value)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(r, v.Field(i))
		}
	}
}

// roundTrip compares both directions of our codec with encoding/json.
func roundTrip[T any](t *testing.T, count int, prune func(*T), decode func([]byte) (*T, error), encode func([]byte, *T) []byte) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	for range count {
		v := new(T)
		for range 3 { // the root itself may come out empty
			fill(r, reflect.ValueOf(v).Elem())
		}
		if prune != nil {
			prune(v)
		}
		want, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if got := encode(nil, v); !bytes.Equal(got, want) {
			t.Fatalf("\n got %s\nwant %s", got, want)
		}
		var indented bytes.Buffer
		if err := json.Indent(&indented, want, " ", "\t"); err != nil {
			t.Fatal(err)
		}
		if got := Indent(nil, want, " ", "\t"); !bytes.Equal(got, indented.Bytes()) {
			t.Fatalf("\n got %s\nwant %s", got, indented.Bytes())
		}
		if decode == nil {
			continue
		}
		back := new(T)
		if err := json.Unmarshal(want, back); err != nil {
			t.Fatal(err)
		}
		for _, text := range [][]byte{want, indented.Bytes()} {
			got, err := decode(text)
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			if !reflect.DeepEqual(got, back) {
				t.Fatalf("\n got %s\nwant %s", encode(nil, got), want)
			}
		}
	}
}

func TestRoundTrip(t *testing.T) {
	noOtherPlatform := func(s *rspec.Spec) { s.Solaris, s.Windows, s.VM, s.ZOS, s.FreeBSD = nil, nil, nil, nil, nil }
	t.Run("Spec", func(t *testing.T) { roundTrip(t, 1000, noOtherPlatform, Decode, AppendSpec) })
	t.Run("Process", func(t *testing.T) { roundTrip(t, 200, nil, DecodeProcess, AppendProcess) })
	t.Run("Resources", func(t *testing.T) { roundTrip(t, 200, nil, DecodeResources, AppendResources) })
	t.Run("Record", func(t *testing.T) { roundTrip(t, 200, nil, DecodeRecord, AppendRecord) })
	t.Run("State", func(t *testing.T) { roundTrip(t, 200, nil, DecodeState, AppendState) })
	t.Run("ProcessState", func(t *testing.T) {
		roundTrip[rspec.ContainerProcessState](t, 200, nil, nil, AppendProcessState)
	})
	t.Run("Features", func(t *testing.T) { roundTrip[features.Features](t, 200, nil, nil, AppendFeatures) })
}

func TestAppendStringInvalidUTF8(t *testing.T) {
	for _, s := range []string{"\xff", "a\xc3", "\xed\xa0\x80", "é\xffé", ""} {
		want, _ := json.Marshal(s)
		if got := AppendString(nil, s); !bytes.Equal(got, want) {
			t.Errorf("%q: got %s, want %s", s, got, want)
		}
	}
}

func TestIndentKeepsEmptyTogether(t *testing.T) {
	for _, s := range []string{`{}`, `[]`, ` [ { } , [ ] , "a\\\"]" ] `, `{"a":[1,-2.5e3],"b":{"c":null}}`, `"x"`, `7`} {
		var want bytes.Buffer
		if err := json.Indent(&want, []byte(strings.TrimSpace(s)), "", "  "); err != nil {
			t.Fatal(err)
		}
		if got := Indent(nil, []byte(s), "", "  "); !bytes.Equal(got, want.Bytes()) {
			t.Errorf("%s: got %s, want %s", s, got, want.Bytes())
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	deep := strings.Repeat("[", 1001)
	for _, tt := range []struct{ text, field, problem string }{
		{``, "", "line 1, column 1: expected an object, found the end of the text"},
		{`null`, "", "expected an object, found null"},
		{`[]`, "", "expected an object, found an array"},
		{`{} x`, "", "column 4: expected the end of the text, found 'x'"},
		{"{\n \"hostname\": 7}", "/hostname", "line 2, column 14: expected a string, found a number"},
		{`{"hostname": "é", "mounts": 1}`, "/mounts", "column 29: expected an array, found a number"},
		{`{"mounts":[{},{"destination":true}]}`, "/mounts/1/destination", "expected a string, found true"},
		{`{"mounts":[{},]}`, "/mounts/1", "expected an object, found ']'"},
		{`{"annotations":{"a/b~c":1}}`, "/annotations/a~1b~0c", "expected a string, found a number"},
		{`{"process":{"user":{"uid":4294967296}}}`, "/process/user/uid", "expected an integer from 0 to 4294967295, found 4294967296"},
		{`{"process":{"user":{"uid":-1}}}`, "/process/user/uid", "found -1"},
		{`{"process":{"user":{"uid":1.0}}}`, "/process/user/uid", "found 1.0"},
		{`{"process":{"user":{"uid":01}}}`, "/process/user", "expected a comma or }, found a number"},
		{`{"process":{"user":{"uid":"0"}}}`, "/process/user/uid", "expected an integer, found a string"},
		{`{"process":{"oomScoreAdj":9223372036854775808}}`, "/process/oomScoreAdj", "in range, found 9223372036854775808"},
		{`{"process":{"terminal":"yes"}}`, "/process/terminal", "expected a boolean, found a string"},
		{`{"process":{"terminal":tru}}`, "/process/terminal", "expected true, found 't'"},
		{`{"hostname":"a`, "/hostname", "expected a closing quote, found the end of the text"},
		{"{\"hostname\":\"a\nb\"}", "/hostname", `must be written as \u000a`},
		{`{"hostname":"\x"}`, "/hostname", "expected one of"},
		{`{"hostname":"\u12"}`, "/hostname", "expected one of"},
		{`{"hostname" 1}`, "", "expected a colon"},
		{`{hostname:1}`, "", "expected a key, found 'h'"},
		{`{"x":1 "y":2}`, "", "expected a comma or }"},
		{`{"x":-}`, "/x", "expected a value, found a number"},
		{`{"x":1.}`, "/x", "expected a digit"},
		{`{"x":1e}`, "/x", "expected a digit"},
		{"{\"x\":\xff}", "/x", "found byte 0xff"},
		{`{"x":` + deep, "/x", "nested deeper than 1000"},
		{`{"windows":1}`, "/windows", "expected an object"},
		{"\xef\xbb\xbf{}", "", "expected an object, found '\\ufeff'"},
	} {
		_, err := Decode([]byte(tt.text))
		var e *Error
		if !errors.As(err, &e) || !errors.Is(err, ErrInvalid) {
			t.Errorf("%.60s: got error %v", tt.text, err)
			continue
		}
		if field, ok := strings.CutPrefix(e.Field, tt.field); !strings.Contains(e.Problem, tt.problem) ||
			!ok || strings.Trim(field, "/0") != "" {
			t.Errorf("%.60s:\n got %s %s\nwant %s %s", tt.text, e.Field, e.Problem, tt.field, tt.problem)
		}
	}
}

func TestDecodeLikeEncodingJSON(t *testing.T) {
	for _, text := range decodeSeeds {
		t.Run("", func(t *testing.T) { compareSpec(t, []byte(text)) })
	}
}

var decodeSeeds = []string{
	`{}`,
	`{"process":null,"mounts":null,"annotations":null,"hostname":null,"linux":{"devices":[null]}}`,
	`{"process":{"args":[],"env":[null,"a"],"user":null}}`,
	`{"OCIVERSION":"1.0.0","Process":{"CWD":"/","oomscoreadj":5},"HOSTNAME":"a"}`,
	"{\"process\":{\"u\u017fer\":{\"uid\":7}}}", // U+017F folds to s
	`{"unknown":{"a":[1,2.5e-3,"x",{"y":null}]},"":1,"hostname":"\u00e9\ud83d\ude00\ud83d\u0020\udc00\\\/"}`,
	"{\"hostname\":\"a\xffb\xc3(\",\"annotations\":{\"\xff\":\"\"}}",
	`{"process":{"user":{"uid":-0}}}`,
	`{"process":{"oomScoreAdj":-0,"scheduler":{"policy":"x","nice":-2147483648}}}`,
	`{"process":{"scheduler":{"nice":-2147483649}}}`,
	`{"linux":{"resources":{"blockIO":{"weight":65536}}}}`,
	`{"linux":{"resources":{"blockIO":{"weightDevice":[{"major":8,"minor":1,"weight":500}]}}}}`,
	`{"linux":{"sysctl":{},"namespaces":[],"netDevices":{"eth0":{},"eth1":null}}}`,
	`{"solaris":{},"windows":null,"zos":{}}`,
	" \t\r\n{ \"hostname\" : \"a\" } \n",
	`{"hostname":"a",}`, `{,}`, `{"a":[,]}`, `{"a":[1 2]}`, `{"a":nul}`, `{"a":truex}`, `{"a":+1}`, `{"a":.5}`, `{"a":00}`, `{"a":1E+5}`,
}

// FuzzDecode holds Decode to encoding/json: what one accepts the other does,
// with the same result. Left out: repeated keys, depth, what is inside the
// parts for other platforms, and null as the whole text.
func FuzzDecode(f *testing.F) {
	for _, seed := range decodeSeeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := Decode(data)
		if err == nil && !json.Valid(data) {
			t.Fatalf("accepted what is not JSON: %q", data)
		}
		if err == nil {
			again, err := Decode(AppendSpec(nil, got))
			if err != nil || !bytes.Equal(AppendSpec(nil, again), AppendSpec(nil, got)) {
				t.Fatalf("%v: %s", err, AppendSpec(nil, got))
			}
		}
		if !json.Valid(data) || bytes.Equal(bytes.TrimSpace(data), []byte("null")) || special(data) {
			return
		}
		compareSpec(t, data)
	})
}

// special says that text has what compareSpec does not understand.
func special(text []byte) bool {
	var walk func(d *json.Decoder, depth int) bool
	walk = func(d *json.Decoder, depth int) bool {
		token, _ := d.Token()
		open, _ := token.(json.Delim)
		if open == 0 {
			return false
		}
		var seen []string
		for d.More() {
			if open == '{' {
				key, _ := d.Token()
				for _, s := range append(seen, "solaris", "windows", "vm", "zos", "freebsd") {
					if strings.EqualFold(s, key.(string)) {
						return true
					}
				}
				seen = append(seen, key.(string))
			}
			if depth > 900 || walk(d, depth+1) {
				return true
			}
		}
		d.Token()
		return false
	}
	return walk(json.NewDecoder(bytes.NewReader(text)), 0)
}

func BenchmarkDecode(b *testing.B) {
	data, err := os.ReadFile(filepath.Join(upstream(b), "schema/test/config/good/spec-example.json"))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := Decode(data); err != nil {
			b.Fatal(err)
		}
	}
}
