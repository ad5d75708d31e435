package podman

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"stave/tests/kit"
)

// A moment in a conversation at a terminal: when this text has come, after what
// came before, type that, or change the window.
type moment struct {
	see    string
	send   string
	rows   uint16 // with cols: the new size
	cols   uint16
	insist bool // type it again until what comes next is seen
}

// converse runs a check's script at a terminal of 24 rows and 80 columns and
// gives all that appeared there.
func (s *side) converse(t *testing.T, k *check) string {
	t.Helper()
	master, slave := openTerminal(t)
	defer master.Close()
	// The terminal is fd 0, for reading and writing.
	cmd := s.command("exec >&0 2>&1\n" + k.script)
	cmd.Stdin, cmd.Attr = slave, &syscall.SysProcAttr{Setsid: true, Setctty: true}
	cmd.Start(t)
	slave.Close()

	var screen struct {
		sync.Mutex
		text string
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		buf := make([]byte, 4096)
		for {
			n, err := master.Read(buf)
			screen.Lock()
			screen.text += string(buf[:n])
			screen.Unlock()
			if err != nil { // EIO: nobody has the terminal any more
				return
			}
		}
	}()
	text := func() string { screen.Lock(); defer screen.Unlock(); return screen.text }

	// Key by key, as a person does: Podman takes keys for detaching only if they
	// come in reads of their own.
	keys := func(text string) {
		for _, key := range []byte(text) {
			if _, err := master.Write([]byte{key}); err != nil {
				t.Errorf("with %s: %v", s.name, err)
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	from := 0
	for i, m := range k.talk {
		seen := false
		for try := 0; try < 15 && !seen; try++ {
			if try > 0 && i > 0 && k.talk[i-1].insist {
				keys(k.talk[i-1].send)
			}
			seen = kit.Eventually(2*time.Second, func() bool { return strings.Contains(text()[from:], m.see) })
		}
		if !seen {
			unix.Kill(-cmd.PID(), unix.SIGKILL)
			cmd.Wait()
			return text() + fmt.Sprintf("\nnever seen: %q\n", m.see)
		}
		from += strings.Index(text()[from:], m.see) + len(m.see)
		if m.rows > 0 {
			kit.Must(t, unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: m.rows, Col: m.cols}))
		}
		keys(m.send)
	}
	res := cmd.Wait()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Errorf("with %s: somebody holds the terminal: %s", s.name, res)
	}
	if res.TimedOut {
		return text() + "\ntimed out\n"
	}
	return strings.ReplaceAll(text(), "\r\n", "\n")
}

func openTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	kit.Must(t, err)
	fd := int(master.Fd())
	kit.Must(t, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	kit.Must(t, err)
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	kit.Must(t, err)
	kit.Must(t, unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}))
	return master, slave
}
