package monitor

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"stave/tests/kit"
)

// withCommand adds an exit command that is a script with D as its directory.
func (c *session) withCommand(script string, args ...string) *session {
	c.t.Helper()
	path := c.file("command")
	body := "#!/bin/sh\nD=" + c.dir + "\n(exec ls -l /proc/$$/fd >$D/cmd-fds)\ncat /proc/$$/status >$D/cmd-status\n" +
		"cat /proc/$$/oom_score_adj >$D/cmd-oom\ntr '\\0' '\\n' </proc/$$/environ >$D/cmd-environ\n" +
		"for a; do echo \"$a\"; done >$D/cmd-argv\n" + script + "\n"
	kit.Must(c.t, os.WriteFile(path, []byte(body), 0o755))
	c.add("--exit-command", path)
	for _, a := range args {
		c.add("--exit-command-arg", a)
	}
	return c
}

// What the command is given, and what is done before it.
func TestExitCommand(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, "container 'echo text; exit 6'")
		c.env = append(c.env, "MINE=is here")
		c.withCommand("cat "+c.file("exits/"+c.id)+" >$D/seen; cp "+c.file("log")+" $D/log-seen; ls "+c.bundle.Dir+" >$D/bundle-seen", "container", "cleanup", "a b", "")
		if code := c.run(); code != 6 {
			t.Errorf("exit status %d", code)
		}
		if got := c.read("cmd-argv"); got != "container\ncleanup\na b\n\n" {
			t.Errorf("arguments %q", got)
		}
		if got := c.read("seen"); got != "6" {
			t.Errorf("the command finds the exit file %q", got)
		}
		if got := c.read("log-seen"); !strings.HasSuffix(got, "F text\n") {
			t.Errorf("the command finds the log %q", got)
		}
		if strings.Contains(c.read("bundle-seen"), "attach") {
			t.Error("the command finds the attach socket")
		}
		if !strings.Contains(c.read("cmd-environ"), "MINE=is here\n") {
			t.Errorf("environment: %s", c.read("cmd-environ"))
		}
		if got := c.read("cmd-oom"); got != selfOOM(t) {
			t.Errorf("oom_score_adj %q", got)
		}
		for _, m := range regexp.MustCompile(`(\d+) -> (.*)`).FindAllStringSubmatch(c.read("cmd-fds"), -1) {
			if len(m[1]) == 1 && m[1] <= "2" {
				if m[2] != "/dev/null" {
					t.Errorf("fd %s of the command is %s", m[1], m[2])
				}
			} else if !strings.HasSuffix(m[2], "/command") && inherited(m[1]) != m[2] {
				t.Errorf("fd %s leaks into the command: %s", m[1], m[2])
			}
		}
		if blocked := strings.Trim(status(c.read("cmd-status"), "SigBlk"), "0"); blocked != "" {
			t.Errorf("signals blocked in the command: %s", blocked)
		}
		c.clean()
	})
}

// It runs whenever a runtime was forked: also when create failed.
func TestExitCommandAfterFailure(t *testing.T) {
	for name, script := range map[string]string{"create fails": "echo no >&2; exit 1", "no pidfile": "exit 0"} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, s subject) {
				c := fake(t, s, script)
				c.withCommand("echo ran >$D/ran").start()
				c.report()
				c.wait()
				if got := c.read("ran"); got != "ran\n" {
					t.Errorf("the command left %q", got)
				}
				c.cleanFailed()
			})
		})
	}
	t.Run("nothing was forked", func(t *testing.T) {
		each(t, func(t *testing.T, s subject) {
			c := fake(t, s, "container true")
			c.withCommand("echo ran >$D/ran").set("-r", "/no/such").start()
			if c.res.Code != 1 || c.read("ran") != "" {
				t.Errorf("the command left %q; %s", c.read("ran"), c.res)
			}
		})
	})
}

// The monitor waits for the command, and ends with its failure.
func TestExitCommandStatus(t *testing.T) {
	for _, row := range []struct{ container, command, want int }{{0, 0, 0}, {6, 0, 6}, {0, 9, 9}, {6, 9, 9}} {
		t.Run(fmt.Sprintf("%d and %d", row.container, row.command), func(t *testing.T) {
			each(t, func(t *testing.T, s subject) {
				c := fake(t, s, fmt.Sprintf("container 'exit %d'", row.container))
				c.withCommand(fmt.Sprintf("sleep 0.2; echo ran >$D/ran; exit %d", row.command))
				want := row.want
				if !s.ours() { // Debian's version does not look at the command's status
					want = row.container
				}
				if code := c.run(); code != want {
					t.Errorf("exit status %d, want %d", code, want)
				}
				if c.read("ran") == "" {
					t.Error("it did not wait for the command")
				}
				if got := c.exitFile(); got != fmt.Sprint(row.container) {
					t.Errorf("exit file %q", got)
				}
				c.clean()
			})
		})
	}
}

// A command that cannot be run is a failure, and no hang.
func TestExitCommandMissing(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, "container true")
		c.add("--exit-command", "/no/such")
		if code := c.run(); (code == 0) == s.ours() { // Debian's version does not look at it
			t.Errorf("exit status %d", code)
		}
		c.clean()
	})
}

// The delay comes before the command and after the exit file.
func TestExitDelay(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, gated("true"))
		c.withCommand("echo ran >$D/ran").add("--exit-delay", "1").created()
		c.release()
		kit.Must(t, eventuallyNonEmpty(c.file("exits/"+c.id)))
		began := time.Now()
		if c.read("ran") != "" {
			t.Error("the command did not wait")
		}
		c.wait()
		if took := time.Since(began); took < 800*time.Millisecond {
			t.Errorf("the delay was %v", took)
		}
		if c.read("ran") == "" {
			t.Error("the command did not run")
		}
		c.clean()
	})
}

// exec: the exit line comes before the command has ended.
func TestExitCommandAfterExec(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, "container 'exit 4'")
		c.execMode().withCommand("sleep 1; echo ran >$D/ran").created()
		if l := c.report(); l.n != 4 {
			t.Errorf("sync pipe: %q", l.raw)
		}
		if c.read("ran") != "" {
			t.Error("the exit line waited for the command")
		}
		// The pipe is closed in the command: a reader is not held up by it.
		if l := c.report(); l.raw != "" {
			t.Errorf("sync pipe: %q", l.raw)
		}
		c.wait()
		c.clean()
	})
}

// What a command leaves behind is not waited for by way of the subreaper flag.
func TestExitCommandOrphans(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, "container true")
		c.withCommand("setsid -f sh -c 'echo $$ >" + c.file("orphan") + "; exec sleep 3'; while [ ! -s " + c.file("orphan") + " ]; do sleep 0.01; done")
		began := time.Now()
		c.run()
		if took := time.Since(began); took > 2500*time.Millisecond {
			t.Errorf("it waited %v for an orphan of the command", took)
		}
		if pid := c.read("orphan"); pid != "" {
			kit.Do(t, "kill", strings.TrimSpace(pid))
		}
		c.clean()
	})
}
