package seccomp

import (
	"slices"
	"strconv"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/specs"
)

// Host is the machine that a filter is for.
type Host struct {
	Arch  string // GOARCH
	Flags uint   // SECCOMP_FILTER_FLAG_* that the kernel takes, from KernelFlags; 0: Compile asks it
}

// Filter is a compiled filter.
type Filter struct {
	Prog   []byte // array of struct sock_filter, in the byte order of the host
	Flags  uint   // SECCOMP_FILTER_FLAG_*, without NEW_LISTENER
	Notify bool   // an action is SCMP_ACT_NOTIFY: load it with NEW_LISTENER
}

const maxLen = 4096 // BPF_MAXINSNS

const (
	retENOSYS = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
	retBad    = unix.SECCOMP_RET_KILL_THREAD // for calls of an architecture that is not in the list
)

// A rule is a condition on the arguments of a call, and what happens then.
type rule struct {
	ret  uint32                  // SECCOMP_RET_*
	args []rspec.LinuxSeccompArg // all must hold; none: always
}

// A use is one name in the list of an entry: rules[from:to] are for it.
type use struct{ name, from, to int32 }

type compiler struct {
	asm
	spec    *rspec.LinuxSeccomp
	archs   []*arch
	deflt   uint32
	rules   []rule
	uses    []use
	keys    []uint64 // of one architecture: number<<32 | index of the rule
	segs    []segment
	settled [nameCount]bool // names with an unconditional rule
	big     bool            // the host's byte order
}

// Compile makes the filter. It is a pure function of the two, unless the host
// comes without flags.
func Compile(s *rspec.LinuxSeccomp, host Host) (*Filter, error) {
	if s == nil {
		return nil, invalid("/linux/seccomp", "missing")
	}
	c := &compiler{spec: s}
	if err := c.architectures(host); err != nil {
		return nil, err
	}
	notify, err := c.read()
	if err != nil {
		return nil, err
	}
	flags, err := flagBits(s, host.Flags, notify)
	if err != nil {
		return nil, err
	}
	c.program()
	if len(c.prog) > maxLen {
		return nil, invalid("/linux/seccomp", "the filter has "+strconv.Itoa(len(c.prog))+" instructions; the kernel takes "+strconv.Itoa(maxLen))
	}
	return &Filter{Prog: c.bytes(c.big), Flags: flags, Notify: notify}, nil
}

func invalid(field, problem string) error {
	return &specs.Error{Field: field, Problem: problem, Kind: specs.ErrInvalid}
}

// architectures makes the list: the native one, and those of the configuration.
func (c *compiler) architectures(host Host) error {
	own := native(host.Arch)
	if own == nil {
		return &specs.Error{Field: "/linux/seccomp", Problem: "no system call table for " + host.Arch, Kind: specs.ErrUnsupported}
	}
	c.archs, c.big = append(c.archs, own), own.big
	for i, name := range c.spec.Architectures {
		field := "/linux/seccomp/architectures/" + strconv.Itoa(i)
		switch a := archByName(name); {
		case a == nil:
			return &specs.Error{Field: field, Problem: "no system call table for " + strconv.Quote(string(name)), Kind: specs.ErrUnsupported}
		case a.big != own.big:
			return invalid(field, string(name)+" has another byte order than "+string(own.name))
		case !slices.Contains(c.archs, a):
			c.archs = append(c.archs, a)
		}
	}
	return nil
}

// read turns the entries into rules.
func (c *compiler) read() (notify bool, err error) {
	s := c.spec
	if s.DefaultAction == rspec.ActNotify {
		return false, invalid("/linux/seccomp/defaultAction", "SCMP_ACT_NOTIFY cannot be the default: the filter's own loading would wait for it")
	}
	if c.deflt, err = ret(s.DefaultAction, s.DefaultErrnoRet, "/linux/seccomp", "/defaultAction", "/defaultErrnoRet"); err != nil {
		return false, err
	}
	total := 0
	for i := range s.Syscalls {
		total += len(s.Syscalls[i].Names)
	}
	// One allocation each: the process is short, and fresh memory is what
	// costs it most.
	c.uses, c.keys = make([]use, 0, total), make([]uint64, 0, 2*total)
	c.segs, c.prog = make([]segment, 0, 256), make([]insn, 0, 512)
	c.rules = make([]rule, 0, len(s.Syscalls)+16)
	for i := range s.Syscalls {
		call := &s.Syscalls[i]
		field := "/linux/seccomp/syscalls/" + strconv.Itoa(i)
		if call.Action == rspec.ActNotify {
			notify = true
			if n := slices.Index(call.Names, "write"); n >= 0 {
				// The process writes to its parent between filter and execve(2).
				return false, invalid(field+"/names/"+strconv.Itoa(n), "SCMP_ACT_NOTIFY cannot be used for write")
			}
		}
		from := len(c.rules)
		if err := c.entry(call, field); err != nil {
			return false, err
		}
		last := -1
		for _, name := range call.Names {
			// An unknown name is one that is newer than the tables, or a
			// typing error; runc takes both.
			if index, ok := next(name, last); ok {
				last = index
				c.uses = append(c.uses, use{int32(index), int32(from), int32(len(c.rules))})
				if from < len(c.rules) && len(call.Args) == 0 {
					c.settled[index] = true
				}
			}
		}
	}
	return notify, nil
}

// entry appends the rules of one entry: one, or as many as conditions if two of
// them are on the same argument. Those are alternatives then: that is how runc
// reads such an entry, and "a flag is 1 or 2" cannot be said otherwise.
func (c *compiler) entry(call *rspec.LinuxSyscall, field string) error {
	action, err := ret(call.Action, call.ErrnoRet, field, "/action", "/errnoRet")
	if err != nil {
		return err
	}
	seen, twice := 0, false
	for i := range call.Args {
		arg := &call.Args[i]
		place := field + "/args/" + strconv.Itoa(i)
		if arg.Index > 5 {
			return invalid(place+"/index", "must be from 0 to 5, is "+strconv.FormatUint(uint64(arg.Index), 10))
		}
		if !knownOp(arg.Op) {
			return invalid(place+"/op", "unknown operator "+strconv.Quote(string(arg.Op)))
		}
		twice = twice || seen&(1<<arg.Index) != 0
		seen |= 1 << arg.Index
	}
	switch {
	case action == c.deflt:
		// Nothing to say; as in runc it does not win over other rules either.
	case twice:
		for i := range call.Args {
			c.rules = append(c.rules, rule{action, call.Args[i : i+1]})
		}
	default:
		c.rules = append(c.rules, rule{action, call.Args})
	}
	return nil
}

// ret is the value that a filter returns for an action.
func ret(action rspec.LinuxSeccompAction, errno *uint, field, actionKey, errnoKey string) (uint32, error) {
	data, limit := uint(unix.EPERM), uint(0)
	switch action {
	case rspec.ActErrno:
		limit = 4095 // MAX_ERRNO: the kernel would lower it without a word
	case rspec.ActTrace:
		limit = unix.SECCOMP_RET_DATA
	}
	if errno != nil {
		data = *errno
		if data > limit {
			return 0, invalid(field+errnoKey, "must be at most "+strconv.FormatUint(uint64(limit), 10)+" with "+string(action)+", is "+strconv.FormatUint(uint64(data), 10))
		}
	}
	switch action {
	case rspec.ActKill, rspec.ActKillThread:
		return unix.SECCOMP_RET_KILL_THREAD, nil
	case rspec.ActKillProcess:
		return unix.SECCOMP_RET_KILL_PROCESS, nil
	case rspec.ActTrap:
		return unix.SECCOMP_RET_TRAP, nil
	case rspec.ActErrno:
		return unix.SECCOMP_RET_ERRNO | uint32(data), nil
	case rspec.ActTrace:
		return unix.SECCOMP_RET_TRACE | uint32(data), nil
	case rspec.ActAllow:
		return unix.SECCOMP_RET_ALLOW, nil
	case rspec.ActLog:
		return unix.SECCOMP_RET_LOG, nil
	case rspec.ActNotify:
		return unix.SECCOMP_RET_USER_NOTIF, nil
	}
	return 0, invalid(field+actionKey, "unknown action "+strconv.Quote(string(action)))
}
