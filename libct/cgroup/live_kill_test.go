package cgroup

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"stave/specs"
)

const bomb = `exec perl -e '$SIG{CHLD} = "IGNORE"; while (1) { my $p = fork; if (defined $p && $p == 0 && rand() < 0.5) { exit 0 } }'`

func TestForkBomb(t *testing.T) {
	if _, err := exec.LookPath("perl"); err != nil {
		t.Skip("needs perl")
	}
	onLayouts(t, func(t *testing.T, l *Layout) {
		if l.Mode == V2 {
			if p := l.Hierarchies[0]; !has(p.Available, "pids") {
				t.Skip("needs the pids controller on v2 to bound the bomb")
			}
		}
		limit := int64(50)
		for round := range 3 {
			dirs := container(t, l, &rspec.LinuxResources{Pids: &rspec.LinuxPids{Limit: &limit}})
			if round == 2 { // a host without a freezer
				var rest []Dir
				for _, d := range dirs {
					if !has(d.Controllers, "freezer") {
						rest = append(rest, d)
					}
				}
				dirs = rest
			}
			cmd := start(t, dirs, bomb)
			time.Sleep(200 * time.Millisecond)
			begin := time.Now()
			if err := Kill(dirs, 10*time.Second); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(begin); took > 2*time.Second {
				t.Error("took ", took)
			} else {
				t.Log(took)
			}
			dead(t, cmd)
		}
	})
}

// A container with its own writable subtree freezes a part of itself; the
// runtime's freezes come on top.
func TestKillFrozen(t *testing.T) {
	onLayouts(t, func(t *testing.T, l *Layout) {
		for _, where := range []string{"self", "sub", "both"} {
			dirs := container(t, l, nil)
			sub, err := Sub(dirs, "a/b")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Make(sub); err != nil {
				t.Fatal(err)
			}
			inherit, err := CpusetInherit(sub, nil)
			if err == nil {
				err = Apply(sub, inherit)
			}
			if err != nil {
				t.Fatal(err)
			}
			first := start(t, dirs, "exec sleep 100")
			second := start(t, sub, "exec sleep 100")
			if where != "self" {
				err = Freeze(sub, true)
			}
			if where != "sub" && err == nil {
				err = Freeze(dirs, true)
			}
			if err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			if err := Kill(dirs, 5*time.Second); err != nil {
				t.Fatal(where, ": ", err)
			}
			t.Log(where, time.Since(begin))
			dead(t, first)
			dead(t, second)
			if err := Remove(dirs); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestFrozenAncestor(t *testing.T) {
	onLayouts(t, func(t *testing.T, l *Layout) {
		dirs := container(t, l, nil)
		sub, _ := Sub(dirs, "not/there")
		if err := Check(sub); err != nil {
			t.Error(err)
		}
		if err := Freeze(dirs, true); err != nil {
			t.Fatal(err)
		}
		if err := Check(sub); !errors.Is(err, specs.ErrBusy) || !strings.Contains(err.Error(), "frozen") {
			t.Error(err)
		}
		if _, err := Make(sub); err != nil {
			t.Fatal(err)
		}
		frozen, err := Frozen(sub)
		paused, err2 := Paused(sub)
		if !frozen || paused || err != nil || err2 != nil {
			t.Error(frozen, paused, err, err2)
		}
		// Kill below a frozen cgroup that is not ours to thaw: bounded, and
		// it says why. On v2 even a frozen process dies.
		if l.Mode == V2 {
			return
		}
		if err := Freeze(dirs, false); err != nil {
			t.Fatal(err)
		}
		inherit, _ := CpusetInherit(sub, nil)
		if err := Apply(sub, inherit); err != nil {
			t.Fatal(err)
		}
		cmd := start(t, sub, "exec sleep 100")
		if err := Freeze(dirs, true); err != nil {
			t.Fatal(err)
		}
		if err := Kill(sub, 300*time.Millisecond); !errors.Is(err, specs.ErrBusy) || !strings.Contains(err.Error(), "above is frozen") {
			t.Error(err)
		}
		if err := Freeze(dirs, false); err != nil {
			t.Fatal(err)
		}
		dead(t, cmd)
	})
}

// Sub-cgroups appear while Remove is at work, and nest deeper than a path can
// name.
func TestRemoveRace(t *testing.T) {
	onLayouts(t, func(t *testing.T, l *Layout) {
		dirs := container(t, l, nil)
		base := dirs[0].Path
		stop, done := make(chan bool), make(chan bool)
		go func() {
			defer close(done)
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					os.MkdirAll(filepath.Join(base, strconv.Itoa(i%7), strconv.Itoa(i%3)), 0o755)
				}
			}
		}()
		time.Sleep(20 * time.Millisecond)
		time.AfterFunc(100*time.Millisecond, func() { close(stop) })
		begin := time.Now()
		err := Remove(dirs)
		<-done
		if err != nil || time.Since(begin) > removeTimeout+time.Second {
			t.Error(time.Since(begin), err)
		}
		if err := Remove(dirs); err != nil { // MkdirAll may have had the last word
			t.Error(err)
		}
	})
}

func TestDeep(t *testing.T) {
	l := layouts(t)
	for _, layout := range l {
		dirs := container(t, layout, nil)
		fd, err := unix.Open(dirs[0].Path, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		name, depth := strings.Repeat("d", 200), 0
		for ; depth < 30; depth++ {
			if err := unix.Mkdirat(fd, name, 0o755); err != nil {
				t.Log("the kernel stops at depth ", depth, ": ", err)
				break
			}
			next, err := unix.Openat(fd, name, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
			unix.Close(fd)
			if err != nil {
				t.Fatal(err)
			}
			fd = next
		}
		unix.Close(fd)
		if err := Remove(dirs); err != nil || exists(dirs[0].Path) {
			t.Error(depth, err)
		}
		return // one hierarchy is like another
	}
}
