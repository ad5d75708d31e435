package logs

import "golang.org/x/sys/unix"

// kernel is what the files of a log need from the kernel. The tests put
// something less reliable in its place.
type kernel interface {
	write(fd int, p []byte) (int, error)
	ftruncate(fd int, size int64) error
	fsync(fd int) error
	openat(dir int, name string, flags int) (int, error)
	renameat(dir int, from, to string) error
	unlinkat(dir int, name string) error
}

type linux struct{}

func (linux) write(fd int, p []byte) (int, error) { return unix.Write(fd, p) }
func (linux) ftruncate(fd int, size int64) error  { return unix.Ftruncate(fd, size) }
func (linux) fsync(fd int) error                  { return unix.Fsync(fd) }
func (linux) unlinkat(dir int, name string) error { return unix.Unlinkat(dir, name, 0) }

func (linux) renameat(dir int, from, to string) error { return unix.Renameat(dir, from, dir, to) }

func (linux) openat(dir int, name string, flags int) (int, error) {
	for {
		fd, err := unix.Openat(dir, name, flags|unix.O_CLOEXEC, 0o640)
		if err != unix.EINTR {
			return fd, err
		}
	}
}
