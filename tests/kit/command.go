package kit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var serial atomic.Int64

// ID makes a container id that nothing else on this machine has.
func ID() string { return fmt.Sprintf("%s%d", Prefix, serial.Add(1)) }

// Dir makes an empty directory, 0755, that a mapped user can reach too. It is
// removed when the test process ends, not before: a failed test may be read.
func Dir(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(work, fmt.Sprintf("d%d", serial.Add(1)))
	Must(t, os.Mkdir(dir, 0o755))
	return dir
}

// Must ends the test if the kit or the test itself could not do something.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("test set-up: %v", err)
	}
}

// A Result is what a command did.
type Result struct {
	Args     []string
	Code     int // exit status; 128+n after signal n
	Stdout   string
	Stderr   string
	TimedOut bool
	Took     time.Duration
	MaxRSS   int64 // KiB, of the command and the children it waited for
	outFile  string
	errFile  string
}

// Reread takes stdout and stderr again: a created container goes on writing
// to the files of the command that made it.
func (r *Result) Reread() {
	out, _ := os.ReadFile(r.outFile)
	err, _ := os.ReadFile(r.errFile)
	r.Stdout, r.Stderr = string(out), string(err)
}

// String is the whole of it, for a failure message.
func (r *Result) String() string {
	note := ""
	if r.TimedOut {
		note = " (timed out)"
	}
	return fmt.Sprintf("%s\n  exit %d%s after %v\n  stdout: %s\n  stderr: %s", strings.Join(r.Args, " "),
		r.Code, note, r.Took.Round(time.Millisecond), clip(r.Stdout), clip(r.Stderr))
}

func clip(s string) string {
	if s = strings.TrimSpace(s); len(s) > 1500 {
		return s[:1500] + "..."
	}
	return s
}

// A Cmd is a command with a deadline.
type Cmd struct {
	Args    []string
	Env     []string // beside PATH and what the runtime sets; nil is fine
	Dir     string
	Stdin   *os.File // nil is /dev/null
	Extra   []*os.File
	Timeout time.Duration // 0 is 30 s
	Attr    *syscall.SysProcAttr

	cmd   *exec.Cmd
	res   *Result
	start time.Time
	timer *time.Timer
	late  atomic.Bool
}

// Start begins the command. Its output goes to files and not to pipes, because
// a container that outlives the command would hold a pipe open.
func (c *Cmd) Start(t testing.TB) {
	t.Helper()
	Must(t, c.TryStart(t))
}

// TryStart is Start for a program that may not be executable just now.
func (c *Cmd) TryStart(t testing.TB) error {
	t.Helper()
	base := filepath.Join(work, fmt.Sprintf("o%d", serial.Add(1)))
	out, err := os.OpenFile(base+".out", os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o666)
	Must(t, err)
	defer out.Close()
	errs, err := os.OpenFile(base+".err", os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o666)
	Must(t, err)
	defer errs.Close()
	// Written by mapped users too, through /proc/self/fd/1.
	Must(t, errors.Join(out.Chmod(0o666), errs.Chmod(0o666)))

	c.cmd = exec.Command(c.Args[0], c.Args[1:]...)
	c.cmd.Stdout, c.cmd.Stderr, c.cmd.Dir, c.cmd.ExtraFiles = out, errs, c.Dir, c.Extra
	if c.Stdin != nil {
		c.cmd.Stdin = c.Stdin
	}
	c.cmd.Env = append([]string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, c.Env...)
	attr := syscall.SysProcAttr{}
	if c.Attr != nil {
		attr = *c.Attr
	}
	attr.Setpgid = !attr.Setsid
	c.cmd.SysProcAttr = &attr
	c.res = &Result{Args: c.Args, outFile: base + ".out", errFile: base + ".err"}

	ours.Lock()
	if ours.pids == nil {
		ours.pids = map[int]bool{}
	}
	c.start = time.Now()
	err = c.cmd.Start()
	if err == nil {
		ours.pids[c.cmd.Process.Pid] = true
	}
	ours.Unlock()
	if err != nil {
		return err
	}
	if c.Timeout == 0 {
		c.Timeout = 30 * time.Second
	}
	pid := c.cmd.Process.Pid
	c.timer = time.AfterFunc(c.Timeout, func() { c.late.Store(true); unix.Kill(-pid, unix.SIGKILL) })
	return nil
}

// PID is the process of a started command.
func (c *Cmd) PID() int { return c.cmd.Process.Pid }

// Signal sends to the command alone.
func (c *Cmd) Signal(sig syscall.Signal) { _ = c.cmd.Process.Signal(sig) }

// Wait ends with the command, or with its deadline.
func (c *Cmd) Wait() *Result {
	pid := c.cmd.Process.Pid
	err := c.cmd.Wait()
	c.timer.Stop()
	ours.Lock()
	delete(ours.pids, pid)
	ours.Unlock()
	c.res.Took = time.Since(c.start)
	c.res.TimedOut = c.late.Load()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		c.res.Code, c.res.Stderr = 255, err.Error()
		return c.res
	}
	status := c.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if c.res.Code = status.ExitStatus(); status.Signaled() {
		c.res.Code = 128 + int(status.Signal())
	}
	c.res.MaxRSS = c.cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss
	c.res.Reread()
	return c.res
}

// Do runs a command to its end with the default deadline.
func Do(t testing.TB, args ...string) *Result {
	t.Helper()
	c := &Cmd{Args: args}
	c.Start(t)
	return c.Wait()
}

// Eventually asks until the answer is yes or the time is up.
func Eventually(limit time.Duration, ask func() bool) bool {
	for end := time.Now().Add(limit); ; time.Sleep(10 * time.Millisecond) {
		if ask() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}

// Peek is what a command that still runs has written so far.
func (c *Cmd) Peek() Result {
	r := Result{Args: c.Args, outFile: c.res.outFile, errFile: c.res.errFile}
	r.Reread()
	return r
}

// Output runs a program of ours that needs none of Cmd, to its end, and gives
// what it says. The reaper leaves it alone.
func Output(cmd *exec.Cmd) ([]byte, error) {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	ours.Lock()
	if ours.pids == nil {
		ours.pids = map[int]bool{}
	}
	err := cmd.Start()
	if err == nil {
		ours.pids[cmd.Process.Pid] = true
	}
	ours.Unlock()
	if err != nil {
		return nil, err
	}
	err = cmd.Wait()
	ours.Lock()
	delete(ours.pids, cmd.Process.Pid)
	ours.Unlock()
	return out.Bytes(), err
}
