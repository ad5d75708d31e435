package crash

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/tests/kit"
)

// killedAtBirth runs a command and kills the nth process that it makes, or that
// one of those makes, before the first instruction of it: the kernel hands a
// tracer every new process stopped there (PTRACE_O_TRACEFORK, ptrace(2)), which
// is where the OOM killer may find it too. It also says how many there were.
func killedAtBirth(t *testing.T, c *kit.Cmd, nth int) (res kit.Result, born int) {
	t.Helper()
	c.Attr, c.Timeout = &syscall.SysProcAttr{Ptrace: true}, 20*time.Second
	code, err := 0, error(nil)
	done := make(chan struct{})
	go func() {
		defer close(done)
		// The tracer is a thread: it ends with this goroutine, and lets go of
		// what is still alive.
		runtime.LockOSThread()
		if err = c.TryStart(t); err == nil {
			code, born, err = trace(c.PID(), nth)
		}
	}()
	<-done
	kit.Must(t, err)
	late := c.Wait().TimedOut
	res = c.Peek()
	res.Code, res.TimedOut = code, late
	return res, born
}

// trace is the tracer's part of it, until the command ends.
func trace(command, nth int) (code, born int, err error) {
	const options = unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACECLONE
	known, early := map[int]bool{command: true}, map[int]bool{}
	begun := false
	for {
		var ws syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &ws, unix.WALL|unix.WNOTHREAD, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return 0, born, err
		}
		switch {
		case pid == command && ws.Exited():
			return ws.ExitStatus(), born, nil
		case pid == command && ws.Signaled():
			return 128 + int(ws.Signal()), born, nil
		case !ws.Stopped():
		case pid == command && !begun: // after its execve(2)
			begun = true
			if err := syscall.PtraceSetOptions(pid, options); err != nil {
				return 0, born, err
			}
			_ = syscall.PtraceCont(pid, 0)
		case !known[pid]:
			early[pid] = true // before its maker tells of it
		case ws.TrapCause() > 0:
			if msg, err := syscall.PtraceGetEventMsg(pid); err == nil {
				child := int(msg)
				known[child] = true
				if isProcess(child) {
					if born++; born == nth {
						_ = unix.Kill(child, unix.SIGKILL)
					}
				}
				if early[child] {
					_ = syscall.PtraceCont(child, 0)
				}
			}
			_ = syscall.PtraceCont(pid, 0)
		case ws.StopSignal() == syscall.SIGTRAP || ws.StopSignal() == syscall.SIGSTOP:
			_ = syscall.PtraceCont(pid, 0)
		default:
			_ = syscall.PtraceCont(pid, int(ws.StopSignal()))
		}
	}
}

// isProcess tells a process from one more thread.
func isProcess(pid int) bool {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	return strings.Contains(string(data), fmt.Sprintf("\nTgid:\t%d\n", pid))
}

// A process that is killed between its clone(2) and its first instruction has
// said nothing to anybody, and is noticed all the same, whoever makes it and how.
func TestKilledAtBirth(t *testing.T) {
	without := func(drop specs.LinuxNamespaceType) kit.Mutation {
		return kit.With(func(s *specs.Spec) {
			var keep []specs.LinuxNamespace
			for _, ns := range s.Linux.Namespaces {
				if ns.Type != drop {
					keep = append(keep, ns)
				}
			}
			s.Linux.Namespaces = keep
		})
	}
	joined := kit.With(func(s *specs.Spec) {
		for i := range s.Linux.Namespaces {
			if s.Linux.Namespaces[i].Type == specs.PIDNamespace {
				s.Linux.Namespaces[i].Path = "/proc/self/ns/pid"
			}
		}
	})
	traced := kit.With(func(s *specs.Spec) {
		c := s.Process.Capabilities
		for _, set := range []*[]string{&c.Bounding, &c.Effective, &c.Permitted} {
			*set = append(*set, "CAP_SYS_PTRACE")
		}
	})
	rows := map[string]struct {
		change       kit.Mutation
		create, exec int // processes that the verb makes
	}{
		"plain":                 {kit.Args("sleep", "60"), 1, 1},
		"no network namespace":  {without(specs.NetworkNamespace), 1, 1},
		"user namespace":        {kit.UserNamespace, 1, 1},
		"host's pid namespace":  {without(specs.PIDNamespace), 1, 1},
		"joined pid namespace":  {joined, 2, 1},
		"exec that may be seen": {traced, 1, 2},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			kit.Begin(t)
			r := kit.Subject(t)
			b := kit.NewBundle(t, kit.Args("sleep", "60"), row.change)
			before := kit.Snap(r, b)
			noticed := func(c *kit.Cmd, nth int) {
				t.Helper()
				if res, born := killedAtBirth(t, c, nth); res.TimedOut || res.Code == 0 || born < nth || !strings.Contains(res.Stderr, "SIGKILL") {
					t.Errorf("of %d processes number %d was killed at birth: %s", born, nth, &res)
				}
			}
			for nth := 1; nth <= row.create; nth++ {
				id := kit.ID()
				noticed(r.Cmd("create", "--bundle", b.Dir, id), nth)
				invariants(t, r, b, id, before)
				id = kit.ID()
				noticed(r.Cmd("run", "--bundle", b.Dir, id), nth)
				kit.NoLeak(t, r, before, b)
			}
			id := kit.ID()
			if res, born := killedAtBirth(t, r.Cmd("create", "--bundle", b.Dir, id), 0); res.Code != 0 || born != row.create {
				t.Fatalf("create makes %d processes, of which not %d were killed: %s", born, row.create, &res)
			}
			if res := r.Start(id); res.Code != 0 {
				t.Fatal(res)
			}
			running := kit.Snap(r, b)
			for nth := 1; nth <= row.exec; nth++ {
				noticed(r.Cmd("exec", id, "true"), nth)
				kit.NoLeak(t, r, running, b)
			}
			if res, born := killedAtBirth(t, r.Cmd("exec", id, "true"), 0); res.Code != 0 || born != row.exec {
				t.Errorf("exec makes %d processes, of which not %d were killed: %s", born, row.exec, &res)
			}
			invariants(t, r, b, id, before)
		})
	}
}
