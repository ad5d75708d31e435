package main

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	table "stave/cmd/stave/cli"
)

// TestCommitted holds that ../text is what this program writes, and nothing more.
func TestCommitted(t *testing.T) {
	files, err := render()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("../text", name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is stale (%v): run go generate in cmd/stave/cli", name, err)
		}
	}
	fs.WalkDir(os.DirFS("../text"), ".", func(path string, d fs.DirEntry, _ error) error {
		if _, known := files[path]; !known && !d.IsDir() {
			t.Errorf("text/%s is not rendered by anything", path)
		}
		return nil
	})
}

// TestHelpShowsWhatUrfaveSees holds that the help names each flag that urfave would show.
func TestHelpShowsWhatUrfaveSees(t *testing.T) {
	for _, c := range app(nil).Commands {
		help := table.HelpText(table.Lookup(c.Name))
		for _, f := range c.VisibleFlags() {
			for _, name := range f.Names() {
				dashes := "--"
				if len(name) == 1 {
					dashes = "-"
				}
				if !strings.Contains(help, dashes+name) {
					t.Errorf("%s --help does not tell of %s%s", c.Name, dashes, name)
				}
			}
		}
	}
}

func TestManPagesRender(t *testing.T) {
	if _, err := exec.LookPath("man"); err != nil {
		t.Skip("no man(1)")
	}
	pages, _ := filepath.Glob("../text/man/*.8")
	for _, page := range pages {
		cmd := exec.Command("man", "--warnings", "-l", page)
		cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "MANPAGER=cat", "MANWIDTH=80")
		var warnings bytes.Buffer
		cmd.Stderr = &warnings
		if out, err := cmd.Output(); err != nil || warnings.Len() > 0 || !bytes.Contains(out, []byte("SEE ALSO")) {
			t.Errorf("%s: %v\n%s", page, err, &warnings)
		}
		if testing.Short() {
			break
		}
	}
}

func TestBashCompletion(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("no bash")
	}
	dir := t.TempDir()
	fake := "#!/bin/sh\ntest \"$1\" = --root && { echo other; exit; }\nprintf 'web1\\nweb2\\n'\n"
	if err := os.WriteFile(filepath.Join(dir, "stave"), []byte(fake), 0o755); err != nil {
		t.Fatal(err)
	}
	os.Mkdir(filepath.Join(dir, "bundle"), 0o755)
	// The words as bash cuts them; the last one is being written.
	for _, tt := range []struct{ line, want string }{
		{"stave st", "start state"},
		{"stave --ro", "--root --rootless"},
		{"stave --log-format ", "text json"},
		{"stave --log-format = j", "json"},
		{"stave --root /x state ", "other"},
		{"stave --root = /x state ", "other"},
		{"stave --debug start w", "web1 web2"},
		{"stave kill web1 K", "KILL"},
		{"stave kill ", "web1 web2"},
		{"stave run --bundle b", "bundle"},
		{"stave run -b b", "bundle"},
		{"stave run --ke", "--keep"},
		{"stave run x --det", "--detach"},
		{"stave exec web1 ls --t", ""},
		{"stave exec --t", "--tty --trace"},
		{"stave list --format = ", "table json"},
		{"stave list -q = false --fo", "--format"},
		{"stave completion ", "bash zsh fish"},
		{"stave help sp", "spec"},
		{"stave run --pidf", "--pidfd-socket"},
		{"stave delete -- --f", ""},
	} {
		words := strings.Split(tt.line, " ")
		script := `source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _stave; echo "${COMPREPLY[*]}"`
		path, _ := filepath.Abs("../text/completion.bash")
		cmd := exec.Command("bash", append([]string{"-c", script, path}, words...)...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != tt.want {
			t.Errorf("%s⇥: got %q, want %q (%v)", tt.line, got, tt.want, err)
		}
	}
}

// TestHiddenStaysHidden holds that what is only there for old callers is shown nowhere.
func TestHiddenStaysHidden(t *testing.T) {
	files, err := render()
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range files {
		for _, hidden := range []string{"no-subreaper", "kernel-memory"} {
			if bytes.Contains(data, []byte(hidden)) || bytes.Contains(data, []byte(strings.ReplaceAll(hidden, "-", `\-`))) {
				t.Errorf("%s tells of %s", name, hidden)
			}
		}
	}
	if !slices.ContainsFunc(table.Lookup("kill").Flags, func(f table.Flag) bool { return f.Hidden && f.Name == "all" }) {
		t.Error("kill --all is gone")
	}
}
