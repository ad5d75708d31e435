package monitor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"stave/tests/kit"
)

// patience is for what must happen at all; nothing here is timed.
const patience = 20 * time.Second

// A session is one monitor, its container, and the ends of the pipes that its
// caller holds.
type session struct {
	t      testing.TB
	sub    subject
	rt     *kit.Runtime // state root, TMPDIR
	bundle *kit.Bundle
	dir    string // everything of the caller: logs, exit files, pidfiles
	id     string
	flags  []string
	env    []string
	extra  []*os.File // inherited after the pipes
	before kit.Snapshot

	gate        *os.File // of the fake runtime's containers
	noStartPipe bool
	startPipe   *os.File // written or closed: the monitor may go on
	syncPipe    *os.File
	attachPipe  *os.File
	syncRest    []byte
	clients     []*client
	cmd         *kit.Cmd
	res         *kit.Result // of the first process
	monitor     int         // pid of the one that stays
	ended       chan int
}

// newSession makes one with the flags that Podman gives, and no runtime yet.
func newSession(t testing.TB, s subject, rt *kit.Runtime, b *kit.Bundle) *session {
	t.Helper()
	c := &session{t: t, sub: s, rt: rt, bundle: b, dir: kit.Dir(t), id: kit.ID()}
	kit.Must(t, os.Mkdir(c.file("exits"), 0o755))
	kit.Must(t, os.Mkdir(c.file("persist"), 0o755))
	c.flags = []string{"--api-version", "1", "-c", c.id, "-u", c.id, "-r", rt.Path, "-b", b.Dir,
		"-p", c.file("pid"), "-n", "name", "--exit-dir", c.file("exits"), "--persist-dir", c.file("persist"),
		"--full-attach", "-l", "k8s-file:" + c.file("log"), "--conmon-pidfile", c.file("conmon.pid")}
	t.Cleanup(c.end)
	return c
}

// fake makes a session whose runtime is a shell script. The script has PIDFILE,
// CONSOLE and VERB from its arguments, and the functions below; the container
// is what it starts with them.
func fake(t testing.TB, s subject, script string) *session {
	t.Helper()
	dir := kit.Dir(t)
	path := filepath.Join(dir, "runtime")
	// A bundle without a rootfs: these containers are processes of the host.
	b := &kit.Bundle{Dir: kit.Dir(t)}
	kit.Must(t, os.WriteFile(path, []byte("#!/bin/sh\nD="+dir+"\n"+prelude+script+"\n"), 0o755))
	kit.Must(t, unix.Mkfifo(filepath.Join(dir, "go"), 0o600))
	// Open for both, so that no word is lost between two who wait, and nobody
	// sees an end.
	gate, err := os.OpenFile(filepath.Join(dir, "go"), os.O_RDWR, 0)
	kit.Must(t, err)
	t.Cleanup(func() { gate.Close() })
	rt := kit.NewRuntime(t, path)
	c := newSession(t, s, rt, b)
	c.gate = gate
	c.before = kit.Snap(rt, b)
	return c
}

const prelude = `
prev=
for a; do
	case $prev in --pid-file) PIDFILE=$a;; --console-socket) CONSOLE=$a;; esac
	case $a in create|restore|exec) [ -n "$VERB" ] || VERB=$a;; esac
	prev=$a
done
# What this process was given, for the test to read.
record() {
	for a; do echo "$a"; done >$D/argv
	tr '\0' '\n' </proc/$$/environ >$D/environ
	cat /proc/$$/status >$D/status
	cat /proc/$$/oom_score_adj >$D/oom
	cut -d' ' -f4,6 /proc/$$/stat >$D/stat
	umask >$D/umask; pwd >$D/cwd; echo $$ >$D/mypid
	(exec ls -l /proc/$$/fd >$D/fds) # in a subshell: this shell's own stay as they were
}
# container SCRIPT: a process of its own session, as a runtime leaves it.
container() {
	printf '%s\n' "echo -n \$\$ >$PIDFILE.x; mv $PIDFILE.x $PIDFILE; $1" >$D/container
	setsid -f sh $D/container
	while [ ! -s $PIDFILE ]; do sleep 0.01; done
}
`

// gated is a container script that begins when the test says so.
func gated(script string) string { return `container 'read x <'$D'/go; ` + script + `'` }

// release lets whoever waits at the gate go on, or who comes next.
func (c *session) release() {
	c.t.Helper()
	_, err := c.gate.WriteString("\n")
	kit.Must(c.t, err)
}

// recorded is a file that the fake runtime wrote.
func (c *session) recorded(name string) string {
	c.t.Helper()
	data, err := os.ReadFile(filepath.Join(filepath.Dir(c.rt.Path), name))
	kit.Must(c.t, err)
	return string(data)
}

// real makes a session with an OCI runtime and a bundle.
func real(t testing.TB, s subject, path string, change ...kit.Mutation) *session {
	t.Helper()
	rt := kit.NewRuntime(t, path)
	b := kit.NewBundle(t, change...)
	c := newSession(t, s, rt, b)
	c.add("--runtime-arg", "--root="+rt.Root)
	c.before = kit.Snap(rt, b)
	return c
}

// stave is the runtime of this project, which a test needs beside its subject.
func stave(t testing.TB) string { return kit.Subject(t).Path }

func (c *session) file(name string) string { return filepath.Join(c.dir, name) }

func (c *session) inBundle(name string) string { return filepath.Join(c.bundle.Dir, name) }

// add appends flags.
func (c *session) add(flags ...string) *session {
	c.flags = append(c.flags, flags...)
	return c
}

// set replaces the value of a flag.
func (c *session) set(flag, value string) *session {
	c.drop(flag)
	return c.add(flag, value)
}

// drop removes a flag and its value; those without one are told by name.
func (c *session) drop(flag string) *session {
	if i := slices.Index(c.flags, flag); i >= 0 {
		n := 2
		if flag == "--full-attach" {
			n = 1
		}
		c.flags = slices.Delete(slices.Clone(c.flags), i, i+n)
	}
	return c
}

// begin starts the monitor and lets it wait for the start pipe.
func (c *session) begin() *session {
	c.t.Helper()
	env := append([]string{"TMPDIR=" + c.rt.Tmp, "XDG_RUNTIME_DIR=" + c.rt.Tmp}, c.env...)
	var files []*os.File
	pipe := func(name string, childWrites bool) *os.File {
		r, w, err := os.Pipe()
		kit.Must(c.t, err)
		mine, theirs := w, r
		if childWrites {
			mine, theirs = r, w
		}
		files = append(files, theirs)
		env = append(env, fmt.Sprintf("_OCI_%sPIPE=%d", name, 2+len(files)))
		return mine
	}
	if !c.noStartPipe {
		c.startPipe = pipe("START", false)
	}
	c.syncPipe = pipe("SYNC", true)
	if slices.Contains(c.flags, "--exec-attach") {
		c.attachPipe = pipe("ATTACH", true)
	}
	c.cmd = &kit.Cmd{Args: append([]string{c.sub.path}, c.flags...), Env: env,
		Extra: append(slices.Clone(files), c.extra...), Timeout: 2 * time.Minute}
	c.cmd.Start(c.t)
	for _, f := range files {
		f.Close()
	}
	return c
}

// start begins and opens the start pipe, as a caller does once the monitor is
// in its cgroup; without --sync it waits for the first process to end.
func (c *session) start() *session {
	c.t.Helper()
	c.begin()
	return c.proceed()
}

func (c *session) proceed() *session {
	c.t.Helper()
	if c.startPipe != nil {
		if _, err := c.startPipe.Write([]byte{0}); err != nil {
			c.t.Fatalf("start pipe: %v", err)
		}
		if c.attachPipe == nil { // an exec that attaches reads it twice
			c.startPipe.Close()
		}
	}
	if c.isSync() {
		c.monitor = c.cmd.PID()
		return c
	}
	c.res = c.cmd.Wait()
	if c.res.Code != 0 {
		return c
	}
	data, err := os.ReadFile(c.flag("--conmon-pidfile"))
	if err != nil {
		c.t.Fatalf("the first process has ended and there is no pidfile of the monitor: %v", err)
	}
	c.monitor, err = strconv.Atoi(string(data))
	if err != nil {
		c.t.Fatalf("pidfile of the monitor: %q", data)
	}
	c.ended = make(chan int, 1)
	fd, err := unix.PidfdOpen(c.monitor, 0)
	if err != nil {
		c.ended <- c.collected(err) // ended already
		return c
	}
	go func() {
		var info unix.Siginfo
		defer unix.Close(fd)
		for {
			// WNOWAIT: the kit's reaper collects it.
			err := unix.Waitid(unix.P_PIDFD, fd, &info, unix.WEXITED|unix.WNOWAIT, nil)
			if err == unix.EINTR {
				continue
			}
			if err != nil { // the reaper was faster
				c.ended <- c.collected(err)
				return
			}
			break
		}
		c.ended <- siginfoStatus(&info)
	}()
	return c
}

// collected is the exit status of a monitor that the kit's reaper has got.
func (c *session) collected(err error) int {
	var status unix.WaitStatus
	if !kit.Eventually(patience, func() (ok bool) { status, ok = kit.Collected(c.monitor); return ok }) {
		fmt.Fprintf(os.Stderr, "%s: how the monitor has ended: %v\n", c.t.Name(), err) // the test may be over
		return -1
	}
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

// siginfoStatus reads si_status of sigaction(2)'s child events: after signo,
// errno, code and padding come pid, uid and the status.
func siginfoStatus(info *unix.Siginfo) int {
	raw := (*[8]int32)(unsafe.Pointer(info))
	status := int(raw[6])
	if info.Code != 1 { // CLD_EXITED
		status += 128
	}
	return status
}

func (c *session) isSync() bool { return slices.Contains(c.flags, "--sync") }

func (c *session) flag(name string) string {
	if i := slices.Index(c.flags, name); i >= 0 {
		return c.flags[i+1]
	}
	return ""
}

// A line is one message on the sync pipe.
type line struct {
	raw string
	n   int
	msg string
}

// report reads the next line of the sync pipe; a pipe that ended is "".
func (c *session) report() line {
	c.t.Helper()
	return c.next(c.syncPipe, &c.syncRest)
}

func (c *session) next(pipe *os.File, rest *[]byte) line {
	c.t.Helper()
	kit.Must(c.t, pipe.SetReadDeadline(time.Now().Add(patience)))
	buf := make([]byte, 64<<10)
	for {
		if raw, after, found := bytes.Cut(*rest, []byte("\n")); found {
			*rest = slices.Clone(after)
			return parseLine(string(raw) + "\n")
		}
		n, err := pipe.Read(buf)
		*rest = append(*rest, buf[:n]...)
		if n == 0 {
			if os.IsTimeout(err) {
				c.t.Fatalf("nothing comes on the pipe; so far %q", *rest)
			}
			raw := string(*rest)
			*rest = nil
			return parseLine(raw)
		}
	}
}

func parseLine(raw string) line {
	l := line{raw: raw}
	var fields map[string]any
	if json.Unmarshal([]byte(raw), &fields) == nil {
		for key, v := range fields {
			if f, ok := v.(float64); ok && key != "message" {
				l.n = int(f)
			}
		}
		l.msg, _ = fields["message"].(string)
	}
	return l
}

// created starts and wants a container to be reported, whose pid it gives.
func (c *session) created() int {
	c.t.Helper()
	c.start()
	if c.res != nil && c.res.Code != 0 {
		c.t.Fatalf("the monitor does not start: %s", c.res)
	}
	l := c.report()
	if l.n <= 0 {
		c.t.Fatalf("sync pipe: %q; log: %s", l.raw, c.read("log"))
	}
	return l.n
}

// run is a container from its beginning to its end; it gives the exit status
// of the monitor.
func (c *session) run() int {
	c.t.Helper()
	c.created()
	if c.bundle.Rootfs != "" {
		if res := c.rt.Start(c.id); res.Code != 0 {
			c.t.Fatal(res)
		}
	}
	return c.wait()
}

// wait gives the exit status of the monitor: 128+n after a signal.
func (c *session) wait() int {
	c.t.Helper()
	if c.isSync() {
		c.res = c.cmd.Wait()
		if c.res.TimedOut {
			c.t.Fatalf("the monitor does not end: %s", c.res)
		}
		return c.res.Code
	}
	select {
	case status := <-c.ended:
		c.ended <- status
		return status
	case <-time.After(90 * time.Second):
		c.t.Fatalf("the monitor does not end\n%s", c.threads())
		return 0
	}
}

// alive says whether the monitor is there.
func (c *session) alive() bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.monitor))
	return err == nil && !strings.Contains(string(data), ") Z ")
}

// end closes what the caller holds and ends what still runs.
func (c *session) end() {
	for _, f := range []*os.File{c.startPipe, c.syncPipe, c.attachPipe} {
		if f != nil {
			f.Close()
		}
	}
	if c.bundle.Rootfs != "" {
		c.rt.Delete(c.id, "--force")
	} else if pid, err := strconv.Atoi(c.read("pid")); err == nil {
		_ = unix.Kill(pid, unix.SIGKILL)
	}
	if c.cmd != nil && c.isSync() && c.res == nil {
		c.cmd.Signal(unix.SIGKILL)
		c.cmd.Wait()
	}
	if c.ended != nil {
		select {
		case <-c.ended:
		case <-time.After(5 * time.Second):
			_ = unix.Kill(c.monitor, unix.SIGKILL)
		}
	}
}

// clean wants nothing left of the session but what belongs to its caller.
func (c *session) clean() {
	c.t.Helper()
	for _, a := range c.clients {
		a.close()
	}
	for _, f := range []**os.File{&c.startPipe, &c.syncPipe, &c.attachPipe} {
		if *f != nil {
			(*f).Close()
			*f = nil
		}
	}
	if c.bundle.Rootfs != "" {
		if res := c.rt.Delete(c.id, "--force"); res.Code != 0 {
			c.t.Errorf("delete: %s", res)
		}
	}
	// The bundle is the caller's and goes as a whole; these stay in it.
	for _, name := range []string{"ctl", "winsz", "oom", "exit.json"} {
		_ = os.Remove(c.inBundle(name))
	}
	kit.NoLeak(c.t, c.rt, c.before, c.bundle)
	if entries, _ := filepath.Glob(c.file("exits/*")); len(entries) > 1 {
		c.t.Errorf("exit directory holds %v", entries)
	}
}

// cleanFailed is clean after a create that failed: there conmon leaves the
// attach socket, its link and the console socket.
func (c *session) cleanFailed() {
	c.t.Helper()
	if !c.sub.ours() {
		_ = os.Remove(c.inBundle("attach"))
		sockets, _ := filepath.Glob(filepath.Join(c.rt.Tmp, "conmon-term.*"))
		for _, path := range sockets {
			_ = os.Remove(path)
		}
	}
	c.clean()
}

// read gives a file of the caller's directory, or "".
func (c *session) read(name string) string {
	data, _ := os.ReadFile(c.file(name))
	return string(data)
}

// exitFile is what the exit file says, or "".
func (c *session) exitFile() string { return c.read("exits/" + c.id) }

// command runs a subject with these flags alone, to its end.
func command(t testing.TB, s subject, env []string, flags ...string) *kit.Result {
	t.Helper()
	cmd := &kit.Cmd{Args: append([]string{s.path}, flags...), Env: env, Timeout: patience}
	cmd.Start(t)
	return cmd.Wait()
}

// tool runs a program of the host.
func tool(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := kit.Output(exec.Command(kit.NeedTool(t, name), args...))
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// beside is a file next to the fake runtime, where its container's files are.
func (c *session) beside(name string) string { return filepath.Join(filepath.Dir(c.rt.Path), name) }
