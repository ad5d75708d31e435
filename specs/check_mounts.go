package specs

import (
	"strconv"
	"strings"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
)

func (c *checker) mounts() error {
	if len(c.spec.Mounts) > 0 && !c.has(rspec.MountNamespace) {
		// Allowed: without an entry the namespace is inherited.
		c.warn("/mounts", "without a mount namespace these mounts are made in the runtime's own")
	}
	for i := range c.spec.Mounts {
		if err := c.mount(&c.spec.Mounts[i], at("/mounts", i)); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) mount(m *rspec.Mount, field string) error {
	place := sub(field, "destination")
	switch {
	case m.Destination == "":
		return invalid(place, "missing", "")
	case hasDotDot(m.Destination):
		return invalid(place, quote(m.Destination)+` must not have ".." in it`, "")
	case m.Destination[0] != '/':
		// Deprecated, yet "MUST be interpreted as relative to /".
		c.warn(place, quote(m.Destination)+" is not absolute; taken as /"+m.Destination+", which is deprecated")
	}
	if err := noNUL(place, m.Destination); err != nil {
		return err
	}
	if err := noNUL(sub(field, "source"), m.Source); err != nil {
		return err
	}
	if strings.ContainsAny(m.Type, "\x00/\n ") {
		return invalid(sub(field, "type"), strconv.Quote(m.Type)+" is not a filesystem type", "see /proc/filesystems")
	}
	opts, err := ParseMountOptions(m.Options)
	if err != nil {
		e := err.(*Error)
		e.Field = sub(field, "options") + e.Field
		return e
	}
	if err := checkMountKind(m, &opts, field); err != nil {
		return err
	}
	if opts.Bind && len(opts.Data) > 0 {
		// mount(2) ignores them too, so configurations have them.
		c.warn(sub(field, "options"), "a bind mount has no filesystem options of its own: "+strconv.Quote(opts.Data[0])+" is ignored")
	}
	return c.mountMappings(m, &opts, field)
}

func checkMountKind(m *rspec.Mount, opts *MountOptions, field string) error {
	switch {
	case opts.Bind && m.Source == "":
		return invalid(sub(field, "source"), "missing: a bind mount needs it", "")
	case !opts.Bind && m.Type == "bind":
		return invalid(sub(field, "type"), `a bind mount is asked for by an option, not by its type`, `add "rbind" or "bind" to the options`)
	case !opts.Bind && !opts.Remount && m.Type == "":
		return invalid(sub(field, "type"), "missing: only a bind mount goes without", "")
	case opts.TmpCopyUp && (opts.Bind || m.Type != "tmpfs"):
		return invalid(sub(field, "options"), "tmpcopyup is for a tmpfs only", "")
	case opts.CopySymlink && !opts.Bind, opts.SrcNofollow && !opts.Bind:
		return invalid(sub(field, "options"), "copy-symlink and src-nofollow are for bind mounts only", "")
	case opts.CopySymlink && opts.SrcNofollow:
		return invalid(sub(field, "options"), "copy-symlink and src-nofollow exclude each other", "")
	}
	return nil
}

// mountMappings follows config.md, POSIX-platform Mounts and the idmap option.
func (c *checker) mountMappings(m *rspec.Mount, opts *MountOptions, field string) error {
	uids, gids := len(m.UIDMappings) > 0, len(m.GIDMappings) > 0
	switch {
	case uids && !gids:
		return invalid(sub(field, "gidMappings"), "missing: uidMappings cannot go without", "")
	case gids && !uids:
		return invalid(sub(field, "uidMappings"), "missing: gidMappings cannot go without", "")
	case (opts.IDMap || opts.RIDMap) && !uids && !c.has(rspec.UserNamespace):
		return invalid(sub(field, "options"), "idmap needs mappings, of the mount or of the container's user namespace",
			"add uidMappings and gidMappings to the mount")
	case uids && opts.Remount:
		return invalid(sub(field, "uidMappings"), "a mount can be mapped only when it is made", "")
	}
	if err := CheckIDMappings(m.UIDMappings, sub(field, "uidMappings")); err != nil {
		return err
	}
	return CheckIDMappings(m.GIDMappings, sub(field, "gidMappings"))
}
