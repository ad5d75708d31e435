package monitor

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"stave/tests/kit"
)

// Faults: what a monitor survives. Most run against ours alone, with conmon as
// the positive control where it does not.

// cpu is what the monitor has used, in ticks.
func (c *session) cpu() int {
	f := strings.Fields(strings.SplitN(c.procFile("stat"), ") ", 2)[1])
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return user + system
}

// switches counts how often the monitor's threads slept and woke.
func (c *session) switches() (n int) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", c.monitor))
	for _, f := range files {
		data, _ := os.ReadFile(f)
		k, _ := strconv.Atoi(status(string(data), "voluntary_ctxt_switches"))
		n += k
	}
	return n
}

// peak is the most memory it ever had, in KiB.
func (c *session) peak() int {
	n, _ := strconv.Atoi(strings.TrimSuffix(status(c.procFile("status"), "VmHWM"), " kB"))
	return n
}

// An attached client that never reads: the container writes 256 MiB and ends,
// another client has all of it, and the monitor's memory is bounded. conmon is
// the control: there everybody waits.
func TestClientThatNeverReads(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		size := 256 << 20
		c := fake(t, s, gated(fmt.Sprintf("head -c %d /dev/zero; read x <'$D'/go", size)))
		c.set("-l", "none").created()
		stuck := c.attach()
		settle()
		reader := c.attach()
		settle()
		before := c.peak()
		var total int
		var lock sync.Mutex
		done := make(chan struct{})
		go func() {
			defer close(done)
			buf := make([]byte, 64<<10)
			for {
				n, err := unix.Read(reader.fd, buf)
				if err == unix.EINTR {
					continue
				}
				if n <= 0 {
					return
				}
				lock.Lock()
				total += n - 1
				lock.Unlock()
			}
		}()
		c.release()
		if !s.ours() {
			time.Sleep(3 * time.Second)
			lock.Lock()
			got := total
			lock.Unlock()
			if !c.alive() || got > size/2 {
				t.Errorf("conmon's bug is mended: another client has %d bytes", got)
			}
			stuck.close()
			kit.Must(t, unix.Kill(atoi(t, c.read("pid")), unix.SIGKILL))
			c.wait()
			<-done
			return
		}
		peak := 0
		if !kit.Eventually(time.Minute, func() bool {
			peak = max(peak, c.peak())
			lock.Lock()
			defer lock.Unlock()
			select {
			case <-done: // cut off, though it reads
				return true
			default:
				return total == size
			}
		}) || total != size {
			t.Errorf("the other client has %d bytes of %d", total, size)
		}
		if peak-before > 16<<10 {
			t.Errorf("the monitor's memory went from %d to %d KiB", before, peak)
		}
		// It learns that it was cut off, and where it stands; the container lives.
		heard, notice := 0, false
		for p := stuck.packet(); len(p) > 0; p = stuck.packet() {
			heard += len(p) - 1
			notice = notice || strings.Contains(string(p), "too slow")
		}
		if !notice || heard > 16<<20 {
			t.Errorf("the client that did not read has %d bytes, and a notice: %v", heard, notice)
		}
		c.release()
		if code := c.wait(); code != 0 {
			t.Errorf("exit status %d", code)
		}
		<-done
		c.clean()
	})
}

// Idle is idle: with a container that does nothing there is no CPU and no wake-up.
func TestIdle(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		for _, tty := range []bool{false, true} {
			c := real(t, s, stave(t), kit.Shell("exec sleep 1000"), func(b *kit.Bundle) { b.Spec.Process.Terminal = tty })
			if tty {
				c.add("-t")
			}
			c.created()
			if res := c.rt.Start(c.id); res.Code != 0 {
				t.Fatal(res)
			}
			c.attach()
			time.Sleep(time.Second)
			cpu, wakes := c.cpu(), c.switches()
			time.Sleep(5 * time.Second)
			if more := c.cpu() - cpu; more > 0 {
				t.Errorf("terminal=%v: idle for 5 s costs %d ticks", tty, more)
			}
			if more := c.switches() - wakes; more > 2 {
				t.Errorf("terminal=%v: %d wake-ups in 5 idle seconds", tty, more)
			}
			if res := c.rt.Kill(c.id, "KILL"); res.Code != 0 {
				t.Error(res)
			}
			c.wait()
			c.clean()
		}
	})
}

// A reader that is blocked costs nothing either: not while output waits for it,
// and not once it has been given up.
func TestBlockedReader(t *testing.T) {
	s := ours(t)
	c := fake(t, s, gated("head -c 10000000 /dev/zero; echo > '$D'/written; sleep 1000"))
	c.set("-l", "none").created()
	c.attach()
	settle()
	cpu, wakes := c.cpu(), c.switches()
	begin := time.Now()
	c.release()
	if !kit.Eventually(patience, func() bool {
		_, err := os.Stat(filepath.Join(filepath.Dir(c.rt.Path), "written"))
		return err == nil
	}) {
		t.Fatal("the container waits for a client that does not read")
	}
	// Waiting is most of that time: a loop that spins would use it all.
	waited := time.Since(begin)
	if waited < time.Second {
		t.Errorf("10 MB went in %v: nothing waited for the reader", waited)
	}
	if more := c.cpu() - cpu; more > 50 {
		t.Errorf("%d ticks in %v of waiting", more, waited)
	}
	if more := c.switches() - wakes; more > 10000 {
		t.Errorf("%d wake-ups in %v of waiting", more, waited)
	}
	time.Sleep(2 * time.Second) // its memory is given back
	cpu, wakes = c.cpu(), c.switches()
	long := time.Duration(often(5, 60)) * time.Second
	time.Sleep(long)
	if more := c.cpu() - cpu; more > 1 {
		t.Errorf("%d ticks in %v", more, long)
	}
	if more := c.switches() - wakes; more > 10 {
		t.Errorf("%d wake-ups in %v", more, long)
	}
	kit.Must(t, unix.Kill(atoi(t, c.read("pid")), unix.SIGKILL))
	c.wait()
}

// Anything in any pieces: what the kubelet reads out of the log is what was written.
func TestAnyBytesInAnyPieces(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		seed := uint64(time.Now().UnixNano())
		random := rand.New(rand.NewPCG(seed, 7))
		for range often(3, 100) {
			var data []byte
			script := ""
			for range 60 {
				n := 1 + random.IntN([]int{5, 300, 9000, 70000}[random.IntN(4)])
				for range n {
					b := byte(random.IntN(256))
					if random.IntN(100) == 0 {
						b = '\n'
					}
					data = append(data, b)
				}
				script += fmt.Sprintf("dd bs=%d count=1 iflag=fullblock 2>/dev/null\n", n)
			}
			c := fake(t, s, "container 'exec <$INPUT; sh '$D/script")
			kit.Must(t, os.WriteFile(c.file("input"), data, 0o644))
			kit.Must(t, os.WriteFile(filepath.Join(filepath.Dir(c.rt.Path), "script"), []byte(script), 0o644))
			c.env = append(c.env, "INPUT="+c.file("input"))
			c.run()
			if got := text(records(t, c.read("log")), "stdout"); got != string(data) {
				t.Fatalf("seed %d: %d bytes come back of %d", seed, len(got), len(data))
			}
			c.clean()
		}
	})
}

// The log is moved and opened anew every 10 ms under a flood: every line is in
// exactly one file, in order, whole.
func TestReopenUnderFlood(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		// In bursts that overflow the pipe, for long enough that they meet many files.
		bursts := often(30, 1000)
		lines := bursts * 2000
		c := fake(t, s, gated(fmt.Sprintf(`k=0; while [ $k -lt %d ]; do seq -f "sequence %%.0f of many, with some text behind it" $((k*2000)) $((k*2000+1999)); k=$((k+1)); sleep 0.005; done`, bursts)))
		c.created()
		c.release()
		n := 0
		for c.alive() {
			time.Sleep(10 * time.Millisecond)
			if os.Rename(c.file("log"), c.file(fmt.Sprintf("log-%06d", n))) != nil {
				continue
			}
			n++
			f, err := os.OpenFile(c.inBundle("ctl"), os.O_WRONLY|unix.O_NONBLOCK, 0)
			if err != nil {
				continue // it has ended
			}
			_, _ = f.WriteString("2 0 0\n")
			f.Close()
			// The kubelet waits for the new file; so nobody moves what is not there.
			kit.Eventually(patience, func() bool {
				_, err := os.Stat(c.file("log"))
				return err == nil || !c.alive()
			})
		}
		c.wait()
		var log strings.Builder
		for i := range n {
			log.WriteString(c.read(fmt.Sprintf("log-%06d", i)))
		}
		log.WriteString(c.read("log"))
		if first, last := sequence(t, records(t, log.String())); first != 0 || last != lines-1 || n < 10 {
			t.Errorf("lines %d to %d of %d, in %d files", first, last, lines, n)
		}
		c.clean()
	})
}

// Rotation by size under a flood, with a reopen in between now and then.
func TestRotateUnderFlood(t *testing.T) {
	s := ours(t)
	lines := often(60000, 2000000)
	c := fake(t, s, gated(fmt.Sprintf(`seq -f "sequence %%.0f of many, with some text behind it" 0 %d`, lines-1)))
	c.add("--log-rotate", "--log-max-files=1000", "--log-size-max=100000").created()
	c.release()
	c.wait()
	log, n := c.read("log"), 1
	for ; ; n++ {
		part := c.read(fmt.Sprintf("log.%d", n))
		if part == "" {
			break
		}
		if len(part) > 100000 {
			t.Errorf("log.%d has %d bytes", n, len(part))
		}
		log = part + log
	}
	if first, last := sequence(t, records(t, log)); first != 0 || last != lines-1 || n < 10 {
		t.Errorf("lines %d to %d of %d, in %d files", first, last, lines, n)
	}
	c.clean()
}

// A storm of harmless signals while containers come and go: no end is missed.
func TestSignalStorm(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		const containers = 10
		each := often(10000, 200000) / containers
		for i := range containers {
			c := fake(t, s, fmt.Sprintf("container 'for i in 1 2 3 4 5; do (exit $i); done; echo text; exit %d'", i))
			c.begin()
			done := make(chan int)
			c.proceed()
			go func() {
				sent := 0
				for ; sent < each; sent++ {
					sig := []unix.Signal{unix.SIGCHLD, unix.SIGURG, unix.SIGWINCH, unix.SIGCONT, unix.SIGPIPE}[sent%5]
					if unix.Kill(c.monitor, sig) != nil {
						break
					}
				}
				done <- sent
			}()
			if code := c.wait(); code != i {
				t.Errorf("exit status %d, want %d", code, i)
			}
			<-done
			if got := c.exitFile(); got != strconv.Itoa(i) {
				t.Errorf("exit file %q, want %d", got, i)
			}
			if !strings.HasSuffix(c.read("log"), "F text\n") {
				t.Errorf("log %q", c.read("log"))
			}
			c.clean()
		}
	})
}

// The same for a long-lived one, which must have all signals behind it and
// still be told the end of its container.
func TestSignalStormOnIdle(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, gated("exit 8"))
		c.created()
		for i := range often(10000, 1000000) {
			kit.Must(t, unix.Kill(c.monitor, []unix.Signal{unix.SIGCHLD, unix.SIGURG, unix.SIGWINCH, unix.SIGCONT}[i%4]))
		}
		c.release()
		if code := c.wait(); code != 8 {
			t.Errorf("exit status %d", code)
		}
		c.clean()
	})
}

// The monitor is killed. The policy, which is conmon's: the container goes on
// and is not reaped by anyone but its new parent; the runtime can still kill and
// delete it, and no exit file claims to know how it ended.
func TestMonitorKilled(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		for _, moment := range []string{"idle", "attached", "flood"} {
			script := map[string]string{"idle": "exec sleep 1000", "attached": "exec cat", "flood": "trap '' PIPE; while :; do echo flood 2>/dev/null; done"}[moment]
			c := real(t, s, stave(t), kit.Shell(script))
			if moment == "attached" {
				c.add("-i")
			}
			pid := c.created()
			if res := c.rt.Start(c.id); res.Code != 0 {
				t.Fatal(res)
			}
			if moment == "attached" {
				a := c.attach()
				a.send([]byte("x\n"))
				a.until("x\n")
			}
			if moment == "flood" {
				kit.Must(t, eventuallyNonEmpty(c.file("log")))
			}
			kit.Must(t, unix.Kill(c.monitor, unix.SIGKILL))
			c.wait()
			if moment == "idle" { // with a stdin or an output that broke it may end
				settle()
				if !running(pid) {
					t.Errorf("%s: the container did not go on", moment)
				}
				if st, res := c.rt.State(c.id); st.Status != "running" {
					t.Errorf("%s: %s", moment, res)
				}
			}
			if got := c.exitFile(); got != "" {
				t.Errorf("%s: exit file %q of a container that nobody watched", moment, got)
			}
			if res := c.rt.Delete(c.id, "--force"); res.Code != 0 {
				t.Errorf("%s: %s", moment, res)
			}
			if !kit.Eventually(patience, func() bool { return !running(pid) }) {
				t.Errorf("%s: pid %d has no owner", moment, pid)
			}
			_ = os.Remove(c.inBundle("attach")) // of a killed one
			c.clean()
		}
	})
}

// Timeouts do not hang on the wall clock: no timer is set on it.
func TestTimeoutClock(t *testing.T) {
	s := ours(t)
	c := fake(t, s, "container 'exec sleep 100'")
	trace := c.add("--sync", "--timeout", "1").traced("timerfd_create,timerfd_settime,timer_create,setitimer,epoll_wait,epoll_pwait,epoll_pwait2,ppoll,alarm")
	if got := c.exitFile(); got != "-1" {
		t.Errorf("exit file %q", got)
	}
	for _, l := range strings.Split(trace, "\n") {
		if strings.Contains(l, "CLOCK_REALTIME") {
			t.Errorf("a timer on the wall clock: %s", l)
		}
	}
	if !regexp.MustCompile(`timerfd_create\(CLOCK_(MONOTONIC|BOOTTIME)|epoll_p?wait2?\(.*[1-9][0-9]*`).MatchString(trace) {
		t.Errorf("no timer on the monotonic clock:\n%s", trace)
	}
}

// The exit files are old or new, never half: written aside, to the disk, and
// then renamed.
func TestExitFilesReachTheDisk(t *testing.T) {
	s := ours(t)
	c := fake(t, s, "container 'exit 3'")
	trace := c.add("--sync").traced("write,fsync,fdatasync,rename,renameat,renameat2")
	for name, final := range map[string]string{"exit file": c.file("exits/" + c.id), "record": c.inBundle("exit.json")} {
		rename := regexp.MustCompile(`rename(?:at2?)?\([^"]*"([^"]+)"[^"]*"` + regexp.QuoteMeta(filepath.Base(final)) + `"|rename(?:at2?)?\([^"]*"([^"]+)"[^"]*"` + regexp.QuoteMeta(final) + `"`).FindStringSubmatchIndex(trace)
		if rename == nil {
			t.Errorf("%s: no rename onto %s in\n%s", name, final, trace)
			continue
		}
		m := regexp.MustCompile(`rename(?:at2?)?\([^"]*"([^"]+)"`).FindStringSubmatch(trace[rename[0]:rename[1]])
		aside := filepath.Base(m[1])
		if !regexp.MustCompile(`f(data)?sync\(\d+<[^>]*` + regexp.QuoteMeta(aside)).MatchString(trace[:rename[0]]) {
			t.Errorf("%s: %s is renamed before it is on the disk:\n%s", name, aside, trace)
		}
	}
}

// The monitor is in its caller's cgroup, the container in another: what the
// container may use, the monitor does not pay.
func TestCgroups(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := real(t, s, stave(t), kit.Shell("exec sleep 100"), func(b *kit.Bundle) { b.Spec.Linux.CgroupsPath = "/" + kit.ID() })
		pid := c.created()
		own, err := os.ReadFile("/proc/self/cgroup")
		kit.Must(t, err)
		if got := c.procFile("cgroup"); got != string(own) {
			t.Errorf("the monitor is in\n%s, its caller in\n%s", got, own)
		}
		theirs, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
		kit.Must(t, err)
		if string(theirs) == string(own) {
			t.Error("the container is in the monitor's cgroup")
		}
		c.rt.Delete(c.id, "--force")
		c.wait()
		c.clean()
	})
}

// A flood into the log does not grow the monitor.
func TestMemoryUnderFlood(t *testing.T) {
	s := ours(t)
	c := fake(t, s, gated("head -c 50000000 /dev/zero; yes 2>/dev/null | head -n 3000000"))
	c.set("-l", "k8s-file:/dev/null").created()
	before := c.peak()
	c.release()
	peak := before
	for c.alive() {
		peak = max(peak, c.peak())
		time.Sleep(10 * time.Millisecond)
	}
	c.wait()
	if peak-before > 8<<10 {
		t.Errorf("memory went from %d to %d KiB", before, peak)
	}
	c.clean()
}
