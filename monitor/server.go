package monitor

import (
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"stave/monitor/wire"
	specs "stave/specs/leaf"
)

// server.go: pod mode. One process, any number of containers and execs, and a
// socket on which callers ask for them. A connection is one conversation
// (server_conn.go), which asks for one thing (pod_verbs.go) of one member of
// the pod (pod.go). docs/monitor.md describes it for callers.

// Server is a pod's monitor.
type Server struct {
	Socket  string // path
	Dir     string // absolute; of records and of files for the runtime
	Program string // who we are, for greetings

	m        *Monitor
	listener watch
	accept   timer
	lock     int // Dir, flocked
	conns    []*conn
	members  []*member
	subs     []*conn // that want to hear of everything
	closing  bool    // no new members; the last one's end is ours
	closer   *conn   // who wants to know of that
	serial   int     // of execs without a name
	requests int64
	garbage  int // requests since the last collection

	// One of each is enough on one goroutine, and each that were made anew
	// would touch pages of its own in the heap.
	req wire.Request
	st  wire.Status
	buf []byte // of the message being sent
}

const (
	maxConns    = 256
	backlog     = 128
	collectEach = 64 // requests
)

// Serve listens, calls ready, and serves until it is told to end.
func (s *Server) Serve(m *Monitor, ready func()) error {
	s.m, s.listener.fd, s.lock = m, -1, -1
	s.accept.fire = s.again
	m.signals.stop = func(unix.Signal) { s.leave() }
	if err := s.open(); err != nil {
		return err
	}
	ready()
	m.Run()
	// Nobody shall come to a monitor that is about to go.
	unix.Unlink(s.Socket)
	unix.Rmdir(s.Dir) // unless records are left in it
	return nil
}

// open makes the directory and the socket, both for our own user only. Whoever
// has the lock of the directory is the one monitor that serves here; a socket
// that is there all the same is left over from one that was killed.
func (s *Server) open() error {
	const step = "serve"
	for {
		if err := unix.Mkdir(s.Dir, 0o700); err != nil && err != unix.EEXIST {
			return failed(step, "mkdir", s.Dir, err)
		}
		fd, err := unix.Open(s.Dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			return failed(step, "open", s.Dir, err)
		}
		s.lock = fd
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return failed(step, "fstat", s.Dir, err)
		}
		if int(st.Uid) != unix.Geteuid() || st.Mode&0o022 != 0 {
			e := failed(step, "open", s.Dir, unix.EPERM)
			e.Hint = "the directory of records must belong to us, and nobody else may write in it"
			return e
		}
		if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err != nil {
			e := failed(step, "flock", s.Dir, unix.EADDRINUSE)
			if err != unix.EWOULDBLOCK {
				e.Errno = err.(syscall.Errno)
			}
			e.Problem, e.Kind = "another monitor serves at "+s.Socket, specs.ErrBusy
			return e
		}
		// The one before us may have removed it just after we opened it.
		var now unix.Stat_t
		if unix.Lstat(s.Dir, &now) == nil && now.Ino == st.Ino && now.Dev == st.Dev {
			break
		}
		unix.Close(fd)
	}
	fd, err := listen(s.Socket, unix.SOCK_STREAM, 0o600, backlog)
	if err != nil {
		return err
	}
	s.listener.fd = fd
	return s.m.add(&s.listener, unix.EPOLLIN, s)
}

// ready: somebody connects.
func (s *Server) ready(uint32) {
	for {
		fd, _, err := unix.Accept4(s.listener.fd, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		switch err {
		case nil:
			s.welcome(fd)
		case unix.ECONNABORTED, unix.EINTR:
		case unix.EAGAIN:
			return
		default:
			// As for the attach socket: they wait in the backlog.
			s.m.Notices.warnErr(failed("accept a caller", "accept4", s.Socket, err))
			s.m.remove(&s.listener)
			s.m.after(&s.accept, retryLog)
			return
		}
	}
}

func (s *Server) again() {
	if s.m.add(&s.listener, unix.EPOLLIN, s) != nil {
		s.m.after(&s.accept, retryLog)
		return
	}
	s.ready(0)
}

// welcome takes a connection on, if it is one of ours. The mode of the socket
// has said so already; but modes can be changed, and descriptors handed on.
func (s *Server) welcome(fd int) {
	c := &conn{watch: watch{fd: fd}, s: s, place: len(s.conns)}
	s.conns = append(s.conns, c)
	c.lag.fire = c.giveUp
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	switch {
	case err != nil:
		c.fail(failed("accept a caller", "getsockopt", "SO_PEERCRED", err))
	case cred.Uid != 0 && int(cred.Uid) != unix.Geteuid():
		e := &wire.Error{}
		e.Errno, e.Kind = unix.EACCES, wire.ErrRefused
		e.Problem = "this monitor serves uid " + itoa(unix.Geteuid()) + " and root, not uid " + itoa(int(cred.Uid))
		c.fail(e)
	case len(s.conns) > maxConns:
		c.fail(&specs.Error{Problem: "there are " + itoa(maxConns) + " conversations already", Kind: specs.ErrBusy})
	default:
		c.settle()
	}
}

// forget lets a connection go.
func (s *Server) forget(c *conn) {
	last := len(s.conns) - 1
	s.conns[c.place] = s.conns[last]
	s.conns[c.place].place = c.place
	s.conns[last] = nil
	s.conns = s.conns[:last]
	s.subs = without(s.subs, c)
	if s.closer == c {
		s.closer = nil
	}
}

func without(list []*conn, c *conn) []*conn {
	for i, other := range list {
		if other == c {
			return append(list[:i], list[i+1:]...)
		}
	}
	return list
}

// tell tells all who want to hear of everything.
func (s *Server) tell(event string, b *member) {
	if b.sync {
		return
	}
	for i := len(s.subs) - 1; i >= 0; i-- {
		st := b.status()
		st.Event = event
		s.subs[i].message(wire.Event, st)
	}
}

// collect runs the garbage collector. It is off otherwise (the heap would have
// to grow to 4 MiB before it ran by itself), and what requests leave would add up.
func (s *Server) collect() {
	if s.garbage++; s.garbage >= collectEach {
		s.garbage = 0
		runtime.GC()
	}
}

// running counts members that have not ended.
func (s *Server) running() (n int) {
	for _, b := range s.members {
		if b.c != nil {
			n++
		}
	}
	return n
}

// leave is how SIGTERM is meant: the end, but not for containers.
func (s *Server) leave() {
	if n := s.running(); n > 0 {
		s.m.Notices.warn("asked to end by a signal, but " + itoa(n) + " processes run here; shutdown with force would kill them")
		return
	}
	s.m.End()
}

// shutdown ends the monitor, with force after killing what runs in it.
func (s *Server) shutdown(c *conn, force bool) error {
	if n := s.running(); n > 0 && !force {
		return &specs.Error{Verb: wire.VerbShutdown, Problem: itoa(n) + " processes run here", Hint: "stop them, or use force", Kind: specs.ErrBusy}
	}
	if s.closing {
		return &specs.Error{Verb: wire.VerbShutdown, Problem: "is under way", Kind: specs.ErrBusy}
	}
	s.closing, s.closer = true, c
	for i := len(s.members) - 1; i >= 0; i-- {
		if i < len(s.members) && s.members[i].c != nil {
			s.members[i].kill()
		}
	}
	s.ended()
	return nil
}

// ended: somebody has; perhaps it was the last one.
func (s *Server) ended() {
	if !s.closing || s.running() > 0 {
		return
	}
	if s.closer != nil {
		s.closer.answer(&wire.Status{})
	}
	s.m.End()
}

// stats is the account of ourselves.
func (s *Server) stats() *wire.Stats {
	st := &wire.Stats{Pid: int64(unix.Getpid()), Uptime: int64((s.m.clock() - time.Second) / time.Millisecond),
		Connections: int64(len(s.conns)), Requests: s.requests, Running: int64(s.running())}
	for _, b := range s.members {
		if b.exec == "" {
			st.Containers++
		} else {
			st.Execs++
		}
	}
	if text, err := readSmall("/proc/self/smaps_rollup", 4096); err == nil {
		st.RSS, st.PSS = kilobytes(text, "Rss:"), kilobytes(text, "Pss:")
	}
	st.Descriptors, st.Threads = entries("/proc/self/fd"), entries("/proc/self/task")
	st.Descriptors-- // the one of the look itself
	var usage unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &usage) == nil {
		st.UserTime, st.SystemTime = usage.Utime.Nano()/1000, usage.Stime.Nano()/1000
	}
	return st
}

// kilobytes finds a line of smaps_rollup, proc(5), and gives its value in bytes.
func kilobytes(text, name string) (n int64) {
	for len(text) > 0 {
		line := text
		for i := range len(text) {
			if text[i] == '\n' {
				line = text[:i]
				break
			}
		}
		text = text[min(len(line)+1, len(text)):]
		if len(line) > len(name) && line[:len(name)] == name {
			for _, d := range line[len(name):] {
				if d >= '0' && d <= '9' {
					n = n*10 + int64(d-'0')
				}
			}
			return n << 10
		}
	}
	return 0
}

// entries counts what is in a directory; 0: it cannot be read.
func entries(path string) (n int64) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	var buf [4096]byte
	for {
		got, err := unix.ReadDirent(fd, buf[:])
		if err != nil || got <= 0 {
			return max(n-2, 0) // . and ..
		}
		for p := buf[:got]; len(p) > 0; n++ {
			p = p[int(p[16])|int(p[17])<<8:] // d_reclen; getdents64(2)
		}
	}
}
