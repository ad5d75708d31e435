package deps

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// withoutGo are the calls that code may make before the runtime of Go begins:
// those that copy and compare bytes, those that a failed check of a bound ends
// in, and two that wait behind a condition which does not hold then: that the
// stack is used up, and that garbage is being collected.
var withoutGo = regexp.MustCompile(`^(stave/libct/quick\..*|syscall\.RawSyscall6|runtime\.(memmove|memequal|memclrNoHeapPointers|cmpstring|panicBounds|panicunsafeslice\w+|morestack\w*(\.abi0)?|gcWriteBarrier\d|duffzero|duffcopy))$`)

// What package quick is compiled to calls nothing of Go's runtime.
func TestQuickNeedsNoRuntime(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("this machine lacks the instructions of amd64")
	}
	binary := filepath.Join(t.TempDir(), "stave")
	run := func(name string, args ...string) string {
		cmd := exec.Command(name, args...)
		cmd.Dir, cmd.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %q: %v: %s", name, args, err, out)
		}
		return string(out)
	}
	run("go", "build", "-trimpath", "-ldflags", "-E _stave_quick_amd64", "-o", binary, "./cmd/stave")
	calls := func(symbols string) (all, others []string) {
		for _, m := range regexp.MustCompile(`\b(?:CALL|JMP) ([^\s,]+)\(SB\)`).FindAllStringSubmatch(run("go", "tool", "objdump", "-s", symbols, binary), -1) {
			all = append(all, m[1])
			if !withoutGo.MatchString(m[1]) {
				others = append(others, m[1])
			}
		}
		return all, others
	}
	all, others := calls(`^stave/libct/quick\.`)
	if !strings.Contains(strings.Join(all, " "), "stave/libct/quick.begin") || len(all) < 100 {
		t.Fatalf("the machine code is not found: %q", all)
	}
	for _, name := range others {
		t.Errorf("package quick calls %s", name)
	}
	if _, others := calls(`^stave/libct\.Open$`); len(others) == 0 {
		t.Error("this test would find no call that is not allowed")
	}
}
