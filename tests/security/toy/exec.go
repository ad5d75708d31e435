//go:build linux

package main

import (
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

// enter starts a process in the container's pid namespace that is still our
// own binary, dumpable, with descriptors of the host (CVE-2016-9962, CVE-2019-5736).
func enter(stateFile, user, cwd string, args []string) error {
	pid, err := os.ReadFile(stateFile)
	if err != nil {
		return err
	}
	proc := filepath.Join("/proc", string(pid))
	u := lookup(filepath.Join(proc, "root/etc/passwd"), user)
	if cwd == "" {
		cwd = "/"
	}
	ns, err := os.Open(filepath.Join(proc, "ns/pid"))
	if err != nil {
		return err
	}
	root, err := os.Open(filepath.Join(proc, "root"))
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWPID); err != nil {
		return err
	}
	attr := &os.ProcAttr{Env: []string{"PATH=/bin"}, Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
		Sys: &syscall.SysProcAttr{}}
	for fd := uintptr(3); fd < 32; fd++ {
		_, _ = unix.FcntlInt(fd, unix.F_SETFD, 0)
	}
	list := append([]string{"toy-exec", strconv.Itoa(int(root.Fd())),
		strconv.Itoa(int(u.UID)) + ":" + strconv.Itoa(int(u.GID)), cwd}, args...)
	p, err := os.StartProcess("/proc/self/exe", list, attr)
	if err != nil {
		return err
	}
	state, err := p.Wait()
	if err == nil {
		os.Exit(state.ExitCode())
	}
	return err
}

func inside(root, user, cwd string, args []string) error {
	time.Sleep(500 * time.Millisecond) // the window that a fast machine would hide
	fd, _ := strconv.Atoi(root)
	if err := unix.Fchdir(fd); err != nil {
		return err
	}
	if err := unix.Chroot("."); err != nil {
		return err
	}
	uid, gid, _ := strings.Cut(user, ":")
	u, _ := strconv.Atoi(uid)
	g, _ := strconv.Atoi(gid)
	if path, err := exec.LookPath(args[0]); err == nil {
		args[0] = path
	}
	return become(specs.User{UID: uint32(u), GID: uint32(g)}, cwd, args)
}

// lookup believes the image's passwd before the number (CVE-2016-3697), and
// takes what it cannot read for 0 (CVE-2026-30892, CVE-2024-40635).
func lookup(passwd, user string) specs.User {
	user, group, _ := strings.Cut(user, ":")
	data, _ := os.ReadFile(passwd)
	for _, line := range strings.Split(string(data), "\n") {
		if f := strings.Split(line, ":"); len(f) > 3 && f[0] == user {
			uid, _ := strconv.Atoi(f[2])
			gid, _ := strconv.Atoi(f[3])
			return specs.User{UID: uint32(uid), GID: uint32(gid)}
		}
	}
	uid, _ := strconv.ParseInt(strings.TrimSpace(user), 0, 64)
	gid, _ := strconv.ParseInt(group, 10, 64)
	return specs.User{UID: uint32(uid), GID: uint32(gid)}
}
