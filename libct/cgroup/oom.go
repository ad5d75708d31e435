package cgroup

// oom.go: knowing that the kernel killed for memory. The monitor waits, the
// other commands only read the count.

import (
	"strconv"
	"time"

	"golang.org/x/sys/unix"
	"stave/specs"
)

// OOMKills counts the processes that the kernel killed in the container
// because memory ran out. v2 counts for the whole subtree; v1 counts each
// cgroup alone, so they are summed, and one that is gone is not counted.
// Read it before Remove.
func OOMKills(dirs []Dir) (uint64, error) {
	d, ok := memoryDir(dirs)
	if !ok {
		return 0, nil
	}
	if d.H.V2 {
		text, err := d.read("memory.events")
		if gone(err) {
			return 0, nil
		}
		return keyed(text, "oom_kill"), err
	}
	fd, err := d.openDir()
	if err != nil {
		if gone(err) {
			err = nil
		}
		return 0, err
	}
	defer unix.Close(fd)
	var sum uint64
	err = walk(fd, d.Path, func(base int, rel, full string) error {
		if rel != "" {
			rel += "/"
		}
		text, err := readFile(base, rel+"memory.oom_control", full+"/memory.oom_control")
		if err != nil && !gone(err) {
			return err
		}
		sum += keyed(text, "oom_kill")
		return nil
	})
	return sum, err
}

func memoryDir(dirs []Dir) (Dir, bool) {
	if d, ok := find(dirs, "memory"); ok {
		return d, true
	}
	d, ok := findV2(dirs)
	return d, ok && has(d.H.Available, "memory")
}

// OOM waits for memory to run out. It holds one fd for poll(2), and on v1
// the two that the kernel's notification needs.
type OOM struct {
	dirs []Dir
	fd   int // v1: eventfd(2); v2: inotify(7)
	file int // v1: memory.oom_control, -1 on v2
	v2   bool
	last uint64
}

// WatchOOM starts watching. The caller closes it.
func WatchOOM(dirs []Dir) (*OOM, error) {
	d, ok := memoryDir(dirs)
	if !ok {
		return nil, &specs.Error{Problem: "this host has no cgroup controller memory", Kind: specs.ErrUnsupported}
	}
	dir, err := d.openDir()
	if err != nil {
		return nil, err
	}
	defer unix.Close(dir)
	w := &OOM{dirs: dirs, fd: -1, file: -1, v2: d.H.V2}
	if w.v2 {
		err = w.inotify(d.Path)
	} else {
		err = w.eventfd(dir, d.Path)
	}
	if err == nil {
		w.last, err = OOMKills(dirs)
	}
	if err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// eventfd asks the v1 kernel to raise an eventfd: the numbers of both fds go
// into cgroup.event_control (kernel, admin-guide/cgroup-v1/memory, 9 and 10).
func (w *OOM) eventfd(dir int, path string) (err error) {
	if w.file, err = open(dir, "memory.oom_control", unix.O_RDONLY, beneath); err != nil {
		return failed("openat2", path+"/memory.oom_control", err)
	}
	if w.fd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return failed("eventfd2", "", err)
	}
	return writeFile(dir, "cgroup.event_control", strconv.Itoa(w.fd)+" "+strconv.Itoa(w.file), path+"/cgroup.event_control")
}

// inotify watches memory.events, which the kernel marks modified on every
// change of a count in it. inotify(7) knows files only by name; this one is
// the container's own directory, which it cannot rename or replace.
func (w *OOM) inotify(path string) (err error) {
	path += "/memory.events"
	if w.fd, err = unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK); err != nil {
		return failed("inotify_init1", path, err)
	}
	if _, err := unix.InotifyAddWatch(w.fd, path, unix.IN_MODIFY|unix.IN_DONT_FOLLOW); err != nil {
		return failed("inotify_add_watch", path, err)
	}
	return nil
}

// FD becomes readable when Read has something to tell.
func (w *OOM) FD() int { return w.fd }

// Read takes what has happened, without waiting: how many processes were
// killed since the last call, and whether the cgroup is gone. v1 reports
// before it kills, so oom may come with a kill that only the next call
// counts; and a container without OOM killer stops instead of dying.
func (w *OOM) Read() (kills uint64, oom, ended bool, err error) {
	buf := make([]byte, 4096)
	n, err := unix.Read(w.fd, buf)
	if err != nil && err != unix.EAGAIN && err != unix.EINTR {
		return 0, false, false, failed("read", "", err)
	}
	oom = !w.v2 && n > 0
	d, _ := memoryDir(w.dirs)
	if !d.exists() {
		// Removal raises the eventfd as well; it is no OOM.
		return 0, false, true, nil
	}
	now, err := OOMKills(w.dirs)
	if err != nil {
		return 0, oom, false, err
	}
	// v1 sums can shrink when a sub-cgroup goes.
	if now > w.last {
		kills = now - w.last
	}
	w.last = now
	return kills, oom || kills > 0, false, nil
}

// Wait waits up to timeout, forever if negative, for Read to tell something.
func (w *OOM) Wait(timeout time.Duration) (kills uint64, oom, ended bool, err error) {
	deadline := time.Now().Add(timeout)
	for {
		ms := -1
		if timeout >= 0 {
			ms = int(max(time.Until(deadline), 0)/time.Millisecond) + 1
		}
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(w.fd), Events: unix.POLLIN}}, ms)
		if err != nil && err != unix.EINTR {
			return 0, false, false, failed("poll", "", err)
		}
		if n > 0 {
			kills, oom, ended, err := w.Read()
			if oom && kills == 0 && err == nil {
				kills, err = w.settle()
			}
			if oom || ended || err != nil {
				return kills, oom, ended, err
			}
		}
		if timeout >= 0 && !time.Now().Before(deadline) {
			return 0, false, false, nil
		}
	}
}

// settle gives the kernel the moment between "out of memory", which is what
// v1 reports, and the kill that usually follows.
func (w *OOM) settle() (kills uint64, err error) {
	for range 50 {
		time.Sleep(time.Millisecond)
		if kills, _, _, err = w.Read(); kills > 0 || err != nil {
			break
		}
	}
	return kills, err
}

// Close ends the watch.
func (w *OOM) Close() {
	for _, fd := range []int{w.fd, w.file} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
	w.fd, w.file = -1, -1
}
