package monitor

import (
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"stave/monitor/logs"
)

// Inherited is what the process found when it began, for those who come after it.
type Inherited struct {
	Env      Environ // environment of what is started
	OOMScore string  // of what is started; empty: as it is
}

// Monitor is the process: the loop, what its containers share, and who they are.
// All of it runs on one goroutine, of which Go's runtime may change the thread:
// nothing here is a thread's own. The end of a parent that kills its child
// (PR_SET_PDEATHSIG) is a thread's, but no thread of Go's ends before the process.
type Monitor struct {
	loop
	Inherited
	Notices *Notices

	table     *[states][events]action
	in        scratch
	out       *logs.Buffer
	signals   signals
	processes []*process
	creating  int         // runtimes at work
	begun     uint64      // runtimes that ever were
	unclaimed []unclaimed // oldest first
	backlogs  int         // clients with a queue
	logsOpen  []*logs.Logs
	reading   bool // something was read since the last rest

	msg unix.Msghdr // of the message being sent
	iov [2]unix.Iovec
	tag [1]byte
}

// New makes a monitor of this process.
func New(from Inherited, notices *Notices) (*Monitor, error) {
	m := &Monitor{Inherited: from, Notices: notices, table: lifecycle()}
	for _, step := range []func() error{m.open, m.in.open, m.openOut, func() error { return m.signals.open(m) }} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	// Orphans of what runs in containers come to us, and with them the
	// container itself, once the runtime that made it has ended.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, failed("adopt orphans", "prctl", "PR_SET_CHILD_SUBREAPER", err)
	}
	return m, nil
}

func (m *Monitor) openOut() (err error) {
	m.out, err = logs.NewBuffer()
	return err
}

// Run serves until End is called.
func (m *Monitor) Run() { m.run(m.warm, m.rest) }

// End makes Run return.
func (m *Monitor) End() { m.end() }

func (m *Monitor) warm() bool { return m.reading }

// rest gives back what a flood has taken, a second after its end.
func (m *Monitor) rest() {
	m.in.trim()
	for _, l := range m.logsOpen {
		l.Trim()
	}
	m.reading = false
}

func (m *Monitor) processOf(pid int) *process {
	for _, p := range m.processes {
		if p.pid == pid {
			return p
		}
	}
	return nil
}

func (m *Monitor) closeLog(l *logs.Logs) error {
	for i, other := range m.logsOpen {
		if other == l {
			m.logsOpen = append(m.logsOpen[:i], m.logsOpen[i+1:]...)
			break
		}
	}
	return l.Close()
}

// realtime is the clock of log records.
func realtime() int64 { return time.Now().UnixNano() }

// readSmall reads a file of procfs or the like, up to max bytes of it.
func readSmall(path string, max int) (string, error) { return readInto(path, make([]byte, max)) }

// readInto is readSmall as far as it goes into buf. The text is buf's, and
// changes with it.
func readInto(path string, buf []byte) (text string, err error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	n := 0
	for n < len(buf) {
		got, err := unix.Read(fd, buf[n:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return "", err
		}
		if got == 0 {
			break
		}
		n += got
	}
	return unsafe.String(unsafe.SliceData(buf), n), nil
}

// readPid reads a pid file.
func readPid(path string) (int, error) {
	var buf [64]byte
	text, err := readInto(path, buf[:])
	if err != nil {
		return 0, failed("read the pid file", "open", path, err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || pid <= 0 {
		e := failed("read the pid file", "", path, unix.EINVAL)
		e.Problem = "is no pid: " + strconv.Quote(text)
		return 0, e
	}
	return pid, nil
}

// WriteFile is how a monitor writes the files that others wait for: complete, or not there.
func WriteFile(path string, data []byte) error { return replace(path, data, 0o644, false) }

// replace writes a file so that nobody ever sees half of it, nor, if it is to
// last, an empty one after a power cut. That takes milliseconds on a disk, and is
// not for what means nothing after a boot.
func replace(path string, data []byte, mode uint32, lasting bool) error {
	dir, name := splitPath(path)
	d, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return failed("write "+path, "open", dir, err)
	}
	defer unix.Close(d)
	temp := name + ".tmp"
	fd, err := unix.Openat(d, temp, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC|unix.O_NOFOLLOW|unix.O_CLOEXEC, mode)
	if err != nil {
		return failed("write "+path, "openat", path+".tmp", err)
	}
	call := "write"
	n, err := unix.Write(fd, data)
	if err == nil && n != len(data) {
		err = unix.ENOSPC
	}
	if err == nil && lasting {
		call, err = "fsync", unix.Fsync(fd)
	}
	unix.Close(fd)
	if err == nil {
		call, err = "renameat", unix.Renameat(d, temp, d, name)
	}
	if err != nil {
		unix.Unlinkat(d, temp, 0)
		return failed("write "+path, call, path+".tmp", err)
	}
	if lasting {
		// The rename itself is durable with the directory. Some filesystems do
		// not know fsync(2) of one; there is nothing better to do there.
		unix.Fsync(d)
	}
	return nil
}

func splitPath(path string) (dir, name string) {
	i := strings.LastIndexByte(path, '/')
	switch {
	case i < 0:
		return ".", path
	case i == 0:
		return "/", path[1:]
	}
	return path[:i], path[i+1:]
}
