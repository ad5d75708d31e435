package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"stave/specs"
)

// Tests on the cgroups of this machine, in directories of their own.

// layouts gives the machine's own layout and, on a hybrid one, also its v1
// and its v2 half, which is as good as a v1 and a v2 host for most of this.
func layouts(t *testing.T) map[string]*Layout {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	l, err := Detect()
	if err != nil {
		t.Skip("needs cgroups: ", err)
	}
	probe := l.Hierarchies[0].Mount + "/stave-probe-" + strconv.Itoa(os.Getpid())
	if err := os.Mkdir(probe, 0o755); err != nil {
		t.Skip("needs a writable cgroup file system: ", err)
	}
	os.Remove(probe)
	all := map[string]*Layout{l.Mode.String(): l}
	if l.Mode == Hybrid {
		n := len(l.Hierarchies) - 1
		all["v1 half"] = &Layout{Mode: V1, Hierarchies: l.Hierarchies[:n]}
		all["v2 half"] = &Layout{Mode: V2, Hierarchies: l.Hierarchies[n:]}
	}
	return all
}

func onLayouts(t *testing.T, f func(t *testing.T, l *Layout)) {
	for name, l := range layouts(t) {
		t.Run(name, func(t *testing.T) { f(t, l) })
	}
}

var serial atomic.Int32

// container makes the cgroups of a container and removes them at the end of
// the test, whatever it did.
func container(t *testing.T, l *Layout, res *rspec.LinuxResources) []Dir {
	t.Helper()
	name := fmt.Sprintf("/stave-test-%d/c%d", os.Getpid(), serial.Add(1))
	_, dirs, err := l.Dirs(name, "")
	if err != nil {
		t.Fatal(err)
	}
	inherit, err := CpusetInherit(dirs, res)
	if err != nil {
		t.Fatal(err)
	}
	made, err := Make(dirs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := Kill(dirs, 10*time.Second); err != nil {
			t.Error(err)
		}
		if err := Remove(dirs); err != nil {
			t.Error(err)
		}
		RemoveEmpty(dirs, made)
		for _, path := range made {
			if exists(path) {
				t.Error("left behind: ", path)
			}
		}
	})
	settings, err := Settings(l, dirs, res, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := Apply(dirs, append(append(inherit, Enable(l, dirs, res)...), settings...)); err != nil {
		t.Fatal(err)
	}
	return dirs
}

// start runs a shell script inside dirs, joined as a container joins.
func start(t *testing.T, dirs []Dir, script string) *exec.Cmd {
	t.Helper()
	var join strings.Builder
	for _, f := range JoinFiles(dirs, true) {
		fmt.Fprintf(&join, "echo 0 > %s || exit 99\n", f)
	}
	cmd := exec.Command("/bin/sh", "-c", join.String()+"echo joined\n"+script)
	if path := InitialCgroupDir(dirs); path != "" {
		fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: fd}
	}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	word := make([]byte, 7)
	if _, err := out.Read(word); err != nil || string(word[:6]) != "joined" {
		t.Fatalf("did not join: %q %v", word, err)
	}
	return cmd
}

func dead(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	cmd.Wait()
	if s, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || s.Signal() != unix.SIGKILL {
		t.Errorf("%v", cmd.ProcessState)
	}
}

func TestLife(t *testing.T) {
	onLayouts(t, func(t *testing.T, l *Layout) {
		dirs := container(t, l, nil)
		if err := Check(dirs); err != nil {
			t.Fatal(err)
		}
		cmd := start(t, dirs, "sleep 100 & wait")
		var e *specs.Error
		if err := Check(dirs); !errors.Is(err, specs.ErrBusy) || !errors.As(err, &e) || !strings.Contains(e.Problem, strconv.Itoa(cmd.Process.Pid)) {
			t.Error(err)
		}
		time.Sleep(20 * time.Millisecond)
		if pids, err := Procs(dirs, true); err != nil || len(pids) != 2 {
			t.Error(pids, err)
		}
		s, err := ReadStats(dirs)
		if err != nil || s.Pids.Current != 2 || s.CPU.Usage.Total == 0 {
			t.Errorf("%v %+v", err, s)
		}
		if l.Mode != V2 && (s.Memory.Usage.Usage == 0 || s.Memory.Usage.Limit == 0 || len(s.CPU.Usage.Percpu) == 0 || len(s.CPUSet.CPUs) == 0 || len(s.Memory.Raw) == 0) {
			t.Errorf("%+v", s)
		}
		if l.Mode != V1 && s.CPU.PSI == nil && l.Mode == V2 {
			t.Errorf("no pressure: %+v", s.CPU)
		}
		for _, want := range []bool{true, true, false} {
			if err := Freeze(dirs, want); err != nil {
				t.Fatal(err)
			}
			frozen, err := Frozen(dirs)
			paused, err2 := Paused(dirs)
			if frozen != want || paused != want || err != nil || err2 != nil {
				t.Error(frozen, paused, err, err2)
			}
		}
		if err := Remove(dirs[:1]); !errors.Is(err, specs.ErrBusy) || !errors.Is(err, unix.EBUSY) || !strings.Contains(err.Error(), strconv.Itoa(cmd.Process.Pid)) {
			t.Error(err)
		}
		if err := Kill(dirs, 5*time.Second); err != nil {
			t.Error(err)
		}
		dead(t, cmd)
		if err := Remove(dirs); err != nil {
			t.Error(err)
		}
		// Everything works on what is gone.
		frozen, err := Frozen(dirs)
		pids, err2 := Procs(dirs, true)
		n, err3 := OOMKills(dirs)
		if err := errors.Join(err, err2, err3, Kill(dirs, time.Second), Remove(dirs), Check(dirs)); err != nil || frozen || len(pids) != 0 || n != 0 {
			t.Error(frozen, pids, n, err)
		}
		if _, err := ReadStats(dirs); !errors.Is(err, unix.ENOENT) {
			t.Error(err)
		}
	})
}

func TestOOM(t *testing.T) {
	if _, err := exec.LookPath("perl"); err != nil {
		t.Skip("needs perl")
	}
	onLayouts(t, func(t *testing.T, l *Layout) {
		limit := int64(16 << 20)
		if l.Mode == V2 && !has(l.Hierarchies[0].Available, "memory") {
			t.Skip("needs the memory controller on v2")
		}
		dirs := container(t, l, &rspec.LinuxResources{Memory: &rspec.LinuxMemory{Limit: &limit, Swap: &limit}})
		w, err := WatchOOM(dirs)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		if kills, oom, ended, err := w.Wait(10 * time.Millisecond); kills != 0 || oom || ended || err != nil {
			t.Error(kills, oom, ended, err)
		}
		cmd := start(t, dirs, `exec perl -e '$x = "a" x (64 << 20); sleep 9'`)
		kills, oom := uint64(0), false
		for begin := time.Now(); kills == 0 && time.Since(begin) < 5*time.Second; {
			k, o, ended, err := w.Wait(time.Second)
			if ended || err != nil {
				t.Fatal(ended, err)
			}
			kills, oom = kills+k, oom || o
		}
		if kills != 1 || !oom {
			t.Error(kills, oom)
		}
		dead(t, cmd)
		if n, err := OOMKills(dirs); n != 1 || err != nil {
			t.Error(n, err)
		}
		if err := Remove(dirs); err != nil {
			t.Error(err)
		}
		if _, _, ended, err := w.Read(); !ended || err != nil {
			t.Error(ended, err)
		}
	})
}

func TestUpdate(t *testing.T) {
	onLayouts(t, func(t *testing.T, l *Layout) {
		if l.Mode == V2 && !has(l.Hierarchies[0].Available, "memory") {
			t.Skip("needs the memory controller on v2")
		}
		mem := func(limit, swap int64) *rspec.LinuxResources {
			return &rspec.LinuxResources{Memory: &rspec.LinuxMemory{Limit: &limit, Swap: &swap}}
		}
		dirs := container(t, l, mem(32<<20, 32<<20))
		d, _ := memoryDir(dirs)
		for _, mb := range []int64{64, 16, 128, 32} { // up and down
			if err := Update(l, dirs, nil, mem(mb<<20, mb<<20)); err != nil {
				t.Fatal(err)
			}
			if d.H.V2 {
				continue
			}
			for _, f := range []string{"memory.limit_in_bytes", "memory.memsw.limit_in_bytes"} {
				if text, err := d.read(f); err != nil || number(text) != uint64(mb<<20) {
					t.Error(mb, f, text, err)
				}
			}
		}
		cpu, ok := find(dirs, "cpu")
		if !ok {
			return
		}
		quota := func(q int64, p, b uint64) *rspec.LinuxResources {
			return &rspec.LinuxResources{CPU: &rspec.LinuxCPU{Quota: &q, Period: &p, Burst: &b}}
		}
		for _, q := range []int64{50000, 10000, 90000} {
			if err := Update(l, dirs, nil, quota(q, uint64(q), uint64(q))); err != nil {
				t.Fatal(err)
			}
			if text, err := cpu.read("cpu.cfs_burst_us"); number(text) != uint64(q) || err != nil {
				t.Error(text, err)
			}
		}
		// A refusal takes everything back.
		bad := quota(20000, 20000, 0)
		bad.CPU.Cpus = "4000"
		err := Update(l, dirs, quota(90000, 90000, 90000), bad)
		if e := new(specs.Error); !errors.As(err, &e) || e.Field != "/linux/resources/cpu/cpus" || e.Errno == 0 {
			t.Error(err)
		}
		if text, _ := cpu.read("cpu.cfs_quota_us"); number(text) != 90000 {
			t.Error(text)
		}
	})
}

func TestDevicesLive(t *testing.T) {
	onLayouts(t, func(t *testing.T, l *Layout) {
		null, zero := int64(3), int64(5)
		one := int64(1)
		res := &rspec.LinuxResources{Devices: []rspec.LinuxDeviceCgroup{{Allow: false, Access: "rwm"},
			{Allow: true, Type: "c", Major: &one, Minor: &null, Access: "rw"}, {Allow: false, Type: "c", Major: &one, Minor: &zero, Access: "rwm"}}}
		dirs := container(t, l, res)
		if DevicesByProgram(dirs) {
			set, err := Devices(res, Options{})
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // and replace it
				if err := SetDevices(dirs, set); err != nil {
					if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
						t.Skip("needs BPF_PROG_TYPE_CGROUP_DEVICE: ", err)
					}
					t.Fatal(err)
				}
			}
			fd, _ := dirs[0].openDir()
			defer unix.Close(fd)
			if fds, err := attachedDevices(fd, ""); len(fds) != 1 || err != nil {
				t.Error(fds, err)
			} else {
				unix.Close(fds[0])
			}
		}
		// Positive control: outside, the last one can be opened.
		const script = `(: < /dev/null) && (: < /dev/urandom) && if (: < /dev/kmsg) 2>/dev/null; then exit 7; fi`
		if out := exec.Command("/bin/sh", "-c", script).Run(); out == nil || out.Error() != "exit status 7" {
			t.Skip("needs a /dev/kmsg that can be read: ", out)
		}
		cmd := start(t, dirs, script)
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
}

// The runtime's descriptors are few and all closed again.
func TestNoLeaks(t *testing.T) {
	before := openFiles(t)
	TestKillFrozen(t)
	TestUpdate(t)
	if after := openFiles(t); !bytes.Equal(before, after) {
		t.Errorf("%s\n%s", before, after)
	}
}

func openFiles(t *testing.T) []byte {
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return []byte(strconv.Itoa(len(names)))
}
