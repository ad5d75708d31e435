package libct

import (
	"strings"
	"syscall"
	"time"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/specs"
)

// Hooks: programs of the host's administrator at six points of a container's
// life (config.md, POSIX-platform Hooks). Each gets the state as JSON on its
// standard input, the environment of its own entry and no other (so that an
// image cannot give it LD_PRELOAD), and a process group that is killed as a
// whole when its time is up.

// hookEnv says where a hook runs.
type hookEnv struct {
	dir       string     // working directory on the host
	inside    *inside    // the container's namespaces and the host's paths
	container *Container // the container itself, by the machine of exec
}

const maxHookOutput = 4096 // of stderr, for the error message

// runtimeHooks places the hooks that run between the mounts and the pivot:
// prestart and createRuntime in the runtime's namespaces, createContainer in
// the container's.
func (b *builder) runtimeHooks() {
	h := b.spec.Hooks
	if h == nil {
		return
	}
	//nolint:staticcheck // prestart is deprecated and still used
	for _, k := range [...]struct {
		name, why string
		list      []rspec.Hook
		inside    bool
	}{
		{"prestart", "in the runtime's namespaces, before pivot_root; deprecated by the specification and still much used", h.Prestart, false},
		{"createRuntime", "in the runtime's namespaces, once the container's exist and before pivot_root; config.md, Hooks", h.CreateRuntime, false},
		{"createContainer", "in the container's namespaces, before pivot_root: the paths are still the host's; config.md, Hooks", h.CreateContainer, true},
	} {
		for i := range k.list {
			hook := k.list[i : i+1]
			name, inside := k.name, k.inside
			b.call("hook "+name+" "+k.list[i].Path, pointer("/hooks/"+name, i), k.why,
				[]string{"fork, execve " + k.list[i].Path + ", state on stdin"},
				func(c *Create) error { return c.hooks(name, hook, inside) })
		}
	}
}

func (c *Create) hooks(name string, list []rspec.Hook, in bool) error {
	s := &rspec.State{Version: rspec.Version, ID: c.Req.ID, Status: rspec.StateCreating, Pid: c.Pid, Bundle: c.Req.Bundle, Annotations: c.Spec.Annotations}
	c.hooked = true
	env := hookEnv{dir: c.Req.Bundle}
	if in {
		env.inside = &inside{pidfd: c.Pidfd, flags: c.Plan.namespaceFlags, dir: absolute(c.Req.Bundle, c.Spec.Root.Path)}
	}
	return runHooks(name, list, s, env)
}

// runHooks runs them in order; the first that fails ends it.
func runHooks(kind string, list []rspec.Hook, s *rspec.State, env hookEnv) error {
	input := specs.AppendState(nil, s)
	for i := range list {
		if err := runHook(&list[i], input, env); err != nil {
			e := err.(*specs.Error)
			e.Field, e.Path = pointer("/hooks/"+kind, i), list[i].Path
			if e.Step == "" {
				e.Step = "hook " + kind
			}
			return e
		}
	}
	return nil
}

// runHook runs one hook to its end.
func runHook(h *rspec.Hook, input []byte, env hookEnv) error {
	in, out := [2]int{-1, -1}, [2]int{-1, -1}
	if err := pipes(&in, &out); err != nil {
		return err
	}
	defer unix.Close(out[0])
	args := h.Args
	if len(args) == 0 {
		args = []string{h.Path}
	}
	var pid int
	var err error
	if env.container != nil {
		pid, err = env.container.spawnHook(h, [3]int{in[0], out[1], out[1]})
	} else if env.inside != nil {
		pid, err = env.inside.spawn(h.Path, args, h.Env, [3]int{in[0], out[1], out[1]})
	} else {
		pid, err = syscall.ForkExec(h.Path, args, &syscall.ProcAttr{Dir: env.dir, Env: noNil(h.Env), Files: []uintptr{uintptr(in[0]), uintptr(out[1]), uintptr(out[1])},
			Sys: &syscall.SysProcAttr{Setpgid: true}})
	}
	unix.Close(in[0])
	unix.Close(out[1])
	if err != nil {
		unix.Close(in[1])
		if e, ok := err.(*specs.Error); ok {
			return e
		}
		return &specs.Error{Syscall: "execve", Errno: err.(syscall.Errno)}
	}
	deadline := int64(0)
	if h.Timeout != nil {
		deadline = monotonic() + int64(*h.Timeout)*int64(time.Second)
	}
	return attend(pid, in[1], out[0], input, deadline)
}

func noNil(env []string) []string {
	if env == nil {
		return []string{} // nil would mean: ours
	}
	return env
}

func pipes(in, out *[2]int) error {
	var a, b [2]int
	if err := unix.Pipe2(a[:], unix.O_CLOEXEC); err != nil {
		return &specs.Error{Syscall: "pipe2", Errno: err.(unix.Errno)}
	}
	if err := unix.Pipe2(b[:], unix.O_CLOEXEC); err != nil {
		unix.Close(a[0])
		unix.Close(a[1])
		return &specs.Error{Syscall: "pipe2", Errno: err.(unix.Errno)}
	}
	unix.SetNonblock(a[1], true)
	unix.SetNonblock(b[0], true)
	*in, *out = a, b
	return nil
}

// attend feeds a hook its input, collects what it says, and waits for it, all
// in one poll loop: none of the three can block the others. A child of the
// hook that keeps the pipe open is not waited for.
func attend(pid, in, out int, input []byte, deadline int64) error {
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		unix.Close(in)
		return &specs.Error{Syscall: "pidfd_open", Errno: err.(unix.Errno)}
	}
	defer unix.Close(pidfd)
	var said []byte
	for {
		p := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}, {Fd: int32(out), Events: unix.POLLIN}, {Fd: int32(in), Events: unix.POLLOUT}}
		limit := -1
		if deadline > 0 {
			limit = int(max(0, (deadline-monotonic()+999999)/1000000))
		}
		n, err := unix.Poll(p, limit)
		if err == unix.EINTR {
			continue
		}
		if n == 0 && deadline > 0 && monotonic() >= deadline {
			unix.Kill(-pid, unix.SIGKILL)
			unix.Kill(pid, unix.SIGKILL)
			Wait(pid)
			if in >= 0 {
				unix.Close(in)
			}
			return &specs.Error{Problem: "the hook's timeout is over", Errno: unix.ETIMEDOUT}
		}
		if in >= 0 && p[2].Revents != 0 {
			w, err := unix.Write(in, input)
			if err == nil {
				input = input[w:]
			}
			if err != nil && err != unix.EAGAIN || len(input) == 0 {
				unix.Close(in) // done, or it does not want to know (EPIPE)
				in = -1
			}
		}
		said = collect(out, said, &p[1])
		if p[1].Revents&(unix.POLLHUP|unix.POLLIN) == unix.POLLHUP {
			out = -1
		}
		if p[0].Revents != 0 {
			if in >= 0 {
				unix.Close(in)
			}
			status := Wait(pid)
			if out >= 0 {
				said = collect(out, said, &unix.PollFd{Revents: unix.POLLIN})
			}
			return hookResult(status, said)
		}
	}
}

// collect keeps the first part of what a hook writes and drains the rest.
func collect(fd int, said []byte, p *unix.PollFd) []byte {
	if fd < 0 || p.Revents&unix.POLLIN == 0 {
		return said
	}
	buf := make([]byte, 32<<10)
	for i := 0; i < 16; i++ {
		n, err := unix.Read(fd, buf)
		if n <= 0 || err != nil {
			break
		}
		said = append(said, buf[:min(n, maxHookOutput-len(said))]...)
	}
	return said
}

func hookResult(status unix.WaitStatus, said []byte) error {
	if status.Exited() && status.ExitStatus() == 0 {
		return nil
	}
	what := "exit status " + itoa(int64(status.ExitStatus()))
	if status.Signaled() {
		what = "killed by " + unix.SignalName(status.Signal())
	}
	text := strings.Join(strings.Fields(string(said)), " ")
	if text != "" {
		what += ": " + text
	}
	return &specs.Error{Problem: what}
}
