// Package deps holds the direction of imports: which package of this module
// may know which other, and what the stave binary may link.
package deps

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const (
	sys  = "golang.org/x/sys/unix"
	oci  = "github.com/opencontainers/runtime-spec/specs-go"
	feat = oci + "/features"
)

// table says, for every package that is part of a command, what it may import
// beside the standard library. A package that is not here fails the test: its
// place has to be decided first.
var table = map[string][]string{
	"stave/specs/leaf":            {sys},
	"stave/specs":                 {oci, feat, sys, "stave/specs/leaf"},
	"stave/libct/entry":           {},
	"stave/libct/nofile":          {},
	"stave/libct/quick":           {"stave/libct/warm"},
	"stave/libct/stack":           {},
	"stave/libct/warm":            {"stave/libct/entry", "stave/libct/stack"},
	"stave/libct/seccomp":         {oci, sys, "stave/specs"},
	"stave/libct/cgroup":          {oci, sys, "stave/specs"},
	"stave/libct":                 {oci, sys, "stave/specs", "stave/libct/cgroup", "stave/libct/entry", "stave/libct/nofile", "stave/libct/quick", "stave/libct/seccomp", "stave/libct/stub"},
	"stave/libct/stub":            {},
	"stave/libct/explain":         {"stave/libct", "stave/specs"},
	"stave/libct/trace":           {"stave/libct", "stave/specs"},
	"stave/monitor/logs":          {sys, "stave/specs/leaf"},
	"stave/cmd/stave/cli":         {"stave/specs"},
	"stave/monitor/sigevent":      {sys},
	"stave/monitor/wire":          {"stave/specs/leaf"},
	"stave/monitor/client":        {sys, "stave/monitor/wire"},
	"stave/monitor":               {sys, "stave/specs/leaf", "stave/libct/nofile", "stave/monitor/logs", "stave/monitor/sigevent", "stave/monitor/wire"},
	"stave/cmd/stave-monitor/cli": {},
	"stave/cmd/stave-monitor":     {sys, "stave/specs/leaf", "stave/cmd/stave-monitor/cli", "stave/libct/entry", "stave/libct/stack", "stave/monitor", "stave/monitor/logs", "stave/monitor/sigevent"},
	"stave/cmd/stave":             {oci, sys, "stave/specs", "stave/libct", "stave/libct/cgroup", "stave/libct/entry", "stave/libct/quick", "stave/libct/warm", "stave/libct/explain", "stave/libct/trace", "stave/cmd/stave/cli"},
}

// tools make sources or test, and are linked into nothing that is installed:
// they may import what they like, but nothing of table may import them.
var tools = []string{"stave/tests/", "stave/cmd/stave/cli/gen", "stave/cmd/stave-monitor/cli/gen", "stave/specs/internal/gen", "stave/libct/seccomp/internal/gen"}

// dear is what the stave binary must not link: paid for at every start.
var dear = []string{"encoding/json", "text/template", "html/template", "regexp", "net", "net/http", "crypto/tls", "log", "log/slog", "testing", "flag",
	"plugin", "runtime/cgo", "go/ast", "google.golang.org/", "github.com/urfave/cli", "github.com/sirupsen/logrus", "github.com/opencontainers/runc",
	"github.com/opencontainers/cgroups", "github.com/godbus/dbus", "github.com/coreos/go-systemd", "github.com/cilium/ebpf", "github.com/vishvananda/netlink"}

type pkg struct {
	ImportPath string
	Standard   bool
	Imports    []string
	Deps       []string
}

func list(t *testing.T, args ...string) (out []pkg) {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Standard,Imports,Deps"}, args...)...)
	cmd.Dir = "../.."
	var stderr strings.Builder
	cmd.Stderr = &stderr
	pipe, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("this machine lacks go")
	}
	if err != nil {
		t.Fatal(err)
	}
	for d := json.NewDecoder(pipe); ; {
		var p pkg
		if err := d.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	return out
}

func isTool(path string) bool {
	return slices.ContainsFunc(tools, func(p string) bool {
		return path == strings.TrimSuffix(p, "/") || strings.HasPrefix(path, strings.TrimSuffix(p, "/")+"/")
	})
}

// verdict gives what is wrong with the imports of a package of this module.
func verdict(p pkg, rules map[string][]string) (wrong []string) {
	if isTool(p.ImportPath) {
		return nil
	}
	allowed, known := rules[p.ImportPath]
	if !known {
		return []string{p.ImportPath + " is not in the table"}
	}
	for _, i := range p.Imports {
		outside := strings.Contains(strings.SplitN(i, "/", 2)[0], ".") || strings.HasPrefix(i, "stave/")
		if i == "C" || outside && !slices.Contains(allowed, i) {
			wrong = append(wrong, p.ImportPath+" must not import "+i)
		}
	}
	return wrong
}

// Imports run one way.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range list(t, "./...") {
		seen[p.ImportPath] = true
		for _, w := range verdict(p, table) {
			t.Error(w)
		}
	}
	for path, allowed := range table {
		if !seen[path] {
			t.Errorf("%s is in the table and not in the module", path)
		}
		if slices.ContainsFunc(allowed, isTool) {
			t.Errorf("%s may import a tool", path)
		}
	}
}

// Positive control: what the table forbids is found.
func TestTableForbids(t *testing.T) {
	for _, p := range []pkg{
		{ImportPath: "stave/libct/cgroup", Imports: []string{"stave/libct"}},
		{ImportPath: "stave/specs", Imports: []string{"stave/libct"}},
		{ImportPath: "stave/libct", Imports: []string{"stave/tests/kit"}},
		{ImportPath: "stave/libct", Imports: []string{"C"}},
		{ImportPath: "stave/cmd/stave", Imports: []string{"github.com/urfave/cli/v2"}},
		{ImportPath: "stave/utils"},
	} {
		if len(verdict(p, table)) == 0 {
			t.Errorf("%s may import %v", p.ImportPath, p.Imports)
		}
	}
	if w := verdict(pkg{ImportPath: "stave/libct/nofile", Imports: []string{"unsafe"}}, table); w != nil {
		t.Error(w)
	}
}

// linked gives the packages of dear that are among those linked.
func linked(deps []string) (found []string) {
	for _, d := range deps {
		for _, bad := range dear {
			if d == bad || strings.HasPrefix(d, strings.TrimSuffix(bad, "/")+"/") && strings.Contains(bad, ".") {
				found = append(found, d)
			}
		}
	}
	return found
}

// The stave binary links nothing that is dear at start, also as a fault build.
func TestBinaryIsLean(t *testing.T) {
	for _, tags := range []string{"", "faults"} {
		p := list(t, "-tags="+tags, "./cmd/stave")
		if len(p) != 1 || len(p[0].Deps) < 20 {
			t.Fatal("go list sees nothing")
		}
		if found := linked(p[0].Deps); found != nil {
			t.Errorf("stave links %v", found)
		}
		for _, d := range p[0].Deps {
			if isTool(d) {
				t.Errorf("stave links the tool %s", d)
			}
		}
	}
	// There is a monitor for every container: what it links is memory of each.
	p := list(t, "./cmd/stave-monitor")
	if len(p) != 1 || len(p[0].Deps) < 20 {
		t.Fatal("go list sees nothing")
	}
	if found := linked(p[0].Deps); found != nil {
		t.Errorf("stave-monitor links %v", found)
	}
	for _, d := range p[0].Deps {
		if d == "os" || strings.HasPrefix(d, "os/") || d == "fmt" || d == oci || isTool(d) {
			t.Errorf("stave-monitor links %s", d)
		}
	}
	// Positive control: a program of ours that does link them.
	p = list(t, "./cmd/stave/cli/gen", "./tests/oracle/libct-oracle")
	for _, want := range []string{"encoding/json", "net", "regexp", "text/template", "github.com/urfave/cli/v2", "github.com/sirupsen/logrus"} {
		if !slices.ContainsFunc(p, func(p pkg) bool { return slices.Contains(linked(p.Deps), want) }) {
			t.Errorf("%s would not be found", want)
		}
	}
}
