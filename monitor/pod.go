package monitor

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"stave/monitor/wire"
	specs "stave/specs/leaf"
)

// pod.go: who is in a pod. A member is a container or an exec in one, from the
// request for it until it is removed, which may be long after its end: what is
// kept then is its record.

// member is one of them. It is the Container's Host.
type member struct {
	s         *Server
	c         *Container // nil: it has ended
	id, exec  string
	state     string
	bundle    string
	terminal  bool
	stdin     bool
	stdinOnce bool
	sync      bool // nobody but its conversation knows of it
	late      bool // it took too long to be created
	doomed    bool // it is killed as soon as it is there
	record    Record
	runtime   runtimeOf // of a container only
	asker     *conn     // who waits for it to be created
	attach    *talk     // who listens to it from the beginning
	waiters   []*conn   // for its end
	deadline  timer
}

// runtimeOf is how a container's runtime is called.
type runtimeOf struct {
	path          string
	args          []string
	systemdCgroup bool
}

// find gives a member, or an error that says what there is none of.
func (s *Server) find(id, exec string) (*member, error) {
	for _, b := range s.members {
		if b.id == id && b.exec == exec && !b.sync {
			return b, nil
		}
	}
	e := &specs.Error{ID: id, Kind: specs.ErrNotExist}
	if exec != "" {
		e.Problem = "there is no exec " + exec
	}
	return nil, e
}

// live is find for those who need a process.
func (s *Server) live(id, exec string) (*member, error) {
	b, err := s.find(id, exec)
	if err == nil && b.c == nil {
		err = &specs.Error{ID: id, Kind: specs.ErrNotRunning}
	}
	return b, err
}

// base is the beginning of the names of its files.
func (b *member) base() string {
	dir := b.s.Dir + "/" + b.id + "/"
	if b.exec != "" {
		return dir + b.exec + "."
	}
	return dir
}

func (b *member) pidFile() string     { return b.base() + "pid" }
func (b *member) recordFile() string  { return b.base() + "exit.json" }
func (b *member) processFile() string { return b.base() + "process.json" }

// begin opens the container of a new member and lets the runtime begin.
func (b *member) begin(conf *Config, req *wire.Request) error {
	s := b.s
	conf.PidFile = b.pidFile()
	if !b.sync {
		conf.RecordPath = b.recordFile()
	}
	unix.Unlink(conf.PidFile) // of an earlier one of this name: it must not be taken for ours
	c, err := s.m.Open(conf, b)
	if err != nil {
		return err
	}
	b.c, b.state = c, wire.Creating
	s.members = append(s.members, b)
	if req.Rows > 0 && req.Cols > 0 && conf.Terminal {
		c.console.resize(uint16(req.Rows), uint16(req.Cols))
	}
	if b.attach != nil {
		b.attach.join()
	}
	if req.Timeout > 0 {
		b.deadline.fire = b.expire
		s.m.after(&b.deadline, time.Duration(req.Timeout)*time.Millisecond)
	}
	c.Go()
	return nil
}

// expire: its time is up, whether it is there yet or not.
func (b *member) expire() {
	if b.c.state == running {
		b.c.happened(evTimeout)
		return
	}
	if b.c.state == creating {
		b.late = true
		b.c.Stop(unix.SIGKILL)
	}
}

// kill ends it, and its runtime too.
func (b *member) kill() {
	switch {
	case b.c == nil:
	case b.c.state == running:
		b.c.process.signalGroup(unix.SIGKILL)
	case b.c.state == creating:
		b.c.Stop(unix.SIGKILL)
	}
}

// doom ends it without disturbing the runtime.
func (b *member) doom() {
	b.doomed = true
	if b.c != nil && b.c.state == running {
		b.kill()
	}
}

// Created is the Host's.
func (b *member) Created(c *Container) {
	b.state = wire.Created
	if b.exec != "" {
		b.state = wire.Running
	}
	b.dropFiles()
	b.s.tell(wire.EventCreated, b)
	b.tellAsker()
	// Only now: that its caller is dead may have shown just when it was told.
	if b.doomed {
		c.process.signalGroup(unix.SIGKILL)
	}
}

// tellAsker tells who has asked for it that it is there.
func (b *member) tellAsker() {
	asker := b.asker
	b.asker = nil
	if asker == nil {
		return
	}
	asker.waits = nil
	st := b.status()
	if b.attach == nil {
		asker.answer(st)
		return
	}
	st.Event = wire.EventCreated
	asker.message(wire.Event, st)
}

// dropFiles removes what was only for the runtime to read and write.
func (b *member) dropFiles() {
	unix.Unlink(b.pidFile())
	if b.exec != "" {
		unix.Unlink(b.processFile())
	}
}

// Failed is the Host's.
func (b *member) Failed(c *Container, _ string) {
	verb := wire.VerbCreate
	if b.exec != "" {
		verb = wire.VerbExec
	}
	e := wire.RuntimeError(verb, b.id, string(c.early))
	if p, ok := c.problem.(*specs.Error); ok {
		// We know better than the runtime, if it has said anything at all.
		e.Record = *p
		e.Verb, e.ID = verb, b.id
	}
	if b.late {
		e.Kind, e.Hint = wire.ErrTimeout, "the runtime was killed; it had not come to an end in the time that was given"
	}
	b.dropFiles()
	b.over(c)
	b.record.Code = -1
	b.s.tell(wire.EventFailed, b)
	if b.asker != nil {
		b.asker.waits, b.asker.sync = nil, nil
		b.asker.fail(e)
	}
	for len(b.waiters) > 0 { // each leaves as it is answered
		w := b.waiters[len(b.waiters)-1]
		b.waiters = b.waiters[:len(b.waiters)-1]
		w.waits = nil
		w.fail(e)
	}
	b.remove()
	b.s.ended()
}

// Ending is the Host's.
func (b *member) Ending(*Container) {}

// Ended is the Host's.
func (b *member) Ended(c *Container) {
	b.over(c)
	b.s.tell(wire.EventStopped, b)
	for len(b.waiters) > 0 {
		w := b.waiters[len(b.waiters)-1]
		b.waiters = b.waiters[:len(b.waiters)-1]
		w.waits = nil
		w.answer(b.status())
	}
	if b.sync {
		b.remove()
	}
	b.s.ended()
}

// over lets the Container go; the record stays.
func (b *member) over(c *Container) {
	b.s.m.stop(&b.deadline)
	for i := len(c.attach.taps) - 1; i >= 0; i-- {
		c.attach.taps[i].(*talk).leave()
	}
	b.record, b.state = *c.Record(), wire.Stopped
	b.c, b.attach = nil, nil
}

// remove forgets a member, with its files.
func (b *member) remove() {
	s := b.s
	for i, other := range s.members {
		if other == b {
			last := len(s.members) - 1
			s.members[i] = s.members[last]
			s.members[last] = nil
			s.members = s.members[:last]
			break
		}
	}
	unix.Unlink(b.recordFile())
	if b.exec == "" {
		unix.Rmdir(s.Dir + "/" + b.id)
	}
}

// status is what callers are told of it. It is the Server's, until the next is made.
func (b *member) status() *wire.Status {
	r := &b.record
	if b.c != nil {
		r = b.c.Record()
	}
	st := &b.s.st
	*st = wire.Status{ID: b.id, Exec: b.exec, State: b.state, Pid: int64(r.Pid), Bundle: b.bundle, Terminal: b.terminal, Stdin: b.stdin, Created: stamp(r.Created)}
	if r.Ended.IsZero() && b.state != wire.Stopped {
		return st
	}
	st.Code, st.Known, st.Core, st.OOMKilled, st.TimedOut = int64(r.Code), r.Status.Known, r.Status.Core, r.OOM, r.TimedOut
	if r.Status.Signal != 0 {
		st.Signal = unix.SignalName(r.Status.Signal)
	}
	st.Ended, st.LostRecords, st.LostBytes = stamp(r.Ended), r.Lost.Records, r.Lost.Bytes
	return st
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// resize is for whoever asks.
func (b *member) resize(rows, cols int64) error {
	switch {
	case !b.terminal:
		return &specs.Error{Verb: wire.VerbResize, ID: b.id, Problem: "it has no terminal", Kind: specs.ErrInvalid}
	case rows < 0 || cols < 0 || rows > 0xffff || cols > 0xffff:
		return &specs.Error{Verb: wire.VerbResize, ID: b.id, Problem: "no size of a terminal: " + itoa(int(rows)) + "x" + itoa(int(cols)), Kind: specs.ErrInvalid}
	case b.c != nil:
		b.c.console.resize(uint16(rows), uint16(cols))
	}
	return nil
}

// runtimeCall is the runtime called for something that is over when it ends:
// start. What it prints to standard error is the reason if it fails.
type runtimeCall struct {
	watch // our end of its standard error
	s     *Server
	conn  *conn // who wants to know; nil: nobody any more
	verb  string
	b     *member
	text  []byte
	cmd   *command
	proc  process
	done  func()
}

// callRuntime begins it. done is called if it went well.
func (s *Server) callRuntime(c *conn, b *member, verb string, done func()) error {
	r := &runtimeCall{s: s, conn: c, verb: verb, b: b, done: done}
	argv := []string{b.runtime.path}
	if b.runtime.systemdCgroup {
		argv = append(argv, "--systemd-cgroup")
	}
	argv = append(append(argv, b.runtime.args...), verb, b.id)
	cmd, err := newCommand(argv, s.m.Env)
	if err != nil {
		return err
	}
	cmd.oomScore, cmd.dieWith = []byte(s.m.OOMScore), unix.Getpid()
	r.cmd, r.proc.ended, r.fd = cmd, r.ended, -1
	if err := r.begin(); err != nil {
		s.m.drop(&r.watch)
		cmd.free()
		return err
	}
	c.call = r
	return nil
}

func (r *runtimeCall) begin() error {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return failed("call the runtime", "pipe2", "", err)
	}
	r.fd = ends[0]
	defer unix.Close(ends[1])
	unix.SetNonblock(r.fd, true)
	null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return failed("call the runtime", "open", "/dev/null", err)
	}
	defer unix.Close(null)
	if err := r.s.m.add(&r.watch, unix.EPOLLIN, r); err != nil {
		return err
	}
	r.cmd.stdio = [3]int{null, null, ends[1]}
	pid, pidfd, err := r.cmd.start()
	if err != nil {
		return err
	}
	if err := r.proc.follow(r.s.m, pid, pidfd); err != nil {
		unix.PidfdSendSignal(pidfd, unix.SIGKILL, nil, 0)
		unix.Close(pidfd)
		return err
	}
	return nil
}

// ready: the runtime says something.
func (r *runtimeCall) ready(uint32) {
	if !r.read() {
		r.s.m.drop(&r.watch)
	}
}

// read takes what has been said; false: that was all.
func (r *runtimeCall) read() bool {
	if r.fd < 0 {
		return false
	}
	m := r.s.m
	n, err := unix.Read(r.fd, m.in.mem)
	if err == unix.EAGAIN || err == unix.EINTR {
		return true
	}
	if err != nil || n == 0 {
		return false
	}
	m.in.used(n)
	r.text = append(r.text, m.in.mem[:min(n, maxMessage-len(r.text))]...)
	return true
}

// ended: the runtime has.
func (r *runtimeCall) ended(status Status) {
	r.read()
	r.s.m.drop(&r.watch)
	errno := r.cmd.execErrno()
	r.cmd.free()
	c := r.conn
	if c != nil {
		c.call = nil
	}
	if status.ExitCode() == 0 && errno == 0 {
		r.done()
		if c != nil {
			c.answer(r.b.status())
		}
		return
	}
	e := wire.RuntimeError(r.verb, r.b.id, string(r.text))
	if errno != 0 {
		e.Syscall, e.Path, e.Errno, e.Problem = "execve", r.b.runtime.path, syscall.Errno(errno), ""
	} else if status.Signal != 0 {
		e.Problem = "the runtime was killed by " + unix.SignalName(status.Signal)
	}
	if c != nil {
		c.fail(e)
	}
}
