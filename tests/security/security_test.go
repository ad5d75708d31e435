// Package security has one test per published failure of container runtimes,
// named by its id. Each is an attack that says what harm it did. The runtime
// under test must come out unharmed; the toy, which has the old mistakes on
// purpose, must not: that is the positive control.
package security

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stave/tests/kit"
)

func TestMain(m *testing.M) { kit.Main(m) }

// An attack returns the harm it did, or "".
type attack struct {
	id   string
	what string
	run  func(t *testing.T, r *kit.Runtime, c *canary) string
}

func TestSecurity(t *testing.T) {
	toy := buildToy(t)
	subject := kit.SubjectPath()
	if _, err := os.Stat(subject); err != nil {
		kit.Lacks(t, "%s: build it, or set RUNTIME", subject)
	}
	for _, a := range attacks() {
		t.Run(a.id, func(t *testing.T) {
			t.Run("control", func(t *testing.T) {
				kit.Begin(t)
				r := kit.NewRuntime(t, ownCopy(t, toy))
				c := newCanary(t)
				if harm := a.run(t, r, c) + c.changed(); harm == "" {
					t.Errorf("%s: the toy is not harmed, so the test proves nothing", a.what)
				} else {
					t.Logf("the toy: %s", harm)
				}
			})
			t.Run("resists", func(t *testing.T) {
				kit.Begin(t)
				r := kit.NewRuntime(t, ownCopy(t, subject))
				before := kit.Snap(r)
				c := newCanary(t)
				if harm := a.run(t, r, c) + c.changed(); harm != "" {
					t.Errorf("%s: %s", a.what, harm)
				}
				kit.NoLeak(t, r, before)
			})
		})
	}
}

func buildToy(t *testing.T) string {
	t.Helper()
	kit.NeedRoot(t)
	to := filepath.Join(kit.Dir(t), "toy")
	cmd := exec.Command("go", "build", "-o", to, "./tests/security/toy")
	cmd.Dir = kit.ModuleRoot()
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := kit.Output(cmd); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return to
}

// ownCopy keeps the real binary out of reach: an attack that works writes to it.
func ownCopy(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	kit.Must(t, err)
	to := filepath.Join(kit.Dir(t), filepath.Base(path))
	kit.Must(t, os.WriteFile(to, data, 0o755))
	return to
}

// A canary is a directory of the host that no container has a right to.
type canary struct {
	dir    string
	before string
}

func newCanary(t *testing.T) *canary {
	c := &canary{dir: kit.Dir(t)}
	for _, name := range []string{"canary-file", "ptmx", "console"} {
		kit.Must(t, os.WriteFile(filepath.Join(c.dir, name), []byte("secret of the host\n"), 0o600))
	}
	kit.Must(t, os.MkdirAll(filepath.Join(c.dir, "sub", "ipv4"), 0o700))
	kit.Must(t, os.WriteFile(filepath.Join(c.dir, "sub/ipv4/ip_forward"), []byte("canary\n"), 0o600))
	c.before = c.digest()
	return c
}

func (c *canary) digest() string {
	var b strings.Builder
	_ = filepath.WalkDir(c.dir, func(path string, _ fs.DirEntry, _ error) error {
		info, err := os.Lstat(path)
		if err != nil {
			fmt.Fprintf(&b, "%s %v\n", path, err)
			return nil
		}
		fmt.Fprintf(&b, "%s %v %d", path, info.Mode(), info.Size())
		if info.Mode().IsRegular() {
			data, _ := os.ReadFile(path)
			fmt.Fprintf(&b, " %x", sha256.Sum256(data))
		}
		b.WriteByte('\n')
		return nil
	})
	return b.String()
}

// changed says what is different now.
func (c *canary) changed() string {
	now := c.digest()
	if now == c.before {
		return ""
	}
	for _, line := range strings.Split(now, "\n") {
		if !strings.Contains(c.before, line) {
			return " the canary has: " + line
		}
	}
	return " something of the canary is gone"
}

// sum is the content of a file, to see whether it stays.
func sum(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	kit.Must(t, err)
	return fmt.Sprintf("%x", sha256.Sum256(data))
}

// background runs a container until end is called.
func background(t *testing.T, r *kit.Runtime, b *kit.Bundle, id string) (end func() *kit.Result) {
	t.Helper()
	c := r.Cmd("run", "--bundle", b.Dir, id)
	c.Start(t)
	marker := filepath.Join(b.Rootfs, "tmp", "ready")
	if !kit.Eventually(5*time.Second, func() bool { _, err := os.Stat(marker); return err == nil }) {
		t.Logf("the container does not come up")
	}
	return func() *kit.Result {
		del := r.Cmd("delete", "--force", id)
		if del.TryStart(t) == nil { // else an attack has the binary open for writing
			del.Wait()
		}
		c.Signal(9)
		res := c.Wait()
		return res
	}
}

// ready is put before a script so that background sees it run.
const ready = "touch /tmp/ready; "
