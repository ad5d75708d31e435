package kit

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// FaultBuild finds the runtime that fails, dies or pauses where STAVE_FAULT
// says: $STAVE_FAULTS, bin/stave-faults, or one that it builds into the cache.
func FaultBuild(t testing.TB) string {
	t.Helper()
	NeedRoot(t)
	root := ModuleRoot()
	for _, path := range []string{os.Getenv("STAVE_FAULTS"), filepath.Join(root, "bin", "stave-faults")} {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	if files, _ := filepath.Glob(filepath.Join(root, "cmd", "stave", "*.go")); len(files) == 0 {
		Lacks(t, "bin/stave-faults and the sources to build it (go build -tags faults ./cmd/stave)")
	}
	to := filepath.Join(root, "tests", ".cache", "stave-faults")
	cmd := exec.Command("go", "build", "-tags", "faults", "-o", to, "./cmd/stave")
	cmd.Dir = root
	if out, err := Output(cmd); err != nil {
		Lacks(t, "a fault build: %v: %.300s", err, out)
	}
	return to
}
