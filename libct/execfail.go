package libct

import (
	"bytes"
	"runtime"
	"strings"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/specs"
)

// Why execve(2) failed. Its errno is the least helpful of all: ENOENT may mean
// the program, its interpreter, or a carriage return after "#!". So we look,
// on the host, at what the path leads to inside the rootfs.

// ExecExit is the shell's convention for the status of a program that could
// not be run: 127 if it was not found, 126 otherwise.
func ExecExit(e *specs.Error) int {
	if e.Errno == unix.ENOENT || e.Errno == unix.ENOTDIR {
		return 127
	}
	return 126
}

func explainExec(e *specs.Error, rootfs, bundle string, mounts []rspec.Mount, p *rspec.Process) {
	if p == nil || len(p.Args) == 0 {
		return
	}
	list := searchPath(p)
	e.Path = p.Args[0]
	root, err := unix.Open(rootfs, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(root)
	for _, candidate := range list {
		base, rest, noexec := mountOf(candidate, bundle, mounts)
		fd := -1
		if base == "" {
			fd, err = openBelow(root, candidate)
		} else if base != "?" {
			// A volume is as little to be trusted as the rootfs: what the
			// error says of the file must not be said of one of the host's.
			var dir int
			if dir, err = unix.Open(base, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err == nil {
				fd, err = openBelow(dir, rest)
				unix.Close(dir)
			}
		}
		if noexec && e.Errno == unix.EACCES {
			e.Path, e.Problem = candidate, "permission denied: it lies on a mount with the option noexec"
			return
		}
		if err != nil || fd < 0 {
			continue
		}
		e.Path = candidate
		e.Problem = examine(root, fd, e)
		unix.Close(fd)
		return
	}
	if len(list) > 1 && e.Errno == unix.ENOENT {
		e.Problem = "executable file not found in $PATH of the container"
		return
	}
	if e.Errno == unix.ENOENT {
		e.Problem = "no such file or directory in the rootfs"
	}
}

// mountOf finds the mount that a path of the container lies on: base is the
// source of a bind, "?" for another filesystem, empty for the rootfs.
func mountOf(p, bundle string, mounts []rspec.Mount) (base, rest string, noexec bool) {
	best := -1
	for i := range mounts {
		dest := "/" + relative(mounts[i].Destination)
		if strings.HasPrefix(p, dest+"/") && (best < 0 || len(dest) >= len(relative(mounts[best].Destination))+1) {
			best = i
		}
	}
	if best < 0 {
		return "", p, false
	}
	m := &mounts[best]
	for _, o := range m.Options {
		noexec = (noexec || o == "noexec" || o == "rnoexec") && o != "exec"
	}
	if !isBind(m) {
		return "?", "", noexec
	}
	return absolute(bundle, m.Source), p[len("/"+relative(m.Destination)):], noexec
}

func openBelow(root int, p string) (int, error) {
	return unix.Openat2(root, relative(p), &unix.OpenHow{Flags: unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK, Resolve: inRoot})
}

// examine says what is wrong with a file that is there.
func examine(root, fd int, e *specs.Error) string {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return ""
	}
	switch {
	case st.Mode&unix.S_IFMT == unix.S_IFDIR:
		return "it is a directory"
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return "it is not a regular file"
	}
	head := make([]byte, 256)
	n, _ := unix.Read(fd, head)
	head = head[:max(n, 0)]
	if bytes.HasPrefix(head, []byte("#!")) {
		if p := examineScript(root, head, e); p != "" {
			return p
		}
	}
	var fs unix.Statfs_t
	if e.Errno == unix.EACCES && unix.Fstatfs(fd, &fs) == nil && fs.Flags&unix.ST_NOEXEC != 0 {
		return "permission denied: it lies on a filesystem that is mounted noexec"
	}
	if e.Errno == unix.EACCES && st.Mode&0o111 == 0 {
		return "permission denied: it is not executable, chmod +x it"
	}
	if bytes.HasPrefix(head, []byte("\x7fELF")) && len(head) >= 20 {
		if e.Errno == unix.ENOEXEC {
			return "exec format error: it is for " + elfMachine(head) + ", this machine is " + runtime.GOARCH
		}
		if e.Errno == unix.ENOENT {
			if interp := elfInterpreter(fd, head); interp != "" {
				return "its interpreter " + interp + " is missing in the rootfs"
			}
		}
	}
	if e.Errno == unix.ENOEXEC {
		return "exec format error: neither an ELF program nor a script that begins with #!"
	}
	return ""
}

// examineScript looks at the first line of a script.
func examineScript(root int, head []byte, e *specs.Error) string {
	line := head[2:]
	if i := bytes.IndexByte(line, '\n'); i >= 0 {
		line = line[:i]
	}
	if bytes.HasSuffix(line, []byte("\r")) {
		return "its first line ends with a carriage return (CRLF line ends): convert the script with dos2unix"
	}
	f := strings.Fields(string(line))
	if len(f) == 0 {
		return "its first line names no interpreter after #!"
	}
	fd, err := openBelow(root, f[0])
	if err != nil {
		return "its interpreter " + f[0] + " is missing in the rootfs"
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if e.Errno == unix.EACCES && unix.Fstat(fd, &st) == nil && st.Mode&0o111 == 0 {
		return "permission denied: its interpreter " + f[0] + " is not executable"
	}
	return ""
}

// elfMachine names e_machine of an ELF header (elf(5)).
func elfMachine(head []byte) string {
	m := uint16(head[18]) | uint16(head[19])<<8
	if head[5] == 2 { // ELFDATA2MSB
		m = uint16(head[19]) | uint16(head[18])<<8
	}
	switch m {
	case 3:
		return "i386"
	case 8:
		return "mips"
	case 21:
		return "ppc64"
	case 22:
		return "s390x"
	case 40:
		return "arm"
	case 62:
		return "amd64"
	case 183:
		return "arm64"
	case 243:
		return "riscv64"
	case 258:
		return "loong64"
	}
	return "machine " + itoa(int64(m))
}

// elfInterpreter finds PT_INTERP of a 64-bit little-endian program.
func elfInterpreter(fd int, head []byte) string {
	if len(head) < 64 || head[4] != 2 || head[5] != 1 {
		return ""
	}
	word := func(b []byte, n int) (v uint64) {
		for i := n - 1; i >= 0; i-- {
			v = v<<8 | uint64(b[i])
		}
		return v
	}
	phoff, phsize, phnum := word(head[32:], 8), word(head[54:], 2), word(head[56:], 2)
	if phsize < 56 || phnum > 64 || phoff > 1<<20 {
		return ""
	}
	ph := make([]byte, 56)
	for i := uint64(0); i < phnum; i++ {
		if n, err := unix.Pread(fd, ph, int64(phoff+i*phsize)); err != nil || n < 56 {
			return ""
		}
		if word(ph, 4) != 3 { // PT_INTERP
			continue
		}
		size := word(ph[32:], 8)
		if size < 2 || size > 4096 {
			return ""
		}
		name := make([]byte, size)
		if n, err := unix.Pread(fd, name, int64(word(ph[8:], 8))); err != nil || uint64(n) < size {
			return ""
		}
		return strings.TrimRight(string(name), "\x00")
	}
	return ""
}
