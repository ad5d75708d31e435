package podmode

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"stave/monitor/client"
	"stave/monitor/wire"
	"stave/specs"
	"stave/tests/kit"
)

// raw is a connection without a client.
func (p *pod) raw() net.Conn {
	p.t.Helper()
	var c net.Conn
	var err error
	kit.Eventually(patience, func() bool { // EAGAIN: as many wait already as the backlog holds; unix(7)
		c, err = net.Dial("unix", p.Socket)
		return !errors.Is(err, syscall.EAGAIN)
	})
	kit.Must(p.t, err)
	kit.Must(p.t, c.SetDeadline(time.Now().Add(patience)))
	p.t.Cleanup(func() { c.Close() })
	return c
}

// said reads what the monitor sends until it hangs up, and gives its error.
func said(t *testing.T, c net.Conn) *wire.Error {
	t.Helper()
	var d wire.Decoder
	var failure *wire.Error
	data, err := io.ReadAll(c)
	if err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("it does not hang up: %v", err)
	}
	var body []byte
	for len(data) > 0 {
		n := min(d.Want(), len(data))
		kind, part, end, err := d.Take(data[:n])
		if err != nil {
			t.Fatal(err)
		}
		data = data[n:]
		body = append(body, part...)
		if end && kind == wire.Failure {
			failure = &wire.Error{}
			kit.Must(t, failure.Parse(body))
		}
		if end {
			body = nil
		}
	}
	return failure
}

func frame(kind wire.Kind, payload string) string {
	return string(wire.AppendFrame(nil, kind, []byte(payload)))
}

// What is no conversation ends with an error that says why, and harms nobody.
func TestMalformed(t *testing.T) {
	p := newPod(t)
	id := p.running("exec sleep 60")
	hello := frame(wire.Hello, `{"version":1}`)
	length := func(n uint32, kind byte) string {
		var b [5]byte
		binary.LittleEndian.PutUint32(b[:], n)
		b[4] = kind
		return string(b[:])
	}
	for _, c := range []struct {
		send, problem string
		kind          error
	}{
		{frame(wire.Hello, `{"version":2,"oldest":2}`), "speaks version 2", wire.ErrVersion},
		{frame(wire.Hello, `{}`), "speaks version 0", wire.ErrVersion},
		{frame(wire.Hello, `{"version":"x"}`), "expected an integer", specs.ErrInvalid},
		{frame(wire.Hello, `null`), "", specs.ErrInvalid},
		{"GET / HTTP/1.1\r\n\r\n", "no frame of kind", specs.ErrInvalid},
		{length(1<<20+1, byte(wire.Ask)), "has at most", specs.ErrInvalid},
		{length(1<<32-1, byte(wire.Stdin)), "has at most", specs.ErrInvalid},
		{frame(wire.Ask, `{"verb":"stats"}`), "does not belong here", specs.ErrInvalid},
		{hello + hello, "does not belong here", specs.ErrInvalid},
		{hello + frame(wire.Stdin, "x"), "does not belong here", specs.ErrInvalid},
		{hello + frame(wire.Stdout, "x"), "does not belong here", specs.ErrInvalid},
		{hello + frame(wire.Ask, `{"verb":"stats"`), "expected", specs.ErrInvalid},
		{hello + frame(wire.Ask, `{"verb":"stats"} x`), "expected the end", specs.ErrInvalid},
		{hello + frame(wire.Ask, `{"verb":"dance","id":"`+id+`"}`), "no verb dance", specs.ErrUnsupported},
		{hello + frame(wire.Ask, `{"verb":"create","id":"../x"}`), "", specs.ErrInvalid},
		{hello + frame(wire.Ask, `{"verb":"exec","id":"`+id+`","exec":"a/b","process":{}}`), "no id", specs.ErrInvalid},
		{hello + frame(wire.Ask, `{"verb":"exec","id":"`+id+`","exec":"a"}`), "want the process", specs.ErrInvalid},
		{hello + frame(wire.Ask, `{"verb":"signal","id":"`+id+`","signal":65}`), "no signal 65", specs.ErrInvalid},
	} {
		conn := p.raw()
		io.WriteString(conn, c.send)
		e := said(t, conn)
		if e == nil || !strings.Contains(e.Error(), c.problem) || !errors.Is(e, c.kind) {
			t.Errorf("%q: %v", c.send, e)
		}
		conn.Close()
	}
	// Nothing is said to those who hang up in the middle.
	for _, part := range []string{"", "\x05", length(100, byte(wire.Hello)) + "half", hello, hello + length(1<<20, byte(wire.Ask)) + strings.Repeat(" ", 5000)} {
		conn := p.raw()
		io.WriteString(conn, part)
		conn.(*net.UnixConn).CloseWrite()
		if e := said(t, conn); e != nil {
			t.Errorf("%.20q: %v", part, e)
		}
		conn.Close()
	}
	// A newer client that also speaks our version, byte by byte.
	conn := p.raw()
	for _, b := range []byte(frame(wire.Hello, `{"version":7,"oldest":1,"unknown":[{"a":1}]}`) + frame(wire.Ask, `{"verb":"wait","id":"none"}`)) {
		conn.Write([]byte{b})
	}
	if e := said(t, conn); e == nil || !errors.Is(e, specs.ErrNotExist) {
		t.Errorf("%v", e)
	}
	conn.Close()
	if !kit.Eventually(patience, func() bool { return p.stats().Connections == 1 }) {
		t.Errorf("%d connections", p.stats().Connections)
	}
	p.gone(id)
}

// Whatever is sent, the monitor goes on.
func TestRandomBytes(t *testing.T) {
	p := newPod(t)
	id := p.running("exec sleep 60")
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 2))
	verbs := []string{"create", "start", "exec", "exec-sync", "attach", "resize", "close-stdin", "reopen-log", "wait", "events", "list", "stats", "remove"}
	for range often(300, 20000) {
		b := []byte(frame(wire.Hello, `{"version":1}`) + frame(wire.Ask, fmt.Sprintf(`{"verb":%q,"id":%q,"exec":"x","rows":3,"stdin":true}`, verbs[random.IntN(len(verbs))], id)) +
			frame(wire.Stdin, "some input") + frame(wire.Resize, `{"rows":1,"cols":2}`) + frame(wire.EndStdin, ""))
		for range random.IntN(4) {
			b[random.IntN(len(b))] = byte(random.Uint32())
		}
		b = b[:random.IntN(len(b)+1)]
		c := p.raw()
		c.Write(b)
		c.Close()
	}
	if !kit.Eventually(patience, func() bool { return p.stats().Connections == 1 }) {
		t.Errorf("seed %d: %d connections are left", seed, p.stats().Connections)
	}
	if r, err := p.run(id, "echo alive"); err != nil || string(r.Stdout) != "alive\n" {
		t.Errorf("seed %d: %v %v", seed, r, err)
	}
	p.gone(id)
}

// Errors arrive as records: of the monitor, and of the runtime.
func TestErrors(t *testing.T) {
	p := newPod(t)
	if _, err := p.Start(p.ctx, "nobody"); !errors.Is(err, specs.ErrNotExist) || !strings.HasPrefix(err.Error(), "start nobody: ") {
		t.Errorf("unknown id: %v", err)
	}
	b := kit.NewBundle(t, kit.Shell("exec sleep 60"))
	req := p.request(b)
	id := p.created(req)
	if _, err := p.Create(p.ctx, req); !errors.Is(err, specs.ErrExist) {
		t.Errorf("twice: %v", err)
	}
	if _, err := p.Wait(p.ctx, id, "no"); !errors.Is(err, specs.ErrNotExist) || !strings.Contains(err.Error(), "exec no") {
		t.Errorf("unknown exec: %v", err)
	}
	if _, err := p.Start(p.ctx, id); err != nil {
		t.Fatal(err)
	}
	// The runtime's own error, with its fields.
	_, _, err := p.Exec(p.ctx, wire.Request{ID: id, Exec: "e", Process: process("/no/such/program")})
	var e *wire.Error
	var record *specs.Error
	if !errors.Is(err, unix.ENOENT) || !errors.As(err, &e) || !errors.As(err, &record) {
		t.Fatalf("exec of nothing: %v", err)
	}
	if e.Syscall != "execve" || e.Field != "/process/args" || !strings.Contains(e.Path, "/no/such/program") || e.Hint+e.Problem == "" || e.N == 0 || e.Of < e.N ||
		e.Verb != "exec" || e.ID != id || !strings.Contains(e.Runtime, `"level":"error"`) || record.Syscall != "execve" {
		t.Errorf("%#v", e)
	}
	if s := p.state(id, "e"); s != "" {
		t.Errorf("the exec that failed is %s", s)
	}
	// Of a runtime that only writes text, the last line.
	req = p.request(b)
	req.Runtime = script(t, "echo warning: x >&2; echo it is broken >&2; exit 1")
	_, err = p.Create(p.ctx, req)
	if !errors.As(err, &e) || e.Problem != "it is broken" || e.Runtime != "warning: x\nit is broken\n" {
		t.Errorf("%#v", err)
	}
	req.Runtime = script(t, "exit 1")
	if _, err = p.Create(p.ctx, req); err == nil || !strings.Contains(err.Error(), "without a word") {
		t.Errorf("%v", err)
	}
	req.Runtime = script(t, "kill -9 $$")
	if _, err = p.Create(p.ctx, req); err == nil || !strings.Contains(err.Error(), "killed by SIGKILL") {
		t.Errorf("%v", err)
	}
	req.Runtime = "/no/such/runtime"
	if _, err = p.Create(p.ctx, req); !errors.Is(err, unix.ENOENT) {
		t.Errorf("%v", err)
	}
	req.Runtime = p.rt.Path
	req.Bundle = "/no/such/bundle"
	if _, err = p.Create(p.ctx, req); !errors.Is(err, unix.ENOENT) {
		t.Errorf("%v", err)
	}
	req.Bundle, req.Log.Paths = b.Dir, []string{"k8s-file:/no/such/dir/log"}
	if _, err = p.Create(p.ctx, req); !errors.Is(err, unix.ENOENT) {
		t.Errorf("%v", err)
	}
	req.Log.Paths = []string{"passthrough"}
	if _, err = p.Create(p.ctx, req); !errors.Is(err, specs.ErrInvalid) {
		t.Errorf("%v", err)
	}
	if list, _ := p.List(p.ctx); len(list) != 1 {
		t.Errorf("left: %+v", list)
	}
	if left, _ := os.ReadDir(filepath.Join(p.dir, "sock.d")); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
	p.gone(id)
}

// A start that the runtime refuses.
func TestStartFails(t *testing.T) {
	p := newPod(t)
	b := kit.NewBundle(t, kit.Args("/bin/script"))
	kit.Must(t, os.WriteFile(filepath.Join(b.Rootfs, "bin/script"), []byte("#!/no/such/interpreter\n"), 0o755))
	req := p.request(b)
	id := p.created(req)
	_, err := p.Start(p.ctx, id)
	var e *wire.Error
	if !errors.Is(err, unix.ENOENT) || !errors.As(err, &e) || e.Syscall != "execve" {
		t.Errorf("%v", err)
	}
	if end, err := p.Wait(p.ctx, id, ""); err != nil || end.Code == 0 {
		t.Errorf("%+v %v", end, err)
	}
	p.gone(id)
}

// Nobody but our own user and root may come, whatever became of the mode.
func TestOtherUsers(t *testing.T) {
	p := newPod(t)
	info, err := os.Stat(p.Socket)
	if err != nil || info.Mode().Perm() != 0o600 || info.Mode()&os.ModeSocket == 0 {
		t.Errorf("%v %v", info, err)
	}
	for path := p.dir; len(path) > 5; path = filepath.Dir(path) {
		kit.Must(t, os.Chmod(path, 0o755))
	}
	if got := caller(t, 65534, "list", p.Socket); !strings.Contains(got, "EACCES") || !strings.Contains(got, "connect") {
		t.Errorf("the mode lets uid 65534 in: %s", got)
	}
	kit.Must(t, os.Chmod(p.Socket, 0o666))
	if got := caller(t, 65534, "list", p.Socket); !strings.Contains(got, "refused: true") || !strings.Contains(got, "not uid 65534") {
		t.Errorf("the monitor lets uid 65534 in: %s", got)
	}
	if got := caller(t, 0, "list", p.Socket); got != "0 listed\n" { // positive control
		t.Errorf("root: %s", got)
	}
}

// One socket, one monitor; what a dead one left is replaced.
func TestSecondMonitor(t *testing.T) {
	p := newPod(t)
	id := p.running("exec sleep 60")
	for _, flags := range [][]string{{"--sync"}, {}} {
		cmd := p.command(flags...)
		cmd.Start(t)
		if res := cmd.Wait(); res.Code != 1 || !strings.Contains(res.Stderr, "another monitor serves") || !strings.Contains(res.Stderr, "EADDRINUSE") {
			t.Errorf("%s", res)
		}
	}
	if s := p.state(id, ""); s != wire.Running {
		t.Errorf("it is %q", s)
	}
	p.gone(id)
	p.killed()
	if _, err := os.Lstat(p.Socket); err != nil {
		t.Fatal("a killed monitor leaves no socket?")
	}
	_, err := p.List(p.ctx)
	if !errors.Is(err, client.ErrGone) || !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("%v", err)
	}
	p.serve()
	if _, err := p.List(p.ctx); err != nil {
		t.Error(err)
	}
}

// In the background: when the command returns, callers may come.
func TestBackground(t *testing.T) {
	p := newPod(t)
	p.end()
	cmd := p.command()
	cmd.Start(t)
	if res := cmd.Wait(); res.Code != 0 || res.Stderr != "" || res.Stdout != "" {
		t.Fatalf("%s", res)
	}
	st, err := p.Stats(p.ctx)
	if err != nil {
		t.Fatal(err)
	}
	if sid, err := unix.Getsid(int(st.Pid)); err != nil || sid != int(st.Pid) {
		t.Errorf("session %d, pid %d, %v", sid, st.Pid, err)
	}
	if cwd, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", st.Pid)); cwd != "/" {
		t.Errorf("it holds %s", cwd)
	}
	kit.Must(t, p.Shutdown(p.ctx, false))
	cmd = p.command()
	cmd.Args[3] = "/no/such/dir/sock"
	cmd.Start(t)
	if res := cmd.Wait(); res.Code != 1 || !strings.Contains(res.Stderr, "ENOENT") {
		t.Errorf("%s", res)
	}
	for _, args := range [][]string{{}, {"--socket"}, {"--socket", "x", "word"}, {"--nope"}, {"--socket", "x", "--log-level", "loud"}} {
		if res := kit.Do(t, append([]string{monitorPath(t), "serve"}, args...)...); res.Code != 1 || res.Stderr == "" {
			t.Errorf("%s", res)
		}
	}
	if res := kit.Do(t, monitorPath(t), "serve", "--help"); res.Code != 0 || !strings.Contains(res.Stdout, "--socket PATH") {
		t.Errorf("%s", res)
	}
}

// The context ends a call, and what was asked for goes on.
func TestContext(t *testing.T) {
	p := newPod(t)
	id := p.running("exec sleep 60")
	ctx, cancel := context.WithCancel(p.ctx)
	done := make(chan error)
	go func() { _, err := p.Wait(ctx, id, ""); done <- err }()
	kit.Eventually(patience, func() bool { return p.stats().Connections == 2 })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if s := p.state(id, ""); s != wire.Running {
		t.Errorf("it is %s", s)
	}
	// But for exec-sync: nobody can ever hear of it.
	ctx, cancel = context.WithCancel(p.ctx)
	go func() {
		_, err := p.ExecSync(ctx, wire.Request{ID: id, Process: process("sleep", "55555")})
		done <- err
	}()
	running := func() bool { return p.stats().Running == 2 }
	if !kit.Eventually(patience, running) {
		t.Error("it does not run")
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if !kit.Eventually(patience, func() bool { return !running() }) {
		t.Error("it runs on")
	}
	p.gone(id)
}
