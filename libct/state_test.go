package libct

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/specs"
)

func testRecord(id string) *specs.Record {
	return &specs.Record{
		Version: specs.RecordVersion, OCIVersion: "1.2.0", ID: id, Bundle: "/b", Rootfs: "/b/rootfs", Created: "2026-01-02T03:04:05.6Z", Phase: specs.PhaseCreated,
		BootID: bootID(), PID: 12, StartTime: 1 << 60, CgroupPath: "/x", CgroupDirs: []string{"/sys/fs/cgroup/x"}, Annotations: map[string]string{"a": "b\x01\"", "ü": ""},
		Namespaces: []rspec.LinuxNamespace{{Type: rspec.PIDNamespace}, {Type: rspec.NetworkNamespace, Path: "/run/n"}},
		Process:    &rspec.Process{Args: []string{"sh", "-c", "a\nb"}, Env: []string{"A=1"}, Cwd: "/"}, Seccomp: true, AfterGate: []string{"1\t2\t3\tx\t\texecve\t/bin/sh"},
	}
}

// makeTest makes a state directory with a record.
func makeTest(t *testing.T, id string) *stateLock {
	t.Helper()
	l, err := makeState(t.TempDir(), id)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.writeFile(recordFile, specs.AppendRecord(nil, testRecord(id))); err != nil {
		t.Fatal(err)
	}
	return l
}

func kindOf(err error) error {
	e := new(specs.Error)
	if !errors.As(err, &e) {
		return nil
	}
	return e.Kind
}

func TestRecordRoundTrip(t *testing.T) {
	l := makeTest(t, "box")
	defer l.close()
	got, err := l.record()
	if err != nil || !reflect.DeepEqual(got, testRecord("box")) {
		t.Fatalf("%+v %v", got, err)
	}
	names, err := readNames(l.fd)
	if err != nil || !reflect.DeepEqual(names, []string{recordFile}) {
		t.Error(names, err)
	}
	if st, err := os.Stat(l.root + "/box/" + recordFile); err != nil || st.Mode().Perm() != 0o600 {
		t.Error(st.Mode(), err)
	}
	if st, err := os.Stat(l.root + "/box"); err != nil || st.Mode().Perm() != 0o700 {
		t.Error(st.Mode(), err)
	}
}

// A record that is damaged is an error that says so, or a whole record of this
// container: never a panic, and never a record of another format or container.
func TestRecordDamaged(t *testing.T) {
	l := makeTest(t, "box")
	defer l.close()
	good := specs.AppendRecord(nil, testRecord("box"))
	try := func(data []byte) error {
		t.Helper()
		if err := os.WriteFile(l.root+"/box/"+recordFile, data, 0o600); err != nil {
			t.Fatal(err)
		}
		rec, err := l.record()
		if err == nil && (rec.ID != "box" || rec.Version != specs.RecordVersion) {
			t.Errorf("took %q", data)
		}
		if err != nil && (kindOf(err) != specs.ErrCorrupt || !strings.Contains(err.Error(), "corrupt")) {
			t.Errorf("%v (%q)", err, data)
		}
		return err
	}
	for i := range good {
		if i < len(good)-1 && try(good[:i]) == nil {
			t.Errorf("took the first %d of %d bytes", i, len(good))
		}
		for _, flip := range []byte{0x01, 0x20, 0x80, 0xff} {
			c := append([]byte(nil), good...)
			c[i] ^= flip
			try(c)
		}
	}
	swap := func(old, with string) []byte { return []byte(strings.Replace(string(good), old, with, 1)) }
	for what, data := range map[string][]byte{
		"empty": {}, "zeros": make([]byte, 512), "another version": swap(`"version":1`, `"version":2`), "no version": swap(`"version":1,`, ``),
		"another container": swap(`"id":"box"`, `"id":"fox"`), "an array": []byte("[]"), "null": []byte("null"), "two": append(append([]byte(nil), good...), good...),
		"a string for a number": swap(`"pid":12`, `"pid":"12"`), "deep": []byte(strings.Repeat(`{"process":`, 100000)),
	} {
		if try(data) == nil {
			t.Errorf("took a record that is %s", what)
		}
	}
	if try(good) != nil {
		t.Error("the good one is refused")
	}
}

// What stands in the place of the record is not followed, and not waited for.
func TestRecordIsNoFile(t *testing.T) {
	for what, put := range map[string]func(name string) error{
		"a link":       func(n string) error { return os.Symlink("/etc/passwd", n) },
		"a loop":       func(n string) error { return os.Symlink(n, n) },
		"a directory":  func(n string) error { return os.Mkdir(n, 0o700) },
		"a fifo":       func(n string) error { return unix.Mkfifo(n, 0o600) },
		"nothing":      func(n string) error { return nil },
		"a huge file":  func(n string) error { return errors.Join(os.WriteFile(n, nil, 0o600), os.Truncate(n, maxRecord+1)) },
		"a sparse one": func(n string) error { return errors.Join(os.WriteFile(n, nil, 0o600), os.Truncate(n, 1<<20)) },
	} {
		l := makeTest(t, "box")
		name := l.root + "/box/" + recordFile
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		if err := put(name); err != nil {
			t.Fatal(what, err)
		}
		if _, err := l.record(); kindOf(err) != specs.ErrCorrupt {
			t.Errorf("%s: %v", what, err)
		}
		if err := l.remove(); err != nil {
			t.Errorf("%s: remove: %v", what, err)
		}
		if _, err := os.Lstat(l.root + "/box"); !os.IsNotExist(err) {
			t.Errorf("%s: still there", what)
		}
	}
	if _, err := os.Stat("/etc/passwd"); err != nil {
		t.Error(err)
	}
}

// What stands in the place of the directory is not a container.
func TestStateIsNoDirectory(t *testing.T) {
	root := t.TempDir()
	target := filepath.Join(root, "target")
	if err := os.Mkdir(target, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(target+"/keep", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for id, put := range map[string]func(string) error{
		"link":     func(n string) error { return os.Symlink(target, n) },
		"dangling": func(n string) error { return os.Symlink("/nowhere", n) },
		"file":     func(n string) error { return os.WriteFile(n, nil, 0o600) },
	} {
		if err := put(root + "/" + id); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(root, id); kindOf(err) != specs.ErrCorrupt {
			t.Errorf("%s: %v", id, err)
		}
		if _, err := makeState(root, id); kindOf(err) != specs.ErrExist {
			t.Errorf("%s: make: %v", id, err)
		}
		if _, err := ForceDelete(root, id); err != nil {
			t.Errorf("%s: delete --force: %v", id, err)
		}
		if _, err := os.Lstat(root + "/" + id); !os.IsNotExist(err) {
			t.Errorf("%s: still there", id)
		}
	}
	if _, err := os.Stat(target + "/keep"); err != nil {
		t.Error("removed through a link")
	}
	if _, err := Open(root, "absent"); kindOf(err) != specs.ErrNotExist {
		t.Error(err)
	}
	if _, err := Open(root+"/absent", "x"); kindOf(err) != specs.ErrNotExist {
		t.Error(err)
	}
	if _, err := ForceDelete(root, "absent"); err != nil {
		t.Error("of nothing, delete --force is nothing:", err)
	}
}

// The directory may hold what a crash or a stranger left.
func TestRemoveTakesAll(t *testing.T) {
	l := makeTest(t, "box")
	outside := t.TempDir()
	if err := os.WriteFile(outside+"/keep", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dir := l.root + "/box/"
	for _, err := range []error{os.WriteFile(dir+".state.json", []byte("half"), 0o600), os.Symlink(outside, dir+"link"), unix.Mkfifo(dir+gateFile, 0o600),
		os.Mkdir(dir+"empty", 0o700), os.WriteFile(dir+filterFile, nil, 0)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := l.remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Error("still there")
	}
	if _, err := os.Stat(outside + "/keep"); err != nil {
		t.Error("removed through a link")
	}
}

// A write replaces the file as a whole, over whatever is in its way.
func TestWriteFileReplaces(t *testing.T) {
	l := makeTest(t, "box")
	defer l.close()
	victim := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, l.root+"/box/name"); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"long text", "short", ""} {
		if err := l.writeFile("name", []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := l.readFile("name"); err != nil || string(got) != text {
			t.Errorf("%q %v", got, err)
		}
	}
	if data, _ := os.ReadFile(victim); string(data) != "mine" {
		t.Error("written through a link")
	}
	// Where the temporary file is a link, nothing is written through it.
	if err := os.Symlink(victim, l.root+"/box/.name"); err != nil {
		t.Fatal(err)
	}
	if err := l.writeFile("name", []byte("x")); !errors.Is(err, unix.ELOOP) {
		t.Error(err)
	}
	if data, _ := os.ReadFile(victim); string(data) != "mine" {
		t.Error("written through a link")
	}
	if err := l.writeFile("a/b", nil); err == nil {
		t.Error("a name with a slash")
	}
}

// The lock: one holder; readers need none; it ends with the holder.
func TestLock(t *testing.T) {
	l := makeTest(t, "box")
	root := l.root
	other, err := openState(root, "box")
	if err != nil {
		t.Fatal(err)
	}
	if err := other.acquire(unix.LOCK_EX | unix.LOCK_NB); kindOf(err) != specs.ErrBusy {
		t.Errorf("a second holder: %v", err)
	}
	if _, err := other.record(); err != nil {
		t.Errorf("a reader has to wait: %v", err)
	}
	if _, err := makeState(root, "box"); kindOf(err) != specs.ErrExist {
		t.Errorf("made twice: %v", err)
	}
	l.close()
	if err := other.acquire(unix.LOCK_EX | unix.LOCK_NB); err != nil {
		t.Errorf("the lock has outlived its holder: %v", err)
	}
	// One who waits while the directory is deleted learns that it is gone,
	// also when another of the same name has taken its place.
	waiter, err := openState(root, "box")
	if err != nil {
		t.Fatal(err)
	}
	defer waiter.close()
	if err := other.remove(); err != nil {
		t.Fatal(err)
	}
	again, err := makeState(root, "box")
	if err != nil {
		t.Fatal(err)
	}
	defer again.close()
	if err := waiter.acquire(unix.LOCK_EX); kindOf(err) != specs.ErrNotExist {
		t.Errorf("a lock on what has been deleted: %v", err)
	}
}

// A lock is waited for.
func TestLockWaits(t *testing.T) {
	l := makeTest(t, "box")
	done := make(chan error)
	go func() {
		w, err := lockState(l.root, "box")
		if err == nil {
			w.close()
		}
		done <- err
	}()
	// Whether it has begun to wait or not: it gets the lock when it is free.
	select {
	case err := <-done:
		t.Fatalf("it did not wait: %v", err)
	default:
	}
	l.close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestMakeRoot(t *testing.T) {
	dir := t.TempDir()
	l, err := makeState(dir+"/a/b/c", "x")
	if err != nil {
		t.Fatal(err)
	}
	l.close()
	if st, err := os.Stat(dir + "/a/b/c"); err != nil || st.Mode().Perm() != 0o700 {
		t.Error(st, err)
	}
	if err := os.WriteFile(dir+"/file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{dir + "/file", dir + "/file/x"} {
		if l, err := makeState(bad, "x"); !errors.Is(err, unix.ENOTDIR) {
			t.Errorf("%s: %v %v", bad, l, err)
		}
	}
}

// A process is known by pid and start time: not after its end, not in another
// boot, not under a number that is somebody else's by now.
func TestOpenProcess(t *testing.T) {
	pid := os.Getpid()
	rec := &specs.Record{PID: pid, StartTime: startTime(pid), BootID: bootID()}
	fd, err := openProcess(rec)
	if fd < 0 || err != nil {
		t.Fatal("our own process is not there")
	}
	unix.Close(fd)
	for what, r := range map[string]specs.Record{
		"another start": {PID: pid, StartTime: rec.StartTime + 1, BootID: rec.BootID}, "another boot": {PID: pid, StartTime: rec.StartTime, BootID: "x"},
		"no start": {PID: pid, BootID: rec.BootID}, "no process": {PID: 1 << 30, StartTime: 1, BootID: rec.BootID},
	} {
		if fd, err := openProcess(&r); fd != -1 || err != nil {
			t.Errorf("%s: found", what)
		}
	}
	if startTime(0) != 0 || startTime(-1) != 0 {
		t.Error("a start time of nothing")
	}
}

// List shows what can be read, and what cannot beside it.
func TestList(t *testing.T) {
	root := t.TempDir()
	for _, id := range []string{"a", "b", "c"} {
		l, err := makeState(root, id)
		if err != nil {
			t.Fatal(err)
		}
		if id != "b" {
			if err := l.writeFile(recordFile, specs.AppendRecord(nil, testRecord(id))); err != nil {
				t.Fatal(err)
			}
		}
		l.close()
	}
	if err := os.WriteFile(root+"/stray", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	got, open := "", map[int]bool{}
	err := List(root, func(e Entry) {
		got += e.ID
		if e.Err != nil {
			got += "!"
		} else {
			fds, _ := os.ReadDir("/proc/self/fd")
			open[len(fds)] = true
		}
		got += " "
	})
	if err != nil {
		t.Fatal(err)
	}
	if got != "a b! c stray! " && got != "a b! c " {
		t.Error(got)
	}
	if len(open) != 1 {
		t.Errorf("descriptors add up: %v", open)
	}
	if err := List(root+"/absent", func(e Entry) { t.Error(e) }); err != nil {
		t.Error(err)
	}
}
