package monitor

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"stave/tests/kit"
)

// The monitor's own status, the exit file and the persistent one say the same:
// decimal, no newline, 0644, nothing beside them.
func TestExitStatus(t *testing.T) {
	for _, row := range []struct {
		name, script string
		want         int
	}{
		{"0", "exit 0", 0},
		{"1", "exit 1", 1},
		{"255", "exit 255", 255},
		{"SIGKILL", "kill -9 $$", 137},
		{"SIGTERM", "kill -15 $$", 143},
		{"SIGSEGV", "kill -11 $$", 139},
	} {
		t.Run(row.name, func(t *testing.T) {
			each(t, func(t *testing.T, s subject) {
				c := fake(t, s, "container '"+row.script+"'")
				code := c.run()
				if code != row.want {
					t.Errorf("exit status %d", code)
				}
				want := fmt.Sprint(row.want)
				if got := c.exitFile(); got != want {
					t.Errorf("exit file %q", got)
				}
				if got := c.read("persist/exit"); got != want {
					t.Errorf("persistent exit file %q", got)
				}
				for _, name := range []string{"exits/" + c.id, "persist/exit"} {
					if info, err := os.Stat(c.file(name)); err != nil || info.Mode() != 0o644 {
						t.Errorf("%s: %v, %v", name, info, err)
					}
				}
				for _, dir := range []string{"exits", "persist"} {
					if entries, _ := os.ReadDir(c.file(dir)); len(entries) != 1 {
						t.Errorf("%s holds %v", dir, entries)
					}
				}
				c.clean()
			})
		})
	}
}

// Callers watch the directory: the file appears whole, by a rename.
func TestExitFileIsRenamed(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, gated("exit 42"))
		c.created()
		fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
		kit.Must(t, err)
		defer unix.Close(fd)
		_, err = unix.InotifyAddWatch(fd, c.file("exits"), unix.IN_MOVED_TO|unix.IN_CREATE|unix.IN_MODIFY)
		kit.Must(t, err)
		c.release()
		c.wait()
		buf := make([]byte, 64<<10)
		n, err := unix.Read(fd, buf)
		kit.Must(t, err)
		var moved bool
		for at := 0; at < n; {
			mask := uint32(buf[at+4]) | uint32(buf[at+5])<<8 | uint32(buf[at+6])<<16 | uint32(buf[at+7])<<24
			size := int(buf[at+12]) | int(buf[at+13])<<8
			name := strings.TrimRight(string(buf[at+16:at+16+size]), "\x00")
			if name == c.id {
				moved = moved || mask&unix.IN_MOVED_TO != 0
				if mask&(unix.IN_CREATE|unix.IN_MODIFY) != 0 {
					t.Errorf("the exit file is seen growing: mask %x", mask)
				}
			}
			at += 16 + size
		}
		if !moved {
			t.Error("no rename onto the exit file")
		}
		c.clean()
	})
}

// Without the directories there are no files, and no complaint.
func TestExitWithoutDirectories(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, "container 'exit 3'")
		c.drop("--exit-dir").drop("--persist-dir")
		if code := c.run(); code != 3 {
			t.Errorf("exit status %d", code)
		}
		c.clean()
	})
}

// All that a container wrote is in the log when it has ended.
func TestDrainedAtExit(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		// The pipe is full when the process ends: 64 KiB stay to be read.
		c := fake(t, s, `container 'head -c 60000 /dev/zero | tr "\000" "x"; echo; echo last; echo err >&2'`)
		c.run()
		all := records(t, c.read("log"))
		if got := text(all, "stdout"); got != strings.Repeat("x", 60000)+"\nlast\n" {
			t.Errorf("stdout has %d bytes", len(got))
		}
		if got := text(all, "stderr"); got != "err\n" {
			t.Errorf("stderr %q", got)
		}
		c.clean()
	})
}

// Children that keep the pipe open do not keep the monitor.
func TestExitDespiteChildren(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, `container 'echo parent; setsid -f sleep 300; exit 4'`)
		began := time.Now()
		if code := c.run(); code != 4 {
			t.Errorf("exit status %d", code)
		}
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("it took %v", took)
		}
		if !strings.HasSuffix(c.read("log"), "F parent\n") {
			t.Errorf("log: %q", c.read("log"))
		}
		for _, p := range kit.Descendants() {
			if p.Comm == "sleep" {
				_ = unix.Kill(p.PID, unix.SIGKILL)
			}
		}
		c.clean()
	})
}

// The timeout: one SIGKILL, status -1, counted from the end of create.
func TestTimeout(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, `container 'trap "" TERM; echo begun; sleep 100'`)
		began := time.Now()
		code := c.add("--timeout", "1").run()
		if code != 255 {
			t.Errorf("exit status %d", code)
		}
		if took := time.Since(began); took < time.Second-time.Second/10 { // GLib's seconds are rough
			t.Errorf("it ended after %v", took)
		}
		if got := c.exitFile(); got != "-1" {
			t.Errorf("exit file %q", got)
		}
		if got := c.read("persist/exit"); got != "-1" {
			t.Errorf("persistent exit file %q", got)
		}
		for _, p := range kit.Descendants() {
			if p.Comm == "sleep" {
				t.Errorf("pid %d of the container's process group lives on", p.PID)
				_ = unix.Kill(p.PID, unix.SIGKILL)
			}
		}
		c.clean()
	})
}

// A container that ends before its timeout has its own status; the timer does
// not hold the monitor.
func TestTimeoutNotReached(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, "container 'exit 5'")
		if code := c.add("--timeout", "1000").run(); code != 5 {
			t.Errorf("exit status %d", code)
		}
		c.clean()
	})
}

// Signals that are forwarded, to a real container whose init has handlers.
func TestSignalsAreForwarded(t *testing.T) {
	for sig, want := range map[unix.Signal]int{unix.SIGTERM: 15, unix.SIGINT: 2, unix.SIGQUIT: 3} {
		t.Run(unix.SignalName(sig), func(t *testing.T) {
			each(t, func(t *testing.T, s subject) {
				c := real(t, s, stave(t), kit.Shell("for n in 15 2 3; do trap \"exit $n\" $n; done; echo ready; while :; do sleep 0.05; done"))
				c.created()
				if res := c.rt.Start(c.id); res.Code != 0 {
					t.Fatal(res)
				}
				if !kit.Eventually(patience, func() bool { return strings.Contains(c.read("log"), "ready") }) {
					t.Fatal("the container does not start")
				}
				kit.Must(t, unix.Kill(c.monitor, sig))
				if code := c.wait(); code != want {
					t.Errorf("exit status %d, want %d", code, want)
				}
				if got := c.exitFile(); got != fmt.Sprint(want) {
					t.Errorf("exit file %q", got)
				}
				c.clean()
			})
		})
	}
}

// A signal that comes during create goes to the runtime.
func TestSignalDuringCreate(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, `trap 'echo told to stop >&2; exit 9' TERM; record; while :; do sleep 0.05; done`)
		c.start()
		if !kit.Eventually(patience, func() bool {
			_, err := os.Stat(filepath.Join(filepath.Dir(c.rt.Path), "fds"))
			return err == nil
		}) {
			t.Fatal("the runtime does not start")
		}
		kit.Must(t, unix.Kill(c.monitor, unix.SIGTERM))
		if l := c.report(); l.n != -1 || l.msg != "told to stop\n" {
			t.Errorf("sync pipe: %q", l.raw)
		}
		if code := c.wait(); code != 1 {
			t.Errorf("exit status %d", code)
		}
		c.cleanFailed()
	})
}

// SIGTERM before anything is forked ends it, and leaves nothing.
func TestSignalBeforeStart(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, "record; container true")
		c.begin()
		if !kit.Eventually(patience, func() bool { _, err := os.Stat(c.file("log")); return err == nil }) {
			t.Fatal("it does not begin")
		}
		settle()
		c.cmd.Signal(unix.SIGTERM)
		res := c.cmd.Wait()
		c.res = res
		if res.Code != 1 {
			t.Errorf("%s", res)
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(c.rt.Path), "argv")); err == nil {
			t.Error("the runtime ran")
		}
		c.clean()
	})
}

// Every orphan of the container is reaped: the monitor collects no zombies.
func TestOrphansAreReaped(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, `container 'i=0; while [ $i -lt 30 ]; do (sh -c "sleep 0.01 & exit" &); i=$((i+1)); done; read x <'$D'/go'`)
		c.created()
		zombies := func() (n int) {
			files, _ := filepath.Glob("/proc/[0-9]*/stat")
			for _, f := range files {
				data, _ := os.ReadFile(f)
				if strings.Contains(string(data), fmt.Sprintf(") Z %d ", c.monitor)) {
					n++
				}
			}
			return n
		}
		settle()
		if !kit.Eventually(patience, func() bool { return zombies() == 0 }) {
			t.Errorf("%d zombies", zombies())
		}
		c.release()
		c.wait()
		c.clean()
	})
}

// A container that ends while its runtime is still creating is not missed, with
// a terminal and without.
func TestEarlyExit(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, `container 'echo quick; exit 11'; sleep 0.3`)
		if code := c.run(); code != 11 {
			t.Errorf("exit status %d", code)
		}
		if got := c.exitFile(); got != "11" {
			t.Errorf("exit file %q", got)
		}
		c.clean()
	})
}

// One that is not our child, and gone: unknown is not 0.
func TestExitUnknown(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		// A process below the test, and no descendant of the monitor.
		other := &kit.Cmd{Args: []string{"sleep", "0.5"}}
		other.Start(t)
		c := fake(t, s, `echo -n $OTHER >$PIDFILE`)
		c.env = append(c.env, fmt.Sprintf("OTHER=%d", other.PID()))
		c.created()
		other.Wait()
		if code := c.wait(); code != 255 {
			t.Errorf("exit status %d", code)
		}
		if got := c.exitFile(); got != "-1" {
			t.Errorf("exit file %q", got)
		}
		c.clean()
	})
}

// At the end the descriptors that its caller gave it are closed before the exit
// file appears: Podman keeps port reservations in them.
func TestInheritedAreClosedFirst(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, gated("exit 0"))
		r, w, err := os.Pipe()
		kit.Must(t, err)
		defer r.Close()
		c.extra = []*os.File{w}
		// Slow after the exit file: the exit command sleeps.
		c.add("--exit-command", "/bin/sleep", "--exit-command-arg", "1").created()
		w.Close()
		// fd 5 of the container is our pipe too; it closes with it.
		c.release()
		kit.Must(t, eventuallyNonEmpty(c.file("exits/"+c.id)))
		kit.Must(t, r.SetReadDeadline(time.Now().Add(500*time.Millisecond)))
		if n, err := r.Read(make([]byte, 1)); n != 0 || os.IsTimeout(err) {
			t.Errorf("the exit file is there and our pipe is still held: %v", err)
		}
		c.wait()
		r.Close()
		c.clean()
	})
}

// When the exit file is there the log is complete, and the attach socket still
// is or is gone: never the other way round.
func TestOrderAtExit(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		for range 5 {
			c := fake(t, s, gated(`head -c 100000 /dev/zero | tr "\000" "x"; echo end`))
			c.created()
			a := c.attach()
			settle()
			c.release()
			out, _ := a.all() // its end
			if !strings.HasSuffix(out, "end\n") {
				t.Errorf("the client heard %d bytes", len(out))
			}
			if log := c.read("log"); !strings.HasSuffix(log, "end\n") {
				t.Errorf("the client is at its end and the log is not")
			}
			kit.Must(t, eventuallyNonEmpty(c.file("exits/"+c.id)))
			if got := c.read("persist/exit"); got != "0" {
				t.Errorf("the exit file is there, the persistent one says %q", got)
			}
			c.wait()
			c.clean()
		}
	})
}

// The matrix of stdin, terminal and who closes first: always the status, never
// a hang.
func TestEndOfInputMatrix(t *testing.T) {
	for _, tty := range []bool{false, true} {
		for _, stdin := range []bool{false, true} {
			for _, who := range []string{"nobody", "client closes", "client dies", "client half closes"} {
				t.Run(fmt.Sprintf("tty=%v/stdin=%v/%s", tty, stdin, who), func(t *testing.T) {
					each(t, func(t *testing.T, s subject) {
						script := "echo ready; sleep 0.3; exit 12"
						if stdin && !tty && who != "nobody" {
							script = "echo ready; cat >/dev/null; exit 12"
						}
						c := real(t, s, stave(t), kit.Shell(script), func(b *kit.Bundle) { b.Spec.Process.Terminal = tty })
						if tty {
							c.add("-t")
						}
						if stdin {
							c.add("-i")
						}
						c.created()
						a := c.attach()
						settle()
						if res := c.rt.Start(c.id); res.Code != 0 {
							t.Fatal(res)
						}
						a.packet()
						switch who {
						case "client closes":
							a.close()
						case "client half closes":
							a.shutWrite()
						case "client dies":
							kit.Must(t, unix.SetsockoptLinger(a.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}))
							a.close()
						}
						if code := c.wait(); code != 12 {
							t.Errorf("exit status %d", code)
						}
						if got := c.exitFile(); got != "12" {
							t.Errorf("exit file %q", got)
						}
						c.clean()
					})
				})
			}
		}
	}
}
