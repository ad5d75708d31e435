package monitor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"stave/tests/kit"
)

// Each message is a stream's id and up to 8192 bytes; the end of the container
// is the end of the stream, after all that it said.
func TestAttachStreams(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, gated(`echo out; echo err >&2; head -c 100000 /dev/zero | tr "\000" "x"; echo -n last`))
		c.created()
		a := c.attach()
		b := c.attach()
		settle() // both are accepted
		c.release()
		var longest int
		var out, errs string
		for p := a.packet(); len(p) > 0; p = a.packet() {
			longest = max(longest, len(p))
			if p[0] == 2 {
				out += string(p[1:])
			} else if p[0] == 3 {
				errs += string(p[1:])
			} else {
				t.Errorf("stream id %d", p[0])
			}
		}
		if want := "out\n" + strings.Repeat("x", 100000) + "last"; out != want {
			t.Errorf("stdout has %d bytes, want %d", len(out), len(want))
		}
		if errs != "err\n" {
			t.Errorf("stderr %q", errs)
		}
		if longest > 8193 {
			t.Errorf("a message of %d bytes", longest)
		}
		if bOut, bErr := b.all(); bOut != out || bErr != errs {
			t.Errorf("the second client has %d and %d bytes", len(bOut), len(bErr))
		}
		c.wait()
		c.clean()
	})
}

// What was said before a client came is not said again.
func TestAttachHasNoHistory(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, `container 'echo early; read x <'$D'/go; echo late'`)
		c.created()
		if !kit.Eventually(patience, func() bool { return strings.Contains(c.read("log"), "early") }) {
			t.Fatal("nothing in the log")
		}
		a := c.attach()
		settle()
		c.release()
		if out, _ := a.all(); out != "late\n" {
			t.Errorf("attached: %q", out)
		}
		c.wait()
		c.clean()
	})
}

// A client is told after the log: what it has read is in the file.
func TestLogComesBeforeAttach(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, `container 'i=0; while [ $i -lt 50 ]; do read x || exit; echo "line $i."; i=$((i+1)); done'`)
		c.add("-i").created()
		a := c.attach()
		for i := range 50 {
			a.send([]byte("\n"))
			p := string(a.packet())
			if !strings.Contains(c.read("log"), strings.TrimSpace(p[1:])) {
				t.Errorf("line %d: %q was sent and is not in the log", i, p)
			}
		}
		c.wait()
		c.clean()
	})
}

// Where the socket is.
func TestAttachSocketPath(t *testing.T) {
	t.Run("full-attach ignores the directory", func(t *testing.T) {
		each(t, func(t *testing.T, s subject) {
			c := fake(t, s, gated("true"))
			c.add("--socket-dir-path", c.file("sockets"))
			c.created()
			if _, err := os.Lstat(c.file("sockets")); err == nil {
				t.Error("the directory is made")
			}
			c.attach()
			c.release()
			c.wait()
			c.clean()
		})
	})
	t.Run("a link in the directory", func(t *testing.T) {
		each(t, func(t *testing.T, s subject) {
			c := fake(t, s, gated("true"))
			c.drop("--full-attach").add("--socket-dir-path", c.file("sockets")).set("-u", "session")
			kit.Must(t, os.Mkdir(c.file("sockets"), 0o755))
			// An old one, to somewhere else, is replaced.
			kit.Must(t, os.Symlink("/nowhere", c.file("sockets/session")))
			c.created()
			if to, err := os.Readlink(c.file("sockets/session")); to != c.bundle.Dir {
				t.Errorf("the link leads to %q, %v", to, err)
			}
			a := attachAt(t, c.file("sockets/session/attach"))
			if a == nil {
				t.Fatal("no socket behind the link")
			}
			c.clients = append(c.clients, a)
			c.release()
			a.all()
			c.wait()
			if _, err := os.Lstat(c.file("sockets/session")); (err == nil) == s.ours() { // Debian's version leaves it
				t.Errorf("the link after the end: %v", err)
			}
			c.clean()
		})
	})
	t.Run("a path of 107 bytes loses its last", func(t *testing.T) {
		each(t, func(t *testing.T, s subject) {
			c := fake(t, s, gated("true"))
			c.drop("--full-attach").add("--socket-dir-path", c.file("sockets"))
			kit.Must(t, os.Mkdir(c.file("sockets"), 0o755))
			name := strings.Repeat("u", 107-len(c.file("sockets"))-1)
			c.set("-u", name).created()
			entries, err := os.ReadDir(c.file("sockets"))
			kit.Must(t, err)
			if s.ours() && len(entries) != 1 || entries[len(entries)-1].Name() != name[1:] {
				t.Errorf("the directory holds %v", entries)
			}
			c.release()
			c.wait()
			if entries, _ = os.ReadDir(c.file("sockets")); (len(entries) == 0) != s.ours() {
				t.Errorf("left: %v", entries)
			}
			c.clean()
		})
	})
	t.Run("a bundle with a long path", func(t *testing.T) {
		each(t, func(t *testing.T, s subject) {
			c := fake(t, s, gated("true"))
			long := filepath.Join(kit.Dir(t), strings.Repeat("l", 200))
			kit.Must(t, os.Mkdir(long, 0o755))
			c.bundle.Dir = long
			c.before = kit.Snap(c.rt, c.bundle)
			c.set("-b", long).created()
			a := c.attach()
			c.release()
			a.all()
			c.wait()
			c.clean()
		})
	})
	t.Run("a stale socket is replaced", func(t *testing.T) {
		each(t, func(t *testing.T, s subject) {
			c := fake(t, s, gated("true"))
			kit.Must(t, os.WriteFile(c.inBundle("attach"), nil, 0o600))
			c.created()
			c.attach()
			c.release()
			c.wait()
			_ = os.Remove(c.inBundle("attach"))
		})
	})
}

// Input goes to the container, and its end too, unless the caller wants it open.
func TestAttachStdin(t *testing.T) {
	for _, row := range []struct {
		name    string
		flags   []string
		how     func(a *client)
		ends    bool
		follows bool // output still reaches this client
	}{
		{"half closed", []string{"-i"}, (*client).shutWrite, true, true},
		{"empty message", []string{"-i"}, func(a *client) { a.send(nil) }, true, true},
		{"closed", []string{"-i"}, (*client).close, true, false},
		{"half closed, left open", []string{"-i", "--leave-stdin-open"}, (*client).shutWrite, false, true},
		{"closed, left open", []string{"-i", "--leave-stdin-open"}, (*client).close, false, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			each(t, func(t *testing.T, s subject) {
				c := fake(t, s, `container 'read x; echo got:$x; cat >/dev/null; echo end of input; exit 3'`)
				c.add(row.flags...).created()
				a := c.attach()
				a.send([]byte("typed\n"))
				if got := a.until("\n"); got != "got:typed\n" {
					t.Errorf("attached: %q", got)
				}
				row.how(a)
				if !row.ends {
					settle()
					if !c.alive() {
						t.Fatal("the container's stdin was closed")
					}
					b := c.attach() // the next one speaks, and is heard
					b.send([]byte("more\n"))
					settle()
					kit.Must(t, unix.Kill(atoi(t, c.read("pid")), unix.SIGKILL))
					c.wait()
					c.clean()
					return
				}
				if row.follows {
					if got := a.until("\n"); got != "end of input\n" {
						t.Errorf("after its end of input the client reads %q", got)
					}
				}
				if code := c.wait(); code != 3 {
					t.Errorf("exit status %d", code)
				}
				c.clean()
			})
		})
	}
}

// Long messages are cut at 32768 bytes; shorter ones arrive in order and whole.
func TestAttachStdinMessages(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, `container 'cat >'$D'/input'`)
		c.add("-i").created()
		a := c.attach()
		a.send([]byte(strings.Repeat("a", 40000)))
		a.send([]byte("b"))
		for range 20 {
			a.send([]byte(strings.Repeat("c", 30000)))
		}
		a.shutWrite()
		c.wait()
		got := c.recorded("input")
		if want := strings.Repeat("a", 32768) + "b" + strings.Repeat("c", 600000); got != want {
			t.Errorf("the container read %d bytes, %d of the first message; want %d, 32768", len(got), strings.Count(got, "a"), len(want))
		}
		c.clean()
	})
}

// A container that does not read its stdin stops its client, not the monitor:
// output goes on.
func TestAttachStdinBackPressure(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, gated("echo hello; exit 4"))
		c.add("-i").created()
		a := c.attach()
		kit.Must(t, unix.SetNonblock(a.fd, true))
		chunk := make([]byte, 30000)
		full := 0
		kit.Eventually(patience, func() bool {
			if _, err := unix.Write(a.fd, chunk); err == unix.EAGAIN {
				full++
			} else {
				full = 0
			}
			return full > 20 // for 200 ms nobody took a byte
		})
		if full == 0 {
			t.Error("the monitor takes input without end")
		}
		kit.Must(t, unix.SetNonblock(a.fd, false))
		b := c.attach()
		settle()
		c.release()
		if out, _ := b.all(); out != "hello\n" {
			t.Errorf("attached: %q", out)
		}
		if code := c.wait(); code != 4 {
			t.Errorf("exit status %d", code)
		}
		c.clean()
	})
}

// A client that goes away in the middle costs the others nothing.
func TestAttachClientDies(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, gated(`i=0; while [ $i -lt 2000 ]; do echo "line number $i"; i=$((i+1)); done`))
		c.created()
		a, b := c.attach(), c.attach()
		settle()
		c.release()
		a.packet()
		a.close()
		if out, _ := b.all(); strings.Count(out, "\n") != 2000 {
			t.Errorf("the other client has %d lines of 2000", strings.Count(out, "\n"))
		}
		c.wait()
		c.clean()
	})
}

// Twelve clients, beyond the backlog of 10, all hear everything.
func TestManyClients(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, gated("echo hello"))
		c.created()
		var all []*client
		for range 12 {
			all = append(all, c.attach())
		}
		settle()
		c.release()
		for i, a := range all {
			if out, _ := a.all(); out != "hello\n" {
				t.Errorf("client %d: %q", i, out)
			}
		}
		c.wait()
		c.clean()
	})
}

// With a real terminal: input that came before the tty is kept, all output is
// stdout, and a client's end closes nothing without -i.
func TestAttachTerminal(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := real(t, s, stave(t), kit.Shell("read x; echo got:$x; echo err >&2; read y; echo then:$y"),
			func(b *kit.Bundle) { b.Spec.Process.Terminal = true })
		c.add("-t", "-i").created()
		a := c.attach()
		a.send([]byte("early\n"))
		if res := c.rt.Start(c.id); res.Code != 0 {
			t.Fatal(res)
		}
		if got := a.until("err\r\n"); !strings.Contains(got, "got:early\r\n") {
			t.Errorf("attached: %q", got)
		}
		a.send([]byte("late\n"))
		if out, errs := a.all(); !strings.Contains(out, "then:late\r\n") || errs != "" {
			t.Errorf("attached: %q and %q", out, errs)
		}
		if code := c.wait(); code != 0 {
			t.Errorf("exit status %d", code)
		}
		c.clean()
	})
}

// Input that comes while the terminal is not there yet is kept for it.
func TestAttachBeforeTerminal(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := real(t, s, slow(t, stave(t)), kit.Shell("read x; echo got:$x"), func(b *kit.Bundle) { b.Spec.Process.Terminal = true })
		c.add("-t", "-i").start()
		if !kit.Eventually(patience, func() bool { _, err := os.Stat(c.inBundle("attach")); return err == nil }) {
			t.Fatal("no attach socket while the runtime creates")
		}
		a := c.attach()
		a.send([]byte("very early\n"))
		c.report()
		if res := c.rt.Start(c.id); res.Code != 0 {
			t.Fatal(res)
		}
		if out, _ := a.all(); !strings.Contains(out, "got:very early\r\n") {
			t.Errorf("attached: %q", out)
		}
		c.wait()
		c.clean()
	})
}

// slow is a runtime that takes its time to create.
func slow(t *testing.T, path string) string {
	t.Helper()
	to := filepath.Join(kit.Dir(t), "stave")
	kit.Must(t, os.WriteFile(to, []byte("#!/bin/sh\ncase \" $* \" in *' create '*) sleep 0.5;; esac\nexec "+path+" \"$@\"\n"), 0o755))
	return to
}
