package security

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/tests/kit"
)

func processAttacks() []attack {
	return []attack{
		{"CVE-2016-3697", "a number for a user is a name in the image", execUser("1000", "1000")},
		{"CVE-2016-8867", "ambient capabilities for a user who asked for none", ambient},
		{"CVE-2016-9962", "the container finds the runtime's descriptors during exec", catchExec("a directory", "CAP_SYS_PTRACE")},
		{"CVE-2016-9962-ptrace", "the container takes over the runtime during exec", catchExec("attached", "CAP_SYS_PTRACE")},
		{"CVE-2016-9962-uncapable", "the same without a capability for it", catchExec("")},
		{"CVE-2019-5736", "the container writes the runtime's binary", catchExec("wrote to the runtime", "CAP_SYS_PTRACE")},
		{"CVE-2021-43784", "very many mappings", manyMappings},
		{"CVE-2022-24769", "inheritable capabilities in the first process", inheritable(nil)},
		{"CVE-2022-29162", "inheritable capabilities in exec --cap", inheritable([]string{"--cap", "CAP_KILL"})},
		{"CVE-2023-25809", "cgroups are writable in a user namespace without a cgroup namespace", cgroupWrite},
		{"CVE-2024-21626", "the working directory is a leaked descriptor", leakedCwd(false)},
		{"CVE-2024-21626-exec", "the working directory of exec is a leaked descriptor", leakedCwd(true)},
		{"CVE-2026-30892", "odd strings for exec --user", oddUsers},
		{"runc-4103", "a huge page size that is a path", hugepagePath},
		{"crun-1.28-cgroup", "a cgroupsPath that leads up", cgroupUp},
		{"crun-1.20-id", "an id that is a path", idPath},
		{"CVE-2025-23266", "hooks get the environment of the image", hookEnv},
	}
}

// execUser runs exec --user in an image whose passwd lies, and wants a uid.
func execUser(user, want string) func(*testing.T, *kit.Runtime, *canary) string {
	return func(t *testing.T, r *kit.Runtime, _ *canary) string {
		return asUser(t, r, map[string]string{user: want})
	}
}

func asUser(t *testing.T, r *kit.Runtime, users map[string]string) string {
	b := kit.NewBundle(t, kit.Shell(ready+"sleep 30"), kit.With(func(s *specs.Spec) { s.Root.Readonly = false }))
	kit.Must(t, os.WriteFile(filepath.Join(b.Rootfs, "etc/passwd"), []byte("1000:x:0:0::/:/bin/sh\n4294967296:x:0:0::/:/bin/sh\nroot:x:0:0::/:/bin/sh\n"), 0o644))
	id := kit.ID()
	end := background(t, r, b, id)
	defer end()
	for user, want := range users {
		res := r.Exec(id, []string{"--user", user}, "id", "-u")
		got := strings.TrimSpace(res.Stdout)
		if res.Code != 0 {
			got = "refused"
		}
		if got != want && !(want == "refused or not 0" && got != "0") {
			return fmt.Sprintf("exec --user %q gives uid %s, not %s", user, got, want)
		}
	}
	return ""
}

func oddUsers(t *testing.T, r *kit.Runtime, _ *canary) string {
	odd := map[string]string{}
	for _, user := range []string{"+1", " 1", "1e3", "4294967296", "-1", "0x1", "2147483648:0x", "nobody-here", "1:-1"} {
		odd[user] = "refused or not 0"
	}
	odd["5"], odd["7:8"] = "5", "7"
	return asUser(t, r, odd)
}

func ambient(t *testing.T, r *kit.Runtime, _ *canary) string {
	b := kit.NewBundle(t, kit.Shell("grep -E 'CapEff|CapAmb' /proc/self/status"),
		kit.With(func(s *specs.Spec) { s.Process.User = specs.User{UID: 1000, GID: 1000} }))
	return nonZero(run(r, b).Stdout, "CapEff", "CapAmb")
}

func nonZero(status string, fields ...string) string {
	for _, f := range fields {
		if m := regexp.MustCompile(f + `:\s*([0-9a-f]+)`).FindStringSubmatch(status); m == nil {
			return f + " was not seen: " + status
		} else if strings.Trim(m[1], "0") != "" {
			return f + " is " + m[1]
		}
	}
	return ""
}

func inheritable(flags []string) func(*testing.T, *kit.Runtime, *canary) string {
	return func(t *testing.T, r *kit.Runtime, _ *canary) string {
		b := kit.NewBundle(t, kit.Shell("grep CapInh /proc/self/status; "+ready+"sleep 30"), kit.With(func(s *specs.Spec) { s.Root.Readonly = false }))
		id := kit.ID()
		end := background(t, r, b, id)
		if flags == nil {
			return nonZero(end().Stdout, "CapInh")
		}
		res := r.Exec(id, flags, "grep", "CapInh", "/proc/self/status")
		end()
		return nonZero(res.Stdout, "CapInh")
	}
}

// catchExec looks for the runtime from inside while it comes in by exec, many
// times: 10,000 in a soak.
func catchExec(kind string, more ...string) func(*testing.T, *kit.Runtime, *canary) string {
	return func(t *testing.T, r *kit.Runtime, c *canary) string {
		toy := strings.HasSuffix(r.Path, "/toy")
		leaked, err := os.Open(c.dir)
		kit.Must(t, err)
		defer leaked.Close()
		b := kit.NewBundle(t, kit.Shell("exec /bin/catcher > /tmp/out"), kit.With(func(s *specs.Spec) {
			s.Root.Readonly = false
			for _, set := range []*[]string{&s.Process.Capabilities.Bounding, &s.Process.Capabilities.Effective, &s.Process.Capabilities.Permitted} {
				*set = append(append(*set, "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH"), more...)
			}
		}))
		kit.Must(t, os.Link(kit.BuildC(t, "security/catcher", "catcher"), filepath.Join(b.Rootfs, "bin/catcher")))
		kit.Must(t, os.Symlink("/proc/self/exe", filepath.Join(b.Rootfs, "bin/self")))
		before := sum(t, r.Path)
		id := kit.ID()
		end := background(t, r, b, id)
		r.Extra, r.Timeout = []*os.File{leaked}, 10*time.Second
		rounds := 60
		switch {
		case toy:
			rounds = 40 // it is slow, and one would do: the first harm ends it
		case os.Getenv("STAVE_SOAK") != "":
			rounds = 5000
		}
		good := 0
		harmed := func() bool {
			out, _ := os.ReadFile(filepath.Join(b.Rootfs, "tmp/out"))
			return strings.Contains(string(out), "HARM "+kind)
		}
		for range rounds {
			if toy && harmed() {
				break
			}
			for _, target := range []string{"true", "/bin/self"} { // the second is the runtime itself
				c := r.Cmd("exec", id, target, "--version")
				if err := c.TryStart(t); err != nil { // ETXTBSY: someone has it open for writing
					end()
					return "the runtime cannot be executed any more: " + err.Error()
				}
				if res := c.Wait(); res.Code == 0 {
					good++
				}
			}
		}
		if good < rounds/2 && !toy { // else there was nothing to catch
			t.Errorf("of %d execs %d succeed", 2*rounds, good)
		}
		r.Extra = nil
		stop := filepath.Join(b.Rootfs, "tmp/stop")
		kit.Must(t, os.WriteFile(stop, nil, 0o644))
		kit.Eventually(10*time.Second, func() bool { s, _ := r.State(id); return s.Status != "running" })
		end()
		out, _ := os.ReadFile(filepath.Join(b.Rootfs, "tmp/out"))
		if sum(t, r.Path) != before && (kind == "wrote to the runtime" || !toy) {
			return "the binary of the runtime is changed"
		}
		for _, line := range strings.Split(string(out), "\n") {
			if strings.HasPrefix(line, "HARM "+kind) {
				return line
			}
		}
		t.Logf("%d execs: %s", 2*rounds, strings.TrimSpace(string(out)))
		return ""
	}
}

func manyMappings(t *testing.T, r *kit.Runtime, _ *canary) string {
	b := kit.NewBundle(t, kit.UserNamespace, kit.Args("cat", "/proc/self/uid_map"), kit.With(func(s *specs.Spec) {
		s.Linux.UIDMappings = nil
		for i := range uint32(4000) {
			s.Linux.UIDMappings = append(s.Linux.UIDMappings, specs.LinuxIDMapping{ContainerID: i * 2, HostID: 100000 + i*2, Size: 1})
		}
	}))
	res := run(r, b)
	if res.Code == 0 && strings.Count(res.Stdout, "\n") != 4000 {
		return "it runs with other mappings than asked for"
	}
	return ""
}

func cgroupWrite(t *testing.T, r *kit.Runtime, _ *canary) string {
	name := kit.ID()
	b := kit.NewBundle(t, kit.UserNamespace, kit.Shell("for d in /sys/fs/cgroup /sys/fs/cgroup/*; do mkdir $d/"+name+
		" 2>/dev/null && echo HARM $d; echo 1 2>/dev/null > $d/cgroup.procs && echo HARM $d/cgroup.procs; done; true"))
	res := run(r, b)
	if _, harm, ok := strings.Cut(res.Stdout, "HARM "); ok {
		return "writable: " + strings.ReplaceAll(strings.TrimSpace(harm), "\n", " ")
	}
	return ""
}

// leakedCwd holds directories of the host open as 3, 4, ... while it runs the
// runtime with each of them as the working directory.
func leakedCwd(inExec bool) func(*testing.T, *kit.Runtime, *canary) string {
	return func(t *testing.T, r *kit.Runtime, c *canary) string {
		for range 6 {
			f, err := os.Open(c.dir)
			kit.Must(t, err)
			defer f.Close()
			r.Extra = append(r.Extra, f)
		}
		defer func() { r.Extra = nil }()
		script := "cat ./canary-file ../*/canary-file 2>/dev/null; pwd"
		b := kit.NewBundle(t, kit.Shell(ready+"sleep 30"), kit.With(func(s *specs.Spec) { s.Root.Readonly = false }))
		id, end := kit.ID(), func() *kit.Result { return nil }
		if inExec {
			end = background(t, r, b, id)
		}
		defer func() { end() }()
		for fd := 3; fd < 12; fd++ {
			for _, tail := range []string{"", "/../../.."} {
				cwd := fmt.Sprintf("/proc/self/fd/%d%s", fd, tail)
				var res *kit.Result
				if inExec {
					res = r.Exec(id, []string{"--cwd", cwd}, "sh", "-c", script)
				} else {
					b.Spec.Process.Cwd, b.Spec.Process.Args = cwd, []string{"sh", "-c", script}
					b.Write(t)
					res = run(r, b)
				}
				if strings.Contains(res.Stdout, "secret") {
					return "cwd " + cwd + " reads the canary"
				}
			}
			if inExec && strings.HasSuffix(r.Path, "/toy") && fd > 5 {
				break
			}
		}
		return ""
	}
}

func hugepagePath(t *testing.T, r *kit.Runtime, _ *canary) string {
	b := kit.NewBundle(t, kit.Args("true"), kit.With(func(s *specs.Spec) {
		s.Linux.Resources.HugepageLimits = []specs.LinuxHugepageLimit{{Pagesize: "x/../../escaped", Limit: 1}}
	}))
	kit.Must(t, os.MkdirAll(filepath.Join(b.Dir, "cgroup/hugetlb.x"), 0o755))
	if res := run(r, b); res.Code == 0 {
		return "a page size with slashes is taken"
	}
	return ""
}

func cgroupUp(t *testing.T, r *kit.Runtime, _ *canary) string {
	name := kit.ID()
	b := kit.NewBundle(t, kit.Shell("cat /proc/self/cgroup"), kit.With(func(s *specs.Spec) { s.Linux.CgroupsPath = "../../" + name }))
	// A relative path is below the caller's own cgroup; two up is out of it.
	res := run(r, b)
	for _, dir := range []string{"/sys/fs/" + name, "/sys/fs/cgroup/" + name} {
		if _, err := os.Stat(dir); err == nil {
			_ = os.Remove(dir)
			return dir + " was made"
		}
	}
	t.Log(res)
	return ""
}

func idPath(t *testing.T, r *kit.Runtime, c *canary) string {
	b := kit.NewBundle(t, kit.Args("true"))
	up, err := filepath.Rel(r.Root, filepath.Join(c.dir, "state"))
	kit.Must(t, err)
	for _, id := range []string{up, "..", "a/b"} {
		c := r.Cmd("run", "--bundle", b.Dir, id)
		c.Start(t)
		if res := c.Wait(); res.Code == 0 {
			return fmt.Sprintf("the id %q is taken", id)
		}
	}
	return ""
}

func hookEnv(t *testing.T, r *kit.Runtime, _ *canary) string {
	b := kit.NewBundle(t, kit.Args("true"))
	out := filepath.Join(b.Dir, "hook-env")
	b.Spec.Process.Env = append(b.Spec.Process.Env, "LD_PRELOAD=/evil.so", "FROM_IMAGE=1")
	b.Spec.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "/usr/bin/env > " + out}, Env: []string{"MINE=1"}}}}
	b.Write(t)
	run(r, b)
	data, err := os.ReadFile(out)
	if err != nil || !strings.Contains(string(data), "MINE=1") {
		return "the hook did not run: " + string(data)
	}
	if strings.Contains(string(data), "FROM_IMAGE") || strings.Contains(string(data), "LD_PRELOAD") {
		return "the hook has the image's environment"
	}
	return ""
}

// consoleSocket takes one terminal and sends what is read from it.
func consoleSocket(t *testing.T) (path string, sent <-chan string, done func()) {
	t.Helper()
	path = filepath.Join(kit.Dir(t), "console.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	kit.Must(t, err)
	read, ended := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(ended)
		_ = l.SetDeadline(time.Now().Add(10 * time.Second))
		text := ""
		defer func() { read <- text }()
		conn, err := l.AcceptUnix()
		if err != nil {
			return
		}
		defer conn.Close()
		oob := make([]byte, 256)
		_, n, _, _, err := conn.ReadMsgUnix(make([]byte, 4096), oob)
		if err != nil {
			return
		}
		msgs, _ := unix.ParseSocketControlMessage(oob[:n])
		for _, m := range msgs {
			fds, _ := unix.ParseUnixRights(&m)
			for _, fd := range fds {
				_ = unix.SetNonblock(fd, true)
				f := os.NewFile(uintptr(fd), "terminal")
				_ = f.SetReadDeadline(time.Now().Add(3 * time.Second))
				buf := make([]byte, 4096)
				for !strings.Contains(text, "MAJOR") || !strings.Contains(text, "\n") {
					n, err := f.Read(buf)
					if err != nil {
						break
					}
					text += string(buf[:n])
				}
				f.Close()
			}
		}
	}()
	return path, read, func() { l.Close(); <-ended }
}

// The default spec hides what leaks power and temperature (GHSA-7ww5-4wqc-m92c),
// and the container that has it does not see it.
func TestDefaultMasks(t *testing.T) {
	kit.Begin(t)
	if missing := unmasked(t, kit.NewRuntime(t, buildToy(t))); len(missing) == 0 {
		t.Error("the toy, whose default masks nothing, is found to mask it all")
	}
	if missing := unmasked(t, kit.Subject(t)); len(missing) > 0 {
		t.Errorf("not masked: %v", missing)
	}
}

// unmasked lists what the default spec of a runtime should hide and does not.
func unmasked(t *testing.T, r *kit.Runtime) (missing []string) {
	t.Helper()
	dir := kit.Dir(t)
	if res := r.Do("spec", "--bundle", dir); res.Code != 0 {
		t.Fatal(res)
	}
	data, err := os.ReadFile(filepath.Join(dir, "config.json"))
	kit.Must(t, err)
	var s specs.Spec
	kit.Must(t, json.Unmarshal(data, &s))
	for _, path := range []string{"/sys/devices/virtual/powercap", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/scsi", "/sys/firmware"} {
		if !slices.Contains(s.Linux.MaskedPaths, path) {
			missing = append(missing, path+": not in the list")
		}
	}
	return missing
}

// What maskedPaths names cannot be read, listed or written from inside; the
// control is the same container without them.
func TestMaskedPathsHide(t *testing.T) {
	kit.Begin(t)
	r := kit.Subject(t)
	var files, dirs []string
	for _, path := range []string{"/proc/version", "/proc/uptime", "/proc/sys/kernel/ostype", "/proc/keys", "/proc/kallsyms"} {
		if data, err := os.ReadFile(path); err == nil && len(data) > 0 {
			files = append(files, path)
		}
	}
	for _, path := range []string{"/proc/sys/net", "/sys/kernel", "/proc/fs"} {
		if list, err := os.ReadDir(path); err == nil && len(list) > 0 {
			dirs = append(dirs, path)
		}
	}
	script := "for f in " + strings.Join(files, " ") + "; do [ -n \"$(head -c 1 $f)\" ] && echo READ $f; [ -c $f ] || echo OTHER $f; done; " +
		"for d in " + strings.Join(dirs, " ") + "; do [ -n \"$(ls $d)\" ] && echo LIST $d; mkdir $d/x 2>/dev/null && echo MADE $d; done; true"
	hidden := func(paths []string) string {
		b := kit.NewBundle(t, kit.Shell(script), kit.With(func(s *specs.Spec) { s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = paths, nil }))
		res := run(r, b)
		if res.Code != 0 {
			t.Error(res)
		}
		return res.Stdout
	}
	if seen := hidden(nil); strings.Count(seen, "READ") != len(files) || strings.Count(seen, "LIST") != len(dirs) {
		t.Errorf("without masks not all is seen: %s", seen)
	}
	if seen := hidden(append(files, dirs...)); seen != "" {
		t.Errorf("behind its mask: %s", seen)
	}
}
