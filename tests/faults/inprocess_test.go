package faults

import (
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"stave/libct"
	"stave/tests/kit"
)

// holds is what this process has that a library may forget to give back.
type holds struct {
	fds, threads, shared int
	heap                 uint64
}

func counted() (h holds) {
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries { // but not what the kit's reaper is just reading
		if _, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			h.fds++
		}
	}
	entries, _ = os.ReadDir("/proc/self/task")
	h.threads = len(entries)
	data, _ := os.ReadFile("/proc/self/maps")
	h.shared = strings.Count(string(data), "/dev/zero") // MAP_SHARED|MAP_ANONYMOUS
	runtime.GC()
	runtime.GC() // what finalizers have let go of
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	h.heap = m.HeapAlloc
	return h
}

// inProcess makes a plan for a bundle and executes it in this process.
func inProcess(b *kit.Bundle, root, id, verb string) (*libct.Create, error) {
	req := &libct.Request{Verb: verb, Gate: verb == "create", ID: id, Root: root, Bundle: b.Dir}
	cfg, plan, err := libct.Prepare(req)
	if err != nil {
		return nil, err
	}
	c, err := libct.NewCreate(plan, cfg.Spec, req)
	if err != nil {
		return nil, err
	}
	return c, c.Execute()
}

// life is one container's, with what fails in it.
func life(t *testing.T, b, bad *kit.Bundle, root string) {
	id := kit.ID()
	c, err := inProcess(b, root, id, "create")
	kit.Must(t, err)
	c.Close()
	if _, err := inProcess(b, root, id, "create"); err == nil {
		t.Fatal("a second one of the same name")
	}
	if _, err := inProcess(bad, root, kit.ID(), "run"); err == nil {
		t.Fatal("a program that is not there")
	}
	k, err := libct.OpenLocked(root, id)
	kit.Must(t, err)
	kit.Must(t, k.Start())
	k.Close()

	k, err = libct.Open(root, id)
	kit.Must(t, err)
	p := *b.Spec.Process
	p.Args = []string{"/bin/true"}
	run, err := k.Exec(&p, nil, &libct.Request{Verb: "exec", ID: id, Root: root, Bundle: b.Dir})
	kit.Must(t, err)
	libct.Wait(run.Pid)
	run.Close()
	p.Args = []string{"/bin/absent"}
	if _, err := k.Exec(&p, nil, &libct.Request{Verb: "exec", ID: id, Root: root, Bundle: b.Dir}); err == nil {
		t.Fatal("a program that is not there")
	}
	k.Close()
	if _, err := libct.ForceDelete(root, id); err != nil {
		t.Fatal(err)
	}
}

// A process that lives long can call the library as often as it likes.
func TestInProcess(t *testing.T) {
	kit.Begin(t)
	r := kit.Subject(t) // for its root directory
	b := kit.NewBundle(t, kit.Args("/bin/sleep", "60"), noLimits)
	bad := kit.NewBundle(t, kit.Args("/bin/absent"), noLimits, kit.With(func(s *specs.Spec) {
		s.Linux.Namespaces = s.Linux.Namespaces[1:] // a fork, not a thread: there is no pid namespace
	}))
	before := kit.Snap(r, b)
	for range 10 {
		life(t, b, bad, r.Root)
	}
	first := counted()
	const times = 200
	for range times {
		life(t, b, bad, r.Root)
	}
	last := counted()
	t.Logf("after 10: %+v; after %d more: %+v", first, times, last)
	if last.fds > first.fds || last.shared > first.shared {
		t.Errorf("descriptors or mappings grow")
	}
	if last.threads > first.threads+8 { // Go's own come and go
		t.Errorf("threads grow")
	}
	if last.heap > first.heap+256<<10 {
		t.Errorf("the heap grows by %d bytes each time", (last.heap-first.heap)/times)
	}
	kit.NoLeak(t, r, before, b)
}
