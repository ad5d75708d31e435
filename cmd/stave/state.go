package main

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"stave/cmd/stave/cli"
	"stave/libct"
)

// state prints one container.
func (a *app) state() (int, error) {
	id, err := a.id()
	if err != nil {
		return 1, err
	}
	c, err := libct.Open(a.root, id)
	if err != nil {
		return 1, err
	}
	defer c.Close()
	s := shown(c)
	s.Owner = ""
	return a.print(cli.AppendState(nil, &s)), nil
}

func shown(c *libct.Container) cli.State {
	s := cli.State{OCIVersion: c.Rec.OCIVersion, ID: c.ID, PID: c.Rec.PID, Status: c.Status(), Bundle: c.Rec.Bundle,
		Rootfs: c.Rec.Rootfs, Created: c.Rec.Created, Annotations: c.Rec.Annotations}
	if s.Status == "stopped" {
		s.PID = 0
	}
	return s
}

// list prints all containers. One that cannot be read is named on standard
// error and does not hide the others.
func (a *app) list() (int, error) {
	format := a.inv.Flags.String("format")
	if format != "table" && format != "json" {
		return 1, &usageError{"invalid format option: " + format, "table or json"}
	}
	var list []cli.State
	err := libct.List(a.root, func(e libct.Entry) {
		if e.C == nil {
			a.message("error", e.Err)
			return
		}
		s := shown(e.C)
		s.Owner = owner(a.root + "/" + e.ID)
		list = append(list, s)
	})
	if err != nil {
		return 1, err
	}
	switch {
	case a.inv.Flags.Bool("quiet"):
		return a.print(cli.AppendListIDs(nil, list)), nil
	case format == "json":
		return a.print(cli.AppendListJSON(nil, list)), nil
	}
	return a.print(cli.AppendListTable(nil, list)), nil
}

// owner names who made the state directory.
func owner(dir string) string {
	var st unix.Stat_t
	if unix.Stat(dir, &st) != nil {
		return ""
	}
	uid := strconv.FormatUint(uint64(st.Uid), 10)
	for _, line := range strings.Split(string(readAll("/etc/passwd")), "\n") {
		if f := strings.Split(line, ":"); len(f) > 2 && f[2] == uid {
			return f[0]
		}
	}
	return "#" + uid
}

func readAll(name string) []byte {
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	var out []byte
	buf := make([]byte, 32<<10)
	for {
		n, err := unix.Read(fd, buf)
		if err == unix.EINTR {
			continue
		}
		if n <= 0 || err != nil || len(out) > 16<<20 {
			return out
		}
		out = append(out, buf[:n]...)
	}
}
