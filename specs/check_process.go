package specs

import (
	"slices"
	"strconv"
	"strings"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
)

func (c *checker) process() error {
	if c.spec.Process == nil {
		return nil
	}
	warnings, err := CheckProcess(c.spec.Process, "/process")
	c.warnings = append(c.warnings, warnings...)
	if err != nil {
		return err
	}
	return c.mapped(&c.spec.Process.User)
}

// mapped requires that every id of the user exists in the user namespace to
// come: setresuid(2) would say no more than EINVAL.
func (c *checker) mapped(u *rspec.User) error {
	if !c.creates(rspec.UserNamespace) {
		return nil
	}
	if _, ok := HostID(c.linux.UIDMappings, u.UID); !ok {
		return invalid("/process/user/uid", "uid "+decimal(u.UID)+" is not in /linux/uidMappings", "")
	}
	for i, gid := range append([]uint32{u.GID}, u.AdditionalGids...) {
		field := "/process/user/gid"
		if i > 0 {
			field = at("/process/user/additionalGids", i-1)
		}
		if _, ok := HostID(c.linux.GIDMappings, gid); !ok {
			return invalid(field, "gid "+decimal(gid)+" is not in /linux/gidMappings", "")
		}
	}
	return nil
}

// CheckProcess holds one process to config.md, Process. field is where it
// stands: /process in config.json, empty for a document of its own.
func CheckProcess(p *rspec.Process, field string) (warnings []string, err error) {
	if len(p.Args) == 0 {
		return nil, invalid(sub(field, "args"), "missing: at least the program is required", "")
	}
	if p.Args[0] == "" {
		return nil, invalid(at(sub(field, "args"), 0), "the program's name is empty", "")
	}
	if err := noNULs(sub(field, "args"), p.Args); err != nil {
		return nil, err
	}
	for _, check := range []func(*rspec.Process, string) error{
		checkPlace, checkUser, checkRlimits, checkPriorities, checkProcessLabels,
	} {
		if err := check(p, field); err != nil {
			return nil, err
		}
	}
	if p.CommandLine != "" {
		warnings = append(warnings, sub(field, "commandLine")+": for Windows only, ignored")
	}
	return append(warnings, capabilityWarnings(p.Capabilities, sub(field, "capabilities"))...), nil
}

func checkPlace(p *rspec.Process, field string) error {
	if err := absolutePath(sub(field, "cwd"), p.Cwd); err != nil {
		return err
	}
	if err := checkEnv(p.Env, sub(field, "env")); err != nil {
		return err
	}
	// Without a terminal the size must be ignored (config.md, Process). A
	// struct winsize holds 16 bits for each.
	if s := p.ConsoleSize; p.Terminal && s != nil && (s.Height > 65535 || s.Width > 65535) {
		return invalid(sub(field, "consoleSize"), "a terminal has at most 65535 rows and columns", "")
	}
	return nil
}

func checkEnv(env []string, field string) error {
	if err := noNULs(field, env); err != nil {
		return err
	}
	for i, entry := range env {
		if strings.IndexByte(entry, '=') <= 0 {
			return invalid(at(field, i), strconv.Quote(entry)+" is not NAME=VALUE", "")
		}
	}
	return nil
}

func checkUser(p *rspec.Process, field string) error {
	u, field := &p.User, sub(field, "user")
	// chown(2) and setresuid(2) take -1 for "leave as it is": a process that
	// asks for it would stay root.
	if u.UID == noID {
		return invalid(sub(field, "uid"), "4294967295 is no user: the kernel reads it as -1", "")
	}
	if u.GID == noID {
		return invalid(sub(field, "gid"), "4294967295 is no group: the kernel reads it as -1", "")
	}
	if i := slices.Index(u.AdditionalGids, noID); i >= 0 {
		return invalid(at(sub(field, "additionalGids"), i), "4294967295 is no group: the kernel reads it as -1", "")
	}
	if u.Umask != nil && *u.Umask > 0o777 {
		return invalid(sub(field, "umask"), "must be from 0 to 511 (0777), is "+decimal(*u.Umask), "JSON numbers are decimal")
	}
	return nil
}

func checkRlimits(p *rspec.Process, field string) error {
	seen := map[string]int{}
	for i, limit := range p.Rlimits {
		place := at(sub(field, "rlimits"), i)
		if err := oneOf(sub(place, "type"), limit.Type, Rlimits()...); err != nil {
			return err
		}
		if j, ok := seen[limit.Type]; ok {
			return invalid(sub(place, "type"), limit.Type+" was set by "+at(sub(field, "rlimits"), j)+" already", "")
		}
		seen[limit.Type] = i
		if limit.Soft > limit.Hard {
			return invalid(sub(place, "soft"), "the soft limit "+strconv.FormatUint(limit.Soft, 10)+
				" is above the hard limit "+strconv.FormatUint(limit.Hard, 10), "")
		}
	}
	return nil
}

// Rlimits lists the names of getrlimit(2); the index is RLIMIT_*.
func Rlimits() []string {
	return []string{
		"RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_DATA", "RLIMIT_STACK", "RLIMIT_CORE", "RLIMIT_RSS",
		"RLIMIT_NPROC", "RLIMIT_NOFILE", "RLIMIT_MEMLOCK", "RLIMIT_AS", "RLIMIT_LOCKS", "RLIMIT_SIGPENDING",
		"RLIMIT_MSGQUEUE", "RLIMIT_NICE", "RLIMIT_RTPRIO", "RLIMIT_RTTIME",
	}
}

func checkPriorities(p *rspec.Process, field string) error {
	if n := p.OOMScoreAdj; n != nil && (*n < -1000 || *n > 1000) {
		return invalid(sub(field, "oomScoreAdj"), "must be from -1000 to 1000, is "+strconv.Itoa(*n), "")
	}
	if s := p.Scheduler; s != nil {
		if err := checkScheduler(s, sub(field, "scheduler")); err != nil {
			return err
		}
	}
	if io := p.IOPriority; io != nil {
		place := sub(field, "ioPriority")
		if err := oneOf(sub(place, "class"), io.Class, rspec.IOPRIO_CLASS_RT, rspec.IOPRIO_CLASS_BE, rspec.IOPRIO_CLASS_IDLE); err != nil {
			return err
		}
		if io.Priority < 0 || io.Priority > 7 {
			return invalid(sub(place, "priority"), "must be from 0 to 7, is "+strconv.Itoa(io.Priority), "")
		}
	}
	if a := p.ExecCPUAffinity; a != nil {
		place := sub(field, "execCPUAffinity")
		if err := checkCPUList(sub(place, "initial"), a.Initial); err != nil {
			return err
		}
		return checkCPUList(sub(place, "final"), a.Final)
	}
	return nil
}

// checkScheduler follows sched_setattr(2), which answers EINVAL to all this.
func checkScheduler(s *rspec.Scheduler, field string) error {
	if err := oneOf(sub(field, "policy"), s.Policy, rspec.SchedOther, rspec.SchedFIFO, rspec.SchedRR,
		rspec.SchedBatch, rspec.SchedISO, rspec.SchedIdle, rspec.SchedDeadline); err != nil {
		return err
	}
	for i, flag := range s.Flags {
		if err := oneOf(at(sub(field, "flags"), i), flag, rspec.SchedFlagResetOnFork, rspec.SchedFlagReclaim,
			rspec.SchedFlagDLOverrun, rspec.SchedFlagKeepPolicy, rspec.SchedFlagKeepParams,
			rspec.SchedFlagUtilClampMin, rspec.SchedFlagUtilClampMax); err != nil {
			return err
		}
	}
	policy := string(s.Policy)
	realtime := s.Policy == rspec.SchedFIFO || s.Policy == rspec.SchedRR
	deadline := s.Policy == rspec.SchedDeadline
	switch {
	case s.Policy == rspec.SchedISO:
		return unsupported(sub(field, "policy"), "Linux reserves SCHED_ISO and has never implemented it", "")
	case s.Nice < -20 || s.Nice > 19:
		return invalid(sub(field, "nice"), "must be from -20 to 19, is "+strconv.Itoa(int(s.Nice)), "")
	case realtime && (s.Priority < 1 || s.Priority > 99):
		return invalid(sub(field, "priority"), "must be from 1 to 99 for "+policy+", is "+strconv.Itoa(int(s.Priority)), "")
	case !realtime && s.Priority != 0:
		return invalid(sub(field, "priority"), "has no meaning for "+policy, "use SCHED_FIFO or SCHED_RR")
	case !deadline && (s.Runtime != 0 || s.Deadline != 0 || s.Period != 0):
		return invalid(field, "runtime, deadline and period have no meaning for "+policy, "use SCHED_DEADLINE")
	case deadline && (s.Runtime == 0 || s.Runtime > s.Deadline || s.Period != 0 && s.Deadline > s.Period):
		return invalid(field, "SCHED_DEADLINE wants 0 < runtime <= deadline <= period", "")
	}
	return nil
}

// checkCPUList wants numbers and ranges with commas between, such as 0-3,7.
// Empty is unset.
func checkCPUList(field, list string) error {
	if list == "" {
		return nil
	}
	for part := range strings.SplitSeq(list, ",") {
		first, last, isRange := strings.Cut(part, "-")
		a, err := strconv.ParseUint(first, 10, 16)
		b := a
		if isRange && err == nil {
			b, err = strconv.ParseUint(last, 10, 16)
		}
		if err != nil || a > b {
			return invalid(field, strconv.Quote(list)+" is not a list such as 0-3,7: "+strconv.Quote(part), "")
		}
	}
	return nil
}

func checkProcessLabels(p *rspec.Process, field string) error {
	if err := checkSELinuxLabel(sub(field, "selinuxLabel"), p.SelinuxLabel); err != nil {
		return err
	}
	return oneLine(sub(field, "apparmorProfile"), p.ApparmorProfile)
}

// checkSELinuxLabel knows the shape only: user:role:type, and maybe a level.
func checkSELinuxLabel(field, label string) error {
	if label == "" {
		return nil
	}
	if strings.Count(label, ":") < 2 || strings.ContainsAny(label, "\x00\n\r \t") {
		return invalid(field, strconv.Quote(label)+" is not USER:ROLE:TYPE[:LEVEL]", "")
	}
	return nil
}
