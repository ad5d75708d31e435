package cli

// Globals are the flags that stand before the verb.
var Globals = []Flag{
	{Name: "root", Kind: String, Default: "/run/stave", Value: "DIR", Complete: CompleteDir,
		Usage: "keep the state of containers in DIR, best a tmpfs; without root's rights the default is $XDG_RUNTIME_DIR/stave"},
	{Name: "log", Kind: String, Value: "FILE", Complete: CompleteFile,
		Usage: "append messages to FILE instead of standard error"},
	{Name: "log-format", Kind: String, Default: "text", Value: "FORMAT", Choices: "text|json", Complete: CompleteChoice,
		Usage: "write messages as text or as json, one object a line; with json an error keeps its step, field, system call and errno apart"},
	{Name: "debug", Kind: Bool,
		Usage: "also write messages that only matter when something is wrong with stave itself"},
	{Name: "systemd-cgroup", Kind: Bool,
		Usage: "let systemd make the cgroup; linux.cgroupsPath then reads slice:prefix:name, such as system.slice:stave:web1"},
	{Name: "rootless", Kind: String, Default: "auto", Value: "MODE", Choices: "true|false|auto", Complete: CompleteChoice,
		Usage: "go on without a cgroup where permission to make one is missing: true, false, or auto to decide by who we are"},
	{Name: "help", Short: "h", Kind: Bool, Usage: "show help; after a verb, the help of that verb"},
	{Name: "version", Short: "v", Kind: Bool, Usage: "show the versions of stave, of the OCI specification, and of Go"},
}

// helpFlag is a flag of every verb.
var helpFlag = []Flag{{Name: "help", Short: "h", Kind: Bool, Usage: "show this help"}}

// The headings of `stave --help`, in this order.
const (
	groupLife   = "Life of a container"
	groupLook   = "Look at containers"
	groupChange = "Change a running container"
	groupLearn  = "See what happens inside"
	groupSetup  = "Set up"
)

// The flags that more than one verb has, so that they read the same everywhere.
var (
	flagBundle = Flag{Name: "bundle", Short: "b", Kind: String, Value: "DIR", Complete: CompleteDir,
		Usage: "take config.json from DIR instead of the current directory"}
	flagConsoleSocket = Flag{Name: "console-socket", Kind: String, Value: "SOCKET", Complete: CompleteFile, Group: "Terminal and files",
		Usage: "send the master side of the terminal to the unix socket SOCKET (SCM_RIGHTS)"}
	flagPidfdSocket = Flag{Name: "pidfd-socket", Kind: String, Value: "SOCKET", Complete: CompleteFile, Group: "Terminal and files",
		Usage: "send a pidfd of the process to the unix socket SOCKET (SCM_RIGHTS)"}
	flagPidFile = Flag{Name: "pid-file", Kind: String, Value: "FILE", Complete: CompleteFile, Group: "Terminal and files",
		Usage: "write the process id, as the host counts, to FILE"}
	flagPreserveFDs = Flag{Name: "preserve-fds", Kind: Int, Value: "N", Group: "Terminal and files",
		Usage: "hand on N more file descriptors, after 0, 1, 2 and those of $LISTEN_FDS"}
	flagNoPivot = Flag{Name: "no-pivot", Kind: Bool, Group: "Isolation",
		Usage: "enter the root with a moved mount and chroot(2) instead of pivot_root(2), which an initramfs cannot do; weaker"}
	flagNoKeyring = Flag{Name: "no-new-keyring", Kind: Bool, Group: "Isolation",
		Usage: "keep the caller's session keyring instead of a new one; the container can then read the caller's keys"}
	flagDetach = Flag{Name: "detach", Short: "d", Kind: Bool,
		Usage: "return as soon as the process runs instead of waiting for its end"}
	flagNoSubreaper = Flag{Name: "no-subreaper", Kind: Bool, Hidden: true,
		Usage: "accepted for callers of runc; stave never makes itself a subreaper"}
	flagTrace = Flag{Name: "trace", Kind: String, Value: "FILE", Complete: CompleteFile, Group: "Insight",
		Usage: "write the time of every step to FILE; show it with stave trace"}
	flagFormat = Flag{Name: "format", Short: "f", Kind: String, Default: "table", Value: "FORMAT", Choices: "table|json", Complete: CompleteChoice,
		Usage: "print a table, or json on one line"}
)

var (
	statusRun = []Status{
		{"0–255", "The status of the container's process; 128+n if signal n ended it."},
		{"1", "Also: an error of stave; the last line says which step failed and why."},
		{"126, 127", "Also: the program cannot be executed, or was not found."},
	}
	filesBundle = []Status{
		{"config.json", "In the bundle: the OCI configuration."},
	}
)

// Commands are all verbs, in the order in which help shows them.
var Commands = []Command{
	{
		Name: "create", Group: groupLife, Usage: "make a container, ready to start", ArgsUsage: "ID",
		Description: `Makes the container ID out of a bundle: a directory with a config.json and a root filesystem. When create returns, namespaces, mounts, cgroup and credentials are in place and the process waits one step before execve(2), for stave start.

If any step fails, create takes back what it has made and names the step, the field of config.json, the system call and the errno.`,
		Flags:   []Flag{flagBundle, flagConsoleSocket, flagPidfdSocket, flagPidFile, flagPreserveFDs, flagNoPivot, flagNoKeyring, flagTrace},
		MinArgs: 1, MaxArgs: 1, Files: filesBundle,
		Examples: []Example{
			{"Create from a bundle elsewhere, and keep the pid:", "stave create --bundle /srv/web --pid-file /run/web1.pid web1"},
			{"See where the time goes:", "stave create -b /srv/web --trace web1.trace web1 && stave trace web1.trace"},
		},
	},
	{
		Name: "start", Group: groupLife, Usage: "let a created container run its program", ArgsUsage: "ID",
		Description: `Opens the gate at which a created container waits: the process runs the startContainer hooks, then execve(2). start waits for the result of that call, so a program that is missing or not executable is an error of start itself.`,
		MinArgs:     1, MaxArgs: 1, Args: []Complete{CompleteID},
		Examples: []Example{{"Start what create has made:", "stave start web1"}},
		ExitStatus: []Status{
			{"0", "The program runs."},
			{"1", "An error; the last line says which step failed and why."},
			{"126", "The program was found but cannot be executed."},
			{"127", "The program was not found in the container."},
		},
	},
	{
		Name: "run", Group: groupLife, Usage: "create, start, wait, and delete in one", ArgsUsage: "ID",
		Description: `Does what create and start do, then waits for the process, passes signals on to it, deletes the container, and exits with the status of the process.`,
		Flags: []Flag{flagBundle, flagDetach,
			{Name: "keep", Kind: Bool, Usage: "do not delete the container when its process has ended"},
			flagConsoleSocket, flagPidfdSocket, flagPidFile, flagPreserveFDs, flagNoPivot, flagNoKeyring, flagTrace, flagNoSubreaper},
		MinArgs: 1, MaxArgs: 1, ExitStatus: statusRun, Files: filesBundle,
		Examples: []Example{
			{"Run the bundle in the current directory:", "stave run box"},
			{"Run in the background:", "stave run --detach --bundle /srv/web web1"},
		},
	},
	{
		Name: "kill", Group: groupLife, Usage: "send a signal to a container's first process", ArgsUsage: "ID [SIGNAL]",
		Description: `Sends SIGNAL, TERM if none is given, to the container's first process. SIGNAL is a number or a name in any case, with or without SIG: 9, kill, SIGKILL, RTMIN+3. In a container that shares its pid namespace with others, KILL goes to every process in its cgroup.`,
		Flags: []Flag{{Name: "all", Short: "a", Kind: Bool, Hidden: true,
			Usage: "accepted for callers of runc: a container that is not running is then no error"}},
		MinArgs: 1, MaxArgs: 2, Args: []Complete{CompleteID, CompleteSignal},
		Examples: []Example{
			{"Ask it to end:", "stave kill web1"},
			{"Make it end:", "stave kill web1 KILL"},
		},
	},
	{
		Name: "delete", Group: groupLife, Usage: "remove a stopped container and all it holds", ArgsUsage: "ID",
		Description: `Removes the container's cgroup and state and runs its poststop hooks. A container that runs is refused, unless --force is given.`,
		Flags: []Flag{{Name: "force", Short: "f", Kind: Bool,
			Usage: "kill the container if it runs; also succeeds on a half-made or damaged one, and on one that does not exist"}},
		MinArgs: 1, MaxArgs: 1, Args: []Complete{CompleteID},
		Examples: []Example{
			{"Remove a container that has ended:", "stave delete web1"},
			{"Remove it whatever its condition:", "stave delete --force web1"},
		},
	},
	{
		Name: "exec", Group: groupChange, Usage: "run one more process in a container", ArgsUsage: "ID COMMAND [ARG...] | --process FILE ID",
		Description: `Runs COMMAND in the namespaces and the cgroup of the container ID and exits with its status. What is not given here (user, capabilities, environment, working directory, limits) is as in the process section of the container's configuration, but there is a terminal only with --tty.

Flags stand before ID. Everything after ID belongs to COMMAND.`,
		Flags: []Flag{
			{Name: "process", Short: "p", Kind: String, Value: "FILE", Complete: CompleteFile,
				Usage: "take the whole process section from FILE (JSON); COMMAND and the flags under Process are then not read"},
			flagDetach,
			{Name: "cwd", Kind: String, Value: "DIR", Group: "Process", Usage: "start in DIR, a path in the container"},
			{Name: "env", Short: "e", Kind: StringSlice, Value: "NAME=VALUE", Group: "Process", Usage: "add a variable to the environment; repeatable"},
			{Name: "tty", Short: "t", Kind: Bool, Group: "Process", Usage: "give the process a terminal"},
			{Name: "user", Short: "u", Kind: String, Value: "UID[:GID]", Group: "Process", Usage: "run as these ids, as the container counts them"},
			{Name: "additional-gids", Short: "g", Kind: Int64Slice, Value: "GID", Group: "Process", Usage: "add a supplementary group; repeatable"},
			{Name: "cap", Short: "c", Kind: StringSlice, Value: "CAPABILITY", Group: "Process",
				Usage: "add a capability, such as CAP_NET_ADMIN; repeatable"},
			{Name: "no-new-privs", Kind: Bool, Group: "Process", Usage: "set no_new_privs: execve(2) then grants nothing, not even by setuid"},
			{Name: "apparmor", Kind: String, Value: "PROFILE", Group: "Process", Usage: "confine the process by this AppArmor profile"},
			{Name: "process-label", Kind: String, Value: "LABEL", Group: "Process", Usage: "confine the process by this SELinux label"},
			{Name: "cgroup", Kind: StringSlice, Value: "[CONTROLLER:]PATH", Group: "Isolation",
				Usage: "run in this cgroup, which must exist, below the container's own; on cgroup v1 repeatable, with the controllers in front"},
			{Name: "ignore-paused", Kind: Bool, Group: "Isolation", Usage: "run in a paused container too; the process stands still until resume"},
			flagConsoleSocket,
			flagPidfdSocket,
			flagPidFile,
			flagPreserveFDs,
			flagTrace,
			flagNoSubreaper,
		},
		MinArgs: 1, MaxArgs: -1, StopAtFirstArg: true, Args: []Complete{CompleteID, CompleteCommand},
		ExitStatus: []Status{
			{"0–255", "The status of the process; 128+n if signal n ended it."},
			{"126, 127", "Also: the program cannot be executed, or was not found."},
			{"255", "Also: the process could not be started for another reason; the last line says which."},
			{"1", "Also: the command line is wrong."},
		},
		Examples: []Example{
			{"Look around with a terminal:", "stave exec --tty web1 sh"},
			{"Run as another user, with a variable:", "stave exec -u 1000:1000 -e LANG=C web1 id"},
		},
	},
	{
		Name: "pause", Group: groupChange, Usage: "stop every process of a container where it stands", ArgsUsage: "ID",
		Description: `Freezes the container's cgroup: its processes keep their memory and their files and get no processor until stave resume.`,
		MinArgs:     1, MaxArgs: 1, Args: []Complete{CompleteID},
		Examples: []Example{{"Freeze:", "stave pause web1"}},
	},
	{
		Name: "resume", Group: groupChange, Usage: "let a paused container go on", ArgsUsage: "ID",
		Description: `Thaws the cgroup of a container that stave pause has frozen.`,
		MinArgs:     1, MaxArgs: 1, Args: []Complete{CompleteID},
		Examples: []Example{{"Thaw:", "stave resume web1"}},
	},
	{
		Name: "update", Group: groupChange, Usage: "change the limits of a container", ArgsUsage: "ID",
		Description: `Writes new limits to the container's cgroup and keeps them in its state. What is not named stays as it is.

--resources reads the shape of linux.resources in config.json, such as

    {"memory": {"limit": 268435456}, "cpu": {"quota": 50000}, "pids": {"limit": 200}}

and then no other limit flag is read. SIZE is in bytes, or has a suffix of b, k, m, g, t or p (powers of 1024); -1 means no limit.`,
		Flags: []Flag{
			{Name: "resources", Short: "r", Kind: String, Value: "FILE", Complete: CompleteFile, Usage: "read the limits from FILE, or from standard input if FILE is -"},
			{Name: "memory", Kind: String, Value: "SIZE", Group: "Memory", Usage: "no more memory than this"},
			{Name: "memory-reservation", Kind: String, Value: "SIZE", Group: "Memory", Usage: "when the host runs short, take memory back down to this"},
			{Name: "memory-swap", Kind: String, Value: "SIZE", Group: "Memory", Usage: "no more memory and swap together than this"},
			{Name: "cpu-period", Kind: String, Value: "USEC", Group: "Processor", Usage: "length of a scheduling period; 0: the system's default"},
			{Name: "cpu-quota", Kind: String, Value: "USEC", Group: "Processor", Usage: "processor time in each period"},
			{Name: "cpu-burst", Kind: String, Value: "USEC", Group: "Processor", Usage: "unused time that may be saved for later periods"},
			{Name: "cpu-share", Kind: String, Value: "N", Group: "Processor", Usage: "weight against other containers, 2 to 262144; 1024 is usual"},
			{Name: "cpu-idle", Kind: String, Value: "0|1", Choices: "0|1", Complete: CompleteChoice, Group: "Processor", Usage: "1: run only when nothing else wants the processor (SCHED_IDLE)"},
			{Name: "cpu-rt-period", Kind: String, Value: "USEC", Group: "Processor", Usage: "length of a realtime period; 0: the system's default (cgroup v1)"},
			{Name: "cpu-rt-runtime", Kind: String, Value: "USEC", Group: "Processor", Usage: "realtime processor time in each of them (cgroup v1)"},
			{Name: "cpuset-cpus", Kind: String, Value: "LIST", Group: "Processor", Usage: "run on these processors only, such as 0-3,8"},
			{Name: "cpuset-mems", Kind: String, Value: "LIST", Group: "Processor", Usage: "take memory from these nodes only"},
			{Name: "pids-limit", Kind: Int, Value: "N", Group: "Other limits", Usage: "no more processes and threads than this; -1: no limit"},
			{Name: "blkio-weight", Kind: Int, Value: "N", Group: "Other limits", Usage: "weight of block I/O, 10 to 1000"},
			{Name: "l3-cache-schema", Kind: String, Value: "SCHEMA", Group: "Other limits", Usage: "parts of the L3 cache (resctrl), such as L3:0=ff;1=ff"},
			{Name: "mem-bw-schema", Kind: String, Value: "SCHEMA", Group: "Other limits", Usage: "memory bandwidth (resctrl), such as MB:0=50;1=50"},
			{Name: "kernel-memory", Kind: String, Value: "SIZE", Hidden: true, Usage: "accepted for callers of runc; the kernel has no such limit any more"},
			{Name: "kernel-memory-tcp", Kind: String, Value: "SIZE", Hidden: true, Usage: "accepted for callers of runc; the kernel has no such limit any more"},
		},
		MinArgs: 1, MaxArgs: 1, Args: []Complete{CompleteID},
		Examples: []Example{
			{"Half a processor and 256 MiB:", "stave update --cpu-period 100000 --cpu-quota 50000 --memory 256m web1"},
			{"From a program:", `echo '{"pids":{"limit":200}}' | stave update --resources - web1`},
		},
	},
	{
		Name: "state", Group: groupLook, Usage: "show one container as JSON", ArgsUsage: "ID",
		Description: `Prints the state of the container as the OCI runtime specification defines it, with the root filesystem, the time of creation and the owner added. The status is creating, created, running, paused or stopped.`,
		MinArgs:     1, MaxArgs: 1, Args: []Complete{CompleteID},
		Examples: []Example{{"Its pid, as the host counts:", "stave state web1 | jq .pid"}},
	},
	{
		Name: "list", Group: groupLook, Usage: "show all containers",
		Description: `Prints the containers whose state is kept under --root. A container whose state cannot be read is named on standard error and left out.`,
		Flags: []Flag{flagFormat,
			{Name: "quiet", Short: "q", Kind: Bool, Usage: "print only the ids"}},
		Examples: []Example{
			{"As a table:", "stave list"},
			{"Delete everything:", "stave list -q | xargs -n1 stave delete --force"},
		},
	},
	{
		Name: "ps", Group: groupLook, Usage: "show the processes of a container", ArgsUsage: "ID [PS-OPTION...]",
		Description: `Runs ps(1) of the host with the given options, -ef if there are none, and prints the lines whose process is in the container's cgroup. With --format json, prints the process ids alone, as the host counts them.

Flags of stave stand before ID. Everything after ID is for ps.`,
		Flags:   []Flag{flagFormat},
		MinArgs: 1, MaxArgs: -1, StopAtFirstArg: true, Args: []Complete{CompleteID},
		Examples: []Example{
			{"As a tree:", "stave ps web1 -eo pid,ppid,user,args --forest"},
			{"For a program:", "stave ps --format json web1"},
		},
	},
	{
		Name: "events", Group: groupLook, Usage: "follow what a container uses, and its out-of-memory kills", ArgsUsage: "ID",
		Description: `Prints one JSON object a line: the use of processor, memory, processes, block I/O and network at every interval, and an object of type oom whenever the kernel has killed for lack of memory. Ends when the container does.`,
		Flags: []Flag{
			{Name: "interval", Kind: Duration, Default: "5s", Value: "TIME", Usage: "time between two reports, such as 500ms or 1m"},
			{Name: "stats", Kind: Bool, Usage: "print one report and end"},
		},
		MinArgs: 1, MaxArgs: 1, Args: []Complete{CompleteID},
		Examples: []Example{
			{"Memory in use now, in bytes:", "stave events --stats web1 | jq .data.memory.usage.usage"},
			{"Every second:", "stave events --interval 1s web1"},
		},
	},
	{
		Name: "explain", Group: groupLearn, Usage: "show the system calls that a container consists of", ArgsUsage: "[BUNDLE]",
		Description: `Compiles BUNDLE/config.json (default: the current directory) into the plan that create would run on this host, and prints it: each step with the field that asks for it, the reason, who acts (parent or child), and its system calls in order. Nothing is executed; no privilege is needed.`,
		Flags: []Flag{
			{Name: "json", Kind: Bool, Usage: "print the plan as JSON"},
			{Name: "steps", Kind: Bool, Usage: "print a line for each step: number, actor, name and field, between tabs"},
			{Name: "short", Kind: Bool, Usage: "leave out the reasons and the system calls"},
		},
		MinArgs: 0, MaxArgs: 1, Args: []Complete{CompleteDir}, Files: filesBundle,
		Examples: []Example{
			{"What would run do here?", "stave explain"},
			{"At a glance:", "stave explain --short /srv/web"},
			{"What did one setting change?", "diff <(stave explain old) <(stave explain new)"},
		},
	},
	{
		Name: "trace", Group: groupLearn, Usage: "show where the time of a create, run or exec went", ArgsUsage: "FILE",
		Description: `Reads what --trace of create, run or exec has written and prints the time of every step, of the parent and of the child, on one time line.`,
		Flags: []Flag{
			{Name: "format", Kind: String, Default: "text", Value: "FORMAT", Choices: "text|svg|chrome", Complete: CompleteChoice,
				Usage: "print text, a drawing (svg), or JSON for Perfetto and chrome://tracing (chrome)"},
			{Name: "output", Short: "o", Kind: String, Value: "FILE", Complete: CompleteFile, Usage: "write to FILE instead of standard output"},
		},
		MinArgs: 1, MaxArgs: 1, Args: []Complete{CompleteFile},
		Examples: []Example{
			{"Measure one start:", "stave run --trace box.trace box && stave trace box.trace"},
			{"Draw it:", "stave trace --format svg -o box.svg box.trace"},
		},
	},
	{
		Name: "spec", Group: groupSetup, Usage: "write a config.json to begin with",
		Description: `Writes a config.json that runs sh in ./rootfs, with the usual mounts, namespaces and masks. An existing config.json is left alone and is an error.`,
		Flags: []Flag{
			{Name: "bundle", Short: "b", Kind: String, Value: "DIR", Complete: CompleteDir, Usage: "write to DIR instead of the current directory"},
			{Name: "rootless", Kind: Bool, Usage: "for a user without root's rights: a user namespace that maps this user to root"},
		},
		Files: filesBundle,
		Examples: []Example{
			{"From nothing to a shell, given an archive of a root filesystem:", "mkdir -p rootfs && tar -C rootfs -xf rootfs.tar && stave spec && stave run box"},
		},
	},
	{
		Name: "features", Group: groupSetup, Usage: "show what this stave can do, as JSON",
		Description: `Prints the structure that the OCI runtime specification defines for this: known hooks, mount options, namespaces, capabilities, and the abilities in cgroups, seccomp and security modules.`,
		Examples:    []Example{{"Which mount options are there?", "stave features | jq -r '.mountOptions[]'"}},
	},
	{
		Name: "completion", Group: groupSetup, Usage: "print the completion script for a shell", ArgsUsage: "SHELL",
		Description: `Prints the script that completes verbs, flags, container ids and signals in bash, zsh or fish.`,
		MinArgs:     1, MaxArgs: 1, Args: []Complete{CompleteChoice}, Choices: "bash|zsh|fish",
		Examples: []Example{
			{"In this bash:", "source <(stave completion bash)"},
			{"In every zsh:", `stave completion zsh > "${fpath[1]}/_stave"`},
			{"In every fish:", "stave completion fish > ~/.config/fish/completions/stave.fish"},
		},
	},
	{
		Name: "help", Alias: "h", Group: groupSetup, Usage: "show help, of one verb if it is named", ArgsUsage: "[VERB]",
		Description: `The same as stave VERB --help.`,
		MinArgs:     0, MaxArgs: -1, Args: []Complete{CompleteVerb},
		Examples: []Example{{"About run:", "stave help run"}},
	},
	{
		Name: "checkpoint", Group: groupChange, Usage: "save a running container to disk", ArgsUsage: "ID",
		Description: `Known so that callers of runc get a clear answer. stave does not drive CRIU.`,
		Flags: []Flag{
			flagImagePath, flagWorkPath,
			{Name: "parent-path", Kind: String, Value: "DIR", Complete: CompleteDir, Usage: "images of an earlier --pre-dump"},
			{Name: "leave-running", Kind: Bool, Usage: "do not stop the container"},
			flagTCPEstablished,
			{Name: "tcp-skip-in-flight", Kind: Bool, Usage: "leave out TCP connections that are not yet established"},
			{Name: "link-remap", Kind: Bool, Usage: "link deleted files that are still open back to a name"},
			flagExtUnixSk, flagShellJob, flagLazyPages,
			{Name: "status-fd", Kind: Int, Default: "-1", Value: "FD", Usage: "CRIU writes a zero byte to FD when lazy pages can be served"},
			{Name: "page-server", Kind: String, Value: "ADDRESS:PORT", Usage: "send memory to this page server"},
			flagFileLocks,
			{Name: "pre-dump", Kind: Bool, Usage: "save memory alone and let the container run on"},
			flagManageCgroups, flagEmptyNS, flagAutoDedup,
		},
		MinArgs: 1, MaxArgs: 1, Args: []Complete{CompleteID}, Unsupported: "stave does not drive CRIU",
		Examples: []Example{{"Answers that it is not supported:", "stave checkpoint --image-path /var/tmp/web1 web1"}},
	},
	{
		Name: "restore", Group: groupChange, Usage: "bring a saved container back", ArgsUsage: "ID",
		Description: `Known so that callers of runc get a clear answer. stave does not drive CRIU.`,
		Flags: []Flag{
			flagConsoleSocket, flagImagePath, flagWorkPath, flagTCPEstablished, flagExtUnixSk, flagShellJob, flagFileLocks, flagManageCgroups,
			flagBundle, flagDetach, flagPidFile, flagNoSubreaper, flagNoPivot, flagEmptyNS, flagAutoDedup, flagLazyPages,
			{Name: "lsm-profile", Kind: String, Value: "TYPE:NAME", Usage: "security profile to restore under"},
			{Name: "lsm-mount-context", Kind: String, Value: "CONTEXT", Usage: "security context of the mounts"},
		},
		MinArgs: 1, MaxArgs: 1, Unsupported: "stave does not drive CRIU",
		Examples: []Example{{"Answers that it is not supported:", "stave restore --image-path /var/tmp/web1 --bundle /srv/web web1"}},
	},
}

// The flags that checkpoint and restore share.
var (
	flagImagePath = Flag{Name: "image-path", Kind: String, Value: "DIR", Complete: CompleteDir, Usage: "CRIU's images"}
	flagWorkPath  = Flag{Name: "work-path", Kind: String, Value: "DIR", Complete: CompleteDir, Usage: "CRIU's work files and logs"}

	flagTCPEstablished = Flag{Name: "tcp-established", Kind: Bool, Usage: "include open TCP connections"}
	flagExtUnixSk      = Flag{Name: "ext-unix-sk", Kind: Bool, Usage: "include unix sockets that reach out of the container"}
	flagShellJob       = Flag{Name: "shell-job", Kind: Bool, Usage: "include a terminal of the caller's"}
	flagLazyPages      = Flag{Name: "lazy-pages", Kind: Bool, Usage: "restore memory when it is first touched (userfaultfd)"}
	flagFileLocks      = Flag{Name: "file-locks", Kind: Bool, Usage: "include file locks"}
	flagManageCgroups  = Flag{Name: "manage-cgroups-mode", Kind: String, Value: "MODE", Choices: "soft|full|strict|ignore", Complete: CompleteChoice,
		Usage: "how CRIU treats cgroups; soft if not given"}
	flagEmptyNS   = Flag{Name: "empty-ns", Kind: StringSlice, Value: "NAMESPACE", Usage: "make this namespace without restoring what was in it; repeatable"}
	flagAutoDedup = Flag{Name: "auto-dedup", Kind: Bool, Usage: "drop pages of images that are no longer needed"}
)

// Files and Environment concern every verb.
var (
	Files = []Status{
		{"/run/stave/ID/state.json", "What stave knows of container ID. Without root's rights: $XDG_RUNTIME_DIR/stave/ID/state.json."},
	}
	Environment = []Status{
		{"XDG_RUNTIME_DIR", "Where state is kept without root's rights, if --root is not given."},
		{"LISTEN_FDS", "Number of sockets that systemd passed on; create and run hand them to the container."},
		{"NOTIFY_SOCKET", "Where a service manager wants to hear that the service is ready; create and run give the container a socket of its own, and run and start pass on its READY=1. Detached they end when that has come."},
	}
	ExitStatus = []Status{
		{"0", "Done."},
		{"1", "An error; the last line on standard error, or in the log, says which step failed and why."},
		{"3", "There is no such verb."},
	}
)
