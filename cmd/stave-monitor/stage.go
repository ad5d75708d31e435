package main

import (
	"encoding/binary"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"stave/cmd/stave-monitor/cli"
	"stave/libct/entry"
	"stave/monitor"
	"stave/monitor/logs"
	"stave/monitor/sigevent"
	specs "stave/specs/leaf"
)

// stage.go: how the monitor leaves its caller. conmon forks; a Go process
// cannot, its other threads would be missing in the child. So there are two
// executions of this program:
//
//	one  checks everything that the caller shall hear of on stderr, waits for
//	     the caller's start pipe, and executes
//	two  which is the monitor: a child, or with --sync one itself
//
// The second one knows itself by a variable. Its environment has little else;
// what is started from there gets that of the first. With --sync it would not have
// to be; but it is what stays, and a fresh execution, with Go's runtime told to
// be small, stays smaller.

// marker is the variable; its value is the OOM score to restore and the
// descriptor of a file with the whole environment.
const marker = "_STAVE_MONITOR"

// tuning makes the runtime of the second execution small: one processor, for
// there is one goroutine; no collection before there is something to collect, and
// then none of its stack (package stack); no room for profiles with every thread.
var tuning = []string{"GOMAXPROCS=1", "GOGC=off", "GOMEMLIMIT=16MiB", "GODEBUG=asyncpreemptoff=1,gcshrinkstackoff=1,profstackdepth=0"}

// own are the variables that the second execution reads itself.
var own = []string{"TZ", monitor.EnvSyncPipe, monitor.EnvStartPipe, monitor.EnvAttachPipe}

// receive takes what the first execution hands to the second; nil: this is the first.
func receive() (*monitor.Inherited, error) {
	value, ok := unix.Getenv(marker)
	if !ok {
		return nil, nil
	}
	score, text, _ := strings.Cut(value, ":")
	fd, err := strconv.Atoi(text)
	if err != nil {
		return nil, &specs.Error{Problem: "$" + marker + " is ours to set", Kind: specs.ErrInvalid}
	}
	env, err := monitor.MapEnviron(fd)
	return &monitor.Inherited{OOMScore: score, Env: env}, err
}

// environment is that of the second execution.
func environment(environ []string, score string) ([]string, error) {
	fd, err := monitor.PassEnviron(environ)
	if err != nil {
		return nil, err
	}
	env := append([]string{marker + "=" + score + ":" + strconv.Itoa(fd)}, tuning...)
	for _, e := range environ {
		for _, name := range own {
			if strings.HasPrefix(e, name+"=") {
				env = append(env, e)
			}
		}
	}
	return env, nil
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
	if err := blockSIGPIPE(); err != nil {
		return err
	}
	env, err := environment(entry.Strip(syscall.Environ()), score)
	if err != nil {
		return err
	}
	const self = "/proc/self/exe"
	if values.Bool("sync") {
		err := syscall.Exec(self, args(), env)
		return &specs.Error{Step: "become the monitor", Syscall: "execve", Path: self, Errno: err.(syscall.Errno)}
	}
	pid, err := syscall.ForkExec(self, args(), &syscall.ProcAttr{Env: env, Files: []uintptr{0, 1, 2}})
	if err != nil {
		return &specs.Error{Step: "start the monitor", Syscall: "execve", Path: self, Errno: err.(syscall.Errno)}
	}
	if path := values.String("conmon-pidfile"); path != "" {
		return monitor.WriteFile(path, []byte(strconv.Itoa(pid)))
	}
	return nil
}

// blockSIGPIPE holds from the first instruction of the second execution on:
// until Go's runtime has set itself up there, this signal would end it.
func blockSIGPIPE() error {
	runtime.LockOSThread() // whose mask it is. Only here: it costs a thread more, for good
	pipe := unix.Sigset_t{}
	pipe.Val[0] = 1 << (unix.SIGPIPE - 1)
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &pipe, nil); err != nil {
		return &specs.Error{Step: "start the monitor", Syscall: "rt_sigprocmask", Errno: err.(syscall.Errno)}
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
	dir, err := unix.Open("/proc/self/fd", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(dir)
	var buf [1024]byte
	for {
		n, err := unix.Getdents(dir, buf[:])
		if err != nil || n <= 0 {
			return list
		}
		for p := buf[:n]; len(p) > 0; {
			// struct linux_dirent64, getdents64(2): a length at 16, a name at 19.
			length := binary.NativeEndian.Uint16(p[16:])
			name, _, _ := strings.Cut(string(p[19:length]), "\x00")
			p = p[length:]
			fd, err := strconv.Atoi(name)
			if err != nil || fd < 3 {
				continue
			}
			if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
				list = append(list, fd)
			}
		}
	}
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
