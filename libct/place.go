package libct

import (
	"strings"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Where a mount point is made that is not there. A link of the image may lead
// to a place that does not exist yet: /etc/resolv.conf of many images is one
// into /run. The container would take the link and find nothing; the runtime
// makes what it leads to, within the root, as for any missing mount point.
// Which place that is, is settled here. It is no more than a name: whatever
// becomes of it meanwhile, the plan makes it below the root or not at all.

// maxLinks is how many the kernel follows; path_resolution(7).
const maxLinks = 40

// findPlaces notes for every destination that goes through a link where the
// link leads.
func (h *Host) findPlaces(root string, mounts []rspec.Mount) {
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return // a step says so
	}
	defer unix.Close(dir)
	for i := range mounts {
		dest := relative(mounts[i].Destination)
		if resolveFor(&mounts[i]) != inRoot || covered(dest, mounts[:i]) {
			continue
		}
		fd, err := unix.Openat2(dir, dest, &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: noSymlinks})
		if err == nil {
			unix.Close(fd)
		}
		if err != unix.ELOOP {
			continue // there is no link on the way
		}
		if place := linkedPlace(dir, dest); place != "" {
			if h.Places == nil {
				h.Places = make(map[string]string)
			}
			h.Places[dest] = place
		}
	}
}

// covered says that an earlier mount hides what the rootfs has there.
func covered(dest string, earlier []rspec.Mount) bool {
	for i := range earlier {
		if strings.HasPrefix(dest, relative(earlier[i].Destination)+"/") {
			return true
		}
	}
	return false
}

// linkedPlace follows the links of a path below root, as the container would,
// and as far as there is anything. Empty: it leads nowhere, or into procfs,
// where nothing can be made.
func linkedPlace(root int, dest string) string {
	var done []string
	rest := strings.Split(dest, "/")
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			done = done[:max(0, len(done)-1)]
			continue
		}
		done = append(done, name)
		target, err := readLinkIn(root, strings.Join(done, "/"))
		if err != nil {
			return ""
		}
		if target == "" {
			continue
		}
		if links++; links > maxLinks {
			return ""
		}
		if done = done[:len(done)-1]; target[0] == '/' {
			done = done[:0]
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	if len(done) == 0 || done[0] == "proc" {
		return ""
	}
	return strings.Join(done, "/")
}

// readLinkIn reads what a path without links before its last component is a
// link to; empty: it is something else, or nothing.
func readLinkIn(root int, p string) (string, error) {
	fd, err := unix.Openat2(root, p, &unix.OpenHow{Flags: unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC, Resolve: noSymlinks})
	if err == unix.ENOENT {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fd, "", buf)
	if err == unix.EINVAL || err == unix.ENOENT { // what it says of other files
		return "", nil
	}
	return string(buf[:max(n, 0)]), err
}
