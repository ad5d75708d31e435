package wire

// Greeting is the first message of each side. A client says which versions it
// speaks; the monitor answers with the one that it has chosen.
type Greeting struct {
	Version int64  // the newest that the client speaks; the one in use
	Oldest  int64  // that the client speaks; 0: Version is the only one
	Program string // who this is, for people
}

func (g *Greeting) fields(f fields) {
	f.number("version", &g.Version)
	f.number("oldest", &g.Oldest)
	f.text("program", &g.Program)
}

// The verbs of a Request.
const (
	VerbCreate     = "create"
	VerbStart      = "start"
	VerbExec       = "exec"
	VerbExecSync   = "exec-sync"
	VerbAttach     = "attach"
	VerbResize     = "resize"
	VerbCloseStdin = "close-stdin"
	VerbReopenLog  = "reopen-log"
	VerbSignal     = "signal"
	VerbWait       = "wait"
	VerbEvents     = "events"
	VerbList       = "list"
	VerbStats      = "stats"
	VerbRemove     = "remove"
	VerbShutdown   = "shutdown"
)

// Request is what a client asks for. Which fields count depends on the verb.
type Request struct {
	Verb string
	ID   string // of the container
	Exec string // of the exec in it; empty: the container's own process

	// create; an exec is made by the runtime of its container
	Runtime       string   // path of the OCI runtime
	RuntimeArgs   []string // before its verb
	SystemdCgroup bool
	NoPivot       bool
	NoNewKeyring  bool
	Bundle        string
	NotifySocket  string // sd_notify(3) messages of the container go on to there

	// exec, exec-sync
	Process     string // the process document of the OCI specification, as JSON
	ProcessFile string // or a file that has it

	// create, exec, exec-sync
	RuntimeOpts []string // after the runtime's verb
	Terminal    bool
	Stdin       bool // else the process reads /dev/null
	StdinOnce   bool // the end of a conversation that may send input is the end of input
	ExitDir     string
	Timeout     int64 // ms from the request on; then the process is killed
	Log         Log

	Attach bool  // exec: this conversation goes on with its streams
	Block  bool  // exec, attach: the process waits for this client, however slow
	Limit  int64 // exec-sync: bytes of output that are sent, of both streams; 0: 16 MiB

	Rows, Cols int64 // resize, and the first size of create and exec
	Signal     int64 // signal
	Group      bool  // signal: the process group too
	Force      bool  // shutdown: kill what runs
}

func (r *Request) fields(f fields) {
	f.text("verb", &r.Verb)
	f.text("id", &r.ID)
	f.text("exec", &r.Exec)
	f.text("runtime", &r.Runtime)
	f.texts("runtimeArgs", &r.RuntimeArgs)
	f.texts("runtimeOpts", &r.RuntimeOpts)
	f.truth("systemdCgroup", &r.SystemdCgroup)
	f.truth("noPivot", &r.NoPivot)
	f.truth("noNewKeyring", &r.NoNewKeyring)
	f.text("bundle", &r.Bundle)
	f.text("notifySocket", &r.NotifySocket)
	f.raw("process", &r.Process)
	f.text("processFile", &r.ProcessFile)
	f.truth("terminal", &r.Terminal)
	f.truth("stdin", &r.Stdin)
	f.truth("stdinOnce", &r.StdinOnce)
	f.text("exitDir", &r.ExitDir)
	f.number("timeoutMs", &r.Timeout)
	r.Log.fields(f)
	f.truth("attach", &r.Attach)
	f.truth("block", &r.Block)
	f.number("limit", &r.Limit)
	f.number("rows", &r.Rows)
	f.number("cols", &r.Cols)
	f.number("signal", &r.Signal)
	f.truth("group", &r.Group)
	f.truth("force", &r.Force)
}

// Log is where output goes; the values are those of the command line's --log-
// flags. No paths: nowhere.
type Log struct {
	Paths         []string // DRIVER:PATH
	SizeMax       int64
	GlobalSizeMax int64
	Rotate        bool
	MaxFiles      int64
	AllowlistDirs []string
	Name          string
	Tag           string
	Labels        []string
	NoPartial     bool
	NoSync        bool
	Block         bool // a log that is full makes the container wait
}

func (l *Log) fields(f fields) {
	f.texts("logPaths", &l.Paths)
	f.number("logSizeMax", &l.SizeMax)
	f.number("logGlobalSizeMax", &l.GlobalSizeMax)
	f.truth("logRotate", &l.Rotate)
	f.number("logMaxFiles", &l.MaxFiles)
	f.texts("logAllowlistDirs", &l.AllowlistDirs)
	f.text("logName", &l.Name)
	f.text("logTag", &l.Tag)
	f.texts("logLabels", &l.Labels)
	f.truth("logNoPartial", &l.NoPartial)
	f.truth("logNoSync", &l.NoSync)
	f.truth("logBlock", &l.Block)
}

// What a process is, in Status.State.
const (
	Creating = "creating" // the runtime is at work
	Created  = "created"  // a container that waits for start
	Running  = "running"
	Stopped  = "stopped"
)

// What has happened, in Status.Event.
const (
	EventCreated  = "created"
	EventStarted  = "started"
	EventStopped  = "stopped"
	EventRemoved  = "removed"
	EventFailed   = "failed"   // to be created; nothing is left of it
	EventAttached = "attached" // output follows
	EventNow      = "now"      // all that there was when events began has been told
	EventDropped  = "dropped"  // this client was too slow, and gets no more output
)

// Status is a container or exec as the monitor knows it. From Code on it is
// how it ended, and means nothing before State is Stopped.
type Status struct {
	Event    string
	ID       string
	Exec     string
	State    string
	Pid      int64 // as the host counts
	Bundle   string
	Terminal bool
	Stdin    bool
	Created  string

	Code        int64  // exit status, 128+signal; -1: not known, or timed out
	Known       bool   // the kernel has told how it ended
	Signal      string // that ended it
	Core        bool
	OOMKilled   bool
	TimedOut    bool
	Ended       string
	LostRecords int64 // of output, missing in the log
	LostBytes   int64
	Truncated   bool // exec-sync: there was more output than was sent
}

func (s *Status) fields(f fields) {
	f.text("event", &s.Event)
	f.text("id", &s.ID)
	f.text("exec", &s.Exec)
	f.text("state", &s.State)
	f.number("pid", &s.Pid)
	f.text("bundle", &s.Bundle)
	f.truth("terminal", &s.Terminal)
	f.truth("stdin", &s.Stdin)
	f.text("created", &s.Created)
	f.number("exitCode", &s.Code)
	f.truth("known", &s.Known)
	f.text("signal", &s.Signal)
	f.truth("core", &s.Core)
	f.truth("oomKilled", &s.OOMKilled)
	f.truth("timedOut", &s.TimedOut)
	f.text("ended", &s.Ended)
	f.number("lostRecords", &s.LostRecords)
	f.number("lostBytes", &s.LostBytes)
	f.truth("truncated", &s.Truncated)
}

// Stats is the monitor's account of itself.
type Stats struct {
	Pid         int64
	RSS, PSS    int64 // bytes; 0: the kernel does not say
	Descriptors int64
	Threads     int64
	UserTime    int64 // µs of CPU
	SystemTime  int64
	Uptime      int64 // ms
	Containers  int64 // known
	Execs       int64
	Running     int64 // processes that have not ended, of both
	Connections int64
	Requests    int64 // since it began
}

func (s *Stats) fields(f fields) {
	f.number("pid", &s.Pid)
	f.number("rss", &s.RSS)
	f.number("pss", &s.PSS)
	f.number("descriptors", &s.Descriptors)
	f.number("threads", &s.Threads)
	f.number("userTimeUs", &s.UserTime)
	f.number("systemTimeUs", &s.SystemTime)
	f.number("uptimeMs", &s.Uptime)
	f.number("containers", &s.Containers)
	f.number("execs", &s.Execs)
	f.number("running", &s.Running)
	f.number("connections", &s.Connections)
	f.number("requests", &s.Requests)
}

// Size is that of a terminal.
type Size struct{ Rows, Cols int64 }

func (s *Size) fields(f fields) {
	f.number("rows", &s.Rows)
	f.number("cols", &s.Cols)
}

// Append appends the message as JSON; the same holds for the other types.
func (g *Greeting) Append(b []byte) []byte { return appendMessage(b, g) }

// Parse reads the message; the same holds for the other types.
func (g *Greeting) Parse(data []byte) error { return parseMessage(data, g) }

// Append is as above.
func (r *Request) Append(b []byte) []byte { return appendMessage(b, r) }

// Parse is as above.
func (r *Request) Parse(data []byte) error { return parseMessage(data, r) }

// Append is as above.
func (s *Status) Append(b []byte) []byte { return appendMessage(b, s) }

// Parse is as above.
func (s *Status) Parse(data []byte) error { return parseMessage(data, s) }

// Append is as above.
func (s *Stats) Append(b []byte) []byte { return appendMessage(b, s) }

// Parse is as above.
func (s *Stats) Parse(data []byte) error { return parseMessage(data, s) }

// Append is as above.
func (s *Size) Append(b []byte) []byte { return appendMessage(b, s) }

// Parse is as above.
func (s *Size) Parse(data []byte) error { return parseMessage(data, s) }
