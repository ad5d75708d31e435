package monitor

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"stave/tests/kit"
)

// sizes is a container that says its terminal's size when it is asked, and ends
// when it is told.
const sizes = `echo ready; while :; do read x || continue; case $x in end) exit;; *) stty size; esac; done`

func terminal(b *kit.Bundle) { b.Spec.Process.Terminal = true }

// started is a running container with a terminal and a client that saw it begin.
func started(t *testing.T, s subject) (*session, *client) {
	t.Helper()
	c := real(t, s, stave(t), kit.Shell("stty -echo; "+sizes), terminal)
	c.add("-t", "-i").created()
	a := c.attach()
	if res := c.rt.Start(c.id); res.Code != 0 {
		t.Fatal(res)
	}
	a.until("ready\r\n")
	return c, a
}

// size asks the container until its terminal has this size.
func (a *client) size(want string) string {
	got := ""
	for range 20 {
		a.send([]byte("\n"))
		got = strings.TrimSpace(strings.ReplaceAll(a.until("\n"), "\r", ""))
		if got == want {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return got
}

// Lines of the ctl fifo: HEIGHT and WIDTH reach the terminal, nonsense does not.
// Where Debian's version differs it does not check the range, or it parses on in
// what an earlier line left in its one buffer.
func TestResize(t *testing.T) {
	for _, row := range []struct{ line, want, conmon string }{
		{"1 24 80", "24 80", ""},
		{"1 0030 0100", "30 100", ""},   // leading zeros are decimal
		{"1 31 101 more", "31 101", ""}, // further words are not looked at
		{"1 1000 1000", "1000 1000", ""},
		{"1 1001 10", "70 90", "1001 10"},
		{"1 10 1001", "70 90", "10 1001"},
		{"1 -1 10", "70 90", "24 10"},
		{"1 10.5 20.3", "70 90", ""},
		{"1 0x10 0x10", "70 90", ""},
		{"1 10", "70 90", ""},
		{"1", "70 90", ""},
		{"nonsense", "70 90", ""},
		{"", "70 90", ""},
		{"3 10 10", "70 90", ""},
	} {
		t.Run(row.line, func(t *testing.T) {
			each(t, func(t *testing.T, s subject) {
				c, a := started(t, s)
				c.control("ctl", "1 70 90\n")
				if got := a.size("70 90"); got != "70 90" {
					t.Fatalf("the terminal is %q", got)
				}
				c.control("ctl", row.line+"\n")
				settle()
				want := row.want
				if row.conmon != "" && !s.ours() {
					want = row.conmon
				}
				if got := a.size(want); got != want {
					t.Errorf("the terminal is %q, want %q", got, want)
				}
				if s.ours() || row.conmon == "" { // after all this it still listens
					c.control("ctl", "1 44 66\n")
					if got := a.size("44 66"); got != "44 66" {
						t.Errorf("then the terminal is %q", got)
					}
				}
				a.send([]byte("end\n"))
				a.all()
				c.wait()
				c.clean()
			})
		})
	}
}

// A resize that comes before the container starts, or before there is a
// terminal at all, is applied.
func TestEarlyResize(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := real(t, s, slow(t, stave(t)), kit.Shell("stty size"), terminal)
		c.add("-t").start()
		if !kit.Eventually(patience, func() bool { _, err := os.Stat(c.inBundle("winsz")); return err == nil }) {
			t.Fatal("no winsz fifo while the runtime creates")
		}
		c.control("ctl", "1 33 99\n")
		c.report()
		if res := c.rt.Start(c.id); res.Code != 0 {
			t.Fatal(res)
		}
		c.wait()
		if log := c.read("log"); !strings.Contains(log, "33 99") {
			t.Errorf("log: %s", log)
		}
		c.clean()
	})
}

// winsz by itself takes HEIGHT and WIDTH.
func TestWinsz(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c, a := started(t, s)
		c.control("winsz", "40 120\n")
		if got := a.size("40 120"); got != "40 120" {
			t.Errorf("the terminal is %q", got)
		}
		a.send([]byte("end\n"))
		c.wait()
		c.clean()
	})
}

// A line that comes in pieces is one line; several in one write are several;
// a bad one does not take the good ones after it along.
func TestControlLines(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c, a := started(t, s)
		c.control("ctl", "1 50")
		settle()
		c.control("ctl", " 60\n")
		if got := a.size("50 60"); got != "50 60" {
			t.Errorf("of two pieces the terminal is %q", got)
		}
		c.control("ctl", "1 51 61\n1 52 62\n")
		want := "52 62"
		if !s.ours() { // of one read it takes the first line
			want = "51 61"
			settle()
		}
		if got := a.size(want); got != want {
			t.Errorf("of two lines the terminal is %q, want %q", got, want)
		}
		c.control("ctl", "bad\n1 53 63\n")
		want = "53 63"
		if !s.ours() { // a bad line drops the rest of its read there
			want = "51 61"
			settle()
		}
		if got := a.size(want); got != want {
			t.Errorf("after a bad line the terminal is %q, want %q", got, want)
		}
		c.control("ctl", strings.Repeat("x", 5000)+"\n")
		settle()
		c.control("ctl", "1 54 64\n")
		if got := a.size("54 64"); got != "54 64" {
			t.Errorf("after a line of 5000 bytes the terminal is %q", got)
		}
		a.send([]byte("end\n"))
		c.wait()
		c.clean()
	})
}

// Fifos that are there already are replaced, and writers that come and go do
// not end the listening.
func TestFifosAreReplaced(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, gated("true"))
		kit.Must(t, unix.Mkfifo(c.inBundle("ctl"), 0o600))
		kit.Must(t, os.WriteFile(c.inBundle("winsz"), []byte("not a fifo"), 0o600))
		c.created()
		for _, name := range []string{"ctl", "winsz"} {
			if info, err := os.Stat(c.inBundle(name)); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
				t.Errorf("%s: %v, %v", name, info, err)
			}
		}
		for range 5 {
			c.control("ctl", "1 1 1\n") // fails without a reader
		}
		c.release()
		if code := c.wait(); code != 0 {
			t.Errorf("exit status %d", code)
		}
		c.clean()
	})
}

// reopen: output goes on in a new file of the old name.
func TestReopen(t *testing.T) {
	for _, line := range []string{"2 0 0", "2 1 1"} {
		t.Run(line, func(t *testing.T) {
			each(t, func(t *testing.T, s subject) {
				c := fake(t, s, `container 'while read x; do echo "$x"; done'`)
				c.add("-i").created()
				a := c.attach()
				a.send([]byte("before\n"))
				a.until("before\n")
				kit.Must(t, os.Rename(c.file("log"), c.file("log.old")))
				c.control("ctl", line+"\n")
				if !kit.Eventually(patience, func() bool { _, err := os.Stat(c.file("log")); return err == nil }) {
					t.Fatal("no new file")
				}
				a.send([]byte("after\n"))
				a.until("after\n")
				a.shutWrite()
				c.wait()
				if got := c.read("log.old"); !strings.HasSuffix(got, "F before\n") {
					t.Errorf("old file: %q", got)
				}
				if got := c.read("log"); strings.Contains(got, "before") || !strings.HasSuffix(got, "F after\n") {
					t.Errorf("new file: %q", got)
				}
				c.clean()
			})
		})
	}
}

// A reopen out of range is dropped like any other line.
func TestReopenOutOfRange(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, gated("echo text"))
		c.created()
		kit.Must(t, os.Rename(c.file("log"), c.file("log.old")))
		c.control("ctl", "2 1001 0\n")
		settle()
		if _, err := os.Stat(c.file("log")); (err == nil) == s.ours() { // Debian's version looks at the numbers of a resize alone
			t.Errorf("the new file: %v", err)
		}
		c.release()
		c.wait()
		c.clean()
	})
}

// The console socket has a short name in TMPDIR and goes when it has served;
// the terminal says \r\n for \n.
func TestConsole(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		seen := ""
		c := real(t, s, slow(t, stave(t)), kit.Shell("echo line; stty -a | grep -o '.onlcr'; test -t 0 && test -t 1 && test -t 2 && echo all"), terminal)
		c.add("-t").start()
		kit.Eventually(patience, func() bool {
			entries, _ := os.ReadDir(c.rt.Tmp)
			for _, e := range entries {
				if strings.HasPrefix(e.Name(), "conmon-term.") {
					seen = e.Name()
				}
			}
			return seen != ""
		})
		if !regexp.MustCompile(`^conmon-term\.[A-Za-z0-9]{6,8}$`).MatchString(seen) {
			t.Errorf("console socket %q", seen)
		}
		c.report()
		if entries, _ := os.ReadDir(c.rt.Tmp); len(entries) != 0 {
			t.Errorf("TMPDIR still holds %v", entries)
		}
		if res := c.rt.Start(c.id); res.Code != 0 {
			t.Fatal(res)
		}
		c.wait()
		log := c.read("log")
		for _, want := range []string{"F line\r\n", " onlcr\r\n", "F all\r\n"} {
			if !strings.Contains(log, want) {
				t.Errorf("no %q in the log:\n%q", want, log)
			}
		}
		c.clean()
	})
}

// A terminal that every process has closed may be opened again.
func TestTerminalReopened(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := real(t, s, stave(t), kit.Shell("tty=/dev/pts/0; exec 3<>/dev/null; echo one; exec <&3 >&3 2>&3; sleep 0.5; exec >$tty; echo two; sleep 0.1"), terminal)
		c.add("-t").run()
		if log := c.read("log"); !strings.Contains(log, "one") || !strings.Contains(log, "two") {
			t.Errorf("log: %q", log)
		}
		c.clean()
	})
}

// Several consoles at once do not meet.
func TestManyTerminals(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		var all []*session
		for i := range 3 {
			c := real(t, s, stave(t), kit.Shell(fmt.Sprintf("echo I am %d", i)), terminal)
			all = append(all, c.add("-t"))
		}
		for _, c := range all {
			c.created()
		}
		for i, c := range all {
			if res := c.rt.Start(c.id); res.Code != 0 {
				t.Fatal(res)
			}
			c.wait()
			if log := c.read("log"); strings.Count(log, "I am") != 1 || !strings.Contains(log, fmt.Sprintf("I am %d", i)) {
				t.Errorf("log %d: %q", i, log)
			}
		}
	})
}
