package logs

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// fakeJournal is a socket as systemd-journald has it.
type fakeJournal struct {
	t      *testing.T
	path   string
	fd     int
	memfds int
}

func newFakeJournal(t *testing.T) *fakeJournal {
	// Not in t.TempDir: a socket's path has 107 bytes at most.
	dir, err := os.MkdirTemp("", "journal")
	if err != nil {
		t.Fatal(err)
	}
	j := &fakeJournal{t: t, path: filepath.Join(dir, "socket")}
	j.start()
	t.Cleanup(func() {
		unix.Close(j.fd)
		os.RemoveAll(dir)
	})
	return j
}

func (j *fakeJournal) start() {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrUnix{Name: j.path})
	}
	if err != nil {
		j.t.Fatal(err)
	}
	j.fd = fd
}

func (j *fakeJournal) stop() {
	unix.Close(j.fd)
	os.Remove(j.path)
}

// receive reads all entries that have arrived.
func (j *fakeJournal) receive() (out []map[string]string) {
	j.t.Helper()
	b, oob := make([]byte, 1<<20), make([]byte, 1024)
	for {
		n, oobn, _, _, err := unix.Recvmsg(j.fd, b, oob, unix.MSG_CMSG_CLOEXEC)
		if err == unix.EAGAIN {
			return out
		}
		if err != nil {
			j.t.Fatal(err)
		}
		text := b[:n]
		if oobn > 0 {
			text = j.sealed(oob[:oobn], n)
		}
		out = append(out, j.parse(text))
	}
}

// sealed reads an entry that came as a file, as journald does: only if nobody
// can change it any more.
func (j *fakeJournal) sealed(oob []byte, n int) []byte {
	j.t.Helper()
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil || len(messages) != 1 || n != 0 {
		j.t.Fatal(n, err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		j.t.Fatal(fds, err)
	}
	defer unix.Close(fds[0])
	seals, err := unix.FcntlInt(uintptr(fds[0]), unix.F_GET_SEALS, 0)
	if err != nil || seals != unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE|unix.F_SEAL_SEAL {
		j.t.Fatalf("seals %x, %v", seals, err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fds[0], &st); err != nil {
		j.t.Fatal(err)
	}
	b := make([]byte, st.Size)
	if _, err := unix.Pread(fds[0], b, 0); err != nil {
		j.t.Fatal(err)
	}
	j.memfds++
	return b
}

// parse reads the native protocol.
func (j *fakeJournal) parse(b []byte) map[string]string {
	j.t.Helper()
	fields := map[string]string{}
	s := string(b)
	for s != "" {
		i := strings.IndexAny(s, "=\n")
		if i <= 0 {
			j.t.Fatalf("no field: %.80q", s)
		}
		key, value := s[:i], ""
		if s[i] == '=' {
			var ok bool
			if value, s, ok = strings.Cut(s[i+1:], "\n"); !ok {
				j.t.Fatalf("%s does not end", key)
			}
		} else {
			n := binary.LittleEndian.Uint64([]byte(s[i+1 : i+9]))
			value, s = s[i+9:i+9+int(n)], s[i+9+int(n):]
			if s == "" || s[0] != '\n' {
				j.t.Fatalf("%s does not end", key)
			}
			s = s[1:]
		}
		if _, twice := fields[key]; twice {
			j.t.Fatalf("%s is there twice", key)
		}
		fields[key] = value
	}
	return fields
}

const id64 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func TestJournalFields(t *testing.T) {
	j := newFakeJournal(t)
	for _, c := range []struct {
		name   string
		c      Config
		s      Stream
		text   string
		fields map[string]string
	}{
		{"least", Config{}, Stdout, "hello\n",
			map[string]string{"MESSAGE": "hello\n", "PRIORITY": "6", "SYSLOG_IDENTIFIER": "0123456789ab"}},
		{"name", Config{Name: "web"}, Stderr, "oh\n",
			map[string]string{"MESSAGE": "oh\n", "PRIORITY": "3", "SYSLOG_IDENTIFIER": "web", "CONTAINER_NAME": "web"}},
		{"tag", Config{Name: "web", Tag: "t=g"}, Stdout, "\x00\xff\n",
			map[string]string{"MESSAGE": "\x00\xff\n", "PRIORITY": "6", "SYSLOG_IDENTIFIER": "t=g", "CONTAINER_NAME": "web", "CONTAINER_TAG": "t=g"}},
		{"labels", Config{Labels: []string{"A=b", "C_1=", "D=two\nlines"}}, Stdout, "x\n",
			map[string]string{"MESSAGE": "x\n", "PRIORITY": "6", "SYSLOG_IDENTIFIER": "0123456789ab", "A": "b", "C_1": "", "D": "two\nlines"}},
		{"no end", Config{}, Stdout, "x",
			map[string]string{"MESSAGE": "x", "PRIORITY": "6", "SYSLOG_IDENTIFIER": "0123456789ab", "CONTAINER_PARTIAL_MESSAGE": "true"}},
		{"no end, not said", Config{NoPartialMessage: true}, Stdout, "x",
			map[string]string{"MESSAGE": "x", "PRIORITY": "6", "SYSLOG_IDENTIFIER": "0123456789ab"}},
		{"priority", Config{}, Stdout, "<4>careful\n",
			map[string]string{"MESSAGE": "careful\n", "PRIORITY": "4", "SYSLOG_IDENTIFIER": "0123456789ab"}},
		{"only a priority", Config{}, Stderr, "<0>\n",
			map[string]string{"MESSAGE": "\n", "PRIORITY": "0", "SYSLOG_IDENTIFIER": "0123456789ab"}},
		{"no priority", Config{}, Stdout, "<8>x\n",
			map[string]string{"MESSAGE": "<8>x\n", "PRIORITY": "6", "SYSLOG_IDENTIFIER": "0123456789ab"}},
		{"empty line", Config{}, Stdout, "\n",
			map[string]string{"MESSAGE": "\n", "PRIORITY": "6", "SYSLOG_IDENTIFIER": "0123456789ab"}},
	} {
		for size := range 4 {
			c.c.ID, c.c.Paths, c.c.JournalSocket = id64, []string{"journald"}, j.path
			l := opened(t, &c.c, sound())
			if !l.Journald() {
				t.Error("no journal")
			}
			for p := c.text; p != ""; {
				n := min(len(p), size+1)
				l.Write(c.s, at, []byte(p[:n]), false)
				p = p[n:]
			}
			closed(t, l)
			want := map[string]string{"CONTAINER_ID_FULL": id64, "CONTAINER_ID": id64[:12]}
			for key, value := range c.fields {
				want[key] = value
			}
			if got := j.receive(); len(got) != 1 || fmt.Sprint(got[0]) != fmt.Sprint(want) {
				t.Errorf("%s, by %d: %q, want %q", c.name, size+1, got, want)
			}
		}
	}
}

// The records of a long line are partial but for the last, and have the
// priority that it began with.
func TestJournalLongLine(t *testing.T) {
	j := newFakeJournal(t)
	l := opened(t, &Config{ID: id64, Paths: []string{"journald"}, JournalSocket: j.path}, sound())
	x := strings.Repeat("x", 8192)
	l.Write(Stdout, at, []byte("<2>"+x+"<5>end\n<5>next\n"), false)
	var got []string
	for _, e := range j.receive() {
		got = append(got, fmt.Sprintf("%s %d %s", e["PRIORITY"], len(e["MESSAGE"]), e["CONTAINER_PARTIAL_MESSAGE"]))
	}
	if want := "2 8189 true,2 10 ,5 5 "; strings.Join(got, ",") != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// A journal that is slow is waited for, whatever the policy.
func TestJournalSaysAll(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for _, policy := range []OnFull{Drop, Block} {
		j := newFakeJournal(t)
		l := opened(t, &Config{ID: id64, Paths: []string{"journald"}, JournalSocket: j.path, OnFull: policy}, sound())
		out := chatter(r, 400)
		out[1] += "no end"
		var got [2]strings.Builder
		blocked := 0
		drain := func() {
			for {
				if l.Blocked() {
					blocked++
					if l.WaitFD() < 0 {
						t.Fatal("nothing to wait for")
					}
				}
				for _, e := range j.receive() {
					s := Stdout
					if e["PRIORITY"] == "3" {
						s = Stderr
					}
					got[s].WriteString(e["MESSAGE"])
				}
				if !l.Blocked() {
					return
				}
				l.Retry(at)
			}
		}
		pour(r, l, out, drain)
		drain()
		closed(t, l)
		drain()
		if blocked == 0 {
			t.Error("never blocked")
		}
		for s := range out {
			same(t, "stream", got[s].String(), out[s])
		}
	}
}

// A journal that is restarted is found again; what it missed is told, or kept.
func TestJournalRestart(t *testing.T) {
	for _, policy := range []OnFull{Drop, Block} {
		j := newFakeJournal(t)
		l := opened(t, &Config{ID: id64, Paths: []string{"journald"}, JournalSocket: j.path, OnFull: policy}, sound())
		say := func(text string) { l.Write(Stdout, at, []byte(text), false) }
		say("one\n")
		if got := j.receive(); len(got) != 1 {
			t.Fatal(got)
		}
		j.stop()
		j.start() // at once: nothing is missed
		say("two\n")
		if got := j.receive(); len(got) != 1 || got[0]["MESSAGE"] != "two\n" {
			t.Fatal(got)
		}
		j.stop()
		say("three\nfour\n")
		if l.Blocked() != (policy == Block) || l.Pending() != (policy == Block) || l.WaitFD() >= 0 {
			t.Errorf("%d: blocked %v, pending %v", policy, l.Blocked(), l.Pending())
		}
		j.start()
		l.Retry(at)
		got := j.receive()
		if policy == Block && (len(got) != 2 || got[0]["MESSAGE"] != "three\n" || got[1]["MESSAGE"] != "four\n") {
			t.Errorf("%q", got)
		}
		if policy == Drop && (len(got) != 1 || got[0]["PRIORITY"] != "3" ||
			got[0]["MESSAGE"] != string((&loss{bytes: 11, records: 2, since: at, until: at}).text(syscall.ENOENT))+"\n") {
			t.Errorf("%q", got)
		}
	}
}

// Without a journal a container runs all the same, as it does with conmon.
func TestNoJournal(t *testing.T) {
	l := opened(t, &Config{ID: id64, Paths: []string{"journald"}, JournalSocket: t.TempDir() + "/no"}, sound())
	l.Write(Stdout, at, []byte("x\n"), false)
	if l.Blocked() || l.Pending() {
		t.Error("somebody is waiting for it")
	}
	if r, b := l.Lost(); r != 1 || b != 2 {
		t.Errorf("lost %d %d", r, b)
	}
	if err := l.Close(); err == nil || !strings.Contains(err.Error(), "ENOENT") {
		t.Error(err)
	}
}

// What is too large for the socket goes as a sealed file.
func TestJournalLargeMessage(t *testing.T) {
	j := newFakeJournal(t)
	large := strings.Repeat("v", 200<<10)
	l := opened(t, &Config{ID: id64, Paths: []string{"journald"}, JournalSocket: j.path, Labels: []string{"LARGE=" + large}}, sound())
	jour := l.sinks[0].place.(*journal)
	if e := jour.connect(); e != 0 {
		t.Fatal(e)
	}
	if err := unix.SetsockoptInt(jour.fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 64<<10); err != nil {
		t.Fatal(err)
	}
	l.Write(Stdout, at, []byte("a\nb\n"), false)
	got := j.receive()
	if len(got) != 2 || got[0]["MESSAGE"] != "a\n" || got[1]["MESSAGE"] != "b\n" || got[1]["LARGE"] != large || j.memfds != 2 {
		t.Errorf("%d entries, %d files", len(got), j.memfds)
	}
}
