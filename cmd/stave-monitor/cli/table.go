package cli

// Kind is what a flag takes.
type Kind int

// The kinds.
const (
	Bool    Kind = iota // nothing
	String              // a word; the last one counts
	Strings             // a word, any number of times
	Int                 // a number of 32 bits; the last one counts
	Int64               // of 64 bits
)

// Complete says what a shell may offer for a value.
type Complete int

// What a shell may offer.
const (
	CompleteNone Complete = iota
	CompleteFile
	CompleteDir
	CompleteChoice // one of Choices
)

// Flag is one flag.
type Flag struct {
	Name     string
	Short    string // one letter or none
	Kind     Kind
	Default  string
	Value    string // how help calls the value
	Choices  string // with |
	Complete Complete
	Group    string // heading in help
	Usage    string
	Hidden   bool
	Same     string // another name for this flag
}

// The headings of help, in this order.
const (
	groupWho     = "Container"
	groupPod     = "Pod"
	groupRuntime = "Runtime"
	groupExec    = "Exec"
	groupStdio   = "Terminal and streams"
	groupLog     = "Container's log"
	groupEnd     = "End"
	groupSelf    = "Monitor"
	groupRefused = "Known, but not supported"
)

// Table has the flags of conmon's command line.
var Table = []Flag{
	{Name: "cid", Short: "c", Kind: String, Value: "ID", Group: groupWho,
		Usage: "monitor the container ID; required"},
	{Name: "cuuid", Short: "u", Kind: String, Value: "UUID", Group: groupWho,
		Usage: "name of the attach socket's directory; for an exec, of its session"},
	{Name: "name", Short: "n", Kind: String, Value: "NAME", Group: groupWho,
		Usage: "name of the container in the journal"},
	{Name: "bundle", Short: "b", Kind: String, Value: "DIR", Complete: CompleteDir, Group: groupWho,
		Usage: "take the OCI bundle in DIR instead of the current directory; sockets, fifos and the exit record are there"},
	{Name: "container-pidfile", Short: "p", Kind: String, Value: "FILE", Complete: CompleteFile, Group: groupWho,
		Usage: "let the runtime write the container's process id to FILE; without it pidfile-ID in the current directory"},
	{Name: "pidfile", Kind: String, Same: "container-pidfile", Hidden: true},
	{Name: "persist-dir", Short: "0", Kind: String, Value: "DIR", Complete: CompleteDir, Group: groupWho,
		Usage: "write the files exit and oom into DIR"},

	{Name: "runtime", Short: "r", Kind: String, Value: "PATH", Complete: CompleteFile, Group: groupRuntime,
		Usage: "the OCI runtime's program; required"},
	{Name: "runtime-arg", Kind: Strings, Value: "ARG", Group: groupRuntime,
		Usage: "an argument of the runtime before its verb; may be repeated"},
	{Name: "runtime-opt", Kind: Strings, Value: "ARG", Group: groupRuntime,
		Usage: "an argument of the runtime's create, restore or exec; may be repeated"},
	{Name: "restore-arg", Kind: Strings, Same: "runtime-opt", Hidden: true},
	{Name: "systemd-cgroup", Short: "s", Kind: Bool, Group: groupRuntime,
		Usage: "let the runtime have systemd make the cgroup"},
	{Name: "no-pivot", Kind: Bool, Group: groupRuntime,
		Usage: "let the runtime change the root without pivot_root(2)"},
	{Name: "no-new-keyring", Kind: Bool, Group: groupRuntime,
		Usage: "let the runtime keep the session keyring"},
	{Name: "restore", Kind: String, Value: "DIR", Complete: CompleteDir, Group: groupRuntime,
		Usage: "restore the container from the checkpoint in DIR instead of creating it"},
	{Name: "replace-listen-pid", Kind: Bool, Group: groupRuntime,
		Usage: "set LISTEN_PID to the runtime's process id, whatever it was"},

	{Name: "exec", Short: "e", Kind: Bool, Group: groupExec,
		Usage: "run a process in a running container instead of creating one"},
	{Name: "exec-process-spec", Kind: String, Value: "FILE", Complete: CompleteFile, Group: groupExec,
		Usage: "the process.json of the process"},
	{Name: "exec-attach", Kind: Bool, Group: groupExec,
		Usage: "let the caller attach before the process begins; needs --api-version and $_OCI_ATTACHPIPE"},

	{Name: "terminal", Short: "t", Kind: Bool, Group: groupStdio,
		Usage: "the container has a terminal"},
	{Name: "stdin", Short: "i", Kind: Bool, Group: groupStdio,
		Usage: "the container's standard input is what attached clients send; without it /dev/null"},
	{Name: "leave-stdin-open", Kind: Bool, Group: groupStdio,
		Usage: "the end of a client's input is not the end of the container's"},
	{Name: "socket-dir-path", Kind: String, Default: "/var/run/crio", Value: "DIR", Complete: CompleteDir, Group: groupStdio,
		Usage: "make a link UUID to the bundle in DIR, so that the attach socket has a short path"},
	{Name: "full-attach", Kind: Bool, Group: groupStdio,
		Usage: "no such link: the attach socket is reached in the bundle"},
	{Name: "sdnotify-socket", Kind: String, Value: "SOCKET", Complete: CompleteFile, Group: groupStdio,
		Usage: "pass the container's sd_notify(3) messages on to SOCKET"},

	{Name: "log-path", Short: "l", Kind: Strings, Value: "[DRIVER:]PATH", Complete: CompleteFile, Group: groupLog,
		Usage: "where the output goes: k8s-file:PATH, json-file:PATH, journald, passthrough, or none; required, may be repeated"},
	{Name: "log-size-max", Kind: Int64, Default: "-1", Value: "BYTES", Group: groupLog,
		Usage: "begin a file anew before it would exceed BYTES; no limit if not positive"},
	{Name: "log-global-size-max", Kind: Int64, Default: "-1", Value: "BYTES", Group: groupLog,
		Usage: "write no more once BYTES have been written; no limit if not positive"},
	{Name: "log-rotate", Kind: Bool, Group: groupLog,
		Usage: "at --log-size-max keep what was written, as PATH.1 and so on"},
	{Name: "log-max-files", Kind: Int, Default: "1", Value: "N", Group: groupLog,
		Usage: "keep N such files"},
	{Name: "log-allowlist-dir", Kind: Strings, Value: "DIR", Complete: CompleteDir, Group: groupLog,
		Usage: "files may only be below DIR; may be repeated"},
	{Name: "log-tag", Kind: String, Value: "TAG", Group: groupLog,
		Usage: "journald: CONTAINER_TAG and SYSLOG_IDENTIFIER"},
	{Name: "log-label", Kind: Strings, Value: "KEY=VALUE", Group: groupLog,
		Usage: "journald: a further field; may be repeated"},
	{Name: "no-container-partial-message", Kind: Bool, Group: groupLog,
		Usage: "journald: never set CONTAINER_PARTIAL_MESSAGE"},
	{Name: "no-sync-log", Kind: Bool, Group: groupLog,
		Usage: "do not make files durable at the end"},
	{Name: "log-on-full", Kind: String, Default: "drop", Value: "POLICY", Choices: "drop|block", Complete: CompleteChoice, Group: groupLog,
		Usage: "when a log cannot be written: drop output, and say in the log how much; or block the container until there is room"},

	{Name: "exit-dir", Kind: String, Value: "DIR", Complete: CompleteDir, Group: groupEnd,
		Usage: "write the exit status to DIR/ID"},
	{Name: "exit-command", Kind: String, Value: "PATH", Complete: CompleteFile, Group: groupEnd,
		Usage: "run PATH at the very end"},
	{Name: "exit-command-arg", Kind: Strings, Value: "ARG", Group: groupEnd,
		Usage: "an argument of the exit command; may be repeated"},
	{Name: "exit-delay", Kind: Int, Default: "0", Value: "SECONDS", Group: groupEnd,
		Usage: "wait before the exit command"},
	{Name: "timeout", Short: "T", Kind: Int, Default: "0", Value: "SECONDS", Group: groupEnd,
		Usage: "kill the container when it has been there for SECONDS"},

	{Name: "conmon-pidfile", Short: "P", Kind: String, Value: "FILE", Complete: CompleteFile, Group: groupSelf,
		Usage: "write the monitor's own process id to FILE; not with --sync"},
	{Name: "api-version", Kind: Bool, Group: groupSelf,
		Usage: "tell numbers on the sync pipe as data; a number after it is ignored"},
	{Name: "sync", Kind: Bool, Group: groupSelf,
		Usage: "stay the caller's child instead of going to the background"},
	{Name: "syslog", Kind: Bool, Group: groupSelf,
		Usage: "messages also go to syslog(3); in the background, only there"},
	{Name: "log-level", Kind: String, Default: "warn", Value: "LEVEL", Choices: "error|warn|info|debug|trace", Complete: CompleteChoice, Group: groupSelf,
		Usage: "the messages to write"},
	{Name: "help", Short: "h", Kind: Bool, Group: groupSelf, Usage: "show this help"},
	{Name: "version", Kind: Bool, Group: groupSelf, Usage: "show the version, and conmon's that it answers for"},

	{Name: "seccomp-notify-socket", Kind: String, Value: "SOCKET", Complete: CompleteFile, Group: groupRefused,
		Usage: "conmon had plugins for seccomp notification, and has removed them; listenerPath in config.json is the way"},
	{Name: "seccomp-notify-plugins", Kind: String, Value: "PATHS", Complete: CompleteFile, Group: groupRefused,
		Usage: "as above"},
}

// ServeTable has the flags of serve.
var ServeTable = []Flag{
	{Name: "socket", Kind: String, Value: "PATH", Complete: CompleteFile, Group: groupPod,
		Usage: "listen on a socket at PATH, which nobody but our own user can reach; required"},
	{Name: "state-dir", Kind: String, Value: "DIR", Complete: CompleteDir, Group: groupPod,
		Usage: "keep records of how containers ended in DIR; without it PATH.d"},
	{Name: "sync", Kind: Bool, Group: groupSelf,
		Usage: "stay the caller's child instead of going to the background"},
	{Name: "syslog", Kind: Bool, Group: groupSelf,
		Usage: "messages also go to syslog(3); in the background, only there"},
	{Name: "log-level", Kind: String, Default: "warn", Value: "LEVEL", Choices: "error|warn|info|debug|trace", Complete: CompleteChoice, Group: groupSelf,
		Usage: "the messages to write"},
	{Name: "help", Short: "h", Kind: Bool, Group: groupSelf, Usage: "show this help"},
}

// find gives the index of a flag by its long name; -1: there is none.
func find(table []Flag, name string) int {
	for i := range table {
		if table[i].Name == name {
			return i
		}
	}
	return -1
}

func findShort(table []Flag, letter byte) int {
	for i := range table {
		if s := table[i].Short; s != "" && s[0] == letter {
			return i
		}
	}
	return -1
}
