package monitor

import (
	"strconv"

	"golang.org/x/sys/unix"

	specs "stave/specs/leaf"
)

// syncpipe.go: what conmon says to its caller, a JSON object a line, on a pipe
// that the caller names in the environment.

// The variables; each holds a descriptor in decimal.
const (
	EnvSyncPipe   = "_OCI_SYNCPIPE"
	EnvStartPipe  = "_OCI_STARTPIPE"
	EnvAttachPipe = "_OCI_ATTACHPIPE"
)

// PipeFromEnv finds a pipe of the caller's; -1: it is not set. The descriptor
// is closed in what we execute.
func PipeFromEnv(name string) (int, error) {
	text, ok := unix.Getenv(name)
	if !ok {
		return -1, nil
	}
	fd, err := strconv.Atoi(text)
	if err != nil || fd < 0 {
		return -1, &specs.Error{Problem: "unable to parse " + name, Hint: "want a descriptor, not " + strconv.Quote(text), Kind: specs.ErrInvalid}
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, unix.FD_CLOEXEC); err != nil {
		return -1, failed("unable to make "+name+" CLOEXEC", "fcntl", text, err)
	}
	return fd, nil
}

// appendLine appends a line: {"data": 1, "message": "..."}.
func appendLine(b []byte, key string, n int, message string) []byte {
	b = append(append(append(b, `{"`...), key...), `": `...)
	b = strconv.AppendInt(b, int64(n), 10)
	if message != "" {
		b = appendText(append(b, `, "message": `...), message)
	}
	return append(b, "}\n"...)
}

// tell writes a line to a pipe. A caller that has gone is no error: then
// nobody wants to know. The pipe is closed, and fd made -1.
func tell(fd *int, line []byte) error {
	for len(line) > 0 && *fd >= 0 {
		n, err := unix.Write(*fd, line)
		switch err {
		case nil:
			line = line[n:]
		case unix.EINTR:
		case unix.EAGAIN:
			// The caller made it so. It has to make room.
			unix.Poll([]unix.PollFd{{Fd: int32(*fd), Events: unix.POLLOUT}}, 1000)
		default:
			unix.Close(*fd)
			*fd = -1
			if err != unix.EPIPE {
				return failed("write to the sync pipe", "write", "", err)
			}
		}
	}
	return nil
}
