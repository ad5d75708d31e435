package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"stave/libct/seccomp"
	"stave/tests/kit"
)

// A scenario is one thing that is timed.
type scenario struct {
	name, what string
	slower     int // divides the number of rounds
	run        func(w *world, c *contestant) (time.Duration, error)
}

var scenarios = []scenario{
	{"run", "run true", 1, func(w *world, c *contestant) (time.Duration, error) { return w.runOnce(c, "true", "") }},
	{"life", "create + start + kill + delete", 1, (*world).life},
	{"exec", "exec true", 1, func(w *world, c *contestant) (time.Duration, error) { return w.inRunning(c, "exec", "true") }},
	{"state", "state", 1, func(w *world, c *contestant) (time.Duration, error) { return w.inRunning(c, "state") }},
	{"heavy", "run true, 100 masked paths and a container's seccomp profile", 1, func(w *world, c *contestant) (time.Duration, error) { return w.runOnce(c, "heavy", "") }},
	{"fifty", "50 x run true at once", 10, (*world).fifty},
}

// command is `run` of a bundle, in the contestant's words.
func (w *world) command(c *contestant, bundle, id, limit string) []string {
	return w.make(c, "run", bundle, id, limit)
}

// make is run or create. The floor reads no bundle: it is told what to do.
func (w *world) make(c *contestant, verb, bundle, id, limit string) []string {
	if c.name != "floor" {
		return []string{c.path, "--root", c.root, verb, "--bundle", filepath.Join(w.dir, bundle), id}
	}
	args := []string{c.path}
	if limit != "" {
		args = append(args, "-m", limit)
	}
	if bundle == "heavy" {
		args = append(args, "-M", filepath.Join(w.dir, "masks"), "-f", filepath.Join(w.dir, "filter"))
	}
	args = append(args, verb, c.root, id, filepath.Join(w.dir, "rootfs"))
	if bundle == "sleep" {
		return append(args, "/bin/sleep", "1000")
	}
	return append(args, "/bin/true")
}

// verb is any other, of a container that is there.
func verb(c *contestant, name, id string, more ...string) []string {
	args := []string{c.path, "--root", c.root, name, id}
	if c.name == "floor" {
		args = []string{c.path, name, c.root, id}
	}
	return append(args, more...)
}

func (w *world) runOnce(c *contestant, bundle, limit string) (time.Duration, error) {
	took, _, err := spawn(w.command(c, bundle, w.id(), limit)...)
	return took, err
}

func (w *world) life(c *contestant) (time.Duration, error) {
	id, start := w.id(), time.Now()
	for _, args := range [][]string{w.make(c, "create", "sleep", id, ""), verb(c, "start", id), verb(c, "kill", id, "KILL")} {
		if _, _, err := spawn(args...); err != nil {
			return 0, err
		}
	}
	took := time.Since(start)
	// The process needs a moment to end; that wait is not the runtime's.
	for range 200 {
		one, _, err := spawn(verb(c, "delete", id)...)
		if err == nil {
			return took + one, nil
		}
		time.Sleep(2 * time.Millisecond)
	}
	return 0, fmt.Errorf("%s never deletes", c.name)
}

// inRunning times one verb on a container that runs all the while.
func (w *world) inRunning(c *contestant, name string, more ...string) (time.Duration, error) {
	id := w.id()
	run := func(args []string) (time.Duration, error) {
		took, _, err := spawn(args...)
		return took, err
	}
	defer func() {
		if c.name != "floor" {
			_, _ = run(verb(c, "delete", "--force", id))
			return
		}
		_, _ = run(verb(c, "kill", id))
		for range 200 { // it has no --force
			if _, err := run(verb(c, "delete", id)); err == nil {
				return
			}
			time.Sleep(2 * time.Millisecond)
		}
	}()
	if _, err := run(w.make(c, "create", "sleep", id, "")); err != nil {
		return 0, err
	}
	if _, err := run(verb(c, "start", id)); err != nil {
		return 0, err
	}
	if name == "exec" && c.name == "floor" {
		more = []string{"/bin/true"} // it looks nothing up
	}
	return run(verb(c, name, id, more...))
}

func (w *world) fifty(c *contestant) (time.Duration, error) {
	var all sync.WaitGroup
	errs := make([]error, 50)
	start := time.Now()
	for i := range errs {
		args := w.command(c, "true", w.id(), "")
		all.Add(1)
		go func() { defer all.Done(); _, _, errs[i] = spawn(args...) }()
	}
	all.Wait()
	return time.Since(start), errors.Join(errs...)
}

// nothing times programs that do nothing beside the simplest verb: what is left
// of a runtime's time once it is written in that language.
func (w *world) nothing(rounds int) error {
	c := contestant{name: "C", path: filepath.Join(w.dir, "nothing-c")}
	source := filepath.Join(w.dir, "nothing.c")
	if err := os.WriteFile(source, []byte("int main(void) { return 0; }\n"), 0o600); err != nil {
		return err
	}
	if out, err := exec.Command("gcc", "-static", "-O2", "-o", c.path, source).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	g := contestant{name: "Go", path: filepath.Join(w.dir, "nothing-go")}
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", g.path, "./tests/bench/nothing")
	build.Dir, build.Env = kit.ModuleRoot(), append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	idle := *w
	idle.contestants = append([]contestant{c, g}, w.contestants...)
	idle.table(scenario{"nothing", "a program that does nothing, beside state", 1, func(_ *world, c *contestant) (time.Duration, error) {
		if c.root == "" {
			took, _, err := spawn(c.path)
			return took, err
		}
		return w.inRunning(c, "state")
	}}, rounds)
	return nil
}

// memory finds the smallest limit with which `true` starts, and the peak RSS.
func (w *world) memory() {
	fmt.Printf("\nmemory\n%-8s %16s %16s\n", "", "smallest limit", "peak RSS of run")
	for i := range w.contestants {
		c := &w.contestants[i]
		works := func(limit int) bool {
			good := 0
			for range 3 {
				if c.name != "floor" {
					_ = w.write("limit", func(s *specs.Spec) { s.Linux.Resources.Memory = &specs.LinuxMemory{Limit: kit.Ptr(int64(limit))} })
				}
				if _, err := w.runOnce(c, "limit", strconv.Itoa(limit)); err == nil {
					good++
				}
			}
			return good == 3
		}
		low, high := 0, 64<<20
		text := "none works"
		if works(high) {
			for high-low > 16<<10 {
				if mid := (low + high) / 2 &^ 4095; works(mid) {
					high = mid
				} else {
					low = mid
				}
			}
			text = fmt.Sprintf("%d KiB", high>>10)
		}
		rss := "-"
		args := append([]string{filepath.Join(w.dir, "rss")}, w.command(c, "true", w.id(), "")...)
		if out, err := exec.Command(args[0], args[1:]...).Output(); err == nil {
			rss = strings.TrimSpace(string(out)) + " KiB"
		}
		fmt.Printf("%-8s %16s %16s\n", c.name, text, rss)
	}
}

// bundles writes one rootfs and the bundles that use it.
func (w *world) bundles() error {
	root := filepath.Join(w.dir, "rootfs")
	for _, d := range []string{"bin", "dev", "proc", "sys", "etc", "tmp"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			return err
		}
	}
	data, err := os.ReadFile("/bin/busybox")
	if err != nil {
		return fmt.Errorf("busybox-static: %w", err)
	}
	if err := os.WriteFile(filepath.Join(root, "bin/busybox"), data, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"true", "sleep", "sh"} {
		if err := os.Symlink("busybox", filepath.Join(root, "bin", name)); err != nil {
			return err
		}
	}
	return errors.Join(
		w.write("true", func(*specs.Spec) {}),
		w.write("sleep", func(s *specs.Spec) { s.Process.Args = []string{"sleep", "1000"} }),
		w.write("heavy", heavy),
		w.told())
}

// told writes what the floor is told of the heavy bundle: it compiles nothing.
func (w *world) told() error {
	s := kit.BaseSpec()
	heavy(s)
	var filter []byte
	if s.Linux.Seccomp != nil {
		f, err := seccomp.Compile(s.Linux.Seccomp, seccomp.Host{Arch: runtime.GOARCH, Flags: seccomp.KernelFlags()})
		if err != nil {
			return err
		}
		filter = f.Prog
	}
	masks := strings.Join(s.Linux.MaskedPaths[len(kit.BaseSpec().Linux.MaskedPaths):], "\n")
	return errors.Join(
		os.WriteFile(filepath.Join(w.dir, "masks"), []byte(masks), 0o600),
		os.WriteFile(filepath.Join(w.dir, "filter"), filter, 0o600))
}

func (w *world) write(name string, change func(s *specs.Spec)) error {
	s := kit.BaseSpec()
	s.Root.Path = filepath.Join(w.dir, "rootfs")
	s.Process.Args = []string{"/bin/true"}
	change(s)
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	dir := filepath.Join(w.dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "config.json"), data, 0o644)
}

// heavy masks 100 files of procfs and has the profile of Debian's containers.
func heavy(s *specs.Spec) {
	files, _ := filepath.Glob("/proc/sys/net/ipv4/*")
	for _, f := range files {
		if info, err := os.Stat(f); err == nil && !info.IsDir() && len(s.Linux.MaskedPaths) < 100 {
			s.Linux.MaskedPaths = append(s.Linux.MaskedPaths, f)
		}
	}
	var profile struct {
		Syscalls []struct {
			Names    []string
			Action   specs.LinuxSeccompAction
			Args     []specs.LinuxSeccompArg
			Includes struct{ Caps, Arches []string }
		}
	}
	data, err := os.ReadFile("/usr/share/containers/seccomp.json")
	if err != nil || json.Unmarshal(data, &profile) != nil {
		return // golang-github-containers-common is not installed: masks only
	}
	set := &specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Architectures: []specs.Arch{specs.ArchX86_64, specs.ArchX86, specs.ArchX32}}
	for _, c := range profile.Syscalls {
		if c.Action == specs.ActAllow && len(c.Includes.Caps) == 0 && (len(c.Includes.Arches) == 0 || strings.Contains(strings.Join(c.Includes.Arches, " "), "amd64")) {
			set.Syscalls = append(set.Syscalls, specs.LinuxSyscall{Names: c.Names, Action: c.Action, Args: c.Args})
		}
	}
	s.Linux.Seccomp = set
}
