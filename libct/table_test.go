package libct

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/specs"
)

func TestSearchPath(t *testing.T) {
	for _, c := range []struct {
		name string
		env  []string
		want string
	}{
		{"/bin/x", nil, "/bin/x"},
		{"./x", []string{"PATH=/bin"}, "./x"},
		{"a/b", []string{"PATH=/bin"}, "a/b"},
		{"x", []string{"PATH=/a:/b"}, "/a/x /b/x"},
		{"x", []string{"PATH=/a", "PATH=/b"}, "/b/x"},
		{"x", []string{"PATH=/a/:rel::.:/b"}, "/a/x /b/x"},
		{"x", []string{"PATH="}, "/x"},
		{"x", []string{"PATH=rel"}, "/x"},
		{"x", []string{"PATH=/"}, "/x"},
		{"x", []string{"XPATH=/no"}, "/usr/local/sbin/x /usr/local/bin/x /usr/sbin/x /usr/bin/x /sbin/x /bin/x"},
	} {
		got := strings.Join(searchPath(&rspec.Process{Args: []string{c.name}, Env: c.env}), " ")
		if got != c.want {
			t.Errorf("%s in %v: %s, not %s", c.name, c.env, got, c.want)
		}
	}
}

func TestEnvironment(t *testing.T) {
	for _, c := range []struct {
		env    []string
		listen int
		want   string
	}{
		{nil, 0, "HOME=/h"},
		{[]string{"A=1", "B=2"}, 0, "A=1 B=2 HOME=/h"},
		{[]string{"A=1", "B=2", "A=3"}, 0, "B=2 A=3 HOME=/h"},
		{[]string{"A=1", "AB=2"}, 0, "A=1 AB=2 HOME=/h"},
		{[]string{"HOME=/x"}, 0, "HOME=/x"},
		{[]string{"HOME="}, 0, "HOME=/h"},
		{[]string{"HOME=", "HOME=/y"}, 0, "HOME=/y"},
		{[]string{"HOME=/y", "HOME="}, 0, "HOME=/h"},
		{[]string{"A="}, 0, "A= HOME=/h"},
		{[]string{"A=1=2", "A=3=4"}, 0, "A=3=4 HOME=/h"},
		{[]string{"LISTEN_FDS=9", "LISTEN_PID=9"}, 0, "LISTEN_FDS=9 LISTEN_PID=9 HOME=/h"},
		{[]string{"LISTEN_FDS=9", "LISTEN_PID=9"}, 2, "LISTEN_FDS=2 LISTEN_PID=1 HOME=/h"},
	} {
		b := &builder{host: &Host{Home: "/h"}, req: &Request{ListenFDs: c.listen}}
		if got := strings.Join(b.environment(&rspec.Process{Env: c.env}), " "); got != c.want {
			t.Errorf("%v: %s, not %s", c.env, got, c.want)
		}
	}
}

func TestCPUMask(t *testing.T) {
	for _, c := range []struct {
		list string
		want []int // nil: refused
	}{
		{"0", []int{0}}, {"0-3", []int{0, 1, 2, 3}}, {"1,3, 5", []int{1, 3, 5}}, {"7-7", []int{7}}, {"2-3,0", []int{0, 2, 3}},
		{"8191", []int{8191}}, {"1024", []int{1024}},
		{"", nil}, {",", nil}, {"1,", nil}, {"a", nil}, {"-1", nil}, {"3-1", nil}, {"1-", nil}, {"8192", nil}, {"1-2-3", nil},
		{"99999999999999999999", nil}, {"0x1", nil}, {"1;2", nil},
	} {
		mask, ok := cpuMask(c.list)
		var got []int
		for i := range len(mask) * 8 {
			if mask[i/8]>>(i%8)&1 == 1 {
				got = append(got, i)
			}
		}
		if ok != (c.want != nil) || ok && !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: %v %v, not %v", c.list, got, ok, c.want)
		}
	}
}

func TestPasswdHome(t *testing.T) {
	const file = "root:x:0:0:root:/root:/bin/sh\nodd:x:1:1\nrel:x:2:2:a:home:/bin/sh\nlast:x:4294967295:3::/last:/bin/sh\n" +
		"a:x:5:5:::/bin/sh\n#c:x:6:6::/c:\n\nfirst:x:7:7::/first:x\nsecond:x:7:7::/second:x\nnoshell:x:8:8::/noshell\nplus:x:+9:9::/plus:\nend:x:10:10::/end:/bin/sh"
	for uid, want := range map[uint32]string{0: "/root", 1: "/", 2: "/", 4294967295: "/last", 5: "/", 6: "/c", 7: "/first", 8: "/noshell", 9: "/", 10: "/end", 11: "/"} {
		if got := passwdHome(file, uid); got != want {
			t.Errorf("%d: %s, not %s", uid, got, want)
		}
	}
	for _, odd := range []string{"", "\n", ":", "::::::", "x:x:0:0::/\x00:"} {
		passwdHome(odd, 0)
	}
}

func TestContextLog(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "e tmpfs: Bad value for 'size'\n": "tmpfs: Bad value for 'size'", "e a\nw b\n": "a; b", "e a\x00e b": "a",
		"plain\n": "plain", "\n\n": "", "i ": "i ",
	} {
		if got := contextLog([]byte(in)); got != want {
			t.Errorf("%q: %q, not %q", in, got, want)
		}
	}
	full := make([]byte, 480)
	for i := range full {
		full[i] = 'x'
	}
	if contextLog(full) == "" {
		t.Error("a full log is nothing")
	}
}

func TestMountOf(t *testing.T) {
	mounts := []rspec.Mount{
		{Destination: "/proc", Type: "proc"},
		{Destination: "/opt/", Source: "src", Options: []string{"bind", "noexec"}},
		{Destination: "/opt/in", Source: "/abs", Options: []string{"rbind", "noexec", "exec"}},
		{Destination: "/tmp", Type: "tmpfs", Options: []string{"rnoexec"}},
		{Destination: "/same", Type: "tmpfs"},
		{Destination: "/same", Source: "/later", Options: []string{"bind"}},
	}
	for _, c := range []struct {
		path, base, rest string
		noexec           bool
	}{
		{"/bin/x", "", "/bin/x", false},
		{"/proc/x", "?", "", false},
		{"/process", "", "/process", false},
		{"/opt/x", "/b/src", "/x", true},
		{"/opt/in/x", "/abs", "/x", false},
		{"/opt/inner", "/b/src", "/inner", true},
		{"/tmp/x", "?", "", true},
		{"/same/x", "/later", "/x", false},
	} {
		base, rest, noexec := mountOf(c.path, "/b", mounts)
		if base != c.base || base != "?" && rest != c.rest || noexec != c.noexec {
			t.Errorf("%s: %q %q %v", c.path, base, rest, noexec)
		}
	}
}

func TestPaths(t *testing.T) {
	for in, want := range map[string]string{
		"/": ".", "": ".", "/proc/": "proc", "proc": "proc", "/a/../../b": "b", "//a//b/.": "a/b", "..": ".", "/a b": "a b",
	} {
		if got := relative(in); got != want {
			t.Errorf("relative %q: %q, not %q", in, got, want)
		}
	}
	for in, want := range map[string][2]string{
		"/a/b": {"/a/", "b"}, "b": {"", "b"}, "/b": {"/", "b"}, "a/": {"a/", ""}, "": {"", ""},
	} {
		if dir, name := splitPath(in); dir != want[0] || name != want[1] {
			t.Errorf("splitPath %q: %q %q", in, dir, name)
		}
	}
	for in, want := range map[string]string{"": "", "net.ipv4": "net.ipv4", "a/b~c": "a~1b~0c", "~1": "~01", "/": "~1"} {
		if got := escapePointer(in); got != want {
			t.Errorf("escapePointer %q: %q", in, got)
		}
	}
	if got := pointer("/mounts", 12); got != "/mounts/12" {
		t.Error(got)
	}
	for in, want := range map[string]string{"rootfs": "/b/rootfs", "/x/../y": "/y", "../z": "/z", ".": "/b"} {
		if got := absolute("/b", in); got != want {
			t.Errorf("absolute %q: %q, not %q", in, got, want)
		}
	}
}

func TestCapSet(t *testing.T) {
	b := &builder{Plan: &Plan{}, host: &Host{Caps: 1<<0 | 1<<40}}
	if got := b.capSet([]string{"CAP_CHOWN", "CAP_CHECKPOINT_RESTORE", "CAP_CHOWN"}, "bounding"); got != 1|1<<40 || b.Warnings != nil {
		t.Errorf("%#x %v", got, b.Warnings)
	}
	if got := b.capSet([]string{"CAP_KILL", "CAP_OF_TOMORROW"}, "bounding"); got != 0 || len(b.Warnings) != 1 || !strings.Contains(b.Warnings[0], "CAP_KILL of the bounding set") {
		t.Errorf("%#x %v", got, b.Warnings)
	}
	if got := b.capSet(nil, "x"); got != 0 {
		t.Error(got)
	}
	// The names stand at the numbers of the kernel's header.
	for name, bit := range map[string]int{"CAP_CHOWN": 0, "CAP_SETPCAP": unix.CAP_SETPCAP, "CAP_SYS_ADMIN": unix.CAP_SYS_ADMIN, "CAP_SETFCAP": unix.CAP_SETFCAP,
		"CAP_AUDIT_READ": unix.CAP_AUDIT_READ, "CAP_PERFMON": unix.CAP_PERFMON, "CAP_BPF": unix.CAP_BPF, "CAP_CHECKPOINT_RESTORE": unix.CAP_CHECKPOINT_RESTORE} {
		if capNames[bit] != name {
			t.Errorf("%d is %s, not %s", bit, capNames[bit], name)
		}
	}
	if len(capNames) != unix.CAP_LAST_CAP+1 {
		t.Errorf("the header has %d capabilities, we know %d", unix.CAP_LAST_CAP+1, len(capNames))
	}
}

func TestRlimitNames(t *testing.T) {
	for name, nr := range map[string]int{"RLIMIT_CPU": unix.RLIMIT_CPU, "RLIMIT_CORE": unix.RLIMIT_CORE, "RLIMIT_NPROC": unix.RLIMIT_NPROC, "RLIMIT_NOFILE": unix.RLIMIT_NOFILE,
		"RLIMIT_AS": unix.RLIMIT_AS, "RLIMIT_MEMLOCK": unix.RLIMIT_MEMLOCK, "RLIMIT_MSGQUEUE": unix.RLIMIT_MSGQUEUE, "RLIMIT_RTTIME": unix.RLIMIT_RTTIME} {
		if rlimitNames[nr] != name {
			t.Errorf("%d is %s, not %s", nr, rlimitNames[nr], name)
		}
	}
}

// elf makes the beginning of an ELF file with one PT_LOAD and one PT_INTERP.
func elf(machine uint16, interp string) []byte {
	b := make([]byte, 64+2*56)
	copy(b, "\x7fELF\x02\x01\x01")
	le := binary.LittleEndian
	le.PutUint16(b[18:], machine)
	le.PutUint64(b[32:], 64)
	le.PutUint16(b[54:], 56)
	le.PutUint16(b[56:], 2)
	le.PutUint32(b[64:], 1)
	le.PutUint32(b[120:], 3)
	le.PutUint64(b[120+8:], uint64(len(b)))
	le.PutUint64(b[120+32:], uint64(len(interp)+1))
	return append(append(b, interp...), 0)
}

func TestElfInterpreter(t *testing.T) {
	try := func(data []byte) string {
		name := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		return elfInterpreter(int(f.Fd()), data[:min(len(data), 256)])
	}
	good := elf(62, "/lib/ld.so")
	if got := try(good); got != "/lib/ld.so" {
		t.Errorf("%q", got)
	}
	change := func(at int, b ...byte) []byte {
		c := append([]byte(nil), good...)
		copy(c[at:], b)
		return c
	}
	for what, data := range map[string][]byte{
		"32 bits": change(4, 1), "big-endian": change(5, 2), "cut": good[:100], "short": good[:63], "no interpreter": change(120, 1),
		"too many headers": change(56, 0xff, 0xff), "headers far away": change(38, 1), "small headers": change(54, 8), "size 0": change(120+32, 0),
		"size huge": change(120+38, 1), "offset beyond the end": change(120+8, 0xff, 0xff), "offset negative": change(120+15, 0xff), "none": change(56, 0),
	} {
		if got := try(data); got != "" {
			t.Errorf("%s: %q", what, got)
		}
	}
	for i := range good { // nothing that a byte can do makes it panic
		c := append([]byte(nil), good...)
		c[i] ^= 0xff
		try(c)
	}
	if got := elfMachine(elf(183, "")); got != "arm64" {
		t.Error(got)
	}
	if got := elfMachine(elf(999, "")); got != "machine 999" {
		t.Error(got)
	}
	big := elf(0, "")
	big[5], big[19] = 2, 8
	if got := elfMachine(big); got != "mips" {
		t.Error(got)
	}
}

// What explainExec says of files in a rootfs.
func TestExplainExec(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string, mode os.FileMode) {
		p := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("bin/sh", "x", 0o755)
	write("bin/plain", "hello", 0o755)
	write("bin/data", "hello", 0o644)
	write("bin/empty", "", 0o755)
	write("bin/crlf", "#!/bin/sh\r\necho\r\n", 0o755)
	write("bin/bare", "#!\n", 0o755)
	write("bin/onlybang", "#!", 0o755)
	write("bin/gone", "#! /bin/absent -x\n", 0o755)
	write("bin/closed", "#!/bin/data\n", 0o755)
	write("bin/arm", string(elf(183, "/lib/ld")), 0o755)
	write("bin/dyn", string(elf(62, "/lib/ld-absent.so")), 0o755)
	write("bin/dir/x", "", 0o755)
	if err := os.Symlink("/bin/gone", filepath.Join(root, "bin/link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../../../../../../etc/passwd", filepath.Join(root, "bin/out")); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(root, "bin/fifo"), 0o755); err != nil {
		t.Fatal(err)
	}
	env := []string{"PATH=/sbin:/bin"}
	for _, c := range []struct {
		arg   string
		errno unix.Errno
		path  string
		want  string // part of the problem; empty: nothing is said
	}{
		{"/bin/crlf", unix.ENOENT, "/bin/crlf", "carriage return"},
		{"crlf", unix.ENOENT, "/bin/crlf", "carriage return"},
		{"/bin/bare", unix.ENOEXEC, "/bin/bare", "no interpreter"},
		{"/bin/onlybang", unix.ENOEXEC, "/bin/onlybang", "no interpreter"},
		{"/bin/gone", unix.ENOENT, "/bin/gone", "/bin/absent is missing"},
		{"/bin/link", unix.ENOENT, "/bin/link", "/bin/absent is missing"},
		{"/bin/closed", unix.EACCES, "/bin/closed", "/bin/data is not executable"},
		{"/bin/data", unix.EACCES, "/bin/data", "chmod +x"},
		{"/bin/plain", unix.ENOEXEC, "/bin/plain", "neither an ELF"},
		{"/bin/empty", unix.ENOEXEC, "/bin/empty", "neither an ELF"},
		{"/bin/arm", unix.ENOEXEC, "/bin/arm", "it is for arm64"},
		{"/bin/dyn", unix.ENOENT, "/bin/dyn", "/lib/ld-absent.so is missing"},
		{"/bin/dir", unix.EACCES, "/bin/dir", "it is a directory"},
		{"/bin/fifo", unix.EACCES, "/bin/fifo", "not a regular file"},
		{"/bin/out", unix.ENOENT, "/bin/out", "no such file"}, // resolved in the root, where there is no /etc/passwd
		{"/no", unix.ENOENT, "/no", "no such file"},
		{"no", unix.ENOENT, "no", "$PATH"},
		{"/bin/sh", unix.ENOMEM, "/bin/sh", ""},
	} {
		e := &specs.Error{Errno: c.errno}
		explainExec(e, root, "/b", nil, &rspec.Process{Args: []string{c.arg}, Env: env})
		if !strings.Contains(e.Problem, c.want) || c.want == "" && e.Problem != "" || e.Path != c.path {
			t.Errorf("%s %v: %q %q", c.arg, c.errno, e.Path, e.Problem)
		}
	}
	// On a mount it is the mount that is looked at.
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "p"), []byte("#!/x/y\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	mounts := []rspec.Mount{{Destination: "/opt", Source: other, Options: []string{"bind"}}, {Destination: "/tmp", Type: "tmpfs", Options: []string{"noexec"}}}
	for arg, want := range map[string]string{"/opt/p": "/x/y is missing", "/tmp/p": "noexec"} {
		e := &specs.Error{Errno: unix.EACCES}
		explainExec(e, root, "/b", mounts, &rspec.Process{Args: []string{arg}})
		if !strings.Contains(e.Problem, want) {
			t.Errorf("%s: %q", arg, e.Problem)
		}
	}
	// Nothing to look at is no reason to fail.
	explainExec(&specs.Error{}, "/nowhere", "/b", nil, nil)
	explainExec(&specs.Error{}, "/nowhere", "/b", nil, &rspec.Process{})
	explainExec(&specs.Error{}, "/nowhere", "/b", nil, &rspec.Process{Args: []string{"x"}})
	for errno, want := range map[unix.Errno]int{unix.ENOENT: 127, unix.ENOTDIR: 127, unix.EACCES: 126, unix.ENOEXEC: 126} {
		if got := ExecExit(&specs.Error{Errno: errno}); got != want {
			t.Errorf("%v: %d", errno, got)
		}
	}
}
