package podmode

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"stave/monitor/client"
	"stave/monitor/wire"
	"stave/specs"
	"stave/tests/kit"
)

// all reads a stream to its end.
func all(t *testing.T, s *client.Stream) (stdout, stderr string, st *wire.Status, dropped bool) {
	t.Helper()
	var out, errs bytes.Buffer
	st, dropped, err := s.Copy(&out, &errs)
	if err != nil {
		t.Fatalf("stream: %v, after %q", err, out.String())
	}
	return out.String(), errs.String(), st, dropped
}

// until reads a stream until text has come on stdout.
func until(t *testing.T, s *client.Stream, text string) string {
	t.Helper()
	var out []byte
	for !bytes.Contains(out, []byte(text)) {
		kind, p, _, err := s.Next()
		if err != nil || kind == wire.Answer {
			t.Fatalf("no %q: %q, kind %#x, %v", text, out, kind, err)
		}
		if kind == wire.Stdout {
			out = append(out, p...)
		}
	}
	return string(out)
}

// Exec-sync gives output, stderr apart, and how it ended.
func TestExecSync(t *testing.T) {
	p := newPod(t)
	id := p.running("exec sleep 60")
	for _, c := range []struct {
		script, out, err string
		code             int64
		signal           string
	}{
		{"echo out; echo err >&2; exit 3", "out\n", "err\n", 3, ""},
		{"kill -9 $$", "", "", 137, "SIGKILL"},
		{"cat", "", "", 0, ""}, // reads /dev/null
	} {
		r, err := p.run(id, c.script)
		if err != nil {
			t.Errorf("%s: %v", c.script, err)
			continue
		}
		if string(r.Stdout) != c.out || string(r.Stderr) != c.err || r.Code != c.code || r.Signal != c.signal || !r.Known || r.Truncated || r.TimedOut {
			t.Errorf("%s: %q %q %+v", c.script, r.Stdout, r.Stderr, r.Status)
		}
	}
	if list, _ := p.List(p.ctx); len(list) != 1 {
		t.Errorf("exec-sync is listed: %+v", list)
	}
	if left, _ := filepath.Glob(filepath.Join(p.dir, "sock.d", id, "*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	p.gone(id)
}

// Output is capped, whatever there is of it, and the process goes on to its end.
func TestExecSyncIsCapped(t *testing.T) {
	p := newPod(t)
	id := p.running("exec sleep 60")
	r, err := p.ExecSync(p.ctx, wire.Request{ID: id, Process: process("sh", "-c", "yes | head -c 20000000; echo end >&2; exit 4"), Limit: 100000})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Stdout)+len(r.Stderr) != 100000 || !r.Truncated || r.Code != 4 || !strings.HasPrefix(string(r.Stdout), "y\ny\n") {
		t.Errorf("%d bytes, %+v", len(r.Stdout)+len(r.Stderr), r.Status)
	}
	before := p.stats().RSS
	r, err = p.ExecSync(p.ctx, wire.Request{ID: id, Process: process("busybox", "yes"), Limit: 1 << 20, Timeout: 1500})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Stdout) != 1<<20 || !r.Truncated || !r.TimedOut || r.Code != -1 {
		t.Errorf("yes: %d bytes, %+v", len(r.Stdout), r.Status)
	}
	if after := p.stats().RSS; after > before+2<<20 {
		t.Errorf("the monitor had %d KiB and has %d KiB", before>>10, after>>10)
	}
	p.gone(id)
}

func (p *pod) stats() *wire.Stats {
	p.t.Helper()
	s, err := p.Stats(p.ctx)
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

// An exec that takes too long is killed, and one whose runtime does.
func TestDeadlines(t *testing.T) {
	p := newPod(t)
	id := p.running("exec sleep 60")
	r, err := p.ExecSync(p.ctx, wire.Request{ID: id, Process: process("sh", "-c", "echo begun; exec sleep 50"), Timeout: 1000})
	if err != nil || !r.TimedOut || r.Code != -1 || string(r.Stdout) != "begun\n" || r.Signal != "SIGKILL" {
		t.Errorf("%+v %v", r, err)
	}
	req := p.request(kit.NewBundle(t))
	req.Runtime = script(t, "exec sleep 50")
	req.Timeout = 300
	_, err = p.Create(p.ctx, req)
	if !errors.Is(err, wire.ErrTimeout) {
		t.Errorf("a runtime that does not end: %v", err)
	}
	if s := p.state(req.ID, ""); s != "" {
		t.Errorf("it is %s", s)
	}
	p.gone(id)
}

// script is a runtime that is a shell script.
func script(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(kit.Dir(t), "runtime")
	kit.Must(t, os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755))
	return path
}

// An exec with streams: input, its end, output, and the end of it all.
func TestExecStreams(t *testing.T) {
	p := newPod(t)
	id := p.running("exec sleep 60")
	st, s, err := p.Exec(p.ctx, wire.Request{ID: id, Exec: "cat", Process: process("sh", "-c", "echo go; cat; echo done >&2; exit 5"), Stdin: true, Attach: true})
	if err != nil {
		t.Fatal(err)
	}
	if st.State != wire.Running || st.Pid <= 0 || st.Exec != "cat" || !st.Stdin || st.Terminal {
		t.Errorf("%+v", st)
	}
	until(t, s, "go\n")
	// More than every buffer on the way holds, in both directions at once.
	text := strings.Repeat("0123456789abcde\n", 100000)
	go func() {
		if _, err := io.WriteString(s, text); err != nil {
			t.Errorf("write: %v", err)
		}
		if err := s.CloseWrite(); err != nil {
			t.Errorf("end of input: %v", err)
		}
	}()
	out, errs, end, dropped := all(t, s)
	if out != text || errs != "done\n" || end.Code != 5 || end.State != wire.Stopped || dropped {
		t.Errorf("%d bytes of %d, %q, %+v", len(out), len(text), errs, end)
	}
	if _, _, _, err := s.Next(); err != io.EOF {
		t.Errorf("after the end: %v", err)
	}
	s.Close()
	if got, err := p.Wait(p.ctx, id, "cat"); err != nil || got.Code != 5 {
		t.Errorf("wait: %+v %v", got, err)
	}
	if record, err := os.ReadFile(filepath.Join(p.dir, "sock.d", id, "cat.exit.json")); err != nil || !strings.Contains(string(record), `"exitCode": 5`) {
		t.Errorf("record: %s %v", record, err)
	}
	kit.Must(t, p.Remove(p.ctx, id, "cat"))
	p.gone(id)
}

// An exec without streams goes on by itself; its output is in its log.
func TestExecDetached(t *testing.T) {
	p := newPod(t)
	id := p.running("exec sleep 60")
	log := filepath.Join(p.dir, "execlog")
	st, s, err := p.Exec(p.ctx, wire.Request{ID: id, Exec: "one", Process: process("sh", "-c", "echo hello; exit 2"), Log: wire.Log{Paths: []string{"k8s-file:" + log}}})
	if err != nil || s != nil || st.Pid <= 0 {
		t.Fatalf("%+v %v %v", st, s, err)
	}
	end, err := p.Wait(p.ctx, id, "one")
	if err != nil || end.Code != 2 || end.Pid != st.Pid {
		t.Errorf("%+v %v", end, err)
	}
	if data, _ := os.ReadFile(log); !strings.HasSuffix(string(data), " stdout F hello\n") {
		t.Errorf("log: %q", data)
	}
	// The container's record goes with those of its execs.
	p.gone(id)
	if list, _ := p.List(p.ctx); len(list) != 0 {
		t.Errorf("%+v", list)
	}
}

// A terminal: its size from the start and later, no carriage return lost.
func TestExecTerminal(t *testing.T) {
	p := newPod(t)
	id := p.running("exec sleep 60")
	st, s, err := p.Exec(p.ctx, wire.Request{ID: id, Exec: "sh", Terminal: true, Stdin: true, Attach: true, Rows: 11, Cols: 22,
		Process: terminal("sh", "-c", `stty size; trap 'stty size; exit 9' WINCH; while read x; do echo "got $x"; done`)})
	if err != nil {
		t.Fatal(err)
	}
	if !st.Terminal {
		t.Errorf("%+v", st)
	}
	until(t, s, "11 22\r\n")
	fmt.Fprint(s, "hello\n")
	until(t, s, "got hello\r\n")
	kit.Must(t, s.Resize(33, 44))
	fmt.Fprint(s, "\n") // the shell's read goes on after its trap
	until(t, s, "33 44\r\n")
	_, _, end, _ := all(t, s)
	if end.Code != 9 {
		t.Errorf("%+v", end)
	}
	s.Close()
	p.gone(id)
}

// A container's terminal, attached to before it begins, resized by another call.
func TestAttachBeforeStart(t *testing.T) {
	p := newPod(t)
	req := p.request(kit.NewBundle(t, kit.Shell("stty size; read x; echo got $x"), kit.With(withTerminal)))
	req.Terminal, req.Stdin = true, true
	id := p.created(req)
	s, err := p.Attach(p.ctx, id, "", true, false)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.Status.State != wire.Created || s.Status.Event != wire.EventAttached {
		t.Errorf("%+v", s.Status)
	}
	kit.Must(t, p.Resize(p.ctx, id, "", 12, 34))
	fmt.Fprint(s, "early\n") // kept until somebody reads it
	if _, err := p.Start(p.ctx, id); err != nil {
		t.Fatal(err)
	}
	out, _, end, _ := all(t, s)
	if !strings.Contains(out, "12 34\r\n") || !strings.Contains(out, "got early\r\n") || end.Code != 0 {
		t.Errorf("%q %+v", out, end)
	}
	// Too late: the end, and nothing else.
	late, err := p.Attach(p.ctx, id, "", false, false)
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	if out, _, end, _ := all(t, late); out != "" || end.State != wire.Stopped || end.Code != 0 {
		t.Errorf("late: %q %+v", out, end)
	}
	p.gone(id)
}

// Input ends when a caller says so, and with StdinOnce when it goes away.
func TestCloseStdin(t *testing.T) {
	p := newPod(t)
	stdin := func(r *wire.Request) { r.Stdin = true }
	once := func(r *wire.Request) { r.Stdin, r.StdinOnce = true, true }
	id := p.running("cat; exit 6", stdin)
	s, err := p.Attach(p.ctx, id, "", true, false)
	kit.Must(t, err)
	fmt.Fprint(s, "text\n")
	until(t, s, "text\n")
	s.Close() // means nothing here
	s, err = p.Attach(p.ctx, id, "", true, false)
	kit.Must(t, err)
	fmt.Fprint(s, "more\n")
	until(t, s, "more\n")
	s.Close()
	if st := p.state(id, ""); st != wire.Running {
		t.Errorf("it is %s", st)
	}
	kit.Must(t, p.CloseStdin(p.ctx, id, ""))
	if end, err := p.Wait(p.ctx, id, ""); err != nil || end.Code != 6 {
		t.Errorf("%+v %v", end, err)
	}
	p.gone(id)

	id = p.running("cat; exit 7", once)
	looker, err := p.Attach(p.ctx, id, "", false, false) // who sends nothing ends nothing
	kit.Must(t, err)
	looker.Close()
	s, err = p.Attach(p.ctx, id, "", true, false)
	kit.Must(t, err)
	fmt.Fprint(s, "text\n")
	until(t, s, "text\n")
	s.Close()
	if end, err := p.Wait(p.ctx, id, ""); err != nil || end.Code != 7 {
		t.Errorf("%+v %v", end, err)
	}
	p.gone(id)
}

// The log goes on in a new file, and no line is lost.
func TestReopenLog(t *testing.T) {
	p := newPod(t)
	id := p.running("read x; echo one; read x; echo two", func(r *wire.Request) { r.Stdin = true })
	log := filepath.Join(p.dir, "log")
	s, err := p.Attach(p.ctx, id, "", true, false)
	kit.Must(t, err)
	defer s.Close()
	fmt.Fprint(s, "\n")
	until(t, s, "one\n")
	kit.Must(t, os.Rename(log, log+".old"))
	kit.Must(t, p.ReopenLog(p.ctx, id, ""))
	fmt.Fprint(s, "\n")
	all(t, s)
	old, _ := os.ReadFile(log + ".old")
	if now := p.log(); now != "stdout F two\n" || !strings.HasSuffix(string(old), " stdout F one\n") {
		t.Errorf("old %q, new %q", old, now)
	}
	p.gone(id)
}

// A signal reaches the process; the record says which one ended it.
func TestSignal(t *testing.T) {
	p := newPod(t)
	id := p.running("trap 'echo caught' HUP; echo ready; while :; do sleep 0.1; done")
	s, err := p.Attach(p.ctx, id, "", false, false)
	kit.Must(t, err)
	defer s.Close()
	kit.Eventually(patience, func() bool { return strings.Contains(p.log(), "ready") })
	kit.Must(t, p.Signal(p.ctx, id, "", unix.SIGHUP, false))
	until(t, s, "caught\n")
	kit.Must(t, p.Signal(p.ctx, id, "", unix.SIGKILL, false))
	if _, _, end, _ := all(t, s); end.Code != 137 || end.Signal != "SIGKILL" || !end.Known {
		t.Errorf("%+v", end)
	}
	err = p.Signal(p.ctx, id, "", unix.SIGHUP, false)
	if !errors.Is(err, specs.ErrNotRunning) {
		t.Errorf("a signal to what has ended: %v", err)
	}
	p.gone(id)
}

// All that happens is told to those who want to know.
func TestEvents(t *testing.T) {
	p := newPod(t)
	old := p.running("exec sleep 60")
	e, err := p.Events(p.ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if len(e.Now) != 1 || e.Now[0].ID != old || e.Now[0].State != wire.Running {
		t.Errorf("now: %+v", e.Now)
	}
	id := p.running("exec sleep 60")
	if _, _, err := p.Exec(p.ctx, wire.Request{ID: id, Exec: "e", Process: process("true")}); err != nil {
		t.Fatal(err)
	}
	_, err = p.Wait(p.ctx, id, "e")
	kit.Must(t, err)
	kit.Must(t, p.Remove(p.ctx, id, "e"))
	kit.Must(t, p.Signal(p.ctx, id, "", unix.SIGTERM, false))
	kit.Must(t, p.Signal(p.ctx, id, "", unix.SIGKILL, false))
	p.gone(id)
	var got []string
	for !slices.Contains(got, "removed ") {
		st, err := e.Next()
		if err != nil {
			t.Fatalf("%v after %q", err, got)
		}
		if st.ID == id {
			got = append(got, st.Event+" "+st.Exec)
		}
	}
	want := []string{"created ", "started ", "created e", "stopped e", "removed e", "stopped ", "removed "}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	p.gone(old)
}

// The monitor's account of itself is true.
func TestStats(t *testing.T) {
	p := newPod(t)
	id := p.running("exec sleep 60")
	_, s, err := p.Exec(p.ctx, wire.Request{ID: id, Exec: "e", Process: process("sleep", "60"), Attach: true})
	kit.Must(t, err)
	defer s.Close()
	st := p.stats()
	if st.Pid != int64(p.cmd.PID()) || st.Containers != 1 || st.Execs != 1 || st.Running != 2 || st.Connections != 2 || st.Requests < 4 {
		t.Errorf("%+v", st)
	}
	n := 0
	if !kit.Eventually(patience, func() bool { // it closes a conversation a moment after we have its end
		st, n = p.stats(), fdsOf(t, p.cmd.PID())
		return st.Descriptors == int64(n)+1 // that of the question
	}) {
		t.Errorf("it counts %d descriptors, and has %d and one for the question", st.Descriptors, n)
	}
	if st.RSS < 1<<20 || st.RSS > 100<<20 || st.PSS <= 0 || st.PSS > st.RSS || st.UserTime+st.SystemTime <= 0 || st.Uptime <= 0 || st.Threads < 1 {
		t.Errorf("%+v", st)
	}
	p.gone(id)
}

func fdsOf(t testing.TB, pid int) int {
	t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	kit.Must(t, err)
	return len(list)
}

// Running containers are not removed, nor left alone by a shutdown without force.
func TestRefusals(t *testing.T) {
	p := newPod(t)
	id := p.running("exec sleep 60")
	for what, err := range map[string]error{
		"remove":   p.Remove(p.ctx, id, ""),
		"shutdown": p.Shutdown(p.ctx, false),
	} {
		if !errors.Is(err, specs.ErrBusy) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := p.Start(p.ctx, id); !errors.Is(err, specs.ErrBusy) {
		t.Errorf("start again: %v", err)
	}
	if err := p.Resize(p.ctx, id, "", 1, 1); !errors.Is(err, specs.ErrInvalid) {
		t.Errorf("resize without a terminal: %v", err)
	}
	p.cmd.Signal(unix.SIGTERM) // not the end of anybody
	time.Sleep(50 * time.Millisecond)
	if s := p.state(id, ""); s != wire.Running {
		t.Errorf("after SIGTERM it is %s", s)
	}
	p.gone(id)
	p.cmd.Signal(unix.SIGTERM)
	if res := p.cmd.Wait(); res.Code != 0 {
		t.Errorf("%s", res)
	}
	p.cmd = nil
	if _, err := os.Lstat(p.Socket); err == nil {
		t.Error("the socket is still there")
	}
}

// With force all that runs is killed and on record before the monitor ends.
func TestShutdownByForce(t *testing.T) {
	p := newPod(t)
	id := p.running("trap '' TERM; while :; do sleep 1; done")
	kit.Must(t, p.Shutdown(p.ctx, true))
	p.cmd.Wait()
	p.cmd = nil
	record, err := os.ReadFile(filepath.Join(p.dir, "sock.d", id, "exit.json"))
	if err != nil || !strings.Contains(string(record), `"signal": "SIGKILL"`) {
		t.Errorf("record: %s %v", record, err)
	}
	if !p.rt.WaitStatus(id, "stopped") {
		t.Error("it still runs")
	}
}
