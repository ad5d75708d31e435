// Package libct makes containers: it compiles a configuration into a plan of
// system calls and executes it.
//
// # What
//
// A container's life, and where to read about it:
//
//	Prepare    load, check, ask the host, compile          prepare.go host.go plan.go
//	           the plan: steps, operations, registers      plan.go op.go sys.go
//	Execute    the parent's steps; messages                create.go parent.go state.go
//	           and the way back                            undo.go
//	clone      the raw child and its loop                  child.go machine.go
//	           namespaces, id maps, clocks, loopback       namespace.go thread.go loopback.go
//	           cgroups                                     resources.go, package cgroup
//	           rootfs, mounts, devices, console            rootfs.go inroot.go place.go mount.go hostmount.go
//	                                                       device.go console.go
//	           hooks; masked and read-only paths           hooks.go inside.go mask.go
//	           the host's tree goes away                   pivot.go
//	           limits, user, capabilities, filter, labels  process.go capability.go seccomp.go lsm.go
//	           the gate, the stub, execve                  gate.go become.go, package stub
//	Start      opens the gate, learns of execve            start.go execfail.go containerhooks.go notify.go
//	Exec       the same machine with another plan          exec.go
//	Kill, Delete, List, Freeze, Update                     container.go change.go
//	the plain cases of state, start, kill and delete,
//	before the runtime of Go begins                        package quick
//
// # Shapes
//
// Compile is pure: the same configuration, Host and Request give the same Plan.
// The parent's part of it runs in ordinary Go; the child's is a list of
// operations that a raw clone of the parent executes without the Go runtime.
// Parent and child share one socketpair and one page of memory.
//
// # Units
//
// Pids as the host counts; user and group ids as the container counts, unless
// a name begins with host; paths absolute on the host, or, as fields of the
// configuration, absolute in the rootfs; times in nanoseconds.
//
// # Errors
//
// Everything is a *specs.Error. After an error of Execute nothing is left, but
// for what the kernel would not take back, and then the record of it; Start
// leaves the container stopped, or, if a hook failed, removes it; ForceDelete
// is total.
//
// # Sources
//
// The runtime-spec 1.3 (runtime, config, config-linux); the manual pages named
// at each step; for child.go the comments in Go's runtime/proc.go and
// syscall/exec_linux.go.
//
// # Not here
//
// The systemd cgroup driver, rootless containers, resctrl, memory policy,
// network devices, checkpoint and restore.
package libct
