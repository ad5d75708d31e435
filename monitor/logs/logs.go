package logs

import "time"

// Stream is one of a container's two output streams.
type Stream uint8

// The streams.
const (
	Stdout Stream = iota
	Stderr
)

// OnFull is what to do when a log cannot be written.
type OnFull uint8

// The policies.
const (
	Drop  OnFull = iota // go on without, count, and say so in the log later
	Block               // make the container wait
)

// Config is what the command line says about logs.
type Config struct {
	ID     string   // of the container
	Name   string   // journald: CONTAINER_NAME
	Tag    string   // journald: CONTAINER_TAG and SYSLOG_IDENTIFIER
	Labels []string // journald: KEY=VALUE, further fields
	Paths  []string // values of --log-path; of two of a kind the last counts

	SizeMax       int64    // of a file; zero or less: no limit
	GlobalSizeMax int64    // of all that is ever in a log; what follows is discarded
	Rotate        bool     // at SizeMax keep backups; else begin anew
	MaxFiles      int      // backups, at least one with Rotate
	AllowlistDirs []string // where files may be; none: anywhere

	NoPartialMessage bool // journald: never CONTAINER_PARTIAL_MESSAGE
	OnFull           OnFull
	NoSync           bool // no fsync(2) at Close

	Buffer        *Buffer // shared with other Logs; nil: one of its own
	JournalSocket string  // empty: the systemd journal's
}

// Logs are the logs of one container or exec.
type Logs struct {
	sinks       []*sink
	buf         *Buffer
	ownBuf      bool
	noSync      bool
	journald    bool
	passthrough bool
	now         int64 // latest time heard of
	lost        loss  // of the sinks that are closed
}

// drivers is what a list of --log-path comes to.
type drivers struct {
	k8s, json             string
	journald, passthrough bool
}

func (c *Config) drivers() (*drivers, error) {
	if len(c.Paths) == 0 {
		return nil, invalid("Log driver not provided. Use --log-path")
	}
	d := &drivers{}
	for _, value := range c.Paths {
		driver, path, err := ParsePath(value)
		if err != nil {
			return nil, err
		}
		switch driver {
		case K8sFile:
			d.k8s = path
		case JSONFile:
			d.json = path
		case Journald:
			d.journald = true
		case Passthrough:
			d.passthrough = true
		}
	}
	return d, nil
}

// Open checks the configuration and opens all logs; files are made with mode
// 0640, and what is in them already is kept.
func Open(c *Config) (*Logs, error) { return open(c, linux{}) }

func open(c *Config, k kernel) (*Logs, error) {
	d, err := c.drivers()
	if err != nil {
		return nil, err
	}
	if err := c.check(d); err != nil {
		return nil, err
	}
	l := &Logs{buf: c.Buffer, noSync: c.NoSync, journald: d.journald, passthrough: d.passthrough}
	if l.buf == nil && (d.k8s != "" || d.json != "" || d.journald) {
		if l.buf, err = NewBuffer(); err != nil {
			return nil, err
		}
		l.ownBuf = true
	}
	if err := l.openAll(c, d, k); err != nil {
		for _, s := range l.sinks {
			s.place.finish(false)
		}
		l.free()
		return nil, err
	}
	return l, nil
}

func (l *Logs) openAll(c *Config, d *drivers, k kernel) error {
	if d.k8s != "" {
		s := &sink{form: newCRI(), limit: criText, beyond: 1, prompt: true}
		if err := l.addFile(c, k, d.k8s, s); err != nil {
			return err
		}
	}
	if d.json != "" {
		s := &sink{form: &jsonFile{clock: clock{zone: time.UTC}}, limit: jsonText, oneTime: true}
		if err := l.addFile(c, k, d.json, s); err != nil {
			return err
		}
	}
	if d.journald {
		j, err := newJournal(c, len(l.buf.mem))
		if err != nil {
			return err
		}
		l.sinks = append(l.sinks, &sink{form: j, place: j, limit: journalText, beyond: 1, block: c.OnFull == Block, buf: l.buf})
	}
	return nil
}

func (l *Logs) addFile(c *Config, k kernel, path string, s *sink) error {
	path, err := absolute(path)
	if err != nil {
		return err
	}
	f := &file{kernel: k, path: path, rotate: c.Rotate, keep: c.MaxFiles, allow: c.AllowlistDirs, fd: -1, limit: limitOf(c.SizeMax)}
	if err := openFile(f); err != nil {
		return err
	}
	s.form.stamp(Stdout, 0) // reads the time zone now, and not in the middle of output
	s.form.stamp(Stderr, 0)
	s.place, s.file, s.buf, s.block, s.global = f, f, l.buf, c.OnFull == Block, limitOf(c.GlobalSizeMax)
	l.sinks = append(l.sinks, s)
	return nil
}

// Write logs p, the bytes of one read at the time now. With more, the caller
// knows that the pipe has more to read and will come back with it: the start
// of a line at the end of p waits for it. Without, the start of a line that
// was waiting is written, also if p is empty.
//
// While Blocked, p is kept in memory in addition to what is kept already.
func (l *Logs) Write(s Stream, now int64, p []byte, more bool) {
	l.now = now
	for _, k := range l.sinks {
		k.write(s, now, p, more, false)
	}
}

// End says that the stream has ended; the line that it stopped in is written.
func (l *Logs) End(s Stream) {
	for _, k := range l.sinks {
		k.write(s, l.now, nil, false, true)
	}
}

// Blocked says that some log could not take all that was written: read no
// more until Retry has made it false.
func (l *Logs) Blocked() bool {
	for _, k := range l.sinks {
		if k.stuck {
			return true
		}
	}
	return false
}

// Pending says that Retry has something to do, in a second or so.
func (l *Logs) Pending() bool {
	for _, k := range l.sinks {
		if k.pending() {
			return true
		}
	}
	return false
}

// WaitFD is, while Blocked, a descriptor that becomes writable (EPOLLOUT) when
// Retry is worth while: a journal or a fifo with a slow reader, for which a
// second would be long. -1: there is none. Ask again after each Retry.
func (l *Logs) WaitFD() int {
	for _, k := range l.sinks {
		if k.stuck && k.slow() {
			return k.place.waitFD()
		}
	}
	return -1
}

// Retry tries again what is Pending.
func (l *Logs) Retry(now int64) {
	l.now = now
	for _, k := range l.sinks {
		k.retry(now)
	}
}

// Reopen begins new files, for when the caller has moved the old ones away. On
// an error the old ones remain in use.
func (l *Logs) Reopen() error {
	var first error
	for _, k := range l.sinks {
		if k.file == nil {
			continue
		}
		if err := k.reopen(l.now); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// Lost counts the records and bytes that no log of theirs has got, since Open;
// after Close also what was still stuck then.
func (l *Logs) Lost() (records, bytes int64) {
	records, bytes = l.lost.records, l.lost.bytes
	for _, k := range l.sinks {
		records += k.lostAll.records
		bytes += k.lostAll.bytes
	}
	return records, bytes
}

// Trim gives back the memory that a flood has taken. Worth while when nothing
// has been read for a second or so; cheap when there is nothing to give.
func (l *Logs) Trim() {
	for _, k := range l.sinks {
		k.trim()
	}
	if l.buf != nil {
		l.buf.Trim()
	}
}

// Passthrough says that the container is to have the monitor's own stdio.
func (l *Logs) Passthrough() bool { return l.passthrough }

// Journald says that the journal is among the logs.
func (l *Logs) Journald() bool { return l.journald }

// Close ends both streams, writes what it can of all that is held or stuck, and
// makes files durable. The error is the first of those that left something unwritten.
func (l *Logs) Close() error {
	var first error
	for _, k := range l.sinks {
		if err := k.close(l.now, !l.noSync); err != nil && first == nil {
			first = err
		}
		l.lost.records += k.lostAll.records
		l.lost.bytes += k.lostAll.bytes
	}
	l.free()
	return first
}

func (l *Logs) free() {
	for _, k := range l.sinks {
		unmapped(k.holdMem)
	}
	if l.ownBuf {
		l.buf.Close()
	}
	l.sinks, l.buf, l.ownBuf = nil, nil, false
}
