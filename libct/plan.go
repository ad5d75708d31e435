package libct

import (
	"path"
	"strconv"
	"strings"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/specs"
)

// Actor is who acts in a step.
type Actor uint8

const (
	Parent Actor = iota // the stave command, ordinary Go on the host
	Child               // the raw process that becomes the container
)

func (a Actor) String() string {
	if a == Child {
		return "child"
	}
	return "parent"
}

// Step is one line of the plan: what a learner reads, what the timeline
// measures, what an error names, and a point at which the crash tests kill.
type Step struct {
	Name  string // "mount /proc"
	Field string // JSON pointer of what asked for it; empty: every container has it
	Why   string // one line, with the man page or spec section
	Actor Actor
	Ops   []Op                  // the system calls; both actors have them
	Does  []string              // what Call does, in the words of explain
	Stub  bool                  // the stub does this: Ops are for the reader alone
	waits int                   // of Ops, those at the beginning that finish put there
	Call  func(c *Create) error // parent only: work that is no fixed list of calls (hooks, records, messages)
}

// Plan is a container compiled: every step from the state directory to
// execve(2), in order. Compile is pure, so the same specification on the same
// host is always the same plan.
type Plan struct {
	program
	Steps []Step

	// What the parent needs to know of the machine's registers.
	parentEnd, childEnd Reg // the socketpair
	gate, result        Reg
	clone               cloneArgs
	staged              bool   // an intermediate process makes the child
	cgroupFD            Reg    // v2: directory for CLONE_INTO_CGROUP
	lock                Reg    // the state directory
	sealed              bool   // the runtime was, when it compiled the plan
	stub                Reg    // the sealed program that the child becomes; 0: none is needed, or it will not do
	belowEnd, aboveEnd  Reg    // the descriptors beside childEnd
	threads             bool   // a thread makes the child, in our memory
	begun               int    // step in which it was started, if that is not the clone's
	initPidfd           Reg    // exec: the container's first process
	enterPID            Reg    // pidfd or pid namespace that the clone is to be made in
	mark                int    // step before which the child waits for the parent's word that it is recorded
	filterFile          []byte // what the record keeps of the seccomp filter
	namespaceFlags      uint64 // of all the container has, new and joined
	Warnings            []string
}

// builder writes a Plan, step by step, from settled input. It asks nothing
// of the host: that is all in Host.
type builder struct {
	*Plan
	spec *rspec.Spec
	host *Host
	req  *Request

	root   Reg // the rootfs, O_PATH
	pts    Reg // the container's devpts, while it is being built
	memory Reg // tasks of the memory cgroup (v1), to be entered late
	proc   Reg // a procfs of our own that no path leads to
	null   Reg // the host's /dev/null, O_PATH
	list   Reg // of the mounts to be unmounted by delete; 0: they end with their namespace
	labels []fixup
	arena  []Op  // where steps get room for their operations
	ref    opRef // the last operation
	made   label
	how    map[[2]uint64]arg

	compiled   []byte // the filter, once compiled
	notify     bool
	flags      uint64
	exposed    bool   // exec: a process of the container may trace the child
	late       bool   // exec: so it is made in the pid namespace when it holds nothing any more
	execFilter []byte // exec: the filter as the record keeps it
	execNotify string // exec: where its listener goes

	joins   []joined    // existing namespaces to enter
	fresh   uint64      // clone flags of the new ones
	later   uint64      // of these, the ones to make after the user namespace
	sources map[int]Reg // bind mounts whose source the parent has opened, by index
	err     error
}

// label is a place that jumps of the same step can lead to.
type label int

type fixup struct {
	lbl          label
	step, op, at int
}

// Compile makes the plan that creates (or runs) the container.
func Compile(spec *rspec.Spec, host *Host, req *Request) (*Plan, error) {
	b := &builder{
		Plan: &Plan{program: program{strs: make(map[string]uint64, 256), data: make([]byte, 0, 16<<10)}},
		spec: spec, host: host, req: req, how: make(map[[2]uint64]arg, 4),
	}
	b.Steps = make([]Step, 0, 112)

	b.lock = b.name(b.newReg(), "lock")
	b.namespaceFlags = namespaceFlags(b.linux().Namespaces)
	if b.linux().MountLabel != "" && !host.SELinux {
		b.warn("/linux/mountLabel: SELinux is not enabled on this host, and without it a label protects nothing; ignored")
	}
	b.compileFilter()
	b.beginThread()
	b.stateDirectory()
	b.mountList()
	b.notifyDirectory()
	b.cgroups()
	b.channel()
	b.prepareStub()
	b.bindSources()
	b.cloneChild()
	if !b.staged {
		b.recordProcess()
	}

	b.closeParents()
	b.enterCgroups()
	b.joinNamespaces()
	if b.staged {
		b.recordProcess() // only now is there a process to record
	}
	b.mapIDs()
	b.timeOffsets()
	b.loopback()
	b.session()
	b.rootfs()
	b.mounts()
	b.devices()
	b.console()
	b.runtimeHooks()
	b.readonlyPaths()
	b.maskedPaths()
	b.pivot()
	b.ownProcfs()
	b.hostname()
	b.sysctls()
	b.process(spec.Process, "/process")
	switch {
	case b.stub != 0: // it is the stub that waits, and create that learns whether it does
		b.becomeStub(spec.Process, "/process")
		if req.Gate {
			b.created()
			b.asStub(spec.Process, "/process")
		} else {
			b.asStub(spec.Process, "/process")
			b.created()
		}
	case req.Gate:
		b.created()
		b.execute(spec.Process, "/process")
	default:
		b.execute(spec.Process, "/process")
		b.created()
	}
	return b.finish()
}

// finish puts a message wherever one actor has to wait for the other. The child
// tells the parent that its steps are done and waits for the parent's word
// that its own are. Two things need no waiting: what the parent does right
// after the clone, of which the child makes sure only when it next waits, or
// before it becomes the container's program (b.mark); and the record that it
// has become that.
func (b *builder) finish() (*Plan, error) {
	if b.err != nil {
		return nil, b.err
	}
	wait := Op{NR: unix.SYS_READ, Flags: opWant | opRetry, Want: 1}
	wait.set(b.childEnd.arg(), at(b.bytes(make([]byte, 8))), n(1))
	tell := Op{NR: unix.SYS_SENDTO, Flags: opWant, Want: 1}
	tell.set(b.childEnd.arg(), b.str("t"), n(1), n(unix.MSG_NOSIGNAL), n(0), n(0))

	waiting := b.waitsItself()
	started, sure := false, false
	for i := range b.Steps {
		s := &b.Steps[i]
		if s.Actor != Child || s.Stub {
			continue
		}
		var before []Op
		if started && b.Steps[i-1].Actor == Parent && !(waiting && i == b.mark) {
			before = append(before, wait)
		}
		if !sure && (i == b.mark || len(before) > 0) {
			before, sure = append(before, wait), true
		}
		if s.waits = len(before); s.waits > 0 {
			s.Ops = append(before, s.Ops...)
		}
		started = true
		if i < b.mark && b.Steps[i+1].Actor == Parent {
			s.Ops = append(s.Ops, tell)
		}
	}
	return b.Plan, nil
}

// waitsItself says that the child waits at the gate before it has become
// anything else.
func (p *Plan) waitsItself() bool { return p.gate != 0 && p.stub == 0 }

// childOps is the child's program: all its steps in one list, and for every
// operation the step it belongs to.
func (p *Plan) childOps() (ops []Op, step []int) {
	total := 0
	for i := range p.Steps {
		if p.Steps[i].Actor == Child && !p.Steps[i].Stub {
			total += len(p.Steps[i].Ops)
		}
	}
	ops, step = make([]Op, 0, total), make([]int, 0, total)
	for i := range p.Steps {
		if p.Steps[i].Actor != Child || p.Steps[i].Stub {
			continue
		}
		for range p.Steps[i].Ops {
			step = append(step, i)
		}
		ops = append(ops, p.Steps[i].Ops...)
	}
	return ops, step
}

// step begins a step; the operations that follow belong to it.
func (b *builder) step(actor Actor, name, field, why string) *Step {
	b.labels = b.labels[:0] // jumps stay within their step
	if strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		name = strconv.Quote(name) // a path of the configuration; names are lines of many files
	}
	b.Steps = append(b.Steps, Step{Name: name, Field: field, Why: why, Actor: actor})
	return &b.Steps[len(b.Steps)-1]
}

// call begins a parent step that is Go code.
func (b *builder) call(name, field, why string, does []string, f func(c *Create) error) {
	s := b.step(Parent, name, field, why)
	s.Does, s.Call = does, f
}

// op adds a system call to the current step.
func (b *builder) op(nr uint16, args ...arg) *opRef {
	s := &b.Steps[len(b.Steps)-1]
	s.Ops = b.oneMore(s.Ops)
	o := &s.Ops[len(s.Ops)-1]
	o.NR = nr
	o.set(args...)
	b.ref = opRef{b, len(b.Steps) - 1, len(s.Ops) - 1}
	return &b.ref
}

// oneMore lengthens the operations of the current step, which are the last in a
// block for all: fresh memory is what compiling costs most.
func (b *builder) oneMore(ops []Op) []Op {
	if len(b.arena) == cap(b.arena) {
		size := 448 // most plans
		if b.arena != nil {
			size = 128
		}
		b.arena = append(make([]Op, 0, max(size, 2*len(ops)+1)), ops...)
	}
	begin, end := len(b.arena)-len(ops), len(b.arena)+1
	b.arena = b.arena[:end]
	return b.arena[begin:end:end] // who appends to it afterwards, copies
}

// set fills in the arguments.
func (o *Op) set(args ...arg) {
	for i, a := range args {
		o.A[i], o.Kind[i] = a.val, a.kind
	}
}

// opRef names an operation while its step is still growing.
type opRef struct {
	b        *builder
	step, op int
}

func (r *opRef) get() *Op { return &r.b.Steps[r.step].Ops[r.op] }

// to saves the result in a register.
func (r *opRef) to(dst Reg) *opRef { r.get().Dst = dst; return r }

// flag sets flags of the operation.
func (r *opRef) flag(f opFlags) *opRef { r.get().Flags |= f; return r }

// want demands one exact result.
func (r *opRef) want(v int) *opRef {
	o := r.get()
	o.Flags |= opWant
	o.Want = int16(v)
	return r
}

// ignore goes on after this errno as if the call had succeeded.
func (r *opRef) ignore(errno uint16) *opRef { return r.on(errno, -1) }

// on jumps to a label after this errno, or ruleOK, or ruleAny.
func (r *opRef) on(errno uint16, l label) *opRef {
	o := r.get()
	for i := range o.Rules {
		if o.Rules[i].Errno == 0 {
			o.Rules[i].Errno = errno
			if l >= 0 {
				r.b.labels = append(r.b.labels, fixup{l, r.step, r.op, i})
			}
			return r
		}
	}
	panic("libct: an operation has no room for another rule")
}

// label makes a new, unplaced label.
func (b *builder) label() label { b.made++; return b.made }

// place puts the label before the next operation of the current step.
func (b *builder) place(l label) {
	step := len(b.Steps) - 1
	for _, f := range b.labels {
		if f.lbl == l && f.step == step {
			o := &b.Steps[step].Ops[f.op]
			o.Rules[f.at].Skip = uint16(len(b.Steps[step].Ops) - f.op - 1)
		}
	}
}

// close closes the fd in r: fds are few when a container has 500 mounts.
func (b *builder) close(r Reg) { b.op(unix.SYS_CLOSE, r.arg()) }

// openHow places a struct open_how once for each pair of flags.
func (b *builder) openHow(flags, resolve uint64) arg {
	key := [2]uint64{flags, resolve}
	if a, ok := b.how[key]; ok {
		return a
	}
	a := b.words(flags, 0, resolve)
	b.how[key] = a
	return a
}

// fail remembers the first refusal; Compile returns it.
func (b *builder) fail(field, problem, hint string, kind error) {
	if b.err == nil {
		b.err = &specs.Error{Field: field, Problem: problem, Hint: hint, Kind: kind}
	}
}

func (b *builder) warn(s string) { b.Warnings = append(b.Warnings, s) }

// pointer makes "/mounts/0" of ("/mounts", 0).
func pointer(base string, i int) string { return base + "/" + strconv.Itoa(i) }

// namespace finds the entry of a type, and its place in the list.
func (b *builder) namespace(t rspec.LinuxNamespaceType) (ns *rspec.LinuxNamespace, field string) {
	if b.spec.Linux == nil {
		return nil, ""
	}
	for i := range b.spec.Linux.Namespaces {
		if b.spec.Linux.Namespaces[i].Type == t {
			return &b.spec.Linux.Namespaces[i], pointer("/linux/namespaces", i)
		}
	}
	return nil, ""
}

// isNew says that the container gets a fresh namespace of this type.
func (b *builder) isNew(t rspec.LinuxNamespaceType) bool {
	ns, _ := b.namespace(t)
	return ns != nil && ns.Path == ""
}

// relative makes a path of the configuration one that openat2(2) resolves
// below the rootfs: "/proc/" becomes "proc", "/" becomes ".".
func relative(p string) string {
	p = path.Clean("/" + p)[1:]
	if p == "" {
		return "."
	}
	return p
}
