package entry_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"stave/libct/entry"
)

func build(t *testing.T, flags string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "show")
	cmd := exec.Command("go", "build", "-ldflags", flags, "-o", out, "./testdata/show")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return out
}

// Arguments, environment and auxiliary vector are as without it, and there is
// one processor, unless the caller wants another number.
func TestEntry(t *testing.T) {
	all := "procs " + strconv.Itoa(runtime.NumCPU())
	with, without := build(t, "-E _stave_entry_amd64"), build(t, "")
	for _, row := range []struct {
		args, env []string
		procs     string
	}{
		{nil, nil, "procs 1"},
		{[]string{"a"}, nil, "procs 1"},
		{[]string{"a", "", "b c"}, []string{"A=1"}, "procs 1"},
		{nil, []string{"A=1", "B=", "C=3"}, "procs 1"},
		{[]string{"x", "y"}, []string{"A=1", "GOMAXPROCS=3", "B=2"}, "procs 3"},
		{nil, []string{"GOMAXPROCS=none"}, all},
	} {
		run := func(path string) []string {
			cmd := exec.Command(path, row.args...)
			cmd.Env = append([]string{}, row.env...)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %v: %s", row, err, out)
			}
			return strings.Split(string(out), "\n")
		}
		got, want := run(with), run(without)
		if got[0] != row.procs {
			t.Errorf("%v: %s, want %s", row, got[0], row.procs)
		}
		if !slices.Equal(got[1:], want[1:]) {
			t.Errorf("%v:\n%q\nwithout it:\n%q", row, got[1:], want[1:])
		}
	}
}

func TestStrip(t *testing.T) {
	for _, row := range [][2][]string{
		{{}, {}},
		{{"A=1", "GOMAXPROCS=1"}, {"A=1"}},
		{{"GOMAXPROCS=1", "A=1"}, {"GOMAXPROCS=1", "A=1"}},
		{{"GOMAXPROCS=1", "GOMAXPROCS=1"}, {"GOMAXPROCS=1"}},
		{{"GOMAXPROCS=2"}, {"GOMAXPROCS=2"}},
	} {
		if got := entry.Strip(row[0]); !slices.Equal(got, row[1]) {
			t.Errorf("%q: %q", row[0], got)
		}
	}
}
