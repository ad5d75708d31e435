// Package client talks to a pod's monitor, stave-monitor serve.
//
// # What
//
// One method for each verb of the protocol (docs/monitor.md). Each call is a
// connection of its own, so calls can be made from any number of goroutines,
// and a monitor that was restarted is simply called again. Calls wait for their
// answer; their context ends that, and nothing else: what was begun goes on,
// but for ExecSync, whose process is killed.
//
// # Shapes
//
// [Client] is the monitor at a path. [Client.Exec] and [Client.Attach] give a
// [Stream], which is a conversation with a process and has to be closed.
// [Client.Events] gives [Events]. Requests and answers are those of package wire.
//
// # Units
//
// Those of package wire: bytes, milliseconds on the wire and time.Duration here,
// process ids as the host counts.
//
// # Errors
//
// What the monitor or the runtime says is a *wire.Error with all fields of
// specs.Error: errors.Is finds its errno (unix.ENOENT) and its kind
// (specs.ErrNotExist, wire.ErrTimeout), errors.As the *specs.Error. Of a
// runtime's error that holds if the runtime writes JSON: let stave have
// --log-format=json among Create's RuntimeArgs. A monitor that is not there, or
// ends in the middle, is an error with ErrGone.
//
// # Not here
//
// Starting a monitor: run stave-monitor serve; when it has returned with
// status 0, callers may come.
package client

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"stave/monitor/wire"
)

// ErrGone says that no monitor answers.
var ErrGone = errors.New("the monitor is not there")

// Client is the monitor that serves at a path.
type Client struct {
	Socket string
}

// conn is one conversation.
type conn struct {
	net.Conn
	in   wire.Decoder
	stop func() bool
	ctx  context.Context
}

// gone is the error of a connection.
func (c *Client) gone(call string, err error) error {
	e := &wire.Error{}
	e.Step, e.Syscall, e.Path, e.Kind = "talk to the monitor", call, c.Socket, ErrGone
	if !errors.As(err, &e.Errno) {
		e.Problem = err.Error()
	}
	return e
}

// dial begins a conversation with a request. ctx ends it until free is called.
func (c *Client) dial(ctx context.Context, req *wire.Request) (*conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	fd, err := c.connect()
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), c.Socket)
	nc, err := net.FileConn(f)
	f.Close()
	if err != nil {
		return nil, c.gone("socket", err)
	}
	k := &conn{Conn: nc, ctx: ctx}
	k.stop = context.AfterFunc(ctx, func() { nc.SetDeadline(time.Unix(1, 0)) })
	hello := wire.Greeting{Version: wire.Version, Program: "stave/monitor/client"}
	b := wire.AppendFrame(nil, wire.Hello, hello.Append(nil))
	b = wire.AppendFrame(b, wire.Ask, req.Append(nil))
	_, werr := k.Write(b)
	// A monitor that refuses us says why and hangs up, perhaps before all is
	// written: what it says comes first.
	kind, p, err := c.next(k)
	if err != nil {
		k.end()
		var said *wire.Error
		if werr != nil && !errors.As(err, &said) {
			err = c.broken(ctx, "write", werr)
		}
		return nil, err
	}
	g := wire.Greeting{}
	if kind != wire.Hello {
		k.end()
		return nil, c.strange(kind)
	}
	if err := g.Parse(p); err != nil {
		k.end()
		return nil, err
	}
	if g.Version != wire.Version {
		k.end()
		e := &wire.Error{}
		e.Problem, e.Kind = "the monitor speaks version "+strconv.FormatInt(g.Version, 10), wire.ErrVersion
		return nil, e
	}
	return k, nil
}

// connect reaches the socket whatever the length of its path: the directory by
// its descriptor is short.
func (c *Client) connect() (int, error) {
	dir, err := unix.Open(filepath.Dir(c.Socket), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, c.gone("open", err)
	}
	defer unix.Close(dir)
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, c.gone("socket", err)
	}
	path := "/proc/self/fd/" + strconv.Itoa(dir) + "/" + filepath.Base(c.Socket)
	for {
		err = unix.Connect(fd, &unix.SockaddrUnix{Name: path})
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		unix.Close(fd)
		return -1, c.gone("connect", err)
	}
	return fd, nil
}

// free takes the context's hold off the conversation.
func (k *conn) free() error {
	if !k.stop() {
		return k.ctx.Err()
	}
	return nil
}

func (k *conn) end() {
	k.stop()
	k.Close()
}

// broken is the error of a read or write: the context's, if that has ended.
func (c *Client) broken(ctx context.Context, call string, err error) error {
	if cerr := ctx.Err(); cerr != nil {
		return cerr
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = errors.New("it has ended in the middle of the conversation")
	}
	return c.gone(call, err)
}

func (c *Client) strange(kind wire.Kind) error {
	return c.gone("", errors.New("an unexpected frame of kind 0x"+strconv.FormatUint(uint64(kind), 16)))
}

// next reads a frame; one that says that something failed is an error.
func (c *Client) next(k *conn) (kind wire.Kind, payload []byte, err error) {
	head := make([]byte, wire.HeaderSize)
	for p := head; ; {
		if _, err := io.ReadFull(k, p); err != nil {
			return 0, nil, c.broken(k.ctx, "read", err)
		}
		kind, part, end, err := k.in.Take(p)
		if err != nil {
			return 0, nil, err
		}
		if !end {
			p = make([]byte, k.in.Want())
			continue
		}
		if kind != wire.Failure {
			return kind, part, nil
		}
		e := &wire.Error{}
		if err := e.Parse(part); err != nil {
			return 0, nil, err
		}
		return 0, nil, e
	}
}

// ask is a whole conversation with one answer.
func (c *Client) ask(ctx context.Context, req *wire.Request, answer interface{ Parse([]byte) error }) error {
	k, err := c.dial(ctx, req)
	if err != nil {
		return err
	}
	defer k.end()
	kind, p, err := c.next(k)
	if err != nil {
		return err
	}
	if kind != wire.Answer {
		return c.strange(kind)
	}
	return answer.Parse(p)
}

func (c *Client) askStatus(ctx context.Context, req *wire.Request) (*wire.Status, error) {
	s := &wire.Status{}
	if err := c.ask(ctx, req, s); err != nil {
		return nil, err
	}
	return s, nil
}

// Create makes a container that waits to be started. Of req, which is not
// changed, those fields count that are marked for create.
func (c *Client) Create(ctx context.Context, req wire.Request) (*wire.Status, error) {
	req.Verb = wire.VerbCreate
	return c.askStatus(ctx, &req)
}

// Start lets a created container's process run.
func (c *Client) Start(ctx context.Context, id string) (*wire.Status, error) {
	return c.askStatus(ctx, &wire.Request{Verb: wire.VerbStart, ID: id})
}

// Wait waits until a container, or an exec in it, has ended. exec is empty for
// the container itself, here and below.
func (c *Client) Wait(ctx context.Context, id, exec string) (*wire.Status, error) {
	return c.askStatus(ctx, &wire.Request{Verb: wire.VerbWait, ID: id, Exec: exec})
}

// Resize sets the size of a terminal.
func (c *Client) Resize(ctx context.Context, id, exec string, rows, cols uint16) error {
	_, err := c.askStatus(ctx, &wire.Request{Verb: wire.VerbResize, ID: id, Exec: exec, Rows: int64(rows), Cols: int64(cols)})
	return err
}

// CloseStdin ends standard input.
func (c *Client) CloseStdin(ctx context.Context, id, exec string) error {
	_, err := c.askStatus(ctx, &wire.Request{Verb: wire.VerbCloseStdin, ID: id, Exec: exec})
	return err
}

// ReopenLog begins new log files, when the old ones have been moved away.
func (c *Client) ReopenLog(ctx context.Context, id, exec string) error {
	_, err := c.askStatus(ctx, &wire.Request{Verb: wire.VerbReopenLog, ID: id, Exec: exec})
	return err
}

// Signal sends to a process, and to its process group if it leads one and
// group is set. It reaches exactly that process or none.
func (c *Client) Signal(ctx context.Context, id, exec string, sig unix.Signal, group bool) error {
	_, err := c.askStatus(ctx, &wire.Request{Verb: wire.VerbSignal, ID: id, Exec: exec, Signal: int64(sig), Group: group})
	return err
}

// Remove forgets one that has ended, and its record on disk.
func (c *Client) Remove(ctx context.Context, id, exec string) error {
	_, err := c.askStatus(ctx, &wire.Request{Verb: wire.VerbRemove, ID: id, Exec: exec})
	return err
}

// Shutdown ends the monitor: with force after killing all that runs, and
// without only if nothing does.
func (c *Client) Shutdown(ctx context.Context, force bool) error {
	_, err := c.askStatus(ctx, &wire.Request{Verb: wire.VerbShutdown, Force: force})
	return err
}

// Stats is the monitor's account of itself.
func (c *Client) Stats(ctx context.Context) (*wire.Stats, error) {
	s := &wire.Stats{}
	if err := c.ask(ctx, &wire.Request{Verb: wire.VerbStats}, s); err != nil {
		return nil, err
	}
	return s, nil
}

// List gives all containers and execs that have not been removed.
func (c *Client) List(ctx context.Context) (list []wire.Status, err error) {
	k, err := c.dial(ctx, &wire.Request{Verb: wire.VerbList})
	if err != nil {
		return nil, err
	}
	defer k.end()
	for {
		kind, p, err := c.next(k)
		if err != nil {
			return nil, err
		}
		switch kind {
		case wire.Item:
			s := wire.Status{}
			if err := s.Parse(p); err != nil {
				return nil, err
			}
			list = append(list, s)
		case wire.Answer:
			return list, nil
		default:
			return nil, c.strange(kind)
		}
	}
}

// Events is a subscription to all that happens.
type Events struct {
	Now []wire.Status // what there was when it began
	c   *Client
	k   *conn
}

// Events begins a subscription. ctx is for the beginning only.
func (c *Client) Events(ctx context.Context) (*Events, error) {
	k, err := c.dial(ctx, &wire.Request{Verb: wire.VerbEvents})
	if err != nil {
		return nil, err
	}
	e := &Events{c: c, k: k}
	for {
		kind, p, err := c.next(k)
		s := wire.Status{}
		if err == nil {
			err = s.Parse(p)
		}
		if err == nil && kind == wire.Event {
			err = k.free()
			k.ctx = context.Background()
			if err == nil {
				return e, nil
			}
		}
		if err == nil && kind != wire.Item {
			err = c.strange(kind)
		}
		if err != nil {
			k.end()
			return nil, err
		}
		e.Now = append(e.Now, s)
	}
}

// Next waits for the next event. Close, from another goroutine, ends that.
func (e *Events) Next() (*wire.Status, error) {
	kind, p, err := e.c.next(e.k)
	if err != nil {
		return nil, err
	}
	if kind != wire.Event {
		return nil, e.c.strange(kind)
	}
	s := &wire.Status{}
	return s, s.Parse(p)
}

// Close ends the subscription.
func (e *Events) Close() error { return e.k.Close() }

// Result is what an ExecSync has to say.
type Result struct {
	wire.Status
	Stdout, Stderr []byte
}

// ExecSync runs a process to its end and gives its output, up to req.Limit
// bytes of it. req.Timeout bounds it, on a clock that nobody sets; a process
// that has not ended by then is killed, which is no error: TimedOut is set, and
// the exit code is -1. It is also killed when ctx ends.
func (c *Client) ExecSync(ctx context.Context, req wire.Request) (*Result, error) {
	req.Verb = wire.VerbExecSync
	k, err := c.dial(ctx, &req)
	if err != nil {
		return nil, err
	}
	defer k.end()
	r := &Result{}
	for {
		kind, p, err := c.next(k)
		if err != nil {
			return nil, err
		}
		switch kind {
		case wire.Stdout:
			r.Stdout = append(r.Stdout, p...)
		case wire.Stderr:
			r.Stderr = append(r.Stderr, p...)
		case wire.Event:
		case wire.Answer:
			return r, r.Status.Parse(p)
		default:
			return nil, c.strange(kind)
		}
	}
}
