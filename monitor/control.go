package monitor

import "golang.org/x/sys/unix"

// control.go: the fifos ctl and winsz in the bundle. Lines of decimals:
//
//	ctl    1 HEIGHT WIDTH   the terminal's size
//	       2 x x            begin new log files
//	winsz  HEIGHT WIDTH     the terminal's size
//
// conmon writes a size from ctl into winsz, whose reader applies it. Here ctl
// applies it at once; winsz is read all the same, for those who write to it.

// fifo is one of the two.
type fifo struct {
	watch
	c    *Container
	path string
	want int // numbers in a line
	line [lineMax]byte
	n    int  // bytes of line
	skip bool // the rest of a line that was too long
	do   func(v [3]int)
}

const (
	lineMax     = 199
	maxSize     = 1000 // of a terminal, either way; and of every other number
	ctlResize   = 1
	ctlReopen   = 2
	fifoPerm    = 0o660
	fifoReading = 4096
)

// open makes the fifo anew. We hold both its ends, so that it never ends when
// a writer goes away.
func (f *fifo) open(c *Container, name string, want int, do func([3]int)) error {
	f.c, f.path, f.want, f.do, f.fd = c, c.conf.Bundle+"/"+name, want, do, -1
	if err := unix.Unlink(f.path); err != nil && err != unix.ENOENT {
		return failed("make a fifo", "unlink", f.path, err)
	}
	if err := unix.Mkfifo(f.path, fifoPerm); err != nil {
		return failed("make a fifo", "mkfifo", f.path, err)
	}
	fd, err := unix.Open(f.path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return failed("make a fifo", "open", f.path, err)
	}
	f.fd = fd
	return nil
}

// listen begins to read. What was written before is still there.
func (f *fifo) listen() error {
	if f.fd < 0 || f.slot != 0 {
		return nil
	}
	return f.c.m.add(&f.watch, unix.EPOLLIN, f)
}

func (f *fifo) ready(uint32) {
	m := f.c.m
	n, err := unix.Read(f.fd, m.in.mem[:fifoReading])
	if err != nil || n <= 0 {
		return
	}
	m.in.used(n)
	f.feed(m.in.mem[:n])
}

// feed takes what was written, which may be many lines, or a part of one.
func (f *fifo) feed(p []byte) {
	for _, b := range p {
		switch {
		case b != '\n' && f.n < len(f.line):
			f.line[f.n] = b
			f.n++
		case b != '\n':
			f.skip = true
		default:
			line := f.line[:f.n]
			f.n = 0
			if f.skip {
				f.skip = false
				f.c.m.Notices.warn("a line in " + f.path + " is too long")
				continue
			}
			f.obey(line)
		}
	}
}

func (f *fifo) obey(line []byte) {
	v, ok := parseNumbers(line, f.want)
	if !ok {
		f.c.m.Notices.warn("cannot read a line in " + f.path)
		return
	}
	for _, n := range v[:f.want] {
		if n < 0 || n > maxSize {
			f.c.m.Notices.warn("a number in " + f.path + " is out of range")
			return
		}
	}
	f.do(v)
}

// parseNumbers reads the first want numbers of a line as sscanf(3) does: white
// space before each, a sign, decimal digits; what follows the last is ignored.
func parseNumbers(line []byte, want int) (v [3]int, ok bool) {
	i := 0
	for k := range want {
		for i < len(line) && (line[i] == ' ' || line[i] >= '\t' && line[i] <= '\r') {
			i++
		}
		negative := false
		if i < len(line) && (line[i] == '-' || line[i] == '+') {
			negative = line[i] == '-'
			i++
		}
		begin := i
		for ; i < len(line) && line[i] >= '0' && line[i] <= '9'; i++ {
			if v[k] < 1<<30 { // beyond that only "out of range" is of interest
				v[k] = v[k]*10 + int(line[i]-'0')
			}
		}
		if i == begin {
			return v, false
		}
		if negative {
			v[k] = -v[k]
		}
	}
	return v, true
}

// obeyCtl does what a line of ctl says.
func (c *Container) obeyCtl(v [3]int) {
	switch v[0] {
	case ctlResize:
		c.console.resize(uint16(v[1]), uint16(v[2]))
	case ctlReopen:
		c.ReopenLog()
	default:
		c.m.Notices.warn("unknown message " + itoa(v[0]) + " in ctl")
	}
}

// ReopenLog begins new log files, for when the old ones have been moved away.
func (c *Container) ReopenLog() error {
	if c.log == nil {
		return nil
	}
	err := c.log.Reopen()
	if err != nil {
		c.m.Notices.warnErr(err)
	}
	c.watchLog()
	return err
}

func (f *fifo) close() {
	if f.c != nil && f.fd >= 0 {
		f.c.m.drop(&f.watch)
	}
}
