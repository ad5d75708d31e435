package monitor

import (
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// notice.go: what the monitor says of itself. To standard error, in conmon's
// form, while there is one; to syslog(3) if asked; nowhere otherwise.

// Level is how much a notice matters.
type Level int

// The levels of --log-level; Fatal is what makes the process end.
const (
	Fatal Level = iota
	Warning
	Info
	Debug
	Trace
)

// ParseLevel reads a level as it is written on the command line.
func ParseLevel(s string) (Level, bool) {
	switch lower(s) {
	case "error", "fatal", "panic":
		return Fatal, true
	case "warn", "warning", "":
		return Warning, true
	case "info":
		return Info, true
	case "debug":
		return Debug, true
	case "trace":
		return Trace, true
	}
	return Warning, false
}

func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// Notices is where messages go.
type Notices struct {
	Level  Level
	Stderr bool
	Syslog bool
	ID     string // of the container
	Tag    string // of --log-tag
	Name   string // of the program; empty: conmon
	socket string // tests; empty: /dev/log
}

// Say writes a message if its level is wanted.
func (n *Notices) Say(level Level, text string) {
	if level > n.Level {
		return
	}
	if n.Stderr {
		line := "[" + n.name() + ":" + string("ewidt"[level]) + "]: " + text + "\n"
		unix.Write(2, []byte(line))
	}
	if n.Syslog {
		n.syslog(level, text)
	}
}

// syslog sends one datagram to /dev/log, in the form of syslog(3). It never
// waits: a logger that hangs must not hang a container.
func (n *Notices) syslog(level Level, text string) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	const user = 1 << 3 // LOG_USER
	severity, name := 6, [...]string{"error", "nwarn", "ninfo", "ndebug", "ntrace"}[level]
	if level == Fatal {
		severity = 3
	}
	id := n.ID
	if len(id) > 20 {
		id = id[:20]
	}
	if n.Tag != "" {
		text = n.Tag + " " + text
	}
	line := "<" + strconv.Itoa(user|severity) + ">" + time.Now().Format(time.Stamp) + " " + n.name() + ": " + n.name() + " " + id + " <" + name + ">: " + text
	path := n.socket
	if path == "" {
		path = "/dev/log"
	}
	unix.Sendto(fd, []byte(line), unix.MSG_NOSIGNAL, &unix.SockaddrUnix{Name: path})
}

func (n *Notices) name() string {
	if n.Name != "" {
		return n.Name
	}
	return "conmon"
}

func (n *Notices) warn(text string)  { n.Say(Warning, text) }
func (n *Notices) warnErr(err error) { n.Say(Warning, err.Error()) }
func (n *Notices) debug(text string) { n.Say(Debug, text) }
