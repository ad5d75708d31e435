package faults

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/tests/kit"
)

// An agent decides on the calls of a filter; seccomp_unotify(2).
type agent struct {
	path string
	l    *net.UnixListener
	fds  chan int // listeners of containers, as they come
}

// newAgent listens, and takes listeners unless it is deaf.
func newAgent(t *testing.T, deaf bool) *agent {
	t.Helper()
	a := &agent{path: filepath.Join(kit.Dir(t), "agent"), fds: make(chan int, 4)}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: a.path, Net: "unix"})
	kit.Must(t, err)
	a.l = l
	t.Cleanup(func() { l.Close() })
	if deaf {
		return a
	}
	go func() {
		defer close(a.fds)
		for {
			conn, err := l.AcceptUnix()
			if err != nil {
				return
			}
			oob := make([]byte, 64)
			_, n, _, _, _ := conn.ReadMsgUnix(make([]byte, 1<<16), oob)
			conn.Close()
			msgs, _ := unix.ParseSocketControlMessage(oob[:n])
			for i := range msgs {
				fds, _ := unix.ParseUnixRights(&msgs[i])
				for _, fd := range fds {
					a.fds <- fd
				}
			}
		}
	}()
	return a
}

// take waits for the listener of a container.
func (a *agent) take(t *testing.T) int {
	t.Helper()
	select {
	case fd := <-a.fds:
		return fd
	case <-time.After(10 * time.Second):
		t.Fatal("the agent gets no listener")
		return -1
	}
}

type notification struct {
	id         uint64
	pid, flags uint32
	data       [64]byte
}

// receive waits until a process is held in a call.
func receive(t *testing.T, fd int) (n notification) {
	t.Helper()
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		ready, err := unix.Poll(p, 10000)
		if err == unix.EINTR {
			continue
		}
		if ready != 1 || err != nil {
			t.Fatalf("no call comes to the agent: %v", err)
		}
		break
	}
	const recv = 0xc0502100 // SECCOMP_IOCTL_NOTIF_RECV
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), recv, uintptr(unsafe.Pointer(&n))); e != 0 {
		t.Fatalf("SECCOMP_IOCTL_NOTIF_RECV: %v", e)
	}
	return n
}

func answer(t *testing.T, fd int, id uint64, errno unix.Errno) {
	t.Helper()
	resp := struct {
		id    uint64
		val   int64
		errno int32
		flags uint32
	}{id: id, errno: -int32(errno)}
	const send = 0xc0182101 // SECCOMP_IOCTL_NOTIF_SEND
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), send, uintptr(unsafe.Pointer(&resp))); e != 0 {
		t.Errorf("SECCOMP_IOCTL_NOTIF_SEND: %v", e)
	}
}

// notified hands mkdir to an agent.
func notified(path string) kit.Mutation {
	return kit.With(func(s *specs.Spec) {
		s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, ListenerPath: path,
			Syscalls: []specs.LinuxSyscall{{Names: []string{"mkdir", "mkdirat"}, Action: specs.ActNotify}}}
	})
}

// mkdirs calls it, and says how it went.
var mkdirs = kit.Shell("mkdir /dev/shm/x 2>&1 && echo made; echo done")

// What becomes of a call when the agent ends in one way or another.
func TestSeccompAgent(t *testing.T) {
	const enosys = "Function not implemented"
	rows := map[string]struct {
		deaf bool
		act  func(t *testing.T, a *agent, started func()) // calls started, which starts the program
		want string                                       // in its output; "": it hangs, as the agent does
	}{
		"answers": {false, func(t *testing.T, a *agent, start func()) { // the control: the agent has its say
			fd := a.take(t)
			defer unix.Close(fd)
			start()
			answer(t, fd, receive(t, fd).id, unix.EXDEV)
		}, "Invalid cross-device link"},
		"ends before the program starts": {false, func(t *testing.T, a *agent, start func()) {
			unix.Close(a.take(t))
			start()
		}, enosys},
		"ends while a call waits": {false, func(t *testing.T, a *agent, start func()) {
			fd := a.take(t)
			start()
			receive(t, fd)
			unix.Close(fd)
		}, enosys},
		"ends before it takes the listener": {true, func(t *testing.T, a *agent, start func()) {
			a.l.Close()
			start()
		}, enosys},
		"never takes the listener": {true, func(_ *testing.T, _ *agent, start func()) { start() }, ""},
		"never answers": {false, func(t *testing.T, a *agent, start func()) {
			fd := a.take(t)
			t.Cleanup(func() { unix.Close(fd) })
			start()
			receive(t, fd)
		}, ""},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			kit.Begin(t)
			r := kit.Subject(t)
			r.Timeout = 15 * time.Second
			a := newAgent(t, row.deaf)
			b := kit.NewBundle(t, notified(a.path), mkdirs)
			before := kit.Snap(r, b)
			id := kit.ID()
			res := r.Create(b, id)
			if res.Code != 0 {
				t.Fatal(res)
			}
			row.act(t, a, func() {
				if res := r.Start(id); res.Code != 0 {
					t.Error(res)
				}
			})
			if row.want != "" {
				if !r.WaitStatus(id, "stopped") {
					t.Error("the program hangs")
				}
				if res.Reread(); !strings.Contains(res.Stdout, row.want) || !strings.Contains(res.Stdout, "done") {
					t.Errorf("want %q: %s", row.want, res)
				}
			} else if s, res := r.State(id); s.Status != "running" {
				t.Errorf("want running: %s", res)
			}
			if res := r.Delete(id, "--force"); res.Code != 0 || res.TimedOut {
				t.Error(res)
			}
			if res.Reread(); row.want == "" && strings.Contains(res.Stdout, "done") {
				t.Errorf("a call that nobody answered came back: %s", res)
			}
			a.l.Close()
			kit.NoLeak(t, r, dropSockets(before), b)
		})
	}
}

// dropSockets leaves out the agent's own descriptor.
func dropSockets(s kit.Snapshot) kit.Snapshot {
	var keep []string
	for _, fd := range s["fd"] {
		if !strings.Contains(fd, "socket:") {
			keep = append(keep, fd)
		}
	}
	s["fd"] = keep
	return s
}

// Without an agent there is no container, and no further process in one.
func TestSeccompAgentMissing(t *testing.T) {
	kit.Begin(t)
	r := kit.Subject(t)
	const field = "/linux/seccomp/listenerPath"
	gone := filepath.Join(kit.Dir(t), "gone")
	b := kit.NewBundle(t, notified(gone), mkdirs)
	before := kit.Snap(r, b)
	for _, verb := range []string{"create", "run"} {
		res := r.Do(verb, "--bundle", b.Dir, kit.ID())
		wantTyped(t, verb, res, "ENOENT", gone, field)
	}
	kit.NoLeak(t, r, before, b)

	a := newAgent(t, false)
	b = kit.NewBundle(t, notified(a.path), kit.Shell("exec sleep 60"))
	before = kit.Snap(r, b)
	id := r.Running(b)
	fd := a.take(t)
	c := r.Cmd("exec", id, "sh", "-c", "mkdir /dev/shm/x 2>&1; echo done")
	c.Start(t)
	second := a.take(t) // exec has a listener of its own
	answer(t, second, receive(t, second).id, unix.EXDEV)
	if res := c.Wait(); res.Code != 0 || !strings.Contains(res.Stdout, "cross-device") {
		t.Errorf("%s", res)
	}
	unix.Close(second)
	a.l.Close() // net removes the socket with it
	wantTyped(t, "exec", r.Exec(id, nil, "true"), "ENOENT", a.path)
	unix.Close(fd)
	if res := r.Delete(id, "--force"); res.Code != 0 {
		t.Error(res)
	}
	kit.NoLeak(t, r, dropSockets(before), b)
}
