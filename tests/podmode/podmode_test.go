// Package podmode holds what stave-monitor serve promises to its callers: one
// process, any number of containers, and a socket. It is tested from outside,
// through the client that is shipped, with bin/stave as the runtime.
//
// # What
//
// A [pod] is a monitor and a state root of the runtime. Its containers come from
// bundles of the kit.
//
// # Not here
//
// What a container's log, record and reaping look like in detail: tests/monitor,
// for the same code in conmon mode. Codecs: beside their code.
package podmode

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"stave/monitor/client"
	"stave/monitor/wire"
	"stave/tests/kit"
)

func TestMain(m *testing.M) { kit.Main(m) }

// patience is for what must happen at all; nothing here is timed.
const patience = 60 * time.Second

// lifetime bounds a pod, which in a soak has much to do.
func lifetime() time.Duration {
	if os.Getenv("STAVE_SOAK") != "" {
		return 3 * time.Hour
	}
	return 10 * patience
}

// often is n, or long in a soak: with STAVE_SOAK=1, or up to the number that it is.
func often(n, long int) int {
	switch most, err := strconv.Atoi(os.Getenv("STAVE_SOAK")); {
	case os.Getenv("STAVE_SOAK") == "":
		return n
	case err == nil && most > 1:
		return min(most, long)
	}
	return long
}

// monitorPath is $STAVE_MONITOR or the one that make builds.
func monitorPath(t testing.TB) string {
	path := os.Getenv("STAVE_MONITOR")
	if path == "" {
		path = filepath.Join(kit.ModuleRoot(), "bin", "stave-monitor")
	}
	if _, err := exec.LookPath(path); err != nil {
		t.Fatalf("%s is not built: make", path)
	}
	return path
}

// A pod is one monitor under test.
type pod struct {
	*client.Client
	t   testing.TB
	rt  *kit.Runtime
	dir string
	cmd *kit.Cmd
	ctx context.Context
}

// newPod starts a monitor.
func newPod(t testing.TB) *pod {
	t.Helper()
	kit.Begin(t)
	rt := kit.Subject(t)
	return podWith(t, rt)
}

func podWith(t testing.TB, rt *kit.Runtime) *pod {
	t.Helper()
	p := &pod{t: t, rt: rt, dir: kit.Dir(t)}
	var cancel func()
	p.ctx, cancel = context.WithTimeout(context.Background(), lifetime())
	p.Client = &client.Client{Socket: filepath.Join(p.dir, "sock")}
	p.serve()
	t.Cleanup(func() {
		cancel()
		p.end()
	})
	return p
}

// serve starts the monitor, as a child of ours, and waits until callers may come.
func (p *pod) serve() {
	p.t.Helper()
	p.cmd = p.command("--sync")
	p.cmd.Start(p.t)
	if !kit.Eventually(patience, func() bool { _, err := p.Stats(p.ctx); return err == nil }) {
		p.cmd.Signal(unix.SIGKILL)
		p.t.Fatalf("the monitor does not come up: %s", p.cmd.Wait())
	}
}

func (p *pod) command(flags ...string) *kit.Cmd {
	return &kit.Cmd{Args: append([]string{monitorPath(p.t), "serve", "--socket", p.Socket}, flags...),
		Env: []string{"TMPDIR=" + p.rt.Tmp, "XDG_RUNTIME_DIR=" + p.rt.Tmp}, Timeout: 2 * lifetime()}
}

// end ends the monitor, if it is still there, with all that runs in it.
func (p *pod) end() {
	if p.cmd == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := p.Shutdown(ctx, true); err != nil {
		p.t.Errorf("shutdown: %v", err)
		p.cmd.Signal(unix.SIGKILL)
	}
	if res := p.cmd.Wait(); res.Code != 0 || res.Stderr != "" {
		p.t.Errorf("the monitor: %s", res)
	}
	p.cmd = nil
}

// killed ends the monitor as a crash does.
func (p *pod) killed() {
	p.cmd.Signal(unix.SIGKILL)
	p.cmd.Wait()
	p.cmd = nil
}

// request asks for a container of a bundle.
func (p *pod) request(b *kit.Bundle) wire.Request {
	return wire.Request{ID: kit.ID(), Runtime: p.rt.Path, RuntimeArgs: []string{"--root=" + p.rt.Root, "--log-format=json"}, Bundle: b.Dir,
		Log: wire.Log{Paths: []string{"k8s-file:" + filepath.Join(p.dir, "log")}}}
}

// created makes a container.
func (p *pod) created(req wire.Request) string {
	p.t.Helper()
	if _, err := p.Create(p.ctx, req); err != nil {
		p.t.Fatal(err)
	}
	return req.ID
}

// running makes one of a script, and starts it.
func (p *pod) running(script string, change ...func(*wire.Request)) string {
	p.t.Helper()
	req := p.request(kit.NewBundle(p.t, kit.Shell(script)))
	for _, f := range change {
		f(&req)
	}
	id := p.created(req)
	if _, err := p.Start(p.ctx, id); err != nil {
		p.t.Fatal(err)
	}
	return id
}

// process is a process document for exec.
func process(args ...string) string {
	for i, a := range args {
		args[i] = strconv.Quote(a)
	}
	return `{"args":[` + strings.Join(args, ",") + `],"cwd":"/","env":["PATH=/bin"],"user":{"uid":0,"gid":0}}`
}

// terminal is the same with a terminal.
func terminal(args ...string) string {
	return strings.Replace(process(args...), "{", `{"terminal":true,`, 1)
}

// run is exec-sync of a script.
func (p *pod) run(id, script string) (*client.Result, error) {
	return p.ExecSync(p.ctx, wire.Request{ID: id, Process: process("sh", "-c", script)})
}

// gone removes a container from runtime and monitor; it must have ended.
func (p *pod) gone(id string) {
	p.t.Helper()
	if res := p.rt.Delete(id, "--force"); res.Code != 0 {
		p.t.Errorf("delete: %s", res)
	}
	if _, err := p.Wait(p.ctx, id, ""); err != nil {
		p.t.Errorf("wait: %v", err)
	}
	if !kit.Eventually(patience, func() bool { return p.Remove(p.ctx, id, "") == nil }) {
		p.t.Errorf("remove: %v", p.Remove(p.ctx, id, ""))
	}
}

// log is what the container's log has, without time stamps.
func (p *pod) log() string {
	data, _ := os.ReadFile(filepath.Join(p.dir, "log"))
	var out strings.Builder
	for line := range strings.Lines(string(data)) {
		_, rest, _ := strings.Cut(line, " ")
		out.WriteString(rest)
	}
	return out.String()
}

func (p *pod) state(id, exec string) string {
	p.t.Helper()
	list, err := p.List(p.ctx)
	if err != nil {
		p.t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(s wire.Status) bool { return s.ID == id && s.Exec == exec })
	if i < 0 {
		return ""
	}
	return list[i].State
}

// A container from its beginning to its removal, and nothing is left.
func TestLife(t *testing.T) {
	p := newPod(t)
	b := kit.NewBundle(t, kit.Shell("echo hello; echo oops >&2; exit 7"))
	before := kit.Snap(p.rt, b)
	req := p.request(b)
	st, err := p.Create(p.ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	if st.State != wire.Created || st.Pid <= 0 || st.ID != req.ID || st.Bundle != b.Dir || st.Created == "" || st.Ended != "" {
		t.Errorf("created: %+v", st)
	}
	if s, _ := p.rt.State(req.ID); s.Status != "created" || int64(s.PID) != st.Pid {
		t.Errorf("the runtime says %+v", s)
	}
	waited := make(chan string, 1)
	go func() {
		st, err := p.Wait(p.ctx, req.ID, "")
		waited <- fmt.Sprint(st, err)
	}()
	if st, err = p.Start(p.ctx, req.ID); err != nil {
		t.Fatal(err)
	}
	end, err := p.Wait(p.ctx, req.ID, "")
	if err != nil {
		t.Fatal(err)
	}
	if end.State != wire.Stopped || end.Code != 7 || !end.Known || end.Signal != "" || end.OOMKilled || end.TimedOut || end.Ended < end.Created {
		t.Errorf("ended: %+v", end)
	}
	if got := <-waited; got != fmt.Sprint(end, nil) {
		t.Errorf("who waited before the start heard %s, and later %+v", got, end)
	}
	if got := p.log(); got != "stdout F hello\nstderr F oops\n" && got != "stderr F oops\nstdout F hello\n" {
		t.Errorf("log: %q", got)
	}
	record, err := os.ReadFile(filepath.Join(p.dir, "sock.d", req.ID, "exit.json"))
	if err != nil || !strings.Contains(string(record), `"exitCode": 7`) {
		t.Errorf("record: %s %v", record, err)
	}
	if s := p.state(req.ID, ""); s != wire.Stopped {
		t.Errorf("list says %q", s)
	}
	p.gone(req.ID)
	if s := p.state(req.ID, ""); s != "" {
		t.Errorf("removed, and still %q", s)
	}
	p.end()
	kit.NoLeak(t, p.rt, before, b)
	if left, _ := filepath.Glob(filepath.Join(p.dir, "sock*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
