package kit

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// ours holds the processes that Command started and will wait for: the reaper
// must not take their status away.
var ours struct {
	sync.Mutex
	pids      map[int]bool
	collected map[int]unix.WaitStatus // of orphans, by the reaper
}

// A Proc is a live process below the test process.
type Proc struct {
	PID, PPID int
	State     byte // R, S, D, Z, ...
	Comm      string
}

// procs lists all processes, by pid.
func procs() map[int]Proc {
	all := map[int]Proc{}
	dirs, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range dirs {
		data, err := os.ReadFile(file)
		if err != nil {
			continue // gone meanwhile
		}
		s := string(data)
		open, end := strings.IndexByte(s, '('), strings.LastIndexByte(s, ')')
		if open < 0 || end < 0 {
			continue
		}
		rest := strings.Fields(s[end+1:])
		p := Proc{Comm: s[open+1 : end], State: rest[0][0]}
		p.PID, _ = strconv.Atoi(strings.TrimSpace(s[:open]))
		p.PPID, _ = strconv.Atoi(rest[1])
		all[p.PID] = p
	}
	return all
}

// Descendants lists the processes below us that no Command is waiting for.
func Descendants() []Proc {
	all := procs()
	ours.Lock()
	known := make(map[int]bool, len(ours.pids))
	for pid := range ours.pids {
		known[pid] = true
	}
	ours.Unlock()
	var below []Proc
	for _, p := range all {
		if known[p.PID] || p.State == 'Z' {
			continue
		}
		for q, n := p, 0; n < 64; n++ {
			if q.PPID == os.Getpid() {
				below = append(below, p)
				break
			}
			up, ok := all[q.PPID]
			if !ok {
				break
			}
			q = up
		}
	}
	return below
}

// startReaper collects orphans that have ended. A process must be seen as a
// zombie twice, so that an os/exec of a test that does not use Command still
// gets its status first.
func startReaper() (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		seen := map[int]bool{}
		tick := time.NewTicker(25 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			seen = reapOnce(seen)
		}
	}()
	return func() { close(done); <-ended }
}

func reapOnce(seen map[int]bool) map[int]bool {
	// Per thread, because the list in proc(5) belongs to the thread that forked them.
	// Without CONFIG_PROC_CHILDREN orphans stay zombies until we end.
	lists, _ := filepath.Glob("/proc/self/task/*/children")
	var children []string
	for _, list := range lists {
		data, _ := os.ReadFile(list)
		children = append(children, strings.Fields(string(data))...)
	}
	next := map[int]bool{}
	for _, field := range children {
		pid, _ := strconv.Atoi(field)
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		if !strings.HasPrefix(rest, "Z") {
			continue
		}
		ours.Lock()
		if !ours.pids[pid] {
			if seen[pid] {
				var status unix.WaitStatus
				if got, _ := unix.Wait4(pid, &status, unix.WNOHANG, nil); got == pid {
					if ours.collected == nil {
						ours.collected = map[int]unix.WaitStatus{}
					}
					ours.collected[pid] = status
				}
			} else {
				next[pid] = true
			}
		}
		ours.Unlock()
	}
	return next
}

// Collected is how an orphan has ended, if the reaper was faster than the test
// that wants to know.
func Collected(pid int) (unix.WaitStatus, bool) {
	ours.Lock()
	defer ours.Unlock()
	status, ok := ours.collected[pid]
	return status, ok
}

// killStrays ends what the tests left running below us, by pid.
func killStrays() {
	for range 20 {
		left := Descendants()
		if len(left) == 0 {
			return
		}
		for _, p := range left {
			unix.Kill(p.PID, unix.SIGKILL)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
