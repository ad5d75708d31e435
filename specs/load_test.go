package specs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	raw := AppendSpec(nil, Example())
	if err := os.WriteFile(filepath.Join(dir, "config.json"), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for _, bundle := range []string{dir, dir + "/../" + filepath.Base(dir) + "/", "."} {
		config, err := Load(bundle)
		if err != nil {
			t.Fatal(err)
		}
		if config.Bundle != dir || string(config.Raw) != string(raw) || config.Spec.Hostname != "stave" {
			t.Errorf("%s: got %+v", bundle, config)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	config := func(make func(path string) error) string {
		dir := t.TempDir()
		if err := make(filepath.Join(dir, "config.json")); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	text := func(s string) string {
		return config(func(path string) error { return os.WriteFile(path, []byte(s), 0o600) })
	}
	file := filepath.Join(text("{}"), "config.json")
	for name, tt := range map[string]struct {
		bundle string
		errno  syscall.Errno
		want   string
	}{
		"empty bundle":    {t.TempDir(), unix.ENOENT, "run `stave spec` there to make one"},
		"no bundle":       {filepath.Join(t.TempDir(), "x"), unix.ENOENT, "no such bundle"},
		"bundle is file":  {file, unix.ENOTDIR, "the bundle must be a directory"},
		"directory":       {config(func(p string) error { return os.Mkdir(p, 0o700) }), 0, "must be a regular file"},
		"fifo":            {config(func(p string) error { return unix.Mkfifo(p, 0o600) }), 0, "must be a regular file"},
		"endless device":  {config(func(p string) error { return os.Symlink("/dev/zero", p) }), 0, "must be a regular file"},
		"dangling":        {config(func(p string) error { return os.Symlink("gone", p) }), unix.ENOENT, "config.json"},
		"loop":            {config(func(p string) error { return os.Symlink("config.json", p) }), unix.ELOOP, "config.json"},
		"empty":           {text(""), 0, "found the end of the text"},
		"null":            {text("null\n"), 0, "config.json: line 1, column 1: expected an object, found null"},
		"wrong type":      {text("{\n\"root\":[]}"), 0, "(/root): "},
		"33 MiB":          {config(func(p string) error { os.WriteFile(p, nil, 0o600); return os.Truncate(p, 33<<20) }), 0, "too large: 34603008 bytes, the limit is 33554432"},
		"newline in name": {filepath.Join(t.TempDir(), "a\nb"), unix.ENOENT, `a\nb`},
	} {
		t.Run(name, func(t *testing.T) {
			timer := time.AfterFunc(10*time.Second, func() { panic("Load hangs") })
			defer timer.Stop()
			_, err := Load(tt.bundle)
			var e *Error
			if !errors.As(err, &e) || !errors.Is(err, ErrInvalid) || e.Path == "" || e.Errno != tt.errno {
				t.Fatalf("got %#v", err)
			}
			if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %q, want %q", err, tt.want)
			}
		})
	}
}

func TestLoadDocuments(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.json")
	if err := os.WriteFile(path, []byte(`{"args":["a"],"cpu":{"shares":5}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if p, err := LoadProcess(path); err != nil || p.Args[0] != "a" {
		t.Error(p, err)
	}
	if r, err := LoadResources(path); err != nil || *r.CPU.Shares != 5 {
		t.Error(r, err)
	}
	if _, err := LoadProcess(path + "x"); !errors.Is(err, unix.ENOENT) {
		t.Error(err)
	}
}

func TestExamplesSurviveTheCodec(t *testing.T) {
	if example(true).Linux.Namespaces[5].Type != "cgroup" || len(example(false).Linux.Namespaces) != 5 {
		t.Error("cgroup namespace")
	}
	compareSpec(t, AppendSpec(nil, Example()))
	compareSpec(t, AppendSpec(nil, ExampleRootless()))
	r := rootless(example(true), 7, 8)
	if got := string(AppendIDMappings(AppendIDMappings(nil, r.Linux.UIDMappings), r.Linux.GIDMappings)); got != "0 7 1\n0 8 1\n" {
		t.Error(got)
	}
	for _, m := range r.Mounts {
		if strings.Contains(strings.Join(m.Options, ","), "gid=") {
			t.Error(m)
		}
	}
}
