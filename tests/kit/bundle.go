package kit

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// A Bundle is a directory with a config.json and a root filesystem.
type Bundle struct {
	Dir    string
	Rootfs string
	Spec   *specs.Spec
}

// A Mutation changes a base spec; b has its directories already.
type Mutation func(b *Bundle)

// Applets are the busybox names in every rootfs.
const Applets = "sh true false cat ls echo sleep id pwd env mount umount touch mkdir rm ln chmod " +
	"kill ps head tail grep test stat readlink hostname ulimit dd sync wc seq trap tty stty sed find nc top"

// NewBundle writes a bundle: the base spec, changed in order.
func NewBundle(t testing.TB, change ...Mutation) *Bundle {
	t.Helper()
	b := &Bundle{Dir: Dir(t), Spec: BaseSpec()}
	b.Rootfs = filepath.Join(b.Dir, "rootfs")
	makeRootfs(t, b.Rootfs)
	for _, m := range change {
		m(b)
	}
	b.Write(t)
	return b
}

// Write puts the spec into config.json again.
func (b *Bundle) Write(t testing.TB) {
	t.Helper()
	data, err := json.MarshalIndent(b.Spec, "", "\t")
	Must(t, err)
	Must(t, os.WriteFile(filepath.Join(b.Dir, "config.json"), data, 0o644))
}

// WriteRaw puts any bytes into config.json.
func (b *Bundle) WriteRaw(t testing.TB, data string) {
	t.Helper()
	Must(t, os.WriteFile(filepath.Join(b.Dir, "config.json"), []byte(data), 0o644))
}

// Args sets the process.
func Args(args ...string) Mutation {
	return func(b *Bundle) { b.Spec.Process.Args = args }
}

// Shell runs a script.
func Shell(script string) Mutation { return Args("sh", "-c", script) }

// With changes the spec alone.
func With(change func(s *specs.Spec)) Mutation {
	return func(b *Bundle) { change(b.Spec) }
}

// stock holds the two programs of every rootfs, linked and not copied.
var stock struct {
	sync.Mutex
	busybox, probe string
}

func makeRootfs(t testing.TB, dir string) {
	t.Helper()
	stock.Lock()
	defer stock.Unlock()
	if stock.busybox == "" {
		stock.busybox = copyTool(t, "busybox")
	}
	for _, d := range []string{"bin", "dev", "proc", "sys", "etc", "tmp", "root", "mnt", "home", "var"} {
		Must(t, os.MkdirAll(filepath.Join(dir, d), 0o755))
	}
	Must(t, os.Chmod(filepath.Join(dir, "tmp"), 0o1777))
	Must(t, os.Link(stock.busybox, filepath.Join(dir, "bin/busybox")))
	for _, name := range strings.Fields(Applets) {
		Must(t, os.Symlink("busybox", filepath.Join(dir, "bin", name)))
	}
	if stock.probe != "" {
		Must(t, os.Link(stock.probe, filepath.Join(dir, "bin/probe")))
	}
	Must(t, os.WriteFile(filepath.Join(dir, "etc/passwd"),
		[]byte("root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home:/bin/sh\n"), 0o644))
	Must(t, os.WriteFile(filepath.Join(dir, "etc/group"),
		[]byte("root:x:0:\nuser:x:1000:\nextra:x:2000:user\n"), 0o644))
}

// copyTool takes a static program of the host.
func copyTool(t testing.TB, name string) string {
	t.Helper()
	path := NeedTool(t, name)
	to := filepath.Join(work, name)
	data, err := os.ReadFile(path)
	Must(t, err)
	Must(t, os.WriteFile(to, data, 0o755))
	return to
}

// UseProbe builds tests/probe and puts it into every rootfs made from now on.
func UseProbe(t testing.TB) string {
	t.Helper()
	path := BuildC(t, "probe", "probe")
	stock.Lock()
	stock.probe = path
	stock.Unlock()
	return path
}

// BuildC compiles tests/<dir>/*.c into one static program, once per process.
func BuildC(t testing.TB, dir, name string) string {
	t.Helper()
	to := filepath.Join(work, "built-"+name)
	if _, err := os.Stat(to); err == nil {
		return to
	}
	gcc := NeedTool(t, "gcc")
	files, _ := filepath.Glob(filepath.Join(ModuleRoot(), "tests", dir, "*.c"))
	args := append([]string{"-static", "-O1", "-Wall", "-Wextra", "-o", to}, files...)
	if out, err := Output(exec.Command(gcc, args...)); err != nil {
		t.Fatalf("build of tests/%s: %v\n%s", dir, err, out)
	}
	return to
}
