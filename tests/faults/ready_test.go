package faults

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/tests/kit"
)

// A manager is what systemd(1) is for a unit with Type=notify: it reads from a
// socket, and acknowledges a BARRIER=1 by closing the descriptor that comes along.
type manager struct {
	path string
	said chan string
	hold chan struct{} // closed: barriers are acknowledged
}

func newManager(t *testing.T) *manager {
	m := &manager{path: filepath.Join(kit.Dir(t), "notify"), said: make(chan string, 16), hold: make(chan struct{})}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.path, Net: "unixgram"})
	kit.Must(t, err)
	t.Cleanup(func() { conn.Close() })
	go func() {
		buf, oob := make([]byte, 4096), make([]byte, 256)
		for {
			n, oobn, _, _, err := conn.ReadMsgUnix(buf, oob)
			if err != nil {
				return
			}
			m.said <- strings.TrimSpace(string(buf[:n]))
			if msgs, err := unix.ParseSocketControlMessage(oob[:oobn]); err == nil && len(msgs) > 0 {
				<-m.hold
				for i := range msgs {
					fds, _ := unix.ParseUnixRights(&msgs[i])
					for _, fd := range fds {
						unix.Close(fd)
					}
				}
			}
		}
	}()
	return m
}

// next is what it hears next; empty: nothing for ten seconds.
func (m *manager) next() string {
	select {
	case s := <-m.said:
		return s
	case <-time.After(10 * time.Second):
		return ""
	}
}

// hears wants these and nothing between them.
func (m *manager) hears(t *testing.T, all ...string) {
	t.Helper()
	for _, want := range all {
		if got := m.next(); got != want {
			t.Errorf("the manager hears %q, want %q", got, want)
		}
	}
}

// ready is the one thing that is passed on.
func ready(pid int) string { return fmt.Sprintf("READY=1\nMAINPID=%d", pid) }

func (m *manager) silent(t *testing.T) {
	t.Helper()
	select {
	case s := <-m.said:
		t.Errorf("the manager hears %q", s)
	default:
	}
}

// notifier is a bundle whose program waits for the file /tmp/go, says a few
// things that are not for the manager, that it is ready, and goes on.
func notifier(t *testing.T, then string, change ...kit.Mutation) *kit.Bundle {
	b := kit.NewBundle(t, append(change, kit.Shell(`echo begun
until [ -e /tmp/go ]; do sleep 0.02; done
notify STATUS=busy MAINPID=1 NOTREADY=1 "FDSTORE=1
READY=1" READY=1 2>/dev/null; `+then))...)
	kit.Must(t, os.Link(kit.BuildC(t, "podman/notify", "notify"), filepath.Join(b.Rootfs, "bin/notify")))
	kit.Must(t, os.Chmod(filepath.Join(b.Rootfs, "tmp"), 0o1777))
	return b
}

func letGo(t *testing.T, b *kit.Bundle) {
	t.Helper()
	kit.Must(t, os.WriteFile(filepath.Join(b.Rootfs, "tmp/go"), nil, 0o644))
}

func begun(c interface{ Peek() kit.Result }) func() bool {
	return func() bool { r := c.Peek(); return strings.Contains(r.Stdout, "begun") }
}

// A unit of systemd with Type=notify may run a container: its manager hears that
// the program is ready, and nothing else from it.
func TestReady(t *testing.T) {
	t.Run("run", func(t *testing.T) {
		kit.Begin(t)
		r, m := kit.Subject(t), newManager(t)
		defer close(m.hold)
		b := notifier(t, "for i in $(seq 50); do notify STATUS=$i; done >/dev/null 2>&1; exit 3") // more than a queue takes
		before := kit.Snap(r, b)
		c := r.Cmd("run", "--bundle", b.Dir, kit.ID())
		c.Env = append(c.Env, "NOTIFY_SOCKET="+m.path)
		c.Start(t)
		if !kit.Eventually(10*time.Second, begun(c)) {
			t.Error("the program does not begin")
		}
		m.silent(t)
		letGo(t, b)
		m.hears(t, ready(c.PID())) // who stays, and need not wait for the manager
		if res := c.Wait(); res.Code != 3 || res.Stderr != "" {
			t.Error(res)
		}
		m.silent(t)
		kit.NoLeak(t, r, before, b)
	})
	users := map[string][]kit.Mutation{
		"root":                     nil,
		"user":                     {kit.With(func(s *specs.Spec) { s.Process.User = specs.User{UID: 1000, GID: 1000} })},
		"user of a user namespace": {kit.UserNamespace, kit.With(func(s *specs.Spec) { s.Process.User = specs.User{UID: 1000, GID: 1000} })},
	}
	for name, change := range users {
		for _, verb := range []string{"run --detach", "start"} {
			t.Run(verb+", "+name, func(t *testing.T) {
				kit.Begin(t)
				r, m := kit.Subject(t), newManager(t)
				r.Env = append(r.Env, "NOTIFY_SOCKET="+m.path)
				b := notifier(t, "exec sleep 60", change...)
				before := kit.Snap(r, b)
				id := kit.ID()
				c := r.Cmd("run", "--detach", "--bundle", b.Dir, id)
				if verb == "start" {
					if res := r.Create(b, id); res.Code != 0 {
						t.Fatal(res)
					}
					c = r.Cmd("start", id)
				}
				c.Args = append([]string{"sh", "-c", `umask 077; exec "$@"`, "sh"}, c.Args...)
				c.Start(t)
				// It waits, and others need not.
				if !r.WaitStatus(id, "running") {
					t.Error("it does not run")
				}
				s, _ := r.State(id)
				if res := r.Exec(id, nil, "sh", "-c", "echo $NOTIFY_SOCKET; ls -ld /run/notify; ! touch /run/notify/x"); res.Code != 0 || !strings.HasPrefix(res.Stdout, "/run/notify/notify.sock\ndrwxr-xr-x") {
					t.Errorf("inside: %s", res)
				}
				m.silent(t)
				letGo(t, b)
				m.hears(t, ready(s.PID), "BARRIER=1")
				if err := unix.Kill(c.PID(), 0); err != nil || !alive(c.PID()) {
					t.Errorf("it does not wait for the manager: %v", err)
				}
				close(m.hold)
				if res := c.Wait(); res.Code != 0 || res.Stderr != "" {
					t.Error(res)
				}
				m.silent(t)
				if res := r.Delete(id, "--force"); res.Code != 0 {
					t.Error(res)
				}
				kit.NoLeak(t, r, before, b)
			})
		}
	}
}

func alive(pid int) bool {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(data), ") ")
	return rest != "" && rest[0] != 'Z'
}

// Whoever never says that it is ready, or has nobody to say it to, is a container
// like any other.
func TestNotReady(t *testing.T) {
	own := kit.With(func(s *specs.Spec) { s.Process.Env = append(s.Process.Env, "NOTIFY_SOCKET=/own") })
	print := kit.Shell("echo [$NOTIFY_SOCKET]")
	for name, row := range map[string]struct {
		socket string // of the manager's directory
		change []kit.Mutation
		stdout string
		stderr string // a part of it
	}{
		"ends before":            {"notify", []kit.Mutation{print}, "[/run/notify/notify.sock]\n", ""},
		"has another's":          {"notify", []kit.Mutation{own, print}, "[/own]\n", ""},
		"there is no manager":    {"absent", []kit.Mutation{kit.Shell("notify READY=1")}, "", "ENOENT"},
		"there is no such place": {"", []kit.Mutation{print}, "", "NOTIFY_SOCKET names no socket"},
	} {
		t.Run(name, func(t *testing.T) {
			kit.Begin(t)
			r, m := kit.Subject(t), newManager(t)
			close(m.hold)
			b := kit.NewBundle(t, row.change...)
			kit.Must(t, os.Link(kit.BuildC(t, "podman/notify", "notify"), filepath.Join(b.Rootfs, "bin/notify")))
			before := kit.Snap(r, b)
			socket, code := filepath.Join(filepath.Dir(m.path), row.socket), 0
			if row.socket == "" {
				socket, code = "vsock:2:1234", 1
			}
			for _, flags := range [][]string{nil, {"--detach"}} {
				id := kit.ID()
				c := r.Cmd(append(append([]string{"run", "--bundle", b.Dir}, flags...), id)...)
				c.Env = append(c.Env, "NOTIFY_SOCKET="+socket)
				c.Start(t)
				res := c.Wait()
				if flags != nil && code == 0 {
					r.WaitStatus(id, "stopped")
					res.Reread()
				}
				if res.Code != code || res.Stdout != row.stdout || !strings.Contains(res.Stderr, row.stderr) || (row.stderr == "") != (res.Stderr == "") {
					t.Error(res)
				}
				if res := r.Delete(id, "--force"); res.Code != 0 {
					t.Error(res)
				}
			}
			m.silent(t)
			kit.NoLeak(t, r, before, b)
		})
	}
}
