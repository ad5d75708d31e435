package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/tests/kit"
)

// mayMount gives the container the right to mount.
var mayMount = kit.With(func(s *specs.Spec) {
	c := s.Process.Capabilities
	for _, set := range []*[]string{&c.Bounding, &c.Effective, &c.Permitted} {
		*set = append(*set, "CAP_SYS_ADMIN")
	}
})

func mount(t *testing.T, source, target, fstype string, flags uintptr) {
	t.Helper()
	if err := unix.Mount(source, target, fstype, flags, ""); err != nil {
		t.Fatalf("mount %s on %s: %v", source, target, err)
	}
}

func isMounted(target string) bool {
	data, _ := os.ReadFile("/proc/self/mountinfo")
	return strings.Contains(string(data), " "+target+" ")
}

// volume makes a mount with a propagation type. plug is where something is
// mounted for it to appear below: for a slave that is its master.
func volume(t *testing.T, kind string) (dir, plug string) {
	t.Helper()
	dir = kit.Dir(t)
	mount(t, "volume", dir, "tmpfs", 0)
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	for _, sub := range []string{"plugged", "inside"} {
		kit.Must(t, os.Mkdir(filepath.Join(dir, sub), 0o755))
	}
	switch kind {
	case "private":
		mount(t, "", dir, "", unix.MS_PRIVATE)
		return dir, dir
	case "shared":
		mount(t, "", dir, "", unix.MS_SHARED)
		return dir, dir
	}
	mount(t, "", dir, "", unix.MS_SHARED)
	slave := kit.Dir(t)
	mount(t, dir, slave, "", unix.MS_BIND)
	t.Cleanup(func() { _ = unix.Unmount(slave, unix.MNT_DETACH) })
	mount(t, "", slave, "", unix.MS_SLAVE)
	return slave, dir
}

// What is plugged in on the host appears in a container that asks for it, and
// what a container mounts appears on the host only where both ask for that.
func TestVolumePropagation(t *testing.T) {
	for _, kind := range []string{"private", "slave", "shared"} {
		for _, rootfs := range []string{"", "rprivate", "rslave", "rshared"} {
			for _, option := range []string{"", "rprivate", "rslave", "rshared"} {
				if rootfs == "rprivate" && option != "rslave" || rootfs == "rslave" && option != "rshared" {
					continue // one will do: the first hides all, the second is the default
				}
				in := kind != "private" && rootfs != "rprivate" && option != "rprivate"
				out := kind == "shared" && rootfs == "rshared" && (option == "" || option == "rshared")
				t.Run(fmt.Sprintf("%s, rootfs %q, option %q", kind, rootfs, option), func(t *testing.T) {
					kit.Begin(t)
					propagates(t, kind, rootfs, option, in, out)
				})
			}
		}
	}
}

func propagates(t *testing.T, kind, rootfs, option string, in, out bool) {
	r := kit.Subject(t)
	dir, plug := volume(t, kind)
	options := []string{"rbind"}
	if option != "" {
		options = append(options, option)
	}
	b := kit.NewBundle(t, mayMount, kit.Shell("exec sleep 60"),
		kit.AddMount(specs.Mount{Destination: "/mnt", Type: "bind", Source: dir, Options: options}),
		kit.With(func(s *specs.Spec) { s.Linux.RootfsPropagation = rootfs }))
	before := kit.Snap(r, b)
	id := r.Running(b)

	mount(t, "stick", filepath.Join(plug, "plugged"), "tmpfs", 0)
	kit.Must(t, os.WriteFile(filepath.Join(plug, "plugged", "file"), nil, 0o644))
	seen := r.Exec(id, nil, "ls", "/mnt/plugged/file").Code == 0
	if seen != in {
		t.Errorf("what the host plugs in: seen inside %v, want %v", seen, in)
	}
	if res := r.Exec(id, nil, "mount", "-t", "tmpfs", "own", "/mnt/inside"); res.Code != 0 {
		t.Fatal(res)
	}
	inside := filepath.Join(dir, "inside")
	if leaks := isMounted(inside); leaks != out {
		t.Errorf("what the container mounts: seen on the host %v, want %v", leaks, out)
	}
	if res := r.Delete(id, "--force"); res.Code != 0 {
		t.Error(res)
	}
	_ = unix.Unmount(filepath.Join(plug, "plugged"), unix.MNT_DETACH)
	_ = unix.Unmount(inside, unix.MNT_DETACH) // it has outlived the container, as asked
	kit.NoLeak(t, r, before, b)
}

// Whatever the mount that the rootfs stands on, nothing of a container appears
// in it.
func TestRootfsOnAnyMount(t *testing.T) {
	for _, kind := range []string{"private", "slave", "shared"} {
		for _, rootfs := range []string{"", "private", "slave", "rslave", "shared", "rshared", "unbindable"} {
			t.Run(fmt.Sprintf("%s, rootfs %q", kind, rootfs), func(t *testing.T) {
				kit.Begin(t)
				r := kit.Subject(t)
				b := kit.NewBundle(t, mayMount, kit.Shell("mount -t tmpfs own /tmp && mount -t tmpfs own /mnt && exec sleep 60"),
					kit.With(func(s *specs.Spec) { s.Linux.RootfsPropagation = rootfs }))
				master := b.Dir
				mount(t, b.Dir, b.Dir, "", unix.MS_BIND)
				defer func() { _ = unix.Unmount(master, unix.MNT_DETACH) }()
				mount(t, "", b.Dir, "", map[string]uintptr{"private": unix.MS_PRIVATE, "slave": unix.MS_SHARED, "shared": unix.MS_SHARED}[kind])
				if kind == "slave" {
					b.Dir = kit.Dir(t)
					mount(t, master, b.Dir, "", unix.MS_BIND)
					defer func() { _ = unix.Unmount(b.Dir, unix.MNT_DETACH) }()
					mount(t, "", b.Dir, "", unix.MS_SLAVE)
				}
				before := kit.Snap(r, b)
				id := r.Running(b)
				if !kit.Eventually(10e9, func() bool { return r.Exec(id, nil, "grep", "-q", "^own /mnt ", "/proc/mounts").Code == 0 }) {
					t.Fatal("the container does not mount")
				}
				for _, line := range before.Compare(kit.Snap(r, b)) {
					if strings.HasPrefix(line, "new mount") || strings.HasPrefix(line, "lost mount") {
						t.Errorf("while it runs: %s", line)
					}
				}
				if res := r.Delete(id, "--force"); res.Code != 0 {
					t.Error(res)
				}
				kit.NoLeak(t, r, before, b)
			})
		}
	}
}
