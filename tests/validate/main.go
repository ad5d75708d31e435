// Command validate runs the validation programs of OCI runtime-tools v0.9.0.
//
//	go run ./tests/validate [-n timeout] [program...]
//
// The programs and their runtimetest are built from the Go module proxy in a
// module of their own, tests/.cache/validate, at the versions of module.txt.
// Each runs alone, with a deadline, in a mount namespace that is thrown away:
// one program leaves out the mount namespace on purpose, and its runtime then
// mounts into ours. known.txt names the programs that no runtime can pass
// here, each with the reason; one that passes all the same is reported, so that
// the list cannot rot.
//
// RUNTIME chooses the runtime (default bin/stave). The exit status is 1 if a
// program fails that is not in known.txt.
package main

import (
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"stave/tests/kit"
)

//go:embed known.txt
var knownText string

func main() {
	limit := flag.Duration("t", 90*time.Second, "deadline of one program")
	verbose := flag.Bool("v", false, "print the output of programs that fail")
	flag.Parse()
	if err := run(*limit, *verbose, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "validate:", err)
		os.Exit(1)
	}
}

var errFailed = errors.New("programs failed that should pass")

func run(limit time.Duration, verbose bool, only []string) error {
	if os.Geteuid() != 0 {
		return errors.New("needs root")
	}
	known, err := parseKnown(knownText)
	if err != nil {
		return err
	}
	runtime := kit.SubjectPath()
	if _, err := os.Stat(runtime); err != nil {
		return fmt.Errorf("%w: build it, or set RUNTIME", err)
	}
	cache := filepath.Join(kit.ModuleRoot(), "tests", ".cache", "validate")
	names, err := build(cache)
	if err != nil {
		return err
	}
	fmt.Printf("runtime %s, %d programs, deadline %v each\n", runtime, len(names), limit)
	var pass, knownFail, fail, surprise int
	for _, name := range names {
		if len(only) > 0 && !slices.Contains(only, name) {
			continue
		}
		v := one(cache, runtime, name, limit)
		reason, isKnown := known[name]
		switch {
		case v.pass && isKnown:
			surprise++
			fmt.Printf("PASS   %-32s %s; in known.txt all the same: %s\n", name, v.summary, reason)
		case v.pass:
			pass++
			fmt.Printf("pass   %-32s %s\n", name, v.summary)
		case isKnown:
			knownFail++
			fmt.Printf("known  %-32s %s; %s\n", name, v.summary, reason)
		default:
			fail++
			fmt.Printf("FAIL   %-32s %s; %s\n", name, v.summary, v.why)
			if verbose {
				fmt.Println(indent(v.output))
			}
		}
	}
	fmt.Printf("total: %d pass, %d fail, %d known failures, %d pass against known.txt\n", pass+surprise, fail, knownFail, surprise)
	if fail > 0 {
		return errFailed
	}
	return nil
}

// parseKnown reads "program<TAB>reason" lines.
func parseKnown(text string) (map[string]string, error) {
	known := map[string]string{}
	for n, line := range strings.Split(text, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		name, reason, ok := strings.Cut(line, "\t")
		if reason = strings.TrimSpace(reason); !ok || reason == "" {
			return nil, fmt.Errorf("known.txt:%d: no reason after a tab", n+1)
		}
		known[name] = reason
	}
	return known, nil
}

// one runs a program in a mount namespace and a TMPDIR of its own.
func one(cache, runtime, name string, limit time.Duration) verdict {
	tmp, err := os.MkdirTemp("", "stave-validate-")
	if err != nil {
		return verdict{why: err.Error()}
	}
	defer func() {
		if err := kit.RemoveTree(tmp); err != nil {
			fmt.Fprintln(os.Stderr, "validate:", err)
		}
	}()
	// Not 0700, as MkdirTemp makes it: a mapped root must be able to pass.
	if err := os.Chmod(tmp, 0o711); err != nil {
		return verdict{why: err.Error()}
	}
	before, containers := leftCgroups(), listed(runtime)
	out, err := os.CreateTemp(tmp, "out")
	if err != nil {
		return verdict{why: err.Error()}
	}
	defer out.Close()
	errs, err := os.CreateTemp(tmp, "err")
	if err != nil {
		return verdict{why: err.Error()}
	}
	defer errs.Close()

	cmd := exec.Command(filepath.Join(cache, "bin", name))
	cmd.Dir, cmd.Stdout, cmd.Stderr = cache, out, errs
	cmd.Env = append(os.Environ(), "RUNTIME="+runtime, "TMPDIR="+tmp)
	// syscall makes the tree private after an unshare of this flag.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Unshareflags: unix.CLONE_NEWNS}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return verdict{why: err.Error()}
	}
	late := false
	timer := time.AfterFunc(limit, func() { late = true; unix.Kill(-cmd.Process.Pid, unix.SIGKILL) })
	err = cmd.Wait()
	if !timer.Stop() && late {
		err = fmt.Errorf("deadline of %v passed", limit)
	}
	stdout, _ := os.ReadFile(out.Name())
	stderr, _ := os.ReadFile(errs.Name())
	v := judge(string(stdout), string(stderr), err)
	v.summary = fmt.Sprintf("%s, %.1f s", v.summary, time.Since(start).Seconds())
	for _, id := range listed(runtime) {
		if !slices.Contains(containers, id) {
			_ = exec.Command(runtime, "delete", "--force", id).Run()
		}
	}
	for _, dir := range leftCgroups() {
		if !slices.Contains(before, dir) {
			_ = os.Remove(dir) // rmdir: only if it is empty and unused
		}
	}
	return v
}

// listed are the containers of the runtime's own root, which the programs use,
// and some leave one in.
func listed(runtime string) []string {
	out, _ := exec.Command(runtime, "list", "--quiet").Output()
	return strings.Fields(string(out))
}

// leftCgroups lists, deepest first, the cgroups that programs with a relative
// cgroupsPath leave behind: they make the parent and do not remove it.
func leftCgroups() []string {
	var dirs []string
	for _, pattern := range []string{"/sys/fs/cgroup/*/", "/sys/fs/cgroup/*/*/*/"} {
		for _, deep := range []string{"testdir/cgrouptest/*", "testdir/cgrouptest", "testdir", "cgrouptest"} {
			found, _ := filepath.Glob(pattern + deep)
			for _, dir := range found {
				if info, err := os.Stat(dir); err == nil && info.IsDir() {
					dirs = append(dirs, dir)
				}
			}
		}
	}
	return dirs
}

func indent(s string) string {
	return "       | " + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n       | ")
}
