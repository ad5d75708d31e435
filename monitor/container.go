package monitor

import (
	"time"

	"golang.org/x/sys/unix"

	"stave/monitor/logs"
	specs "stave/specs/leaf"
)

// Host is told what becomes of a container. Its methods run inside the loop
// and must not wait.
type Host interface {
	// Created: the process exists, for a container up to its gate.
	Created(c *Container)
	// Failed: it does not, and message says why, in the runtime's words if
	// it had any. The last word of c.
	Failed(c *Container, message string)
	// Ending: the process has ended and all its output is in the log. The
	// record is about to be written.
	Ending(c *Container)
	// Ended: the record is on disk, and the clients have what was queued for
	// them. The last word of c.
	Ended(c *Container)
}

// Container is one container, or one exec in one, from before it exists until
// its end is on record.
type Container struct {
	m     *Monitor
	host  Host
	conf  *Config
	state state
	told  bool // host has heard the last word

	log     *logs.Logs
	blocked bool // the log is, and nothing is read
	room    room
	retry   timer

	stdin          input
	stdout, stderr stream
	console        console
	early          []byte // of stderr, while the runtime is at work
	spilled        bool   // it was more than a message holds, and went on into the log
	stdio          [3]int // of the runtime, until it has been started
	ownStdio       bool   // passthrough: it is ours

	attach      attach
	awaited     int // clients that the output waits for
	retryAccept timer
	ctl, winsz  fifo
	notify      relay
	oom         oomWatch

	command          *command
	runtime, process process
	problem          error // why it failed, if we know better than the runtime
	stop             unix.Signal

	timeout  timer
	patience timer
	progress bool // a client has read something
	record   Record
}

// How long the monitor waits for what may never come.
const (
	retryLog      = time.Second      // between two looks for room in a log, or for a descriptor
	killPatience  = 10 * time.Second // from SIGKILL to the end; a process can hang in the kernel
	drainPatience = 10 * time.Second // after the end, for room in a log that must not lose anything
	flushPatience = time.Second      // after the end, for a client that reads nothing
)

// Open prepares a container: its log, sockets, fifos and pipes exist when it
// returns. Go lets the runtime begin.
func (m *Monitor) Open(conf *Config, host Host) (*Container, error) {
	c := &Container{m: m, host: host, conf: conf, stdio: [3]int{-1, -1, -1}}
	c.runtime.fd, c.process.fd = -1, -1
	c.stdin = input{watch: watch{fd: -1}, c: c}
	c.stdout.open(c, -1, logs.Stdout, tagStdout)
	c.stderr.open(c, -1, logs.Stderr, tagStderr)
	c.attach.fd, c.ctl.fd, c.winsz.fd, c.notify.fd, c.notify.to, c.oom.fd, c.oom.file = -1, -1, -1, -1, -1, -1, -1
	c.retry.fire, c.retryAccept.fire, c.attach.stall.fire = c.tryLog, c.attach.again, c.attach.look
	c.timeout.fire = func() { c.happened(evTimeout) }
	c.patience.fire = func() { c.happened(evPatience) }
	c.record.ID = conf.ID
	for _, step := range []func() error{c.openLog, c.openNotify, c.openStdio, c.openAttach, c.openFifos} {
		if err := step(); err != nil {
			c.closeAll()
			return nil, err
		}
	}
	conf.forgetEarlier()
	return c, nil
}

func (c *Container) openLog() (err error) {
	conf := c.conf.Log
	conf.Buffer = c.m.out
	if c.log, err = logs.Open(&conf); err != nil {
		return err
	}
	c.m.logsOpen = append(c.m.logsOpen, c.log)
	return nil
}

func (c *Container) openNotify() error { return c.notify.open(c) }

// openStdio makes what the runtime gets as 0, 1 and 2. With a terminal that is
// only for its own messages.
func (c *Container) openStdio() error {
	c.ownStdio = c.log.Passthrough()
	if c.ownStdio {
		c.stdio = [3]int{0, 1, 2}
		c.stdin.closed = true
		return nil
	}
	var err error
	if c.conf.Terminal {
		if err := c.console.open(c); err != nil {
			return err
		}
	} else {
		if c.conf.Stdin {
			if c.stdio[0], c.stdin.fd, err = pipe(); err != nil {
				return err
			}
			unix.SetNonblock(c.stdin.fd, true)
		} else {
			c.stdin.closed = true
		}
		if c.stdout.fd, c.stdio[1], err = pipe(); err != nil {
			return err
		}
		unix.SetNonblock(c.stdout.fd, true)
	}
	if c.stderr.fd, c.stdio[2], err = pipe(); err != nil {
		return err
	}
	unix.SetNonblock(c.stderr.fd, true)
	for i, fd := range c.stdio {
		if fd >= 0 {
			continue
		}
		if c.stdio[i], err = unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0); err != nil {
			return failed("make the runtime's stdio", "open", "/dev/null", err)
		}
	}
	return nil
}

// pipe is one that programs may open again as /dev/stdout, whoever they run as.
func pipe() (r, w int, err error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return -1, -1, failed("make the container's stdio", "pipe2", "", err)
	}
	for _, fd := range p {
		if err := unix.Fchmod(fd, 0o777); err != nil {
			unix.Close(p[0])
			unix.Close(p[1])
			return -1, -1, failed("make the container's stdio", "fchmod", "", err)
		}
	}
	return p[0], p[1], nil
}

func (c *Container) openAttach() error {
	if c.ownStdio {
		c.conf.AttachPath = ""
	}
	return c.attach.open(c)
}

func (c *Container) openFifos() error {
	if !c.conf.Fifos || c.ownStdio {
		return nil
	}
	if err := c.winsz.open(c, "winsz", 2, func(v [3]int) { c.console.resize(uint16(v[0]), uint16(v[1])) }); err != nil {
		return err
	}
	if err := c.ctl.open(c, "ctl", 3, c.obeyCtl); err != nil {
		return err
	}
	return c.ctl.listen()
}

// Go lets the runtime begin.
func (c *Container) Go() { c.happened(evGo) }

// Stop hands a signal on to the process, or to the runtime if that is still at work.
func (c *Container) Stop(sig unix.Signal) {
	c.stop = sig
	c.happened(evStop)
}

// Pid is the process, as the host counts.
func (c *Container) Pid() int { return c.record.Pid }

// Record is how it ended; complete when the host is told of the end.
func (c *Container) Record() *Record { return &c.record }

// Passthrough says that it has the monitor's own stdio.
func (c *Container) Passthrough() bool { return c.ownStdio }

// create calls the runtime.
func (c *Container) create() state {
	err := c.spawnRuntime(c.stdio)
	c.closeStdio()
	if err != nil {
		c.problem = err
		return c.refuse()
	}
	c.stdout.listen()
	c.stderr.listen()
	return creating
}

// closeStdio closes the runtime's ends: then only those who write hold them.
func (c *Container) closeStdio() {
	for i, fd := range c.stdio {
		if fd > 2 {
			unix.Close(fd)
		}
		c.stdio[i] = -1
	}
}

// runtimeEnded: the runtime has done its work, or not.
func (c *Container) runtimeEnded(status Status) {
	c.m.creating--
	if errno := c.command.execErrno(); errno != 0 {
		c.problem = &specs.Error{Syscall: "execve", Path: c.conf.Runtime, Errno: errno}
	}
	c.command.free()
	c.command = nil
	if status.ExitCode() == 0 && c.problem == nil {
		c.happened(evCreated)
	} else {
		c.stderr.drain() // its message
		if len(c.early) == 0 && c.problem == nil && status.Signal != 0 {
			c.problem = &specs.Error{Path: c.conf.Runtime, Problem: "killed by " + unix.SignalName(status.Signal)}
		}
		c.happened(evFailed)
	}
	c.m.sweep() // what it has left behind
}

// adopt takes the process over from the runtime.
func (c *Container) adopt() state {
	if c.conf.Terminal && !c.ownStdio && !c.console.take() {
		c.problem = errNoTerminal()
		return c.refuse()
	}
	pid, err := readPid(c.conf.PidFile)
	if err != nil {
		c.problem = err
		return c.refuse()
	}
	c.record.Pid, c.record.Created = pid, time.Now()
	c.process.ended = c.processEnded
	early, over := c.m.claim(pid)
	pidfd, err := -1, error(unix.ESRCH)
	if !over { // else the number may be a stranger's by now
		pidfd, err = unix.PidfdOpen(pid, 0)
	}
	if err == nil {
		err = c.process.follow(c.m, pid, pidfd)
	}
	if err != nil && err != unix.ESRCH {
		c.problem = failed("watch the process", "pidfd_open", itoa(pid), err)
		return c.refuse()
	}
	if err == unix.ESRCH {
		// Waited for already; or no child of ours, for that would be a zombie now, and gone.
		c.patience.fire = func() { c.processEnded(early) }
		c.m.after(&c.patience, 0)
	} else if err := c.oom.open(c, pid); err != nil {
		c.m.Notices.warnErr(err)
	}
	if c.conf.Timeout > 0 {
		c.m.after(&c.timeout, c.conf.Timeout)
	}
	c.release()
	c.host.Created(c)
	return running
}

// refuse ends what has not begun.
func (c *Container) refuse() state {
	if c.problem == nil && len(c.early) == 0 {
		c.problem = &specs.Error{Path: c.conf.Runtime, Problem: "failed without a word"}
	}
	c.endHalfMade()
	c.closeAll()
	return over
}

// endHalfMade kills a process that its runtime has made and not lived to tell
// of: else an exec that nobody hears of would run on.
func (c *Container) endHalfMade() {
	pid, err := readPid(c.conf.PidFile)
	if err != nil {
		return
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return
	}
	// It is a child of ours by now; with an old pid file it would be a stranger.
	if _, err := waitid(unix.P_PIDFD, fd, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT); err == nil {
		unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
	}
	unix.Close(fd)
}

// giveUp: stopped before the runtime was called.
func (c *Container) giveUp() state {
	c.problem = &specs.Error{Problem: "stopped by " + unix.SignalName(c.stop)}
	return c.refuse()
}

func (c *Container) stopRuntime() state {
	c.runtime.signal(c.stop)
	return creating
}

func (c *Container) stopProcess() state {
	if err := c.process.signal(c.stop); err != nil {
		c.m.Notices.warnErr(failed("hand on "+unix.SignalName(c.stop), "pidfd_send_signal", itoa(c.record.Pid), err))
	}
	return running
}

// expire: its time is up.
func (c *Container) expire() state {
	c.record.TimedOut = true
	if err := c.process.signalGroup(unix.SIGKILL); err != nil {
		c.m.Notices.warnErr(failed("end it after its timeout", "pidfd_send_signal", itoa(c.record.Pid), err))
	}
	c.m.after(&c.patience, killPatience)
	return running
}

// processEnded: it has.
func (c *Container) processEnded(status Status) {
	c.record.Status, c.record.Ended = status, time.Now()
	c.happened(evEnded)
}

// conclude collects what is left of the output.
func (c *Container) conclude() state {
	if c.state == running {
		c.m.stop(&c.timeout)
		c.m.stop(&c.patience)
		c.patience.fire = func() { c.happened(evPatience) }
		c.oom.check(c.record.Status)
		c.attach.accept() // who has connected in time gets the last words too
		c.ctl.close()
		c.winsz.close()
	}
	c.stdout.drain()
	c.stderr.drain()
	if c.log.Blocked() {
		if c.state == running {
			c.m.after(&c.patience, drainPatience)
		}
		c.watchLog()
		return draining
	}
	return c.settle()
}

// settle puts the end on record, with what is in the log by now.
func (c *Container) settle() state {
	for _, s := range []*stream{&c.stdout, &c.stderr} {
		if s.fd >= 0 {
			c.m.drop(&s.watch)
			c.log.End(s.kind)
		}
	}
	c.m.stop(&c.patience)
	c.closeLog()
	if c.record.Ended.IsZero() {
		c.record.Ended = time.Now() // killed, and given up
		c.process.forget()
	}
	if c.record.Code = c.record.Status.ExitCode(); c.record.TimedOut {
		c.record.Code = -1
	}
	c.host.Ending(c)
	c.writeRecord()
	c.attach.finish()
	if c.attach.lagging() {
		c.progress = false
		c.m.after(&c.patience, flushPatience)
		return flushing
	}
	return c.finish()
}

// closeLog makes the log durable, and counts what it has not got.
func (c *Container) closeLog() {
	if c.log == nil {
		return
	}
	c.m.remove(&c.room.watch)
	c.m.stop(&c.retry)
	log := c.log
	c.log = nil
	err := c.m.closeLog(log)
	c.record.Lost.Records, c.record.Lost.Bytes = log.Lost()
	if err != nil {
		c.m.Notices.warnErr(err)
	}
}

// lose gives up on clients that do not read.
func (c *Container) lose() state {
	if c.progress {
		c.progress = false
		c.m.after(&c.patience, flushPatience)
		return flushing
	}
	return c.finish()
}

// finish closes what is left.
func (c *Container) finish() state {
	c.closeAll()
	return over
}

// closeAll is for any state, also of a container that was never quite opened.
func (c *Container) closeAll() {
	m := c.m
	c.attach.close()
	c.ctl.close()
	c.winsz.close()
	c.notify.close()
	c.oom.close()
	c.console.close()
	c.closeStdio()
	for _, w := range []*watch{&c.stdin.watch, &c.stdout.watch, &c.stderr.watch} {
		m.drop(w)
	}
	unmapped(c.stdin.mem)
	c.stdin.mem, c.stdin.pending, c.stdin.closed = nil, nil, true
	c.closeLog()
	for _, t := range []*timer{&c.timeout, &c.patience, &c.retry, &c.retryAccept, &c.attach.stall} {
		m.stop(t)
	}
}

// farewell tells the host the last word.
func (c *Container) farewell() {
	switch {
	case c.record.Pid != 0 && c.problem == nil:
		c.host.Ended(c)
	case c.problem != nil:
		c.host.Failed(c, c.problem.Error())
	default:
		c.host.Failed(c, string(c.early))
	}
}
