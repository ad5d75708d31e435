package monitor

import (
	"syscall"

	"golang.org/x/sys/unix"

	"stave/monitor/logs"
	"stave/monitor/wire"
	specs "stave/specs/leaf"
)

// pod_verbs.go: what can be asked of a pod's monitor. A verb answers at once,
// or leaves the conversation where the answer will come from; an error ends it.

// ask obeys a request.
func (s *Server) ask(c *conn, req *wire.Request) error {
	err := s.dispatch(c, req)
	switch e := err.(type) {
	case *specs.Error:
		named(e, req)
	case *wire.Error:
		named(&e.Record, req)
	}
	return err
}

func named(e *specs.Error, req *wire.Request) {
	if e.Verb == "" {
		e.Verb = req.Verb
	}
	if e.ID == "" {
		e.ID = req.ID
	}
}

func (s *Server) dispatch(c *conn, req *wire.Request) error {
	switch req.Verb {
	case wire.VerbCreate:
		return s.create(c, req)
	case wire.VerbExec, wire.VerbExecSync:
		return s.exec(c, req)
	case wire.VerbList, wire.VerbEvents:
		return s.list(c, req.Verb == wire.VerbEvents)
	case wire.VerbStats:
		c.answer(s.stats())
		return nil
	case wire.VerbShutdown:
		return s.shutdown(c, req.Force)
	}
	b, err := s.find(req.ID, req.Exec)
	if err != nil {
		return err
	}
	switch req.Verb {
	case wire.VerbWait:
		return b.wait(c)
	case wire.VerbRemove:
		return s.remove(c, b)
	case wire.VerbAttach:
		return b.attachTo(c, req)
	case wire.VerbStart, wire.VerbResize, wire.VerbCloseStdin, wire.VerbReopenLog, wire.VerbSignal:
	default:
		return &specs.Error{Problem: "there is no verb " + req.Verb, Hint: "this monitor speaks version " + itoa(wire.Version), Kind: specs.ErrUnsupported}
	}
	if b, err = s.live(req.ID, req.Exec); err != nil {
		return err
	}
	switch req.Verb {
	case wire.VerbStart:
		return s.start(c, b)
	case wire.VerbResize:
		err = b.resize(req.Rows, req.Cols)
	case wire.VerbCloseStdin:
		b.c.endInput()
	case wire.VerbReopenLog:
		err = b.c.ReopenLog()
	case wire.VerbSignal:
		err = b.signal(req)
	}
	if err != nil {
		return err
	}
	c.answer(b.status())
	return nil
}

// settled checks what create and exec have in common, and begins their Config.
func (s *Server) settled(req *wire.Request) (*Config, error) {
	bad := func(field, problem string) error {
		return &specs.Error{Field: field, Problem: problem, Kind: specs.ErrInvalid}
	}
	if s.closing {
		return nil, &specs.Error{Problem: "this monitor is shutting down", Kind: specs.ErrBusy}
	}
	if err := specs.CheckID(req.ID); err != nil {
		return nil, err
	}
	if req.Exec != "" {
		if err := specs.CheckID(req.Exec); err != nil {
			return nil, bad("/exec", "no id: "+req.Exec)
		}
	}
	if req.Timeout < 0 || req.Timeout > 1<<40 {
		return nil, bad("/timeoutMs", "out of range")
	}
	if req.Rows < 0 || req.Rows > 0xffff || req.Cols < 0 || req.Cols > 0xffff {
		return nil, bad("/rows", "no size of a terminal")
	}
	l := &req.Log
	conf := &Config{ID: req.ID, RuntimeOpts: req.RuntimeOpts, Terminal: req.Terminal, Stdin: req.Stdin, LeaveStdinOpen: !req.StdinOnce, ExitDir: req.ExitDir,
		Log: logs.Config{ID: req.ID, Name: l.Name, Tag: l.Tag, Labels: l.Labels, Paths: l.Paths, SizeMax: l.SizeMax, GlobalSizeMax: l.GlobalSizeMax,
			Rotate: l.Rotate, MaxFiles: int(l.MaxFiles), AllowlistDirs: l.AllowlistDirs, NoPartialMessage: l.NoPartial, NoSync: l.NoSync}}
	if l.Block {
		conf.Log.OnFull = logs.Block
	}
	if l.Rotate && l.MaxFiles == 0 {
		conf.Log.MaxFiles = 1
	}
	if len(conf.Log.Paths) == 0 {
		conf.Log.Paths = []string{"none"}
	}
	for _, path := range conf.Log.Paths {
		if driver, _, err := logs.ParsePath(path); err == nil && driver == logs.Passthrough {
			return nil, bad("/logPaths", "a pod's monitor has no streams to pass on")
		}
	}
	if req.ExitDir != "" && req.ExitDir[0] != '/' {
		return nil, bad("/exitDir", "not an absolute path: "+req.ExitDir)
	}
	return conf, nil
}

// create makes a container that waits to be started.
func (s *Server) create(c *conn, req *wire.Request) error {
	conf, err := s.settled(req)
	if err != nil {
		return err
	}
	bad := func(field, problem string) error {
		return &specs.Error{Field: field, Problem: problem, Kind: specs.ErrInvalid}
	}
	switch {
	case req.Exec != "":
		return bad("/exec", "create makes no exec")
	case req.Runtime == "" || req.Runtime[0] != '/':
		return bad("/runtime", "not an absolute path: "+req.Runtime)
	case req.Bundle == "" || req.Bundle[0] != '/':
		return bad("/bundle", "not an absolute path: "+req.Bundle)
	}
	if err := unix.Access(req.Runtime, unix.X_OK); err != nil {
		return &specs.Error{Field: "/runtime", Syscall: "access", Path: req.Runtime, Errno: err.(syscall.Errno), Hint: "the runtime must be a program"}
	}
	if b, _ := s.find(req.ID, ""); b != nil {
		return &specs.Error{Problem: "there is one of this name: it is " + b.state, Hint: "remove it when it has ended", Kind: specs.ErrExist}
	}
	if err := unix.Mkdir(s.Dir+"/"+req.ID, 0o700); err != nil && err != unix.EEXIST {
		return failed("keep records", "mkdir", s.Dir+"/"+req.ID, err)
	}
	conf.Runtime, conf.RuntimeArgs, conf.SystemdCgroup = req.Runtime, req.RuntimeArgs, req.SystemdCgroup
	conf.NoPivot, conf.NoNewKeyring, conf.Bundle, conf.NotifySocket = req.NoPivot, req.NoNewKeyring, req.Bundle, req.NotifySocket
	b := &member{s: s, id: req.ID, bundle: req.Bundle, terminal: req.Terminal, stdin: req.Stdin, stdinOnce: req.StdinOnce, asker: c,
		runtime: runtimeOf{req.Runtime, req.RuntimeArgs, req.SystemdCgroup}}
	c.waits = b
	if err := b.begin(conf, req); err != nil {
		c.waits = nil
		unix.Rmdir(s.Dir + "/" + req.ID)
		return err
	}
	return nil
}

// defaultLimit is how much output an exec-sync gives if nobody says: what the
// kubelet reads.
const defaultLimit = 16 << 20

// exec runs a process in a container.
func (s *Server) exec(c *conn, req *wire.Request) error {
	conf, err := s.settled(req)
	if err != nil {
		return err
	}
	of, err := s.live(req.ID, "")
	if err != nil {
		return err
	}
	sync := req.Verb == wire.VerbExecSync
	if sync {
		s.serial++
		req.Exec = "@" + itoa(s.serial) // no name that anybody could choose
	}
	switch {
	case req.Exec == "":
		return &specs.Error{Field: "/exec", Problem: "an exec needs an id", Kind: specs.ErrInvalid}
	case (req.Process == "") == (req.ProcessFile == ""):
		return &specs.Error{Field: "/process", Problem: "want the process, or a file that has it", Kind: specs.ErrInvalid}
	case req.ExitDir != "":
		return &specs.Error{Field: "/exitDir", Problem: "files there are named after containers", Kind: specs.ErrInvalid}
	case req.Limit < 0:
		return &specs.Error{Field: "/limit", Problem: "out of range", Kind: specs.ErrInvalid}
	}
	for _, b := range s.members {
		if b.id == req.ID && b.exec == req.Exec {
			return &specs.Error{Problem: "there is an exec of this name: it is " + b.state, Hint: "remove it when it has ended", Kind: specs.ErrExist}
		}
	}
	b := &member{s: s, id: req.ID, exec: req.Exec, terminal: req.Terminal, stdin: req.Stdin, stdinOnce: req.StdinOnce, sync: sync, asker: c}
	conf.Mode, conf.Runtime, conf.RuntimeArgs, conf.ProcessSpec = Exec, of.runtime.path, of.runtime.args, req.ProcessFile
	if req.Process != "" {
		conf.ProcessSpec = b.processFile()
		if err := writeSmall(conf.ProcessSpec, req.Process); err != nil {
			return err
		}
	}
	switch {
	case sync:
		b.attach = &talk{c: c, member: b, block: true, limited: true, left: req.Limit}
		if req.Limit == 0 {
			b.attach.left = defaultLimit
		}
		c.sync = b
	case req.Attach:
		b.attach = &talk{c: c, member: b, block: req.Block, wantInput: req.Stdin}
	}
	c.waits = b
	if err := b.begin(conf, req); err != nil {
		c.waits, c.sync = nil, nil
		b.dropFiles()
		return err
	}
	return nil
}

// writeSmall writes a file that only the runtime reads, and soon.
func writeSmall(path, text string) error {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return failed("hand on the process", "open", path, err)
	}
	defer unix.Close(fd)
	for rest := []byte(text); len(rest) > 0; {
		n, err := unix.Write(fd, rest)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return failed("hand on the process", "write", path, err)
		}
		rest = rest[n:]
	}
	return nil
}

// start lets a container's process run.
func (s *Server) start(c *conn, b *member) error {
	switch {
	case b.exec != "":
		return &specs.Error{Problem: "an exec runs from the beginning", Kind: specs.ErrInvalid}
	case b.state != wire.Created:
		return &specs.Error{Problem: "it is " + b.state + " and not created", Kind: specs.ErrBusy}
	}
	return s.callRuntime(c, b, "start", func() {
		if b.state == wire.Created { // it may have ended by now
			b.state = wire.Running
		}
		s.tell(wire.EventStarted, b)
	})
}

// attachTo goes on with the streams of a member.
func (b *member) attachTo(c *conn, req *wire.Request) error {
	st := b.status()
	if b.c == nil {
		c.answer(st)
		return nil
	}
	st.Event = wire.EventAttached
	c.message(wire.Event, st)
	if c.fd >= 0 && b.c != nil {
		(&talk{c: c, member: b, block: req.Block, wantInput: req.Stdin}).join()
	}
	return nil
}

// wait answers when it has ended.
func (b *member) wait(c *conn) error {
	if b.c == nil {
		c.answer(b.status())
		return nil
	}
	c.waits = b
	b.waiters = append(b.waiters, c)
	return nil
}

// list tells of all members, one in a message, and with events of all that
// happens to them from then on.
func (s *Server) list(c *conn, events bool) error {
	for _, b := range s.members {
		if !b.sync {
			c.message(wire.Item, b.status())
		}
	}
	if !events {
		c.answer(&wire.Status{})
		return nil
	}
	c.message(wire.Event, &wire.Status{Event: wire.EventNow})
	if c.fd >= 0 {
		s.subs = append(s.subs, c)
	}
	return nil
}

// signal sends to the process itself, through its pidfd.
func (b *member) signal(req *wire.Request) error {
	if req.Signal < 0 || req.Signal > 64 {
		return &specs.Error{Field: "/signal", Problem: "there is no signal " + itoa(int(req.Signal)), Kind: specs.ErrInvalid}
	}
	if b.state == wire.Creating {
		return &specs.Error{Problem: "it is being created", Kind: specs.ErrBusy}
	}
	send := b.c.process.signal
	if req.Group {
		send = b.c.process.signalGroup
	}
	if err := send(unix.Signal(req.Signal)); err != nil {
		e := failed("", "pidfd_send_signal", itoa(b.c.Pid()), err)
		if err == unix.ESRCH {
			e.Kind = specs.ErrNotRunning
		}
		return e
	}
	return nil
}

// remove forgets a member that has ended, and a container's execs with it.
func (s *Server) remove(c *conn, b *member) error {
	if b.c != nil {
		return &specs.Error{Problem: "it is " + b.state, Hint: "it can be removed when it has ended", Kind: specs.ErrBusy}
	}
	if b.exec == "" {
		for _, other := range s.members {
			if other.id == b.id && other.c != nil {
				return &specs.Error{Problem: "exec " + other.exec + " is " + other.state, Kind: specs.ErrBusy}
			}
		}
		for i := len(s.members) - 1; i >= 0; i-- {
			if i < len(s.members) && s.members[i].id == b.id && s.members[i] != b {
				s.members[i].remove()
			}
		}
	}
	b.remove()
	s.tell(wire.EventRemoved, b)
	c.answer(b.status())
	return nil
}
