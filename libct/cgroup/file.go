package cgroup

// file.go: opening, reading and writing cgroup files by directory fd. The
// only way in here to anything below a mount point.

import (
	"strings"

	"golang.org/x/sys/unix"
	"stave/specs"
)

// beneath is how every path below a mount point is resolved. Names there may
// be the container's own (it can be given its subtree to write), and links
// have no business in a cgroup tree.
const beneath = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS

// openDir opens the directory itself. The caller closes it.
func (d Dir) openDir() (int, error) { return d.openAt(d.rel(), d.Path) }

func (d Dir) openAt(rel, path string) (int, error) {
	mount, err := open(unix.AT_FDCWD, d.H.Mount, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return -1, failed("openat2", d.H.Mount, err)
	}
	if rel == "" {
		return mount, nil
	}
	fd, err := open(mount, rel, unix.O_RDONLY|unix.O_DIRECTORY, beneath)
	unix.Close(mount)
	if err != nil {
		return -1, failed("openat2", path, err)
	}
	return fd, nil
}

func open(dirfd int, path string, flags, resolve uint64) (int, error) {
	how := unix.OpenHow{Flags: flags | unix.O_CLOEXEC, Resolve: resolve}
	for {
		fd, err := unix.Openat2(dirfd, path, &how)
		// EAGAIN: something was renamed while RESOLVE_BENEATH looked.
		if err != unix.EINTR && err != unix.EAGAIN {
			return fd, err
		}
	}
}

// readFile reads a whole file; path is only for the error.
func readFile(dirfd int, name, path string) (string, error) {
	var resolve uint64
	if dirfd != unix.AT_FDCWD {
		resolve = beneath
	}
	fd, err := open(dirfd, name, unix.O_RDONLY, resolve)
	if err != nil {
		return "", failed("openat2", path, err)
	}
	defer unix.Close(fd)
	return readAll(fd, path)
}

func readAll(fd int, path string) (string, error) {
	buf := make([]byte, 4096)
	n := 0
	for {
		r, err := unix.Read(fd, buf[n:])
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return "", failed("read", path, err)
		case r == 0:
			return string(buf[:n]), nil
		}
		if n += r; n == len(buf) {
			buf = append(buf, make([]byte, len(buf))...)
		}
	}
}

// writeFile makes the one write(2) that a cgroup file takes as one command.
func writeFile(dirfd int, name, value, path string) error {
	fd, err := open(dirfd, name, unix.O_WRONLY, beneath)
	if err != nil {
		return failed("openat2", path, err)
	}
	defer unix.Close(fd)
	for {
		_, err := unix.Write(fd, []byte(value))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return failed("write", path, err)
		}
		return nil
	}
}

// read reads one file of the directory.
func (d Dir) read(name string) (string, error) {
	fd, err := d.openDir()
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	return readFile(fd, name, d.Path+"/"+name)
}

func (d Dir) write(name, value string) error {
	fd, err := d.openDir()
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return writeFile(fd, name, value, d.Path+"/"+name)
}

// failed makes the record of a system call that failed.
func failed(call, path string, err error) error {
	errno, _ := err.(unix.Errno)
	return &specs.Error{Syscall: call, Path: path, Errno: errno}
}

// errnoOf is the errno inside err, or 0.
func errnoOf(err error) unix.Errno {
	if e, ok := err.(*specs.Error); ok {
		return e.Errno
	}
	return 0
}

// gone tells that the directory or file is not, or no longer, there: ENODEV
// is what an already open file of a removed cgroup says.
func gone(err error) bool {
	errno := errnoOf(err)
	return errno == unix.ENOENT || errno == unix.ENODEV
}

// find gives the directory whose hierarchy has a v1 controller.
func find(dirs []Dir, controller string) (Dir, bool) {
	for _, d := range dirs {
		if !d.H.V2 && has(d.Controllers, controller) {
			return d, true
		}
	}
	return Dir{}, false
}

func findV2(dirs []Dir) (Dir, bool) {
	for _, d := range dirs {
		if d.H.V2 {
			return d, true
		}
	}
	return Dir{}, false
}

// children lists the sub-cgroups of an open directory.
func children(fd int, path string) ([]string, error) {
	if _, err := unix.Seek(fd, 0, 0); err != nil {
		return nil, failed("lseek", path, err)
	}
	var names []string
	buf := make([]byte, 8192)
	for {
		n, err := unix.ReadDirent(fd, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, failed("getdents64", path, err)
		}
		if n == 0 {
			return names, nil
		}
		names = appendDirs(names, buf[:n])
	}
}

// appendDirs picks the directories out of a getdents64(2) buffer. kernfs and
// tmpfs fill d_type.
func appendDirs(names []string, buf []byte) []string {
	const reclen, typ, name = 16, 18, 19 // offsets in struct linux_dirent64
	for len(buf) > name {
		size := int(*(*uint16)(ptr(&buf[reclen])))
		rec := buf[:size]
		buf = buf[size:]
		if rec[typ] != unix.DT_DIR {
			continue
		}
		s := string(rec[name:])
		if i := strings.IndexByte(s, 0); i >= 0 {
			s = s[:i]
		}
		if s != "." && s != ".." {
			names = append(names, s)
		}
	}
	return names
}
