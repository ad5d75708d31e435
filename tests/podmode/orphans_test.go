package podmode

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"stave/monitor/wire"
	"stave/tests/kit"
)

// childrenOf counts the children of a process that live, and those that nobody
// has waited for, with this name.
func childrenOf(t testing.TB, pid int, comm string) (alive, zombies int) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	kit.Must(t, err)
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			continue // gone meanwhile
		}
		head, rest, _ := strings.Cut(string(data), ") ")
		fields := strings.Fields(rest)
		if !strings.HasSuffix(head, "("+comm) || fields[1] != fmt.Sprint(pid) {
			continue
		}
		if fields[0] == "Z" {
			zombies++
		} else {
			alive++
		}
	}
	return alive, zombies
}

// held begins to create a container, and holds its runtime until open is called;
// ended gives what became of it.
func (p *pod) held(b *kit.Bundle) (id string, open func(), ended chan error) {
	p.t.Helper()
	req := p.request(b)
	var begun func() bool
	req.Runtime, begun, open = p.gated("create")
	ended = make(chan error, 1)
	go func() { _, err := p.Create(p.ctx, req); ended <- err }()
	if !kit.Eventually(patience, begun) {
		p.t.Fatal("the runtime was not called")
	}
	return req.ID, open, ended
}

// Orphans are waited for as they end, also while a runtime is at work: in a busy
// pod there always is one.
func TestOrphansWhileRuntimesWork(t *testing.T) {
	p := newPod(t)
	// Without a pid namespace orphans have no other ancestor that adopts them.
	req := p.request(kit.NewBundle(t, kit.Shell("touch /dev/hold; exec sleep 100000"),
		kit.Namespaces(specs.MountNamespace, specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace)))
	id := p.created(req)
	if _, err := p.Start(p.ctx, id); err != nil {
		t.Fatal(err)
	}
	other, open, ended := p.held(kit.NewBundle(t, kit.Shell("exit 6")))
	const orphans = 20
	for i := range orphans {
		r, err := p.run(id, fmt.Sprintf("while [ ! -e /dev/hold ]; do sleep 0.01; done; (while [ -e /dev/hold ]; do sleep 0.1; done) >/dev/null 2>&1 & exit %d", 100+i))
		if err != nil || r.Code != int64(100+i) {
			t.Fatalf("exec %d: %+v %v", i, r, err)
		}
	}
	if alive, _ := childrenOf(t, p.cmd.PID(), "sh"); alive != orphans { // positive control
		t.Errorf("the monitor has %d orphans, not %d", alive, orphans)
	}
	if _, err := p.run(id, "rm /dev/hold"); err != nil {
		t.Fatal(err)
	}
	var alive, zombies int
	if !kit.Eventually(patience/6, func() bool {
		alive, zombies = childrenOf(t, p.cmd.PID(), "sh")
		return alive+zombies == 0
	}) {
		t.Errorf("%d orphans live, and %d wait to be waited for", alive, zombies)
	}
	open()
	kit.Must(t, <-ended)
	if _, err := p.Start(p.ctx, other); err != nil {
		t.Fatal(err)
	}
	if end, err := p.Wait(p.ctx, other, ""); err != nil || end.Code != 6 || !end.Known {
		t.Errorf("%+v %v", end, err)
	}
	p.gone(other)
	p.gone(id)
}

// A process that comes to the monitor and ends before its runtime has told of
// it: its status waits for its name, also while other runtimes come and go.
func TestEndsBeforeItsRuntime(t *testing.T) {
	p := newPod(t)
	dir := kit.Dir(t)
	req := p.request(kit.NewBundle(t))
	req.Runtime = script(t, `prev=
for a; do [ "$prev" = --pid-file ] && file=$a; prev=$a; done
setsid -f sh -c "echo -n \$\$ >$file.x; mv $file.x $file; cp $file `+dir+`/x; mv `+dir+`/x `+dir+`/pid; exit 7"
while [ ! -e `+dir+`/open ]; do sleep 0.01; done`)
	done := make(chan error, 1)
	go func() { _, err := p.Create(p.ctx, req); done <- err }()
	var pid string
	if !kit.Eventually(patience, func() bool {
		data, _ := os.ReadFile(dir + "/pid")
		pid = string(data)
		return pid != ""
	}) {
		t.Fatal("the runtime was not called")
	}
	if !kit.Eventually(patience/6, func() bool { _, err := os.Stat("/proc/" + pid); return err != nil }) {
		t.Error("it is not waited for while its runtime is at work")
	}
	for i := range 3 {
		id := p.running(fmt.Sprint("exit ", i))
		if end, err := p.Wait(p.ctx, id, ""); err != nil || end.Code != int64(i) || !end.Known {
			t.Errorf("%+v %v", end, err)
		}
		p.gone(id)
	}
	kit.Must(t, os.WriteFile(dir+"/open", nil, 0o644))
	kit.Must(t, <-done)
	end, err := p.Wait(p.ctx, req.ID, "")
	if err != nil || end.Code != 7 || !end.Known || fmt.Sprint(end.Pid) != pid || end.State != wire.Stopped {
		t.Errorf("%+v %v", end, err)
	}
	p.gone(req.ID)
}
