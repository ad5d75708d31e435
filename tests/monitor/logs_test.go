package monitor

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"stave/tests/kit"
)

// A record is one line of a k8s-file, read as the kubelet reads it.
type record struct {
	at     time.Time
	stream string
	full   bool // F, else P
	text   string
}

var grammar = regexp.MustCompile(`^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}[+-]\d\d:\d\d) (stdout|stderr) ([PF]) (.*)$`)

// records parses a whole log; a line that is none fails the test.
func records(t testing.TB, log string) []record {
	t.Helper()
	var all []record
	if log != "" && !strings.HasSuffix(log, "\n") {
		t.Errorf("the log ends inside a line: %q", log[max(0, len(log)-100):])
	}
	for i, l := range strings.Split(strings.TrimSuffix(log, "\n"), "\n") {
		if log == "" {
			break
		}
		if len(l) > 8192+60 {
			t.Errorf("line %d has %d bytes", i, len(l))
		}
		m := grammar.FindStringSubmatch(strings.ToValidUTF8(l, "?"))
		if m == nil {
			t.Fatalf("line %d is no record: %.200q", i, l)
		}
		at, err := time.Parse(time.RFC3339Nano, m[1])
		if err != nil {
			t.Errorf("line %d: %v", i, err)
		}
		all = append(all, record{at, m[2], m[3] == "F", l[len(l)-len(strings.Join(strings.SplitN(l, " ", 4)[3:], "")):]})
	}
	return all
}

// text puts the records of a stream together again.
func text(all []record, stream string) string {
	var b strings.Builder
	for _, r := range all {
		if r.stream == stream {
			b.WriteString(r.text)
			if r.full {
				b.WriteByte('\n')
			}
		}
	}
	return b.String()
}

// The grammar, byte for byte, and that nothing is lost.
func TestK8sFile(t *testing.T) {
	for _, row := range []struct {
		name, script string
		stdout       string
		stderr       string
		tags         string // of stdout, in order; "" is not asked
	}{
		{"a line", "echo hello", "hello\n", "", "F"},
		{"two lines of one write", "printf 'a\\nb\\n'", "a\nb\n", "", "FF"},
		{"an empty line", "echo", "\n", "", "F"},
		{"empty lines", "printf '\\n\\n\\n'", "\n\n\n", "", "FFF"},
		{"no newline at the end", "printf abc", "abc", "", "P"},
		{"a line in two writes", "printf abc; sleep 0.1; echo def", "abcdef\n", "", "PF"},
		{"both streams", "echo out; echo err >&2", "out\n", "err\n", "F"},
		{"a long line", "head -c 40000 /dev/zero | tr '\\000' x; echo", strings.Repeat("x", 40000) + "\n", "", ""},
		{"a flood of lines", "yes 'some line that is not so long, but many times' 2>/dev/null | head -n 20000", strings.Repeat("some line that is not so long, but many times\n", 20000), "", ""},
		{"carriage returns and escapes", "printf 'a\\rb\\033[1m\\n'", "a\rb\x1b[1m\n", "", "F"},
		{"nothing", "true", "", "", ""},
		{"spaces at both ends", "printf '  a  \\n'", "  a  \n", "", "F"},
	} {
		t.Run(row.name, func(t *testing.T) {
			each(t, func(t *testing.T, s subject) {
				c := fake(t, s, "cat >$D/script <<'END'\n"+row.script+"\nEND\ncontainer \"sh $D/script\"")
				c.run()
				all := records(t, c.read("log"))
				if got := text(all, "stdout"); got != row.stdout {
					t.Errorf("stdout has %d bytes %.200q, want %d", len(got), got, len(row.stdout))
				}
				if got := text(all, "stderr"); got != row.stderr {
					t.Errorf("stderr %q", got)
				}
				tags := ""
				for _, r := range all {
					if r.stream == "stdout" {
						tags += map[bool]string{true: "F", false: "P"}[r.full]
					}
				}
				if row.tags != "" && tags != row.tags {
					t.Errorf("tags %s, want %s", tags, row.tags)
				}
				c.clean()
			})
		})
	}
}

// Bytes that are no text come back as they were.
func TestK8sFileBinary(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		data := make([]byte, 20000)
		for i := range data {
			data[i] = byte(i * 7)
		}
		c := fake(t, s, "container 'cat $INPUT; cat $INPUT >&2'")
		kit.Must(t, os.WriteFile(c.file("input"), data, 0o644))
		c.env = append(c.env, "INPUT="+c.file("input"))
		c.run()
		var out, errs strings.Builder
		for _, l := range strings.SplitAfter(c.read("log"), "\n") {
			f := strings.SplitN(l, " ", 4)
			if len(f) < 4 {
				continue
			}
			b := &out
			if f[1] == "stderr" {
				b = &errs
			}
			b.WriteString(strings.TrimSuffix(f[3], "\n"))
			if f[2] == "F" {
				b.WriteByte('\n')
			}
		}
		if out.String() != string(data) || errs.String() != string(data) {
			t.Errorf("%d and %d bytes of %d come back", out.Len(), errs.Len(), len(data))
		}
		c.clean()
	})
}

// The time is local, with a numeric offset and never Z, and the clock's.
func TestTimestamps(t *testing.T) {
	for _, row := range []struct{ tz, offset string }{
		{"UTC", "+00:00"}, {"Asia/Kolkata", "+05:30"}, {"XXX-5:30", "+05:30"}, {"XXX+3", "-03:00"},
	} {
		t.Run(row.tz, func(t *testing.T) {
			each(t, func(t *testing.T, s subject) {
				if _, err := os.Stat("/usr/share/zoneinfo/" + row.tz); strings.Contains(row.tz, "/") && err != nil {
					kit.Lacks(t, "tzdata")
				}
				c := fake(t, s, "container 'echo a; echo b; sleep 0.05; echo c'")
				c.env = append(c.env, "TZ="+row.tz)
				before := time.Now()
				c.run()
				all := records(t, c.read("log"))
				after := time.Now()
				if len(all) != 3 {
					t.Fatalf("log: %q", c.read("log"))
				}
				last := before
				for _, r := range all {
					if r.at.Before(last) || r.at.After(after) {
						t.Errorf("%v is not between %v and %v", r.at, last, after)
					}
					last = r.at
				}
				if !last.After(all[0].at) {
					t.Error("50 ms later it is not later")
				}
				if !strings.Contains(c.read("log"), row.offset+" stdout") {
					t.Errorf("no %s in %q", row.offset, c.read("log"))
				}
				c.clean()
			})
		})
	}
}

// Drivers and how a path may be written.
func TestLogPaths(t *testing.T) {
	for _, row := range []struct {
		name   string
		paths  string // DIR is the caller's directory
		want   string // the file that has the text; "" is none
		bug    string
		conmon string
	}{
		{name: "a driver and a path", paths: "k8s-file:DIR/a", want: "a"},
		{name: "a path", paths: "DIR/a", want: "a"},
		{name: "colon and path", paths: ":DIR/a", want: "a"},
		{name: "none", paths: "none"},
		{name: "off", paths: "off"},
		{name: "null", paths: "null"},
		{name: "none with a colon", paths: "none:"},
		{name: "two of a kind: the last wins", paths: "k8s-file:DIR/b k8s-file:DIR/a", want: "a"},
		{name: "none and a file", paths: "none DIR/a", want: "a"},
		{name: "a colon in the path", paths: "k8s-file:DIR/a:b", want: "a:b", bug: "the path is cut at the colon", conmon: "a"},
	} {
		t.Run(row.name, func(t *testing.T) {
			each(t, func(t *testing.T, s subject) {
				c := fake(t, s, "container 'echo text'")
				c.drop("-l")
				for _, p := range strings.Fields(strings.ReplaceAll(row.paths, "DIR", c.dir)) {
					c.add("-l", p)
				}
				c.run()
				want := row.want
				if row.bug != "" && !s.ours() {
					want = row.conmon
				}
				for _, name := range []string{"a", "b", "a:b"} {
					if got := strings.Contains(c.read(name), "F text\n"); got != (name == want) {
						t.Errorf("text in %s: %v", name, got)
					}
				}
				c.clean()
			})
		})
	}
	// A name that is a driver's, after a colon, is a path: in the working directory.
	t.Run("colon and a driver's name", func(t *testing.T) {
		each(t, func(t *testing.T, s subject) {
			c := fake(t, s, "container 'echo text'")
			c.set("-l", ":journald").add("--sync")
			cmd := &kit.Cmd{Args: append([]string{s.path}, c.flags...), Dir: c.dir, Env: []string{"TMPDIR=" + c.rt.Tmp}}
			cmd.Start(t)
			if res := cmd.Wait(); res.Code != 0 || !strings.Contains(c.read("journald"), "F text\n") {
				t.Errorf("%q: %s", c.read("journald"), res)
			}
		})
	})
}

// An existing log is continued.
func TestLogIsAppended(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, "container 'echo text'")
		kit.Must(t, os.WriteFile(c.file("log"), []byte("old\n"), 0o640))
		c.run()
		if log := c.read("log"); !strings.HasPrefix(log, "old\n") || !strings.HasSuffix(log, "F text\n") {
			t.Errorf("log: %q", log)
		}
		c.clean()
	})
}

// numbered writes lines that can be counted: nothing lost, doubled or torn.
const numbered = `i=0; while [ $i -lt 3000 ]; do echo "sequence $i of many, with some text behind it"; i=$((i+1)); done`

// sequence reads the numbers back; from is the first that is wanted.
func sequence(t testing.TB, all []record) (first, last int) {
	t.Helper()
	first, last = -1, -1
	for _, l := range strings.Split(strings.TrimSuffix(text(all, "stdout"), "\n"), "\n") {
		var n int
		if _, err := fmt.Sscanf(l, "sequence %d of many", &n); err != nil || !strings.HasSuffix(l, "behind it") {
			t.Errorf("a torn line: %q", l)
			continue
		}
		if first < 0 {
			first = n
		} else if n != last+1 {
			t.Errorf("%d comes after %d", n, last)
		}
		last = n
	}
	return first, last
}

// log-size-max without rotation: the file is begun anew, and never longer.
func TestLogSizeMax(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, gated(numbered))
		const limit = 50000
		c.add("--log-size-max", fmt.Sprint(limit)).created()
		c.release()
		c.wait()
		log := c.read("log")
		if len(log) > limit || len(log) < 100 {
			t.Errorf("the log has %d bytes, the limit is %d", len(log), limit)
		}
		if s.ours() { // conmon's first record may be the rest of a line that is gone
			if _, last := sequence(t, trimHead(records(t, log))); last != 2999 {
				t.Errorf("the last line is %d", last)
			}
		} else if !strings.Contains(log, "sequence 2999 of many") {
			t.Errorf("the last line is not there")
		}
		if _, err := os.Stat(c.file("log.tmp")); err == nil {
			t.Error("log.tmp is left")
		}
		c.clean()
	})
}

// trimHead drops the rest of a line whose beginning went with the old file.
func trimHead(all []record) []record {
	for i, r := range all {
		if strings.HasPrefix(r.text, "sequence ") {
			return all[i:]
		}
	}
	return nil
}

// A record that is longer than the limit is written all the same; 0 and less
// are no limit.
func TestLogSizeMaxEdges(t *testing.T) {
	for _, row := range []struct {
		limit string
		want  int // lines that stay
	}{{"10", 1}, {"0", 40}, {"-1", 40}, {"0x1000000", 40}} {
		t.Run(row.limit, func(t *testing.T) {
			each(t, func(t *testing.T, s subject) {
				c := fake(t, s, "container 'i=0; while [ $i -lt 40 ]; do echo line $i; sleep 0.002; i=$((i+1)); done'")
				c.add("--log-size-max=" + row.limit).run()
				if n := strings.Count(c.read("log"), "\n"); n != row.want {
					t.Errorf("%d lines, want %d", n, row.want)
				}
				if !strings.HasSuffix(c.read("log"), "line 39\n") {
					t.Errorf("the last line is not there: %q", c.read("log"))
				}
				c.clean()
			})
		})
	}
}

// log-global-size-max: what is over it is discarded, the container goes on, and
// attached clients hear everything.
func TestLogGlobalSizeMax(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, gated(numbered))
		c.add("--log-global-size-max", "20000").created()
		a := c.attach()
		settle()
		c.release()
		if out, _ := a.all(); strings.Count(out, "\n") != 3000 {
			t.Errorf("the client has %d lines of 3000", strings.Count(out, "\n"))
		}
		if code := c.wait(); code != 0 {
			t.Errorf("exit status %d", code)
		}
		limit := 20000 + 8192 + 60 // the record that reaches it is still written
		if n := len(c.read("log")); n < 10000 || n > limit {
			t.Errorf("the log has %d bytes of at most 20000", n)
		}
		if s.ours() {
			if first, _ := sequence(t, records(t, c.read("log"))); first != 0 {
				t.Errorf("the first line is %d", first)
			}
		}
		c.clean()
	})
}

// What is in the file already counts.
func TestLogGlobalSizeCountsOld(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, "container 'echo text'")
		kit.Must(t, os.WriteFile(c.file("log"), []byte(strings.Repeat("o", 9999)+"\n"), 0o640))
		c.add("--log-global-size-max", "10000").run()
		if n := len(c.read("log")); n != 10000 && s.ours() { // Debian's version does not count what was there
			t.Errorf("the log has %d bytes", n)
		}
		c.clean()
	})
}

// log-rotate keeps N files, under a flood, and loses no line of those it keeps.
func TestLogRotate(t *testing.T) {
	for _, files := range []int{1, 3} {
		t.Run(fmt.Sprintf("max-files=%d", files), func(t *testing.T) {
			s := ours(t)
			c := fake(t, s, gated(numbered))
			const limit = 40000
			c.add("--log-rotate", fmt.Sprintf("--log-max-files=%d", files), "--log-size-max", fmt.Sprint(limit)).created()
			c.release()
			c.wait()
			log := ""
			for i := files; i >= 0; i-- {
				name := "log"
				if i > 0 {
					name = fmt.Sprintf("log.%d", i)
				}
				part := c.read(name)
				if len(part) == 0 || len(part) > limit {
					t.Errorf("%s has %d bytes", name, len(part))
				}
				log += part
			}
			if _, err := os.Stat(c.file(fmt.Sprintf("log.%d", files+1))); err == nil {
				t.Errorf("one backup too many")
			}
			if _, err := os.Stat(c.file("log.new")); err == nil {
				t.Error("log.new is left")
			}
			if _, last := sequence(t, trimHead(records(t, log))); last != 2999 {
				t.Errorf("the last line is %d", last)
			}
			c.clean()
		})
	}
}

// Enough files, and not one line is lost.
func TestLogRotateLosesNothing(t *testing.T) {
	s := ours(t)
	c := fake(t, s, gated(numbered))
	c.add("--log-rotate", "--log-max-files=50", "--log-size-max", "20000").created()
	c.release()
	c.wait()
	log := c.read("log")
	for i := 1; ; i++ {
		part := c.read(fmt.Sprintf("log.%d", i))
		if part == "" {
			if i < 5 {
				t.Errorf("only %d backups", i-1)
			}
			break
		}
		log = part + log
	}
	if first, last := sequence(t, records(t, log)); first != 0 || last != 2999 {
		t.Errorf("lines %d to %d of 3000", first, last)
	}
	c.clean()
}

// A left-over of an earlier rotation does not stop the rotation for ever.
func TestLogRotateLeftover(t *testing.T) {
	s := ours(t)
	c := fake(t, s, gated(numbered))
	kit.Must(t, os.WriteFile(c.file("log.new"), []byte("left\n"), 0o640))
	c.add("--log-rotate", "--log-max-files=2", "--log-size-max", "40000").created()
	c.release()
	c.wait()
	if n := len(c.read("log")); n > 40000 {
		t.Errorf("the log has %d bytes: it is not rotated", n)
	}
	c.clean()
}

// reopen with rotation after the caller moved the file: a new file, as without.
func TestReopenWithRotate(t *testing.T) {
	s := ours(t)
	c := fake(t, s, `container 'while read x; do echo "$x"; done'`)
	c.add("-i", "--log-rotate", "--log-max-files=2").created()
	a := c.attach()
	a.send([]byte("before\n"))
	a.until("before\n")
	kit.Must(t, os.Rename(c.file("log"), c.file("moved")))
	c.control("ctl", "2 0 0\n")
	if !kit.Eventually(patience, func() bool { _, err := os.Stat(c.file("log")); return err == nil }) {
		t.Fatal("no new file")
	}
	a.send([]byte("after\n"))
	a.until("after\n")
	a.shutWrite()
	c.wait()
	if !strings.HasSuffix(c.read("moved"), "F before\n") || !strings.HasSuffix(c.read("log"), "F after\n") || strings.Contains(c.read("log"), "before") {
		t.Errorf("old %q, new %q", c.read("moved"), c.read("log"))
	}
	c.clean()
}

// A log is not made outside the directories that are allowed.
func TestLogAllowlist(t *testing.T) {
	s := ours(t)
	for name, allowed := range map[string]bool{"in": true, "out": false} {
		c := fake(t, s, "container 'echo text'")
		kit.Must(t, os.Mkdir(c.file("in"), 0o755))
		kit.Must(t, os.Mkdir(c.file("out"), 0o755))
		path := filepath.Join(c.dir, name, "log")
		c.set("-l", path).add("--log-allowlist-dir", c.file("in"), "--sync").start()
		code := c.wait()
		_, err := os.Stat(path)
		if (code == 0) != allowed || (err == nil) != allowed {
			t.Errorf("in %s: exit status %d, file: %v", name, code, err)
		}
	}
}

// fsync at the end, unless it is unwanted.
func TestSyncLog(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		for _, flag := range []string{"", "--no-sync-log"} {
			c := fake(t, s, "container 'echo text'")
			c.add("--sync")
			if flag != "" {
				c.add(flag)
			}
			trace := c.traced("fsync,fdatasync", "-P", c.file("log"))
			if got := strings.Contains(trace, "sync("); got != (flag == "") {
				t.Errorf("flag %q: fsync of the log: %v\n%s", flag, got, trace)
			}
		}
	})
}

// traced runs a session with --sync under strace(1) and gives what it saw.
func (c *session) traced(calls string, args ...string) string {
	c.t.Helper()
	strace := kit.NeedTool(c.t, "strace")
	out := c.file("trace")
	words := append([]string{strace, "-f", "-qq", "-y", "-o", out, "-e", "trace=" + calls}, args...)
	cmd := &kit.Cmd{Args: append(append(words, c.sub.path), c.flags...), Env: append([]string{"TMPDIR=" + c.rt.Tmp}, c.env...), Timeout: patience}
	cmd.Start(c.t)
	if res := cmd.Wait(); res.TimedOut {
		c.t.Fatal(res)
	}
	return c.read("trace")
}

// passthrough: the container has its caller's stdio, and there is no socket and
// no fifo.
func TestPassthrough(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, "container 'cat; echo err >&2; exit 3'")
		c.set("-l", "passthrough").add("--sync", "-i")
		r, w, err := os.Pipe()
		kit.Must(t, err)
		_, err = w.WriteString("typed\n")
		kit.Must(t, err)
		w.Close()
		cmd := &kit.Cmd{Args: append([]string{s.path}, c.flags...), Stdin: r, Env: []string{"TMPDIR=" + c.rt.Tmp}}
		cmd.Start(t)
		r.Close()
		if res := cmd.Wait(); res.Code != 3 || res.Stdout != "typed\n" || res.Stderr != "err\n" {
			t.Errorf("%s", res)
		}
		for _, name := range []string{"attach", "ctl", "winsz"} {
			if _, err := os.Stat(c.inBundle(name)); err == nil {
				t.Errorf("there is %s", name)
			}
		}
		if got := c.exitFile(); got != "3" {
			t.Errorf("exit file %q", got)
		}
	})
}

// journal puts a socket where the journal's would be, for this mount namespace.
func journal(t *testing.T) *datagrams {
	t.Helper()
	const dir = "/run/systemd/journal"
	if _, err := os.Stat("/run/systemd"); err != nil {
		kit.Lacks(t, "/run/systemd")
	}
	kit.Must(t, unix.Mount("tmpfs", "/run/systemd", "tmpfs", 0, ""))
	t.Cleanup(func() { kit.Must(t, unix.Unmount("/run/systemd", unix.MNT_DETACH)) })
	kit.Must(t, os.Mkdir(dir, 0o755))
	d := listen(t, dir+"/socket")
	kit.Must(t, unix.SetsockoptInt(d.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20))
	return d
}

// fields reads a datagram of the journal's protocol: KEY=VALUE lines, or KEY, a
// length of 64 bits and the bytes.
func fields(t *testing.T, datagram string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for datagram != "" {
		head, rest, _ := strings.Cut(datagram, "\n")
		if key, value, ok := strings.Cut(head, "="); ok {
			all[key], datagram = value, rest
			continue
		}
		if len(rest) < 8 {
			t.Fatalf("not the journal's protocol: %q", datagram)
		}
		n := 0
		for i := range 8 {
			n |= int(rest[i]) << (8 * i)
		}
		if len(rest) < 8+n+1 {
			t.Fatalf("not the journal's protocol: %q", datagram)
		}
		all[head], datagram = rest[8:8+n], rest[8+n+1:]
	}
	return all
}

func TestJournald(t *testing.T) {
	type want map[string]string
	for _, row := range []struct {
		name, script string
		flags        string
		want         []want // per datagram; "" as a value: the field is absent
		newer        bool   // flags that Debian's version does not know
		bug          string
		conmon       []want
	}{
		{name: "a line", script: "echo hello", want: []want{{"MESSAGE": "hello\n", "PRIORITY": "6", "CONTAINER_ID": "ID12",
			"CONTAINER_ID_FULL": "ID", "CONTAINER_NAME": "name", "CONTAINER_TAG": "", "CONTAINER_PARTIAL_MESSAGE": ""}}},
		{name: "stderr", script: "echo oops >&2", want: []want{{"MESSAGE": "oops\n", "PRIORITY": "3"}}},
		{name: "lines", script: "printf 'a\\nb\\n'", want: []want{{"MESSAGE": "a\n"}, {"MESSAGE": "b\n"}}},
		{name: "tag", flags: "--log-tag mine", script: "echo a", want: []want{{"CONTAINER_TAG": "mine", "SYSLOG_IDENTIFIER": "mine"}}, bug: "its version names no identifier", conmon: []want{{"CONTAINER_TAG": "mine"}}},
		{name: "partial at the end", script: "printf abc", want: []want{{"MESSAGE": "abc", "CONTAINER_PARTIAL_MESSAGE": "true"}}},
		{name: "a line in two writes", script: "printf abc; sleep 0.1; echo def", want: []want{{"MESSAGE": "abcdef\n", "CONTAINER_PARTIAL_MESSAGE": ""}}},
		{name: "priority by prefix", script: "echo '<4>warned'", want: []want{{"MESSAGE": "warned\n", "PRIORITY": "4"}}, bug: "its version does not look", conmon: []want{{"MESSAGE": "<4>warned\n", "PRIORITY": "6"}}},
		{name: "no priority", script: "echo '<8>not'; echo '<x>not'", want: []want{{"MESSAGE": "<8>not\n", "PRIORITY": "6"}, {"MESSAGE": "<x>not\n", "PRIORITY": "6"}}},
		{name: "labels", flags: "--log-label A=b --log-label C_2=d", script: "echo a", newer: true, want: []want{{"A": "b", "C_2": "d"}}},
		{name: "no partial field", flags: "--no-container-partial-message", script: "printf abc", newer: true, want: []want{{"MESSAGE": "abc", "CONTAINER_PARTIAL_MESSAGE": ""}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			each(t, func(t *testing.T, s subject) {
				if row.newer && !s.ours() {
					t.Log(old)
					return
				}
				d := journal(t)
				c := fake(t, s, "cat >$D/script <<'END'\n"+row.script+"\nEND\ncontainer \"sh $D/script\"")
				id := c.id + "-long-enough"
				c.set("-c", id).set("-l", "journald").add(strings.Fields(row.flags)...)
				c.run()
				all := row.want
				if row.bug != "" && !s.ours() {
					all = row.conmon
				}
				for i, w := range all {
					got := d.next(patience)
					f := fields(t, got)
					for key, value := range w {
						value = strings.NewReplacer("ID12", id[:12], "ID", id).Replace(value)
						if f[key] != value {
							t.Errorf("datagram %d: %s is %q, want %q\n%v", i, key, f[key], value, f)
						}
					}
				}
				if extra := d.next(50 * time.Millisecond); extra != "" {
					t.Errorf("one more: %q", extra)
				}
			})
		})
	}
}

// A long line without a newline goes in parts of 8191 bytes and is whole.
func TestJournaldLongLine(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		d := journal(t)
		c := fake(t, s, `container 'head -c 20000 /dev/zero | tr "\000" "x"; echo'`)
		c.set("-c", c.id+"-long-enough").set("-l", "journald").run()
		total, last := 0, map[string]string{}
		for got := d.next(patience); got != ""; got = d.next(100 * time.Millisecond) {
			last = fields(t, got)
			total += strings.Count(last["MESSAGE"], "x")
			if len(last["MESSAGE"]) > 8192 {
				t.Errorf("a message of %d bytes", len(last["MESSAGE"]))
			}
		}
		if total != 20000 || !strings.HasSuffix(last["MESSAGE"], "\n") || last["CONTAINER_PARTIAL_MESSAGE"] != "" {
			t.Errorf("%d bytes of 20000, the last datagram is %.100q", total, last)
		}
	})
}

// Two drivers at once have the same text.
func TestTwoDrivers(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		d := journal(t)
		c := fake(t, s, "container 'echo text'")
		c.set("-c", c.id+"-long-enough").add("-l", "journald").run()
		if f := fields(t, d.next(patience)); f["MESSAGE"] != "text\n" {
			t.Errorf("journal: %v", f)
		}
		if !strings.HasSuffix(c.read("log"), "F text\n") {
			t.Errorf("log: %q", c.read("log"))
		}
	})
}
