package explain_test

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"stave/libct"
)

// What libct keeps to itself of the encoding of its operations; a test there
// holds these numbers.
const (
	isInt, isReg, isData = 0, 1, 2

	flagWant, flagFork, flagRetry, flagKeep = 1, 2, 8, 16

	ruleOK, ruleAny = 0xfffe, 0xffff

	pseudoPoke, pseudoMove, pseudoFail, pseudoShow = 0xff00, 0xff01, 0xff02, 0xff03
)

// A program is a plan taken apart: copies, so that a control can change them.
type program struct {
	plan *libct.Plan
	data []byte
	ops  []libct.Op // the child's, and those of the stub that it becomes
	step []int      // of each
}

func take(p *libct.Plan) *program {
	g := &program{plan: p, data: slices.Clone(reflect.ValueOf(p).Elem().FieldByName("data").Bytes())}
	for i := range p.Steps {
		if s := &p.Steps[i]; s.Actor == libct.Child {
			g.ops = append(g.ops, s.Ops...)
			for range s.Ops {
				g.step = append(g.step, i)
			}
		}
	}
	return g
}

// without is the same program with one operation less.
func (g *program) without(i int) *program {
	c := *g
	c.ops, c.step = slices.Delete(slices.Clone(g.ops), i, i+1), slices.Delete(slices.Clone(g.step), i, i+1)
	return &c
}

// changed is the same program with one argument changed: a number by one, a
// string by its first byte.
func (g *program) changed(i, arg int) *program {
	c := *g
	c.ops, c.data = slices.Clone(g.ops), slices.Clone(g.data)
	if uint8(c.ops[i].Kind[arg]) == isData {
		c.data[c.ops[i].A[arg]] ^= 1
	} else {
		c.ops[i].A[arg] ^= 1
	}
	return &c
}

func (g *program) spell(o *libct.Op) string { return g.plan.Spell(o) }

func (g *program) name(o *libct.Op) string {
	name, _, _ := strings.Cut(g.spell(o), "(")
	return name
}

// A walk is the state of one process that follows the program.
type walk struct {
	*program
	regs map[uint64]uint64
	base uint64           // address of the data; 0: not known yet
	done []int            // operations that were made as system calls
	seen map[int][]string // their arguments as strace printed them, for the controls
}

// follow walks the child's program along the calls of all processes, beginning
// with those of pid, and wants each call of the process to be the next one of
// the program, and the last to be an execve(2) that succeeds.
func (w *walk) follow(calls []call, pid int) error {
	mine := of(calls, pid)
	// After the clone the handlers and the mask of signals are reset, and who
	// waits for the child is told.
	for len(mine) > 0 && (mine[0].name == "rt_sigaction" || mine[0].name == "rt_sigprocmask" || mine[0].name == "futex") {
		mine = mine[1:]
	}
	kept := ""
	for i := 0; i < len(w.ops); i++ {
		o := &w.ops[i]
		where := fmt.Sprintf("step %d %s: %s", w.step[i]+1, w.plan.Steps[w.step[i]].Name, w.spell(o))
		if o.NR >= pseudoPoke {
			switch o.NR {
			case pseudoPoke:
				binary.NativeEndian.PutUint32(w.data[o.A[0]:], uint32(w.regs[o.A[1]]))
			case pseudoMove:
				w.regs[uint64(o.Dst)] = o.A[0]
			case pseudoFail:
				return fmt.Errorf("%s: after %s", where, kept)
			}
			i += max(skip(o, ""), 0)
			continue
		}
		if len(mine) == 0 {
			return fmt.Errorf("%s: the process made no more calls", where)
		}
		c := mine[0]
		mine = mine[1:]
		if err := w.match(o, c); err != nil {
			return fmt.Errorf("%s: strace saw %s: %w", where, c, err)
		}
		if c.again || uint8(o.Flags)&flagRetry != 0 && (c.errno == "EAGAIN" || c.errno == "EINTR") {
			i--
			continue
		}
		w.done = append(w.done, i)
		if w.seen == nil {
			w.seen = map[int][]string{}
		}
		w.seen[i] = c.args
		if c.errno == "" && uint8(o.Flags)&flagFork != 0 {
			if len(mine) == 0 || mine[0].name != "exit_group" {
				return fmt.Errorf("%s: the intermediate process did not end", where)
			}
			mine, c.ret = of(calls, int(c.ret)), 0
		}
		if c.errno == "" && o.Dst != 0 {
			w.regs[uint64(o.Dst)] = uint64(c.ret)
		}
		if c.errno == "" && w.name(o) == "execve" {
			return nil
		}
		if c.errno == "" && uint8(o.Flags)&flagWant != 0 && c.ret != int64(o.Want) {
			return fmt.Errorf("%s: strace saw %s, which is not the result wanted", where, c)
		}
		n := skip(o, c.errno)
		if n < 0 && c.errno != "" && uint8(o.Flags)&flagKeep != 0 {
			kept, n = c.errno, 0
		}
		if n < 0 && c.errno != "" {
			return fmt.Errorf("%s: strace saw %s, and the plan would end here", where, c)
		}
		i += max(n, 0)
	}
	return fmt.Errorf("the program ends without execve(2); left are %v", mine)
}

// skip is what the rules say of a result: how many operations to jump over,
// or -1.
func skip(o *libct.Op, errno string) int {
	for _, r := range o.Rules {
		switch {
		case r.Errno == 0:
			return -1
		case r.Errno == ruleOK && errno == "", r.Errno == ruleAny && errno != "",
			errno != "" && unix.ErrnoName(unix.Errno(r.Errno)) == errno:
			return int(r.Skip)
		}
	}
	return -1
}

func of(calls []call, pid int) (mine []call) {
	for _, c := range calls {
		if c.pid == pid {
			mine = append(mine, c)
		}
	}
	return mine
}

// match compares one operation with one call.
func (w *walk) match(o *libct.Op, c call) error {
	if name := w.name(o); name != c.name {
		return fmt.Errorf("not %s", name)
	}
	if c.never && c.args == nil {
		return nil // it never returned, so strace had not printed all of it
	}
	for i, seen := range c.args {
		if i >= len(o.A) {
			return fmt.Errorf("argument %d: too many", i)
		}
		if err := w.argument(o, i, seen, c); err != nil {
			return fmt.Errorf("argument %d: %w", i, err)
		}
	}
	return nil
}

func (w *walk) argument(o *libct.Op, i int, seen string, c call) error {
	want := o.A[i]
	switch uint8(o.Kind[i]) {
	case isInt:
		return same(want, seen)
	case isReg:
		value, known := w.regs[want]
		if !known { // set by the other process
			v, err := number(seen)
			w.regs[want] = v
			return err
		}
		return same(value, seen)
	case isData:
		return w.pointer(o, i, seen, c)
	}
	return nil
}

func same(want uint64, seen string) error {
	got, err := number(seen)
	if err != nil {
		return err
	}
	// strace prints as many bits as the kernel looks at.
	if got != want && (uint32(got) != uint32(want) || got>>32 != 0 && int64(got) > 0 || want>>32 != 0 && int64(want) > 0) {
		return fmt.Errorf("%#x, not %#x", got, want)
	}
	return nil
}

// pointer compares what an argument points to, as far as strace decodes it.
func (w *walk) pointer(o *libct.Op, i int, seen string, c call) error {
	at := o.A[i]
	if c.name == "read" || c.name == "seccomp" && i == 2 && !strings.HasPrefix(seen, "{len=") {
		return nil // what was read was not there before
	}
	switch seen[0] {
	case '"':
		got, err := text(seen)
		if err != nil {
			return err
		}
		want := cString(w.data[at:])
		if c.name == "write" || c.name == "sendto" || c.name == "sethostname" || c.name == "setdomainname" {
			want = string(w.data[at : at+uint64(len(got))])
		}
		if got != want {
			return fmt.Errorf("%q, not %q", got, want)
		}
	case '[':
		return w.array(at, seen, c)
	case '{':
		return w.structure(at, i, seen, c)
	default:
		v, err := number(seen)
		if err != nil {
			return err
		}
		if w.base == 0 {
			w.base = v - at
		}
		if v != w.base+at {
			return fmt.Errorf("%s does not point to offset %d of the plan's data", seen, at)
		}
	}
	return nil
}

func cString(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\x00")
	return s
}

// array compares argv and envp, and the groups of setgroups(2).
func (w *walk) array(at uint64, seen string, c call) error {
	got, err := list(seen)
	if err != nil {
		return err
	}
	for j, elem := range got {
		switch c.name {
		case "execve", "execveat":
			s, err := text(elem)
			if err != nil {
				return err
			}
			if want := cString(w.data[w.word(at+8*uint64(j)):]); s != want {
				return fmt.Errorf("%q, not %q", s, want)
			}
		case "setgroups":
			if err := same(uint64(binary.NativeEndian.Uint32(w.data[at+4*uint64(j):])), elem); err != nil {
				return err
			}
		}
	}
	if strings.HasPrefix(c.name, "execve") && w.word(at+8*uint64(len(got))) != 0 {
		return fmt.Errorf("%d strings, and the plan has more", len(got))
	}
	return nil
}

func (w *walk) word(at uint64) uint64 { return binary.NativeEndian.Uint64(w.data[at:]) }

// layouts are the structures that strace takes apart: offset and size of the
// fields by name, for an argument of a call.
var layouts = map[string]map[string][2]uint64{
	"openat2 2":         {"flags": {0, 8}, "mode": {8, 8}, "resolve": {16, 8}},
	"mount_setattr 3":   {"attr_set": {0, 8}, "attr_clr": {8, 8}, "propagation": {16, 8}},
	"clone3 0":          {"flags": {0, 8}, "exit_signal": {32, 8}, "stack": {40, 8}, "stack_size": {48, 8}},
	"prlimit64 2":       {"rlim_cur": {0, 8}, "rlim_max": {8, 8}},
	"capset 0":          {"version": {0, 4}, "pid": {4, 4}},
	"seccomp 2":         {"len": {0, 2}},
	"sched_setattr 1":   {"size": {0, 4}, "sched_policy": {4, 4}, "sched_flags": {8, 8}, "sched_nice": {16, 4}, "sched_priority": {20, 4}},
	"ioctl 2":           {"ws_row": {0, 2}, "ws_col": {2, 2}},
	"sendmsg 1":         {"msg_namelen": {8, 4}, "msg_iovlen": {24, 8}, "msg_controllen": {40, 8}},
	"capset 1 (before)": {"effective": {0, 4}, "permitted": {4, 4}, "inheritable": {8, 4}},
	"capset 1 (after)":  {"effective": {12, 4}, "permitted": {16, 4}, "inheritable": {20, 4}},
}

func (w *walk) structure(at uint64, i int, seen string, c call) error {
	fields, err := structure(seen)
	if err != nil {
		return err
	}
	key := fmt.Sprintf("%s %d", c.name, i)
	if key == "capset 1" {
		return w.capabilities(at, fields)
	}
	layout, ok := layouts[key]
	if !ok {
		return fmt.Errorf("a structure that this test cannot read: %s", seen)
	}
	for name, value := range fields {
		f, ok := layout[name]
		if !ok {
			continue
		}
		if err := same(w.field(at+f[0], f[1]), value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// capabilities come in two halves, which strace puts together.
func (w *walk) capabilities(at uint64, fields map[string]string) error {
	for name, low := range layouts["capset 1 (before)"] {
		high := layouts["capset 1 (after)"][name]
		if err := same(w.field(at+low[0], 4)|w.field(at+high[0], 4)<<32, fields[name]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (w *walk) field(at, size uint64) (v uint64) {
	for i := size; i > 0; i-- {
		v = v<<8 | uint64(w.data[at+i-1])
	}
	return v
}
