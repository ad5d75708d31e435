package client

import (
	"context"
	"io"
	"sync"

	"stave/monitor/wire"
)

// Stream is a conversation with a process. One goroutine may read from it while
// others write.
type Stream struct {
	Status wire.Status // when it began
	c      *Client
	k      *conn
	write  sync.Mutex
	early  []output // that has come before Status
	ended  *wire.Status
}

type output struct {
	kind wire.Kind
	data []byte
}

// Exec runs a process in a container and returns when it runs. req.Exec is its
// name, which no other exec in the container has. The Stream is nil unless
// req.Attach is set: then it has all of the process's output from the start.
//
// ctx is for the beginning only.
func (c *Client) Exec(ctx context.Context, req wire.Request) (*wire.Status, *Stream, error) {
	req.Verb = wire.VerbExec
	if !req.Attach {
		st, err := c.askStatus(ctx, &req)
		return st, nil, err
	}
	s, err := c.converse(ctx, &req)
	if err != nil {
		return nil, nil, err
	}
	return &s.Status, s, nil
}

// Attach goes on with a process's streams; with stdin it may send input. A
// process that waits for this client, however slow, is asked for with block; a
// client that is too slow gets an EventDropped otherwise. Of a process that has
// ended the Stream has the end only.
//
// ctx is for the beginning only.
func (c *Client) Attach(ctx context.Context, id, exec string, stdin, block bool) (*Stream, error) {
	return c.converse(ctx, &wire.Request{Verb: wire.VerbAttach, ID: id, Exec: exec, Stdin: stdin, Block: block})
}

// converse begins a conversation and waits for the event that it begins with.
// What the runtime has said while it made the process may come before.
func (c *Client) converse(ctx context.Context, req *wire.Request) (*Stream, error) {
	k, err := c.dial(ctx, req)
	if err != nil {
		return nil, err
	}
	s := &Stream{c: c, k: k}
	kind, p, err := c.next(k)
	for err == nil && (kind == wire.Stdout || kind == wire.Stderr) {
		s.early = append(s.early, output{kind, p})
		kind, p, err = c.next(k)
	}
	if err == nil {
		switch kind {
		case wire.Event:
			err = s.Status.Parse(p)
		case wire.Answer: // ended before we came
			err = s.Status.Parse(p)
			s.ended = &s.Status
		default:
			err = c.strange(kind)
		}
	}
	if err == nil {
		err = k.free()
		k.ctx = context.Background()
	}
	if err != nil {
		k.end()
		return nil, err
	}
	return s, nil
}

// Next waits for what comes next: output (wire.Stdout, wire.Stderr and its
// bytes), an event (wire.Event), or the end (wire.Answer), after which
// there is only io.EOF.
func (s *Stream) Next() (kind wire.Kind, output []byte, status *wire.Status, err error) {
	if len(s.early) > 0 {
		first := s.early[0]
		s.early = s.early[1:]
		return first.kind, first.data, nil, nil
	}
	if s.ended != nil {
		if s.ended == &s.Status {
			s.ended = &wire.Status{}
			return wire.Answer, nil, &s.Status, nil
		}
		return 0, nil, nil, io.EOF
	}
	kind, p, err := s.c.next(s.k)
	if err != nil {
		return 0, nil, nil, err
	}
	switch kind {
	case wire.Stdout, wire.Stderr:
		return kind, p, nil, nil
	case wire.Event, wire.Answer:
		st := &wire.Status{}
		if err := st.Parse(p); err != nil {
			return 0, nil, nil, err
		}
		if kind == wire.Answer {
			s.ended = st
		}
		return kind, nil, st, nil
	}
	return 0, nil, nil, s.c.strange(kind)
}

// Copy writes output to stdout and stderr, of which either may be nil, until
// the process has ended, and gives its end. dropped says that this client was
// too slow, and that output is missing. Close, from another goroutine, ends it.
func (s *Stream) Copy(stdout, stderr io.Writer) (st *wire.Status, dropped bool, err error) {
	for {
		kind, p, st, err := s.Next()
		if err != nil {
			return nil, dropped, err
		}
		to := stdout
		switch kind {
		case wire.Answer:
			return st, dropped, nil
		case wire.Event:
			dropped = dropped || st.Event == wire.EventDropped
			continue
		case wire.Stderr:
			to = stderr
		}
		if to == nil {
			continue
		}
		if _, err := to.Write(p); err != nil {
			return nil, dropped, err
		}
	}
}

func (s *Stream) frame(kind wire.Kind, p []byte) error {
	s.write.Lock()
	defer s.write.Unlock()
	if _, err := s.k.Write(wire.AppendFrame(nil, kind, p)); err != nil {
		return s.c.broken(s.k.ctx, "write", err)
	}
	return nil
}

// Write sends input. It waits while the process does not take it.
func (s *Stream) Write(p []byte) (n int, err error) {
	for n < len(p) {
		part := p[n:min(len(p), n+wire.MaxRaw/2)]
		if err := s.frame(wire.Stdin, part); err != nil {
			return n, err
		}
		n += len(part)
	}
	return n, nil
}

// CloseWrite ends standard input. A terminal's goes on: send the character
// that ends it there.
func (s *Stream) CloseWrite() error { return s.frame(wire.EndStdin, nil) }

// Resize sets the size of the process's terminal.
func (s *Stream) Resize(rows, cols uint16) error {
	size := wire.Size{Rows: int64(rows), Cols: int64(cols)}
	return s.frame(wire.Resize, size.Append(nil))
}

// Close ends the conversation; the process goes on.
func (s *Stream) Close() error { return s.k.Close() }
