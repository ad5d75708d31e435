// Package soak holds promises that only many repetitions can test. The short
// form runs always; with STAVE_SOAK=1 it is the long one (make soak).
package soak

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"stave/tests/kit"
)

func TestMain(m *testing.M) { kit.Main(m) }

// often is n, or long in a soak.
func often(n, long int) int {
	if os.Getenv("STAVE_SOAK") != "" {
		return long
	}
	return n
}

// fds counts our own: a long-lived caller must not collect any.
func fds(t *testing.T) int {
	list, err := os.ReadDir("/proc/self/fd")
	kit.Must(t, err)
	return len(list)
}

// Create, start, kill, delete, and nothing is left, however often.
func TestCyclesLeaveNothing(t *testing.T) {
	kit.Begin(t)
	r := kit.Subject(t)
	b := kit.NewBundle(t, kit.Shell("exec sleep 60"))
	before, open := kit.Snap(r, b), 0
	for i := range often(100, 10000) {
		id := kit.ID()
		for _, step := range []func() *kit.Result{
			func() *kit.Result { return r.Create(b, id) },
			func() *kit.Result { return r.Start(id) },
			func() *kit.Result { return r.Kill(id, "KILL") },
			func() *kit.Result { r.WaitStatus(id, "stopped"); return r.Delete(id) },
		} {
			if res := step(); res.Code != 0 {
				t.Fatalf("cycle %d: %s", i, res)
			}
		}
		if i == 10 {
			open = fds(t)
		}
	}
	kit.NoLeak(t, r, before, b)
	if now := fds(t); now > open {
		t.Errorf("we have %d descriptors, after ten cycles there were %d", now, open)
	}
}

// Many commands about one id at once: one wins, the others say "exists",
// "busy" or what state the container is in; list never fails.
func TestRacesHaveOneWinner(t *testing.T) {
	kit.Begin(t)
	r := kit.Subject(t)
	b := kit.NewBundle(t, kit.Shell("exec sleep 60"))
	before := kit.Snap(r, b)
	for round := range often(15, 2000) {
		id := kit.ID()
		if n := together(8, func(int) bool { return r.Create(b, id).Code == 0 }); n != 1 {
			t.Fatalf("round %d: %d of 8 creates of one id succeeded", round, n)
		}
		if n := together(4, func(int) bool { return r.Start(id).Code == 0 }); n != 1 {
			t.Fatalf("round %d: %d of 4 starts succeeded", round, n)
		}
		together(8, func(i int) bool {
			switch i % 4 {
			case 0:
				r.Exec(id, nil, "true")
			case 1:
				if res := r.Do("list"); res.Code != 0 || strings.Contains(res.Stderr, "panic") {
					t.Errorf("round %d: list: %s", round, res)
				}
			case 2:
				r.Do("state", id)
			case 3:
				if res := r.Delete(id, "--force"); res.Code != 0 {
					t.Errorf("round %d: delete: %s", round, res)
				}
			}
			return true
		})
		if res := r.Delete(id, "--force"); res.Code != 0 {
			t.Fatalf("round %d: %s", round, res)
		}
	}
	kit.NoLeak(t, r, before, b)
}

// together runs f n times at once and counts how often it was true.
func together(n int, f func(i int) bool) (yes int) {
	var wait sync.WaitGroup
	results := make([]bool, n)
	for i := range n {
		wait.Go(func() { results[i] = f(i) })
	}
	wait.Wait()
	for _, ok := range results {
		if ok {
			yes++
		}
	}
	return yes
}

// The runtime is killed at a random moment of a random command.
func TestRandomKills(t *testing.T) {
	kit.Begin(t)
	r := kit.Subject(t)
	b := kit.NewBundle(t, kit.Shell("exec sleep 60"))
	before := kit.Snap(r, b)
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 1))
	for i := range often(60, 5000) {
		id := kit.ID()
		after := time.Duration(random.IntN(12000)) * time.Microsecond
		kill := func(args ...string) {
			c := r.Cmd(args...)
			c.Start(t)
			time.Sleep(after)
			c.Signal(9)
			c.Wait()
		}
		what := fmt.Sprintf("seed %d, round %d, after %v", seed, i, after)
		switch i % 4 {
		case 0:
			kill("create", "--bundle", b.Dir, id)
		case 1:
			r.Create(b, id)
			kill("start", id)
		case 2:
			r.Create(b, id)
			r.Start(id)
			kill("exec", id, "sleep", "1")
		case 3:
			r.Create(b, id)
			kill("delete", "--force", id)
		}
		if res := r.Do("list"); res.Code != 0 {
			t.Errorf("%s: list: %s", what, res)
		}
		if res := r.Delete(id, "--force"); res.Code != 0 {
			t.Errorf("%s: delete: %s", what, res)
		}
	}
	kit.NoLeak(t, r, before, b)
}
