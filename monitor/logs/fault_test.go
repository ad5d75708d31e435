package logs

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// script is output that is short and has every kind of record: whole lines, a
// prompt, a line in several reads, one too long, both streams.
var script = []struct {
	s    Stream
	text string
	more bool
}{
	{Stdout, "one\ntwo\n", false},
	{Stderr, "prompt: ", false},
	{Stdout, "thr", true},
	{Stdout, "ee\n", false},
	{Stderr, "answer\n", false},
	{Stdout, strings.Repeat("é<", 3000) + "\n", false},
	{Stdout, "half a li", false},
	{Stdout, "ne\nlast\n", false},
	{Stderr, "the end", true},
}

func play(l *Logs, from, to int) {
	for i := from; i < to; i++ {
		l.Write(script[i].s, at+int64(i)*int64(time.Second), []byte(script[i].text), script[i].more)
	}
	if to == len(script) {
		l.End(Stdout)
		l.End(Stderr)
	}
}

var parsers = map[string]func(string) ([]line, error){"k8s-file": parseCRI, "json-file": parseJSON}

// perfect is the log without faults.
func perfect(t *testing.T, driver string) string {
	path := filepath.Join(t.TempDir(), "log")
	l := opened(t, &Config{Paths: []string{driver + ":" + path}}, sound())
	play(l, 0, len(script))
	closed(t, l)
	return read(t, path)
}

// With block, whatever byte the disk is full at, nothing is missing later.
func TestBlockAtEveryByte(t *testing.T) {
	for driver := range parsers {
		want := perfect(t, driver)
		for room := 0; room < len(want); room += step(room, len(want)) {
			for _, fixed := range []bool{false, true} {
				path := filepath.Join(t.TempDir(), "log")
				k := sound()
				k.room, k.errno, k.fixed = room, syscall.ENOSPC, fixed
				l := opened(t, &Config{Paths: []string{driver + ":" + path}, OnFull: Block, NoSync: true}, k)
				play(l, 0, len(script))
				if !l.Blocked() || !l.Pending() || l.WaitFD() >= 0 {
					t.Fatalf("%d: not blocked", room)
				}
				log := read(t, path)
				if !fixed {
					if _, err := parsers[driver](log); err != nil {
						t.Fatalf("%d: %v", room, err)
					}
				}
				if !strings.HasPrefix(want, log) {
					t.Fatalf("%d: something else was written", room)
				}
				k.room = min(room/2, 100, len(want)-room-1) // another moment of hope
				l.Retry(at)
				if !l.Blocked() {
					t.Fatalf("%d: no longer blocked", room)
				}
				k.room = -1
				l.Retry(at)
				if l.Blocked() || l.Pending() {
					t.Fatalf("%d: still blocked", room)
				}
				closed(t, l)
				same(t, fmt.Sprint(driver, " ", room), read(t, path), want)
				if r, b := l.Lost(); r != 0 || b != 0 {
					t.Fatalf("%d lost", r)
				}
			}
		}
	}
}

// step goes through every byte at the start and the end, and fewer of the long line.
func step(at, size int) int {
	if at > 250 && at < size-250 {
		return 97
	}
	return 1
}

var notice = regexp.MustCompile(`^stave-monitor: (\d+) bytes in (\d+) records were dropped between (\S+) and (\S+): ([A-Z]+) \(.*\)$`)

// split separates the notices from what the container said.
func split(t *testing.T, lines []line) (rest []line, bytes, records, notices int) {
	t.Helper()
	var open [2]bool
	for _, l := range lines {
		m := notice.FindStringSubmatch(l.text)
		if m == nil {
			rest = append(rest, l)
			open[l.stream] = !l.full
			continue
		}
		if l.stream != Stderr || !l.full || m[5] != "EDQUOT" || open[0] || open[1] {
			t.Fatalf("notice %+v", l)
		}
		b, _ := strconv.Atoi(m[1])
		r, _ := strconv.Atoi(m[2])
		for _, text := range m[3:5] {
			if when, err := time.Parse(time.RFC3339Nano, text); err != nil || when.UnixNano() < at || when.After(l.time) {
				t.Fatalf("notice of %v says %s", l.time, text)
			}
		}
		bytes, records, notices = bytes+b, records+r, notices+1
	}
	return rest, bytes, records, notices
}

// With drop, whatever byte the disk is full at and wherever there is room
// again: the log is whole records, what is there was said, and what was said
// and is not there has been counted.
func TestDropAtEveryByte(t *testing.T) {
	for driver, parse := range parsers {
		want := perfect(t, driver)
		all, err := parse(want)
		if err != nil {
			t.Fatal(err)
		}
		total := 0
		for _, w := range script {
			total += len(w.text)
		}
		for room := 0; room < len(want); room += step(room, len(want)) {
			for _, fixed := range []bool{false, true} {
				back := room % (len(script) + 1)
				path := filepath.Join(t.TempDir(), "log")
				k := sound()
				k.room, k.errno, k.fixed = room, syscall.EDQUOT, fixed
				l := opened(t, &Config{Paths: []string{driver + ":" + path}, NoSync: true}, k)
				play(l, 0, back)
				if l.Blocked() {
					t.Fatalf("%d: blocked", room)
				}
				if l.Pending() {
					k.room = room % 150 // enough to begin a notice, or to end what is torn
				}
				l.Retry(at + int64(time.Minute)) // in vain, if it was full
				k.room = -1
				was := k.writes
				dropping := l.Pending()
				l.Retry(at + int64(time.Minute))
				if l.Pending() || dropping && k.writes == was {
					t.Fatalf("%d: still pending", room)
				}
				play(l, back, len(script))
				r, b := l.Lost()
				closed(t, l)
				lines, err := parse(read(t, path))
				if err != nil {
					t.Fatalf("%s %d %d: %v", driver, room, back, err)
				}
				rest, bytes, records, notices := split(t, lines)
				if int(r) != records || int(b) != bytes || notices > 1 || (notices == 0) != (r == 0) {
					t.Fatalf("%s %d: lost %d %d, told %d %d in %d", driver, room, r, b, records, bytes, notices)
				}
				// What is there is a subsequence, apart from the closed lines.
				i, ends, have := 0, 0, 0
				var open [2]bool
				for _, l := range rest {
					j := i
					for j < len(all) && (all[j].stream != l.stream || all[j].text != l.text || all[j].full != l.full) {
						j++
					}
					if j == len(all) {
						if l.text != "" || !l.full || !open[l.stream] {
							t.Fatalf("%s %d: never said: %.40q", driver, room, l.text)
						}
						ends++
						open[l.stream] = false
						continue
					}
					i = j + 1
					have++
					open[l.stream] = !l.full
				}
				if ends > 2 || ends > 0 && notices == 0 || have+records != len(all) {
					t.Fatalf("%s %d %d: %d records, %d dropped, %d lines closed, of %d", driver, room, back, have, records, ends, len(all))
				}
				if got := len(said(rest, Stdout)) + len(said(rest, Stderr)) - ends; driver == "k8s-file" && got+bytes != total {
					t.Fatalf("%d: %d bytes and %d dropped, of %d", room, got, bytes, total)
				}
			}
		}
	}
}

// A line that was cut by a loss does not run into what comes later.
func TestDropClosesLines(t *testing.T) {
	setZone(t, 0)
	path := filepath.Join(t.TempDir(), "log")
	k := sound()
	l := opened(t, &Config{Paths: []string{path}}, k)
	l.Write(Stdout, at, []byte("begun "), false)
	l.Write(Stderr, at, []byte("too "), false)
	k.room, k.errno = 0, syscall.ENOSPC
	l.Write(Stdout, at, []byte("lost\n"), false)
	l.Write(Stdout, at+1, []byte("gone "), false)
	k.room = -1
	l.Retry(at + 2)
	l.Write(Stdout, at+3, []byte("the rest\n"), false)
	const second = "2026-11-21T16:17:13.1234567"
	same(t, "log", read(t, path), second+"89+00:00 stdout P begun \n"+second+"89+00:00 stderr P too \n"+
		second+"91+00:00 stdout F \n"+second+"91+00:00 stderr F \n"+
		second+"91+00:00 stderr F stave-monitor: 10 bytes in 2 records were dropped between "+second+"89+00:00 and "+second+"90+00:00: ENOSPC (no space left on device)\n"+
		second+"92+00:00 stdout F the rest\n")
}

// The policy for the whole time that a disk is full: a Write looks for room
// once a second, and not more often.
func TestDropLooksOnceASecond(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	k := sound()
	k.room, k.errno = 0, syscall.ENOSPC
	l := opened(t, &Config{Paths: []string{path}}, k)
	for i := range 1000 {
		l.Write(Stdout, at+int64(i)*int64(10*time.Millisecond), []byte("x\n"), false)
	}
	if k.writes < 9 || k.writes > 11 {
		t.Errorf("%d write(2) in 10 s", k.writes)
	}
	k.room = -1
	l.Write(Stdout, at-int64(time.Hour), []byte("the clock was set back\n"), false)
	lines, err := parseCRI(read(t, path))
	if err != nil || len(lines) != 2 || lines[1].text != "the clock was set back" || !strings.Contains(lines[0].text, " 2000 bytes in 1000 records ") {
		t.Errorf("%v %v", lines, err)
	}
}

// What was taken back does not count as written.
func TestGlobalSizeAfterFault(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	k := sound()
	record := criPrefix + 2
	k.room, k.errno = record-1, syscall.ENOSPC
	l := opened(t, &Config{Paths: []string{path}, OnFull: Block, GlobalSizeMax: int64(2*record - 10)}, k)
	for _, text := range []string{"a\n", "b\n", "c\n"} {
		l.Write(Stdout, at, []byte(text), false)
	}
	k.room = -1
	l.Retry(at)
	lines, err := parseCRI(read(t, path))
	if err != nil || said(lines, Stdout) != "a\nb\n" {
		t.Error(lines, err)
	}
}

// Every errno a disk may give is survived, and named.
func TestErrnos(t *testing.T) {
	for _, e := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EIO, syscall.EROFS, syscall.EFBIG, 0} {
		path := filepath.Join(t.TempDir(), "log")
		k := sound()
		k.room, k.errno = 0, e
		name := unix.ErrnoName(e)
		if e == 0 { // a write(2) of nothing
			name = "EIO"
		}
		l := opened(t, &Config{Paths: []string{path}}, k)
		l.Write(Stdout, at, []byte("x\n"), false)
		k.room = -1
		l.Retry(at)
		if log := read(t, path); !strings.Contains(log, ": "+name+" (") {
			t.Errorf("%v: %q", e, log)
		}
	}
}

// What never gets through is the error of Close.
func TestCloseTellsOfLoss(t *testing.T) {
	for _, policy := range []OnFull{Drop, Block} {
		path := filepath.Join(t.TempDir(), "log")
		k := sound()
		k.room, k.errno = 0, syscall.ENOSPC
		l := opened(t, &Config{Paths: []string{path}, OnFull: policy}, k)
		l.Write(Stdout, at, []byte("a\nb\n"), false)
		l.Write(Stdout, at, []byte("c\n"), false)
		l.Write(Stdout, at, []byte("d"), true)
		err := l.Close()
		want := "write(2) " + path + ": ENOSPC (no space left on device): 7 bytes of output in "
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%d: %v", policy, err)
		}
	}
}

// One log that is full is no reason for the other to have gaps.
func TestBlockedBesideAnother(t *testing.T) {
	dir := t.TempDir()
	k := sound()
	l := opened(t, &Config{Paths: []string{dir + "/a", "json-file:" + dir + "/b"}, OnFull: Block}, k)
	fifo := dir + "/fifo"
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	// The first write, to the k8s-file, is the one that fails.
	k.room, k.errno = 20, syscall.ENOSPC
	l.sinks[1].file.kernel = sound()
	l.Write(Stdout, at, []byte("x\ny\n"), false)
	if !l.Blocked() || l.sinks[1].stuck {
		t.Fatal("the wrong one")
	}
	k.room = -1
	l.Retry(at)
	a, err := parseCRI(read(t, dir+"/a"))
	b, err2 := parseJSON(read(t, dir+"/b"))
	if err != nil || err2 != nil || said(a, Stdout) != "x\ny\n" || said(b, Stdout) != "x\ny\n" {
		t.Error(err, err2)
	}
}

// A fifo with a slow reader is waited for, also with drop, and never torn.
func TestFifo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err := Open(&Config{Paths: []string{path}}); err == nil {
		l.Close()
		t.Error("opened without a reader")
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	l := opened(t, &Config{Paths: []string{path}, SizeMax: 100}, sound())
	text := strings.Repeat(strings.Repeat("z", 99)+"\n", 2000)
	got := ""
	drain := func() {
		b := make([]byte, 1<<20)
		for {
			n, err := unix.Read(fd, b)
			if n <= 0 {
				if err != nil && err != unix.EAGAIN {
					t.Fatal(err)
				}
				return
			}
			got += string(b[:n])
		}
	}
	blocked := 0
	for p := text; p != ""; {
		n := min(len(p), 30000)
		l.Write(Stdout, at, []byte(p[:n]), true)
		p = p[n:]
		for l.Blocked() {
			blocked++
			if l.WaitFD() < 0 {
				t.Fatal("nothing to wait for")
			}
			drain()
			l.Retry(at)
		}
	}
	l.End(Stdout)
	drain()
	lines, err := parseCRI(got)
	if err != nil || said(lines, Stdout) != text || blocked == 0 {
		t.Errorf("%v, blocked %d times, %d bytes", err, blocked, len(got))
	}
}

// A record that a dead process has left half is ended before anything else.
func TestRaggedEnd(t *testing.T) {
	setZone(t, 0)
	path := filepath.Join(t.TempDir(), "log")
	write(t, path, "2026-11-21T16:17:13.123456789+00:00 stdout F ha")
	k := sound()
	k.room, k.errno = 0, syscall.ENOSPC
	l := opened(t, &Config{Paths: []string{path}, OnFull: Block}, k)
	l.Write(Stdout, at, []byte("x\n"), false)
	k.room = -1
	l.Retry(at)
	const stamp = "2026-11-21T16:17:13.123456789+00:00 stdout F "
	same(t, "log", read(t, path), stamp+"ha\n"+stamp+"x\n")
}
