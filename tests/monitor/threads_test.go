package monitor

// threads_test.go: what a monitor that does not end is at; proc_pid_stat(5) and
// its neighbours.

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// threads is what the kernel says of those of the monitor and of its container.
func (c *session) threads() string {
	pid := strings.TrimSpace(c.read("pid"))
	return fmt.Sprintf("monitor:\n%scontainer %s:\n%s", threadsOf(strconv.Itoa(c.monitor)), pid, threadsOf(pid))
}

func threadsOf(pid string) string {
	var b strings.Builder
	files, _ := filepath.Glob("/proc/" + pid + "/task/*/*")
	for _, f := range files {
		switch name := filepath.Base(f); name {
		case "comm", "wchan", "syscall", "stack":
			data, _ := os.ReadFile(f)
			fmt.Fprintf(&b, "%s: %s\n", f, bytes.TrimSpace(data))
		case "status":
			data, _ := os.ReadFile(f)
			for line := range strings.Lines(string(data)) {
				if strings.HasPrefix(line, "State") || strings.HasPrefix(line, "TracerPid") || strings.HasPrefix(line, "Sig") {
					fmt.Fprintf(&b, "%s: %s", f, line)
				}
			}
		}
	}
	fds, _ := filepath.Glob("/proc/" + pid + "/fd/*")
	for _, f := range fds {
		to, _ := os.Readlink(f)
		fmt.Fprintf(&b, "%s: %s\n", f, to)
	}
	return b.String()
}
