package podmode

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"stave/monitor/client"
	"stave/monitor/wire"
	"stave/tests/kit"
)

// slow takes its time over what it is given.
type slow struct {
	buf   bytes.Buffer
	pause time.Duration
}

func (s *slow) Write(p []byte) (int, error) {
	time.Sleep(s.pause)
	return s.buf.Write(p)
}

// Twenty clients, each at its own pace, one of which never reads: it is given
// up, the others and the log have everything, and the monitor stays small.
func TestTwentyClients(t *testing.T) {
	p := newPod(t)
	const lines = 100000
	id := p.running(fmt.Sprintf("read x; seq 1 %d; echo end", lines), func(r *wire.Request) { r.Stdin = true })
	var want strings.Builder
	for i := range lines {
		fmt.Fprintln(&want, i+1)
	}
	want.WriteString("end\n")
	before := p.stats().RSS
	var wait sync.WaitGroup
	var never *client.Stream
	for i := range 20 {
		s, err := p.Attach(p.ctx, id, "", i == 0, false)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if i == 19 {
			never = s
			continue
		}
		wait.Go(func() {
			out := &slow{pause: time.Duration(i) * 100 * time.Microsecond}
			end, dropped, err := s.Copy(out, nil)
			if err != nil || dropped || end.Code != 0 || out.buf.String() != want.String() {
				t.Errorf("client %d has %d bytes of %d, dropped %v: %+v %v", i, out.buf.Len(), want.Len(), dropped, end, err)
			}
		})
		if i == 0 {
			defer func() { fmt.Fprintln(s) }()
		}
	}
	starter, err := p.Attach(p.ctx, id, "", true, false)
	kit.Must(t, err)
	fmt.Fprintln(starter)
	starter.Close()
	wait.Wait()
	if end, err := p.Wait(p.ctx, id, ""); err != nil || end.Code != 0 {
		t.Errorf("%+v %v", end, err)
	}
	log := strings.NewReplacer("stdout F ", "", "\n", "").Replace(strings.ReplaceAll(p.log(), "stdout P ", ""))
	if log != strings.ReplaceAll(want.String(), "\n", "") {
		t.Errorf("the log has %d bytes of %d", len(log), want.Len())
	}
	if after := p.stats().RSS; after > before+8<<20 {
		t.Errorf("the monitor had %d KiB and has %d KiB", before>>10, after>>10)
	}
	// What it gets when it reads at last: a beginning, the notice, the end.
	var out bytes.Buffer
	end, dropped, err := never.Copy(&out, nil)
	if err != nil || !dropped || end.Code != 0 || !strings.HasPrefix(want.String(), out.String()) {
		t.Errorf("who never read has %d bytes, dropped %v: %+v %v", out.Len(), dropped, end, err)
	}
	p.gone(id)
}

// A process that is there for one client waits for it, for however long, and
// nobody else does.
func TestBlock(t *testing.T) {
	p := newPod(t)
	id := p.running("exec sleep 60")
	const size = 4 << 20
	_, s, err := p.Exec(p.ctx, wire.Request{ID: id, Exec: "big", Attach: true, Block: true,
		Process: process("sh", "-c", fmt.Sprintf("head -c %d /dev/zero; touch /dev/written; exit 3", size))})
	kit.Must(t, err)
	defer s.Close()
	other := func() string {
		r, err := p.run(id, "[ -e /dev/written ] && echo written")
		if err != nil {
			t.Fatal(err)
		}
		return string(r.Stdout)
	}
	// Longer than a client that is not waited for would be given.
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); {
		if got := other(); got != "" {
			t.Fatal("4 MiB went where nobody reads")
		}
	}
	out := &bytes.Buffer{}
	end, dropped, err := s.Copy(out, io.Discard)
	if err != nil || dropped || end.Code != 3 || out.Len() != size {
		t.Errorf("%d bytes, dropped %v: %+v %v", out.Len(), dropped, end, err)
	}
	if got := other(); got != "written\n" { // positive control
		t.Errorf("there is no sign: %q", got)
	}
	// A client that goes away holds nobody up.
	_, s, err = p.Exec(p.ctx, wire.Request{ID: id, Exec: "gone", Attach: true, Block: true, Process: process("sh", "-c", fmt.Sprintf("head -c %d /dev/zero; exit 4", size))})
	kit.Must(t, err)
	s.Close()
	if end, err := p.Wait(p.ctx, id, "gone"); err != nil || end.Code != 4 {
		t.Errorf("%+v %v", end, err)
	}
	p.gone(id)
}

// Input that nobody reads costs bounded memory, and its client only is held up.
func TestInputWaits(t *testing.T) {
	p := newPod(t)
	id := p.running("exec sleep 60")
	_, s, err := p.Exec(p.ctx, wire.Request{ID: id, Exec: "e", Stdin: true, Attach: true, Process: process("sleep", "60")})
	kit.Must(t, err)
	before := p.stats().RSS
	done := make(chan error)
	go func() {
		_, err := s.Write(make([]byte, 64<<20))
		done <- err
	}()
	for range 20 {
		if r, err := p.run(id, "echo alive"); err != nil || string(r.Stdout) != "alive\n" {
			t.Fatalf("%+v %v", r, err)
		}
	}
	if after := p.stats().RSS; after > before+4<<20 {
		t.Errorf("the monitor had %d KiB and has %d KiB", before>>10, after>>10)
	}
	s.Close()
	if err := <-done; err == nil {
		t.Error("64 MiB went into a process that does not read")
	}
	p.gone(id)
}
