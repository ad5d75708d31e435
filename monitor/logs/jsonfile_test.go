package logs

import (
	"encoding/json"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What Docker writes, to the byte.
func TestJSONGolden(t *testing.T) {
	setZone(t, 3600) // which must not matter
	x := func(n int) string { return strings.Repeat("x", n) }
	const out, err = `","stream":"stdout","time":"2026-11-21T16:17:13.123456789Z"}` + "\n", `","stream":"stderr","time":"2026-11-21T16:17:13.123456789Z"}` + "\n"
	for _, c := range []struct {
		name string
		s    Stream
		text string
		want string
	}{
		{"one line", Stdout, "hello\n", `{"log":"hello\n` + out},
		{"stderr", Stderr, "hello\n", `{"log":"hello\n` + err},
		{"empty line", Stdout, "\n", `{"log":"\n` + out},
		{"without end", Stdout, "a\nb", `{"log":"a\n` + out + `{"log":"b` + out},
		{"escapes", Stdout, "\"\\\r\t\b\f\x00\x1b\x7f<>&/\n", `{"log":"\"\\\r\u0009\u0008\u000c\u0000\u001b` + "\x7f" + `\u003c\u003e\u0026/\n` + out},
		{"UTF-8", Stdout, "é€😀\u2028\u2029\ufffd\n", `{"log":"é€😀\u2028\u2029` + "\ufffd" + `\n` + out},
		{"not UTF-8", Stdout, "\xff\xe2\x82A\xc0\xaf\n", `{"log":"\ufffd\ufffd\ufffdA\ufffd\ufffd\n` + out},
		{"one byte short", Stdout, x(16383) + "\n", `{"log":"` + x(16383) + `\n` + out},
		{"as long as Docker's buffer", Stdout, x(16384) + "\n", `{"log":"` + x(16384) + out + `{"log":"\n` + out},
		{"longer", Stdout, x(16385) + "\n", `{"log":"` + x(16384) + out + `{"log":"x\n` + out},
	} {
		t.Run(c.name, func(t *testing.T) {
			for size := 1; size <= len(c.text); size = size*7 + 1 {
				path := filepath.Join(t.TempDir(), "log")
				l := opened(t, &Config{Paths: []string{"json-file:" + path}}, sound())
				for p := c.text; p != ""; {
					n := min(size, len(p))
					l.Write(c.s, at, []byte(p[:n]), false)
					p = p[n:]
				}
				l.End(c.s)
				same(t, "log", read(t, path), c.want)
			}
		})
	}
}

// Times lose their trailing zeros, and the records of a line have one time.
func TestJSONTimes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l := opened(t, &Config{Paths: []string{"json-file:" + path}}, sound())
	base := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixNano()
	l.Write(Stdout, base, []byte("a\n"), false)
	l.Write(Stdout, base+120000000, []byte("b\n"), false)
	l.Write(Stdout, base+1, []byte(strings.Repeat("x", 16384)), false)
	l.Write(Stdout, base+2, []byte("y\nc\n"), false)
	var got []string
	for _, r := range strings.SplitAfter(read(t, path), "\n") {
		if _, after, ok := strings.Cut(r, `"time":"`); ok {
			got = append(got, strings.TrimSuffix(after, "\"}\n"))
		}
	}
	want := "2026-01-02T03:04:05Z 2026-01-02T03:04:05.12Z 2026-01-02T03:04:05.000000001Z 2026-01-02T03:04:05.000000001Z 2026-01-02T03:04:05.000000002Z"
	if strings.Join(got, " ") != want {
		t.Errorf("%q", got)
	}
}

// docker cuts a stream into messages as Docker's copier does: a buffer of
// 16 KiB, whose lines are taken out, and which is a message when it is full.
func docker(text string) (out []line) {
	buf := ""
	for text != "" {
		n := min(2048, len(text), 16384-len(buf))
		buf, text = buf+text[:n], text[n:]
		for {
			l, rest, ok := strings.Cut(buf, "\n")
			if !ok {
				break
			}
			out, buf = append(out, line{full: true, text: l}), rest
		}
		if len(buf) == 16384 {
			out, buf = append(out, line{text: buf}), ""
		}
	}
	if buf != "" {
		out = append(out, line{text: buf})
	}
	return out
}

// toUTF8 is what JSON makes of bytes.
func toUTF8(t testing.TB, s string) string {
	t.Helper()
	b, err := json.Marshal(s)
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func compareJSON(t testing.TB, log string, s Stream, text string) {
	t.Helper()
	lines, err := parseJSON(log)
	if err != nil {
		t.Fatal(err)
	}
	var got []line
	for _, l := range lines {
		if l.stream == s {
			got = append(got, l)
		}
	}
	want := docker(text)
	for i := range want {
		if i >= len(got) || got[i].full != want[i].full || got[i].text != toUTF8(t, want[i].text) {
			t.Fatalf("record %d of %d and %d differs from Docker's", i, len(got), len(want))
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
}

func TestJSONSaysAll(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 20 {
		path := filepath.Join(t.TempDir(), "log")
		k := sound()
		k.most = r.IntN(2) * 777
		l := opened(t, &Config{Paths: []string{"json-file:" + path}}, k)
		out := chatter(r, 200)
		out[1] += "<é\xffend"
		pour(r, l, out, func() {})
		log := read(t, path)
		for s := range out {
			compareJSON(t, log, Stream(s), out[s])
		}
	}
}

func FuzzJSONFile(f *testing.F) {
	f.Add([]byte("hello\n\"wörld\""), uint16(3))
	f.Add([]byte("\xe2\x82\xac\xff\u2028\x00<\n"), uint16(0))
	f.Add([]byte(strings.Repeat("x", 16383)+"\xe2\x82\xac\n"), uint16(8192))
	f.Fuzz(func(t *testing.T, text []byte, size uint16) {
		path := filepath.Join(t.TempDir(), "log")
		l := opened(t, &Config{Paths: []string{"json-file:" + path}, NoSync: true}, linux{})
		n := int(size) + 1
		for p := text; len(p) > 0; {
			n := min(n, len(p))
			l.Write(Stdout, at, p[:n], true)
			p = p[n:]
		}
		l.End(Stdout)
		log := read(t, path)
		compareJSON(t, log, Stdout, string(text))
		// What is said of a record when it is dropped has to be true as well.
		count := int64(0)
		for p := []byte(log); len(p) > 0; {
			e := (&jsonFile{}).entry(p)
			count += e.bytes
			p = p[e.length:]
		}
		if count != int64(len(text)) {
			t.Fatalf("%d bytes counted of %d", count, len(text))
		}
	})
}
