package crio

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"stave/tests/kit"
)

// tools are the programs that come from Go modules, built once into tests/.cache/crio.
type tools struct{ crio, crictl, pinns, cni string }

// Of each module the version, and the sum that makes it that version and no other.
const (
	crioModule  = "github.com/cri-o/cri-o@v1.34.0"
	crioSum     = "h1:ux2URwAyENy5e5hD9Z95tshdfy98eqatZk0fxx3rhuk="
	crioTags    = "containers_image_openpgp containers_image_ostree_stub exclude_graphdriver_btrfs exclude_graphdriver_devicemapper seccomp"
	toolsModule = "sigs.k8s.io/cri-tools@v1.34.0"
	toolsSum    = "h1:KqL9EJ+WgHtz1HR1exezm91n+o8O2uMLs/eHzHJHAWw="
	loopback    = "github.com/containernetworking/plugins/plugins/main/loopback"
)

// build makes the tools where the cache has not got them. Each module is built
// in its own directory, so with exactly the dependencies of its go.mod.
func build(t *testing.T) *tools {
	t.Helper()
	cache := filepath.Join(kit.ModuleRoot(), "tests", ".cache", "crio")
	b := &tools{crio: cache + "/crio", crictl: cache + "/crictl", pinns: cache + "/pinns", cni: cache + "/cni"}
	stamp, want := cache+"/built", fmt.Sprintln(crioModule, crioSum, crioTags, toolsModule, toolsSum)
	if done, err := os.ReadFile(stamp); err == nil && string(done) == want {
		return b
	}
	kit.NeedTool(t, "go")
	kit.NeedTool(t, "gcc")
	kit.NeedTool(t, "pkg-config")
	start := time.Now()
	fmt.Printf("building %s and %s (once, some minutes)\n", crioModule, toolsModule)
	kit.Must(t, os.MkdirAll(b.cni, 0o755))
	// A module of its own, so that go does not look at ours.
	kit.Must(t, os.WriteFile(cache+"/go.mod", []byte("module tools\n"), 0o644))
	dir := fetch(t, cache, crioModule, crioSum)
	goBuild(t, dir, b.crio, "1", crioTags, "./cmd/crio")
	goBuild(t, dir, b.cni+"/loopback", "0", "", loopback)
	sources, _ := filepath.Glob(dir + "/pinns/src/*.c")
	if out, err := kit.Output(exec.Command("gcc", append([]string{"-std=c99", "-O2", "-static", "-o", b.pinns}, sources...)...)); err != nil {
		t.Fatalf("pinns: %v\n%s", err, out)
	}
	goBuild(t, fetch(t, cache, toolsModule, toolsSum), b.crictl, "0", "", "./cmd/crictl")
	kit.Must(t, os.WriteFile(stamp, []byte(want), 0o644))
	fmt.Printf("built in %v\n", time.Since(start).Round(time.Second))
	return b
}

// fetch gives the directory of a module in the module cache.
func fetch(t *testing.T, dir, module, sum string) string {
	t.Helper()
	cmd := exec.Command("go", "mod", "download", "-json", module)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	out, err := kit.Output(cmd)
	if err != nil {
		kit.Lacks(t, "the module %s: %v: %.300s", module, err, out)
	}
	var got struct{ Dir, Sum string }
	kit.Must(t, json.Unmarshal(out, &got))
	if got.Sum != sum {
		t.Fatalf("%s has the sum %s, and not %s", module, got.Sum, sum)
	}
	return got.Dir
}

func goBuild(t *testing.T, dir, to, cgo, tags, what string) {
	t.Helper()
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-tags", tags, "-o", to, what)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=readonly", "GOWORK=off", "CGO_ENABLED="+cgo)
	if out, err := kit.Output(cmd); err != nil {
		t.Fatalf("build of %s: %v\n%s", what, err, out)
	}
}
