package podmode

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stave/monitor/wire"
	"stave/tests/kit"
)

// What must not add up. The short forms see what every cycle leaves behind; the
// long ones (STAVE_SOAK) what one in thousands does.

// holdings is what a monitor has, for as long as it has it.
type holdings struct {
	descriptors, threads, children, zombies, connections int
	execs, containers, running                           int64
	pss                                                  int64
}

func (p *pod) holdings() (h holdings) {
	p.t.Helper()
	pid := p.cmd.PID()
	st := p.stats()
	h = holdings{connections: int(st.Connections), threads: int(st.Threads), descriptors: fdsOf(p.t, pid),
		execs: st.Execs, containers: st.Containers, running: st.Running, pss: st.PSS}
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	kit.Must(p.t, err)
	for _, f := range files {
		data, _ := os.ReadFile(f) // it may be gone
		_, rest, _ := strings.Cut(string(data), ") ")
		if fields := strings.Fields(rest); len(fields) > 1 && fields[1] == fmt.Sprint(pid) {
			h.children++
			if fields[0] == "Z" {
				h.zombies++
			}
		}
	}
	return h
}

// What Go's runtime may begin at any time, once, and keeps: threads, and the two
// descriptors of its own poller.
const (
	threadsMore     = 2
	descriptorsMore = 2
	pssMore         = 256 << 10
)

// addsUp runs cycles, and wants the monitor to have after all of them what it had
// after the first half.
func (p *pod) addsUp(what string, cycles int, cycle func(i int)) {
	p.t.Helper()
	warm := cycles / 2
	var before, after holdings
	for i := range cycles {
		if i == warm || i == 40 {
			before = p.holdings()
		}
		cycle(i)
	}
	enough := func() bool {
		after = p.holdings()
		return after.connections == before.connections && after.children == before.children && after.zombies == 0 &&
			after.execs == before.execs && after.containers == before.containers && after.running == before.running &&
			after.descriptors <= before.descriptors+descriptorsMore && after.threads <= before.threads+threadsMore && after.pss <= before.pss+pssMore
	}
	if !kit.Eventually(patience/6, enough) { // the last conversation may still be closing
		p.t.Errorf("after %d %s it has\n%+v, and after %d\n%+v", warm, what, before, cycles, after)
	}
	p.t.Logf("PSS %d KiB and %d descriptors after %d %s, %d KiB and %d after %d", before.pss>>10, before.descriptors, warm, what, after.pss>>10, after.descriptors, cycles)
}

// Execs, with streams and without.
func TestExecsDoNotAddUp(t *testing.T) {
	p := newPod(t)
	id := p.running("exec sleep 100000")
	p.addsUp("execs", often(500, 100000), func(i int) {
		if i%2 == 0 {
			if r, err := p.run(id, "echo x"); err != nil || string(r.Stdout) != "x\n" {
				t.Fatalf("exec %d: %+v %v", i, r, err)
			}
			return
		}
		name := fmt.Sprint("e", i)
		if _, _, err := p.Exec(p.ctx, wire.Request{ID: id, Exec: name, Process: process("true")}); err != nil {
			t.Fatalf("exec %d: %v", i, err)
		}
		if end, err := p.Wait(p.ctx, id, name); err != nil || end.Code != 0 {
			t.Fatalf("exec %d: %+v %v", i, end, err)
		}
		kit.Must(t, p.Remove(p.ctx, id, name))
	})
	p.gone(id)
}

// Clients that come, hear something, and go: by the door, or in the middle of it.
func TestAttachesDoNotAddUp(t *testing.T) {
	p := newPod(t)
	id := p.running("while read x; do echo $x; done", func(r *wire.Request) { r.Stdin = true })
	cycles := often(1000, 20000)
	p.addsUp("attaches", cycles, func(i int) {
		s, err := p.Attach(p.ctx, id, "", true, false)
		if err != nil {
			t.Fatalf("attach %d: %v", i, err)
		}
		defer s.Close()
		if i%2 == 0 {
			if _, err := fmt.Fprintf(s, "line %d\n", i); err != nil {
				t.Fatalf("attach %d: %v", i, err)
			}
		}
	})
	if !kit.Eventually(patience, func() bool { return strings.Contains(p.log(), fmt.Sprintf("line %d\n", (cycles-1)/2*2)) }) {
		t.Error("the last client was not heard")
	}
	p.gone(id)
}
