package nofile_test

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"stave/libct/nofile"
)

// The test binary starts itself with a lowered soft limit and must report
// that one, not the one that Go's start-up made of it.
func TestOriginalIsReadBeforeGoRaisesIt(t *testing.T) {
	if os.Getenv("NOFILE_CHILD") == "1" {
		var now syscall.Rlimit
		syscall.Getrlimit(syscall.RLIMIT_NOFILE, &now)
		os.Stdout.WriteString("soft=" + strconv.FormatUint(nofile.Original.Cur, 10) + " now=" + strconv.FormatUint(now.Cur, 10) + "\n")
		os.Exit(0)
	}
	cmd := exec.Command("sh", "-c", "ulimit -Sn 123; exec \"$0\" -test.run TestOriginalIsReadBeforeGoRaisesIt", os.Args[0])
	cmd.Env = append(os.Environ(), "NOFILE_CHILD=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if !strings.Contains(string(out), "soft=123 ") {
		t.Fatalf("want soft=123, got %s", out)
	}
	if strings.Contains(string(out), "now=123") {
		t.Fatalf("Go no longer raises the limit: this package has no reason left: %s", out)
	}
}
