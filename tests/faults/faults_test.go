// Package faults holds the runtime to its promise when the machine around it
// is short of something, or broken: it works, or it says what is missing, in
// bounded time, and nothing is left behind.
package faults

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"stave/tests/kit"
)

func TestMain(m *testing.M) { kit.Main(m) }

// often is n, or long in a soak.
func often(n, long int) int {
	if os.Getenv("STAVE_SOAK") != "" {
		return long
	}
	return n
}

// typed is how an error names its place: the step, the call, the errno.
var typed = regexp.MustCompile(`: E[A-Z0-9]+ \(`)

// wantTyped holds a failed command to one line that says what the kernel
// refused.
func wantTyped(t *testing.T, what string, res *kit.Result, words ...string) {
	t.Helper()
	line := strings.TrimSuffix(res.Stderr, "\n")
	switch {
	case res.TimedOut:
		t.Errorf("%s: it hangs: %s", what, res)
	case res.Code == 0:
		t.Errorf("%s: no error: %s", what, res)
	case line == "" || strings.Contains(line, "\n"):
		t.Errorf("%s: want one line on stderr: %s", what, res)
	case !typed.MatchString(line):
		t.Errorf("%s: the line names no errno: %s", what, res)
	}
	for _, w := range words {
		if !strings.Contains(line, w) {
			t.Errorf("%s: want %q in the line: %s", what, w, res)
		}
	}
}
