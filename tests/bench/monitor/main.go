// Command monitor measures stave-monitor beside Debian's conmon, in one run and
// in turns. It prints medians and ratios and asserts nothing.
//
//	go run ./tests/bench/monitor [-only memory,logs,exec] [-n rounds] [-mib size] [-monitor path] [-stave path]
//
// What is aimed at:
//
//	memory  proportional set size of the monitors for each of 50 idle containers:
//	        pod mode, 10 pods of 5, at most 0.5 of conmon's; conmon mode at most 2
//	logs    1 GiB in lines of 100 bytes into a k8s-file on a tmpfs: at least 3
//	        times conmon's throughput, at most 0.4 of its CPU time
//	exec    `true` in a running container, until its exit status is known: through
//	        pod mode at most 0.3 of the time of conmon with runc
//
// All contestants run in one mount namespace, thrown away, with bundles, state
// and logs on a tmpfs. conmon mode is used as Podman does: start and sync pipe,
// the first process forks and ends.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"stave/tests/kit"
)

const inside = "STAVE_BENCH_INSIDE"

func main() {
	only := flag.String("only", "memory,logs,exec", "what to measure, divided by commas")
	rounds := flag.Int("n", 30, "rounds of exec; memory and logs have a tenth of it")
	mib := flag.Int("mib", 1024, "size of the log")
	monitor := flag.String("monitor", kit.ModuleRoot()+"/bin/stave-monitor", "the build of stave-monitor")
	stave := flag.String("stave", kit.SubjectPath(), "the build of stave")
	flag.Parse()
	if os.Getenv(inside) == "" {
		os.Exit(reexec())
	}
	if err := bench(strings.Split(*only, ","), *rounds, *mib, *monitor, *stave); err != nil {
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

func bench(only []string, rounds, mib int, monitor, stave string) error {
	w, err := newWorld(monitor, stave)
	if err != nil {
		return err
	}
	defer w.close()
	few := max(3, rounds/10)
	if slices.Contains(only, "memory") {
		err = errors.Join(err, w.memory(few))
	}
	if slices.Contains(only, "logs") {
		err = errors.Join(err, w.logs(few, mib))
	}
	if slices.Contains(only, "exec") {
		err = errors.Join(err, w.execs(rounds))
	}
	return err
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	s := slices.Clone(v)
	slices.Sort(s)
	return s[len(s)/2]
}
