package kit

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A Journal is systemd's own journal, alone and in memory, in this mount namespace.
type Journal struct {
	t      testing.TB
	daemon string
	cmd    *Cmd
}

// journalDirs are what systemd-journald(8) uses; those of this test alone.
var journalDirs = []string{"/run/systemd", "/run/log"}

// NewJournal starts systemd-journald where the system's would be. It needs no
// systemd as init: its sockets it makes itself.
func NewJournal(t testing.TB) *Journal {
	t.Helper()
	NeedRoot(t)
	NeedTool(t, "journalctl")
	j := &Journal{t: t}
	for _, path := range []string{"/usr/lib/systemd/systemd-journald", "/lib/systemd/systemd-journald"} {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			j.daemon = path
		}
	}
	if j.daemon == "" {
		Lacks(t, "systemd-journald (tests/deps.sh says how to install it)")
	}
	id, err := os.ReadFile("/etc/machine-id")
	if err != nil || len(id) < 32 {
		Lacks(t, "/etc/machine-id, without which there is no journal (systemd-machine-id-setup)")
	}
	for _, dir := range journalDirs {
		Must(t, os.MkdirAll(dir, 0o755))
		Must(t, unix.Mount("journal", dir, "tmpfs", 0, "mode=0755"))
		t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	}
	Must(t, os.MkdirAll("/run/systemd/journald.conf.d", 0o755))
	// Nothing of the host's: not the kernel's messages, and not its auditing, which is one for all.
	Must(t, os.WriteFile("/run/systemd/journald.conf.d/test.conf",
		[]byte("[Journal]\nStorage=volatile\nReadKMsg=no\nAudit=\nRateLimitBurst=0\nForwardToWall=no\n"), 0o644))
	Must(t, os.MkdirAll("/run/systemd/journal", 0o755))
	Must(t, os.MkdirAll("/run/log/journal/"+strings.TrimSpace(string(id)), 0o755))
	j.Start()
	t.Cleanup(j.Stop)
	return j
}

// Start begins the daemon, and waits for its socket.
func (j *Journal) Start() {
	j.t.Helper()
	const socket = "/run/systemd/journal/socket"
	_ = os.Remove(socket)
	j.cmd = &Cmd{Args: []string{j.daemon}, Timeout: time.Hour}
	j.cmd.Start(j.t)
	if !Eventually(20*time.Second, func() bool { _, err := os.Stat(socket); return err == nil }) {
		j.cmd.Signal(unix.SIGKILL)
		j.t.Fatalf("the journal does not come up: %s", j.cmd.Wait())
	}
}

// Stop ends it; what it has is kept.
func (j *Journal) Stop() {
	if j.cmd != nil {
		j.cmd.Signal(unix.SIGTERM)
		j.cmd.Wait()
		j.cmd = nil
	}
}

// Entries are what journalctl(1) shows for these matches, in its order, each as
// its fields. What is not text is shown as the bytes that it is.
func (j *Journal) Entries(matches ...string) []map[string]string {
	j.t.Helper()
	args := append([]string{"journalctl", "-D", "/run/log/journal", "-o", "json", "--all", "-q"}, matches...)
	res := Do(j.t, args...)
	var all []map[string]string
	for line := range strings.Lines(res.Stdout) {
		raw := map[string]any{}
		if err := json.Unmarshal([]byte(line), &raw); err != nil {
			j.t.Fatalf("journalctl: %v: %q", err, line)
		}
		entry := map[string]string{}
		for key, v := range raw {
			switch v := v.(type) {
			case string:
				entry[key] = v
			case []any: // bytes, or a field that is there more than once
				var b []byte
				for _, n := range v {
					if f, ok := n.(float64); ok {
						b = append(b, byte(f))
					}
				}
				entry[key] = string(b)
			}
		}
		all = append(all, entry)
	}
	if len(all) == 0 && res.Code != 0 {
		files, _ := filepath.Glob("/run/log/journal/*/*")
		if len(files) > 0 && strings.TrimSpace(res.Stderr) != "" {
			j.t.Fatal(res)
		}
	}
	return all
}
