package monitor

import (
	"time"

	"golang.org/x/sys/unix"
)

// exit.go: the record of how a container ended, and the files that say so.

// Record is how a container or exec ended.
type Record struct {
	ID       string
	Pid      int
	Status   Status
	Code     int // what callers are told: 0–255, 128+signal; -1: not known, or timed out
	OOM      bool
	TimedOut bool
	Created  time.Time                      // when the runtime had made it
	Ended    time.Time                      // when we learned of its end
	Lost     struct{ Records, Bytes int64 } // of its output, missing in the log
}

// recordVersion changes when a field changes its meaning.
const recordVersion = 1

// JSON is the record as it is kept on disk; docs/monitor.md describes it.
func (r *Record) JSON() []byte {
	o := object{}
	o.number("version", recordVersion)
	o.text("id", r.ID)
	o.number("pid", int64(r.Pid))
	o.number("exitCode", int64(r.Code))
	o.truth("known", r.Status.Known)
	if r.Status.Signal != 0 {
		o.text("signal", unix.SignalName(r.Status.Signal))
		o.truth("core", r.Status.Core)
	}
	o.truth("oomKilled", r.OOM)
	o.truth("timedOut", r.TimedOut)
	o.text("created", r.Created.UTC().Format(time.RFC3339Nano))
	o.text("ended", r.Ended.UTC().Format(time.RFC3339Nano))
	if r.Lost.Records > 0 {
		o.number("lostRecords", r.Lost.Records)
		o.number("lostBytes", r.Lost.Bytes)
	}
	return o.end()
}

// recordPath is where the record is kept; empty: nowhere. Not in the exit
// directory: its readers take every file in it for a container.
func (c *Config) recordPath() string {
	switch {
	case c.RecordPath != "":
		return c.RecordPath
	case c.Bundle != "":
		return c.Bundle + "/exit.json"
	case c.PersistDir != "":
		return c.PersistDir + "/exit.json"
	}
	return ""
}

// signs are the files that say that the container was killed for memory.
func (c *Config) oomPaths() (paths []string) {
	if c.PersistDir != "" {
		paths = append(paths, c.PersistDir+"/oom")
	}
	if c.Bundle != "" {
		paths = append(paths, c.Bundle+"/oom")
	}
	return paths
}

// forgetEarlier removes what an earlier life of the container has left in its
// bundle: nobody shall take its end for this one's.
func (c *Config) forgetEarlier() {
	for _, path := range append(c.oomPaths(), c.recordPath()) {
		if path != "" {
			unix.Unlink(path)
		}
	}
}

// oomKilled notes that the kernel killed in the container for memory.
func (c *Container) oomKilled() {
	if c.record.OOM {
		return
	}
	c.record.OOM = true
	c.m.Notices.Say(Info, "OOM received")
	for _, path := range c.conf.oomPaths() {
		if err := touch(path); err != nil {
			c.m.Notices.warnErr(err)
		}
	}
}

// writeRecord puts the end on disk: the record first, because the callers of
// conmon wait for the file in the exit directory and go on from there. Nobody
// asks after a boot how an exec has ended.
func (c *Container) writeRecord() {
	code := []byte(itoa(c.record.Code))
	put := func(path string, data []byte) {
		if err := replace(path, data, 0o644, c.conf.Mode != Exec); err != nil {
			c.m.Notices.warnErr(err)
		}
	}
	if path := c.conf.recordPath(); path != "" {
		put(path, c.record.JSON())
	}
	if c.conf.PersistDir != "" {
		put(c.conf.PersistDir+"/exit", code)
	}
	if c.conf.ExitDir != "" {
		put(c.conf.ExitDir+"/"+c.conf.ID, code)
	}
}
