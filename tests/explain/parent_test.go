package explain_test

import (
	"fmt"
	"regexp"
	"strings"

	"stave/libct"
)

// An item is what the parent has to do next: one operation of a step, or a
// stretch of Go code (Op is nil) with the changes that its step admits to.
type item struct {
	step  int
	op    *libct.Op
	names map[string]int // changes that must be made, how often
	may   map[string]bool
	aside string // what a thread of its own does meanwhile, in the words of Does
}

// family gives calls that change the system one name, whether they come with
// an "at" or not; "" is a call that changes nothing which outlives us.
func family(name string) string {
	switch name {
	case "clone3", "fork", "vfork", "clone":
		return "fork"
	case "mount", "umount2", "move_mount", "mount_setattr", "fsmount", "pivot_root", "chroot", "setns", "unshare", "rmdir",
		"bpf", "truncate", "sethostname", "setdomainname", "keyctl", "setsid":
		return name
	}
	base := strings.TrimSuffix(strings.TrimSuffix(name, "2"), "at")
	switch base {
	case "mkdir", "mknod", "unlink", "rename", "symlink", "link":
		return base
	case "chown", "fchown", "lchown":
		return "chown"
	case "chmod", "fchmod":
		return "chmod"
	}
	return ""
}

// change is the family of a call that was seen. What failed changed nothing,
// and a thread is no process.
func change(c call) string {
	if c.errno != "" || c.again {
		return ""
	}
	switch f := family(c.name); {
	case isThread(c):
		return ""
	case f != "":
		return f
	case c.name == "openat" && len(c.args) > 2:
		if flags, err := number(c.args[2]); err == nil && flags&0o100 != 0 { // O_CREAT
			return "create"
		}
	}
	return ""
}

func isThread(c call) bool {
	if c.errno != "" || c.name != "clone" && c.name != "clone3" {
		return false
	}
	args := c.args
	if c.name == "clone3" {
		fields, err := structure(c.args[0])
		if err != nil {
			return false
		}
		args = []string{"flags=" + fields["flags"]}
	}
	for _, a := range args {
		if v, ok := strings.CutPrefix(a, "flags="); ok {
			flags, err := number(v)
			return err == nil && flags&0x10000 != 0
		}
	}
	return false
}

// runtimeCalls are those that the Go runtime makes whenever it likes.
var runtimeCalls = regexp.MustCompile(`^(futex|nanosleep|clock_nanosleep|madvise|mmap|munmap|mprotect|prctl|sched_yield|sched_getaffinity|rt_sig.*|sigaltstack|tgkill|getpid|gettid|` +
	`epoll_.*|eventfd2|clone|clone3|restart_syscall|set_robust_list|rseq|exit|brk|timer_.*|setitimer)$`)

// untold are changes that steps make and do not tell of: defects of Does, to
// be removed from here when they are mended.
var untold = map[string]string{}

var word = regexp.MustCompile(`[^\s(,;]+`)

const inThread = "in a thread: "

// byThread says that a call is work which a step gives to a thread: it may
// come at any time after that step.
func (w *walk) byThread(c call) bool {
	for i := range w.plan.Steps {
		for _, line := range w.plan.Steps[i].Does {
			if text, ok := strings.CutPrefix(line, inThread); ok && strings.Contains(text, c.name) &&
				(c.name == "unshare" || strings.Contains(strings.Join(c.args, " "), "/proc/thread-self/ns/net")) {
				return true
			}
		}
	}
	return false
}

// items flattens the parent's side of the plan.
func items(p *libct.Plan) (all []item) {
	for i := range p.Steps {
		s := &p.Steps[i]
		switch {
		case s.Actor == libct.Child:
			all = append(all, item{step: i}) // the parent gives it its turn
		case s.Call != nil:
			it := item{step: i, names: map[string]int{}, may: map[string]bool{}}
			if f, known := untold[s.Name]; known {
				it.may[f] = true
			}
			for _, line := range s.Does {
				if words, ok := strings.CutPrefix(line, "in a thread: "); ok {
					it.aside = words
					continue
				}
				if strings.HasPrefix(line, inThread) {
					continue
				}
				if strings.Contains(line, "copy the tree") {
					it.may = map[string]bool{"create": true, "mkdir": true, "symlink": true, "chown": true, "chmod": true}
				}
				for _, w := range word.FindAllString(line, -1) {
					if w == "openat" {
						it.may["create"] = true
					}
					if f := family(w); f != "" {
						it.names[f]++
					}
				}
			}
			all = append(all, it)
		default:
			for j := range s.Ops {
				all = append(all, item{step: i, op: &s.Ops[j]})
			}
		}
	}
	return all
}

func (it *item) satisfied() bool {
	for _, n := range it.names {
		if n > 0 {
			return false
		}
	}
	return true
}

// admits says whether Go code of a step may make this change, and counts it.
func (it *item) admits(f string) bool {
	if it.names[f] > 0 {
		it.names[f]--
		return true
	}
	return it.may[f]
}

// parent walks the parent's steps along the calls of its threads. If more is
// set, it goes on to do other work when the plan is over.
func (w *walk) parent(calls []call, all []item, more bool) error {
	calls, err := beside(calls, all)
	if err != nil {
		return err
	}
	at := 0
	skipTo := -1
	for _, c := range calls {
		if w.byThread(c) {
			continue
		}
		f := change(c)
		if at == len(all) {
			if more {
				return nil
			}
			if f != "" {
				return fmt.Errorf("strace saw %s, and the plan is over", c)
			}
			continue
		}
		if all[at].op == nil {
			// Is it the next operation? Go code ends where that begins.
			next := at
			for next < len(all) && all[next].op == nil && all[next].satisfied() {
				next++
			}
			if next < len(all) && all[next].op != nil && w.tryMatch(all[next].op, c) {
				at = next
			} else {
				if f == "" {
					continue
				}
				for !all[at].admits(f) {
					if more && w.rest(all, at) == len(all) {
						return nil
					}
					if at++; at > next || at == len(all) || all[at].op != nil {
						return fmt.Errorf("step %d %s: strace saw %s, which no step tells of", all[min(at, len(all)-1)].step+1, w.plan.Steps[all[min(at, len(all)-1)].step].Name, c)
					}
				}
				continue
			}
		}
		it := &all[at]
		where := fmt.Sprintf("step %d %s: %s", it.step+1, w.plan.Steps[it.step].Name, w.spell(it.op))
		if err := w.match(it.op, c); err != nil {
			if f == "" && runtimeCalls.MatchString(c.name) {
				continue
			}
			return fmt.Errorf("%s: strace saw %s: %w", where, c, err)
		}
		if c.again {
			continue
		}
		if c.errno == "" && it.op.Dst != 0 {
			w.regs[uint64(it.op.Dst)] = uint64(c.ret)
		}
		n := skip(it.op, c.errno)
		if n < 0 && c.errno != "" {
			return fmt.Errorf("%s: strace saw %s, and the plan would end here", where, c)
		}
		skipTo = at + 1 + max(n, 0)
		for at++; at < skipTo; at++ {
		}
		at = w.pseudo(all, at)
	}
	at = w.rest(all, at)
	if at < len(all) {
		return fmt.Errorf("step %d %s: strace saw nothing of it", all[at].step+1, w.plan.Steps[all[at].step].Name)
	}
	return nil
}

// beside takes out of calls those of the thread that works while the others go
// on, and wants them to be what its step tells of, in that order.
func beside(calls []call, all []item) (rest []call, err error) {
	var words []string
	for i := range all {
		if all[i].aside != "" {
			words = append(words, all[i].aside)
		}
	}
	if words == nil {
		return calls, nil
	}
	told := strings.Split(strings.Join(words, ", "), ", ")
	thread := 0
	for _, c := range calls {
		// The first of its calls binds the thread to its work; before, it
		// belonged to everybody.
		if thread == 0 && len(told) > 0 && c.errno == "" && strings.HasPrefix(told[0], c.name+"(") {
			thread = c.pid
		}
		if c.pid != thread || c.name == "clone3" { // that is a step of its own
			rest = append(rest, c)
			continue
		}
		if len(told) > 0 && as(told[0], c) {
			told = told[1:]
		} else if f := change(c); f != "" || !runtimeCalls.MatchString(c.name) && c.name != "getdents64" {
			return nil, fmt.Errorf("the thread: strace saw %s, and told was %q", c, told)
		}
	}
	if len(told) > 0 {
		return nil, fmt.Errorf("the thread: strace saw nothing of %q", told)
	}
	return rest, nil
}

// as says whether a call is what the words tell: unshare(CLONE_NEWNET), or
// openat PATH.
func as(words string, c call) bool {
	name, rest, _ := strings.Cut(strings.TrimSuffix(words, ")"), "(")
	if path, ok := strings.CutPrefix(words, "openat "); ok {
		got := ""
		if c.name == "openat" && len(c.args) > 1 {
			got, _ = text(c.args[1])
		}
		return got == path
	}
	if name != c.name || len(c.args) != 1 || c.errno != "" {
		return false
	}
	want := uint64(0)
	for _, flag := range strings.Split(rest, "|") {
		want |= cloneNames[flag]
	}
	got, err := number(c.args[0])
	return err == nil && got == want
}

// cloneNames are the flags that Does spells.
var cloneNames = map[string]uint64{"CLONE_PIDFD": 0x1000, "CLONE_INTO_CGROUP": 0x200000000, "CLONE_NEWNS": 0x20000, "CLONE_NEWCGROUP": 0x2000000,
	"CLONE_NEWUTS": 0x4000000, "CLONE_NEWIPC": 0x8000000, "CLONE_NEWUSER": 0x10000000, "CLONE_NEWPID": 0x20000000, "CLONE_NEWNET": 0x40000000,
	"CLONE_NEWTIME": 0x80, "CLONE_VM": 0x100, "CLONE_VFORK": 0x4000, "CLONE_PARENT_SETTID": 0x100000, "CLONE_CLEAR_SIGHAND": 0x100000000}

// pseudo passes over operations that make no system call.
func (w *walk) pseudo(all []item, at int) int {
	for at < len(all) && all[at].op != nil && all[at].op.NR >= pseudoPoke {
		at += 1 + max(skip(all[at].op, ""), 0)
	}
	return at
}

// rest passes over what is satisfied at the end.
func (w *walk) rest(all []item, at int) int {
	for at < len(all) && all[at].op == nil && all[at].satisfied() {
		at++
	}
	return at
}

// tryMatch is match that learns nothing when it fails.
func (w *walk) tryMatch(o *libct.Op, c call) bool {
	known := make(map[uint64]uint64, len(w.regs))
	for k, v := range w.regs {
		known[k] = v
	}
	base := w.base
	if w.match(o, c) != nil {
		w.regs, w.base = known, base
		return false
	}
	return true
}
