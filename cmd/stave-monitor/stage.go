package main

import (
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"stave/cmd/stave-monitor/cli"
	"stave/monitor"
	"stave/monitor/logs"
	"stave/monitor/sigevent"
	"stave/specs"
)

// stage.go: how the monitor leaves its caller. conmon forks; a Go process
// cannot, its other threads would be missing in the child. So there are two
// executions of this program:
//
//	one  checks everything that the caller shall hear of on stderr, waits for
//	     the caller's start pipe, and executes
//	two  which is the monitor: a child, or with --sync one itself
//
// The second one knows itself by a variable, which it takes out of the
// environment again before anybody else sees it. With --sync it would not have
// to be; but it is what stays, and a fresh execution, with Go's runtime told to
// be small, stays smaller.

// marker is the variable; its value is the OOM score to restore. Variables that
// steer Go's runtime are kept beside it, under its name with theirs behind.
const marker = "_STAVE_MONITOR"

// tuning makes the runtime of the second execution small: one processor, for
// there is one thread; and no collection before there is something to collect.
var tuning = []struct{ name, value string }{
	{"GOMAXPROCS", "1"},
	{"GOGC", "off"},
	{"GOMEMLIMIT", "16MiB"},
	{"GODEBUG", "asyncpreemptoff=1"},
}

// receive takes out of the environment what the first execution hands to the
// second; nil: this is the first.
func receive(environ []string) *monitor.Inherited {
	var in *monitor.Inherited
	for _, e := range environ {
		if v, ok := strings.CutPrefix(e, marker+"="); ok && in == nil {
			in = &monitor.Inherited{OOMScore: v}
		}
	}
	if in == nil {
		return nil
	}
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		if kept, ok := strings.CutPrefix(name, marker+"_"); ok {
			in.Env = append(in.Env, kept+"="+value)
		} else if name != marker && !isTuning(name) {
			in.Env = append(in.Env, e)
		}
	}
	return in
}

func isTuning(name string) bool {
	for _, t := range tuning {
		if t.name == name {
			return true
		}
	}
	return false
}

// environment is the one of the second execution.
func environment(environ []string, score string) []string {
	env := []string{marker + "=" + score}
	for _, t := range tuning {
		env = append(env, t.name+"="+t.value)
	}
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		switch {
		case isTuning(name):
			env = append(env, marker+"_"+name+"="+value)
		case name != marker && !strings.HasPrefix(name, marker+"_"):
			env = append(env, e)
		}
	}
	return env
}

// leave is the first execution. It returns when the second is on its way, and
// with --sync only on an error.
func leave(values *cli.Values, h *monitor.Conmon, notices *monitor.Notices) error {
	// The monitor opens it again; but what is wrong with it shall be heard of.
	conf := h.Log
	conf.NoSync = true
	log, err := logs.Open(&conf)
	if err != nil {
		return err
	}
	if values.Bool("no-container-partial-message") && !log.Journald() {
		notices.Say(monitor.Warning, "no-container-partial-message has no effect without journald log driver")
	}
	log.Close()
	score := protect()
	if err := waitForCaller(h); err != nil {
		return err
	}
	// From the first instruction of the second execution on: until Go's
	// runtime has set itself up there, this signal would end it.
	pipe := unix.Sigset_t{}
	pipe.Val[0] = 1 << (unix.SIGPIPE - 1)
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &pipe, nil); err != nil {
		return &specs.Error{Step: "start the monitor", Syscall: "rt_sigprocmask", Errno: err.(syscall.Errno)}
	}
	env := environment(syscall.Environ(), score)
	const self = "/proc/self/exe"
	if values.Bool("sync") {
		err := syscall.Exec(self, os.Args, env)
		return &specs.Error{Step: "become the monitor", Syscall: "execve", Path: self, Errno: err.(syscall.Errno)}
	}
	pid, err := syscall.ForkExec(self, os.Args, &syscall.ProcAttr{Env: env, Files: []uintptr{0, 1, 2}})
	if err != nil {
		return &specs.Error{Step: "start the monitor", Syscall: "execve", Path: self, Errno: err.(syscall.Errno)}
	}
	if path := values.String("conmon-pidfile"); path != "" {
		return monitor.WriteFile(path, []byte(strconv.Itoa(pid)))
	}
	return nil
}

// protect makes the kernel kill others first when memory runs out, and gives
// the score as it was. Where we may not, nothing changes.
func protect() string {
	const path = "/proc/self/oom_score_adj"
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer unix.Close(fd)
	var buf [16]byte
	n, err := unix.Read(fd, buf[:])
	if err != nil {
		return ""
	}
	if _, err := unix.Pwrite(fd, []byte("-1000"), 0); err != nil {
		return ""
	}
	return strings.TrimSpace(string(buf[:n]))
}

// waitForCaller reads the start pipe: the caller writes, or closes it, when it
// has moved us to our cgroup. Nothing may be started before. With --exec-attach
// it will write a second time, to the monitor.
func waitForCaller(h *monitor.Conmon) error {
	fd, err := monitor.PipeFromEnv(monitor.EnvStartPipe)
	if err != nil || fd < 0 {
		return err
	}
	stop, err := sigevent.Open(unix.SIGTERM)
	if err != nil {
		return &specs.Error{Step: "wait for the caller", Syscall: "rt_sigaction", Errno: err.(syscall.Errno)}
	}
	ready := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}, {Fd: int32(stop), Events: unix.POLLIN}}
	for {
		if _, err = unix.Poll(ready, -1); err == unix.EINTR {
			continue
		}
		if sigevent.Has(unix.SIGTERM) {
			return &specs.Error{Step: "wait for the caller", Problem: "stopped by SIGTERM"}
		}
		if err == nil {
			_, err = unix.Read(fd, make([]byte, 8192))
		}
		if err != nil {
			return &specs.Error{Step: "wait for the caller", Syscall: "read", Path: monitor.EnvStartPipe, Errno: err.(syscall.Errno)}
		}
		break
	}
	unix.Close(stop)
	if !h.Attach {
		unix.Close(fd)
		return nil
	}
	_, err = unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0) // the monitor needs it
	return err
}

// attachPipes finds the pipes of an exec that the caller attaches to.
func attachPipes(h *monitor.Conmon) (err error) {
	h.StartPipe, h.AttachPipe = -1, -1
	if !h.Attach {
		return nil
	}
	if h.AttachPipe, err = monitor.PipeFromEnv(monitor.EnvAttachPipe); err != nil {
		return err
	}
	if h.AttachPipe < 0 {
		return &specs.Error{Problem: "--exec-attach needs $" + monitor.EnvAttachPipe, Kind: specs.ErrInvalid}
	}
	h.StartPipe, err = monitor.PipeFromEnv(monitor.EnvStartPipe)
	return err
}

// inheritedFDs are the descriptors that the caller has left open for us and for
// what we execute. Ours are all closed on exec.
func inheritedFDs() (list []int) {
	d, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil
	}
	for _, e := range d {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd < 3 {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			list = append(list, fd)
		}
	}
	return list
}

// passthrough says that the container is to have our stdio.
func passthrough(h *monitor.Conmon) bool {
	for _, value := range h.Log.Paths {
		if driver, _, err := logs.ParsePath(value); err == nil && driver == logs.Passthrough {
			return true
		}
	}
	return false
}
