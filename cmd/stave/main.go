// Command stave runs OCI bundles, with runc's command line.
package main

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"stave/cmd/stave/cli"
	"stave/libct"
	"stave/specs"
)

// version and commit are set by the Makefile.
var (
	version = "0.1.0-dev"
	commit  = ""
)

// app is one invocation: what every verb needs.
type app struct {
	inv    *cli.Invocation
	root   string
	format string // of the log: text or json
	log    int    // descriptor; 2 unless --log
}

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(argv []string) int {
	inv, err := cli.Parse(argv)
	a := &app{inv: inv, format: inv.Global.String("log-format"), log: 2}
	a.closeLeaked()
	if lerr := a.openLog(); lerr != nil && err == nil {
		err = lerr
	}
	if err != nil {
		return a.fail(err)
	}
	switch {
	case inv.Version:
		compiler, _, _ := strings.Cut(runtime.Version(), "-X:") // behind it are its experiments
		return a.print(cli.AppendVersion(nil, cli.Version{Stave: version, Commit: commit, Spec: specs.SpecVersion, Go: compiler}))
	case inv.Help:
		return a.print([]byte(cli.HelpText(inv.Command)))
	}
	if err := a.settleRoot(); err != nil {
		return a.fail(err)
	}
	return a.dispatch()
}

// dispatch calls the verb. A verb returns its exit status.
func (a *app) dispatch() int {
	verb := a.inv.Command
	if verb.Unsupported != "" {
		return a.fail(&specs.Error{Verb: verb.Name, Problem: verb.Unsupported, Kind: specs.ErrUnsupported})
	}
	if verb.Name == "create" || verb.Name == "run" {
		if err := a.notYet(); err != nil {
			return a.fail(err)
		}
	}
	var f func(*app) (int, error)
	switch verb.Name {
	case "create":
		f = (*app).create
	case "run":
		f = (*app).run
	case "start":
		f = (*app).start
	case "exec":
		f = (*app).exec
	case "state":
		f = (*app).state
	case "list":
		f = (*app).list
	case "kill":
		f = (*app).kill
	case "delete":
		f = (*app).delete
	case "pause", "resume":
		f = (*app).freeze
	case "ps":
		f = (*app).ps
	case "update":
		f = (*app).update
	case "events":
		f = (*app).events
	case "spec":
		f = (*app).spec
	case "features":
		f = (*app).features
	case "explain":
		f = (*app).explain
	case "trace":
		f = (*app).trace
	case "completion":
		f = (*app).completion
	}
	status, err := f(a)
	if err == nil {
		return status
	}
	if e, ok := err.(*specs.Error); ok && e.Verb == "" {
		e.Verb = verb.Name
		if e.ID == "" && len(a.inv.Args) > 0 && len(verb.Args) > 0 && verb.Args[0] == cli.CompleteID {
			e.ID = a.inv.Args[0]
		}
	}
	if code := a.fail(err); status == 0 {
		return code
	}
	return status
}

// notYet refuses what create and run cannot do yet, before it fails half-way.
func (a *app) notYet() error {
	e := &specs.Error{Verb: a.inv.Command.Name, Kind: specs.ErrUnsupported}
	switch mode := a.inv.Global.String("rootless"); {
	case mode != "auto" && mode != "true" && mode != "false" && mode != "":
		e.Kind, e.Problem, e.Hint = specs.ErrInvalid, "invalid --rootless: "+mode, "true, false or auto"
	case a.inv.Global.Bool("systemd-cgroup"):
		e.Field, e.Problem, e.Hint = "/linux/cgroupsPath", "--systemd-cgroup: the systemd driver is not built in yet", "use cgroupfs"
	case mode == "true" || unix.Geteuid() != 0:
		e.Field, e.Problem, e.Hint = "/linux/uidMappings", "containers without root's rights are not built in yet", "run as root"
	default:
		return nil
	}
	return e
}

// debug writes what only matters when something is wrong with stave itself.
func (a *app) debug(text string) {
	if a.inv.Global.Bool("debug") {
		a.message("debug", errors.New(text))
	}
}

// fail logs an error, to the log and to standard error, and gives the status.
func (a *app) fail(err error) int {
	a.message("error", err)
	var usage *cli.UsageError
	if errors.As(err, &usage) {
		return usage.Code
	}
	return 1
}

func (a *app) message(level string, err error) {
	var record *specs.Error
	errors.As(err, &record)
	line := cli.AppendLog(nil, a.format, level, err.Error(), time.Now(), record)
	write(a.log, line)
	if a.log != 2 && level == "error" {
		write(2, append([]byte(err.Error()), '\n'))
	}
}

// warn is for what the specification wants logged and not refused.
func (a *app) warn(text string) { a.message("warning", errors.New(text)) }

// warnIf is for an error that is not the command's.
func (a *app) warnIf(err error) {
	if err != nil {
		a.message("warning", err)
	}
}

func (a *app) warnings(list []error) {
	for _, err := range list {
		a.message("warning", err)
	}
}

// closeLeaked closes what whoever called us left open, where a container could
// come to see it: all but stdio and what is to be passed on.
func (a *app) closeLeaked() {
	if c := a.inv.Command; c != nil && a.inv.Flags.Has("preserve-fds") {
		if keep := 3 + a.inv.Flags.Int("preserve-fds") + listenFDs(); keep >= 3 {
			unix.CloseRange(uint(keep), ^uint(0)>>32, 0)
		}
	}
}

func (a *app) openLog() error {
	if a.format != "text" && a.format != "json" && a.format != "" {
		bad := a.format
		a.format = "text"
		return &specs.Error{Problem: "invalid log-format: " + bad, Hint: "text or json", Kind: specs.ErrInvalid}
	}
	name := a.inv.Global.String("log")
	if name == "" {
		return nil
	}
	fd, err := unix.Open(name, unix.O_CREAT|unix.O_WRONLY|unix.O_APPEND|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return &specs.Error{Syscall: "open", Path: name, Errno: err.(unix.Errno), Hint: "the file of --log"}
	}
	a.log = fd
	return nil
}

// settleRoot finds the state directory.
func (a *app) settleRoot() error {
	if a.inv.Global.IsSet("root") {
		a.root = a.inv.Global.String("root")
		if !strings.HasPrefix(a.root, "/") {
			a.root = workDir() + "/" + a.root
		}
		return nil
	}
	h := cli.Host{EUID: unix.Geteuid()}
	h.XDGRuntimeDir, _ = unix.Getenv("XDG_RUNTIME_DIR")
	if h.XDGRuntimeDir != "" {
		h.User, _ = unix.Getenv("USER")
		h.InUserNS = libct.InUserNamespace()
	}
	dir, xdg := cli.DefaultRoot(h)
	a.root = dir
	if xdg {
		// The sticky bit keeps the directory from being cleaned up as unused.
		if err := unix.Mkdir(dir, 0o700); err != nil && err != unix.EEXIST {
			return &specs.Error{Syscall: "mkdir", Path: dir, Errno: err.(unix.Errno), Hint: "$XDG_RUNTIME_DIR must be writable"}
		}
		unix.Chmod(dir, 0o1700)
	}
	return nil
}

func workDir() string {
	dir, err := os.Getwd()
	if err != nil {
		return "/"
	}
	return dir
}

// print writes what the user asked for.
func (a *app) print(b []byte) int {
	if err := write(1, b); err != nil {
		a.message("error", &specs.Error{Syscall: "write", Path: "standard output", Errno: err.(unix.Errno)})
		return 1
	}
	return 0
}

func write(fd int, b []byte) error {
	for len(b) > 0 {
		n, err := unix.Write(fd, b)
		if err == unix.EINTR || err == unix.EAGAIN {
			continue
		}
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// id is the container that the verb is about, checked.
func (a *app) id() (string, error) {
	id := a.inv.Args[0]
	return id, specs.CheckID(id)
}
