package monitor

import (
	"encoding/json"
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

// Logs that cannot be written, for every reason that a kernel has: real file
// systems where one can be had, errors of strace(1) in the place of others.

// threeParts floods, says so and waits, three times: before a fault, during it, after it.
const threeParts = `container 'i=0; for end in 3000 8000 8050; do while [ $i -lt $end ]; do echo "sequence $i of many, with some text behind it"; i=$((i+1)); done; echo $end >'$D'/part; read x <'$D'/go; done; exit 3'`

// A logFault makes a log unwritable, and writable again.
type logFault struct {
	name  string
	flags []string
	// begin makes the directory of the log what the fault needs.
	begin func(t *testing.T, c *session)
	// strike makes writing fail with why; size is that of the log now.
	strike func(t *testing.T, c *session, size int64)
	mend   func(t *testing.T, c *session)
	why    unix.Errno
	// noBlock: with --log-on-full=block the same cannot be asked.
	noBlock bool
}

func (c *session) logDir() string { return c.file("logs") }

// injected is a fault by strace(1): these system calls of the monitor fail. With
// only, just those on the log do.
func injected(call string, why unix.Errno, only bool, flags ...string) logFault {
	name := unix.ErrnoName(why)
	var strace *kit.Cmd
	return logFault{name: call + " " + name, flags: flags, why: why,
		strike: func(t *testing.T, c *session, _ int64) {
			args := []string{kit.NeedTool(t, "strace"), "-f", "-qq", "-o", c.file("trace"), "-e", "trace=" + call,
				"-e", "inject=" + call + ":error=" + name, "-p", strconv.Itoa(c.monitor)}
			if only {
				args = append(args, "-P", filepath.Join(c.logDir(), "log"))
			}
			strace = &kit.Cmd{Args: args, Timeout: patience}
			strace.Start(t)
			t.Cleanup(func() {
				strace.Signal(unix.SIGTERM)
				strace.Wait()
			})
			if !kit.Eventually(patience, func() bool { return c.isTraced() }) {
				t.Fatal("strace does not attach")
			}
		},
		mend: func(t *testing.T, c *session) {
			strace.Signal(unix.SIGTERM) // it detaches
			strace.Wait()
			if n := strings.Count(c.read("trace"), "(INJECTED)"); n == 0 {
				t.Errorf("strace has not let a single %s fail", call)
			}
		}}
}

// isTraced says that a tracer sees every thread of the monitor.
func (c *session) isTraced() bool {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", c.monitor))
	for _, task := range tasks {
		if data, err := os.ReadFile(task); err == nil && status(string(data), "TracerPid") == "0" {
			return false
		}
	}
	return true
}

// fileSize is RLIMIT_FSIZE: the write that reaches it is short, the next one fails.
func fileSize() logFault {
	limit := func(t *testing.T, c *session, size uint64) {
		kit.Must(t, unix.Prlimit(c.monitor, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: size, Max: unix.RLIM_INFINITY}, nil))
	}
	return logFault{name: "file size limit", why: unix.EFBIG,
		strike: func(t *testing.T, c *session, size int64) { limit(t, c, uint64(size)+1001) },
		mend:   func(t *testing.T, c *session) { limit(t, c, unix.RLIM_INFINITY) }}
}

// fullTmpfs has no room after the first part.
func fullTmpfs() logFault {
	remount := func(t *testing.T, c *session, flags uintptr, size int64) {
		kit.Must(t, unix.Mount("tmpfs", c.logDir(), "tmpfs", flags, fmt.Sprintf("size=%d", size)))
	}
	return logFault{name: "full tmpfs", why: unix.ENOSPC,
		begin: func(t *testing.T, c *session) {
			remount(t, c, 0, 16<<20)
			t.Cleanup(func() { _ = unix.Unmount(c.logDir(), unix.MNT_DETACH) })
		},
		strike: func(t *testing.T, c *session, size int64) { remount(t, c, unix.MS_REMOUNT, size+12<<10) },
		mend:   func(t *testing.T, c *session) { remount(t, c, unix.MS_REMOUNT, 16<<20) }}
}

// lost is a file system that will not be written any more; a healthy one is
// mounted in its place, and the logs are told to begin anew.
func lost(name string, why unix.Errno, strike func(t *testing.T, c *session)) logFault {
	return logFault{name: name, why: why, noBlock: true,
		begin:  func(t *testing.T, c *session) { c.disk(t) },
		strike: func(t *testing.T, c *session, _ int64) { strike(t, c) },
		mend: func(t *testing.T, c *session) {
			kit.Must(t, unix.Mount("tmpfs", c.logDir(), "tmpfs", 0, ""))
			t.Cleanup(func() { _ = unix.Unmount(c.logDir(), unix.MNT_DETACH) })
			kit.Must(t, os.WriteFile(c.inBundle("ctl"), []byte("2 0 0\n"), 0))
		}}
}

// readOnlyDirectory lets the log be written and nothing be made or renamed
// beside it.
func readOnlyDirectory(flags ...string) logFault {
	return logFault{name: "rotation in a read-only directory", flags: flags, why: unix.EROFS,
		strike: func(t *testing.T, c *session, _ int64) {
			kit.Must(t, unix.Mount(c.logDir(), c.logDir(), "", unix.MS_BIND, ""))
			kit.Must(t, unix.Mount("", c.logDir(), "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""))
		},
		mend: func(t *testing.T, c *session) { kit.Must(t, unix.Unmount(c.logDir(), unix.MNT_DETACH)) }}
}

func logFaults() []logFault {
	rotate := []string{"--log-rotate", "--log-max-files=1000", "--log-size-max=50000"}
	return []logFault{
		injected("write", unix.EIO, true),
		injected("write", unix.EROFS, true),
		injected("write", unix.EDQUOT, true),
		fileSize(),
		fullTmpfs(),
		lost("dead disk", unix.EIO, func(t *testing.T, c *session) { shutdown(t, c.logDir()) }),
		lost("file system turned read-only", unix.EROFS, func(t *testing.T, c *session) {
			kit.Must(t, unix.Mount("", c.logDir(), "", unix.MS_REMOUNT, "abort"))
		}),
		injected("renameat", unix.EIO, false, rotate...),
		injected("openat", unix.EMFILE, false, rotate...),
		readOnlyDirectory(rotate...),
	}
}

// Whatever is the matter with the log: the container goes on, its status is
// right, and each of its lines is in the log once, whole, or in the count of one
// record that says what is missing and why.
func TestLogFaultDrops(t *testing.T) {
	for _, f := range logFaults() {
		for _, driver := range []string{"k8s-file", "json-file"} {
			t.Run(f.name+"/"+driver, func(t *testing.T) {
				s := ours(t)
				c, before := f.flood(t, s, driver)
				kit.Must(t, c.part(8000)) // it is not blocked
				settle()
				f.mend(t, c)
				told := func() bool { return strings.Contains(c.allLogs(), "dropped between") }
				if !kit.Eventually(patience, told) {
					t.Error("it can be written again, and nobody says what is missing")
				}
				c.release()
				kit.Must(t, c.part(8050))
				c.release()
				if code := c.wait(); code != 3 {
					t.Errorf("exit status %d", code)
				}
				after := c.allLogs()
				if f.noBlock { // what was in the old place is there for good or not
					after = before + after
				}
				c.account(t, entries(t, driver, after), f.why)
			})
		}
	}
}

// With --log-on-full=block the container waits, and nothing is missing.
func TestLogFaultBlocks(t *testing.T) {
	for _, f := range logFaults() {
		if f.noBlock {
			continue
		}
		for _, driver := range []string{"k8s-file", "json-file"} {
			t.Run(f.name+"/"+driver, func(t *testing.T) {
				f.flags = append([]string{"--log-on-full=block"}, f.flags...)
				c, _ := f.flood(t, ours(t), driver)
				time.Sleep(1200 * time.Millisecond) // longer than between two tries
				if got := strings.TrimSpace(c.readBeside("part")); got == "8000" {
					t.Error("the container is not blocked")
				}
				f.mend(t, c)
				kit.Must(t, c.part(8000))
				c.release()
				kit.Must(t, c.part(8050))
				c.release()
				if code := c.wait(); code != 3 {
					t.Errorf("exit status %d", code)
				}
				if first, last := sequence(t, entries(t, driver, c.allLogs())); first != 0 || last != 8049 {
					t.Errorf("lines %d to %d of 8050", first, last)
				}
			})
		}
	}
}

// A disk that dies for ever: the container's end is on record all the same,
// with the count of what is nowhere.
func TestLogNeverAgain(t *testing.T) {
	s := ours(t)
	f := lost("dead disk", unix.EIO, func(t *testing.T, c *session) { shutdown(t, c.logDir()) })
	c, _ := f.flood(t, s, "k8s-file")
	kit.Must(t, c.part(8000))
	c.release()
	kit.Must(t, c.part(8050))
	c.release()
	if code := c.wait(); code != 3 {
		t.Errorf("exit status %d", code)
	}
	data, err := os.ReadFile(c.inBundle("exit.json"))
	if err != nil || !strings.Contains(string(data), `"lostRecords": 5050`) || !strings.Contains(string(data), fmt.Sprintf(`"lostBytes": %d`, length(3000, 8050))) {
		t.Errorf("%s %v", data, err)
	}
}

// flood begins, with a first part in a healthy log, and a second part when the
// fault has struck.
func (f *logFault) flood(t *testing.T, s subject, driver string) (c *session, before string) {
	t.Helper()
	c = fake(t, s, threeParts)
	kit.Must(t, os.Mkdir(c.logDir(), 0o755))
	if f.begin != nil {
		f.begin(t, c)
	}
	c.set("-l", driver+":"+filepath.Join(c.logDir(), "log")).add(f.flags...).created()
	kit.Must(t, c.part(3000))
	settle()
	before = c.allLogs()
	if n := strings.Count(before, "behind it"); n != 3000 {
		t.Fatalf("%d of 3000 lines in a log without a fault", n)
	}
	info, err := os.Stat(filepath.Join(c.logDir(), "log"))
	kit.Must(t, err)
	f.strike(t, c, info.Size())
	kit.Must(t, os.Remove(c.beside("part")))
	c.release()
	return c, before
}

// part waits until the container has written so many lines.
func (c *session) part(end int) error {
	if kit.Eventually(patience, func() bool { return strings.TrimSpace(c.readBeside("part")) == strconv.Itoa(end) }) {
		return nil
	}
	return fmt.Errorf("the container does not get to line %d", end)
}

func (c *session) readBeside(name string) string {
	data, _ := os.ReadFile(c.beside(name))
	return string(data)
}

// allLogs are the log and its backups, oldest first.
func (c *session) allLogs() string {
	log := c.read("logs/log")
	for n := 1; ; n++ {
		data, err := os.ReadFile(filepath.Join(c.logDir(), fmt.Sprintf("log.%d", n)))
		if err != nil {
			return log
		}
		log = string(data) + log
	}
}

// entries reads a log of either format.
func entries(t testing.TB, driver, log string) []record {
	t.Helper()
	if driver == "k8s-file" {
		return records(t, log)
	}
	var all []record
	for line := range strings.Lines(log) {
		var e struct {
			Log, Stream string
			Time        time.Time
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil || !strings.HasSuffix(line, "\n") {
			t.Fatalf("no record: %q: %v", line, err)
		}
		text, full := strings.CutSuffix(e.Log, "\n")
		all = append(all, record{e.Time, e.Stream, full, text})
	}
	return all
}

// length is that of the numbered lines from first to before end.
func length(first, end int) (n int) {
	for i := first; i < end; i++ {
		n += len(fmt.Sprintf("sequence %d of many, with some text behind it\n", i))
	}
	return n
}

// account wants each of the 8050 lines to be there once, whole and in order, or
// to be counted by the one record of a loss.
func (c *session) account(t *testing.T, all []record, why unix.Errno) {
	t.Helper()
	notice := regexp.MustCompile(`^stave-monitor: (\d+) bytes in (\d+) records were dropped between \S+ and \S+: (\w+) `)
	line := regexp.MustCompile(`^sequence (\d+) of many, with some text behind it$`)
	lines, bytes, last, pieces, notices, lostLines, lostBytes, closed := 0, 0, -1, 0, 0, 0, 0, 0
	partial := ""
	for i, r := range all {
		if m := notice.FindStringSubmatch(r.text); m != nil && r.stream == "stderr" && r.full {
			notices++
			lostBytes, _ = strconv.Atoi(m[1])
			lostLines, _ = strconv.Atoi(m[2])
			if m[3] != unix.ErrnoName(why) {
				t.Errorf("it says that the reason was %s, and it was %s", m[3], unix.ErrnoName(why))
			}
			continue
		}
		bytes += len(r.text)
		if !r.full {
			partial += r.text
			continue
		}
		bytes++
		if r.text == "" && i+1 < len(all) && notice.MatchString(all[i+1].text) {
			closed++ // a line that the loss has cut; nobody wrote this newline
		}
		text := partial + r.text
		partial = ""
		m := line.FindStringSubmatch(text)
		if m == nil {
			pieces++ // of the line before the loss, or of the one after it
			continue
		}
		n, _ := strconv.Atoi(m[1])
		if n <= last {
			t.Errorf("line %d comes after line %d", n, last)
		}
		lines, last = lines+1, n
	}
	if notices != 1 || lostLines == 0 {
		t.Errorf("%d notices, and %d lines lost", notices, lostLines)
	}
	if pieces > 2 || pieces == 0 && lines+lostLines != 8050 {
		t.Errorf("%d lines and %d pieces of lines are there, and %d told lost, of 8050", lines, pieces, lostLines)
	}
	if bytes+lostBytes != length(0, 8050)+closed {
		t.Errorf("%d bytes are there and %d told lost, of %d; %d lines were closed", bytes, lostBytes, length(0, 8050), closed)
	}
	if last != 8049 {
		t.Errorf("the log ends with line %d", last)
	}
	data, _ := os.ReadFile(c.inBundle("exit.json"))
	if !strings.Contains(string(data), fmt.Sprintf(`"lostRecords": %d`, lostLines)) {
		t.Errorf("the exit record does not tell of %d lost: %s", lostLines, data)
	}
}

// disk mounts a small ext4 of its own on the directory of the logs.
func (c *session) disk(t *testing.T) {
	t.Helper()
	image := c.file("disk")
	f, err := os.Create(image)
	kit.Must(t, err)
	kit.Must(t, f.Truncate(16<<20))
	if res := kit.Do(t, kit.NeedTool(t, "mkfs.ext4"), "-q", image); res.Code != 0 {
		t.Fatal(res)
	}
	device := attachLoop(t, f)
	f.Close()
	kit.Must(t, unix.Mount(device, c.logDir(), "ext4", 0, ""))
	t.Cleanup(func() { _ = unix.Unmount(c.logDir(), unix.MNT_DETACH) })
}

// attachLoop makes a block device of a file. It goes away with its last user.
func attachLoop(t *testing.T, image *os.File) string {
	t.Helper()
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		kit.Lacks(t, "loop devices: %v", err)
	}
	defer control.Close()
	for range 20 { // somebody else may be quicker
		n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		kit.Must(t, err)
		path := fmt.Sprintf("/dev/loop%d", n)
		device, err := os.OpenFile(path, os.O_RDWR, 0)
		kit.Must(t, err)
		config := unix.LoopConfig{Fd: uint32(image.Fd())}
		config.Info.Flags = unix.LO_FLAGS_AUTOCLEAR
		err = unix.IoctlLoopConfigure(int(device.Fd()), &config)
		if err == nil {
			t.Cleanup(func() { device.Close() }) // before that it would clear itself
			return path
		}
		device.Close()
		if err != unix.EBUSY {
			kit.Must(t, err)
		}
	}
	t.Fatal("no loop device is free")
	return ""
}

// shutdown is EXT4_IOC_SHUTDOWN: from now on every system call on it fails with EIO.
func shutdown(t *testing.T, dir string) {
	t.Helper()
	const ioctl, noLogFlush = 0x8004587d, 2
	f, err := os.Open(dir)
	kit.Must(t, err)
	defer f.Close()
	kit.Must(t, unix.IoctlSetPointerInt(int(f.Fd()), ioctl, noLogFlush))
}
