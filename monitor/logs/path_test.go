package logs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	specs "stave/specs/leaf"
)

func TestParsePath(t *testing.T) {
	for _, c := range []struct {
		value  string
		driver Driver
		path   string
		err    string
	}{
		{"/var/log/x", K8sFile, "/var/log/x", ""},
		{"x.log", K8sFile, "x.log", ""},
		{"k8s-file:/var/log/x", K8sFile, "/var/log/x", ""},
		{"k8s-file:/var/log/a:b:c", K8sFile, "/var/log/a:b:c", ""},
		{"/var/log/a:b", K8sFile, "/var/log/a:b", ""},
		{"./a:b", K8sFile, "./a:b", ""},
		{":x", K8sFile, "x", ""},
		{":journald", K8sFile, "journald", ""},
		{":none", K8sFile, "none", ""},
		{":/a:b", K8sFile, "/a:b", ""},
		{"json-file:/x", JSONFile, "/x", ""},
		{"journald", Journald, "", ""},
		{"journald:", Journald, "", ""},
		{"journald:x", Journald, "", ""},
		{"none", None, "", ""},
		{"off:", None, "", ""},
		{"null:x", None, "", ""},
		{"passthrough", Passthrough, "", ""},
		{"passthrough:", Passthrough, "", ""},
		{"", None, "", "log-path must not be empty"},
		{":", None, "", "log-path must not be empty"},
		{"k8s-file", None, "", "k8s-file requires a filename"},
		{"k8s-file:", None, "", "k8s-file requires a filename"},
		{"json-file", None, "", "json-file requires a filename"},
		{"syslog:x", None, "", "No such log driver syslog"},
		{"syslog:", None, "", "No such log driver syslog"},
	} {
		driver, path, err := ParsePath(c.value)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if driver != c.driver || path != c.path || got != c.err {
			t.Errorf("%q: %d %q %v", c.value, driver, path, err)
		}
	}
}

func FuzzLogPath(f *testing.F) {
	for _, s := range []string{"", ":", "a:b", "/a:b", "k8s-file:x", "journald", "::", "json-file::", "none:/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		driver, path, err := ParsePath(value)
		file := driver == K8sFile || driver == JSONFile
		switch {
		case err != nil && (driver != None || path != "" || !errors.Is(err, specs.ErrInvalid)):
			t.Errorf("%q: an error and a result", value)
		case err == nil && file != (path != ""):
			t.Errorf("%q: %d %q", value, driver, path)
		case file && !strings.HasSuffix(value, path):
			t.Errorf("%q: a path from elsewhere: %q", value, path)
		case file && driver == K8sFile && value != path && value != ":"+path && value != "k8s-file:"+path:
			t.Errorf("%q: something is lost: %q", value, path)
		}
	})
}

// What Open refuses, in the words that callers look for.
func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	link := filepath.Join(dir, "link")
	open := filepath.Join(dir, "open")
	if err := errors.Join(os.Symlink(log, link), os.Mkdir(open, 0o700), os.Mkdir(open+"er", 0o700), os.Chmod(open, 0o777)); err != nil {
		t.Fatal(err)
	}
	id := strings.Repeat("a", 64)
	for _, c := range []struct {
		name string
		c    Config
		want string
	}{
		{"no driver", Config{}, "Log driver not provided. Use --log-path"},
		{"one of two is wrong", Config{Paths: []string{log, "fluentd:x"}}, "No such log driver fluentd"},
		{"no directory", Config{Paths: []string{dir + "/no/log"}}, "Failed to open log file: open(2) " + dir + "/no/log: ENOENT"},
		{"a directory", Config{Paths: []string{dir}}, "Failed to open log file: open(2) " + dir + ": EISDIR"},
		{"negative backups", Config{Paths: []string{log}, MaxFiles: -1}, "log-max-files must be non-negative"},
		{"no backups", Config{Paths: []string{log}, Rotate: true}, "log-max-files must be at least 1 when log-rotate is enabled"},
		{"tag", Config{Paths: []string{log}, Tag: "x"}, "k8s-file doesn't support --log-tag"},
		{"label", Config{Paths: []string{log}, Labels: []string{"A=b"}}, "k8s-file doesn't support --log-label"},
		{"tag of a json-file", Config{Paths: []string{"json-file:" + log}, Tag: "x"}, "json-file doesn't support --log-tag"},
		{"short id", Config{Paths: []string{"journald"}, ID: "123456789012"}, "Container ID must be longer than 12 characters"},
		{"label without =", Config{Paths: []string{"journald"}, ID: id, Labels: []string{"A"}}, "Container labels must be in format LABEL=VALUE"},
		{"label with two", Config{Paths: []string{"journald"}, ID: id, Labels: []string{"A=b=c"}}, "Container labels must be in format LABEL=VALUE"},
		{"label without name", Config{Paths: []string{"journald"}, ID: id, Labels: []string{"=c"}}, "Container labels must be in format LABEL=VALUE"},
		{"label's name", Config{Paths: []string{"journald"}, ID: id, Labels: []string{"a=c"}}, "Container label names must contain only uppercase letters, numbers and underscore"},
		{"labels without bound", Config{Paths: []string{"journald"}, ID: id, Labels: []string{"A=" + strings.Repeat("x", bufferSize)}}, "too large"},
		{"..", Config{Paths: []string{open + "/../log"}, Rotate: true, MaxFiles: 1}, "a path with .. is not rotated"},
		{"link", Config{Paths: []string{link}, Rotate: true, MaxFiles: 1}, "a symbolic link is not written to"},
		{"open to all", Config{Paths: []string{open + "/log"}, Rotate: true, MaxFiles: 1}, "everybody may write to its directory"},
		{"not allowed", Config{Paths: []string{log}, AllowlistDirs: []string{open, dir + "/no"}}, "its directory is in none of --log-allowlist-dir"},
		{"not allowed by a like name", Config{Paths: []string{open + "er/log"}, AllowlistDirs: []string{open}}, "its directory is in none of --log-allowlist-dir"},
		{"not allowed through a link", Config{Paths: []string{link}, AllowlistDirs: []string{dir}}, "a symbolic link is not written to"},
	} {
		l, err := Open(&c.c)
		if err == nil {
			l.Close()
			t.Errorf("%s: accepted", c.name)
			continue
		}
		var e *specs.Error
		if !strings.Contains(err.Error(), c.want) || !errors.As(err, &e) {
			t.Errorf("%s: %v", c.name, err)
		}
		if _, err := os.Lstat(log); err == nil {
			t.Errorf("%s: the log was made", c.name)
		}
	}
}

func TestOpenAccepts(t *testing.T) {
	dir := t.TempDir()
	sticky := filepath.Join(dir, "sticky")
	link := filepath.Join(dir, "link")
	err := errors.Join(os.Mkdir(sticky, 0o700), os.Chmod(sticky, 0o777|os.ModeSticky), os.Symlink(sticky+"/l", link))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	was := unix.Umask(0)
	defer unix.Umask(was)
	for _, c := range []Config{
		{Paths: []string{"relative"}},
		{Paths: []string{sticky + "/a"}, Rotate: true, MaxFiles: 1},
		{Paths: []string{dir + "/a"}, AllowlistDirs: []string{"", "/no", dir}},
		{Paths: []string{dir + "/sticky/b"}, AllowlistDirs: []string{dir}, Rotate: true, MaxFiles: 2},
		{Paths: []string{dir + "/c"}, AllowlistDirs: []string{"/"}},
		{Paths: []string{link}},
		{Paths: []string{dir + "/old", dir + "/d"}}, // the last counts
	} {
		l, err := Open(&c)
		if err != nil {
			t.Errorf("%v: %v", c, err)
			continue
		}
		closed(t, l)
		path := c.Paths[len(c.Paths)-1]
		if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o640 {
			t.Errorf("%s: %v %v", path, st, err)
		}
	}
	if _, err := os.Stat(dir + "/old"); err == nil {
		t.Error("a log that nobody wants")
	}
	l, err := Open(&Config{Paths: []string{"none", "passthrough"}})
	if err != nil || !l.Passthrough() || l.Journald() {
		t.Fatal(err)
	}
	l.Write(Stdout, at, []byte("x"), false)
	l.Trim()
	closed(t, l)
}

// Open and Close leave no descriptor, whether they succeed or not.
func TestNothingIsLeft(t *testing.T) {
	count := func() int {
		names, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(names)
	}
	dir := t.TempDir()
	before := count()
	for range 5 {
		l := opened(t, &Config{Paths: []string{dir + "/a", "json-file:" + dir + "/b"}, Rotate: true, MaxFiles: 2, SizeMax: 100}, sound())
		for range 20 {
			l.Write(Stdout, at, []byte("some text\n"), false)
		}
		if err := l.Reopen(); err != nil {
			t.Error(err)
		}
		closed(t, l)
		if _, err := Open(&Config{Paths: []string{dir + "/a", "json-file:" + dir + "/no/b"}}); err == nil {
			t.Error("opened")
		}
	}
	if after := count(); after != before {
		t.Errorf("%d descriptors, then %d", before, after)
	}
}
