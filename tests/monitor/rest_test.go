package monitor

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"stave/tests/kit"
)

// One record of how it ended, complete, beside conmon's files.
func TestExitRecord(t *testing.T) {
	s := ours(t)
	for _, row := range []struct{ script, want string }{
		{"exit 7", `"exitCode": ?7\b`}, {"kill -9 $$", `"signal": ?"SIGKILL"`},
	} {
		c := fake(t, s, "container '"+row.script+"'")
		c.run()
		data, err := os.ReadFile(c.inBundle("exit.json"))
		if err != nil || !matches(row.want, string(data)) || !matches(`"id": ?"`+c.id+`"`, string(data)) {
			t.Errorf("%s: %q, %v", row.script, data, err)
		}
		if info, err := os.Stat(c.inBundle("exit.json")); err == nil && info.Mode().Perm()&0o022 != 0 {
			t.Errorf("mode %v", info.Mode())
		}
		c.clean()
	}
}

// syslog(3): the identifier, the priority, the text.
func TestSyslog(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		d := syslog(t)
		c := fake(t, s, "echo boom >&2; exit 1")
		c.add("--syslog").start()
		c.report()
		c.wait()
		var all []string
		for got := d.next(patience); got != ""; got = d.next(fewMoments) {
			all = append(all, got)
		}
		short := c.id[:min(20, len(c.id))]
		want := "conmon " + short + " <error>: "
		for _, l := range all {
			if strings.Contains(l, want) && matches(`^<(3|11|27)>`, l) {
				return
			}
		}
		t.Errorf("no error %q in %q", want, all)
	})
}

// Without --syslog nothing goes there.
func TestNoSyslog(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		d := syslog(t)
		c := fake(t, s, "echo boom >&2; exit 1")
		c.start()
		c.report()
		c.wait()
		if got := d.next(fewMoments); got != "" {
			t.Errorf("syslog: %q", got)
		}
	})
}

// syslog listens where syslog(3) speaks, in this mount namespace.
func syslog(t *testing.T) *datagrams {
	t.Helper()
	const path = "/dev/log"
	if _, err := os.Lstat(path); err != nil {
		// A mount needs a place, which is the host's: an empty file, removed.
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o600)
		kit.Must(t, err)
		f.Close()
		t.Cleanup(func() { _ = os.Remove(path) })
	}
	socket := filepath.Join(kit.Dir(t), "log")
	d := listen(t, socket)
	kit.Must(t, unix.Mount(socket, path, "", unix.MS_BIND, ""))
	t.Cleanup(func() { kit.Must(t, unix.Unmount(path, unix.MNT_DETACH)) })
	return d
}

// The event loop costs no thread per container: conmon has one, ours those of
// the Go runtime, which do not grow with clients.
func TestThreads(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, gated("true"))
		c.created()
		before, _ := strconv.Atoi(status(c.procFile("status"), "Threads"))
		for range 8 {
			c.attach()
		}
		settle()
		after, _ := strconv.Atoi(status(c.procFile("status"), "Threads"))
		if s.ours() && (before > 6 || after > before+1) || !s.ours() && after > 2 {
			t.Errorf("%d threads, with eight clients %d", before, after)
		}
		c.release()
		c.wait()
		c.clean()
	})
}

// Descriptors: a hundred clients that come and go leave none open.
func TestDescriptorsDoNotGrow(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, gated("true"))
		c.created()
		count := func() int {
			list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", c.monitor))
			kit.Must(t, err)
			return len(list)
		}
		for range 3 {
			attach(t, c.bundle.Dir).close()
		}
		settle()
		before := count()
		for range often(100, 1000) {
			attach(t, c.bundle.Dir).close()
		}
		if !s.ours() { // it keeps the socket of a client that has gone
			if settle(); count() < before+50 {
				t.Errorf("%d descriptors, a hundred clients later %d: conmon's bug is mended", before, count())
			}
		} else if !kit.Eventually(patience, func() bool { return count() <= before }) {
			t.Errorf("%d descriptors, a hundred clients later %d", before, count())
		}
		c.release()
		c.wait()
		c.clean()
	})
}

// Everything of the monitor's own is close-on-exec: what a plugin or a command
// forks gets none of it. Seen in the exit command; here in the live process.
func TestCloseOnExec(t *testing.T) {
	s := ours(t)
	c := fake(t, s, gated("true"))
	c.created()
	c.attach()
	settle()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", c.monitor))
	kit.Must(t, err)
	for _, e := range list {
		if n, _ := strconv.Atoi(e.Name()); n < 3 {
			continue
		}
		to, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", c.monitor, e.Name()))
		info, _ := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%s", c.monitor, e.Name()))
		flags, _ := strconv.ParseUint(status(string(info), "flags"), 8, 64)
		if flags&unix.O_CLOEXEC == 0 && inherited(e.Name()) != to {
			t.Errorf("fd %s (%s) is not close-on-exec", e.Name(), to)
		}
	}
	c.release()
	c.wait()
	c.clean()
}

// seccomp notify: Debian's version has no support and says so; the contract has
// nothing to be compatible with, but the flags are taken.
func TestSeccompFlags(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		res := command(t, s, nil, "--seccomp-notify-socket", "/x", "--seccomp-notify-plugins", "a:b")
		if res.Code != 1 || !strings.Contains(res.Stderr, "Container ID not provided") {
			t.Errorf("%s", res)
		}
	})
}

// The runtime runs where the caller is: relative paths of its are the caller's.
func TestRuntimeRunsInCallersDirectory(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, "record; container true")
		c.add("--sync")
		cwd := kit.Dir(t)
		cmd := &kit.Cmd{Args: append([]string{s.path}, c.flags...), Dir: cwd, Env: []string{"TMPDIR=" + c.rt.Tmp}}
		cmd.Start(t)
		if res := cmd.Wait(); res.Code != 0 {
			t.Fatal(res)
		}
		if got := strings.TrimSpace(c.recorded("cwd")); got != cwd {
			t.Errorf("the runtime runs in %s, the caller in %s", got, cwd)
		}
	})
}
