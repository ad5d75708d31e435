//go:build linux

// Command toy is a container runtime with all the old mistakes, on purpose. The
// security tests run against it too, and must find harm there: a test that
// finds none anywhere proves nothing. Never use it for anything else.
//
// It has runc's command line for run, exec and spec. Each mistake is marked
// with the vulnerability it stands for.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func main() {
	runtime.LockOSThread() // capabilities are a thread's own, and execve(2) takes those of its thread
	switch os.Args[0] {
	case "toy-init":
		fail(child(os.Args[1]))
	case "toy-exec":
		fail(inside(os.Args[1], os.Args[2], os.Args[3], os.Args[4:]))
	}
	root := flag.String("root", "/run/toy", "state root")
	flag.Parse()
	set := flag.NewFlagSet("verb", flag.ExitOnError)
	bundle := set.String("bundle", ".", "")
	user := set.String("user", "", "")
	cwd := set.String("cwd", "", "")
	set.String("console-socket", "", "")
	set.String("cap", "", "")
	set.Bool("force", false, "")
	_ = set.Parse(flag.Args()[1:])
	switch flag.Arg(0) {
	case "run":
		leaveBinary()
		run(*root, *bundle, set.Arg(0))
	case "exec":
		fail(enter(filepath.Join(*root, set.Arg(0)), *user, *cwd, set.Args()[1:]))
	case "spec":
		fail(os.WriteFile(filepath.Join(*bundle, "config.json"), []byte(`{"linux":{"maskedPaths":[]}}`), 0o644))
	case "delete":
		data, _ := os.ReadFile(filepath.Join(*root, set.Arg(set.NArg()-1)))
		if pid, err := strconv.Atoi(string(data)); err == nil {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	default:
		fail(errors.New("no such verb"))
	}
}

// leaveBinary goes on from a copy, so that the binary is not busy for as long as
// the container lives: ETXTBSY is not what protects a runtime (CVE-2019-5736).
func leaveBinary() {
	if os.Getenv("TOY_COPY") != "" {
		return
	}
	data, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		fail(err)
	}
	fd, err := unix.MemfdCreate("toy", 0)
	if err != nil {
		fail(err)
	}
	copied := os.NewFile(uintptr(fd), "toy")
	if _, err := copied.Write(data); err != nil {
		fail(err)
	}
	err = unix.Exec(fmt.Sprintf("/proc/self/fd/%d", fd), os.Args, append(os.Environ(), "TOY_COPY=1"))
	runtime.KeepAlive(copied) // or the collector may have closed it by then
	fail(err)
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "toy:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// run starts the child in new namespaces and waits. The id becomes a path as it
// is (crun 1.20), and every descriptor is inherited (CVE-2024-21626).
func run(root, bundle, id string) {
	spec, err := load(bundle)
	if err != nil {
		fail(err)
	}
	for _, h := range hooks(spec) {
		c := exec.Command(h.Path)
		c.Args = h.Args
		c.Env = append(spec.Process.Env, h.Env...) // the image's environment (CVE-2025-23266)
		c.Stderr, c.Stdout = os.Stderr, os.Stdout
		_ = c.Run()
	}
	if l := spec.Linux; l != nil && l.CgroupsPath != "" { // ".." in cgroupsPath (crun 1.28)
		_ = os.MkdirAll("/sys/fs/cgroup/pids/toy-parent"+"/"+l.CgroupsPath, 0o755)
	}
	if l := spec.Linux; l != nil && l.Resources != nil { // page size as a path (runc 4103)
		for _, h := range l.Resources.HugepageLimits {
			_ = os.WriteFile(filepath.Join(bundle, "cgroup", "hugetlb."+h.Pagesize), []byte("1"), 0o644)
		}
	}
	for fd := 3; fd < 32; fd++ {
		_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0)
	}
	env := append(spec.Process.Env, "STAVE_FAULT="+os.Getenv("STAVE_FAULT"), "TOY_PAUSE="+os.Getenv("TOY_PAUSE"))
	attr := &os.ProcAttr{Dir: bundle, Env: env, Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
		Sys: &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS}}
	p, err := os.StartProcess("/proc/self/exe", []string{"toy-init", bundle}, attr)
	if err != nil {
		fail(err)
	}
	if err := os.WriteFile(filepath.Join(root, id), []byte(strconv.Itoa(p.Pid)), 0o600); err != nil {
		_ = p.Kill()
		fail(err)
	}
	state, _ := p.Wait()
	_ = os.Remove(filepath.Join(root, id))
	os.Exit(state.ExitCode())
}

func load(bundle string) (*specs.Spec, error) {
	data, err := os.ReadFile(filepath.Join(bundle, "config.json"))
	if err != nil {
		return nil, err
	}
	spec := new(specs.Spec)
	return spec, json.Unmarshal(data, spec)
}

func hooks(spec *specs.Spec) []specs.Hook {
	if spec.Hooks == nil {
		return nil
	}
	return spec.Hooks.CreateRuntime
}

// child prepares the root by names, which the image controls.
func child(bundle string) error {
	spec, err := load(bundle)
	if err != nil {
		return err
	}
	root, _ := filepath.Abs(filepath.Join(bundle, spec.Root.Path))
	if err := unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""); err != nil {
		return err
	}
	if err := unix.Mount(root, root, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return err
	}
	mounts(root, spec)
	devices(root, spec)
	_ = os.WriteFile(filepath.Join(root, ".toy-config"), []byte("x"), 0o644) // CVE-2025-24965
	_ = os.Remove(filepath.Join(root, "dev/ptmx"))                           // CVE-2026-41579
	_ = os.Symlink("pts/ptmx", filepath.Join(root, "dev/ptmx"))
	if spec.Process.Terminal { // CVE-2025-52565
		_ = os.WriteFile(filepath.Join(root, "dev/console"), []byte("console"), 0o600)
	}
	if spec.Linux != nil {
		for _, p := range spec.Linux.MaskedPaths { // CVE-2025-31133
			_ = unix.Mount(filepath.Join(root, "dev/null"), filepath.Join(root, p), "", unix.MS_BIND, "")
		}
		for key, value := range spec.Linux.Sysctl { // CVE-2025-52881
			_ = os.WriteFile(filepath.Join(root, "proc/sys", strings.ReplaceAll(key, ".", "/")), []byte(value), 0o644)
		}
	}
	if err := unix.Chroot(root); err != nil {
		return err
	}
	return become(spec.Process.User, spec.Process.Cwd, spec.Process.Args)
}

// mounts follows every symlink of the image (CVE-2019-19921 and its kin).
func mounts(root string, spec *specs.Spec) {
	for _, m := range spec.Mounts {
		to := filepath.Join(root, m.Destination)
		checked(root, "mount "+m.Destination)
		if info, err := os.Stat(m.Source); m.Type == "bind" && err == nil && !info.IsDir() {
			_ = os.MkdirAll(filepath.Dir(to), 0o755)
			if f, err := os.OpenFile(to, os.O_CREATE, 0o644); err == nil {
				f.Close()
			}
		} else {
			_ = os.MkdirAll(to, 0o755)
		}
		if m.Type == "bind" {
			_ = unix.Mount(m.Source, to, "", unix.MS_BIND|unix.MS_REC, "")
		} else if m.Type == "cgroup" { // writable for all (CVE-2023-25809)
			_ = unix.Mount("/sys/fs/cgroup", to, "", unix.MS_BIND|unix.MS_REC, "")
		} else {
			_ = unix.Mount(m.Type, to, m.Type, 0, "")
		}
	}
}

// checked looks whether a path stays in the rootfs, and then it is used by name
// all the same (CVE-2021-30465). The test that knows of it says where to wait
// in between, as with stave, and for how long: until the file is gone.
func checked(root, step string) {
	name, _, ok := strings.Cut(os.Getenv("STAVE_FAULT"), ":")
	if !ok || name != step {
		return
	}
	_, dest, _ := strings.Cut(step, " ")
	for path := dest; ; path = filepath.Dir(path) {
		real, err := filepath.EvalSymlinks(filepath.Join(root, path))
		if err == nil && !strings.HasPrefix(real+"/", root+"/") {
			fail(errors.New(dest + " leads out of the rootfs"))
		}
		if err == nil {
			break
		}
	}
	file := os.Getenv("TOY_PAUSE")
	_ = os.WriteFile(file, nil, 0o600)
	for {
		if _, err := os.Stat(file); err != nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// devices makes nodes by name, after the same check.
func devices(root string, spec *specs.Spec) {
	if spec.Linux == nil {
		return
	}
	for _, d := range spec.Linux.Devices {
		checked(root, "device "+d.Path)
		to := filepath.Join(root, d.Path)
		_ = os.MkdirAll(filepath.Dir(to), 0o755)
		_ = unix.Mknod(to, unix.S_IFCHR|0o666, int(unix.Mkdev(uint32(d.Major), uint32(d.Minor))))
	}
}

// become keeps capabilities, fills the inheritable set, and enters cwd while
// the host's descriptors are open.
func become(user specs.User, cwd string, args []string) error {
	if err := unix.Chdir(cwd); err != nil {
		return err
	}
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return err
	}
	_ = unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0)
	if err := errors.Join(unix.Setgid(int(user.GID)), unix.Setuid(int(user.UID))); err != nil {
		return err
	}
	for i := range data { // CVE-2022-24769, CVE-2016-8867
		data[i].Inheritable, data[i].Effective = data[i].Permitted, data[i].Permitted
	}
	_ = unix.Capset(&hdr, &data[0])
	for c := range 41 {
		_ = unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, uintptr(c), 0, 0)
	}
	path, err := exec.LookPath(args[0])
	if err != nil {
		return err
	}
	return unix.Exec(path, args, os.Environ())
}
