package logs

import (
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unsafe"
)

func addr(p []byte) uintptr { return uintptr(unsafe.Pointer(&p[0])) }

// What a write gives, to the byte.
func TestCRIGolden(t *testing.T) {
	x := func(n int) string { return strings.Repeat("x", n) }
	const out, err, part = "2026-11-21T18:17:13.123456789+02:00 stdout F ", "2026-11-21T18:17:13.123456789+02:00 stderr F ", "2026-11-21T18:17:13.123456789+02:00 stdout P "
	type w struct {
		s    Stream
		text string
		more bool
	}
	for _, c := range []struct {
		name   string
		writes []w
		want   string
	}{
		{"one line", []w{{Stdout, "hello\n", false}}, out + "hello\n"},
		{"lines of one read", []w{{Stdout, "a\n\nb\n", false}}, out + "a\n" + out + "\n" + out + "b\n"},
		{"streams", []w{{Stdout, "a\n", false}, {Stderr, "b\n", false}}, out + "a\n" + err + "b\n"},
		{"a prompt is seen", []w{{Stdout, "name: ", false}}, part + "name: \n"},
		{"and its line ended later", []w{{Stdout, "name: ", false}, {Stdout, "\n", false}}, part + "name: \n" + out + "\n"},
		{"the rest is on its way", []w{{Stdout, "ab", true}, {Stderr, "c\n", false}, {Stdout, "cd\nef\n", false}}, err + "c\n" + out + "abcd\n" + out + "ef\n"},
		{"the rest does not come", []w{{Stdout, "ab", true}, {Stdout, "", false}}, part + "ab\n"},
		{"the stream ends", []w{{Stdout, "ab", true}}, part + "ab\n"},
		{"binary", []w{{Stdout, "\x00\xff\r\x1b[0m\n", false}}, out + "\x00\xff\r\x1b[0m\n"},
		{"nothing", []w{{Stdout, "", false}, {Stdout, "", true}}, ""},
		{"a full record", []w{{Stdout, x(8192) + "\n", false}}, out + x(8192) + "\n"},
		{"a full record, its end later", []w{{Stdout, x(8192), true}, {Stdout, "\n", false}}, out + x(8192) + "\n"},
		{"a full record without end", []w{{Stdout, x(8192), true}, {Stdout, "y\n", false}}, part + x(8192) + "\n" + out + "y\n"},
		{"one more", []w{{Stdout, x(8193) + "\n", false}}, part + x(8192) + "\n" + out + "x\n"},
		{"twice", []w{{Stdout, x(16384) + "\n", false}}, part + x(8192) + "\n" + out + x(8192) + "\n"},
		{"joined and too long", []w{{Stdout, x(100), true}, {Stdout, x(8100) + "\nz\n", false}}, part + x(8192) + "\n" + out + x(8) + "\n" + out + "z\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			setZone(t, 2*3600)
			path := filepath.Join(t.TempDir(), "log")
			k := sound()
			l := opened(t, &Config{Paths: []string{path}}, k)
			for _, w := range c.writes {
				before := k.writes
				l.Write(w.s, at, []byte(w.text), w.more)
				if n := k.writes - before; n > 1 {
					t.Errorf("%d write(2) for one Write", n)
				}
			}
			l.End(Stdout)
			l.End(Stderr)
			same(t, "log", read(t, path), c.want)
		})
	}
}

// Whatever the sizes of the reads, the log says what the container said.
func TestCRISaysAll(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 40 {
		path := filepath.Join(t.TempDir(), "log")
		k := sound()
		if r.IntN(2) == 0 {
			k.most, k.signal = 1+r.IntN(5000), true
		}
		l := opened(t, &Config{Paths: []string{path}}, k)
		out := chatter(r, 300)
		out[0] += "no end"
		pour(r, l, out, func() {})
		lines, err := parseCRI(read(t, path))
		if err != nil {
			t.Fatal(err)
		}
		for s := range out {
			same(t, "stream", said(lines, Stream(s)), out[s])
		}
		for i := 1; i < len(lines); i++ {
			if lines[i].time.Before(lines[i-1].time) {
				t.Fatalf("record %d is older than the one before", i)
			}
		}
	}
}

// What was held is written when the rest does not come, and not only at the end.
func TestCRIWritesHeldTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l := opened(t, &Config{Paths: []string{path}}, sound())
	l.Write(Stdout, at, []byte("name: "), true)
	same(t, "held", read(t, path), "")
	l.Write(Stdout, at, nil, false)
	lines, err := parseCRI(read(t, path))
	if err != nil || len(lines) != 1 || lines[0].full || lines[0].text != "name: " {
		t.Error(lines, err)
	}
}

// A line that the reads cut is one record as long as more was announced.
func TestCRIJoinsCutLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l := opened(t, &Config{Paths: []string{path}}, sound())
	text := strings.Repeat(strings.Repeat("x", 99)+"\n", 1000)
	for i := 0; i < len(text); i += 8192 {
		l.Write(Stdout, at, []byte(text[i:min(i+8192, len(text))]), i+8192 < len(text))
	}
	lines, err := parseCRI(read(t, path))
	if err != nil || len(lines) != 1000 {
		t.Errorf("%d records, %v", len(lines), err)
	}
}

func TestClock(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, offset := range []int{0, 3600, -3600, 5*3600 + 1800, -3*3600 - 1800, 14 * 3600, 45 * 60} {
		setZone(t, offset)
		local, utc := clock{zone: time.Local}, clock{zone: time.UTC}
		now := at
		for range 2000 {
			when := time.Unix(0, now)
			if got, want := string(local.at(now)[:]), when.Format("2006-01-02T15:04:05.000000000-07:00"); got != want {
				t.Fatalf("%s, want %s", got, want)
			}
			if got, want := string(utc.at(now)[:]), when.UTC().Format("2006-01-02T15:04:05.000000000-07:00"); got != want {
				t.Fatalf("%s, want %s", got, want)
			}
			now += r.Int64N(2e9)
			if r.IntN(10) == 0 {
				now = r.Int64N(4e18) - 1e18
			}
		}
	}
}

func FuzzCRI(f *testing.F) {
	f.Add([]byte("hello\nworld"), uint16(3), true)
	f.Add([]byte(strings.Repeat("x", 9000)+"\n\n\x00"), uint16(8192), false)
	f.Add([]byte(strings.Repeat("y\n", 300)), uint16(1), true)
	f.Fuzz(func(t *testing.T, text []byte, size uint16, more bool) {
		path := filepath.Join(t.TempDir(), "log")
		l := opened(t, &Config{Paths: []string{path}, NoSync: true}, linux{})
		n := int(size) + 1
		for p := text; len(p) > 0; {
			n := min(n, len(p))
			l.Write(Stderr, at, p[:n], more)
			p = p[n:]
		}
		l.End(Stderr)
		lines, err := parseCRI(read(t, path))
		if err != nil {
			t.Fatal(err)
		}
		same(t, "log", said(lines, Stderr), string(text))
	})
}
