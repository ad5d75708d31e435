package monitor

import (
	"time"

	"stave/monitor/logs"
)

// Mode is what a runtime is asked for.
type Mode int

// The modes.
const (
	Create  Mode = iota
	Restore      // a container from a checkpoint
	Exec         // a process in a container that runs
)

// Config is what a caller asks for: one container, or one exec in it.
type Config struct {
	Mode Mode
	ID   string // of the container

	Runtime       string   // path of the OCI runtime
	RuntimeArgs   []string // before its verb
	RuntimeOpts   []string // after it
	SystemdCgroup bool
	NoPivot       bool
	NoNewKeyring  bool

	Bundle      string // absolute; empty only for an exec, which then has no sockets
	PidFile     string // the runtime writes the pid of the process here
	ProcessSpec string // Exec: process.json
	RestorePath string // Restore: the image

	Terminal         bool
	Stdin            bool // else the process reads /dev/null
	LeaveStdinOpen   bool // an attached client's end of input is not the process's
	ReplaceListenPID bool

	AttachPath   string // of the attach socket; empty: none
	Fifos        bool   // ctl and winsz, in the bundle
	NotifySocket string // sd_notify(3) messages go on to there; empty: none

	ExitDir    string // ID in it gets the exit status; empty: nobody asks
	PersistDir string // files exit and oom; empty: nobody asks
	RecordPath string // of the record; empty: exit.json in Bundle or PersistDir
	Timeout    time.Duration

	Log logs.Config
}
