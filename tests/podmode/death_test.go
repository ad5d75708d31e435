package podmode

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"stave/monitor/client"
	"stave/monitor/wire"
	"stave/tests/kit"
)

// gated is a runtime that does not begin with what it is asked for before
// open is called.
func (p *pod) gated(verb string) (path string, begun func() bool, open func()) {
	dir := kit.Dir(p.t)
	path = script(p.t, fmt.Sprintf(`for a; do if [ "$a" = %s ]; then touch %s/begun; while [ ! -e %s/open ]; do sleep 0.01; done; fi; done; exec %s "$@"`, verb, dir, dir, p.rt.Path))
	begun = func() bool { _, err := os.Stat(dir + "/begun"); return err == nil }
	return path, begun, func() { kit.Must(p.t, os.WriteFile(dir+"/open", nil, 0o644)) }
}

// A caller that is killed while its container is created finds it afterwards.
func TestCallerDiesInCreate(t *testing.T) {
	p := newPod(t)
	req := p.request(kit.NewBundle(t, kit.Shell("exit 8")))
	var begun func() bool
	var open func()
	req.Runtime, begun, open = p.gated("create")
	c := begin(t, 0, "create", p.Socket, string(req.Append(nil)))
	if !kit.Eventually(patience, begun) {
		t.Fatal("the runtime was not called")
	}
	c.Signal(unix.SIGKILL)
	c.Wait()
	if s := p.state(req.ID, ""); s != wire.Creating {
		t.Errorf("it is %q", s)
	}
	open()
	if !kit.Eventually(patience, func() bool { return p.state(req.ID, "") == wire.Created }) {
		t.Fatalf("it is %q", p.state(req.ID, ""))
	}
	if _, err := p.Start(p.ctx, req.ID); err != nil {
		t.Fatal(err)
	}
	if end, err := p.Wait(p.ctx, req.ID, ""); err != nil || end.Code != 8 {
		t.Errorf("%+v %v", end, err)
	}
	p.gone(req.ID)
}

// A caller that is killed in the middle of an exec loses its output from then
// on, and not its end; an exec that only it could hear of ends with it.
func TestCallerDiesInExec(t *testing.T) {
	p := newPod(t)
	id := p.running("exec sleep 60")
	req := wire.Request{ID: id, Exec: "e", Attach: true, Process: process("sh", "-c", "while [ ! -e /dev/go ]; do sleep 0.01; done; echo late; exit 9")}
	c := begin(t, 0, "exec", p.Socket, string(req.Append(nil)))
	if !kit.Eventually(patience, func() bool { return p.state(id, "e") == wire.Running }) {
		t.Fatal("it does not run")
	}
	c.Signal(unix.SIGKILL)
	c.Wait()
	s, err := p.Attach(p.ctx, id, "e", false, false)
	kit.Must(t, err)
	defer s.Close()
	if _, err := p.run(id, "touch /dev/go"); err != nil {
		t.Fatal(err)
	}
	if out, _, end, _ := all(t, s); out != "late\n" || end.Code != 9 {
		t.Errorf("%q %+v", out, end)
	}
	req = wire.Request{ID: id, Process: process("sleep", "55555")}
	c = begin(t, 0, "exec-sync", p.Socket, string(req.Append(nil)))
	if !kit.Eventually(patience, func() bool { return p.stats().Running == 2 }) {
		t.Fatal("it does not run")
	}
	c.Signal(unix.SIGKILL)
	c.Wait()
	if !kit.Eventually(patience, func() bool { return p.stats().Running == 1 }) {
		list, _ := p.List(p.ctx)
		t.Log(kit.Do(t, "ps", "-eo", "pid,ppid,stat,wchan,args").Stdout)
		t.Errorf("the exec-sync of a dead caller runs on: %+v %+v", list, p.stats())
	}
	// And one whose caller goes while the runtime is still at work.
	req2 := p.request(kit.NewBundle(t, kit.Shell("exec sleep 60")))
	var begun func() bool
	var open func()
	req2.Runtime, begun, open = p.gated("exec")
	id2 := p.created(req2)
	req = wire.Request{ID: id2, Process: process("sleep", "55555")}
	if _, err := p.Start(p.ctx, id2); err != nil {
		t.Fatal(err)
	}
	c = begin(t, 0, "exec-sync", p.Socket, string(req.Append(nil)))
	if !kit.Eventually(patience, begun) {
		t.Fatal("the runtime was not called")
	}
	c.Signal(unix.SIGKILL)
	c.Wait()
	open()
	if !kit.Eventually(patience, func() bool { return p.stats().Running == 2 }) { // both containers
		t.Error("it runs on")
	}
	p.gone(id)
	p.gone(id2)
}

// A caller that dies between the end of the runtime and the news of it: the
// monitor learns of its death by writing to it.
func TestCallerDiesAsItsExecBegins(t *testing.T) {
	p := newPod(t)
	req := p.request(kit.NewBundle(t, kit.Shell("exec sleep 60")))
	var begun func() bool
	var open func()
	req.Runtime, begun, open = p.gated("exec")
	id := p.created(req)
	if _, err := p.Start(p.ctx, id); err != nil {
		t.Fatal(err)
	}
	req = wire.Request{ID: id, Process: process("sleep", "55555")}
	c := begin(t, 0, "exec-sync", p.Socket, string(req.Append(nil)))
	if !kit.Eventually(patience, begun) {
		t.Fatal("the runtime was not called")
	}
	p.cmd.Signal(unix.SIGSTOP)
	open()
	if !kit.Eventually(patience, func() bool { _, zombies := childrenOf(t, p.cmd.PID(), "stave"); return zombies == 1 }) {
		t.Error("the runtime does not end")
	}
	c.Signal(unix.SIGKILL)
	c.Wait()
	p.cmd.Signal(unix.SIGCONT)
	if !kit.Eventually(patience/6, func() bool { return p.stats().Running == 1 }) {
		t.Error("the exec-sync of a dead caller runs on")
	}
	p.gone(id)
}

// The runtime is killed while it creates: the caller hears of it, nothing of it
// runs on, and the id is free.
func TestRuntimeDies(t *testing.T) {
	p := newPod(t)
	req := p.request(kit.NewBundle(t, kit.Shell("exit 3")))
	dir := kit.Dir(t)
	req.Runtime = script(t, "echo $$ >"+dir+"/x; mv "+dir+"/x "+dir+"/pid; while [ ! -e "+dir+"/open ]; do sleep 0.01; done; exec "+p.rt.Path+` "$@"`)
	done := make(chan error)
	go func() { _, err := p.Create(p.ctx, req); done <- err }()
	var pid int
	if !kit.Eventually(patience, func() bool {
		data, _ := os.ReadFile(dir + "/pid")
		n, _ := fmt.Sscan(string(data), &pid)
		return n == 1
	}) {
		t.Fatal("the runtime was not called")
	}
	kit.Must(t, unix.Kill(pid, unix.SIGKILL))
	if err := <-done; err == nil || !strings.Contains(err.Error(), "killed by SIGKILL") {
		t.Errorf("%v", err)
	}
	kit.Must(t, os.WriteFile(dir+"/open", nil, 0o644))
	id := p.created(req)
	if _, err := p.Start(p.ctx, id); err != nil {
		t.Fatal(err)
	}
	if end, err := p.Wait(p.ctx, id, ""); err != nil || end.Code != 3 {
		t.Errorf("%+v %v", end, err)
	}
	p.gone(id)
	// Killed when the process is there already: nobody else knows of it.
	req = p.request(kit.NewBundle(t, kit.Shell("exec sleep 60")))
	req.Runtime = script(t, p.rt.Path+` "$@"; kill -9 $$`)
	if _, err := p.Create(p.ctx, req); err == nil {
		t.Error("no error")
	}
	if !p.rt.WaitStatus(req.ID, "stopped") {
		t.Error("the process runs on")
	}
	p.rt.Delete(req.ID, "--force")
}

// The monitor is killed: the policy of docs/monitor.md. Containers go on, their
// end is the runtime's to tell, records of earlier ends are on disk, and a new
// monitor takes new containers.
func TestMonitorDies(t *testing.T) {
	p := newPod(t)
	ended := p.running("exit 5")
	if _, err := p.Wait(p.ctx, ended, ""); err != nil {
		t.Fatal(err)
	}
	id := p.running("trap 'exit 0' TERM; while :; do sleep 0.05; done")
	waited := make(chan error)
	go func() { _, err := p.Wait(p.ctx, id, ""); waited <- err }()
	kit.Eventually(patience, func() bool { return p.stats().Connections == 2 })
	p.killed()
	if err := <-waited; !errors.Is(err, client.ErrGone) {
		t.Errorf("who waited: %v", err)
	}
	record, err := os.ReadFile(filepath.Join(p.dir, "sock.d", ended, "exit.json"))
	if err != nil || !strings.Contains(string(record), `"exitCode": 5`) {
		t.Errorf("record: %s %v", record, err)
	}
	if s, res := p.rt.State(id); s.Status != "running" {
		t.Errorf("%s", res)
	}
	p.serve()
	if list, err := p.List(p.ctx); err != nil || len(list) != 0 {
		t.Errorf("%+v %v", list, err)
	}
	p.deleted(id)
	again := p.running("exit 6")
	if end, err := p.Wait(p.ctx, again, ""); err != nil || end.Code != 6 {
		t.Errorf("%+v %v", end, err)
	}
	p.gone(again)
}

// deleted is gone for one that the monitor does not know.
func (p *pod) deleted(id string) {
	p.t.Helper()
	if res := p.rt.Delete(id, "--force"); res.Code != 0 {
		p.t.Errorf("delete: %s", res)
	}
}
