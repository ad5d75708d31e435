package monitor

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"stave/tests/kit"
)

// status gives a field of /proc/PID/status, recorded or live.
func status(text, field string) string {
	for _, l := range strings.Split(text, "\n") {
		if name, value, ok := strings.Cut(l, ":"); ok && name == field {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func (c *session) procFile(name string) string {
	c.t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", c.monitor, name))
	kit.Must(c.t, err)
	return string(data)
}

// Nothing is forked before the start pipe speaks or ends.
func TestStartPipeHoldsEverything(t *testing.T) {
	for _, how := range []string{"a byte", "a long text", "end of file"} {
		t.Run(how, func(t *testing.T) {
			each(t, func(t *testing.T, s subject) {
				c := fake(t, s, "record; container true")
				c.begin()
				pid := c.cmd.PID()
				if !kit.Eventually(patience, func() bool {
					wchan, _ := os.ReadFile(fmt.Sprintf("/proc/%d/wchan", pid))
					stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", pid))
					return strings.Contains(string(wchan), "pipe_read") || strings.HasPrefix(string(stat), "0 0x3 ") || s.ours() && len(wchan) > 0
				}) {
					t.Error("it does not read the start pipe")
				}
				time.Sleep(50 * time.Millisecond) // to give a wrong one the time to be wrong
				for _, p := range kit.Descendants() {
					if p.PPID == pid {
						t.Errorf("it has the child %s before the start pipe spoke", p.Comm)
					}
				}
				if _, err := os.Stat(filepath.Join(filepath.Dir(c.rt.Path), "argv")); err == nil {
					t.Error("the runtime ran before the start pipe spoke")
				}
				switch how {
				case "end of file":
					c.startPipe.Close()
					c.startPipe = nil
				case "a long text":
					_, err := c.startPipe.Write(make([]byte, 4096))
					kit.Must(t, err)
					c.startPipe.Close()
					c.startPipe = nil
				}
				c.proceed()
				if l := c.report(); l.n <= 0 {
					t.Errorf("sync pipe: %q", l.raw)
				}
				c.wait()
				c.clean()
			})
		})
	}
}

// Without a start pipe nothing is waited for.
func TestNoStartPipe(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, "container 'exit 3'")
		c.noStartPipe = true
		if code := c.run(); code != 3 {
			t.Errorf("exit status %d", code)
		}
		c.clean()
	})
}

// A pipe variable that is no number is fatal.
func TestPipeVariables(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		for _, name := range []string{"_OCI_STARTPIPE", "_OCI_SYNCPIPE"} {
			c := fake(t, s, "container true")
			res := command(t, s, []string{name + "=3x"}, c.add("--sync").flags...)
			if res.Code == 0 || !strings.Contains(res.Stderr, name) {
				t.Errorf("%s=3x: %s", name, res)
			}
		}
		c := fake(t, s, "exit 1")
		c.add("-e", "--exec-attach", "--exec-process-spec", "/spec", "--sync")
		if res := command(t, s, nil, c.flags...); res.Code == 0 {
			t.Errorf("exec-attach without its pipe: %s", res)
		}
	})
}

// The first process ends with 0 when the pidfile is written: decimal, no
// newline, nothing beside it; the monitor is the leader of a new session with
// /dev/null as its stdio.
func TestDaemon(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, "record; "+gated("exit 0"))
		first := 0
		c.begin()
		first = c.cmd.PID()
		c.proceed()
		c.report()
		if c.monitor == first {
			t.Error("it did not fork")
		}
		if got := c.read("conmon.pid"); got != strconv.Itoa(c.monitor) {
			t.Errorf("pidfile %q", got)
		}
		if files, _ := filepath.Glob(c.file("conmon.pid*")); len(files) != 1 {
			t.Errorf("beside the pidfile: %v", files)
		}
		stat := strings.Fields(c.procFile("stat"))
		if stat[5] != strconv.Itoa(c.monitor) {
			t.Errorf("session %s of monitor %d", stat[5], c.monitor)
		}
		for fd := range 3 {
			if to, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", c.monitor, fd)); to != "/dev/null" {
				t.Errorf("fd %d is %s", fd, to)
			}
		}
		if c.recorded("oom") != selfOOM(t) {
			t.Errorf("the runtime has the oom_score_adj %q, the caller %q", c.recorded("oom"), selfOOM(t))
		}
		c.release()
		c.wait()
		c.clean()
	})
}

func selfOOM(t *testing.T) string {
	data, err := os.ReadFile("/proc/self/oom_score_adj")
	kit.Must(t, err)
	return string(data)
}

// With --sync the monitor stays the child of its caller, and there is no pidfile.
func TestSync(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, "record; container 'exit 5'")
		c.add("--sync")
		c.created()
		if code := c.wait(); code != 5 {
			t.Errorf("exit status %d", code)
		}
		if got := c.read("conmon.pid"); got != "" {
			t.Errorf("pidfile %q with --sync", got)
		}
		if parent := strings.Fields(c.recorded("stat"))[0]; parent != strconv.Itoa(c.monitor) {
			t.Errorf("the runtime's parent is %s, the monitor is %d", parent, c.monitor)
		}
		c.clean()
	})
}

// What the runtime is given: environment, signals, descriptors, stdio.
func TestRuntimeProcess(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		r, w, err := os.Pipe()
		kit.Must(t, err)
		defer r.Close()
		defer w.Close()
		c := fake(t, s, "record; (exec stat -L -c %a /proc/$$/fd/1 /proc/$$/fd/2 >$D/modes); "+
			"setsid -f sh -c \"echo -n \\$\\$ >$PIDFILE.x; mv $PIDFILE.x $PIDFILE; read x <$D/go\"; while [ ! -s $PIDFILE ]; do sleep 0.01; done")
		c.env = append(c.env, "MINE=is here", "LISTEN_FDS=1")
		c.extra = []*os.File{r, w}
		c.created()
		if env := c.recorded("environ"); !strings.Contains(env, "MINE=is here\n") || !strings.Contains(env, "TMPDIR="+c.rt.Tmp) {
			t.Errorf("environment: %s", env)
		}
		st := c.recorded("status")
		own, err := os.ReadFile("/proc/self/status")
		kit.Must(t, err)
		for _, set := range []string{"SigBlk", "SigIgn"} {
			mask, _ := strconv.ParseUint(status(st, set), 16, 64)
			if set == "SigIgn" { // whoever started this test may have had signals ignored: they stay so
				ignored, _ := strconv.ParseUint(status(string(own), set), 16, 64)
				mask &^= ignored
			}
			if mask != 0 && !(set == "SigIgn" && !s.ours() && mask == 1<<(unix.SIGPIPE-1)) {
				// conmon leaves SIGPIPE ignored in the runtime, and so in the container's init where that does not reset it.
				t.Errorf("%s of the runtime is %x", set, mask)
			}
		}
		fds := map[string]string{}
		for _, m := range regexp.MustCompile(`(\d+) -> (.*)`).FindAllStringSubmatch(c.recorded("fds"), -1) {
			fds[m[1]] = m[2]
		}
		if fds["0"] != "/dev/null" {
			t.Errorf("stdin of the runtime is %q", fds["0"])
		}
		if !strings.HasPrefix(fds["1"], "pipe:") || !strings.HasPrefix(fds["2"], "pipe:") || fds["1"] == fds["2"] {
			t.Errorf("stdout and stderr of the runtime are %q and %q", fds["1"], fds["2"])
		}
		modes := "777\n777\n"
		if !s.ours() { // Debian's version leaves them as pipe(2) made them
			modes = "600\n600\n"
		}
		if got := c.recorded("modes"); got != modes {
			t.Errorf("modes of stdout and stderr are %q: /dev/stdout cannot be reopened", got)
		}
		// Start and sync pipe were 3 and 4: closed. What the caller gave as 5 and
		// 6 is --preserve-fds's.
		for _, n := range []string{"3", "4"} {
			if to, there := fds[n]; there && strings.HasPrefix(to, "pipe:") {
				t.Errorf("fd %s leaks into the runtime: %s", n, to)
			}
		}
		for n, f := range map[string]*os.File{"5": r, "6": w} {
			want, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
			if fds[n] != want {
				t.Errorf("fd %s of the runtime is %q, the caller gave %q", n, fds[n], want)
			}
		}
		for n, to := range fds {
			if k, _ := strconv.Atoi(n); k > 6 && !strings.Contains(to, c.rt.Path) && inherited(n) != to {
				t.Errorf("fd %s leaks into the runtime: %s", n, to)
			}
		}
		if !kit.Eventually(patience, func() bool {
			data, _ := os.ReadFile("/proc/" + c.read("pid") + "/stat")
			f := strings.Fields(string(data))
			return len(f) > 3 && f[3] == strconv.Itoa(c.monitor)
		}) {
			t.Errorf("the orphaned container is not a child of the monitor: it is no subreaper")
		}
		c.release()
		c.wait()
		c.clean()
	})
}

// inherited is what the test process itself was given, and does not close.
func inherited(fd string) string {
	to, _ := os.Readlink("/proc/self/fd/" + fd)
	return to
}

// -i gives the container a pipe to read from.
func TestStdinPipe(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, "record; container true")
		c.add("-i").run()
		if m := regexp.MustCompile(` 0 -> (.*)`).FindStringSubmatch(c.recorded("fds")); m == nil || !strings.HasPrefix(m[1], "pipe:") {
			t.Errorf("stdin of the runtime: %q", m)
		}
		c.clean()
	})
}

// LISTEN_PID becomes the runtime's pid when it was the monitor's, or when asked.
func TestListenPID(t *testing.T) {
	for _, row := range []struct {
		name, given string
		flags       []string
		mine        bool // the runtime's own pid, else as given
	}{
		{"of somebody", "1", nil, false},
		{"replaced", "1", []string{"--replace-listen-pid"}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			each(t, func(t *testing.T, s subject) {
				c := fake(t, s, "record; container true")
				if row.given != "" {
					c.env = append(c.env, "LISTEN_PID="+row.given)
				}
				c.add(row.flags...).run()
				m := regexp.MustCompile(`(?m)^LISTEN_PID=(.*)$`).FindStringSubmatch(c.recorded("environ"))
				want := row.given
				if row.mine {
					want = strings.TrimSpace(c.recorded("mypid"))
				}
				if m == nil || m[1] != want {
					t.Errorf("LISTEN_PID is %q, want %q", m, want)
				}
				c.clean()
			})
		})
	}
	t.Run("of the monitor", func(t *testing.T) {
		each(t, func(t *testing.T, s subject) {
			c := fake(t, s, "record; container true")
			c.add("--sync")
			// A shell knows the pid that the monitor will have.
			c.noStartPipe = true
			line := "LISTEN_PID=$$ exec " + s.path + " " + strings.Join(c.flags, " ")
			if res := kit.Do(t, "sh", "-c", line); res.Code != 0 {
				t.Fatal(res)
			}
			m := regexp.MustCompile(`(?m)^LISTEN_PID=(.*)$`).FindStringSubmatch(c.recorded("environ"))
			if m == nil || m[1] != strings.TrimSpace(c.recorded("mypid")) {
				t.Errorf("LISTEN_PID is %q, the runtime is %s", m, c.recorded("mypid"))
			}
		})
	})
}

// The runtime does not outlive a monitor that is killed while it creates.
func TestRuntimeDiesWithMonitor(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, "record; exec sleep 100")
		c.start()
		var pid int
		if !kit.Eventually(patience, func() bool {
			data, _ := os.ReadFile(filepath.Join(filepath.Dir(c.rt.Path), "mypid"))
			pid, _ = strconv.Atoi(strings.TrimSpace(string(data)))
			_, err := os.Stat(filepath.Join(filepath.Dir(c.rt.Path), "fds"))
			return pid > 0 && err == nil
		}) {
			t.Fatal("the runtime did not start")
		}
		kit.Must(t, unix.Kill(c.monitor, unix.SIGKILL))
		c.wait()
		if !kit.Eventually(patience, func() bool { return !running(pid) }) {
			t.Error("the runtime lives on")
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	})
}

func running(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(data), ") Z ")
}

// When the pid is reported, pidfile, attach socket and fifos are there.
func TestReadyWhenReported(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, gated("exit 0"))
		pid := c.created()
		if got := c.read("pid"); got != strconv.Itoa(pid) {
			t.Errorf("pidfile %q, reported %d", got, pid)
		}
		for name, mode := range map[string]os.FileMode{"attach": os.ModeSocket | 0o700, "ctl": os.ModeNamedPipe | 0o660, "winsz": os.ModeNamedPipe | 0o660} {
			info, err := os.Stat(c.inBundle(name))
			if err != nil {
				t.Error(err)
				continue
			}
			if !s.ours() { // Debian's version leaves the fifos to the umask
				mode = mode &^ 0o022
			}
			if got := info.Mode(); got != mode && got != mode&^0o022 {
				t.Errorf("%s is %v, want %v", name, got, mode)
			}
		}
		c.release()
		c.wait()
		for _, name := range []string{"attach"} {
			if _, err := os.Stat(c.inBundle(name)); err == nil {
				t.Errorf("%s is left", name)
			}
		}
		c.clean()
	})
}

// Every runtime: created, started, ended, its status and output known.
func TestRealRuntimes(t *testing.T) {
	for _, runtime := range []string{"stave", "runc", "crun"} {
		for _, tty := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/terminal=%v", runtime, tty), func(t *testing.T) {
				each(t, func(t *testing.T, s subject) {
					path := kit.SubjectPath()
					if runtime == "stave" {
						path = stave(t)
					} else {
						path = kit.NeedTool(t, runtime)
					}
					if runtime == "crun" {
						hideUnified(t)
					}
					c := real(t, s, path, kit.Shell("echo out; echo err >&2; exit 7"), func(b *kit.Bundle) { b.Spec.Process.Terminal = tty })
					if tty {
						c.add("-t")
					}
					if code := c.run(); code != 7 {
						t.Errorf("exit status %d", code)
					}
					if got := c.exitFile(); got != "7" {
						t.Errorf("exit file %q", got)
					}
					for _, text := range []string{"F out", "F err"} {
						if !strings.Contains(c.read("log"), text) {
							t.Errorf("no %q in the log:\n%s", text, c.read("log"))
						}
					}
					if runtime == "crun" { // it leaves a directory where the mount was
						kit.Must(t, os.RemoveAll(filepath.Join(unified, c.id)))
					}
					c.clean()
				})
			})
		}
	}
}

const unified = "/sys/fs/cgroup/unified"

// hideUnified takes the cgroup2 mount of a hybrid host away, in our own mount
// namespace, while a test runs: this crun cannot do with it.
func hideUnified(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(unified + "/cgroup.procs"); err != nil {
		return
	}
	kit.Must(t, unix.Unmount(unified, unix.MNT_DETACH))
	t.Cleanup(func() {
		if err := unix.Mount("cgroup2", unified, "cgroup2", unix.MS_RELATIME, ""); err != nil {
			t.Errorf("mount of %s again: %v", unified, err)
		}
	})
}
