package logs

// The systemd journal: one datagram per record, in its native protocol.

import (
	"encoding/binary"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	specs "stave/specs/leaf"
)

// journal is both form and place: a record in the Buffer is a head of our own
// and then the datagram.
type journal struct {
	path      string // of the socket
	fd        int    // -1: not connected
	fields    []byte // the same in every record
	noPartial bool
	priority  [2]byte // of the line that each stream is in

	heads []mmsghdr // for sendmmsg(2)
	iovs  []unix.Iovec
}

// mmsghdr is struct mmsghdr of sendmmsg(2).
type mmsghdr struct {
	hdr    unix.Msghdr
	length uint32
}

const (
	journalSocket  = "/run/systemd/journal/socket"
	journalText    = 8192
	journalHead    = 4 + 4 + 1 // length of the datagram, bytes of output, flags
	journalFull    = 1
	journalStderr  = 2
	journalPartial = "CONTAINER_PARTIAL_MESSAGE=true\n"
	journalBatch   = 64 // datagrams to a sendmmsg(2)
	shortID        = 12
)

func newJournal(c *Config, room int) (*journal, error) {
	j := &journal{path: c.JournalSocket, fd: -1, noPartial: c.NoPartialMessage, priority: [2]byte{'6', '3'}}
	if j.path == "" {
		j.path = journalSocket
	}
	identifier := c.ID[:shortID]
	j.field("CONTAINER_ID_FULL", c.ID)
	j.field("CONTAINER_ID", identifier)
	if c.Name != "" {
		j.field("CONTAINER_NAME", c.Name)
		identifier = c.Name
	}
	if c.Tag != "" {
		j.field("CONTAINER_TAG", c.Tag)
		identifier = c.Tag
	}
	j.field("SYSLOG_IDENTIFIER", identifier)
	for _, l := range c.Labels {
		key, value, _ := strings.Cut(l, "=")
		j.field(key, value)
	}
	if j.worst(2*journalText) > room {
		return nil, invalid("the fields of --log-label are too large for the journal")
	}
	j.heads = make([]mmsghdr, journalBatch)
	j.iovs = make([]unix.Iovec, journalBatch)
	return j, nil
}

// field appends a field to those of every record.
func (j *journal) field(key, value string) {
	j.fields = append(j.fields, key...)
	if strings.Contains(value, "\n") { // which would end the field
		j.fields = append(j.fields, '\n')
		j.fields = binary.LittleEndian.AppendUint64(j.fields, uint64(len(value)))
	} else {
		j.fields = append(j.fields, '=')
	}
	j.fields = append(append(j.fields, value...), '\n')
}

func (j *journal) stamp(Stream, int64) {} // the journal has its own clock

func (j *journal) worst(n int) int {
	return journalHead + len("MESSAGE\n") + 8 + n + 2 + len(j.fields) + len("PRIORITY=6\n") + len(journalPartial)
}

// append formats a record. The message ends with its line's end, as it does
// with conmon, and so has to have its length in front.
func (j *journal) append(b []byte, s Stream, t *tail, head, text []byte, full bool) []byte {
	start := len(b)
	output := len(head) + len(text)
	var flags byte
	if s == Stderr {
		flags |= journalStderr
	}
	if full {
		flags |= journalFull
		output++
	}
	if !t.cont {
		head, text = j.line(s, head, text)
	}
	b = append(b, make([]byte, journalHead)...)
	b = append(b, "MESSAGE\n"...)
	n := len(head) + len(text)
	if full {
		n++
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(n))
	b = append(append(b, head...), text...)
	if full {
		b = append(b, '\n')
	}
	b = append(b, '\n')
	b = append(append(b, "PRIORITY="...), j.priority[s], '\n')
	if !full && !j.noPartial {
		b = append(b, journalPartial...)
	}
	b = append(b, j.fields...)
	binary.LittleEndian.PutUint32(b[start:], uint32(len(b)-start-journalHead))
	binary.LittleEndian.PutUint32(b[start+4:], uint32(output))
	b[start+8] = flags
	return b
}

// line begins a line: a prefix such as <4> is its priority, as in sd-daemon(3),
// and no part of the message.
func (j *journal) line(s Stream, head, text []byte) (h, t []byte) {
	j.priority[s] = '6'
	if s == Stderr {
		j.priority[s] = '3'
	}
	var first [3]byte
	n := copy(first[:], head)
	n += copy(first[n:], text)
	if n < 3 || first[0] != '<' || first[1] < '0' || first[1] > '7' || first[2] != '>' {
		return head, text
	}
	j.priority[s] = first[1]
	n = min(3, len(head))
	return head[n:], text[3-n:]
}

func (j *journal) entry(b []byte) entry {
	e := entry{length: journalHead + int(binary.LittleEndian.Uint32(b)), bytes: int64(binary.LittleEndian.Uint32(b[4:])), full: b[8]&journalFull != 0}
	if b[8]&journalStderr != 0 {
		e.stream = Stderr
	}
	return e
}

// push sends the records, many to a system call. A datagram is sent whole or
// not at all: nothing is ever torn.
func (j *journal) push(p []byte, _ int) (int, int, syscall.Errno) {
	done, again := 0, false
	for done < len(p) {
		n, e := j.send(p[done:])
		done += n
		switch e {
		case 0, syscall.EINTR:
			again = false
		case syscall.EMSGSIZE, syscall.ENOBUFS:
			n := j.entry(p[done:]).length
			if e := j.sendFile(p[done+journalHead : done+n]); e != 0 {
				return done, 0, e
			}
			done += n
		case syscall.ENOTCONN, syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE:
			// Not connected yet, or the journal was restarted: its socket is a new one.
			if again {
				return done, 0, e
			}
			again = true
			if e := j.connect(); e != 0 {
				return done, 0, e
			}
		default:
			return done, 0, e
		}
	}
	return done, 0, 0
}

// send sends a batch and returns the length of what was sent.
func (j *journal) send(p []byte) (int, syscall.Errno) {
	if j.fd < 0 {
		return 0, syscall.ENOTCONN
	}
	count := 0
	for at := 0; at < len(p) && count < journalBatch; count++ {
		end := at + j.entry(p[at:]).length
		iov := &j.iovs[count]
		iov.Base = &p[at+journalHead]
		iov.SetLen(end - at - journalHead)
		j.heads[count].hdr.Iov = iov
		j.heads[count].hdr.SetIovlen(1)
		at = end
	}
	n, _, e := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(j.fd), uintptr(unsafe.Pointer(&j.heads[0])), uintptr(count),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	if e != 0 {
		return 0, e
	}
	sent := 0
	for range n {
		sent += j.entry(p[sent:]).length
	}
	return sent, 0
}

// sendFile sends a datagram that is too large for the socket: as a sealed file
// in memory, whose descriptor is the message.
func (j *journal) sendFile(datagram []byte) syscall.Errno {
	fd, err := unix.MemfdCreate("stave-monitor-log", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return errno(err)
	}
	defer unix.Close(fd)
	f := file{kernel: linux{}, fd: fd}
	if _, e := f.writeAll(datagram); e != 0 {
		return e
	}
	const seals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		return errno(err)
	}
	return errno(unix.Sendmsg(j.fd, nil, unix.UnixRights(fd), nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL))
}

// connect makes a socket whose peer is the journal. Connected, it can be
// waited for with epoll(7); an unconnected one is always writable.
func (j *journal) connect() syscall.Errno {
	j.disconnect()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return errno(err)
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: j.path}); err != nil {
		unix.Close(fd)
		return errno(err)
	}
	j.fd = fd
	return 0
}

func (j *journal) disconnect() {
	if j.fd >= 0 {
		unix.Close(j.fd)
		j.fd = -1
	}
}

func (j *journal) waitFD() int { return j.fd }

// gone: without a socket there is no journal on this host, or not for long
// enough that the next Write could not find it.
func (j *journal) gone(e syscall.Errno) bool { return e == syscall.ENOENT }

func (j *journal) finish(bool) error {
	j.disconnect()
	return nil
}

func (j *journal) error(e syscall.Errno) *specs.Error {
	return &specs.Error{Syscall: "sendmmsg", Path: j.path, Errno: e}
}

// errno is the number behind an error of a system call.
func errno(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	if e, ok := err.(syscall.Errno); ok {
		return e
	}
	return syscall.EIO
}
