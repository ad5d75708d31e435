package kit

import (
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// RemoveTree removes a directory of ours, and never what is mounted below it:
// a runtime that went wrong may have left a bind mount of the host's files, or
// a procfs, in a rootfs, and a recursive removal would walk into them. The
// mounts go first; if one stays, nothing is removed.
func RemoveTree(dir string) error {
	points := mountsBelow(dir)
	// Deepest first; of two at one place the later one is on top.
	sort.SliceStable(points, func(i, j int) bool { return len(points[i]) > len(points[j]) })
	for _, point := range points {
		if err := unix.Unmount(point, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
			return fmt.Errorf("unmount %s: %w; %s is not removed", point, err, dir)
		}
	}
	if left := mountsBelow(dir); len(left) > 0 {
		return fmt.Errorf("still mounted: %s; %s is not removed", strings.Join(left, " "), dir)
	}
	return os.RemoveAll(dir)
}

// mountsBelow lists the mount points at dir and below, in our namespace.
func mountsBelow(dir string) []string {
	var points []string
	for _, line := range mounts() {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		point := unescape(fields[4])
		if point == dir || strings.HasPrefix(point, dir+"/") {
			points = append(points, point)
		}
	}
	return points
}

// unescape undoes the octal of proc_pid_mountinfo(5): \040 for a space.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// removeCgroups takes away the cgroups that a runtime left, by rmdir(2), which
// refuses one in use. Only those with Prefix in their name are ours.
func removeCgroups() {
	dirs := cgroups()
	sort.Slice(dirs, func(i, j int) bool { return len(dirs[i]) > len(dirs[j]) })
	for _, dir := range dirs {
		if strings.Contains(dir, Prefix) { // LEAK_ALL lists others too
			_ = unix.Rmdir(dir)
		}
	}
}
