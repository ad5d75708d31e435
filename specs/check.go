package specs

import (
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
)

// Check holds a configuration to the rules of the runtime-spec and of the
// kernel, as far as they can be known without asking this kernel. It gives the
// first thing that is wrong as an *Error with Field, and what the spec wants
// to be warned about. A process is not required before start, so nil passes
// (config.md, Process).
func Check(spec *rspec.Spec, bundle string) (warnings []string, err error) {
	c := &checker{spec: spec, linux: spec.Linux}
	if c.linux == nil {
		c.linux = &rspec.Linux{}
	}
	if !filepath.IsAbs(bundle) || strings.IndexByte(bundle, 0) >= 0 {
		return nil, &Error{Path: bundle, Problem: "the bundle's path must be absolute", Kind: ErrInvalid}
	}
	for _, step := range []func() error{
		c.version, c.platforms, c.namespaces, c.mappings, c.process, c.root, c.names, c.mounts, c.hooks, c.annotations,
		c.timeOffsets, c.devices, c.cgroup, c.maskedPaths, c.labels, c.personality, c.sysctls, c.notYet,
		func() error { return checkSeccomp(c.linux.Seccomp, "/linux/seccomp") },
	} {
		if err := step(); err != nil {
			return c.warnings, err
		}
	}
	return c.warnings, nil
}

type checker struct {
	spec     *rspec.Spec
	linux    *rspec.Linux // never nil
	warnings []string
}

func (c *checker) warn(field, text string) { c.warnings = append(c.warnings, field+": "+text) }

// invalid is the error for a value that breaks a rule.
func invalid(field, problem, hint string) error {
	return &Error{Field: field, Problem: problem, Hint: hint, Kind: ErrInvalid}
}

// unsupported is the error for a value that is right but not for us.
func unsupported(field, problem, hint string) error {
	return &Error{Field: field, Problem: problem, Hint: hint, Kind: ErrUnsupported}
}

// noNUL is for what becomes a C string: the kernel would see the front part
// and we would have checked the whole.
func noNUL(field, s string) error {
	if strings.IndexByte(s, 0) >= 0 {
		return invalid(field, "has a NUL byte: "+strconv.Quote(s), "")
	}
	return nil
}

// noNULs is noNUL for each of a list. Lists are long and places cost memory:
// one is made only for what is wrong.
func noNULs(field string, list []string) error {
	for i, s := range list {
		if strings.IndexByte(s, 0) >= 0 {
			return noNUL(at(field, i), s)
		}
	}
	return nil
}

// oneLine is for what is written to a kernel file or into a label.
func oneLine(field, s string) error {
	if strings.ContainsAny(s, "\x00\n\r") {
		return invalid(field, "has a line break or NUL byte: "+strconv.Quote(s), "")
	}
	return nil
}

func absolutePath(field, path string) error {
	switch {
	case path == "":
		return invalid(field, "missing: an absolute path is required", "")
	case path[0] != '/':
		return invalid(field, "must be an absolute path: "+quote(path), "")
	}
	return noNUL(field, path)
}

// hasDotDot finds a component that leads upwards.
func hasDotDot(path string) bool {
	for part := range strings.SplitSeq(path, "/") {
		if part == ".." {
			return true
		}
	}
	return false
}

// oneOf requires a value out of a list.
func oneOf[T ~string](field string, value T, known ...T) error {
	if slices.Contains(known, value) {
		return nil
	}
	list := make([]string, len(known))
	for i, k := range known {
		list[i] = string(k)
	}
	hint := "one of " + strings.Join(list, ", ")
	if value == "" {
		return invalid(field, "missing", hint)
	}
	return invalid(field, strconv.Quote(string(value))+" is not known", hint)
}

// sortedKeys makes the first error of a map the same one every time.
func sortedKeys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }

// version wants SemVer 2.0.0 (config.md, Specification version). All of 1.x
// is one family, its release candidates included.
func (c *checker) version() error {
	const field = "/ociVersion"
	v := c.spec.Version
	if v == "" {
		return invalid(field, "missing", `such as "`+SpecVersion+`"`)
	}
	major, minor, ok := parseVersion(v)
	if !ok {
		return invalid(field, strconv.Quote(v)+" is not a version", `such as "`+SpecVersion+`"`)
	}
	if major != 1 {
		return unsupported(field, "version "+v+" of the runtime-spec", "stave knows 1.0 to "+SpecVersion)
	}
	if _, newest, _ := parseVersion(SpecVersion); minor > newest {
		c.warn(field, "version "+v+" is newer than "+SpecVersion+": properties that it added are ignored")
	}
	return nil
}

// parseVersion reads MAJOR.MINOR.PATCH[-PRERELEASE][+BUILD].
func parseVersion(v string) (major, minor int, ok bool) {
	v, build, hasBuild := strings.Cut(v, "+")
	core, pre, hasPre := strings.Cut(v, "-")
	numbers := strings.Split(core, ".")
	if len(numbers) != 3 || hasBuild && !identifiers(build, true) || hasPre && !identifiers(pre, false) {
		return 0, 0, false
	}
	var n [3]int
	for i, text := range numbers {
		value, err := strconv.ParseUint(text, 10, 31)
		if err != nil || len(text) > 1 && text[0] == '0' {
			return 0, 0, false
		}
		n[i] = int(value)
	}
	return n[0], n[1], true
}

// identifiers checks the dotted words after - or +; a number among the former
// must not begin with 0.
func identifiers(s string, build bool) bool {
	for word := range strings.SplitSeq(s, ".") {
		numeric := true
		for i := range len(word) {
			c := word[i]
			digit := '0' <= c && c <= '9'
			numeric = numeric && digit
			if !digit && c != '-' && (c|0x20 < 'a' || 'z' < c|0x20) {
				return false
			}
		}
		if word == "" || !build && numeric && len(word) > 1 && word[0] == '0' {
			return false
		}
	}
	return true
}

func (c *checker) platforms() error {
	for _, p := range []struct {
		field   string
		present bool
	}{
		{"/solaris", c.spec.Solaris != nil},
		{"/windows", c.spec.Windows != nil},
		{"/vm", c.spec.VM != nil},
		{"/zos", c.spec.ZOS != nil},
		{"/freebsd", c.spec.FreeBSD != nil},
	} {
		if p.present {
			return unsupported(p.field, "this runtime is for Linux containers only", "remove it")
		}
	}
	return nil
}

func (c *checker) root() error {
	const field = "/root/path"
	if c.spec.Root == nil || c.spec.Root.Path == "" {
		return invalid(field, "missing", `the directory of the root filesystem, usually "rootfs" in the bundle`)
	}
	if c.spec.Root.Readonly && !c.has(rspec.MountNamespace) {
		return invalid("/root/readonly", "needs a mount namespace, or it would be the host's mount that becomes read-only", `add {"type":"mount"} to /linux/namespaces`)
	}
	return noNUL(field, c.spec.Root.Path)
}

// names are what a UTS namespace holds; 64 is __NEW_UTS_LEN of the kernel.
func (c *checker) names() error {
	for _, n := range [][2]string{{"/hostname", c.spec.Hostname}, {"/domainname", c.spec.Domainname}} {
		field, name := n[0], n[1]
		if name == "" {
			continue
		}
		if len(name) > 64 {
			return invalid(field, strconv.Itoa(len(name))+" bytes; the kernel takes 64", "")
		}
		if err := oneLine(field, name); err != nil {
			return err
		}
		if !c.has(rspec.UTSNamespace) {
			return invalid(field, "needs a uts namespace, or it would be the host's that changes", `add {"type":"uts"} to /linux/namespaces`)
		}
	}
	return nil
}

func (c *checker) hooks() error {
	h := c.spec.Hooks
	if h == nil {
		return nil
	}
	for _, list := range []struct {
		name  string
		hooks []rspec.Hook
	}{
		{"prestart", h.Prestart}, //nolint:staticcheck // deprecated, and a MUST nevertheless
		{"createRuntime", h.CreateRuntime},
		{"createContainer", h.CreateContainer},
		{"startContainer", h.StartContainer},
		{"poststart", h.Poststart},
		{"poststop", h.Poststop},
	} {
		for i, hook := range list.hooks {
			if err := checkHook(&hook, at("/hooks/"+list.name, i)); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkHook(hook *rspec.Hook, field string) error {
	if err := absolutePath(sub(field, "path"), hook.Path); err != nil {
		return err
	}
	if err := noNULs(sub(field, "args"), hook.Args); err != nil {
		return err
	}
	if err := checkEnv(hook.Env, sub(field, "env")); err != nil {
		return err
	}
	if hook.Timeout != nil && *hook.Timeout <= 0 {
		return invalid(sub(field, "timeout"), "must be more than 0 seconds, is "+strconv.Itoa(*hook.Timeout), "leave it out for no timeout")
	}
	return nil
}

func (c *checker) annotations() error {
	if _, ok := c.spec.Annotations[""]; ok {
		return invalid("/annotations/", "a key must not be empty", "")
	}
	return nil
}

// notYet refuses what would change isolation if it were skipped in silence.
func (c *checker) notYet() error {
	switch {
	case c.linux.IntelRdt != nil:
		return unsupported("/linux/intelRdt", "not supported yet", "remove it")
	case c.linux.MemoryPolicy != nil:
		return unsupported("/linux/memoryPolicy", "not supported yet", "remove it")
	case len(c.linux.NetDevices) > 0:
		return unsupported("/linux/netDevices", "not supported yet", "remove it")
	}
	return nil
}
