package logs

// A disk that is really full.

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// shm is a new file in memory.
func shm(t testing.TB) string {
	t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs("/dev/shm", &st); err != nil || st.Type != unix.TMPFS_MAGIC {
		t.Skip("this machine lacks a tmpfs at /dev/shm")
	}
	dir, err := os.MkdirTemp("/dev/shm", "stave-logs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "log")
}

// tiny mounts a file system of 64 KiB.
func tiny(t *testing.T) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("mounting a small tmpfs needs root")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=65536"); err != nil {
		t.Skip("this machine does not let root mount a tmpfs: ", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestFullDisk(t *testing.T) {
	for driver, parse := range parsers {
		for _, policy := range []OnFull{Drop, Block} {
			dir := tiny(t)
			path := filepath.Join(dir, "log")
			ballast := filepath.Join(dir, "ballast")
			write(t, ballast, strings.Repeat("b", 30000))
			l := opened(t, &Config{Paths: []string{driver + ":" + path}, OnFull: policy}, linux{})
			n := 0
			say := func() {
				var b strings.Builder
				for range 50 {
					fmt.Fprintf(&b, "%d %s\n", n, strings.Repeat("x", 10+n%50))
					n++
				}
				l.Write(Stdout, at, []byte(b.String()), false)
			}
			for !l.Pending() {
				say()
			}
			if policy == Drop {
				say()
			}
			l.Retry(at)
			if !l.Pending() || l.Blocked() != (policy == Block) {
				t.Fatal("room out of nowhere")
			}
			if _, err := parse(read(t, path)); err != nil {
				t.Fatalf("while full: %v", err)
			}
			if err := os.Remove(ballast); err != nil {
				t.Fatal(err)
			}
			l.Retry(at)
			if l.Pending() {
				t.Fatal("still pending")
			}
			say()
			lines, err := parse(read(t, path))
			if err != nil {
				t.Fatal(err)
			}
			next, dropped := 0, 0
			for _, l := range lines {
				var i int
				if _, err := fmt.Sscanf(l.text, "stave-monitor: %d bytes in %d records were dropped", &i, &dropped); err == nil {
					if !strings.HasSuffix(l.text, ": ENOSPC (no space left on device)") || l.stream != Stderr {
						t.Error(l)
					}
					next += dropped
					continue
				}
				if _, err := fmt.Sscanf(l.text, "%d ", &i); err != nil || i != next {
					t.Fatalf("%d where %d was due", i, next)
				}
				next++
			}
			if next != n || (dropped > 0) != (policy == Drop) {
				t.Errorf("%d of %d, %d dropped", next, n, dropped)
			}
		}
	}
}

// A log that fills its own disk, and is limited, makes room for itself or stays
// within what there is.
func TestFullDiskLimited(t *testing.T) {
	for _, rotate := range []bool{false, true} {
		dir := tiny(t)
		path := filepath.Join(dir, "log")
		l := opened(t, &Config{Paths: []string{path}, SizeMax: 30000, Rotate: rotate, MaxFiles: 1}, linux{})
		for i := range 2000 {
			l.Write(Stdout, at+int64(i)*1e8, fmt.Appendf(nil, "%d %s\n", i, strings.Repeat("x", i%200)), false)
		}
		l.Retry(at)
		lines, err := parseCRI(readAll(t, sorted(t, path)))
		if err != nil || l.Pending() || !strings.HasPrefix(lines[len(lines)-1].text, "1999 ") {
			t.Errorf("rotate %v: %v, pending %v, %v", rotate, err, l.Pending(), lines[len(lines)-1])
		}
		if r, _ := l.Lost(); r != 0 {
			t.Errorf("rotate %v: %d lost", rotate, r)
		}
	}
}

// A device that is always full drops, and Close says so.
func TestDevFull(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("this machine lacks /dev/full")
	}
	l := opened(t, &Config{Paths: []string{"/dev/full"}}, linux{})
	l.Write(Stdout, at, []byte("x\n"), false)
	if !l.Pending() || l.Blocked() {
		t.Error("not full")
	}
	if err := l.Close(); err == nil || !strings.Contains(err.Error(), "ENOSPC") {
		t.Error(err)
	}
}
