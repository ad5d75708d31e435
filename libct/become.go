package libct

import (
	"runtime"
	"strings"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/libct/seccomp"
	"stave/libct/stub"
)

// Becoming the container's program. In most containers the child first
// becomes the stub (package stub), so that /proc/self/exe never leads to the
// runtime's binary. Where that will not do, the runtime has sealed its own
// binary before (selfexe.go), and the child calls execve(2) itself.

// prepareStub makes the stub, in the parent: a file in memory that nobody can
// change any more.
func (b *builder) prepareStub() {
	b.sealed = b.host.Sealed
	if !b.useStub() {
		return
	}
	b.stub = b.name(b.newReg(), "stub")
	image := stub.Image()
	b.step(Parent, "stub", "", "what the child is at the moment of execve(2): a sealed file in memory and not the runtime's binary (CVE-2019-5736); memfd_create(2)")
	made := b.label()
	// MFD_EXEC is newer (6.3) than what it says: that the file may be executed.
	b.op(unix.SYS_MEMFD_CREATE, b.str("stave"), n(unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_EXEC)).to(b.stub).on(ruleOK, made).ignore(uint16(unix.EINVAL))
	b.op(unix.SYS_MEMFD_CREATE, b.str("stave"), n(unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)).to(b.stub)
	b.place(made)
	b.op(unix.SYS_WRITE, b.stub.arg(), at(b.bytes(image)), n(len(image))).want(len(image))
	b.op(unix.SYS_FCNTL, b.stub.arg(), n(unix.F_ADD_SEALS), n(seals))
}

// useStub decides. The stub will not do
//   - where another process may look at the child before: in a pid namespace
//     that is not its own, or for an exec that may be traced;
//   - with a label for execve(2), which the first of two would use up;
//   - with a filter that refuses one of the two calls it takes.
func (b *builder) useStub() bool {
	p := b.spec.Process
	switch {
	case p == nil || stub.Image() == nil || b.host.Sealed || b.host.NoExecMemfd:
		return false
	case p.ApparmorProfile != "" || p.SelinuxLabel != "":
		return false
	case b.req.PreserveFDs+b.req.ListenFDs > 150: // its arguments are descriptors of one byte
		return false
	case b.req.Verb == "exec" || b.req.Verb == "start":
		if b.staged || b.exposed {
			return false
		}
	case !b.isNew(rspec.PIDNamespace):
		return false
	}
	return b.filterAllowsStub()
}

// filterAllowsStub asks the filter that will be on: with no_new_privs it comes
// last, and without before the child is the stub.
func (b *builder) filterAllowsStub() bool {
	prog := b.compiled
	if len(b.execFilter) > 8 {
		prog = b.execFilter[8:]
	}
	if len(prog) == 0 {
		return true
	}
	const fd = 9
	return seccomp.Allows(prog, auditArch, unix.SYS_FCNTL, [6]uint64{fd, unix.F_SETFD, 0}) &&
		seccomp.Allows(prog, auditArch, unix.SYS_EXECVEAT, [6]uint64{fd, 1, 1, 1, unix.AT_EMPTY_PATH})
}

// auditArch is AUDIT_ARCH_X86_64: the stub is for that only.
const auditArch = 0xc000003e

// ownArch is the AUDIT_ARCH_* by which a filter knows us; 0: not in this list.
func ownArch() uint32 {
	switch runtime.GOARCH {
	case "amd64":
		return auditArch
	case "arm64":
		return 0xc00000b7
	case "riscv64":
		return 0xc00000f3
	}
	return 0
}

// becomeStub ends the child's part: the stub's arguments tell it the rest.
func (b *builder) becomeStub(p *rspec.Process, field string) {
	b.mark = len(b.Steps)
	report, gate := b.childEnd, Reg(0)
	if b.req.Gate {
		report, gate = b.result, b.gate
	}
	b.step(Child, "become the stub", field+"/args", "a program of some 300 bytes takes our place, so that what the container sees of us is nothing; execveat(2)")
	// A descriptor is a string of one byte: the poke writes three NULs more.
	reportArg, gateArg := b.bytes(make([]byte, 8)), b.bytes([]byte{0xff, 0, 0, 0, 0, 0, 0, 0})
	b.op(opPoke, at(reportArg), report.arg())
	b.op(unix.SYS_FCNTL, report.arg(), n(unix.F_SETFD), n(0))
	if gate != 0 {
		b.op(opPoke, at(gateArg), gate.arg())
		b.op(unix.SYS_FCNTL, gate.arg(), n(unix.F_SETFD), n(0))
	}
	argv := []uint64{reportArg, gateArg}
	for _, s := range append(append(append([]string(nil), candidatesOf(p, b.req)...), ""), p.Args...) {
		argv = append(argv, b.str(s).val)
	}
	envp := b.pointers(b.environment(p))
	b.op(unix.SYS_EXECVEAT, b.stub.arg(), b.str(""), b.pointerArray(argv), envp, n(unix.AT_EMPTY_PATH))
}

// asStub is what the stub does, for those who read the plan: the machine has no
// part in it.
func (b *builder) asStub(p *rspec.Process, field string) {
	report, gate := b.childEnd, b.gate
	if b.req.Gate {
		report = b.result
	}
	envp := b.pointers(b.environment(p))
	if b.req.Gate {
		s := b.step(Child, "wait at the gate", "", "created; the next byte comes from start; runtime.md, Lifecycle")
		s.Stub = true
		b.op(unix.SYS_FCNTL, report.arg(), n(unix.F_SETFD), n(unix.FD_CLOEXEC))
		b.op(unix.SYS_FCNTL, gate.arg(), n(unix.F_SETFD), n(unix.FD_CLOEXEC))
		b.op(unix.SYS_READ, gate.arg(), at(b.bytes(make([]byte, 8))), n(1))
	}
	s := b.step(Child, "execve", field+"/args", "the program takes over: same process, same namespaces, nothing of ours left; execve(2)")
	s.Stub = true
	if !b.req.Gate {
		b.op(unix.SYS_FCNTL, report.arg(), n(unix.F_SETFD), n(unix.FD_CLOEXEC))
	}
	args := b.pointers(p.Args)
	for _, c := range candidatesOf(p, b.req) {
		b.op(unix.SYS_EXECVE, b.str(c), args, envp).flag(opKeep)
	}
}

// stubStep is the step of the program's execve(2), for errors that the stub
// reports, or -1.
func (p *Plan) stubStep() int {
	for i := range p.Steps {
		if p.Steps[i].Stub && strings.HasPrefix(p.Steps[i].Name, "execve") {
			return i
		}
	}
	return -1
}
