package seccomp

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/specs"
)

// A profile of the size and kind that engines ship.
//
//go:embed testdata/profile.json
var realistic []byte

func realisticProfile(t testing.TB) *rspec.LinuxSeccomp {
	t.Helper()
	var s rspec.LinuxSeccomp
	if err := json.Unmarshal(realistic, &s); err != nil {
		t.Fatal(err)
	}
	return &s
}

// The calls that the child tries, and what a kernel without a filter says.
var attempts = []struct {
	name string
	nr   uintptr
	args [6]uintptr
	want syscall.Errno // under the realistic profile
	free syscall.Errno // without it
}{
	{"getppid", unix.SYS_GETPPID, [6]uintptr{}, 0, 0},
	{"personality of now", unix.SYS_PERSONALITY, [6]uintptr{0xffffffff}, 0, 0},
	{"personality with a bit", unix.SYS_PERSONALITY, [6]uintptr{0x40000}, unix.EPERM, 0},
	{"socket AF_UNIX", unix.SYS_SOCKET, [6]uintptr{unix.AF_UNIX, 99}, unix.EINVAL, unix.EINVAL},
	{"socket AF_VSOCK", unix.SYS_SOCKET, [6]uintptr{unix.AF_VSOCK, 99}, unix.EPERM, unix.EINVAL},
	{"mount", unix.SYS_MOUNT, [6]uintptr{1, 1}, unix.EPERM, unix.EFAULT},
	{"clone into a user namespace", unix.SYS_CLONE, [6]uintptr{unix.CLONE_NEWUSER | unix.CLONE_SIGHAND}, unix.EPERM, unix.EINVAL},
	{"clone3", unix.SYS_CLONE3, [6]uintptr{}, unix.ENOSYS, unix.EINVAL},
	{"ptrace without a tracer", unix.SYS_PTRACE, [6]uintptr{unix.PTRACE_ATTACH, 0}, unix.ENOSYS, unix.ESRCH},
	{"keyctl", unix.SYS_KEYCTL, [6]uintptr{999}, unix.ENOSYS, unix.EOPNOTSUPP},
	{"a call of the future", 1000, [6]uintptr{}, unix.ENOSYS, unix.ENOSYS},
}

const childEnv = "SECCOMP_TEST_CHILD"

func TestMain(m *testing.M) {
	if job := os.Getenv(childEnv); job != "" {
		child(job)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child runs in a process of its own, under a filter or, as a control, without.
func child(job string) {
	runtime.LockOSThread()
	if job == "first" {
		s := realisticProfile(&testing.B{})
		start := time.Now()
		if _, err := Compile(s, Host{Arch: runtime.GOARCH}); err != nil {
			fmt.Println(err)
		}
		fmt.Println(time.Since(start).Nanoseconds())
		return
	}
	if job != "free" {
		s := realisticProfile(&testing.B{})
		f, err := Compile(s, Host{Arch: runtime.GOARCH})
		if err != nil {
			fmt.Println(err)
			os.Exit(3)
		}
		if errno := load(f, unix.SECCOMP_FILTER_FLAG_TSYNC); errno != 0 {
			fmt.Println("load:", errno)
			os.Exit(3)
		}
	}
	switch job {
	case "kill":
		syscall.RawSyscall(unix.SYS_KEXEC_LOAD, 0, 0, 0)
		return
	case "x32":
		_, _, errno := syscall.RawSyscall(x32Bit+unix.SYS_GETPPID, 0, 0, 0)
		fmt.Println(int(errno))
		return
	}
	for _, a := range attempts {
		_, _, errno := syscall.RawSyscall6(a.nr, a.args[0], a.args[1], a.args[2], a.args[3], a.args[4], a.args[5])
		fmt.Println(int(errno))
	}
}

func load(f *Filter, more uint) syscall.Errno {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err.(syscall.Errno)
	}
	prog := unix.SockFprog{Len: uint16(len(f.Prog) / 8), Filter: (*unix.SockFilter)(unsafe.Pointer(&f.Prog[0]))}
	_, _, errno := syscall.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, uintptr(f.Flags|more), uintptr(unsafe.Pointer(&prog)))
	runtime.KeepAlive(f)
	return errno
}

func runChild(t *testing.T, job string) (string, *os.ProcessState) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), childEnv+"="+job)
	out, _ := cmd.Output()
	return string(out), cmd.ProcessState
}

func TestKernel(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the numbers are of amd64")
	}
	for _, job := range []string{"free", "filtered"} {
		out, state := runChild(t, job)
		results := strings.Fields(out)
		if !state.Success() || len(results) != len(attempts) {
			t.Fatalf("%s: %v: %s", job, state, out)
		}
		for i, a := range attempts {
			want := a.want
			if job == "free" {
				want = a.free
			}
			if results[i] != fmt.Sprint(int(want)) {
				t.Errorf("%s: %s: errno %s, want %d (%v)", job, a.name, results[i], int(want), want)
			}
		}
	}
	if out, state := runChild(t, "kill"); state.Sys().(syscall.WaitStatus).Signal() != unix.SIGSYS {
		t.Errorf("kexec_load: %v: %s", state, out)
	}
	// The profile lists x32: the call is allowed, but few kernels have it.
	if out, state := runChild(t, "x32"); !state.Success() || out != "0\n" && out != fmt.Sprintln(int(unix.ENOSYS)) {
		t.Errorf("x32: %v: %s", state, out)
	}
}

// The calls of i386 come in by int 0x80, from a program of 64 bits too.
func TestKernelI386(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("needs amd64")
	}
	bin := filepath.Join(t.TempDir(), "probe")
	if out, err := exec.Command("cc", "-o", bin, "testdata/probe.c").CombinedOutput(); err != nil {
		t.Skipf("needs a C compiler: %v: %s", err, out)
	}
	if out, err := exec.Command(bin, "-", "20", "0").CombinedOutput(); err != nil || string(out) == "-38\n" {
		t.Skipf("needs a kernel with the calls of i386: %v: %s", err, out)
	}
	s := realisticProfile(t)
	f := compile(t, s)
	s.Architectures = nil
	only64 := compile(t, s)
	for _, c := range []struct {
		name   string
		filter *Filter
		nr     int
		arg    uint32
		want   string // or a signal
	}{
		{"umask", f, 60, 0o22, "*"},
		{"mount", f, 21, 0, "-1"},
		{"personality of now", f, 136, 0xffffffff, "0"},
		{"personality with a bit", f, 136, 0x40000, "-1"},
		{"clone3", f, 435, 0, "-38"},
		{"future", f, 1000, 0, "-38"},
		{"umask, not listed", only64, 60, 0o22, "bad system call"},
	} {
		cmd := exec.Command(bin, "+", fmt.Sprint(c.nr), fmt.Sprint(c.arg))
		cmd.Stdin = bytes.NewReader(c.filter.Prog)
		out, err := cmd.Output()
		got := strings.TrimSpace(string(out))
		if err != nil {
			got = err.Error()
		}
		if c.want == "*" && !strings.HasPrefix(got, "-") && err == nil {
			continue
		}
		if got != c.want && !strings.Contains(got, c.want) {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestFlags(t *testing.T) {
	known := strings.Join(SupportedFlags(), " ")
	t.Log(known)
	if !strings.Contains(known, "TSYNC") || kernelTakes(1<<30) {
		t.Error("every kernel since 3.17 knows TSYNC, and none the bit 30:", known)
	}
	s := &rspec.LinuxSeccomp{DefaultAction: rspec.ActAllow}
	if f, err := Compile(s, Host{Arch: "amd64"}); err != nil || f.Flags != KernelFlags()&unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW {
		t.Error(f, err)
	}
	if f, err := Compile(s, Host{Arch: "amd64", Flags: unix.SECCOMP_FILTER_FLAG_TSYNC}); err != nil || f.Flags != 0 {
		t.Error(f, err)
	}
	const all = unix.SECCOMP_FILTER_FLAG_TSYNC | unix.SECCOMP_FILTER_FLAG_LOG |
		unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
	for _, c := range []struct {
		flags  []rspec.LinuxSeccompFlag
		notify bool
		want   uint
	}{
		{nil, false, unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW},
		{[]rspec.LinuxSeccompFlag{}, false, 0},
		{[]rspec.LinuxSeccompFlag{flagTsync, rspec.LinuxSeccompFlagLog}, false, unix.SECCOMP_FILTER_FLAG_LOG},
		{[]rspec.LinuxSeccompFlag{rspec.LinuxSeccompFlagWaitKillableRecv}, false, 0},
		{[]rspec.LinuxSeccompFlag{rspec.LinuxSeccompFlagWaitKillableRecv}, true, unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV},
	} {
		s.Flags, s.Syscalls = c.flags, nil
		if c.notify {
			s.Syscalls = []rspec.LinuxSyscall{entry(rspec.ActNotify, nil, "mount")}
		}
		f, err := Compile(s, Host{Arch: "amd64", Flags: all})
		if err != nil {
			t.Fatal(err)
		}
		if f.Flags != c.want || f.Notify != c.notify {
			t.Errorf("%v: %#x %v, want %#x", c.flags, f.Flags, f.Notify, c.want)
		}
	}
	s.Flags = []rspec.LinuxSeccompFlag{rspec.LinuxSeccompFlagLog, rspec.LinuxSeccompFlagWaitKillableRecv}
	_, err := Compile(s, Host{Arch: "amd64", Flags: all &^ unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV})
	var e *specs.Error
	if !errors.As(err, &e) || e.Field != "/linux/seccomp/flags/1" || e.Kind != specs.ErrUnsupported {
		t.Error("a kernel before 5.19:", err)
	}
}
