package libct

import (
	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// The way back: of a create that fails at any step nothing is left. What the
// kernel does not give up stays on record, where delete --force finds it.

// rollback undoes what has been done so far, in the order of delete.
func (c *Create) rollback() {
	if c.sock >= 0 {
		unix.Close(c.sock)
	}
	if c.helper != 0 {
		unix.Kill(c.helper, unix.SIGKILL)
		Wait(c.helper)
		if c.Pid == c.helper {
			c.Pid = 0
			if pid := int(c.m.page.pid); unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil) == nil {
				c.Pid = pid
			}
		}
	}
	if c.Pid > 0 {
		unix.Kill(c.Pid, unix.SIGKILL) // our own child, not yet reaped: the number is still its
		Wait(c.Pid)
	}
	c.m.endThread()
	if c.pidFile {
		unix.Unlink(c.Req.PidFile)
	}
	c.Close()
	if c.lock != nil && !c.borrowed {
		if c.undo() {
			c.lock.remove()
		} else {
			c.lock.close() // what is left is found from it
		}
	}
	if h := c.Spec.Hooks; c.hooked && h != nil {
		// runtime.md, Lifecycle: after a failed hook the container is
		// destroyed and its poststop hooks run all the same.
		s := &rspec.State{Version: rspec.Version, ID: c.Req.ID, Status: rspec.StateStopped, Bundle: c.Req.Bundle, Annotations: c.Spec.Annotations}
		poststop(h.Poststop, s)
	}
}

// Close gives back what a plan in execution has of its process: the handles of
// the container's process and terminal, descriptors of the plan, memory shared
// with the child. The container is not touched. A command that ends need not
// call it; after it, there is no timeline any more.
func (c *Create) Close() {
	c.release()
	for _, fd := range [...]*int{&c.Pidfd, &c.Master, &c.Notify} {
		closeFD(*fd)
		*fd = -1
	}
	for _, fd := range c.fds {
		unix.Close(fd)
	}
	c.fds = nil
	c.m.unmap()
}

// undo takes away the lasting things that the plan has made so far.
func (c *Create) undo() bool {
	if c.Rec == nil {
		return true
	}
	unmounted := unmountListed(c.lock, c.Rec)
	removed := removeDirs(c.Req.CgroupDirs, c.Rec.CgroupOwned)
	return unmounted == nil && removed == nil
}

// release closes what the parent's operations have opened and left open: where
// there are few descriptors (EMFILE), the way back needs some.
func (c *Create) release() {
	drop := func(r Reg) {
		if fd := int(c.m.regs[r]); fd > 2 {
			unix.Close(fd)
			c.m.regs[r] = 0
		}
	}
	drop(c.Plan.childEnd)
	for i := range c.Plan.Steps {
		if c.Plan.Steps[i].Actor != Parent {
			continue
		}
		for _, o := range c.Plan.Steps[i].Ops {
			switch o.NR {
			case unix.SYS_OPENAT, unix.SYS_OPENAT2, unix.SYS_OPEN_TREE, unix.SYS_MEMFD_CREATE:
				drop(o.Dst) // 0 where nothing was opened: registers begin as that
			}
		}
	}
}
