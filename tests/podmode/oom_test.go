package podmode

import (
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"stave/tests/kit"
)

func withTerminal(s *specs.Spec) { s.Process.Terminal = true }

// That the kernel killed for memory is in the record.
func TestOOM(t *testing.T) {
	p := newPod(t)
	limit := int64(16 << 20)
	b := kit.NewBundle(t, kit.Shell("x=0123456789abcdef; while :; do x=$x$x; done"), kit.With(func(s *specs.Spec) {
		s.Linux.Resources = &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit}}
	}))
	req := p.request(b)
	id := p.created(req)
	if _, err := p.Start(p.ctx, id); err != nil {
		t.Fatal(err)
	}
	end, err := p.Wait(p.ctx, id, "")
	if err != nil || !end.OOMKilled || end.Signal != "SIGKILL" || end.Code != 137 {
		t.Errorf("%+v %v", end, err)
	}
	p.gone(id)
}
