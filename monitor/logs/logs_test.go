package logs

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// hundred is 64 KiB of lines of 100 bytes, as a read of a pipe gives it.
func hundred() []byte {
	return bytes.Repeat([]byte(strings.Repeat("x", 99)+"\n"), 656)[:65536]
}

// In steady state, a Write allocates nothing, whatever the driver and the read.
func TestWriteAllocatesNothing(t *testing.T) {
	j := newFakeJournal(t)
	for _, driver := range []string{"k8s-file:", "json-file:", "journald"} {
		c := &Config{ID: id64, Name: "web", JournalSocket: j.path, SizeMax: 1 << 30}
		c.Paths = []string{driver}
		if driver != "journald" {
			c.Paths[0] += filepath.Join(t.TempDir(), "log")
		}
		l := opened(t, c, linux{})
		flood, now := hundred(), at
		short, tail, end, rest := []byte("short\n"), []byte("a tail"), []byte("and its end\n\xff<\xe2\x82"), []byte("\xac\n")
		one := func() {
			now += 7e8 // also across seconds
			l.Write(Stderr, now, short, false)
			l.Write(Stdout, now, tail, true)
			l.Write(Stdout, now, end, false)
			l.Write(Stdout, now, rest, false)
			if driver == "journald" {
				for range 3 { // records
					var b [1]byte
					if _, _, e := unix.RawSyscall(unix.SYS_READ, uintptr(j.fd), addr(b[:]), 1); e != 0 {
						t.Fatal(e)
					}
				}
				return
			}
			l.Write(Stdout, now, flood, true)
		}
		one()
		if n := testing.AllocsPerRun(50, one); n != 0 {
			t.Errorf("%s: %v allocations", driver, n)
		}
	}
}

// An idle log is small: Trim gives back what a flood has taken.
func TestTrim(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l := opened(t, &Config{Paths: []string{path}}, linux{})
	if n := resident(t, l.buf.mem); n != 0 {
		t.Errorf("%d pages before anything was written", n)
	}
	flood := hundred()
	l.Write(Stdout, at, flood, true)
	l.Write(Stdout, at, flood, true)
	if n := resident(t, l.buf.mem); n < 20 || n > 30 {
		t.Errorf("%d pages in a flood", n)
	}
	l.Trim()
	if n := resident(t, l.buf.mem); n != 1 {
		t.Errorf("%d pages after it", n)
	}
	if n := resident(t, l.sinks[0].holdMem); n != 1 {
		t.Errorf("%d pages with a held tail", n)
	}
	l.Write(Stdout, at, nil, false)
	l.Trim()
	if n := resident(t, l.sinks[0].holdMem); n != 0 {
		t.Errorf("%d pages without", n)
	}
	lines, err := parseCRI(read(t, path))
	if err != nil || said(lines, Stdout) != string(flood)+string(flood) {
		t.Error("Trim has changed the log", err)
	}
}

// Logs of one event loop share a buffer.
func TestSharedBuffer(t *testing.T) {
	b, err := NewBuffer()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	dir := t.TempDir()
	x := opened(t, &Config{Paths: []string{dir + "/x"}, Buffer: b}, linux{})
	y := opened(t, &Config{Paths: []string{"json-file:" + dir + "/y"}, Buffer: b}, linux{})
	for range 3 {
		x.Write(Stdout, at, []byte("x\nx"), true)
		y.Write(Stdout, at, []byte("y\ny"), true)
	}
	closed(t, x)
	y.Write(Stdout, at, []byte("y\n"), false)
	closed(t, y)
	xs, err := parseCRI(read(t, dir+"/x"))
	if err != nil || said(xs, Stdout) != "x\nxx\nxx\nx" {
		t.Error(xs, err)
	}
	ys, err := parseJSON(read(t, dir+"/y"))
	if err != nil || said(ys, Stdout) != "y\nyy\nyy\nyy\n" {
		t.Error(ys, err)
	}
}

func benchmark(b *testing.B, value string, size int64, text []byte) {
	l := opened(b, &Config{Paths: []string{value}, SizeMax: size, NoSync: true}, linux{})
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	now := at
	for b.Loop() {
		now += 100000
		l.Write(Stdout, now, text, true)
	}
}

func BenchmarkNull(b *testing.B)     { benchmark(b, "/dev/null", 0, hundred()) }
func BenchmarkJSONNull(b *testing.B) { benchmark(b, "json-file:/dev/null", 0, hundred()) }

func BenchmarkTmpfs(b *testing.B) {
	benchmark(b, shm(b), 64<<20, hundred())
}

func BenchmarkJSONTmpfs(b *testing.B) {
	benchmark(b, "json-file:"+shm(b), 64<<20, hundred())
}

func BenchmarkShortLines(b *testing.B) {
	benchmark(b, "/dev/null", 0, bytes.Repeat([]byte("0123456\n"), 8192))
}
