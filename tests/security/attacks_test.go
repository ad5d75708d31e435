package security

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/tests/kit"
)

func attacks() []attack {
	return append([]attack{
		{"CVE-2015-3627", "standard mount points are symlinks out of the rootfs", mountPointLinks},
		{"CVE-2019-18837", "a mount's destination is a symlink out of the rootfs", destinationLink},
		{"dangling-link", "a mount point is a dangling link out of the rootfs", danglingLink},
		{"CVE-2019-19921", "/proc is a symlink into a volume", procLink},
		{"CVE-2023-27561", "the same again, absolute", procLink},
		{"CVE-2019-16884", "a mount over /proc/self/attr hides where labels are written", mountOver("/proc/self/attr", "/proc/thread-self/attr", "/proc/self")},
		{"CVE-2023-28642", "/proc below a symlink of the rootfs", procBelowLink},
		{"CVE-2021-30465", "a destination is swapped for a symlink while it is mounted", swap("/vol/swap/deep")},
		{"CVE-2024-45310", "a parent of a missing mount point is swapped", swap("/vol/swap/a/b/c")},
		{"CVE-2025-31133", "/dev/null of the rootfs is something else", devNull},
		{"CVE-2025-52565", "/dev/console of the rootfs is a symlink", console},
		{"CVE-2025-52881", "a sysctl is written to what is mounted over /proc/sys", fakeProcSys},
		{"CVE-2026-41579", "/dev is a symlink to where a ptmx is", devLink},
		{"CVE-2026-47766", "the same with devices in nested places", devLinkDevices},
		{"CVE-2025-24965", "the runtime writes files of its own into the rootfs", writesRootfs},
	}, processAttacks()...)
}

// run starts a bundle to its end with a deadline.
func run(r *kit.Runtime, b *kit.Bundle) *kit.Result {
	r.Timeout = 20 * time.Second
	return r.Run(b, kit.ID())
}

func link(t *testing.T, b *kit.Bundle, name, target string) {
	t.Helper()
	path := filepath.Join(b.Rootfs, name)
	kit.Must(t, kit.RemoveTree(path))
	kit.Must(t, os.Symlink(target, path))
}

func only(mounts ...specs.Mount) kit.Mutation {
	return kit.With(func(s *specs.Spec) { s.Mounts = mounts; s.Root.Readonly = false })
}

func mountPointLinks(t *testing.T, r *kit.Runtime, c *canary) string {
	for _, up := range []string{c.dir, "../../../../../../../.." + c.dir} {
		b := kit.NewBundle(t, only(
			specs.Mount{Destination: "/dev/shm", Type: "tmpfs", Source: "t"},
			specs.Mount{Destination: "/sys/new", Type: "tmpfs", Source: "t"},
			specs.Mount{Destination: "/proc", Type: "proc", Source: "proc"}), kit.Args("true"))
		link(t, b, "dev", up)
		link(t, b, "sys", up)
		run(r, b)
		if harm := c.changed(); harm != "" {
			return harm
		}
	}
	return ""
}

func destinationLink(t *testing.T, r *kit.Runtime, c *canary) string {
	b := kit.NewBundle(t, only(specs.Mount{Destination: "/mnt/link/new", Type: "tmpfs", Source: "t"}), kit.Args("true"))
	link(t, b, "mnt/link", c.dir)
	run(r, b)
	return c.changed()
}

// danglingLink has mount points that are links to what is not there yet: it must
// be made in the rootfs, if anywhere.
func danglingLink(t *testing.T, r *kit.Runtime, c *canary) string {
	missing := filepath.Join(c.dir, "missing")
	up := "../../../../../../../../.."
	for _, target := range []string{missing, up + missing, missing + "/deep/../er", "chain", "dir/missing"} {
		for _, m := range []specs.Mount{{Type: "tmpfs", Source: "t"}, {Type: "bind", Source: "/etc/passwd", Options: []string{"bind"}}} {
			for _, below := range []string{"", "/x"} {
				m.Destination = "/mnt/link" + below
				b := kit.NewBundle(t, only(m, specs.Mount{Destination: "/proc", Type: "proc", Source: "proc"}), kit.Shell("grep -c ' /mnt\\|missing' /proc/mounts"))
				link(t, b, "mnt/link", target)
				link(t, b, "mnt/chain", up+missing)
				link(t, b, "mnt/dir", c.dir)
				res := run(r, b)
				if harm := c.changed(); harm != "" {
					return harm
				}
				if r.Is("stave") && strings.TrimSpace(res.Stdout) != "1" {
					t.Errorf("%s on %s -> %s: %s", m.Type, m.Destination, target, res)
				}
			}
		}
	}
	return ""
}

func procLink(t *testing.T, r *kit.Runtime, c *canary) string {
	b := kit.NewBundle(t, only(
		specs.Mount{Destination: "/vol", Type: "bind", Source: c.dir, Options: []string{"rbind", "ro"}},
		specs.Mount{Destination: "/proc", Type: "proc", Source: "proc"}),
		kit.Shell("grep -q ' /proc proc ' /proc/mounts && echo REAL || echo FAKE"))
	link(t, b, "proc", filepath.Join(c.dir, "newproc"))
	res := run(r, b)
	t.Log(res) // to be seen where it fails
	if strings.Contains(res.Stdout, "FAKE") {
		return "it runs without a real /proc" + c.changed()
	}
	return c.changed()
}

func procBelowLink(t *testing.T, r *kit.Runtime, c *canary) string {
	b := kit.NewBundle(t, only(specs.Mount{Destination: "/proc", Type: "proc", Source: "proc"},
		specs.Mount{Destination: "/p/self/attr/x", Type: "tmpfs", Source: "t"}), kit.Args("true"))
	link(t, b, "p", "proc")
	if res := run(r, b); res.Code == 0 {
		return "a mount inside procfs through a symlink is taken"
	}
	return c.changed()
}

func mountOver(places ...string) func(*testing.T, *kit.Runtime, *canary) string {
	return func(t *testing.T, r *kit.Runtime, c *canary) string {
		for _, place := range places {
			b := kit.NewBundle(t, kit.AddMount(specs.Mount{Destination: place, Type: "bind", Source: c.dir, Options: []string{"rbind"}}),
				kit.Args("true"))
			if res := run(r, b); res.Code == 0 {
				return "a mount over " + place + " is taken"
			}
		}
		return ""
	}
}

// swap exchanges a directory and a symlink to the canary on a shared volume, as
// fast as it can, while containers are made.
func swap(destination string) func(*testing.T, *kit.Runtime, *canary) string {
	return func(t *testing.T, r *kit.Runtime, c *canary) string {
		volume := kit.Dir(t)
		dir, other := filepath.Join(volume, "swap"), filepath.Join(volume, "other")
		kit.Must(t, os.Mkdir(dir, 0o755))
		kit.Must(t, os.Symlink(c.dir, other))
		stop, done := make(chan bool), make(chan bool)
		go func() {
			defer close(done)
			for {
				select {
				case <-stop:
					return
				default:
					_ = unix.Renameat2(unix.AT_FDCWD, dir, unix.AT_FDCWD, other, unix.RENAME_EXCHANGE)
				}
			}
		}()
		defer func() { close(stop); <-done }()
		for range 40 {
			b := kit.NewBundle(t, kit.AddMount(specs.Mount{Destination: "/vol", Type: "bind", Source: volume, Options: []string{"rbind"}}),
				kit.AddMount(specs.Mount{Destination: destination, Type: "tmpfs", Source: "t"}),
				kit.Shell("cat /vol/swap/canary-file /vol/other/canary-file 2>/dev/null; true"))
			res := run(r, b)
			if strings.Contains(res.Stdout, "secret") {
				return "the container reads the canary"
			}
			if harm := c.changed(); harm != "" {
				return harm
			}
		}
		return ""
	}
}

func devNull(t *testing.T, r *kit.Runtime, c *canary) string {
	for _, kind := range []string{"link", "file", "fifo"} {
		b := kit.NewBundle(t, only(specs.Mount{Destination: "/proc", Type: "proc", Source: "proc"}),
			kit.With(func(s *specs.Spec) { s.Linux.MaskedPaths = []string{"/proc/keys"} }),
			kit.Shell("stat -c %F:%t:%T /proc/keys"))
		null := filepath.Join(b.Rootfs, "dev/null")
		switch kind {
		case "link":
			kit.Must(t, os.Symlink("/proc/sys/kernel/domainname", null))
		case "file":
			kit.Must(t, os.WriteFile(null, []byte("x"), 0o666))
		case "fifo":
			kit.Must(t, unix.Mkfifo(null, 0o666))
		}
		// An answer that is not there is no harm: the bundle is as good as refused.
		if res := run(r, b); res.Code == 0 && res.Stdout != "" && !strings.Contains(res.Stdout, "1:3") {
			return fmt.Sprintf("with a %s for /dev/null, a masked file is %q", kind, strings.TrimSpace(res.Stdout))
		}
	}
	return c.changed()
}

func console(t *testing.T, r *kit.Runtime, c *canary) string {
	b := kit.NewBundle(t, only(specs.Mount{Destination: "/proc", Type: "proc", Source: "proc"},
		specs.Mount{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"newinstance", "ptmxmode=0666"}}),
		kit.With(func(s *specs.Spec) { s.Process.Terminal = true }), kit.Shell("stat -L -c MAJOR%t /dev/console; echo x > /dev/console"))
	link(t, b, "dev/console", filepath.Join(c.dir, "console"))
	socket, sent, done := consoleSocket(t)
	defer done()
	r.Timeout = 20 * time.Second
	id := kit.ID()
	args := []string{"run", "--detach", "--bundle", b.Dir, "--console-socket", socket, id}
	if strings.HasSuffix(r.Path, "/toy") {
		args = []string{"run", "--bundle", b.Dir, "--console-socket", socket, id}
	}
	res := r.Do(args...)
	if res.Code == 0 && !strings.HasSuffix(r.Path, "/toy") {
		out := <-sent
		if !strings.Contains(out, "MAJOR88") {
			return fmt.Sprintf("/dev/console is not a pts: %q", out)
		}
	}
	r.Do("delete", "--force", id)
	return c.changed()
}

func fakeProcSys(t *testing.T, r *kit.Runtime, c *canary) string {
	b := kit.NewBundle(t, kit.AddMount(specs.Mount{Destination: "/proc/sys/net", Type: "bind", Source: filepath.Join(c.dir, "sub"), Options: []string{"rbind"}}),
		kit.With(func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "1"} }), kit.Args("true"))
	run(r, b)
	return c.changed()
}

func devLink(t *testing.T, r *kit.Runtime, c *canary) string {
	for _, up := range []string{c.dir, "../../../../../../../.." + c.dir} {
		b := kit.NewBundle(t, only(specs.Mount{Destination: "/proc", Type: "proc", Source: "proc"}), kit.Args("true"))
		link(t, b, "dev", up)
		run(r, b)
		if harm := c.changed(); harm != "" {
			return harm
		}
	}
	return ""
}

func devLinkDevices(t *testing.T, r *kit.Runtime, c *canary) string {
	b := kit.NewBundle(t, only(specs.Mount{Destination: "/proc", Type: "proc", Source: "proc"}), kit.Args("true"),
		kit.With(func(s *specs.Spec) {
			s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/new/deep/x", Type: "c", Major: 1, Minor: 3}, {Path: "/dev/ptmx2", Type: "c", Major: 5, Minor: 2}}
		}))
	link(t, b, "dev", c.dir)
	run(r, b)
	return c.changed()
}

func writesRootfs(t *testing.T, r *kit.Runtime, _ *canary) string {
	b := kit.NewBundle(t, kit.With(func(s *specs.Spec) { s.Root.Readonly = false }), kit.Args("true"))
	before := &canary{dir: b.Rootfs}
	before.before = before.digest()
	run(r, b)
	// Mount points of the base spec are in the rootfs already: nothing is due.
	return before.changed()
}
