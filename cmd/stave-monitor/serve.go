package main

import (
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"stave/cmd/stave-monitor/cli"
	"stave/libct/entry"
	"stave/monitor"
	specs "stave/specs/leaf"
)

// serve.go: pod mode. Like conmon mode it is two executions (stage.go); without
// --sync the first waits until the second listens, and tells its caller of what
// is wrong if it does not come to that.

// readyPipe is the descriptor on which the second execution, without --sync,
// tells the first: an end is "callers may come", a text is an error.
const readyPipe = 3

func serve(argv []string, handed *monitor.Inherited) int {
	notices := &monitor.Notices{Stderr: true, Level: monitor.Warning, Name: "stave-monitor"}
	values, problem := cli.ParseServe(argv)
	switch {
	case problem != "":
		return fail("stave-monitor: " + problem)
	case values.Bool("help"):
		return write(1, cli.ServeHelp)
	}
	s, err := serveOptions(values, notices)
	if err == nil && handed == nil {
		err = leaveForPod(values)
	} else if err == nil {
		err = servePod(s, handed, values.Bool("sync"), notices)
	}
	if err != nil {
		return fatal(notices, err)
	}
	return 0
}

func serveOptions(v *cli.Values, notices *monitor.Notices) (*monitor.Server, error) {
	level, ok := monitor.ParseLevel(v.String("log-level"))
	socket := v.String("socket")
	switch {
	case !ok:
		return nil, wrong("No such log level " + v.String("log-level"))
	case len(v.Words) > 0:
		return nil, wrong("serve takes no arguments: " + v.Words[0])
	case socket == "" || strings.HasSuffix(socket, "/"):
		return nil, wrong("want the path of a socket: --socket PATH")
	}
	notices.Level, notices.Syslog = level, v.Bool("syslog")
	cwd, err := unix.Getwd()
	if err != nil {
		return nil, &specs.Error{Step: "serve", Syscall: "getcwd", Errno: err.(syscall.Errno)}
	}
	absolute := func(path string) string {
		if path[0] == '/' {
			return path
		}
		return strings.TrimSuffix(cwd, "/") + "/" + path
	}
	s := &monitor.Server{Socket: absolute(socket), Program: "stave-monitor " + version}
	if s.Dir = s.Socket + ".d"; v.Bool("state-dir") {
		if s.Dir = v.String("state-dir"); s.Dir == "" {
			return nil, wrong("--state-dir is empty")
		}
		s.Dir = strings.TrimRight(absolute(s.Dir), "/")
	}
	return s, nil
}

// leaveForPod is the first execution.
func leaveForPod(v *cli.Values) error {
	score := protect()
	if err := waitForCaller(&monitor.Conmon{}); err != nil {
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
	const step = "start the monitor"
	if v.Bool("sync") {
		err := syscall.Exec(self, args(), env)
		return &specs.Error{Step: step, Syscall: "execve", Path: self, Errno: err.(syscall.Errno)}
	}
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		return &specs.Error{Step: step, Syscall: "pipe2", Errno: err.(syscall.Errno)}
	}
	files := []uintptr{0, 1, 2, readyPipe: uintptr(pipe[1])}
	_, err = syscall.ForkExec(self, args(), &syscall.ProcAttr{Env: env, Files: files})
	if err != nil {
		return &specs.Error{Step: step, Syscall: "execve", Path: self, Errno: err.(syscall.Errno)}
	}
	unix.Close(pipe[1])
	return heard(pipe[0])
}

// heard waits for the second execution to be ready, or to say why not.
func heard(pipe int) error {
	var text []byte
	var buf [4096]byte
	for {
		n, err := unix.Read(pipe, buf[:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return &specs.Error{Step: "start the monitor", Syscall: "read", Errno: err.(syscall.Errno)}
		}
		if n == 0 {
			break
		}
		text = append(text, buf[:n]...)
	}
	switch {
	case string(text) == readyText:
		return nil
	case len(text) == 0:
		return &specs.Error{Step: "start the monitor", Problem: "it has ended without a word"}
	}
	return &specs.Error{Problem: string(text)}
}

// readyText is no error.
const readyText = "ready\n"

// servePod is the second execution: the monitor itself.
func servePod(s *monitor.Server, handed *monitor.Inherited, stays bool, notices *monitor.Notices) error {
	if unix.Geteuid() == 0 {
		unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) // as in conmon mode
	}
	name()
	pipe := -1
	if !stays {
		pipe = readyPipe
	}
	// What else the caller has left open is for nobody here.
	unix.CloseRange(3, ^uint(0)>>32, unix.CLOSE_RANGE_CLOEXEC)
	unix.Setsid()
	unix.Chdir("/")
	m, err := monitor.New(*handed, notices)
	if err == nil {
		err = s.Serve(m, func() {
			monitor.NullStdio()
			notices.Stderr = false
			if pipe >= 0 {
				write(pipe, readyText)
				unix.Close(pipe)
			}
		})
	}
	if err != nil && pipe >= 0 {
		write(pipe, err.Error())
		return nil
	}
	return err
}
