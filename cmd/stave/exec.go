package main

import (
	"strconv"
	"strings"

	rspec "github.com/opencontainers/runtime-spec/specs-go"

	"stave/libct"
	"stave/libct/warm"
	"stave/specs"
)

// exec runs one more process in a container.
func (a *app) exec() (int, error) {
	const failed = 255 // what callers of runc know as "could not be started"
	id, err := a.id()
	if err != nil {
		return failed, err
	}
	f := &a.inv.Flags
	file := f.String("process")
	if file == "" && len(a.inv.Args) < 2 {
		return failed, &usageError{"process args cannot be empty", "stave exec ID COMMAND, or --process FILE"}
	}
	warm.Heap(512 << 10)
	libct.Undumpable()
	c, err := libct.Open(a.root, id)
	if err != nil {
		return failed, err
	}
	defer c.Close()
	if err := a.execAllowed(c); err != nil {
		return failed, err
	}
	p, err := a.execProcess(c, file)
	if err != nil {
		return failed, err
	}
	warnings, err := specs.CheckProcess(p, "/process")
	if err != nil {
		return failed, err
	}
	for _, w := range warnings {
		if file != "" {
			a.warn(w) // of the container's own process, create has warned
		}
	}
	detach := f.Bool("detach")
	req := &libct.Request{Verb: "exec", ID: id, Root: a.root, Bundle: c.Rec.Bundle, NoNewKeyring: true, PreserveFDs: f.Int("preserve-fds"),
		ListenFDs: listenFDs(), ConsoleSocket: f.String("console-socket"), PidFile: f.String("pid-file"), PidfdSocket: f.String("pidfd-socket"), Trace: f.String("trace") != ""}
	if err := checkConsole(p.Terminal, detach, req.ConsoleSocket); err != nil {
		return failed, err
	}
	sub, err := subCgroup(f.Strings("cgroup"))
	if err != nil {
		return failed, err
	}
	var relay *relay
	if !detach {
		req.Meanwhile = func() { relay = newRelay() }
	}
	run, err := c.Exec(p, sub, req)
	if err != nil {
		return execStatus(err, failed), err
	}
	a.debug("exec in " + id + " has pid " + strconv.Itoa(run.Pid))
	if err := a.saveTrace(run); err != nil {
		return failed, err
	}
	if detach {
		return 0, nil
	}
	return relay.attend(run)
}

func (a *app) execAllowed(c *libct.Container) error {
	switch s := c.Status(); {
	case s == string(rspec.StateStopped):
		return &specs.Error{ID: c.ID, Problem: "cannot exec in a stopped container", Kind: specs.ErrNotRunning}
	case s == "paused" && !a.inv.Flags.Bool("ignore-paused"):
		return &specs.Error{ID: c.ID, Problem: "cannot exec in a paused container", Hint: "resume it, or use --ignore-paused"}
	}
	return nil
}

// execProcess is the container's process with the changes of the command
// line, or a process of its own from a file.
func (a *app) execProcess(c *libct.Container, file string) (*rspec.Process, error) {
	if file != "" {
		return specs.LoadProcess(file)
	}
	f := &a.inv.Flags
	if c.Rec.Process == nil {
		return nil, &specs.Error{ID: c.ID, Field: "/process", Problem: "the container has no process to take defaults from", Hint: "use --process FILE"}
	}
	p := *c.Rec.Process
	p.Args = a.inv.Args[1:]
	p.Terminal = f.Bool("tty")
	if !p.Terminal {
		p.ConsoleSize = nil
	}
	if v := f.String("cwd"); v != "" {
		p.Cwd = v
	}
	if v := f.String("apparmor"); v != "" {
		p.ApparmorProfile = v
	}
	if v := f.String("process-label"); v != "" {
		p.SelinuxLabel = v
	}
	if f.IsSet("no-new-privs") {
		p.NoNewPrivileges = f.Bool("no-new-privs")
	}
	p.Env = append(append([]string(nil), p.Env...), f.Strings("env")...)
	if caps := f.Strings("cap"); len(caps) > 0 {
		p.Capabilities = addCaps(p.Capabilities, caps)
	}
	if v := f.String("user"); v != "" {
		uid, gid, err := parseUser(v)
		if err != nil {
			return nil, err
		}
		p.User.UID = uid
		if gid != nil {
			p.User.GID = *gid
		}
	}
	gids := f.Int64s("additional-gids")
	p.User.AdditionalGids = append([]uint32(nil), p.User.AdditionalGids...)
	for _, g := range gids {
		if g < 0 || g >= 1<<32-1 {
			return nil, &specs.Error{Problem: "additional gid " + strconv.FormatInt(g, 10) + " cannot be a group id", Kind: specs.ErrInvalid}
		}
		p.User.AdditionalGids = append(p.User.AdditionalGids, uint32(g))
	}
	return &p, nil
}

// addCaps adds to the bounding, effective and permitted sets, and to the
// ambient and inheritable ones only what is in them already: an inheritable
// capability nobody asked for is CVE-2022-29162.
func addCaps(old *rspec.LinuxCapabilities, add []string) *rspec.LinuxCapabilities {
	c := rspec.LinuxCapabilities{}
	if old != nil {
		c = *old
	}
	plus := func(list []string) []string { return append(append([]string(nil), list...), add...) }
	c.Bounding, c.Effective, c.Permitted = plus(c.Bounding), plus(c.Effective), plus(c.Permitted)
	return &c
}

// parseUser reads UID[:GID]: decimal numbers and nothing else. A name would
// have to be looked up in a file of the container.
func parseUser(s string) (uid uint32, gid *uint32, err error) {
	bad := &specs.Error{Problem: "--user " + strconv.Quote(s) + " is not UID[:GID]", Hint: "decimal numbers below 4294967295", Kind: specs.ErrInvalid}
	first, second, both := strings.Cut(s, ":")
	uid, ok := parseID(first)
	if !ok {
		return 0, nil, bad
	}
	if both {
		g, ok := parseID(second)
		if !ok {
			return 0, nil, bad
		}
		gid = &g
	}
	return uid, gid, nil
}

func parseID(s string) (uint32, bool) {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	v, err := strconv.ParseUint(s, 10, 32)
	return uint32(v), err == nil && v != 1<<32-1
}

// subCgroup reads --cgroup: a path below the container's cgroups, in all
// hierarchies or, with CONTROLLER[,CONTROLLER]: before it, in those of the
// controllers.
func subCgroup(list []string) (map[string]string, error) {
	if len(list) == 0 {
		return nil, nil
	}
	out := make(map[string]string, len(list))
	for _, arg := range list {
		names, path, ok := strings.Cut(arg, ":")
		if !ok {
			names, path = "", arg
		}
		for _, name := range strings.Split(names, ",") {
			if _, twice := out[name]; twice {
				return nil, &specs.Error{Problem: "--cgroup " + arg + ": a second path for the same controller", Kind: specs.ErrInvalid}
			}
			out[name] = path
		}
	}
	return out, nil
}
