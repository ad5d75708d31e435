package leaf

import (
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrnoName gives the kernel's name of an errno, such as EPERM.
func ErrnoName(e syscall.Errno) string {
	if name := unix.ErrnoName(e); name != "" {
		return name
	}
	return "errno " + strconv.Itoa(int(e))
}
