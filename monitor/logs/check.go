package logs

// Whether a log may be where the caller wants it.

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// openDir opens the directory of the log, which has to be among those allowed.
// All work on the directory goes through this descriptor: what was checked is
// what is used.
func (f *file) openDir() (int, error) {
	dir, err := unix.Open(f.parent(), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, f.failed("open", err)
	}
	if err := f.checkDir(dir); err != nil {
		unix.Close(dir)
		return -1, err
	}
	return dir, nil
}

func (f *file) checkDir(dir int) error {
	if f.rotate {
		for _, name := range strings.Split(f.path, "/") {
			if name == ".." {
				return f.refused("a path with .. is not rotated")
			}
		}
		var st unix.Stat_t
		if err := unix.Fstat(dir, &st); err != nil {
			return f.failed("fstat", err)
		}
		if st.Mode&unix.S_IWOTH != 0 && st.Mode&unix.S_ISVTX == 0 {
			return f.refused("everybody may write to its directory: not rotated")
		}
	}
	if len(f.allow) == 0 {
		return nil
	}
	real, err := canonical(dir)
	if err != nil {
		return f.failed("readlink", err)
	}
	for _, name := range f.allow {
		fd, err := unix.Open(name, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			continue // a directory that does not exist allows nothing
		}
		allowed, err := canonical(fd)
		unix.Close(fd)
		if err == nil && (real == allowed || strings.HasPrefix(real, strings.TrimSuffix(allowed, "/")+"/")) {
			return nil
		}
	}
	return f.refused("its directory is in none of --log-allowlist-dir")
}

// checkAbsent: a log that is yet to be made, and will be rotated, needs a
// directory that nobody else can rename things in.
func (f *file) checkAbsent(dir int) error {
	var st unix.Stat_t
	if !f.rotate || unix.Fstatat(dir, f.base(), &st, unix.AT_SYMLINK_NOFOLLOW) != unix.ENOENT {
		return nil
	}
	if err := unix.Fstat(dir, &st); err != nil {
		return f.failed("fstat", err)
	}
	if uid := int(st.Uid); uid != 0 && uid != unix.Getuid() && uid != unix.Geteuid() {
		return f.refused("its directory belongs to the user " + strconv.Itoa(uid) + ": not rotated")
	}
	return nil
}

// canonical gives the path of a directory without symbolic links.
func canonical(fd int) (string, error) {
	b := make([]byte, unix.PathMax)
	n, err := unix.Readlink("/proc/self/fd/"+strconv.Itoa(fd), b)
	if err != nil {
		return "", err
	}
	return string(b[:n]), nil
}

// absolute makes a path independent of later changes of the working directory.
func absolute(path string) (string, error) {
	if path[0] == '/' {
		return path, nil
	}
	cwd, err := unix.Getwd()
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(cwd, "/") + "/" + path, nil
}

// checkLabels holds --log-label to what can be a field of the journal.
func checkLabels(labels []string) error {
	for _, l := range labels {
		name, _, _ := strings.Cut(l, "=")
		if name == "" || strings.Count(l, "=") != 1 {
			return invalid("Container labels must be in format LABEL=VALUE: " + strconv.Quote(l) + " has no label, or not one =")
		}
		for _, c := range []byte(name) {
			if !('A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_') {
				return invalid("Container label names must contain only uppercase letters, numbers and underscore: " + strconv.Quote(l))
			}
		}
	}
	return nil
}

// check finds what is wrong with a configuration whose drivers are known.
func (c *Config) check(d *drivers) error {
	if c.MaxFiles < 0 {
		return invalid("log-max-files must be non-negative")
	}
	if c.Rotate && c.MaxFiles == 0 {
		return invalid("log-max-files must be at least 1 when log-rotate is enabled")
	}
	if d.journald {
		if len(c.ID) <= shortID {
			return invalid("Container ID must be longer than 12 characters")
		}
		return checkLabels(c.Labels)
	}
	for _, f := range []struct{ driver, path string }{{"k8s-file", d.k8s}, {"json-file", d.json}} {
		if f.path == "" {
			continue
		}
		if c.Tag != "" {
			return invalid(f.driver + " doesn't support --log-tag")
		}
		if len(c.Labels) > 0 {
			return invalid(f.driver + " doesn't support --log-label")
		}
	}
	return nil
}
