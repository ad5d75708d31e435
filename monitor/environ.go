package monitor

import (
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Environ is an environment as execve(2) finds it: strings of name=value, each
// with the NUL that ends it, one behind the other.
//
// What is started gets the environment of our caller, unchanged, and a monitor
// holds that for as long as the container lives. As strings of Go it would be
// fifty small objects of twenty sizes, each size with pages of its own.
type Environ []byte

// NewEnviron copies an environment.
func NewEnviron(list []string) Environ {
	size := len(list)
	for _, s := range list {
		size += len(s)
	}
	e := make(Environ, 0, size)
	for _, s := range list {
		e = append(append(e, s...), 0)
	}
	return e
}

// All goes through the entries.
func (e Environ) All(yield func(entry string) bool) {
	for rest := unsafe.String(unsafe.SliceData(e), len(e)); rest != ""; {
		entry, after, _ := strings.Cut(rest, "\x00")
		if !yield(entry) {
			return
		}
		rest = after
	}
}

// Get is a variable's value.
func (e Environ) Get(name string) (value string, ok bool) {
	for entry := range e.All {
		if len(entry) > len(name) && entry[len(name)] == '=' && entry[:len(name)] == name {
			return entry[len(name)+1:], true
		}
	}
	return "", false
}

// PassEnviron puts an environment into a file in memory, for the program that
// this process executes; MapEnviron takes it out there.
func PassEnviron(list []string) (fd int, err error) {
	const step = "pass the environment on"
	low, err := unix.MemfdCreate("environ", unix.MFD_CLOEXEC)
	if err != nil {
		return -1, failed(step, "memfd_create", "", err)
	}
	// Out of the way of descriptors that have their numbers from somebody.
	fd, err = unix.FcntlInt(uintptr(low), unix.F_DUPFD, 64)
	unix.Close(low)
	if err != nil {
		return -1, failed(step, "fcntl", "", err)
	}
	for e := NewEnviron(list); len(e) > 0; {
		n, err := unix.Write(fd, e)
		if err != nil {
			unix.Close(fd)
			return -1, failed(step, "write", "", err)
		}
		e = e[n:]
	}
	return fd, nil
}

// MapEnviron takes over what PassEnviron has made, and closes fd.
func MapEnviron(fd int) (Environ, error) {
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, failed("take the environment over", "fstat", "", err)
	}
	if st.Size == 0 {
		return nil, nil
	}
	p, err := unix.MmapPtr(fd, 0, nil, uintptr(st.Size), unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		return nil, failed("take the environment over", "mmap", "", err)
	}
	return unsafe.Slice((*byte)(p), st.Size), nil
}
