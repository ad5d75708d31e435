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

// A full disk, for real: a tmpfs that has no room, and later has. Other errors of
// a log are in logfaults_test.go.

// small mounts a tmpfs of this size on a directory of the session.
func (c *session) small(t *testing.T, name, size string) (grow func()) {
	t.Helper()
	dir := c.file(name)
	kit.Must(t, os.MkdirAll(dir, 0o755))
	kit.Must(t, unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size))
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return func() {
		t.Helper()
		kit.Must(t, unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT, "size=16m"))
	}
}

// twoParts writes 3000 numbered lines, says that it could, and after the gate 50 more.
const twoParts = `container '` + numbered + `; echo done >'$D'/part; read x <'$D'/go; while [ $i -lt 3050 ]; do echo "sequence $i of many, with some text behind it"; i=$((i+1)); done; exit 3'`

// The disk is full and later is not: the container goes on, its status is right,
// and one record says what is missing, to the byte.
func TestDiskFullDrops(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, twoParts)
		grow := c.small(t, "small", "128k")
		c.set("-l", "k8s-file:"+c.file("small/log")).created()
		part := filepath.Join(filepath.Dir(c.rt.Path), "part")
		if err := eventuallyNonEmpty(part); err != nil {
			t.Fatalf("the container is blocked by a full disk: %v", err)
		}
		settle() // all of it has been read from the pipe
		grow()
		if s.ours() && !kit.Eventually(patience, func() bool { return strings.Contains(c.read("small/log"), "dropped") }) {
			t.Error("there is room again, and nobody says what is missing")
		}
		c.release()
		if code := c.wait(); code != 3 {
			t.Errorf("exit status %d", code)
		}
		if !s.ours() { // the positive control: lost without a word
			if strings.Contains(c.read("small/log"), "dropped") {
				t.Error("conmon tells its losses")
			}
			return
		}
		all := records(t, c.read("small/log"))
		notices, lines, bytes, lost, lostBytes := 0, 0, 0, 0, 0
		for _, r := range all {
			if m := regexp.MustCompile(`(\d+) bytes in (\d+) records? (?:was|were) dropped`).FindStringSubmatch(r.text); m != nil && r.stream == "stderr" {
				notices++
				lostBytes, _ = strconv.Atoi(m[1])
				lost, _ = strconv.Atoi(m[2])
				continue
			}
			lines++
			bytes += len(r.text)
			if r.full {
				bytes++
			}
		}
		if notices != 1 || lost == 0 || lostBytes == 0 {
			t.Errorf("%d notices, of %d records and %d bytes", notices, lost, lostBytes)
		}
		total := 0
		for i := range 3050 {
			total += len(fmt.Sprintf("sequence %d of many, with some text behind it\n", i))
		}
		// A line that is closed on the occasion of the loss has a newline that nobody wrote.
		if have := bytes + lostBytes; have < total || have > total+2 {
			t.Errorf("%d bytes written and %d told lost are not the %d that came", bytes, lostBytes, total)
		}
		if !strings.Contains(all[len(all)-1].text, "sequence 3049 of many") {
			t.Errorf("the log does not go on: %q", all[len(all)-1].text)
		}
	})
}

// --log-on-full=block: the container waits, and nothing is missing.
func TestDiskFullBlocks(t *testing.T) {
	s := ours(t)
	c := fake(t, s, twoParts)
	grow := c.small(t, "small", "8k") // so little that pipe and one read cannot hold the rest
	c.set("-l", "k8s-file:"+c.file("small/log")).add("--log-on-full=block").created()
	part := filepath.Join(filepath.Dir(c.rt.Path), "part")
	time.Sleep(time.Second)
	if _, err := os.Stat(part); err == nil {
		t.Error("the container is not blocked")
	}
	used := c.cpu()
	time.Sleep(2 * time.Second)
	if more := c.cpu() - used; more > 5 {
		t.Errorf("waiting for room costs %d ticks of CPU in 2 s", more)
	}
	grow()
	kit.Must(t, eventuallyNonEmpty(part))
	c.release()
	if code := c.wait(); code != 3 {
		t.Errorf("exit status %d", code)
	}
	if first, last := sequence(t, records(t, c.read("small/log"))); first != 0 || last != 3049 {
		t.Errorf("lines %d to %d of 3050", first, last)
	}
}

// A container that ends while its log is blocked does not keep the monitor.
func TestDiskFullBlocksNotTheEnd(t *testing.T) {
	s := ours(t)
	c := fake(t, s, "container '"+numbered+"'")
	c.small(t, "small", "8k") // see TestDiskFullBlocks
	c.set("-l", "k8s-file:"+c.file("small/log")).add("--log-on-full=block").created()
	time.Sleep(500 * time.Millisecond)
	kit.Must(t, unix.Kill(atoi(t, c.read("pid")), unix.SIGKILL))
	if code := c.wait(); code != 137 {
		t.Errorf("exit status %d", code)
	}
	if got := c.exitFile(); got != "137" {
		t.Errorf("exit file %q", got)
	}
}

// A log that can never be written, and one that is given up.
func TestDiskFullForEver(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, "container '"+numbered+"; exit 4'")
		if code := c.set("-l", "k8s-file:/dev/full").run(); code != 4 {
			t.Errorf("exit status %d", code)
		}
		c.clean()
	})
}

// No room for the exit file: the status still goes where it can, and the exit
// command runs.
func TestDiskFullForExitFile(t *testing.T) {
	s := ours(t)
	c := fake(t, s, gated("exit 6"))
	c.execMode().withCommand("echo ran >$D/ran")
	c.small(t, "exits", "16k")
	c.created()
	if err := os.WriteFile(c.file("exits/fill"), make([]byte, 64<<10), 0o600); err == nil {
		t.Error("the disk is not full")
	}
	c.release()
	if l := c.report(); l.n != 6 {
		t.Errorf("sync pipe: %q", l.raw)
	}
	c.wait()
	if c.read("ran") == "" {
		t.Error("the exit command did not run")
	}
	if got := c.read("persist/exit"); got != "6" {
		t.Errorf("persistent exit file %q", got)
	}
	if entries, _ := os.ReadDir(c.file("exits")); len(entries) > 2 {
		t.Errorf("half a file is left: %v", entries)
	}
}
