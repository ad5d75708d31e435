package quick

import (
	"encoding/json"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	rspec "github.com/opencontainers/runtime-spec/specs-go"

	"stave/cmd/stave/cli"
	"stave/specs"
)

// argv lays strings out as execve(2) does: arguments, a null, the environment, a null.
func argv(args, env []string) (vector, *[]*byte) {
	var at []*byte
	for _, list := range [][]string{args, env} {
		for _, s := range list {
			b := append([]byte(s), 0)
			at = append(at, &b[0])
		}
		at = append(at, nil)
	}
	return vector{&at[0]}, &at
}

func parse(args, env []string) (c call, ok bool) {
	v, keep := argv(append([]string{"stave"}, args...), env)
	ok = c.parse(v)
	runtime.KeepAlive(keep)
	return c, ok
}

var verbs = map[int]string{verbState: "state", verbKill: "kill", verbStart: "start", verbDelete: "delete"}

// agree wants what is accepted to mean what it means to package cli.
func agree(t *testing.T, args, env []string) bool {
	t.Helper()
	c, ok := parse(args, env)
	if !ok {
		return false
	}
	inv, err := cli.Parse(args)
	if err != nil || inv.Help || inv.Version || inv.Command == nil {
		t.Fatalf("%q is accepted, and is none: %v", args, err)
	}
	if verbs[c.verb] != inv.Command.Name {
		t.Errorf("%q: verb %d, want %s", args, c.verb, inv.Command.Name)
	}
	if root := inv.Global.String("root"); string(c.root) != root {
		t.Errorf("%q: root %q, want %q", args, c.root, root)
	}
	if log := inv.Global.String("log"); string(c.log) != log {
		t.Errorf("%q: log %q, want %q", args, c.log, log)
	}
	if f := inv.Global.String("log-format"); f != "text" && f != "json" {
		t.Errorf("%q: log format %q", args, f)
	}
	if inv.Global.Bool("debug") {
		t.Errorf("%q: without messages for --debug", args)
	}
	if string(c.id) != inv.Args[0] || specs.CheckID(inv.Args[0]) != nil {
		t.Errorf("%q: id %q, want %q", args, c.id, inv.Args[0])
	}
	if c.verb == verbKill {
		name := "SIGTERM"
		if len(inv.Args) > 1 {
			name = inv.Args[1]
		}
		if sig, err := cli.ParseSignal(name); err != nil || int(sig) != c.signal {
			t.Errorf("%q: signal %d, want %d %v", args, c.signal, sig, err)
		}
	}
	return true
}

func TestCommandLine(t *testing.T) {
	for _, row := range []struct {
		line, env string
		taken     bool
	}{
		{"state a", "", true},
		{"--root /r state a", "", true},
		{"--root=/r --log /l --log-format json state a", "XDG_RUNTIME_DIR=/x", true},
		{"--root /r --root /s --log= state a", "", true},
		{"--systemd-cgroup --root r kill a 9", "", true},
		{"kill a", "", true},
		{"kill --all a SIGKILL", "", true},
		{"kill a KILL -a", "", true},
		{"kill a 0", "", true},
		{"kill a 64", "", true},
		{"start a", "HOME=/", true},
		{"delete a", "", true},
		{"delete -f a", "NOTIFY_SOCKET=/n", true},
		{"delete a --force", "NOTIFY_SOCKET=", true},
		{"start a", "NOTIFY_SOCKET=/n", false},
		{"state a", "XDG_RUNTIME_DIR=/x", false},
		{"state", "", false},
		{"", "", false},
		{"state a b", "", false},
		{"state -h a", "", false},
		{"state .a", "", false},
		{"state a/b", "", false},
		{"--debug state a", "", false},
		{"--log-format xml state a", "", false},
		{"--root", "", false},
		{"--root /r", "", false},
		{"--root= state a", "", false},
		{"kill a -9", "", false},
		{"kill a 65", "", false},
		{"kill a 09", "", false},
		{"kill a 9 9", "", false},
		{"kill a sigkill", "", false},
		{"delete a b", "", false},
		{"delete -- a", "", false},
		{"run a", "", false},
		{"list", "", false},
	} {
		if got := agree(t, strings.Fields(row.line), strings.Fields(row.env)); got != row.taken {
			t.Errorf("%q with %q: taken %v, want %v", row.line, row.env, got, row.taken)
		}
	}
	for n := range 70 {
		agree(t, []string{"kill", "a", strconv.Itoa(n)}, nil)
	}
	for _, name := range strings.Fields("HUP INT QUIT ILL TRAP ABRT IOT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO POLL PWR SYS RTMIN RTMIN+3 RTMAX") {
		agree(t, []string{"kill", "a", name}, nil)
		agree(t, []string{"kill", "a", "SIG" + name}, nil)
	}
	for _, args := range [][]string{{"state", ""}, {"", "state", "a"}, {"--root", "", "state", "a"}, {"state", strings.Repeat("a", 300)}, {"kill", "a", ""}} {
		if agree(t, args, nil) {
			t.Errorf("%q is taken", args)
		}
	}
}

func FuzzCommandLine(f *testing.F) {
	f.Add("--root\n/r\nkill\na\nTERM", "NOTIFY_SOCKET=x")
	f.Add("--log=l\ndelete\n-f\na", "XDG_RUNTIME_DIR=")
	f.Fuzz(func(t *testing.T, args, env string) {
		if strings.Contains(args+env, "\x00") {
			return // no argument has one
		}
		agree(t, strings.Split(args, "\n"), strings.Split(env, "\n"))
	})
}

// same wants a member of the text to be what encoding/json finds there.
func same(t *testing.T, name string, got []byte, want any) {
	t.Helper()
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(text) {
		t.Errorf("%s: %s, want %s", name, got, text)
	}
}

func TestRecord(t *testing.T) {
	rec := &specs.Record{Version: 1, OCIVersion: "1.3.0", ID: "a", Bundle: "/b \"x\"\n<&>\u2028\\", Rootfs: "/r\xff", Created: "2026-01-01T00:00:00Z",
		Phase: specs.PhaseCreated, BootID: "boot", PID: 7, StartTime: 123456789, CgroupDirs: []string{"/c/a", "/d/a"}, CgroupPlaces: []string{"1:freezer:/c", "2::/d"},
		CgroupOwned: []string{"/c"}, Annotations: map[string]string{"z": "{\"k\": [1, \"]\"]}", "a": ""},
		Namespaces: []rspec.LinuxNamespace{{Type: "pid"}, {Type: "network", Path: "/proc/1/ns/net"}},
		Hooks:      &rspec.Hooks{Poststop: []rspec.Hook{{Path: "/h"}}}, Process: &rspec.Process{Args: []string{"a", "}"}, Cwd: "/"}}
	var r record
	text := specs.AppendRecord(nil, rec)
	if !r.read(text) {
		t.Fatalf("not read: %s", text)
	}
	same(t, "version", r.version, rec.Version)
	same(t, "ociVersion", r.ociVersion, rec.OCIVersion)
	same(t, "id", r.id, rec.ID)
	same(t, "bundle", r.bundle, rec.Bundle)
	same(t, "rootfs", r.rootfs, rec.Rootfs)
	same(t, "created", r.created, rec.Created)
	same(t, "phase", r.phase, rec.Phase)
	same(t, "bootID", r.bootID, rec.BootID)
	same(t, "pid", r.pid, rec.PID)
	same(t, "startTime", r.startTime, rec.StartTime)
	same(t, "cgroupDirs", r.cgroupDirs, rec.CgroupDirs)
	same(t, "cgroupPlaces", r.cgroupPlaces, rec.CgroupPlaces)
	same(t, "cgroupOwned", r.cgroupOwned, rec.CgroupOwned)
	same(t, "annotations", r.annotations, rec.Annotations)
	same(t, "namespaces", r.namespaces, rec.Namespaces)
	same(t, "hooks", r.hooks, rec.Hooks)
	if len(r.process) == 0 || !json.Valid(r.process) {
		t.Errorf("process: %s", r.process)
	}
	for n := range text {
		var cut record
		if cut.read(text[:n]) {
			t.Errorf("a record without its end is read: %s", text[:n])
		}
	}
}

// Whatever lies there: it is read without a step beyond it, and what is read is
// the value that encoding/json finds.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"version":1,"id":"a","cgroupDirs":["/a","/b"],"annotations":{"a":"\"}"},"pid":12}`))
	f.Add([]byte(`{"hooks":{"poststop":[{"path":"/x"}]},"process":{},"namespaces":[{"type":"pid"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var r record
		if !r.read(text) {
			return
		}
		for _, list := range [][]byte{r.cgroupDirs, r.cgroupPlaces, r.namespaces, r.annotations} {
			n := 0
			for i := 1; i > 0 && len(list) > 2; n++ {
				_, i = next(list, i)
			}
			if n != count(list) {
				t.Errorf("%s: %d and %d elements", list, n, count(list))
			}
		}
		k := container{dir: -1, pidfd: -1, rec: r}
		k.ownPIDNamespace()
		placeOf(r.cgroupDirs, r.cgroupPlaces)
		var all map[string]json.RawMessage
		if json.Unmarshal(text, &all) != nil {
			return
		}
		for name, got := range map[string][]byte{"id": r.id, "pid": r.pid, "hooks": r.hooks, "cgroupDirs": r.cgroupDirs} {
			if want, ok := all[name]; ok && string(want) != string(got) {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
	})
}

func TestStatTime(t *testing.T) {
	tail := " 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 987654321 23 24\n"
	for text, want := range map[string]uint64{
		"1 (sh) S" + tail:                       987654321,
		"1 (a) b) Z (c) R" + tail:               987654321,
		"1 (sh) Z" + tail:                       0,
		"1 (sh) X" + tail:                       0,
		"":                                      0,
		"1 (sh)":                                0,
		"1 (sh) S 4 5":                          0,
		"1 (sh) S" + strings.Repeat(" x", 30):   0,
		strings.Repeat(")", 30):                 0,
		"1 (sh) S" + tail[:len(tail)-len("\n")]: 987654321,
	} {
		if got := statTime([]byte(text)); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

func TestPlace(t *testing.T) {
	for _, row := range []struct {
		dir, where string
		ok, v2     bool
		controller string
	}{
		{`"/sys/fs/cgroup/freezer/a"`, `"1:freezer:/sys/fs/cgroup/freezer"`, true, false, "freezer"},
		{`"/c/a/b"`, `"1:cpu,cpuacct:/c"`, true, false, "cpuacct"},
		{`"/c/a"`, `"2::/c"`, true, true, ""},
		{`"/c/a"`, `"2:cpu pids:/c"`, true, true, "cpu pids"},
		{`"/c"`, `"2::/c"`, false, false, ""},
		{`"/ca"`, `"2::/c"`, false, false, ""},
		{`"/c/../a"`, `"2::/c"`, false, false, ""},
		{`"/c//a"`, `"2::/c"`, false, false, ""},
		{`"/c/a/"`, `"2::/c"`, false, false, ""},
		{`"/c/./a"`, `"2::/c"`, false, false, ""},
		{`"c/a"`, `"2::c"`, false, false, ""},
		{`"/a"`, `"2::/"`, false, false, ""},
		{`"/c/a"`, `"3::/c"`, false, false, ""},
		{`"/c/a"`, `"2:/c"`, false, false, ""},
		{`"/c/a"`, `""`, false, false, ""},
		{`"/c/\u0061"`, `"2::/c"`, false, false, ""},
	} {
		p, ok := placeOf([]byte(row.dir), []byte(row.where))
		if ok != row.ok || ok && (p.v2 != row.v2 || !listed(p.controllers, row.controller)) {
			t.Errorf("%s of %s: %v %v %q", row.dir, row.where, ok, p.v2, p.controllers)
		}
	}
}

// Before the runtime of Go begins there is no heap.
func TestNothingIsAllocated(t *testing.T) {
	text := specs.AppendRecord(nil, &specs.Record{Version: 1, ID: "none", Namespaces: []rspec.LinuxNamespace{{Type: "pid"}}})
	v, keep := argv([]string{"stave", "--root", "/nonexistent", "--log-format", "json", "kill", "none", "SIGTERM"}, []string{"A=1"})
	pid := uint64(syscall.Getpid())
	var scratch [1024]byte
	if n := testing.AllocsPerRun(100, func() {
		begin(unsafe.Add(unsafe.Pointer(v.at), -int(unsafe.Sizeof(uintptr(0)))))
		k := container{dir: -1, pidfd: -1}
		if !k.rec.read(text) || !k.ownPIDNamespace() {
			t.Fatal("the record is not read")
		}
		if n, there, ok := small(statPath(pid), scratch[:]); !ok || !there || statTime(scratch[:n]) == 0 {
			t.Fatal("no start time")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	runtime.KeepAlive(keep)
}
