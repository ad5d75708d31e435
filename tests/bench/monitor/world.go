package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/tests/kit"
)

// world is where all that is measured lives.
type world struct {
	dir                   string
	conmon, ours          string // the monitors
	stave, runc           string // the runtimes
	serial                int
	env                   []string
	idle, writer, process string // bundles, and the document of an exec
}

func newWorld(monitor, stave string) (*world, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("needs root")
	}
	w := &world{ours: monitor, stave: stave}
	var missing error
	find := func(to *string, name string) {
		path, err := exec.LookPath(name)
		*to, missing = path, errors.Join(missing, err)
	}
	find(&w.conmon, "conmon")
	find(&w.runc, "runc")
	find(&w.ours, monitor)
	find(&w.stave, stave)
	if missing != nil {
		return nil, missing
	}
	// What forks and ends leaves us its monitor, whose end we want to see.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, err
	}
	var err error
	if w.dir, err = os.MkdirTemp("", "stave-bench-"); err != nil {
		return nil, err
	}
	if err := unix.Mount("bench", w.dir, "tmpfs", 0, "mode=0755,size=90%"); err != nil {
		return nil, err
	}
	w.env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "TMPDIR=" + w.dir, "XDG_RUNTIME_DIR=" + w.dir}
	return w, w.bundles()
}

// close also ends what an error has left running.
func (w *world) close() {
	for _, p := range kit.Descendants() {
		_ = unix.Kill(p.PID, unix.SIGKILL)
	}
	if err := kit.RemoveTree(w.dir); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
}

func (w *world) bundles() error {
	root := filepath.Join(w.dir, "rootfs")
	for _, d := range []string{"bin", "dev", "proc", "sys", "etc", "tmp"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			return err
		}
	}
	source := filepath.Join(kit.ModuleRoot(), "tests/bench/monitor/writer/writer.c")
	if out, err := exec.Command("gcc", "-static", "-O2", "-o", filepath.Join(root, "bin/writer"), source).CombinedOutput(); err != nil {
		return fmt.Errorf("build of writer: %w: %s", err, out)
	}
	data, err := os.ReadFile("/bin/busybox")
	if err != nil {
		return fmt.Errorf("busybox-static: %w", err)
	}
	for _, name := range []string{"true", "sleep"} {
		err = errors.Join(err, os.WriteFile(filepath.Join(root, "bin", name), data, 0o755))
	}
	if err != nil {
		return err
	}
	if w.idle, err = w.bundle("idle", "/bin/sleep", "100000"); err != nil {
		return err
	}
	doc, err := json.Marshal(processOf("/bin/true"))
	w.process = filepath.Join(w.dir, "process.json")
	return errors.Join(err, os.WriteFile(w.process, doc, 0o644))
}

func processOf(args ...string) *specs.Process {
	p := kit.BaseSpec().Process
	p.Args = args
	return p
}

func (w *world) bundle(name string, args ...string) (string, error) {
	s := kit.BaseSpec()
	s.Root.Path, s.Process = filepath.Join(w.dir, "rootfs"), processOf(args...)
	data, err := json.Marshal(s)
	dir := filepath.Join(w.dir, name)
	return dir, errors.Join(err, os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "config.json"), data, 0o644))
}

func (w *world) id() string { w.serial++; return fmt.Sprintf("sbm%d-%d", os.Getpid(), w.serial) }

func (w *world) root(runtime string) string {
	return filepath.Join(w.dir, "state-"+filepath.Base(runtime))
}

// verb runs the runtime.
func (w *world) verb(runtime string, args ...string) error {
	cmd := exec.Command(runtime, append([]string{"--root", w.root(runtime)}, args...)...)
	cmd.Env = w.env
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", runtime, strings.Join(args, " "), err, out)
	}
	return nil
}

// A container is one under a monitor in conmon mode.
type container struct {
	id, dir, runtime string
	monitor          int
	sync             *os.File
	lines            *bufio.Reader
}

// spawn starts a monitor as Podman does. The container, or the exec, is there
// when it returns.
func (w *world) spawn(monitor, runtime, id, session, bundle, log string, flags ...string) (*container, error) {
	c := &container{id: id, dir: filepath.Join(w.dir, "c-"+session), runtime: runtime}
	if err := os.Mkdir(c.dir, 0o755); err != nil {
		return nil, err
	}
	startR, startW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer startW.Close()
	syncR, syncW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	c.sync, c.lines = syncR, bufio.NewReader(syncR)
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	args := append([]string{monitor, "--api-version", "1", "-c", id, "-u", session, "-r", runtime, "--runtime-arg", "--root=" + w.root(runtime),
		"-b", bundle, "-p", c.dir + "/pid", "-P", c.dir + "/monitor", "--exit-dir", c.dir, "--persist-dir", c.dir, "--full-attach", "-l", log}, flags...)
	p, err := os.StartProcess(monitor, args, &os.ProcAttr{Env: append([]string{"_OCI_STARTPIPE=3", "_OCI_SYNCPIPE=4"}, w.env...),
		Files: []*os.File{null, null, null, startR, syncW}})
	for _, f := range []*os.File{null, startR, syncW} {
		f.Close()
	}
	if err != nil {
		return nil, err
	}
	if _, err := startW.Write([]byte{0}); err != nil {
		return nil, err
	}
	if state, err := p.Wait(); err != nil || !state.Success() {
		return nil, fmt.Errorf("%s: %v %v", monitor, state, err)
	}
	if _, err := c.report(); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(c.dir + "/monitor")
	if err == nil {
		c.monitor, err = strconv.Atoi(string(data))
	}
	return c, err
}

// report is the next number on the sync pipe: first the pid, then, of an exec,
// the exit status.
func (c *container) report() (int, error) {
	line, err := c.lines.ReadBytes('\n')
	if err != nil {
		return 0, err
	}
	var m struct {
		Data    int
		Message string
	}
	if err := json.Unmarshal(line, &m); err != nil || m.Data < 0 {
		return 0, fmt.Errorf("sync pipe: %s: %w", line, err)
	}
	return m.Data, nil
}

// cpu waits for the monitor to end and gives the time that it alone has used:
// what it waited for, as the runtime, is not in these two fields of proc_pid_stat(5).
func (c *container) cpu() (time.Duration, error) {
	c.sync.Close()
	for {
		err := unix.Waitid(unix.P_PID, c.monitor, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err == nil {
			break
		}
		if err != unix.EINTR {
			return 0, fmt.Errorf("wait for the monitor: %w", err)
		}
	}
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.monitor))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(data), ") ")
	fields := strings.Fields(rest)
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	_, err = unix.Wait4(c.monitor, nil, 0, nil)
	return time.Duration(user+system) * time.Second / 100, err // USER_HZ is 100 in all we build for
}

// end removes the container and waits for its monitor.
func (w *world) end(c *container) error {
	err := w.verb(c.runtime, "delete", "--force", c.id)
	_, cpuErr := c.cpu()
	return errors.Join(err, cpuErr, os.RemoveAll(c.dir))
}
