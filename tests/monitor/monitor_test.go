// Package monitor holds conmon's contract: one test per promise, each against
// Debian's conmon and against stave-monitor.
//
// # What
//
// A test asks every subject the same question. Where the two differ on purpose
// the row says why in bug (nobody can want what conmon does there, or Debian's
// version is older than the contract), and then both answers are held.
//
// # Shapes
//
// A [session] is one monitor with all that its caller holds: start pipe, sync
// pipe, attach pipe, files. Its runtime is a script of the test ([fake]), for
// exact command lines and for faults, or a real one ([real]). A [client] speaks
// the attach socket.
//
// # Not here
//
// Podman as a caller: tests/callers.
package monitor

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"stave/tests/kit"
)

func TestMain(m *testing.M) { kit.Main(m) }

// A subject is a program that claims to keep the contract.
type subject struct{ name, path string }

func (s subject) ours() bool { return s.name == "stave-monitor" }

// monitorPath is $STAVE_MONITOR or the one that make builds.
func monitorPath() string {
	if path := os.Getenv("STAVE_MONITOR"); path != "" {
		return path
	}
	return filepath.Join(kit.ModuleRoot(), "bin", "stave-monitor")
}

func subjects(t *testing.T) []subject {
	t.Helper()
	kit.NeedRoot(t)
	return []subject{{"conmon", "conmon"}, {"stave-monitor", monitorPath()}}
}

// need skips for a conmon that is not installed, and fails for a monitor of
// ours that is not built: a suite without its subject proves nothing.
func (s subject) need(t *testing.T) subject {
	t.Helper()
	if !s.ours() {
		s.path = kit.NeedTool(t, s.path)
		return s
	}
	if _, err := exec.LookPath(s.path); err != nil {
		makefile, _ := os.ReadFile(filepath.Join(kit.ModuleRoot(), "Makefile"))
		if strings.Contains(string(makefile), "stave-monitor") {
			t.Fatalf("%s is not built: make", s.path)
		}
		kit.Lacks(t, "stave-monitor: the Makefile does not build it")
	}
	return s
}

// each runs a test once per subject, and wants nothing left behind by it.
func each(t *testing.T, f func(t *testing.T, s subject)) {
	t.Helper()
	for _, s := range subjects(t) {
		t.Run(s.name, func(t *testing.T) {
			kit.Begin(t)
			f(t, s.need(t))
		})
	}
}

// ours runs a test against stave-monitor alone.
func ours(t *testing.T) subject {
	t.Helper()
	kit.Begin(t)
	return subjects(t)[1].need(t)
}

// conmonAlone is the positive control of a test that only ours can pass.
func conmonAlone(t *testing.T) subject {
	t.Helper()
	kit.Begin(t)
	return subjects(t)[0].need(t)
}

// often is n, or long in a soak.
func often(n, long int) int {
	if os.Getenv("STAVE_SOAK") != "" {
		return long
	}
	return n
}
