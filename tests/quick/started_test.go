package quick

import (
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"stave/tests/kit"
)

// When start has returned nobody finds the container created any more. On one
// processor the kernel is likeliest to be half-way through closing what
// execve(2) closes.
func TestStartedIsNotCreated(t *testing.T) {
	for name, global := range map[string]string{"quick": "", "ordinary": "--debug"} {
		t.Run(name, func(t *testing.T) {
			kit.Begin(t)
			runtime.LockOSThread() // what is started from here runs where this thread may
			defer runtime.UnlockOSThread()
			var all, one unix.CPUSet
			kit.Must(t, unix.SchedGetaffinity(0, &all))
			for i := range 1024 {
				if all.IsSet(i) {
					one.Set(i)
					break
				}
			}
			kit.Must(t, unix.SchedSetaffinity(0, &one))
			defer func() { kit.Must(t, unix.SchedSetaffinity(0, &all)) }()
			r := kit.Subject(t)
			b := kit.NewBundle(t, kit.Args("sleep", "1000"))
			for range 60 {
				id := kit.ID()
				must(t, r.Create(b, id))
				res := kit.Do(t, "sh", "-c", `"$1" $4 --root "$2" start "$3" && exec "$1" $4 --root "$2" state "$3"`, "sh", r.Path, r.Root, id, global)
				must(t, r.Delete(id, "--force"))
				if !strings.Contains(res.Stdout, `"running"`) {
					t.Fatalf("started, and found: %s", res)
				}
			}
		})
	}
}
