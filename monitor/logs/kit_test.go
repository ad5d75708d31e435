package logs

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// zone makes the local time that of a place.
func setZone(t *testing.T, offset int) {
	t.Helper()
	was := time.Local
	time.Local = time.FixedZone("test", offset)
	t.Cleanup(func() { time.Local = was })
}

// at is the time of the tests: 2026-11-21T16:17:13.123456789Z.
var at = time.Date(2026, 11, 21, 16, 17, 13, 123456789, time.UTC).UnixNano()

// opened gives logs that are closed, without error, when the test ends.
func opened(t testing.TB, c *Config, k kernel) *Logs {
	t.Helper()
	l, err := open(c, k)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if l.buf != nil {
			closed(t, l)
		}
	})
	return l
}

func closed(t testing.TB, l *Logs) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func read(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// line is a record as a reader of the log sees it.
type line struct {
	time   time.Time
	stream Stream
	full   bool
	text   string
}

var streams = map[string]Stream{"stdout": Stdout, "stderr": Stderr}

// criLine is the grammar of a k8s-file, from its specification.
var criLine = regexp.MustCompile(`(?s)^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}[+-]\d\d:\d\d) (stdout|stderr) ([PF]) (.*)$`)

// parseCRI reads a k8s-file; every byte of it must belong to a record.
func parseCRI(log string) (out []line, err error) {
	if log != "" && !strings.HasSuffix(log, "\n") {
		return nil, fmt.Errorf("the end is torn: %.80q", log[strings.LastIndexByte(log, '\n')+1:])
	}
	for _, l := range strings.SplitAfter(log, "\n") {
		if l == "" {
			continue
		}
		m := criLine.FindStringSubmatch(strings.TrimSuffix(l, "\n"))
		if m == nil {
			return nil, fmt.Errorf("not a record: %.80q", l)
		}
		when, err := time.Parse("2006-01-02T15:04:05.000000000-07:00", m[1])
		if err != nil {
			return nil, err
		}
		if len(m[4]) > 8192 {
			return nil, fmt.Errorf("a record of %d bytes", len(m[4]))
		}
		out = append(out, line{when, streams[m[2]], m[3] == "F", m[4]})
	}
	return out, nil
}

// parseJSON reads a json-file.
func parseJSON(log string) (out []line, err error) {
	if log != "" && !strings.HasSuffix(log, "\n") {
		return nil, fmt.Errorf("the end is torn: %.80q", log[strings.LastIndexByte(log, '\n')+1:])
	}
	for _, l := range strings.Split(log, "\n") {
		if l == "" {
			continue
		}
		var r struct {
			Log, Stream string
			Time        time.Time
		}
		d := json.NewDecoder(strings.NewReader(l))
		d.DisallowUnknownFields()
		if err := d.Decode(&r); err != nil {
			return nil, fmt.Errorf("%v: %.80q", err, l)
		}
		s, ok := streams[r.Stream]
		if !ok || d.More() {
			return nil, fmt.Errorf("not a record: %.80q", l)
		}
		text, full := strings.CutSuffix(r.Log, "\n")
		out = append(out, line{r.Time, s, full, text})
	}
	return out, nil
}

// said puts together what a stream has said.
func said(lines []line, s Stream) string {
	var b strings.Builder
	for _, l := range lines {
		if l.stream == s {
			b.WriteString(l.text)
			if l.full {
				b.WriteByte('\n')
			}
		}
	}
	return b.String()
}

// fickle is a kernel with faults.
type fickle struct {
	linux
	room   int           // bytes that may yet be written; negative: any number
	errno  syscall.Errno // when there is none
	most   int           // bytes in one write(2); 0: any number
	signal bool          // every other write(2) is interrupted
	fixed  bool          // ftruncate(2) fails

	alive   int // calls until death; negative: lives
	calls   int
	writes  int
	renamed func(dir int, from, to string) // before a rename
	opens   map[string]syscall.Errno       // files that cannot be made
}

func sound() *fickle { return &fickle{room: -1, alive: -1} }

// death is what the process dies of.
type death struct{}

func (k *fickle) call() {
	k.calls++
	if k.alive == 0 {
		panic(death{})
	}
	k.alive--
}

func (k *fickle) write(fd int, p []byte) (int, error) {
	k.call()
	k.writes++
	if k.signal && k.writes%2 == 1 {
		return -1, syscall.EINTR
	}
	if k.most > 0 && len(p) > k.most {
		p = p[:k.most]
	}
	if k.room >= 0 {
		if k.room == 0 {
			return -1, k.errno
		}
		p = p[:min(len(p), k.room)]
		k.room -= len(p)
	}
	return k.linux.write(fd, p)
}

func (k *fickle) ftruncate(fd int, size int64) error {
	k.call()
	if k.fixed {
		return syscall.EIO
	}
	return k.linux.ftruncate(fd, size)
}

func (k *fickle) openat(dir int, name string, flags int) (int, error) {
	k.call()
	if e := k.opens[name]; e != 0 {
		return -1, e
	}
	return k.linux.openat(dir, name, flags)
}

func (k *fickle) renameat(dir int, from, to string) error {
	k.call()
	if k.renamed != nil {
		k.renamed(dir, from, to)
	}
	return k.linux.renameat(dir, from, to)
}

func (k *fickle) unlinkat(dir int, name string) error {
	k.call()
	return k.linux.unlinkat(dir, name)
}

// dies runs f and tells whether the process died in it.
func dies(f func()) (dead bool) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(death); !ok {
				panic(r)
			}
			dead = true
		}
	}()
	f()
	return false
}

// drop lets go of logs whose process has died.
func drop(l *Logs) {
	for _, k := range l.sinks {
		k.place.finish(false)
	}
	l.free()
}

// sorted gives the files of a rotated log, oldest first.
func sorted(t testing.TB, path string) []string {
	t.Helper()
	names, err := filepath.Glob(path + "*")
	if err != nil {
		t.Fatal(err)
	}
	number := func(name string) int {
		n, err := strconv.Atoi(strings.TrimPrefix(name, path+"."))
		if err != nil && name != path {
			t.Fatalf("what is %s?", name)
		}
		return n
	}
	sort.Slice(names, func(i, j int) bool { return number(names[i]) > number(names[j]) })
	return names
}

func readAll(t testing.TB, names []string) string {
	t.Helper()
	var b strings.Builder
	for _, n := range names {
		b.WriteString(read(t, n))
	}
	return b.String()
}

// chatter is random output with sequence numbers, for both streams.
func chatter(r *rand.Rand, lines int) [2]string {
	var out [2]strings.Builder
	for i := range lines {
		n := r.IntN(120)
		switch r.IntN(40) {
		case 0:
			n = 8000 + r.IntN(400)
		case 1:
			n = r.IntN(40000)
		case 2:
			n = 0
		}
		fmt.Fprintf(&out[r.IntN(2)], "%d %s\n", i, strings.Repeat("x", n))
	}
	return [2]string{out[0].String(), out[1].String()}
}

// pour writes all of out, in pieces of random sizes.
func pour(r *rand.Rand, l *Logs, out [2]string, between func()) {
	now := at
	for out[0] != "" || out[1] != "" {
		s := r.IntN(2)
		n := 1 + r.IntN(200)
		if r.IntN(3) == 0 {
			n = 1 + r.IntN(65536)
		}
		n = min(n, len(out[s]))
		more := n < len(out[s]) && r.IntN(2) == 0
		now += int64(r.IntN(int(time.Second)))
		l.Write(Stream(s), now, []byte(out[s][:n]), more)
		out[s] = out[s][n:]
		between()
	}
	l.End(Stdout)
	l.End(Stderr)
}

func same(t testing.TB, what, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	i := 0
	for i < len(got) && i < len(want) && got[i] == want[i] {
		i++
	}
	t.Fatalf("%s: %d bytes, want %d; they differ at %d: %.60q, want %.60q", what, len(got), len(want), i, got[i:], want[i:])
}

// resident counts the pages that memory takes; mincore(2).
func resident(t testing.TB, mem []byte) (n int) {
	t.Helper()
	vec := make([]byte, (len(mem)+page-1)/page)
	if _, _, e := unix.Syscall(unix.SYS_MINCORE, addr(mem), uintptr(len(mem)), addr(vec)); e != 0 {
		t.Fatal(e)
	}
	for _, v := range vec {
		n += int(v & 1)
	}
	return n
}
