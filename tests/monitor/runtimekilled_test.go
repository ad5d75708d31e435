package monitor

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"stave/tests/kit"
)

// The runtime dies at each step of create under the monitor: told, and nothing
// is left after one delete --force. Where the runtime's child acts, it is killed
// there; and then the runtime is, while the child is held up there.
func TestRuntimeKilledAtAnyStep(t *testing.T) {
	s := ours(t)
	path := kit.FaultBuild(t)
	probe := real(t, s, path, kit.Shell("exec sleep 100"))
	res := probe.rt.Do("explain", "--steps", probe.bundle.Dir)
	if res.Code != 0 {
		t.Fatal(res)
	}
	steps, hit, held := 0, 0, 0
	for l := range strings.Lines(strings.TrimSpace(res.Stdout)) {
		f := strings.Split(l, "\t")
		steps++
		for _, pause := range []bool{false, true} {
			if pause && f[1] != "child" {
				continue
			}
			fault := f[2] + "=kill"
			if pause {
				fault = f[2] + "=pause"
			}
			c := real(t, s, path, kit.Shell("exec sleep 100"))
			c.env = append(c.env, "STAVE_FAULT="+fault)
			c.start()
			if pause {
				c.killRuntime()
			}
			if l := c.report(); l.n > 0 {
				// A step of another verb: the container is there, and ends as ever.
				c.rt.Delete(c.id, "--force")
				c.wait()
			} else {
				if hit++; pause {
					held++
				}
				c.failed(l, fault)
			}
			c.clean()
		}
	}
	t.Logf("create: %d steps, %d deaths, in %d of which the child outlived the runtime", steps, hit, held)
	if hit < steps || held == 0 {
		t.Error("the fault build has too few faults")
	}
}

// The same for exec: the container that it was for is not touched.
func TestRuntimeKilledAtAnyStepOfExec(t *testing.T) {
	s := ours(t)
	c := real(t, s, kit.FaultBuild(t), kit.Shell("exec sleep 1000"))
	pid := c.created()
	if res := c.rt.Start(c.id); res.Code != 0 {
		t.Fatal(res)
	}
	spec := c.file("process.json")
	kit.Must(t, os.WriteFile(spec, []byte(`{"args":["sleep","1000"],"cwd":"/","env":["PATH=/bin"],"user":{"uid":0,"gid":0}}`), 0o644))
	before := kit.Snap(c.rt, c.bundle)
	// One exec; false: it went well, there was no such step.
	exec := func(fault string, pause bool) bool {
		e := newSession(t, s, c.rt, c.bundle)
		e.set("-b", e.dir).set("-c", c.id).set("-l", "none").drop("--exit-dir")
		e.add("--runtime-arg", "--root="+c.rt.Root, "-e", "--exec-process-spec", spec)
		e.env = append(e.env, "STAVE_FAULT="+fault)
		e.start()
		if pause {
			e.killRuntime()
		}
		l := e.report()
		if l.n <= 0 {
			e.failed(l, fault)
		} else {
			kit.Must(t, unix.Kill(l.n, unix.SIGKILL))
			if code := e.wait(); code != 137 {
				t.Errorf("%s: exit status %d", fault, code)
			}
		}
		e.startPipe.Close()
		e.syncPipe.Close()
		e.startPipe, e.syncPipe = nil, nil
		kit.NoLeak(t, c.rt, before, c.bundle)
		return l.n <= 0
	}
	hit, held := 0, 0
	// Steps have numbers; there are fewer than this, and some are left out.
	for n, missed := 1, 0; missed < 20; n++ {
		missed++
		if exec(fmt.Sprint(n, "=kill"), false) {
			hit, missed = hit+1, 0
		}
		if exec(fmt.Sprint(n, "=pause"), true) {
			held++
		}
	}
	t.Logf("exec: %d deaths, and %d in which the child outlived the runtime", hit, held)
	if hit < 10 || held == 0 {
		t.Error("the fault build has too few faults")
	}
	if !running(pid) {
		t.Error("the container has ended")
	}
	c.rt.Delete(c.id, "--force")
	c.wait()
	c.clean()
}

// failed wants a runtime's death told.
func (c *session) failed(l line, fault string) {
	c.t.Helper()
	if l.raw == "" || l.msg == "" {
		c.t.Errorf("%s: on the sync pipe: %q", fault, l.raw)
	}
	if code := c.wait(); code != 1 {
		c.t.Errorf("%s: exit status %d", fault, code)
	}
}

// killRuntime waits until the runtime or its child is held up by the fault
// build, or is done, and kills the runtime. Then the child may go on.
func (c *session) killRuntime() {
	c.t.Helper()
	runtime, held := 0, 0
	kit.Eventually(patience, func() bool {
		runtime, held = 0, 0
		for _, p := range kit.Descendants() {
			call, _ := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", p.PID))
			if p.State == 'T' || strings.HasPrefix(string(call), fmt.Sprint(unix.SYS_RT_SIGTIMEDWAIT, " ")) {
				held = p.PID
			}
			if p.PPID == c.monitor {
				runtime = p.PID
			}
		}
		// The process that was made becomes the monitor's child with the end of the runtime.
		if runtime != 0 && fmt.Sprint(runtime) == c.read("pid") {
			runtime = 0
			return true
		}
		return held != 0 && runtime != 0 || !c.alive()
	})
	if runtime != 0 {
		_ = unix.Kill(runtime, unix.SIGKILL)
	}
	if held != 0 && held != runtime {
		kit.Eventually(patience, func() bool { return !running(runtime) })
		_ = unix.Kill(held, unix.SIGCONT)
	}
}
