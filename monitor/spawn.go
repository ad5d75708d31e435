package monitor

import "golang.org/x/sys/unix"

// spawn.go: how the runtime is called.

// runtimeArgs is the runtime's command line. console is the path of the console
// socket, empty without a terminal.
func (c *Config) runtimeArgs(console string) []string {
	args := []string{c.Runtime}
	if c.SystemdCgroup && c.Mode != Exec {
		args = append(args, "--systemd-cgroup")
	}
	args = append(args, c.RuntimeArgs...)
	switch c.Mode {
	case Exec:
		args = append(args, "exec", "--pid-file", c.PidFile, "--process", c.ProcessSpec, "--detach")
	case Restore:
		args = append(args, "restore", "--bundle", c.Bundle, "--pid-file", c.PidFile)
	default:
		args = append(args, "create", "--bundle", c.Bundle, "--pid-file", c.PidFile)
	}
	if c.Mode != Exec {
		if c.NoPivot {
			args = append(args, "--no-pivot")
		}
		if c.NoNewKeyring {
			args = append(args, "--no-new-keyring")
		}
	}
	if c.Mode == Restore {
		args = append(args, "--detach", "--image-path", c.RestorePath, "--work-path", c.Bundle)
	}
	args = append(args, c.RuntimeOpts...)
	if console != "" {
		args = append(args, "--console-socket", console)
	}
	return append(args, c.ID)
}

// spawnRuntime starts the runtime with the given stdio.
func (c *Container) spawnRuntime(stdio [3]int) error {
	self := unix.Getpid()
	cmd, err := prepare(c.conf.runtimeArgs(c.console.path), c.m.Env, c.conf.ReplaceListenPID || listensAs(c.m.Env, self))
	if err != nil {
		return err
	}
	cmd.stdio = stdio
	cmd.oomScore = []byte(c.m.OOMScore)
	cmd.dieWith = self
	pid, pidfd, err := cmd.start()
	if err != nil {
		cmd.free()
		return err
	}
	c.command = cmd
	c.runtime.ended = c.runtimeEnded
	if err := c.runtime.follow(c.m, pid, pidfd); err != nil {
		unix.PidfdSendSignal(pidfd, unix.SIGKILL, nil, 0)
		unix.Close(pidfd)
		return err
	}
	c.m.creating++
	c.m.begun++
	c.runtime.begun = c.m.begun
	return nil
}

// listensAs says that the environment hands sockets to the process pid, which
// is us (sd_listen_fds(3)): they are meant for the container.
func listensAs(env Environ, pid int) bool {
	v, ok := env.Get("LISTEN_PID")
	return ok && v == itoa(pid)
}
