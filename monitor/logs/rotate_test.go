package logs

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// archive keeps what a rename is about to destroy.
type archive struct {
	t    *testing.T
	dir  string
	kept strings.Builder
}

func (a *archive) renamed(_ int, _, to string) {
	if b, err := os.ReadFile(filepath.Join(a.dir, to)); err == nil {
		a.kept.Write(b)
	}
}

// In every mode, with files moved away at random, all that was said is in the
// files, once, in order, in whole records; and no file is larger than allowed.
func TestRotationLosesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for driver, parse := range parsers {
		for i := range 24 {
			c := &Config{SizeMax: int64(100 + r.IntN(30000)), Rotate: i%3 != 0, MaxFiles: []int{1, 1, 2, 5, 1000}[r.IntN(5)], NoSync: true}
			if i%8 == 7 {
				c.SizeMax = 0 // reopen only
			}
			dir := t.TempDir()
			path := filepath.Join(dir, "log")
			c.Paths = []string{driver + ":" + path}
			k := sound()
			a := &archive{t: t, dir: dir}
			k.renamed = a.renamed
			k.most = r.IntN(2) * 3000
			l := opened(t, c, k)
			out := chatter(r, 400)
			var moved strings.Builder
			pour(r, l, out, func() {
				switch r.IntN(40) {
				case 0: // the caller takes everything away, as the kubelet does
					for _, name := range sorted(t, path) {
						if name != path {
							moved.WriteString(read(t, name))
							os.Remove(name)
						}
					}
					a.kept.WriteString(moved.String())
					moved.Reset()
					if err := os.Rename(path, filepath.Join(dir, "moved")); err != nil {
						t.Fatal(err)
					}
					fallthrough
				case 1:
					if err := l.Reopen(); err != nil {
						t.Fatal(err)
					}
					if b, err := os.ReadFile(filepath.Join(dir, "moved")); err == nil {
						a.kept.Write(b)
						os.Remove(filepath.Join(dir, "moved"))
					}
				}
				names := sorted(t, path)
				if n := len(names) - 1; !c.Rotate && n > 0 || n > c.MaxFiles {
					t.Fatalf("%+v: %d backups", c, n)
				}
				for _, name := range names {
					st, err := os.Stat(name)
					if err != nil {
						t.Fatal(err)
					}
					if c.SizeMax > 0 && st.Size() > c.SizeMax && strings.Count(read(t, name), "\n") > 1 {
						t.Fatalf("%s has %d bytes, of %d", name, st.Size(), c.SizeMax)
					}
				}
			})
			lines, err := parse(a.kept.String() + readAll(t, sorted(t, path)))
			if err != nil {
				t.Fatal(err)
			}
			for s := range out {
				same(t, fmt.Sprintf("%s %+v", driver, *c), said(lines, Stream(s)), out[s])
			}
		}
	}
}

func TestSizes(t *testing.T) {
	const record = int64(criPrefix + 2)
	for _, c := range []struct {
		name           string
		rotate         bool
		max, global    int64
		files          int
		before         string
		want, one, two string
	}{
		{"exactly full", false, 3 * record, 0, 1, "", "123", "", ""},
		{"truncated", false, 2 * record, 0, 1, "", "3", "", ""},
		{"truncated often", false, 1, 0, 1, "", "3", "", ""},
		{"what was there counts", false, 3 * record, 0, 1, "old\n", "3", "", ""},
		{"rotated", true, 2 * record, 0, 1, "", "3", "12", ""},
		{"each its own", true, record, 0, 2, "", "3", "2", "1"},
		{"one backup is one", true, record, 0, 1, "", "3", "2", ""},
		{"smaller than a record", true, 1, 0, 2, "", "3", "2", "1"},
		{"global", false, 0, record + 1, 1, "", "12", "", ""},
		{"global from the start", false, 0, 5, 1, "123\n\n", "", "", ""},
		{"global over files", true, record, 2 * record, 5, "", "2", "1", ""},
		{"no limit", true, -1, -1, 5, "", "123", "", ""},
	} {
		path := filepath.Join(t.TempDir(), "log")
		if c.before != "" {
			write(t, path, c.before)
		}
		l := opened(t, &Config{Paths: []string{path}, SizeMax: c.max, GlobalSizeMax: c.global, Rotate: c.rotate, MaxFiles: c.files}, sound())
		l.Write(Stdout, at, []byte("1\n2\n"), false)
		l.Write(Stdout, at, []byte("3\n"), false)
		for name, want := range map[string]string{path: c.want, path + ".1": c.one, path + ".2": c.two} {
			got := ""
			b, err := os.ReadFile(name)
			if err == nil && want == "" && name != path {
				t.Errorf("%s: there is a %s", c.name, name)
			}
			lines, err := parseCRI(strings.TrimPrefix(string(b), c.before))
			for _, l := range lines {
				got += l.text
			}
			if err != nil || got != want {
				t.Errorf("%s: %s has %q, want %q, %v", c.name, filepath.Base(name), got, want, err)
			}
		}
		if r, _ := l.Lost(); r != 0 {
			t.Errorf("%s: %d lost", c.name, r)
		}
	}
}

// A process that dies at any system call leaves every record that was written
// in one file, whole, and the next process goes on from there.
func TestDeathAtEveryCall(t *testing.T) {
	for _, fixed := range []bool{false, true} {
		for n := 0; ; n++ {
			dir := t.TempDir()
			path := filepath.Join(dir, "log")
			c := &Config{Paths: []string{path}, SizeMax: 100, Rotate: true, MaxFiles: 1000, NoSync: true}
			k := sound()
			k.fixed = fixed
			l := opened(t, c, k)
			k.alive = n
			written := 0
			dead := dies(func() {
				for i := range 12 {
					l.Write(Stdout, at, fmt.Appendf(nil, "%d\n", i), false)
					written++
					if i == 5 {
						if err := l.Reopen(); err != nil {
							t.Error(err)
						}
					}
				}
			})
			drop(l)
			if !dead {
				if n < 20 {
					t.Fatalf("only %d system calls", n)
				}
				break
			}
			l = opened(t, c, sound())
			for i := written; i < 20; i++ {
				l.Write(Stdout, at, fmt.Appendf(nil, "%d\n", i), false)
			}
			closed(t, l)
			lines, err := parseCRI(readAll(t, sorted(t, path)))
			if err != nil {
				t.Fatalf("death at %d: %v", n, err)
			}
			// The record in hand may be there, and then it is there twice,
			// because this test says it again.
			next := 0
			for _, l := range lines {
				i, err := strconv.Atoi(l.text)
				if err != nil || i != next && !(i == written && next == written+1) {
					t.Fatalf("death at %d, in %d: %d where %d was due, %v", n, written, i, next, err)
				}
				next = i + 1
			}
			if next != 20 {
				t.Fatalf("death at %d: the end is missing", n)
			}
		}
	}
}

// Left-overs of dead processes, and of others, are no hindrance.
func TestRotationBesideLeftovers(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		keep  int
		want  map[string]string
	}{
		{"PATH.new", map[string]string{".new": "old"}, 2, map[string]string{"": "b", ".1": "a", ".2": "", ".new": ""}},
		{"a gap is filled", map[string]string{".2": "two", ".3": "three"}, 3, map[string]string{"": "b", ".1": "a", ".2": "two", ".3": "three"}},
		{"the oldest goes", map[string]string{".1": "one", ".2": "two"}, 2, map[string]string{"": "b", ".1": "a", ".2": "one", ".3": ""}},
		{"others stay", map[string]string{".1": "one", ".5": "five"}, 1, map[string]string{"": "b", ".1": "a", ".2": "", ".5": "five"}},
	} {
		path := filepath.Join(t.TempDir(), "log")
		for name, text := range c.files {
			write(t, path+name, text)
		}
		l := opened(t, &Config{Paths: []string{path}, SizeMax: 1, Rotate: true, MaxFiles: c.keep}, sound())
		l.Write(Stdout, at, []byte("a\nb\n"), false)
		for name, want := range c.want {
			b, _ := os.ReadFile(path + name)
			got := string(b)
			if lines, err := parseCRI(got); err == nil && len(lines) == 1 {
				got = lines[0].text
			}
			if got != want {
				t.Errorf("%s: %q has %q, want %q", c.name, name, got, want)
			}
		}
	}
}

// No room for a second file: truncating makes room, rotating waits for it.
func TestNoRoomToRotate(t *testing.T) {
	for _, rotate := range []bool{false, true} {
		for _, policy := range []OnFull{Drop, Block} {
			path := filepath.Join(t.TempDir(), "log")
			k := sound()
			k.opens = map[string]syscall.Errno{"log.tmp": syscall.ENOSPC, "log.new": syscall.ENOSPC}
			l := opened(t, &Config{Paths: []string{path}, SizeMax: int64(criPrefix + 2), Rotate: rotate, MaxFiles: 3, OnFull: policy}, k)
			l.Write(Stdout, at, []byte("a\nb\nc"), true)
			l.Write(Stdout, at, []byte("d\ne\n"), false)
			if l.Pending() != rotate || l.Blocked() != (rotate && policy == Block) {
				t.Fatalf("%v %v: pending %v, blocked %v", rotate, policy, l.Pending(), l.Blocked())
			}
			k.opens = nil
			l.Retry(at)
			lines, err := parseCRI(readAll(t, sorted(t, path)))
			got := ""
			for _, l := range lines {
				got += l.text + "|"
			}
			want := "e|"
			if rotate {
				want = "a|b|cd|e|"
				if policy == Drop {
					want = "a|" + string((&loss{bytes: 7, records: 3, since: at, until: at}).text(syscall.ENOSPC)) + "|"
				}
			}
			if err != nil || got != want || l.Pending() {
				t.Errorf("%v %v: %q, want %q, %v", rotate, policy, got, want, err)
			}
		}
	}
}

func TestReopen(t *testing.T) {
	for _, rotate := range []bool{false, true} {
		dir := t.TempDir()
		path := filepath.Join(dir, "log")
		n := 0
		var l *Logs
		say := func() {
			n++
			l.Write(Stdout, at, fmt.Appendf(nil, "%d\n", n), false)
		}
		expect := func(what, name, want string) {
			t.Helper()
			lines, err := parseCRI(read(t, filepath.Join(dir, name)))
			got := ""
			for _, l := range lines {
				got += l.text
			}
			if err != nil || got != want {
				t.Errorf("%s, rotate %v: %s has %q, want %q, %v", what, rotate, name, got, want, err)
			}
		}
		move := func(to string) {
			t.Helper()
			if err := os.Rename(path, filepath.Join(dir, to)); err != nil {
				t.Fatal(err)
			}
		}
		reopen := func() {
			t.Helper()
			if err := l.Reopen(); err != nil {
				t.Fatal(err)
			}
			say()
		}
		l = opened(t, &Config{Paths: []string{path}, Rotate: rotate, MaxFiles: 2}, sound())
		say()
		move("moved1")
		say()
		reopen()
		expect("moved", "moved1", "12")
		expect("moved", "log", "3")

		reopen()
		expect("in place", "log", "4")
		if rotate {
			expect("in place", "log.1", "3")
		}

		move("moved2")
		write(t, path, "")
		say()
		reopen()
		expect("an empty one is there", "moved2", "45")
		expect("an empty one is there", "log", "6")

		move("moved3")
		write(t, path, "2026-11-21T16:17:13.123456789+00:00 stdout F x\n")
		say()
		reopen()
		expect("another is there", "moved3", "67")
		expect("another is there", "log", "x8")

		// Nothing can be made: the old file remains in use.
		move("moved4")
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := l.Reopen(); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("a directory: %v", err)
		}
		say()
		expect("a directory", "moved4", "x89")
	}
}

// What is stuck when the log is reopened is written to the new file, whole.
func TestReopenWhenFull(t *testing.T) {
	for _, fixed := range []bool{false, true} {
		dir := t.TempDir()
		path := filepath.Join(dir, "log")
		k := sound()
		k.fixed, k.room, k.errno = fixed, 60, syscall.ENOSPC
		l := opened(t, &Config{Paths: []string{path}, OnFull: Block}, k)
		l.Write(Stdout, at, []byte("one\ntwo\nthree\n"), false)
		if !l.Blocked() {
			t.Fatal("not blocked")
		}
		if err := os.Rename(path, path+".moved"); err != nil {
			t.Fatal(err)
		}
		k.room = -1
		if err := l.Reopen(); err != nil || l.Blocked() {
			t.Fatal(err)
		}
		lines, err := parseCRI(read(t, path))
		if err != nil || said(lines, Stdout) != "two\nthree\n" {
			t.Errorf("%v %v", lines, err)
		}
		lines, err = parseCRI(read(t, path+".moved"))
		if !fixed && (err != nil || said(lines, Stdout) != "one\n") || fixed && err == nil {
			t.Errorf("old: %v %v", lines, err)
		}
	}
}

// A file that somebody has emptied need not be rotated yet; and what somebody
// else has put at PATH is not thrown away.
func TestRotationLooksFirst(t *testing.T) {
	for _, rotate := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "log")
		l := opened(t, &Config{Paths: []string{path}, SizeMax: int64(2 * (criPrefix + 2)), Rotate: rotate, MaxFiles: 5}, sound())
		say := func(text string) { l.Write(Stdout, at, []byte(text+"\n"), false) }
		say("a")
		say("b")
		if err := os.Truncate(path, 0); err != nil {
			t.Fatal(err)
		}
		say("c")
		if names := sorted(t, path); len(names) != 1 || strings.Count(read(t, path), "\n") != 1 {
			t.Errorf("rotate %v: %v", rotate, names)
		}
		if err := os.Rename(path, path+".9"); err != nil {
			t.Fatal(err)
		}
		const x = "2026-11-21T16:17:13.123456789+00:00 stdout F x\n"
		write(t, path, x)
		say("d")
		say("e")
		// One that is full is rotated at once, or truncated.
		if err := os.Rename(path, path+".8"); err != nil {
			t.Fatal(err)
		}
		write(t, path, x+x)
		say("f")
		want := "c\nd\nx\ne\nf\n"
		if rotate {
			want = "c\nd\nx\ne\nx\nx\nf\n"
		}
		lines, err := parseCRI(readAll(t, sorted(t, path)))
		if err != nil || said(lines, Stdout) != want {
			t.Errorf("rotate %v: %v %v", rotate, lines, err)
		}
	}
}

// A fifo that is reopened is only opened again.
func TestReopenFifo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	l := opened(t, &Config{Paths: []string{path}}, sound())
	l.Write(Stdout, at, []byte("a\n"), false)
	if err := l.Reopen(); err != nil {
		t.Fatal(err)
	}
	l.Write(Stdout, at, []byte("b\n"), false)
	b := make([]byte, 1000)
	n, err := unix.Read(fd, b)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := parseCRI(string(b[:n]))
	if st, err2 := os.Lstat(path); err != nil || said(lines, Stdout) != "a\nb\n" || err2 != nil || st.Mode()&os.ModeNamedPipe == 0 {
		t.Error(lines, err, st)
	}
}

// A rotated log whose PATH has become a link is not followed there.
func TestRotationRefusesLink(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "log")
	write(t, filepath.Join(dir, "victim"), "precious\n")
	l := opened(t, &Config{Paths: []string{path}, SizeMax: 60, Rotate: true, MaxFiles: 2}, sound())
	l.Write(Stdout, at, []byte("a\n"), false)
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("victim", path); err != nil {
		t.Fatal(err)
	}
	l.Write(Stdout, at, []byte("b\n"), false)
	if !l.Pending() || l.Reopen() == nil {
		t.Error("not refused")
	}
	if read(t, path) != "precious\n" {
		t.Error("written through the link")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	l.Retry(at)
	if log := read(t, path); l.Pending() || !strings.Contains(log, " 2 bytes in 1 records were dropped ") {
		t.Errorf("%q", log)
	}
}

// Two logs may share a file: the tail is then not ours to cut.
func TestSharedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	k := sound()
	a := opened(t, &Config{Paths: []string{path}, OnFull: Block}, k)
	b := opened(t, &Config{Paths: []string{path}}, sound())
	k.room, k.errno = 20, syscall.ENOSPC
	b.Write(Stderr, at, []byte("b\n"), false)
	a.Write(Stdout, at, []byte("a\n"), false)
	if st, err := os.Stat(path); err != nil || st.Size() != int64(criPrefix+2+20) {
		t.Fatal(st, err)
	}
	k.room = -1
	a.Retry(at)
	b.Write(Stderr, at, []byte("c\n"), false)
	lines, err := parseCRI(read(t, path))
	if err != nil || said(lines, Stdout) != "a\n" || said(lines, Stderr) != "b\nc\n" {
		t.Errorf("%v %v", lines, err)
	}
}

func TestSync(t *testing.T) {
	for _, no := range []bool{false, true} {
		dir := t.TempDir()
		k := &syncing{fickle: sound()}
		l := opened(t, &Config{Paths: []string{dir + "/a", "json-file:" + dir + "/b"}, NoSync: no}, k)
		l.Write(Stdout, at, []byte("x\n"), false)
		err := l.Close()
		if no && (k.n != 0 || err != nil) || !no && (k.n != 2 || err == nil || !strings.Contains(err.Error(), "fsync(2) "+dir+"/a: EIO")) {
			t.Errorf("no sync %v: %d, %v", no, k.n, err)
		}
	}
}

type syncing struct {
	*fickle
	n int
}

func (k *syncing) fsync(int) error {
	k.n++
	return unix.EIO
}
