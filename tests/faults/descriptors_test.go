package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"stave/tests/kit"
)

// noLimits leaves the limits as the caller has them: to raise a hard one takes a
// capability that root may lack.
var noLimits = kit.With(func(s *specs.Spec) { s.Process.Rlimits = nil })

// limited makes a command one that may have n descriptors.
func limited(c *kit.Cmd, n int) *kit.Cmd {
	c.Args = append([]string{"sh", "-c", `ulimit -n "$0" && exec "$@"`, strconv.Itoa(n)}, c.Args...)
	return c
}

func sweep() []int {
	var all []int
	for n := 3; n <= 256; n++ {
		if n < 20 || n&(n-1) == 0 || os.Getenv("STAVE_SOAK") != "" {
			all = append(all, n)
		}
	}
	return all
}

// However few descriptors there are, a verb works or says EMFILE and where. It
// never takes what it could not look at for something that is not there.
func TestFewDescriptors(t *testing.T) {
	kit.Begin(t)
	r := kit.Subject(t)
	b := kit.NewBundle(t, kit.Shell("exec sleep 60"), noLimits)
	running := r.Running(b)
	before := kit.Snap(r, b)
	least := map[string]int{}
	works := func(n int, verb string, args ...string) bool {
		c := limited(r.Cmd(append([]string{verb}, args...)...), n)
		c.Start(t)
		res := c.Wait()
		if res.Code == 0 {
			if least[verb] == 0 {
				least[verb] = n
			}
			return true
		}
		if least[verb] != 0 && n > least[verb]+4 { // a few depend on who is faster
			t.Errorf("%s works with %d descriptors and not with %d: %s", verb, least[verb], n, res)
		}
		wantTyped(t, fmt.Sprintf("%s with %d descriptors", verb, n), res, "EMFILE")
		return false
	}
	for _, n := range sweep() {
		id := kit.ID()
		if works(n, "create", "--bundle", b.Dir, id) {
			works(n, "start", id)
		} else {
			kit.NoLeak(t, r, before, b)
			if res := r.Create(b, id); res.Code != 0 {
				t.Error(res)
			}
		}
		// Either it is all gone or all there.
		if !works(n, "delete", "--force", id) {
			if _, res := r.State(id); res.Code != 0 {
				t.Errorf("delete with %d descriptors failed, and the container is gone: %s", n, res)
			}
			if res := r.Delete(id, "--force"); res.Code != 0 {
				t.Error(res)
			}
		}
		kit.NoLeak(t, r, before, b)
		works(n, "exec", running, "true")
		works(n, "state", running)
		works(n, "list")
		works(n, "kill", running, "CONT")
	}
	once := kit.NewBundle(t, kit.Args("true"), noLimits)
	for _, n := range sweep() {
		works(n, "run", "--bundle", once.Dir, kit.ID())
	}
	kit.NoLeak(t, r, before, b)
	t.Logf("descriptors that are enough: %v", least)
	for _, verb := range []string{"create", "start", "run", "exec", "state", "list", "kill", "delete"} {
		if n := least[verb]; n == 0 || n > 64 {
			t.Errorf("%s needs %d descriptors", verb, n)
		}
	}
	// The control: nothing but stdio is nothing.
	for verb, n := range least {
		if n == 3 {
			t.Errorf("%s works with 3 descriptors: the limit does not bind", verb)
		}
	}
}

// Mounts and devices are made one after the other: their number needs no
// descriptors.
func TestManyThings(t *testing.T) {
	const many = 500
	rows := map[string]struct {
		change kit.Mutation
		count  string // printed by the container
	}{
		"mounts": {kit.With(func(s *specs.Spec) {
			s.Mounts = append(s.Mounts, specs.Mount{Destination: "/mnt", Type: "tmpfs", Source: "t"})
			for i := range many {
				s.Mounts = append(s.Mounts, specs.Mount{Destination: fmt.Sprintf("/mnt/%d", i), Type: "tmpfs", Source: "t", Options: []string{"size=4k"}})
			}
		}), "grep -c ' /mnt/' /proc/mounts"},
		"binds": {kit.With(func(s *specs.Spec) {
			s.Mounts = append(s.Mounts, specs.Mount{Destination: "/mnt", Type: "tmpfs", Source: "t"})
			for i := range many {
				s.Mounts = append(s.Mounts, specs.Mount{Destination: fmt.Sprintf("/mnt/%d", i), Type: "bind", Source: "/etc/passwd", Options: []string{"bind", "ro"}})
			}
		}), "grep -c ' /mnt/' /proc/mounts"},
		"devices": {kit.With(func(s *specs.Spec) {
			for i := range many {
				s.Linux.Devices = append(s.Linux.Devices, specs.LinuxDevice{Path: fmt.Sprintf("/dev/many%d", i), Type: "c", Major: 1, Minor: int64(i)})
			}
		}), "ls /dev | grep -c many"},
		"masked paths": {kit.With(func(s *specs.Spec) {
			files, _ := filepath.Glob("/proc/sys/net/*/*")
			for _, f := range files {
				if len(s.Linux.MaskedPaths) < many {
					s.Linux.MaskedPaths = append(s.Linux.MaskedPaths, f)
				}
			}
		}), ""},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			kit.Begin(t)
			r := kit.Subject(t)
			script := row.count
			if script == "" {
				script = "true"
			}
			b := kit.NewBundle(t, row.change, noLimits, kit.Shell(script))
			before := kit.Snap(r, b)
			c := limited(r.Cmd("run", "--bundle", b.Dir, kit.ID()), 64)
			c.Start(t)
			res := c.Wait()
			if res.Code != 0 || row.count != "" && strings.TrimSpace(res.Stdout) != strconv.Itoa(many) {
				t.Errorf("%d %s: %s", many, name, res)
			}
			kit.NoLeak(t, r, before, b)
		})
	}
}
