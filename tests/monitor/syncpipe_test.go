package monitor

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"stave/tests/kit"
)

// execFlags turn a session into an exec.
func (c *session) execMode() *session {
	return c.add("-e", "--exec-process-spec", "/spec")
}

// legacy is CRI-O's ExecSync: no api version, no bundle, no cuuid.
func (c *session) legacy() *session {
	c.flags = c.flags[2:] // --api-version 1
	return c.drop("-b").drop("-u").drop("--full-attach").drop("--persist-dir").drop("--exit-dir").execMode().add("--socket-dir-path", c.dir)
}

// The key and the number of each mode.
func TestSyncKeys(t *testing.T) {
	for _, row := range []struct {
		name   string
		legacy bool // no api version
		exec   bool
		script string
		want   []string // lines; PID is the container's
		conmon []string // where it differs
		bug    string
		status int
	}{
		{name: "create", script: "container 'exit 3'", want: []string{`{"data": PID}`}, status: 3},
		{name: "create, legacy", legacy: true, script: "container 'exit 3'", want: []string{`{"pid": PID}`}, status: 3},
		{name: "exec", exec: true, script: "container 'exit 3'", want: []string{`{"data": PID}`, `{"data": 3}`}, status: 3},
		{name: "exec, signalled", exec: true, script: "container 'kill -9 $$'", want: []string{`{"data": PID}`, `{"data": 137}`}, status: 137},
		{name: "exec, 255", exec: true, script: "container 'exit 255'", want: []string{`{"data": PID}`, `{"data": 255}`}, status: 255},
		{name: "exec, legacy", legacy: true, exec: true, script: "container 'exit 4'", want: []string{`{"exit_code": 4}`}, status: 4},
		{name: "create fails with words", script: "echo boom >&2; exit 1", want: []string{`{"data": -1, "message": "boom\n"}`}, status: 1},
		{name: "create fails with words, legacy", legacy: true, script: "echo boom >&2; exit 1", want: []string{`{"pid": -1, "message": "boom\n"}`}, status: 1},
		{name: "create fails in silence", script: "exit 1", want: []string{`{"data": -1`}, status: 1,
			bug: "it says nothing when the runtime said nothing", conmon: []string{}},
		{name: "create is killed", script: "echo half >&2; kill -9 $$", want: []string{`{"data": -1, "message": "half\n"}`}, status: 1},
		{name: "create writes to stdout", script: "echo not this; exit 1", want: []string{`{"data": -1`}, status: 1,
			bug: "it says nothing when the runtime said nothing", conmon: []string{}},
		{name: "create without a pidfile", script: "exit 0", want: []string{`{"data": -1`}, status: 1,
			bug: "it ends without a word", conmon: []string{}},
		{name: "exec fails with words", exec: true, script: "echo boom >&2; exit 1", want: []string{`{"data": -1, "message": "boom\n"}`}, status: 1},
		{name: "exec fails with words, legacy", legacy: true, exec: true, script: "echo boom >&2; exit 1", want: []string{`{"exit_code": -1, "message": "boom\n"}`}, status: 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			each(t, func(t *testing.T, s subject) {
				c := fake(t, s, row.script)
				if row.exec && row.legacy {
					c.legacy()
				} else {
					if row.exec {
						c.execMode()
					}
					if row.legacy {
						c.flags = c.flags[2:]
					}
				}
				c.start()
				var got []string
				for l := c.report(); l.raw != ""; l = c.report() {
					got = append(got, l.raw)
				}
				want := row.want
				if row.bug != "" && !s.ours() {
					want = row.conmon
				}
				if len(got) != len(want) {
					t.Errorf("sync pipe: %q, want %q", got, want)
				}
				for i := range min(len(got), len(want)) {
					w := strings.ReplaceAll(want[i], "PID", c.read("pid"))
					if whole := strings.HasSuffix(w, "}"); whole && got[i] != w+"\n" || !strings.HasPrefix(got[i], w) {
						t.Errorf("sync pipe: %q, want %q", got[i], w)
					}
				}
				if code := c.wait(); code != row.status {
					t.Errorf("exit status %d, want %d", code, row.status)
				}
				c.cleanFailed()
			})
		})
	}
}

// The text of a failure is escaped, cut at 8191 bytes, and valid JSON.
func TestSyncEscapes(t *testing.T) {
	for _, row := range []struct{ name, printf, want, bug, conmon string }{
		{name: "quote and backslash", printf: `a"b\\c`, want: `a\"b\\c`},
		{name: "slash", printf: `a/b`, want: `a\/b`, bug: "its version does not", conmon: "a/b"},
		{name: "letters", printf: `\n\r\t\b\f`, want: `\n\r\t\b\f`, bug: "its version has fewer letters", conmon: `\n\u000d\t\u0008\u000c`},
		{name: "control", printf: `\001\037\177`, want: `\u0001\u001f\u007f`, bug: "it is off by one: 0x1f stays", conmon: "\\u0001\x1f\\u007f"},
		{name: "UTF-8", printf: `\303\244\342\202\254`, want: "ä€"},
		{name: "not UTF-8", printf: `a\377b\303`, want: "a\uFFFDb\uFFFD", bug: "it passes bytes that no JSON reader takes", conmon: "a\xffb\xc3"},
	} {
		t.Run(row.name, func(t *testing.T) {
			each(t, func(t *testing.T, s subject) {
				c := fake(t, s, "printf '"+row.printf+"' >&2; exit 1")
				c.start()
				want := row.want
				if row.bug != "" && !s.ours() {
					want = row.conmon
				}
				want = `{"data": -1, "message": "` + want + "\"}\n"
				if l := c.report(); strings.ToLower(l.raw) != strings.ToLower(want) {
					t.Errorf("sync pipe: %q, want %q", l.raw, want)
				}
				c.wait()
				c.cleanFailed()
			})
		})
	}
}

func TestSyncMessageIsCut(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, "head -c 20000 /dev/zero | tr '\\0' x >&2; exit 1")
		c.start()
		if l := c.report(); l.msg != strings.Repeat("x", 8191) {
			t.Errorf("a message of %d bytes", len(l.msg))
		}
		c.wait()
		c.cleanFailed()
	})
}

// A runtime that writes more to stderr than a pipe holds is not blocked for ever.
func TestRuntimeFloodsStderr(t *testing.T) {
	s := ours(t)
	c := fake(t, s, "head -c 1000000 /dev/zero | tr '\\0' x >&2; exit 1")
	c.start()
	if l := c.report(); l.n != -1 || !strings.HasPrefix(l.msg, "xxx") {
		t.Errorf("sync pipe: %.200q", l.raw)
	}
	c.wait()
	c.cleanFailed()
}

// The terminal is never delivered: an error, not a wait.
func TestSyncNoTerminal(t *testing.T) {
	for name, script := range map[string]string{
		"runtime ends with 0": "container true",
		"runtime fails":       "echo no tty >&2; exit 1",
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, s subject) {
				c := fake(t, s, script)
				c.add("-t").start()
				l := c.report()
				switch {
				case name == "runtime fails" && l.msg != "no tty\n":
					t.Errorf("sync pipe: %q", l.raw)
				case name != "runtime fails" && !s.ours():
					// Debian's version ends without a word.
					if l.raw != "" {
						t.Errorf("sync pipe: %q", l.raw)
					}
				case name != "runtime fails" && (l.n != -1 || l.msg != "Runtime did not set up terminal"):
					t.Errorf("sync pipe: %q", l.raw)
				}
				if code := c.wait(); code != 1 {
					t.Errorf("exit status %d", code)
				}
				c.cleanFailed()
			})
		})
	}
}

// The pipe stays open while the container lives, and its reader may go away.
func TestSyncPipeReaderGone(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, gated("exit 6"))
		c.created()
		kit.Must(t, c.syncPipe.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
		if n, err := c.syncPipe.Read(make([]byte, 1)); n != 0 || !os.IsTimeout(err) {
			t.Errorf("a further read gives %d, %v", n, err)
		}
		c.release()
		c.wait()
		c.clean()

		c = fake(t, s, "sleep 0.2; "+gated("exit 6"))
		c.execMode().start()
		c.syncPipe.Close()
		kit.Must(t, eventuallyNonEmpty(c.file("pid")))
		c.release()
		if !s.ours() { // Debian's version ends at the first EPIPE, and leaves the container alone
			if code := c.wait(); code != 1 {
				t.Errorf("without a reader conmon ends with %d", code)
			}
			return
		}
		if code := c.wait(); code != 6 {
			t.Errorf("without a reader the monitor ends with %d", code)
		}
		if got := c.exitFile(); got != "6" {
			t.Errorf("exit file %q", got)
		}
		c.clean()
	})
}

func eventuallyNonEmpty(path string) error {
	if kit.Eventually(patience, func() bool { info, err := os.Stat(path); return err == nil && info.Size() > 0 }) {
		return nil
	}
	return fmt.Errorf("%s stays empty", path)
}

// exec's exit line comes after the exit file and after all output is in the log.
func TestExecExitLineIsLast(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, `container 'head -c 300000 /dev/zero | tr "\000" "x"; echo end; exit 9'`)
		c.execMode().created()
		l := c.report()
		if l.n != 9 {
			t.Errorf("sync pipe: %q", l.raw)
		}
		if got := c.exitFile(); got != "9" {
			t.Errorf("exit file %q when the exit line came", got)
		}
		if log := c.read("log"); !strings.HasSuffix(log, "end\n") {
			t.Errorf("log ends with %.100q when the exit line came", log[max(0, len(log)-100):])
		}
		c.wait()
		c.clean()
	})
}

// A timed-out exec says so in the words that CRI-O compares.
func TestExecTimeout(t *testing.T) {
	for _, legacy := range []bool{false, true} {
		t.Run(fmt.Sprintf("legacy=%v", legacy), func(t *testing.T) {
			each(t, func(t *testing.T, s subject) {
				c := fake(t, s, "container 'exec sleep 100'")
				want := `{"data": -1, "message": "command timed out"}` + "\n"
				if legacy {
					c.legacy()
					want = `{"exit_code": -1, "message": "command timed out"}` + "\n"
				} else {
					c.execMode()
				}
				c.add("--timeout", "1").start()
				l := c.report()
				if !legacy {
					l = c.report()
				}
				if l.raw != want {
					t.Errorf("sync pipe: %q, want %q", l.raw, want)
				}
				if code := c.wait(); code != 255 {
					t.Errorf("exit status %d", code)
				}
				c.clean()
			})
		})
	}
}

// An exec that attaches: "ready" on the attach pipe, then nothing runs before
// the start pipe speaks a second time.
func TestExecAttach(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, `record; container 'echo hello; read x; echo got:$x; exit 2'`)
		c.execMode().add("-i", "--exec-attach").start()
		var rest []byte
		if l := c.next(c.attachPipe, &rest); l.raw != "{\"data\": 0}\n" {
			t.Errorf("attach pipe: %q", l.raw)
		}
		a := c.attach()
		time.Sleep(100 * time.Millisecond)
		if _, err := os.Stat(filepath.Join(filepath.Dir(c.rt.Path), "argv")); err == nil {
			t.Error("the runtime ran before its start was asked for")
		}
		_, err := c.startPipe.Write([]byte{0})
		kit.Must(t, err)
		if l := c.report(); l.n <= 0 {
			t.Errorf("sync pipe: %q", l.raw)
		}
		a.send([]byte("typed\n"))
		if out, _ := a.all(); out != "hello\ngot:typed\n" {
			t.Errorf("attached: %q", out)
		}
		if l := c.report(); l.n != 2 {
			t.Errorf("sync pipe: %q", l.raw)
		}
		c.wait()
		c.clean()
	})
}

// Exec without a bundle has no sockets.
func TestLegacyExecHasNoSockets(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, gated("exit 0"))
		c.legacy().add("--sync")
		c.bundle.Dir = c.dir
		before, _ := filepath.Glob(c.file("*"))
		c.start()
		kit.Must(t, eventuallyNonEmpty(c.file("pid")))
		after, _ := filepath.Glob(c.file("*"))
		for _, path := range after {
			if info, err := os.Lstat(path); err == nil && info.Mode()&(os.ModeSocket|os.ModeNamedPipe|os.ModeSymlink) != 0 {
				t.Errorf("%v is made (before: %v)", path, before)
			}
		}
		c.release()
		if l := c.report(); l.raw != "{\"exit_code\": 0}\n" {
			t.Errorf("sync pipe: %q", l.raw)
		}
		c.wait()
	})
}

// The sync pipe is the caller's to lose: SIGPIPE does not end the monitor.
func TestSIGPIPE(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, gated("exit 0"))
		c.created()
		ignored := status(c.procFile("status"), "SigIgn") + status(c.procFile("status"), "SigCgt")
		if ignored == "" {
			t.Error("no status")
		}
		kit.Must(t, unix.Kill(c.monitor, unix.SIGPIPE))
		c.release()
		if code := c.wait(); code != 0 {
			t.Errorf("exit status %d after SIGPIPE", code)
		}
		c.clean()
	})
}
