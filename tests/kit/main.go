package kit

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// envInside marks the process that Main has moved into its own mount namespace.
const envInside = "STAVE_TEST_INSIDE"

// Prefix begins every container id, cgroup and directory of this test process.
var Prefix = fmt.Sprintf("st%d-", os.Getpid())

var work string // directory of this test process, removed by Main

// Main runs the tests of one package, prints totals and exits.
func Main(m *testing.M) {
	if os.Geteuid() == 0 && os.Getenv(envInside) == "" {
		os.Exit(reexec())
	}
	os.Exit(run(m))
}

func reexec() int {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), envInside+"=1")
	// syscall makes the whole tree private after an unshare of this flag.
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	// The child gets it too, and cleans up. Not signal.Ignore: that is inherited.
	signal.Notify(make(chan os.Signal, 1), unix.SIGINT)
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.ExitCode() >= 0:
		return exit.ExitCode()
	}
	fmt.Fprintln(os.Stderr, "kit:", err)
	return 1
}

func run(m *testing.M) int {
	var err error
	// 0711 and not MkdirTemp's 0700: a mapped root must be able to pass.
	work, err = os.MkdirTemp("", "stave-test-")
	if err == nil {
		err = os.Chmod(work, 0o711)
	}
	if err == nil {
		err = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "kit:", err)
		return 1
	}
	unix.Umask(0o022)
	stop, host := startReaper(), settings()
	code := m.Run()
	killStrays()
	removeCgroups()
	if restoreSettings(host) {
		code = max(code, 1)
	}
	stop()
	if err := RemoveTree(work); err != nil {
		fmt.Fprintln(os.Stderr, "kit: left behind:", err)
		code = max(code, 1)
	}
	printTotals()
	return code
}

// totals counts what Begin has seen.
var totals struct {
	sync.Mutex
	pass, fail, skip int
	lacks            map[string]int
}

// Begin counts the test in the totals that Main prints.
func Begin(t testing.TB) {
	t.Helper()
	t.Cleanup(func() {
		totals.Lock()
		defer totals.Unlock()
		switch {
		case t.Skipped():
			totals.skip++
		case t.Failed():
			totals.fail++
		default:
			totals.pass++
		}
	})
}

// Lacks skips the test, saying what the machine does not have.
func Lacks(t testing.TB, format string, args ...any) {
	t.Helper()
	what := fmt.Sprintf(format, args...)
	totals.Lock()
	if totals.lacks == nil {
		totals.lacks = map[string]int{}
	}
	totals.lacks[what]++
	totals.Unlock()
	t.Skip("this machine lacks " + what)
}

// NeedRoot skips a test that cannot do without uid 0.
func NeedRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		Lacks(t, "uid 0 for us")
	}
}

// NeedTool skips a test without this program, and returns its path.
func NeedTool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Lacks(t, "%s (tests/deps.sh says how to install it)", name)
	}
	return path
}

func printTotals() {
	totals.Lock()
	defer totals.Unlock()
	fmt.Printf("kit: %s: %d passed, %d failed, %d skipped\n",
		strings.TrimSuffix(filepath.Base(os.Args[0]), ".test"), totals.pass, totals.fail, totals.skip)
	var whats []string
	for what := range totals.lacks {
		whats = append(whats, what)
	}
	sort.Strings(whats)
	for _, what := range whats {
		fmt.Printf("kit: skipped %d for lack of %s\n", totals.lacks[what], what)
	}
}
