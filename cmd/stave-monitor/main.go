// Command stave-monitor stays with a container: it calls the OCI runtime, holds
// the container's streams, writes its log and says how it ended. It has conmon's
// command line.
package main

import (
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"stave/cmd/stave-monitor/cli"
	_ "stave/libct/stack" // before anything else
	"stave/monitor"
)

// version and commit are set by the Makefile.
var (
	version = "0.1.0-dev"
	commit  = ""
)

// conmonVersion is the conmon whose behaviour callers may count on; they parse it.
const conmonVersion = "2.2.1"

func main() {
	syscall.Exit(run(args()[1:]))
}

func run(argv []string) int {
	unix.Umask(0o022) // what modes in here mean, whoever calls
	handed, err := receive()
	if err != nil {
		return fail("conmon: " + err.Error())
	}
	if handed == nil { // not for what stays
		monitor.Warm(320 << 10)
	}
	if len(argv) > 0 && argv[0] == "serve" {
		return serve(argv[1:], handed)
	}
	values, problem := cli.Parse(argv)
	switch {
	case problem != "":
		return fail("conmon: option parsing failed: " + problem)
	case values.Bool("help"):
		return write(1, cli.Help)
	case values.Bool("version"):
		return write(1, "conmon version "+conmonVersion+"\ncommit: "+strings.TrimSpace(commit+" (stave-monitor "+version+")")+"\n")
	}
	notices := &monitor.Notices{Stderr: true, Level: monitor.Warning}
	h, err := options(values, notices)
	if err != nil {
		return fatal(notices, err)
	}
	if handed == nil {
		err = leave(values, h, notices)
		if err == nil {
			return 0
		}
		return fatal(notices, err)
	}
	status, err := stay(h, handed, notices)
	if err != nil {
		return fatal(notices, err)
	}
	return status
}

// stay is the monitor itself.
func stay(h *monitor.Conmon, handed *monitor.Inherited, notices *monitor.Notices) (int, error) {
	if unix.Geteuid() == 0 {
		// What we hold of a container's output is nobody else's to look at.
		// Not without root's rights: our own /proc/self would be closed to us.
		unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	}
	name()
	h.Held = inheritedFDs()
	var err error
	if h.SyncPipe, err = monitor.PipeFromEnv(monitor.EnvSyncPipe); err != nil {
		return 1, err
	}
	if err := attachPipes(h); err != nil {
		return 1, err
	}
	if !passthrough(h) {
		if err := monitor.NullStdio(); err != nil {
			return 1, err
		}
		notices.Stderr = false
	}
	unix.Setsid() // fails for the leader of a group, which is as far from a terminal as it can get
	m, err := monitor.New(*handed, notices)
	if err != nil {
		return 1, err
	}
	return h.Run(m)
}

// name names the process, which execve(2) has named after the link: exe. Its name
// is that of its first thread, and this may be another.
func name() {
	if fd, err := unix.Open("/proc/self/comm", unix.O_WRONLY|unix.O_CLOEXEC, 0); err == nil {
		unix.Write(fd, []byte("stave-monitor"))
		unix.Close(fd)
	}
}

// fail prints an error of the command line.
func fail(text string) int {
	write(2, text+"\n")
	return 1
}

func fatal(notices *monitor.Notices, err error) int {
	notices.Say(monitor.Fatal, err.Error())
	return 1
}

func write(fd int, text string) int {
	for len(text) > 0 {
		n, err := unix.Write(fd, []byte(text))
		if err == unix.EINTR || err == unix.EAGAIN {
			continue
		}
		if err != nil {
			return 1
		}
		text = text[n:]
	}
	return 0
}
