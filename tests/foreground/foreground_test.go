// Package foreground holds what a command does that stays with its process: it
// passes signals on, whichever and however many, and ends with its status.
package foreground

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/tests/kit"
)

func TestMain(m *testing.M) { kit.Main(m) }

// passedOn are the signals that a program in the container gets from whoever
// signals the command. TSTP, TTIN and TTOU do not stop the command either.
var passedOn = map[string]syscall.Signal{"TERM": unix.SIGTERM, "INT": unix.SIGINT, "HUP": unix.SIGHUP, "QUIT": unix.SIGQUIT, "WINCH": unix.SIGWINCH,
	"USR1": unix.SIGUSR1, "USR2": unix.SIGUSR2, "ALRM": unix.SIGALRM, "CONT": unix.SIGCONT, "TSTP": unix.SIGTSTP, "TTIN": unix.SIGTTIN,
	"TTOU": unix.SIGTTOU, "IO": unix.SIGIO, "PWR": unix.SIGPWR}

// catcher says what it gets, a line each, and ends when a file appears. The
// first line says that its traps are set.
func catcher() string {
	var b strings.Builder
	for name, s := range passedOn {
		fmt.Fprintf(&b, "trap 'echo got %s' %d\n", name, int(s))
	}
	return b.String() + "echo ready\nwhile [ ! -e /tmp/end ]; do sleep 0.02; done\nexit 7"
}

// start begins a command that stays, and waits for the first line of its
// program.
func start(t *testing.T, c *kit.Cmd) {
	t.Helper()
	c.Start(t)
	if !kit.Eventually(20*time.Second, func() bool { return strings.Contains(output(c), "ready") }) {
		c.Signal(unix.SIGKILL)
		t.Fatalf("the program never began: %s", c.Wait())
	}
}

func output(c *kit.Cmd) string { r := c.Peek(); return r.Stdout }

func TestSignalsArePassedOn(t *testing.T) {
	for _, verb := range []string{"run", "exec"} {
		t.Run(verb, func(t *testing.T) {
			kit.Begin(t)
			r := kit.Subject(t)
			b := kit.NewBundle(t, kit.Shell(catcher()))
			id, c := kit.ID(), (*kit.Cmd)(nil)
			if verb == "run" {
				c = r.Cmd("run", "--bundle", b.Dir, id)
			} else {
				holder := kit.NewBundle(t, kit.Args("sleep", "1000"))
				id = r.Running(holder)
				b = holder
				c = r.Cmd("exec", id, "sh", "-c", catcher())
			}
			start(t, c)
			for name, s := range passedOn {
				c.Signal(s)
				if !kit.Eventually(10*time.Second, func() bool { return strings.Contains(output(c), "got "+name+"\n") }) {
					t.Errorf("SIG%s was not passed on", name)
				}
			}
			kit.Must(t, os.WriteFile(filepath.Join(b.Rootfs, "tmp/end"), nil, 0o644))
			if res := c.Wait(); res.Code != 7 {
				t.Errorf("the status is not the program's 7: %s", res)
			}
			if verb == "exec" {
				r.Delete(id, "--force")
			}
		})
	}
}

// A storm: nothing is lost but what signals themselves lose (two of one kind
// that wait are one), and the command neither ends nor hangs.
func TestStorm(t *testing.T) {
	kit.Begin(t)
	r := kit.Subject(t)
	b := kit.NewBundle(t, kit.Shell(catcher()))
	before := kit.Snap(r, b)
	c := r.Cmd("run", "--bundle", b.Dir, kit.ID())
	start(t, c)
	list := []syscall.Signal{unix.SIGUSR1, unix.SIGURG, unix.SIGWINCH, unix.SIGCHLD, unix.SIGHUP, unix.SIGPIPE, unix.SIGCONT}
	for i := range 10000 {
		c.Signal(list[i%len(list)])
	}
	c.Signal(unix.SIGUSR2)
	if !kit.Eventually(10*time.Second, func() bool { return strings.Contains(output(c), "got USR2\n") }) {
		t.Error("after the storm a signal is not passed on")
	}
	kit.Must(t, os.WriteFile(filepath.Join(b.Rootfs, "tmp/end"), nil, 0o644))
	res := c.Wait()
	if res.Code != 7 {
		t.Errorf("the status is not the program's 7: %s", res)
	}
	for _, want := range []string{"got USR1\n", "got WINCH\n", "got HUP\n"} {
		if !strings.Contains(res.Stdout, want) {
			t.Errorf("%q is not in the output", want)
		}
	}
	kit.NoLeak(t, r, before, b)
}

// Containers that end at once while signals rain: each ends with a status, and
// leaves nothing.
func TestStormAtBothEnds(t *testing.T) {
	kit.Begin(t)
	r := kit.Subject(t)
	b := kit.NewBundle(t, kit.Args("true"))
	before := kit.Snap(r, b)
	for i := range 20 {
		id := kit.ID()
		c := r.Cmd("run", "--bundle", b.Dir, id)
		c.Start(t)
		stop, done := make(chan bool), make(chan bool)
		go func() {
			defer close(done)
			for {
				select {
				case <-stop:
					return
				default:
					c.Signal(unix.SIGWINCH)
					c.Signal(unix.SIGURG)
				}
			}
		}()
		if i%4 == 3 {
			time.Sleep(time.Duration(i) * time.Millisecond)
			c.Signal(unix.SIGTERM)
		}
		res := c.Wait()
		close(stop)
		<-done
		if res.TimedOut {
			t.Fatalf("run hangs: %s", res)
		}
		if i%4 != 3 && res.Code != 0 {
			t.Errorf("run of true: %s", res)
		}
		r.Delete(id, "--force") // SIGTERM before the program runs ends the command
	}
	kit.NoLeak(t, r, before, b)
}

// A container that waits to be started is ended by what ends programs, though
// the kernel keeps such signals from the first process of a pid namespace.
func TestCreatedContainerIsEnded(t *testing.T) {
	for _, name := range []string{"TERM", "INT", "HUP", "QUIT", "KILL"} {
		for _, namespaces := range []kit.Mutation{func(*kit.Bundle) {}, kit.Namespaces("mount", "uts")} {
			kit.Begin(t)
			r := kit.Subject(t)
			b := kit.NewBundle(t, kit.Args("sleep", "1000"), namespaces)
			id := kit.ID()
			if res := r.Create(b, id); res.Code != 0 {
				t.Fatal(res)
			}
			if res := r.Kill(id, name); res.Code != 0 {
				t.Error(res)
			}
			if !r.WaitStatus(id, "stopped") {
				s, _ := r.State(id)
				t.Errorf("%s: %s, with %d namespaces", name, s.Status, len(b.Spec.Linux.Namespaces))
			}
			r.Delete(id, "--force")
		}
	}
	// What ends no program does not end this either.
	r := kit.Subject(t)
	id := kit.ID()
	if res := r.Create(kit.NewBundle(t, kit.Args("sleep", "1000")), id); res.Code != 0 {
		t.Fatal(res)
	}
	for _, name := range []string{"CONT", "WINCH", "USR1"} {
		if res := r.Kill(id, name); res.Code != 0 {
			t.Error(res)
		}
	}
	if s, _ := r.State(id); s.Status != "created" {
		t.Errorf("%s", s.Status)
	}
	r.Delete(id, "--force")
}

// Without a pid namespace of its own a container's processes outlive the first
// one, and SIGKILL is for them too.
func TestKillAfterTheFirstProcess(t *testing.T) {
	kit.Begin(t)
	r := kit.Subject(t)
	b := kit.NewBundle(t, kit.Shell("setsid sleep 1000 & echo $! >/pid"), kit.Namespaces("mount", "uts"),
		kit.With(func(s *specs.Spec) { s.Root.Readonly = false }))
	id := kit.ID()
	for _, res := range []*kit.Result{r.Create(b, id), r.Start(id)} {
		if res.Code != 0 {
			t.Fatal(res)
		}
	}
	if !r.WaitStatus(id, "stopped") {
		t.Fatal("it does not end")
	}
	data, err := os.ReadFile(filepath.Join(b.Rootfs, "pid"))
	kit.Must(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	kit.Must(t, err)
	if err := unix.Kill(pid, 0); err != nil {
		t.Fatalf("the other process has ended with it: %v", err)
	}
	if res := r.Do("kill", "--all", id, "KILL"); res.Code != 0 {
		t.Error(res)
	}
	if !kit.Eventually(20*time.Second, func() bool { return unix.Kill(pid, 0) == unix.ESRCH }) {
		t.Error("the other process lives on")
	}
	r.Delete(id, "--force")
}
