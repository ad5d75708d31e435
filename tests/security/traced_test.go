package security

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"stave/tests/kit"
)

// exec takes another way into a container that may trace it (CVE-2016-9962); it
// leads to the same place.
func TestExecWhereItMayBeTraced(t *testing.T) {
	refuse := func(names ...string) *specs.LinuxSeccomp {
		return &specs.LinuxSeccomp{DefaultAction: specs.ActAllow,
			Syscalls: []specs.LinuxSyscall{{Names: names, Action: specs.ActErrno, ErrnoRet: kit.Ptr(uint(38))}}}
	}
	rows := map[string]func(s *specs.Spec){
		"plain":                   func(*specs.Spec) {},
		"with its own privileges": func(s *specs.Spec) { s.Process.NoNewPrivileges = false },
		"a filter":                func(s *specs.Spec) { s.Linux.Seccomp = refuse("clone3", "openat2") },
		"a filter that is on early": func(s *specs.Spec) {
			s.Process.NoNewPrivileges, s.Linux.Seccomp = false, refuse("clone3", "openat2", "close_range")
		},
		"a filter that refuses what is still to come": func(s *specs.Spec) {
			s.Process.NoNewPrivileges, s.Linux.Seccomp = false, refuse("setsid")
		},
		"a cgroup namespace": func(s *specs.Spec) {
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
		},
	}
	for name, change := range rows {
		t.Run(name, func(t *testing.T) {
			kit.Begin(t)
			r := kit.Subject(t)
			hook := filepath.Join("/bin", "true")
			b := kit.NewBundle(t, kit.Shell("exec sleep 60"), kit.With(func(s *specs.Spec) {
				c := s.Process.Capabilities
				for _, set := range []*[]string{&c.Bounding, &c.Effective, &c.Permitted} {
					*set = append(*set, "CAP_SYS_PTRACE")
				}
				s.Hooks = &specs.Hooks{StartContainer: []specs.Hook{{Path: hook}}}
				change(s)
			}))
			before := kit.Snap(r, b)
			id := r.Running(b)
			file := filepath.Join(r.Tmp, "pid")
			// What exec makes is what create makes, but for its number and its parent.
			const look = "grep -E '^(Cap|NoNew|Seccomp:|Umask|Uid|Gid|Groups)' /proc/PID/status; cat /proc/PID/cgroup; for n in user mnt pid net ipc uts cgroup; do readlink /proc/PID/ns/$n; done"
			own := r.Exec(id, []string{"--pid-file", file}, "sh", "-c", strings.ReplaceAll(look, "PID", "self")+"; exit 7")
			init := r.Exec(id, nil, "sh", "-c", strings.ReplaceAll(look, "PID", "1"))
			if own.Code != 7 || own.Stdout != init.Stdout || len(own.Stdout) < 300 {
				t.Errorf("%s\nand of the first process: %s", own, init)
			}
			if data, err := os.ReadFile(file); err != nil {
				t.Error(err)
			} else if pid, err := strconv.Atoi(string(data)); err != nil || pid < 2 {
				t.Errorf("pid file: %q", data)
			}
			_ = os.Remove(file)
			if res := r.Exec(id, nil, "sh", "-c", "cat /proc/$$/fd/3"); res.Code == 0 {
				t.Errorf("a descriptor is left: %s", res)
			}
			if res := r.Exec(id, []string{"--user", "5:6", "--cwd", "/tmp"}, "sh", "-c", "id; pwd"); res.Stdout != "uid=5 gid=6\n/tmp\n" {
				t.Errorf("%s", res)
			}
			if res := r.Exec(id, nil, "nonexistent"); res.Code != 127 {
				t.Errorf("%s", res)
			}
			terminalExec(t, r, id)
			if res := r.Delete(id, "--force"); res.Code != 0 {
				t.Error(res)
			}
			kit.NoLeak(t, r, before, b)
		})
	}
}

// terminalExec wants a controlling terminal of the container's own.
func terminalExec(t *testing.T, r *kit.Runtime, id string) {
	t.Helper()
	socket, sent, done := consoleSocket(t)
	defer done()
	res := r.Exec(id, []string{"--tty", "--detach", "--console-socket", socket}, "sh", "-c", "stat -L -c MAJOR%t /dev/tty >/dev/null && tty && stat -L -c MAJOR%t /proc/self/fd/0; sleep 0.2")
	if res.Code != 0 {
		t.Errorf("%s", res)
		return
	}
	if out := <-sent; !strings.Contains(out, "MAJOR88") || !strings.Contains(out, "/dev/pts/") {
		t.Errorf("the terminal says %q", out)
	}
}
