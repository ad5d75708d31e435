package libct

import (
	rspec "github.com/opencontainers/runtime-spec/specs-go"

	"stave/specs"
)

// startContainerHooks runs them in the container, by the machine of exec: the
// paths are the container's (config.md, Hooks), so what they name is the
// image's, and it gets the rights of the container's process, not ours.
func (c *Container) startContainerHooks(list []rspec.Hook) error {
	s := c.State()
	s.Status = rspec.StateCreated
	input := specs.AppendState(nil, s)
	for i := range list {
		h := list[i]
		if len(h.Env) == 0 {
			h.Env = c.Rec.Process.Env // as runc has always done where the entry has none
		}
		if err := runHook(&h, input, hookEnv{container: c}); err != nil {
			e := err.(*specs.Error)
			e.Field, e.Path, e.Step = pointer("/hooks/startContainer", i), h.Path, "hook startContainer"
			return e
		}
	}
	return nil
}

// spawnHook starts the hook with the given stdio. Unlike args[0] of a
// process, a hook's path is not searched for, and its args may differ.
func (c *Container) spawnHook(h *rspec.Hook, stdio [3]int) (int, error) {
	p := *c.Rec.Process
	p.Args, p.Env, p.Terminal = h.Args, h.Env, false
	if len(p.Args) == 0 {
		p.Args = []string{h.Path}
	}
	req := &Request{Verb: "start", ID: c.ID, Root: c.Root, Bundle: c.Rec.Bundle, NoNewKeyring: true, stdio: &stdio, execPath: h.Path}
	run, err := c.Exec(&p, nil, req)
	if err != nil {
		return 0, err
	}
	closeFD(run.Pidfd)
	return run.Pid, nil
}
