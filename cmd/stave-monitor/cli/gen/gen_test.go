package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestCommitted holds that ../text is what this program writes.
func TestCommitted(t *testing.T) {
	for name, want := range render() {
		if got, err := os.ReadFile(filepath.Join("../text", name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is stale (%v): run go generate in cmd/stave-monitor/cli", name, err)
		}
	}
}

func TestManPageRenders(t *testing.T) {
	if _, err := exec.LookPath("man"); err != nil {
		t.Skip("this machine lacks man(1)")
	}
	cmd := exec.Command("man", "--warnings", "-l", "../text/man/stave-monitor.8")
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "MANPAGER=cat", "MANWIDTH=80")
	var warnings bytes.Buffer
	cmd.Stderr = &warnings
	if out, err := cmd.Output(); err != nil || warnings.Len() > 0 || !bytes.Contains(out, []byte("SEE ALSO")) {
		t.Errorf("%v\n%s", err, &warnings)
	}
}

func TestBashCompletion(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("this machine lacks bash")
	}
	dir := t.TempDir()
	os.Mkdir(filepath.Join(dir, "bundle"), 0o755)
	script, _ := filepath.Abs("../text/completion.bash")
	for line, want := range map[string]string{
		"stave-monitor --exit-d":            "--exit-dir --exit-delay",
		"stave-monitor --log-on-full = b":   "block",
		"stave-monitor --log-level ":        "error warn info debug trace",
		"stave-monitor -b b":                "bundle",
		"stave-monitor --cid ":              "",
		"stave-monitor -t --exec-proc":      "--exec-process-spec",
		"stave-monitor --pidfil":            "", // hidden
		"stave-monitor --socket-dir-path b": "bundle",
	} {
		words := strings.Split(line, " ")
		cmd := exec.Command("bash", append([]string{"-c", `source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _stave_monitor; echo "${COMPREPLY[*]}"`, script}, words...)...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("%s⇥: got %q, want %q (%v)", line, got, want, err)
		}
	}
}
