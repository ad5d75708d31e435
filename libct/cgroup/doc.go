// Package cgroup knows the control groups of this host: where they are, what
// has to be written into which file for a container's resources, and how to
// freeze, kill, count and remove what lives in them.
//
// # What
//
// Three layouts exist (cgroups(7)): v1, one hierarchy per controller; v2, one
// hierarchy for all; hybrid, controllers on v1 beside a v2 hierarchy that
// mostly tracks processes. A container has one directory in each hierarchy.
//
// # Shapes
//
//	Detect ─▶ Layout ─Dirs─▶ []Dir ─┬─ Ancestors, Enable, Settings ─▶ []Write   pure: the plan
//	                                ├─ JoinFiles, InitialCgroupDir ─▶ paths     pure: the child
//	                                └─ Check Freeze Kill Procs Stats OOM Remove   act on the kernel
//
// The pure half decides everything that the configuration can decide; a
// question that only the kernel can answer (which of two files exists) stays
// in the data as the Else of a Write.
//
// # Units
//
// Bytes; microseconds for quotas and periods; nanoseconds in Stats; weights
// as the file takes them (blkio 10–1000, v2 1–10000); process ids as this
// process sees them. Every Dir.Path is absolute and on the host.
//
// # Errors
//
// Everything is a *specs.Error. A limit that this host cannot keep is
// ErrUnsupported and names its field, one that makes no sense is ErrInvalid;
// neither is ever dropped. Zero means "not set" where the controllers and
// other runtimes have always read it so (memory, cpu and block IO values);
// pids.limit is the exception.
//
// A failed Make leaves nothing it made. A failed Remove or Kill names the
// processes that are left and may be called again.
//
// # Sources
//
// cgroups(7); the kernel's admin-guide/cgroup-v2 and cgroup-v1; runtime-spec
// 1.3 config-linux, "Control groups" to "Unified"; bpf(2); openat2(2).
//
// # Not here
//
// The systemd driver, resctrl (intelRdt), mounting a cgroup file system for
// the container, threaded subtrees.
//
// # Trust
//
// Below a container's own directory every name may have been chosen by the
// container, so nothing is ever reached by path from "/": a walk starts at
// the mount point and uses openat2(2) with RESOLVE_BENEATH and
// RESOLVE_NO_SYMLINKS from there.
package cgroup
