package libct

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
)

// Where links lead, within the root and nowhere else.
func TestPlaces(t *testing.T) {
	root := filepath.Join(t.TempDir(), "rootfs")
	for _, dir := range []string{"etc", "run", "proc", "real/deep"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	links := map[string]string{
		"etc/resolv.conf": "../run/systemd/resolve/stub.conf", "var": "/gone/var", "up": "../../../../../outside", "abs": "/etc/../x",
		"chain1": "chain2", "chain2": "/chain3", "chain3": "end/here", "loop": "loop", "loop1": "/loop2", "loop2": "loop1",
		"dir": "real", "whole": "/", "empty": "gone/..", "toproc": "/proc/self/attr", "self": ".", "into": "real/deep/new",
	}
	for name, target := range links {
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	long := "end"
	for i := range 60 {
		name := "long" + strings.Repeat("x", i)
		if err := os.Symlink(long, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
		long = name
	}
	for dest, want := range map[string]string{
		"/etc/resolv.conf": "run/systemd/resolve/stub.conf", "/var": "gone/var", "/var/log/x": "gone/var/log/x", "/up": "outside", "/up/x": "outside/x",
		"/abs": "x", "/chain1": "end/here", "/chain1/x": "end/here/x", "/dir/new": "real/new", "/dir": "real", "/self/self/new": "new",
		"/into/x": "real/deep/new/x", "/loop": "", "/loop1/x": "", "/whole": "", "/empty": "", "/toproc/x": "", "/" + long: "",
		"/real/deep": "", "/real/other": "", "/nothing/at/all": "",
	} {
		h := &Host{}
		h.findPlaces(root, []rspec.Mount{{Destination: dest, Type: "tmpfs"}})
		if got := h.Places[relative(dest)]; got != want {
			t.Errorf("%s leads to %q, want %q", dest, got, want)
		}
	}
	// What is mounted earlier hides the link; procfs takes none at all.
	h := &Host{}
	h.findPlaces(root, []rspec.Mount{{Destination: "/etc", Type: "tmpfs"}, {Destination: "/etc/resolv.conf", Type: "bind"}, {Destination: "/var", Type: "proc"}})
	if len(h.Places) != 0 {
		t.Errorf("%v", h.Places)
	}
}
