// Command bench times container runtimes beside each other and beside the floor
// (floor/floor.c: the bare system calls). It prints medians and ratios and
// asserts nothing.
//
//	go run ./tests/bench [-n rounds] [-only run,exec,...] [-stave path]
//
// Rounds alternate between the contestants, so that a slow minute of the
// machine hits all alike. All run in one mount namespace, thrown away, without
// the empty v2 hierarchy (crun 1.8 refuses hybrid hosts), with state roots and
// bundles on a tmpfs.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"stave/tests/kit"
)

const inside = "STAVE_BENCH_INSIDE"

func main() {
	rounds := flag.Int("n", 50, "rounds of each scenario")
	only := flag.String("only", "", "scenarios, divided by commas")
	stave := flag.String("stave", kit.SubjectPath(), "the build of stave")
	flag.Parse()
	if os.Getenv(inside) == "" {
		os.Exit(reexec())
	}
	if err := bench(*rounds, *only, *stave); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func reexec() int {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.Env = os.Stdout, os.Stderr, append(os.Environ(), inside+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	return 0
}

// A contestant is a program under measurement.
type contestant struct {
	name, path, root string
}

type world struct {
	dir         string
	contestants []contestant
	serial      int
}

func bench(rounds int, only, stave string) error {
	if os.Geteuid() != 0 {
		return errors.New("needs root")
	}
	w := &world{}
	var err error
	if w.dir, err = os.MkdirTemp("", "stave-bench-"); err != nil {
		return err
	}
	defer func() {
		if err := kit.RemoveTree(w.dir); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
	}()
	if err := unix.Mount("bench", w.dir, "tmpfs", 0, "mode=0755"); err != nil {
		return err
	}
	// In place of the empty v2 hierarchy a tmpfs of ours: crun makes a directory
	// there for every container, and does not take it away.
	if err := unix.Unmount("/sys/fs/cgroup/unified", unix.MNT_DETACH); err == nil {
		if err := unix.Mount("bench", "/sys/fs/cgroup/unified", "tmpfs", 0, "mode=0755"); err != nil {
			return err
		}
	}
	if err := w.enter(stave); err != nil {
		return err
	}
	if err := w.bundles(); err != nil {
		return err
	}
	fmt.Printf("%d rounds, %s\n", rounds, kernel())
	for _, s := range scenarios {
		if only == "" || contains(only, s.name) {
			w.table(s, rounds)
		}
	}
	if only == "" || contains(only, "nothing") {
		if err := w.nothing(rounds); err != nil {
			return err
		}
	}
	if only == "" || contains(only, "memory") {
		w.memory()
	}
	return nil
}

// enter finds the contestants; one that is missing is named and left out.
func (w *world) enter(stave string) error {
	floor := filepath.Join(w.dir, "floor")
	for _, name := range []string{"floor", "rss"} {
		source := filepath.Join(kit.ModuleRoot(), "tests/bench", name, name+".c")
		if out, err := exec.Command("gcc", "-static", "-O2", "-o", filepath.Join(w.dir, name), source).CombinedOutput(); err != nil {
			return fmt.Errorf("build of %s: %w: %s", name, err, out)
		}
	}
	for _, c := range []contestant{{"floor", floor, ""}, {"stave", stave, ""}, {"runc", "runc", ""}, {"crun", "crun", ""}} {
		path, err := exec.LookPath(c.path)
		if err != nil {
			fmt.Printf("without %s: %v\n", c.name, err)
			continue
		}
		c.path, c.root = path, filepath.Join(w.dir, "root-"+c.name)
		if err := os.Mkdir(c.root, 0o700); err != nil {
			return err
		}
		w.contestants = append(w.contestants, c)
		if info, err := os.Stat(path); err == nil && c.name != "floor" {
			fmt.Printf("%-6s %8.2f MB  %s\n", c.name, float64(info.Size())/1e6, path)
		}
	}
	return nil
}

// spawn runs a program to its end with as little as possible around it: Go's
// StartProcess is a vfork-like clone, and stdio is /dev/null.
func spawn(args ...string) (time.Duration, *os.ProcessState, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return 0, nil, err
	}
	defer null.Close()
	start := time.Now()
	p, err := os.StartProcess(args[0], args, &os.ProcAttr{Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, Files: []*os.File{null, null, null}})
	if err != nil {
		return 0, nil, err
	}
	state, err := p.Wait()
	took := time.Since(start)
	if err == nil && !state.Success() {
		err = fmt.Errorf("%s: %s", strings.Join(args, " "), state)
	}
	return took, state, err
}

func (w *world) id() string { w.serial++; return fmt.Sprintf("sb%d-%d", os.Getpid(), w.serial) }

// table runs a scenario in rounds that alternate, and prints one line each.
func (w *world) table(s scenario, rounds int) {
	rounds = max(3, rounds/max(1, s.slower))
	times := map[string][]time.Duration{}
	failed := map[string]error{}
	for round := range rounds + 1 {
		for i := range w.contestants {
			c := &w.contestants[(i+round)%len(w.contestants)]
			if failed[c.name] != nil {
				continue
			}
			took, err := s.run(w, c)
			if err != nil {
				failed[c.name] = err
			} else if round > 0 { // the first warms the caches
				times[c.name] = append(times[c.name], took)
			}
		}
	}
	fmt.Printf("\n%s (%d rounds)\n%-8s %10s %10s %10s %8s %8s %8s\n", s.what, rounds, "", "median ms", "best", "p90", "/floor", "/crun", "/runc")
	for _, c := range w.contestants {
		if err := failed[c.name]; err != nil {
			first, _, _ := strings.Cut(err.Error(), "\n")
			fmt.Printf("%-8s fails: %s\n", c.name, first)
			continue
		}
		t := times[c.name]
		fmt.Printf("%-8s %10.2f %10.2f %10.2f %8s %8s %8s\n", c.name, ms(quantile(t, 0.5)), ms(quantile(t, 0)), ms(quantile(t, 0.9)),
			ratio(t, times["floor"]), ratio(t, times["crun"]), ratio(t, times["runc"]))
	}
}

func quantile(t []time.Duration, q float64) time.Duration {
	if len(t) == 0 {
		return 0
	}
	s := append([]time.Duration{}, t...)
	sort.Slice(s, func(i, j int) bool { return s[i] < s[j] })
	return s[int(q*float64(len(s)-1))]
}

func ratio(t, base []time.Duration) string {
	if len(base) == 0 || len(t) == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", float64(quantile(t, 0.5))/float64(quantile(base, 0.5)))
}

func ms(d time.Duration) float64 { return float64(d) / 1e6 }

func contains(list, name string) bool {
	for _, n := range strings.Split(list, ",") {
		if n == name {
			return true
		}
	}
	return false
}

func kernel() string {
	var u unix.Utsname
	_ = unix.Uname(&u)
	return "Linux " + unix.ByteSliceToString(u.Release[:])
}
