package monitor

import (
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// oom.go: did the kernel kill for want of memory? Asked when it says that
// something happened, and once more when the container has ended, because the
// news and the end come on different ways.
//
//	v1  memory.oom_control: an eventfd(2) is raised before the kill, and when
//	    the cgroup is removed; "oom_kill N" counts
//	v2  memory.events: inotify(7) tells of each change; "oom_kill N" counts
//
// A file that was opened before the cgroup is gone goes on to answer until then.

type oomWatch struct {
	watch // the eventfd or inotify; -1: there is none
	c     *Container
	file  int // memory.oom_control or memory.events; -1: there is none
	v2    bool
	first int // kills before the container, in a cgroup that is not new
	told  int // times that v1 has told of a shortage and no kill was counted
	again timer
}

// v1 tells of the shortage before the kill that usually follows. Usually within
// a millisecond; a container without OOM killer waits for memory instead.
const (
	oomRetry = 20 * time.Millisecond
	oomTries = 10
)

// open begins to watch the cgroup of the process.
func (o *oomWatch) open(c *Container, pid int) error {
	o.c, o.fd, o.file, o.again.fire = c, -1, -1, o.retry
	text, err := readInto("/proc/"+itoa(pid)+"/cgroup", c.m.in.mem)
	if err != nil {
		return failed("watch for OOM", "open", "/proc/"+itoa(pid)+"/cgroup", err)
	}
	c.m.in.used(len(text))
	dir, v2 := findMemory(text)
	if dir == "" {
		return nil // no memory controller: nothing to tell
	}
	o.v2 = v2
	name := dir + "/memory.oom_control"
	if v2 {
		name = dir + "/memory.events"
	}
	if o.file, err = unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
		return failed("watch for OOM", "open", name, err)
	}
	if v2 {
		err = o.inotify(name)
	} else {
		err = o.eventfd(dir)
	}
	if err != nil {
		return err
	}
	o.first, _ = o.kills()
	return c.m.add(&o.watch, unix.EPOLLIN, o)
}

// eventfd registers with cgroup.event_control (kernel, cgroup-v1/memory, 9 and 10).
func (o *oomWatch) eventfd(dir string) (err error) {
	if o.fd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return failed("watch for OOM", "eventfd2", "", err)
	}
	name := dir + "/cgroup.event_control"
	ctl, err := unix.Open(name, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return failed("watch for OOM", "open", name, err)
	}
	_, err = unix.Write(ctl, []byte(itoa(o.fd)+" "+itoa(o.file)))
	unix.Close(ctl)
	if err != nil {
		return failed("watch for OOM", "write", name, err)
	}
	return nil
}

func (o *oomWatch) inotify(name string) (err error) {
	if o.fd, err = unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK); err != nil {
		return failed("watch for OOM", "inotify_init1", "", err)
	}
	if _, err = unix.InotifyAddWatch(o.fd, name, unix.IN_MODIFY); err != nil {
		return failed("watch for OOM", "inotify_add_watch", name, err)
	}
	return nil
}

// ready: something changed.
func (o *oomWatch) ready(uint32) {
	var event [512]byte
	unix.Read(o.fd, event[:])
	n, gone := o.kills()
	switch {
	case gone:
		// v1 tells of the removal of the cgroup in the same way.
		o.c.m.drop(&o.watch)
	case n > o.first:
		o.c.oomKilled()
	case !o.v2:
		o.told = 1
		o.c.m.after(&o.again, oomRetry)
	}
}

func (o *oomWatch) retry() {
	o.told++
	if n, gone := o.kills(); n > o.first {
		o.c.oomKilled()
	} else if !gone && o.told < oomTries {
		o.c.m.after(&o.again, oomRetry)
	}
}

// check looks once more, when the container has ended with status.
func (o *oomWatch) check(status Status) {
	if o.c == nil || o.file < 0 {
		return
	}
	n, gone := o.kills()
	// Where the cgroup is removed as soon as it is empty the count may be gone
	// before we come; that memory was short, and what followed, is known.
	if n > o.first || gone && o.told > 0 && status.Signal == unix.SIGKILL {
		o.c.oomKilled()
	}
}

// kills reads the count; gone: the cgroup has been removed.
func (o *oomWatch) kills() (n int, gone bool) {
	var buf [512]byte
	got, err := unix.Pread(o.file, buf[:], 0)
	if err != nil {
		return 0, err == unix.ENODEV
	}
	for line := range strings.SplitSeq(unsafe.String(&buf[0], got), "\n") {
		if v, ok := strings.CutPrefix(line, "oom_kill "); ok {
			n, _ = strconv.Atoi(v)
		}
	}
	return n, false
}

func (o *oomWatch) close() {
	if o.c == nil {
		return
	}
	o.c.m.drop(&o.watch)
	o.c.m.stop(&o.again)
	if o.file >= 0 {
		unix.Close(o.file)
		o.file = -1
	}
}

// findMemory gives the directory of the memory controller for a process whose
// /proc/PID/cgroup this is; empty: there is none. The line is chosen by its
// controllers and never by its place: on a hybrid host the first one may be
// any. (cgroups(7).)
func findMemory(text string) (dir string, v2 bool) {
	unified := ""
	for line := range strings.SplitSeq(text, "\n") {
		_, rest, _ := strings.Cut(line, ":")
		controllers, path, ok := strings.Cut(rest, ":")
		if !ok {
			continue
		}
		// The kernel marks what has been removed in the meantime.
		path = strings.TrimSuffix(path, " (deleted)")
		if controllers == "" {
			unified = path
			continue
		}
		for name := range strings.SplitSeq(controllers, ",") {
			if name == "memory" {
				return locate(controllers, path, "memory.oom_control"), false
			}
		}
	}
	if unified == "" {
		return "", false
	}
	return locate("", unified, "memory.events"), true
}

// locate finds a cgroup's directory in the places where hierarchies are mounted,
// by a file that must be in it.
func locate(controllers, path, file string) string {
	const root = "/sys/fs/cgroup"
	places := []string{root + "/" + controllers, root + "/memory"}
	if controllers == "" {
		places = []string{root, root + "/unified"}
	}
	for _, p := range places {
		dir := p + path
		if path == "/" {
			dir = p
		}
		if unix.Access(dir+"/"+file, unix.R_OK) == nil {
			return dir
		}
	}
	return ""
}

// touch makes an empty file that says something by being there.
func touch(path string) error {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CREAT|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0o644)
	if err != nil {
		return failed("leave a sign", "open", path, err)
	}
	return unix.Close(fd)
}

// itoa is strconv.Itoa, as often as it is needed here.
func itoa(n int) string { return strconv.Itoa(n) }
