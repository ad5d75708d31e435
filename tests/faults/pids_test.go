package faults

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"stave/tests/kit"
)

func pidsLimit(n int64) kit.Mutation {
	return kit.With(func(s *specs.Spec) { s.Linux.Resources.Pids = &specs.LinuxPids{Limit: &n} })
}

// pidsCgroup is the directory of a process in the hierarchy that counts pids.
func pidsCgroup(t *testing.T, pid int) string {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	kit.Must(t, err)
	dir := ""
	for _, line := range strings.Split(string(data), "\n") {
		f := strings.SplitN(line, ":", 3)
		switch {
		case len(f) == 3 && f[1] == "pids":
			return "/sys/fs/cgroup/pids" + f[2]
		case len(f) == 3 && f[1] == "":
			dir = "/sys/fs/cgroup" + f[2]
		}
	}
	if _, err := os.Stat(dir + "/pids.max"); err != nil {
		kit.Lacks(t, "the pids controller")
	}
	return dir
}

// With very few processes allowed a container is made and entered all the same
// where one will do, and where two are needed the error names the field.
func TestFewPids(t *testing.T) {
	kit.Begin(t)
	r := kit.Subject(t)
	host := r.Running(kit.NewBundle(t, kit.UserNamespace, kit.Shell("exec sleep 60")))
	owner, _ := r.State(host)
	// To join a user namespace and then a pid namespace takes a process more.
	join := kit.With(func(s *specs.Spec) {
		for i := range s.Linux.Namespaces {
			if ns := &s.Linux.Namespaces[i]; ns.Type == specs.UserNamespace || ns.Type == specs.PIDNamespace {
				ns.Path = fmt.Sprintf("/proc/%d/ns/%s", owner.PID, ns.Type)
			}
		}
		s.Linux.UIDMappings, s.Linux.GIDMappings = nil, nil
	})
	before := kit.Snap(r)
	refused := 0
	for n := int64(1); n <= 5; n++ {
		for name, b := range map[string]*kit.Bundle{
			"plain":          kit.NewBundle(t, pidsLimit(n), kit.Args("true")),
			"user namespace": kit.NewBundle(t, pidsLimit(n), kit.Args("true"), kit.UserNamespace),
			"joined":         kit.NewBundle(t, pidsLimit(n), kit.Args("true"), kit.UserNamespace, join),
		} {
			res := r.Run(b, kit.ID())
			if res.Code == 0 {
				continue
			}
			refused++
			if name != "joined" || n > 1 {
				t.Errorf("%s with %d processes: %s", name, n, res)
			}
			wantTyped(t, name, res, "EAGAIN", "/linux/resources/pids/limit")
		}
		b := kit.NewBundle(t, pidsLimit(n), kit.Shell("exec sleep 60"))
		id := r.Running(b)
		if res := r.Exec(id, nil, "true"); res.Code != 0 { // v2 counts it: cgroups(7)
			wantTyped(t, "exec", res, "EAGAIN", "/linux/resources/pids/limit")
		}
		if res := r.Kill(id, "KILL"); res.Code != 0 {
			t.Error(res)
		}
		if res := r.Delete(id, "--force"); res.Code != 0 {
			t.Error(res)
		}
		kit.NoLeak(t, r, before)
	}
	if refused == 0 {
		t.Error("the limit never binds")
	}
}

// RLIMIT_NPROC counts what the user has on the whole host; over it, execve(2)
// fails, and the error names the limit.
func TestFewProcessesOfUser(t *testing.T) {
	for name, change := range map[string]kit.Mutation{
		"user": kit.With(func(s *specs.Spec) { s.Process.User = specs.User{UID: nobodyElse, GID: nobodyElse} }),
		"mapped user": func(b *kit.Bundle) {
			kit.UserNamespace(b)
			b.Spec.Process.User = specs.User{UID: nobodyElse, GID: nobodyElse}
		},
	} {
		t.Run(name, func(t *testing.T) {
			kit.Begin(t)
			r := kit.Subject(t)
			uid := uint32(nobodyElse)
			if name == "mapped user" {
				uid += 100000
			}
			other := exec.Command(kit.NeedTool(t, "sleep"), "60")
			other.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
			kit.Must(t, other.Start())
			defer func() { _ = other.Process.Kill(); _ = other.Wait() }()
			before := kit.Snap(r)
			refused := 0
			for n := range uint64(4) {
				b := kit.NewBundle(t, change, kit.Shell("exec sleep 60"), kit.With(func(s *specs.Spec) {
					s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NPROC", Soft: n, Hard: n}}
				}))
				id := kit.ID()
				res := r.Create(b, id)
				if res.Code == 0 {
					if res = r.Start(id); res.Code == 0 {
						res = r.Exec(id, nil, "true")
					}
				}
				if res.Code != 0 {
					refused++
					wantTyped(t, fmt.Sprintf("%d processes", n), res, "EAGAIN", "/process/rlimits", "RLIMIT_NPROC")
				}
				if res := r.Delete(id, "--force"); res.Code != 0 {
					t.Error(res)
				}
			}
			if refused == 0 || refused == 4 {
				t.Errorf("%d of 4 were refused: the limit does not bind", refused)
			}
			kit.NoLeak(t, r, before)
		})
	}
}

const nobodyElse = 54321

// The runtime itself may be short of threads. What Go's runtime has to say of
// that is its own, but nothing is left that delete does not find.
func TestFewThreadsOfOurs(t *testing.T) {
	kit.Begin(t)
	r := kit.Subject(t)
	dir := filepath.Join(pidsCgroup(t, os.Getpid()), kit.ID())
	kit.Must(t, os.Mkdir(dir, 0o755))
	defer os.Remove(dir)
	b := kit.NewBundle(t, kit.Shell("exec sleep 60"))
	before := kit.Snap(r, b)
	failed, worked := 0, 0
	for n := 1; n < 16; n += 2 {
		kit.Must(t, os.WriteFile(filepath.Join(dir, "pids.max"), []byte(strconv.Itoa(n)), 0o644))
		id := kit.ID()
		c := r.Cmd("create", "--bundle", b.Dir, id)
		c.Args = append([]string{"sh", "-c", `echo 0 > "$0/cgroup.procs" && exec "$@"`, dir}, c.Args...)
		c.Start(t)
		if res := c.Wait(); res.TimedOut {
			t.Error(res)
		} else if res.Code == 0 {
			worked++
		} else {
			failed++
		}
		if res := r.Delete(id, "--force"); res.Code != 0 {
			t.Error(res)
		}
		kit.NoLeak(t, r, before, b)
	}
	if failed == 0 || worked == 0 {
		t.Errorf("%d failed and %d worked: the limits are beside the point", failed, worked)
	}
}

// However a container forks, kill and delete end it: neither needs a process
// in its cgroups, and what is born meanwhile is caught.
func TestForkBombs(t *testing.T) {
	const limit = 64
	hostPIDs := kit.With(func(s *specs.Spec) {
		var keep []specs.LinuxNamespace
		for _, ns := range s.Linux.Namespaces {
			if ns.Type != specs.PIDNamespace {
				keep = append(keep, ns)
			}
		}
		s.Linux.Namespaces = keep
	})
	for _, where := range []string{"own pid namespace", "host pid namespace", "host pid namespace, without cgroup.kill"} {
		for _, how := range []string{"full", "flee"} {
			for _, verbs := range []string{"kill, delete", "delete --force", "kill, delete --force"} {
				t.Run(how+", "+where+", "+verbs, func(t *testing.T) {
					kit.Begin(t)
					r := kit.Subject(t)
					r.Timeout = 20 * time.Second
					if strings.Contains(where, "without") {
						r.Path = withoutV2(t, r.Path)
					}
					change := kit.Mutation(func(*kit.Bundle) {})
					if strings.HasPrefix(where, "host") {
						change = hostPIDs
					}
					for range often(1, 50) {
						bomb(t, r, kit.NewBundle(t, pidsLimit(limit), kit.Args("/bin/bomb", how), change), how, verbs, limit)
					}
				})
			}
		}
	}
}

func bomb(t *testing.T, r *kit.Runtime, b *kit.Bundle, how, verbs string, limit int) {
	kit.Must(t, os.Link(kit.BuildC(t, "faults/bomb", "bomb"), filepath.Join(b.Rootfs, "bin/bomb")))
	before := kit.Snap(r, b)
	id := r.Running(b)
	s, _ := r.State(id)
	current := filepath.Join(pidsCgroup(t, s.PID), "pids.current")
	want := 2
	if how == "full" {
		want = limit
	}
	if !kit.Eventually(10*time.Second, func() bool {
		data, _ := os.ReadFile(current)
		n, _ := strconv.Atoi(strings.TrimSpace(string(data)))
		return n >= want
	}) {
		t.Fatalf("the bomb does not go off in %s", current)
	}
	if data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", s.PID)); r.Is("stave-v1") && strings.Contains(string(data), "\n0::/"+id) {
		t.Fatalf("it has cgroup.kill: %s", data)
	}
	for _, verb := range strings.Split(verbs, ", ") {
		args := append(strings.Fields(verb), id)
		switch verb {
		case "kill":
			args = append(args, "KILL")
		case "delete":
			if !r.WaitStatus(id, "stopped") {
				t.Errorf("after kill it is not stopped")
			}
		}
		if res := r.Do(args...); res.Code != 0 {
			t.Errorf("%s", res)
		}
	}
	r.Delete(id, "--force") // where the test has failed
	kit.NoLeak(t, r, before, b)
}

// withoutV2 makes a runtime that sees no cgroup v2 on this host, and so has no
// cgroup.kill.
func withoutV2(t *testing.T, path string) string {
	t.Helper()
	const v2 = "/sys/fs/cgroup/unified"
	if _, err := os.Stat(v2 + "/cgroup.procs"); err != nil {
		if _, err := os.Stat("/sys/fs/cgroup/cgroup.procs"); err == nil {
			kit.Lacks(t, "cgroup v1")
		}
		return path // there is none
	}
	to := filepath.Join(kit.Dir(t), "stave-v1")
	script := "#!/bin/sh\nexec " + kit.NeedTool(t, "unshare") + " -m sh -c 'umount -l " + v2 + ` && exec "$@"' sh ` + path + ` "$@"` + "\n"
	kit.Must(t, os.WriteFile(to, []byte(script), 0o755))
	return to
}
