package main

import (
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"stave/cmd/stave-monitor/cli"
	"stave/monitor"
	"stave/monitor/logs"
	specs "stave/specs/leaf"
)

// options makes of the flags what they mean together. The first thing that is
// wrong is the error, in conmon's order and words: callers and their tests know them.
func options(v *cli.Values, notices *monitor.Notices) (*monitor.Conmon, error) {
	h := &monitor.Conmon{SyncPipe: -1, StartPipe: -1, AttachPipe: -1}
	if err := settleNotices(v, notices); err != nil {
		return nil, err
	}
	for _, check := range []func(*cli.Values, *monitor.Conmon) error{settleLogFiles, settleMode, settleRuntime, settleBundle, settleEnd, settleLog} {
		if err := check(v, h); err != nil {
			return nil, err
		}
	}
	return h, nil
}

func wrong(problem string) error { return &specs.Error{Problem: problem, Kind: specs.ErrInvalid} }

func settleNotices(v *cli.Values, n *monitor.Notices) error {
	level, ok := monitor.ParseLevel(v.String("log-level"))
	if !ok {
		return wrong("No such log level " + v.String("log-level"))
	}
	n.Level, n.Syslog, n.ID, n.Tag = level, v.Bool("syslog"), v.String("cid"), v.String("log-tag")
	return nil
}

func settleLogFiles(v *cli.Values, _ *monitor.Conmon) error {
	switch n := v.Int("log-max-files"); {
	case n < 0:
		return wrong("log-max-files must be non-negative")
	case n == 0 && v.Bool("log-rotate"):
		return wrong("log-max-files must be at least 1 when log-rotate is enabled")
	}
	return nil
}

func settleMode(v *cli.Values, h *monitor.Conmon) error {
	h.ID = v.String("cid")
	_, restore := v.Lookup("restore")
	exec := v.Bool("exec")
	h.Attach = v.Bool("exec-attach")
	if v.Bool("api-version") {
		h.APIVersion = 1
	}
	_, cuuid := v.Lookup("cuuid")
	switch {
	case !v.Bool("cid"):
		return wrong("Container ID not provided. Use --cid")
	case h.ID == "" || strings.Contains(h.ID, "/"):
		return wrong("Container ID is no name for a file: " + h.ID)
	case exec && restore:
		return wrong("Cannot use 'exec' and 'restore' at the same time")
	case h.Attach && !exec:
		return wrong("Attach can only be specified with exec")
	case h.Attach && h.APIVersion < 1:
		return wrong("Attach can only be specified for a non-legacy exec session")
	case !cuuid && (!exec || h.APIVersion >= 1):
		return wrong("Container UUID not provided. Use --cuuid")
	case exec:
		h.Mode = monitor.Exec
	case restore:
		h.Mode, h.RestorePath = monitor.Restore, v.String("restore")
	}
	return nil
}

func settleRuntime(v *cli.Values, h *monitor.Conmon) error {
	h.Runtime = v.String("runtime")
	if h.Runtime == "" {
		return wrong("Runtime path not provided. Use --runtime")
	}
	if err := unix.Access(h.Runtime, unix.X_OK); err != nil {
		return &specs.Error{Errno: err.(syscall.Errno), Problem: "Runtime path " + h.Runtime + " is not valid"}
	}
	h.RuntimeArgs, h.RuntimeOpts = v.Strings("runtime-arg"), v.Strings("runtime-opt")
	h.SystemdCgroup, h.NoPivot, h.NoNewKeyring = v.Bool("systemd-cgroup"), v.Bool("no-pivot"), v.Bool("no-new-keyring")
	h.ReplaceListenPID = v.Bool("replace-listen-pid")
	h.ProcessSpec = v.String("exec-process-spec")
	if h.Mode == monitor.Exec && h.ProcessSpec == "" {
		return wrong("Exec process spec path not provided. Use --exec-process-spec")
	}
	for _, name := range []string{"seccomp-notify-socket", "seccomp-notify-plugins"} {
		if v.Bool(name) {
			return &specs.Error{Problem: "--" + name + " is not supported", Hint: "set linux.seccomp.listenerPath in config.json", Kind: specs.ErrUnsupported}
		}
	}
	return nil
}

// settleBundle finds where everything is.
func settleBundle(v *cli.Values, h *monitor.Conmon) error {
	cwd, err := unix.Getwd()
	if err != nil {
		return &specs.Error{Syscall: "getcwd", Errno: err.(syscall.Errno), Problem: "Failed to get working directory"}
	}
	absolute := func(path string) string {
		if path == "" || path[0] == '/' {
			return path
		}
		return strings.TrimSuffix(cwd, "/") + "/" + path
	}
	h.Bundle = absolute(v.String("bundle"))
	if h.Bundle == "" && h.Mode != monitor.Exec {
		h.Bundle = cwd
	}
	if h.PidFile = v.String("container-pidfile"); h.PidFile == "" {
		h.PidFile = cwd + "/pidfile-" + h.ID
	}
	h.ExitDir, h.PersistDir = absolute(v.String("exit-dir")), absolute(v.String("persist-dir"))
	h.Terminal, h.Stdin, h.LeaveStdinOpen = v.Bool("terminal"), v.Bool("stdin"), v.Bool("leave-stdin-open")
	h.NotifySocket = v.String("sdnotify-socket")
	if h.Bundle == "" || passthrough(&monitor.Conmon{Config: monitor.Config{Log: logs.Config{Paths: v.Strings("log-path")}}}) {
		return nil
	}
	h.Fifos = true
	if v.Bool("full-attach") {
		h.AttachPath = h.Bundle + "/attach"
		return nil
	}
	h.AttachLink = strings.TrimSuffix(absolute(v.String("socket-dir-path")), "/") + "/" + v.String("cuuid")
	// With exactly this length the path of the link would leave no room for
	// /attach. Callers know that the last letter is missing then.
	if len(h.AttachLink) == maxSunPath {
		h.AttachLink = h.AttachLink[:maxSunPath-1]
	}
	h.AttachPath = h.AttachLink + "/attach"
	return nil
}

// maxSunPath is the longest path in a sockaddr_un; unix(7).
const maxSunPath = 107

func settleEnd(v *cli.Values, h *monitor.Conmon) error {
	if v.Int("exit-delay") < 0 {
		return wrong("Delay before invoking exit command must be greater than or equal to 0")
	}
	h.ExitDelay = time.Duration(v.Int("exit-delay")) * time.Second
	h.Timeout = time.Duration(max(v.Int("timeout"), 0)) * time.Second
	if path := v.String("exit-command"); path != "" {
		h.ExitCommand = append([]string{path}, v.Strings("exit-command-arg")...)
	}
	return nil
}

func settleLog(v *cli.Values, h *monitor.Conmon) error {
	h.Log = logs.Config{
		ID: h.ID, Name: v.String("name"), Tag: v.String("log-tag"), Labels: v.Strings("log-label"), Paths: v.Strings("log-path"),
		SizeMax: v.Int("log-size-max"), GlobalSizeMax: v.Int("log-global-size-max"),
		Rotate: v.Bool("log-rotate"), MaxFiles: int(v.Int("log-max-files")), AllowlistDirs: v.Strings("log-allowlist-dir"),
		NoPartialMessage: v.Bool("no-container-partial-message"), NoSync: v.Bool("no-sync-log"),
	}
	switch policy := v.String("log-on-full"); policy {
	case "drop":
	case "block":
		h.Log.OnFull = logs.Block
	default:
		return wrong("No such policy for a full log: " + policy)
	}
	return nil
}
