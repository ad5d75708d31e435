package monitor

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"stave/monitor/sigevent"
)

// reap.go: how processes end. Each process that matters is watched through its
// pidfd and waited for through it (waitid(2) with P_PIDFD): no pid is ever
// waited for or signalled that could be a stranger's by now. SIGCHLD only says
// that it may be time to look for the others, the orphans that come to us as
// their subreaper.

// Status is how a process ended.
type Status struct {
	Known  bool // false: it was not our child, and nobody told us
	Code   int  // exit status, if Signal is 0
	Signal unix.Signal
	Core   bool // dumped
}

// ExitCode is the status as a shell counts it; -1 if it is not known.
func (s Status) ExitCode() int {
	switch {
	case !s.Known:
		return -1
	case s.Signal != 0:
		return 128 + int(s.Signal)
	}
	return s.Code
}

// childInfo is siginfo_t as waitid(2) fills it.
type childInfo struct {
	signo, errno, code, _ int32
	pid                   int32
	uid                   uint32
	status                int32
	_                     [100]byte
}

// si_code of SIGCHLD; sigaction(2).
const (
	cldExited = 1
	cldKilled = 2
	cldDumped = 3
)

func (i *childInfo) statusOf() Status {
	switch i.code {
	case cldKilled, cldDumped:
		return Status{Known: true, Signal: unix.Signal(i.status), Core: i.code == cldDumped}
	}
	return Status{Known: true, Code: int(i.status)}
}

func waitid(kind, id, options int) (childInfo, error) {
	var info childInfo
	for {
		err := unix.Waitid(kind, id, (*unix.Siginfo)(unsafe.Pointer(&info)), options, nil)
		if err != unix.EINTR {
			return info, err
		}
	}
}

// process is one that we wait for.
type process struct {
	watch // its pidfd
	m     *Monitor
	pid   int
	begun uint64 // of a runtime that makes a process: its number; Monitor.begun
	ended func(Status)
}

// follow begins to wait. It takes pidfd over.
func (p *process) follow(m *Monitor, pid, pidfd int) error {
	p.m, p.pid, p.fd = m, pid, pidfd
	if err := m.add(&p.watch, unix.EPOLLIN, p); err != nil {
		return err
	}
	m.processes = append(m.processes, p)
	return nil
}

// ready: the process has ended, or was no process any more.
func (p *process) ready(uint32) { p.collect() }

// collect takes the status, if there is one.
func (p *process) collect() {
	info, err := waitid(unix.P_PIDFD, p.fd, unix.WEXITED|unix.WNOHANG)
	if err == nil && info.pid == 0 {
		return // not yet
	}
	status := Status{} // ECHILD: not ours, or somebody else's runtime has waited for it
	if err == nil {
		status = info.statusOf()
	}
	p.forget()
	p.ended(status)
}

// forget stops waiting.
func (p *process) forget() {
	if p.fd < 0 || p.pid == 0 {
		return
	}
	p.m.drop(&p.watch)
	p.pid = 0
	for i, q := range p.m.processes {
		if q == p {
			last := len(p.m.processes) - 1
			p.m.processes[i] = p.m.processes[last]
			p.m.processes[last] = nil
			p.m.processes = p.m.processes[:last]
			break
		}
	}
}

// signal sends to exactly this process, or to nobody.
func (p *process) signal(sig unix.Signal) error {
	if p.pid == 0 {
		return unix.ESRCH
	}
	return unix.PidfdSendSignal(p.fd, sig, nil, 0)
}

// signalGroup sends to its process group as well, if it has one of its own
// that we may name: while its leader is not waited for, its number cannot be
// anybody else's.
func (p *process) signalGroup(sig unix.Signal) error {
	err := p.signal(sig)
	if err != nil {
		return err
	}
	if pgid, err := unix.Getpgid(p.pid); err == nil && pgid > 1 && pgid == p.pid {
		unix.Kill(-pgid, sig)
	}
	return nil
}

// signals hears of SIGCHLD, and of what asks the monitor to end.
type signals struct {
	watch
	m *Monitor
	// stop is called with SIGTERM, SIGINT and SIGQUIT. SIGHUP and the like
	// mean nothing to a monitor, and are not its end either.
	stop func(unix.Signal)
}

func (s *signals) open(m *Monitor) error {
	s.m = m
	fd, err := sigevent.Open(unix.SIGCHLD, unix.SIGTERM, unix.SIGINT, unix.SIGQUIT, unix.SIGHUP, unix.SIGUSR1, unix.SIGUSR2, unix.SIGALRM)
	if err != nil {
		return failed("hear of signals", "rt_sigaction", "", err)
	}
	s.fd = fd
	return m.add(&s.watch, unix.EPOLLIN, s)
}

func (s *signals) ready(uint32) {
	sigevent.Take(s.fd)
	if sigevent.Has(unix.SIGCHLD) {
		s.m.sweep()
	}
	for _, sig := range [...]unix.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGQUIT} {
		if s.stop != nil && sigevent.Has(sig) {
			s.stop(sig)
		}
	}
}

// sweep takes all children that have ended. One that we do not know may still
// be the process that a runtime at work is about to tell us of: its status is
// kept until it cannot be any more.
func (m *Monitor) sweep() {
	m.forgetUnclaimed()
	for len(m.unclaimed) < maxUnclaimed {
		info, err := waitid(unix.P_ALL, 0, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT)
		if err != nil || info.pid == 0 {
			return
		}
		if p := m.processOf(int(info.pid)); p != nil {
			p.collect()
			continue
		}
		if info, err = waitid(unix.P_PID, int(info.pid), unix.WEXITED|unix.WNOHANG); err != nil {
			return
		}
		if m.creating > 0 {
			m.unclaimed = append(m.unclaimed, unclaimed{pid: info.pid, code: info.code, status: info.status, begun: m.begun})
		}
	}
}

// unclaimed is the end of a process that came to us as an orphan while runtimes
// were at work.
type unclaimed struct {
	pid, code, status int32
	begun             uint64 // Monitor.begun then: a runtime that began later did not make it
}

// maxUnclaimed bounds what is kept. Beyond it orphans stay zombies until the
// oldest runtime at work ends.
const maxUnclaimed = 4096

// claim gives the status of a process that a runtime has just named, if it is
// one that has been waited for already.
func (m *Monitor) claim(pid int) (Status, bool) {
	if len(m.unclaimed) == 0 {
		return Status{}, false
	}
	// A child of this number, dead or alive, has it from an orphan that had it before.
	if _, err := waitid(unix.P_PID, pid, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT); err == nil {
		return Status{}, false
	}
	for i := len(m.unclaimed) - 1; i >= 0; i-- {
		if u := &m.unclaimed[i]; int(u.pid) == pid {
			info := childInfo{code: u.code, status: u.status}
			return info.statusOf(), true
		}
	}
	return Status{}, false
}

// forgetUnclaimed drops what was there before the oldest runtime at work.
func (m *Monitor) forgetUnclaimed() {
	if len(m.unclaimed) == 0 {
		return
	}
	oldest := m.begun + 1
	for _, p := range m.processes {
		if p.begun != 0 && p.begun < oldest {
			oldest = p.begun
		}
	}
	n := 0
	for n < len(m.unclaimed) && m.unclaimed[n].begun < oldest {
		n++
	}
	if m.unclaimed = m.unclaimed[n:]; len(m.unclaimed) == 0 {
		m.unclaimed = nil
	}
}
