package faults

import (
	"path/filepath"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"stave/tests/kit"
)

// A runtime that forks goes into the container's pid namespace for that moment.
// Where it does not come back, whatever it forked next would be in there too: it
// says so, and its child is not left. The seccomp filter is what makes exec fork,
// and strace(1) what refuses the way back.
func TestPIDNamespaceThatCannotBeLeft(t *testing.T) {
	kit.Begin(t)
	r := kit.Subject(t)
	strace := kit.NeedTool(t, "strace")
	b := kit.NewBundle(t, kit.Args("sleep", "60"), kit.With(func(s *specs.Spec) {
		s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow,
			Syscalls: []specs.LinuxSyscall{{Names: []string{"execveat"}, Action: specs.ActErrno}}}
	}))
	id := r.Running(b)
	before := kit.Snap(r, b)
	exec := func(inject string) *kit.Result {
		c := r.Cmd("exec", id, "true")
		c.Args = append([]string{strace, "-f", "-qq", "-o", filepath.Join(kit.Dir(t), "calls"), "-e", "trace=setns", "-e", inject}, c.Args...)
		c.Start(t)
		return c.Wait()
	}
	// The control: the child's own setns(2) is the first of its thread, and there
	// is no third.
	if res := exec("inject=setns:error=EPERM:when=3"); res.Code != 0 {
		t.Fatal(res)
	}
	for _, inject := range []string{"inject=setns:error=EPERM:when=1", "inject=setns:error=EPERM:when=2"} {
		wantTyped(t, inject, exec(inject), "exec "+id, "setns(2): EPERM")
		kit.NoLeak(t, r, before, b)
		if res := r.Exec(id, nil, "true"); res.Code != 0 {
			t.Errorf("after that: %s", res)
		}
	}
	if res := r.Delete(id, "--force"); res.Code != 0 {
		t.Error(res)
	}
}
