package oracle

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"stave/tests/kit"
)

// A row is one bundle: the base spec with a few changes.
type row struct {
	name   string
	change []func(*env)
	ask    []string
	skip   string // a reference that is too old for it: runc
	lacks  string // why this machine cannot run it
	leaves bool   // a runtime must leave something behind here (mounts of a shared mount namespace)
}

// env is what a change may use beside the bundle.
type env struct {
	t    *testing.T
	b    *kit.Bundle
	id   string
	dir  string // a volume of the host, made by volume
	held []*kit.Cmd
}

func (e *env) spec() *specs.Spec { return e.b.Spec }

// volume makes a host directory with a file, a subdirectory and a script.
func (e *env) volume() string {
	if e.dir == "" {
		e.dir = kit.Dir(e.t)
		kit.Must(e.t, os.WriteFile(filepath.Join(e.dir, "file"), []byte("volume\n"), 0o644))
		kit.Must(e.t, os.WriteFile(filepath.Join(e.dir, "script"), []byte("#!/bin/sh\n"), 0o755))
		kit.Must(e.t, os.Mkdir(filepath.Join(e.dir, "sub"), 0o755))
	}
	return e.dir
}

// holder starts a process with namespaces of its own and gives /proc/PID/ns.
func (e *env) holder(flags uintptr) string {
	c := &kit.Cmd{Args: []string{"sleep", "60"}, Attr: &syscall.SysProcAttr{Cloneflags: flags, Pdeathsig: syscall.SIGKILL}}
	c.Start(e.t)
	e.held = append(e.held, c)
	return filepath.Join("/proc", strconv.Itoa(c.PID()), "ns")
}

func (e *env) end() {
	for _, c := range e.held {
		c.Signal(syscall.SIGKILL)
		c.Wait()
	}
}

// on changes the spec alone.
func on(change func(s *specs.Spec)) func(*env) { return func(e *env) { change(e.spec()) } }

func one(name string, change func(s *specs.Spec), ask ...string) row {
	return row{name: name, change: []func(*env){on(change)}, ask: ask}
}

func rows() []row {
	return slices.Concat(namespaceRows(), joinRows(), userNamespaceRows(), mountOptionRows(), mountRows(), danglingRows(),
		pathRows(), processRows(), capabilityRows(), seccompRows(), resourceRows(), hookRows())
}

func setNamespaces(s *specs.Spec, types []specs.LinuxNamespaceType) {
	s.Linux.Namespaces = nil
	for _, t := range types {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: t})
	}
	if !slices.Contains(types, specs.UTSNamespace) {
		s.Hostname = ""
	}
}

// namespaceRows has every set of the five beside mount, which is always there:
// without it a runtime would mount into the host's namespace, by order.
func namespaceRows() []row {
	free := []specs.LinuxNamespaceType{specs.PIDNamespace, specs.NetworkNamespace, specs.IPCNamespace,
		specs.UTSNamespace, specs.CgroupNamespace}
	var all []row
	for bits := range 1 << len(free) {
		types := []specs.LinuxNamespaceType{specs.MountNamespace}
		for i, t := range free {
			if bits&(1<<i) != 0 {
				types = append(types, t)
			}
		}
		var names []string
		for _, t := range types {
			names = append(names, string(t))
		}
		all = append(all, one("namespaces "+strings.Join(names, "+"), func(s *specs.Spec) { setNamespaces(s, types) }))
	}
	seconds := one("namespaces time", func(s *specs.Spec) {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.TimeNamespace})
	})
	offset := one("namespaces time with offsets", func(s *specs.Spec) {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.TimeNamespace})
		s.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{
			"monotonic": {Secs: 1000, Nanosecs: 5}, "boottime": {Secs: 2000}}
	})
	seconds.skip, offset.skip = "runc", "runc" // runc knows time namespaces since 1.2
	return append(all, seconds, offset)
}

func joinRows() []row {
	join := func(t specs.LinuxNamespaceType, link string, flag uintptr) row {
		return row{name: "join " + string(t), change: []func(*env){func(e *env) {
			s := e.spec()
			path := filepath.Join(e.holder(flag), link)
			s.Linux.Namespaces = slices.DeleteFunc(s.Linux.Namespaces,
				func(n specs.LinuxNamespace) bool { return n.Type == t })
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: t, Path: path})
			if t == specs.UTSNamespace {
				s.Hostname = ""
			}
		}}}
	}
	self := one("join the host's network by path", func(s *specs.Spec) {
		s.Linux.Namespaces[1].Path = "/proc/1/ns/net"
	})
	both := row{name: "join network, ipc and uts of one process", change: []func(*env){func(e *env) {
		s := e.spec()
		dir := e.holder(syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS)
		for i := range s.Linux.Namespaces {
			switch n := &s.Linux.Namespaces[i]; n.Type {
			case specs.NetworkNamespace:
				n.Path = filepath.Join(dir, "net")
			case specs.IPCNamespace, specs.UTSNamespace:
				n.Path = filepath.Join(dir, string(n.Type))
			}
		}
		s.Hostname = ""
	}}}
	twice := one("the same namespace twice", func(s *specs.Spec) {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.PIDNamespace})
	})
	return []row{
		join(specs.NetworkNamespace, "net", syscall.CLONE_NEWNET), join(specs.IPCNamespace, "ipc", syscall.CLONE_NEWIPC),
		join(specs.UTSNamespace, "uts", syscall.CLONE_NEWUTS), join(specs.PIDNamespace, "pid_for_children", syscall.CLONE_NEWPID),
		join(specs.CgroupNamespace, "cgroup", syscall.CLONE_NEWCGROUP), self, both, twice,
	}
}

func userNamespaceRows() []row {
	mapped := func(name string, uid, gid []specs.LinuxIDMapping, more ...func(*env)) row {
		return row{name: "user namespace " + name, change: append([]func(*env){func(e *env) {
			kit.UserNamespace(e.b)
			e.spec().Linux.UIDMappings, e.spec().Linux.GIDMappings = uid, gid
			e.spec().Linux.Namespaces = append(e.spec().Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
		}}, more...)}
	}
	plain := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 65536}}
	split := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 1}, {ContainerID: 1, HostID: 200000, Size: 1999},
		{ContainerID: 2000, HostID: 300000, Size: 10}}
	return []row{
		mapped("65536 ids", plain, plain),
		mapped("three ranges", split, split),
		mapped("uid and gid differ", plain, split),
		mapped("host root is root", []specs.LinuxIDMapping{{ContainerID: 0, HostID: 0, Size: 1}}, []specs.LinuxIDMapping{{ContainerID: 0, HostID: 0, Size: 6}}),
		mapped("user 1000", plain, plain, on(func(s *specs.Spec) { s.Process.User = specs.User{UID: 1000, GID: 1000} })),
		mapped("groups", plain, plain, on(func(s *specs.Spec) { s.Process.User.AdditionalGids = []uint32{5, 2000} })),
		mapped("unmapped user", split, split, on(func(s *specs.Spec) { s.Process.User.UID = 5000 })),
		mapped("sysctl", plain, plain, on(func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "1"} })),
		mapped("no network namespace", plain, plain, on(func(s *specs.Spec) {
			s.Linux.Namespaces = slices.DeleteFunc(s.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == specs.NetworkNamespace })
		})),
		mapped("writable root", plain, plain, on(func(s *specs.Spec) { s.Root.Readonly = false })),
		mapped("a device", plain, plain, on(func(s *specs.Spec) {
			s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/mine", Type: "c", Major: 1, Minor: 5, FileMode: kit.Ptr(os.FileMode(0o640))}}
		})),
		one("mappings without a user namespace", func(s *specs.Spec) { s.Linux.UIDMappings = plain }),
		one("user namespace without mappings", func(s *specs.Spec) {
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
		}),
	}
}
