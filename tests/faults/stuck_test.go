package faults

import (
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"stave/tests/kit"
)

func bindDead(source string) kit.Mutation {
	return kit.AddMount(specs.Mount{Destination: "/mnt", Type: "bind", Source: source, Options: []string{"rbind"}})
}

// A volume whose server is dead holds up the command that needs it, and no
// other: not before there is anything of the container, not when its process
// is the one that waits, not when that is the container's own program. delete
// says in bounded time what it is that does not end, and works once it does.
func TestDeadVolume(t *testing.T) {
	kit.Begin(t)
	r := kit.Subject(t)
	r.Timeout = 25 * time.Second
	healthy := kit.NewBundle(t, kit.Shell("exec sleep 60"))
	healthyID := r.Running(healthy)

	before := kit.Snap(r)

	// Where it hangs depends on when the server stops to answer.
	atOnce, later, inside := newDeadFS(t, 0), newDeadFS(t, 0), newDeadFS(t, 0)
	early := kit.NewBundle(t, kit.Shell("exec sleep 60"), bindDead(filepath.Join(atOnce.dir, "x")))
	child := kit.NewBundle(t, kit.Shell("exec sleep 60"), bindDead(filepath.Join(later.dir, "x")))
	own := kit.NewBundle(t, kit.Shell("echo begun; exec ls /mnt/dead/x"), bindDead(filepath.Dir(inside.dir)))

	hang := func(d *deadFS, b *kit.Bundle, answers int64) (string, *kit.Cmd) {
		d.answers.Store(answers)
		id := kit.ID()
		c := r.Cmd("create", "--bundle", b.Dir, id)
		c.Start(t)
		if !kit.Eventually(10*time.Second, func() bool { return d.asked.Load() > 0 }) {
			t.Fatalf("nobody asks the filesystem any more: %s", c.Wait())
		}
		return id, c
	}
	earlyID, earlyCreate := hang(atOnce, early, 0)
	childID, childCreate := hang(later, child, 2)
	ownID := r.Running(own)
	if !kit.Eventually(10*time.Second, func() bool { return inside.asked.Load() > 0 }) {
		t.Fatal("the program does not touch the volume")
	}

	// Nobody else is delayed.
	others := *r
	others.Timeout = 5 * time.Second
	id := kit.ID()
	for _, args := range [][]string{
		{"list"}, {"state", healthyID}, {"exec", healthyID, "true"}, {"state", ownID}, {"ps", ownID}, {"list", "--format", "json"},
		{"create", "--bundle", healthy.Dir, id}, {"start", id}, {"kill", id, "KILL"}, {"delete", "--force", id},
	} {
		if res := others.Do(args...); res.Code != 0 || res.TimedOut {
			t.Errorf("beside a dead volume: %s", res)
		}
	}
	if s, res := r.State(childID); s.Status != "creating" {
		t.Errorf("want creating: %s", res)
	}
	if _, res := r.State(earlyID); res.TimedOut {
		t.Errorf("%s", res)
	}

	// The creators are killed, as by a caller that has lost patience.
	childCreate.Signal(9)
	childCreate.Wait()
	earlyCreate.Signal(9)
	if res := r.Kill(ownID, "KILL"); res.Code != 0 {
		t.Error(res)
	}
	var wait sync.WaitGroup
	for _, id := range []string{childID, ownID} {
		wait.Go(func() {
			res := r.Delete(id, "--force")
			if res.Code == 0 || res.TimedOut || !strings.Contains(res.Stderr, "uninterruptibly") && !strings.Contains(res.Stderr, "wchan") {
				t.Errorf("delete of what cannot end: %s", res)
			}
		})
	}
	wait.Wait()
	if res := r.Delete(earlyID, "--force"); res.Code != 0 || res.TimedOut {
		t.Errorf("delete of what has not begun: %s", res)
	}
	if res := r.Do("list"); res.Code != 0 {
		t.Error(res)
	}

	// The server is given up, and everything ends.
	for _, d := range []*deadFS{atOnce, later, inside} {
		d.abort()
	}
	earlyCreate.Wait()
	for _, id := range []string{earlyID, childID, ownID} {
		if res := r.Delete(id, "--force"); res.Code != 0 || res.TimedOut {
			t.Errorf("%s", res)
		}
	}
	for _, d := range []*deadFS{atOnce, later, inside} {
		d.end()
	}
	kit.NoLeak(t, r, before)
}
