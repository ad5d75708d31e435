package wire

import (
	"encoding/binary"
	"strconv"

	specs "stave/specs/leaf"
)

// Version is the version of the protocol that this package speaks.
const Version = 1

// Kind says what a frame's payload is.
type Kind uint8

// The kinds. From 0x10 on the client sends, and from 0x20 on the monitor does,
// in a conversation about a process's streams.
const (
	Hello    Kind = 0x01 // both: Greeting; the first frame each way
	Ask      Kind = 0x02 // client: Request; the second frame
	Answer   Kind = 0x03 // monitor: Status or Stats; the last frame
	Failure  Kind = 0x04 // monitor: Error; the last frame
	Event    Kind = 0x05 // monitor: Status, of something that has happened
	Item     Kind = 0x06 // monitor: Status, one of a list
	Stdin    Kind = 0x10 // client: raw
	EndStdin Kind = 0x11 // client: nothing
	Resize   Kind = 0x12 // client: Size
	Stdout   Kind = 0x20 // monitor: raw
	Stderr   Kind = 0x21 // monitor: raw
)

// HeaderSize is the length of a frame before its payload: the payload's length,
// 32 bits, little end first, and the kind.
const HeaderSize = 5

// What payloads may measure at most.
const (
	MaxMessage = 1 << 20
	MaxSmall   = 4 << 10  // of a greeting or a size
	MaxRaw     = 64 << 10 // of streams
)

// Limit is what a payload of this kind may measure; -1: there is no such kind.
func (k Kind) Limit() int {
	switch k {
	case Hello, Resize:
		return MaxSmall
	case Ask, Answer, Failure, Event, Item:
		return MaxMessage
	case Stdin, Stdout, Stderr:
		return MaxRaw
	case EndStdin:
		return 0
	}
	return -1
}

// Header is the header of a frame with n bytes of payload.
func Header(k Kind, n int) (h [HeaderSize]byte) {
	binary.LittleEndian.PutUint32(h[:], uint32(n))
	h[4] = byte(k)
	return h
}

// AppendFrame appends a frame.
func AppendFrame(b []byte, k Kind, payload []byte) []byte {
	h := Header(k, len(payload))
	return append(append(b, h[:]...), payload...)
}

// Decoder cuts a stream of bytes into frames. It reads nothing and keeps no
// payload: it says how much to read, and what that is.
type Decoder struct {
	head [HeaderSize]byte
	have int // of head
	left int // of the payload
}

// Want is how many bytes may be read next: no more than what belongs to the
// frame that has begun.
func (d *Decoder) Want() int {
	if d.have < HeaderSize {
		return HeaderSize - d.have
	}
	return d.left
}

// Begun says that a part of a frame has come, and not all of it: this is no
// place for the stream to end.
func (d *Decoder) Begun() bool { return d.have > 0 }

// Left is what is still to come of the payload of the frame that has begun.
func (d *Decoder) Left() int { return d.left }

// Take takes what was read, no more than Want. Of a payload it gives the part
// that this is, and with end set the frame is complete. Without end and part
// there is nothing to do but to read on.
func (d *Decoder) Take(p []byte) (kind Kind, part []byte, end bool, err error) {
	if d.have == HeaderSize {
		d.left -= len(p)
		return d.done(p)
	}
	d.have += copy(d.head[d.have:], p)
	if d.have < HeaderSize {
		return 0, nil, false, nil
	}
	n, kind := binary.LittleEndian.Uint32(d.head[:]), Kind(d.head[4])
	switch limit := kind.Limit(); {
	case limit < 0:
		return 0, nil, false, invalid("there is no frame of kind 0x" + strconv.FormatUint(uint64(kind), 16))
	case uint64(n) > uint64(limit):
		return 0, nil, false, invalid("a frame of kind 0x" + strconv.FormatUint(uint64(kind), 16) + " has at most " +
			strconv.Itoa(limit) + " bytes, not " + strconv.FormatUint(uint64(n), 10))
	}
	d.left = int(n)
	return d.done(nil)
}

func (d *Decoder) done(p []byte) (Kind, []byte, bool, error) {
	end := d.left == 0
	if end {
		d.have = 0
	}
	return Kind(d.head[4]), p, end, nil
}

func invalid(problem string) *Error {
	return &Error{Record: Record{Problem: problem, Kind: specs.ErrInvalid}}
}
