package faults

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"stave/tests/kit"
)

// A deadFS is a filesystem whose server stops answering: what an NFS server
// that is gone looks like. fuse(4). Nobody may touch it by path but those who
// are to hang; a process that waits for an answer does not even take SIGKILL.
type deadFS struct {
	dir     string // has one directory, "x"
	fd      int
	answers atomic.Int64 // lookups and getattrs that are still answered
	asked   atomic.Int64 // those that are not
	ended   chan struct{}
	once    sync.Once
}

// Opcodes of the protocol, linux/fuse.h.
const (
	fuseLookup  = 1
	fuseForget  = 2
	fuseGetattr = 3
	fuseInit    = 26
	fuseBForget = 42
)

func newDeadFS(t *testing.T, answers int64) *deadFS {
	t.Helper()
	kit.NeedRoot(t)
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		kit.Lacks(t, "/dev/fuse")
	}
	d := &deadFS{dir: filepath.Join(kit.Dir(t), "dead"), fd: fd, ended: make(chan struct{})}
	d.answers.Store(answers)
	kit.Must(t, os.Mkdir(d.dir, 0o755))
	if err := unix.Mount("dead", d.dir, "fuse", 0, "fd="+strconv.Itoa(fd)+",rootmode=40000,user_id=0,group_id=0"); err != nil {
		unix.Close(fd)
		kit.Lacks(t, "FUSE mounts: %v", err)
	}
	go d.serve()
	t.Cleanup(d.end)
	return d
}

// abort lets all who wait go on with an error.
func (d *deadFS) abort() { _ = unix.Unmount(d.dir, unix.MNT_FORCE|unix.UMOUNT_NOFOLLOW) }

func (d *deadFS) end() {
	d.once.Do(func() {
		d.abort()
		_ = unix.Unmount(d.dir, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
		<-d.ended
		unix.Close(d.fd)
	})
}

func (d *deadFS) serve() {
	defer close(d.ended)
	buf := make([]byte, 1<<17)
	for {
		n, err := unix.Read(d.fd, buf)
		if err == unix.EINTR || err == unix.ENOENT { // ENOENT: the request was taken back
			continue
		}
		if err != nil || n < 40 {
			return // ENODEV: aborted
		}
		le := binary.NativeEndian
		opcode, unique, node := le.Uint32(buf[4:]), le.Uint64(buf[8:]), le.Uint64(buf[16:])
		switch opcode {
		case fuseInit:
			out := make([]byte, 64)
			le.PutUint32(out, 7)
			le.PutUint32(out[4:], 31)
			le.PutUint32(out[20:], 1<<16) // max_write
			d.reply(unique, 0, out)
		case fuseForget, fuseBForget: // want no answer
		case fuseLookup, fuseGetattr:
			if d.answers.Add(-1) < 0 {
				d.asked.Add(1)
				continue
			}
			if opcode == fuseGetattr {
				d.reply(unique, 0, append(make([]byte, 16), attr(node)...))
				continue
			}
			out := make([]byte, 40) // valid for no time at all: asked again at every step
			le.PutUint64(out, 2)
			d.reply(unique, 0, append(out, attr(2)...))
		default:
			d.reply(unique, -int32(unix.ENOSYS), nil)
		}
	}
}

// attr is struct fuse_attr of a directory.
func attr(node uint64) []byte {
	out := make([]byte, 88)
	binary.NativeEndian.PutUint64(out, node)
	binary.NativeEndian.PutUint32(out[60:], unix.S_IFDIR|0o755)
	binary.NativeEndian.PutUint32(out[64:], 2)
	return out
}

func (d *deadFS) reply(unique uint64, errno int32, body []byte) {
	out := make([]byte, 16, 16+len(body))
	binary.NativeEndian.PutUint32(out, uint32(16+len(body)))
	binary.NativeEndian.PutUint32(out[4:], uint32(errno))
	binary.NativeEndian.PutUint64(out[8:], unique)
	_, _ = unix.Write(d.fd, append(out, body...))
}
