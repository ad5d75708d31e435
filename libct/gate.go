package libct

import (
	"strings"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/libct/quick"
)

// The gate stands between created and started. The child sleeps in read(2) on
// a fifo that it already holds, open for reading and writing, so the open of
// start can only fail if the child is gone. After the gate it tries execve(2),
// and a failure comes back through a second fifo that a successful execve
// closes: start knows what became of the program.

// channel makes what parent and child talk through.
func (b *builder) channel() {
	b.parentEnd, b.childEnd = b.name(b.newReg(), "parent"), b.name(b.newReg(), "child")
	b.belowEnd, b.aboveEnd = b.name(b.newReg(), "child-1"), b.name(b.newReg(), "child+1")
	b.call("open channel", "", "one socketpair: a message where the actor changes, EOF where one dies; socketpair(2)",
		[]string{"socketpair(AF_UNIX, SOCK_SEQPACKET|SOCK_CLOEXEC)"}, (*Create).openChannel)
	if !b.req.Gate {
		return
	}
	b.gate, b.result = b.name(b.newReg(), "gate"), b.name(b.newReg(), "result")
	b.step(Parent, "gate", "", "fifos in the state directory: start writes to one and reads from the other; fifo(7)")
	dir := n(unix.AT_FDCWD)
	for _, f := range [...]struct {
		name string
		reg  Reg
	}{{gateFile, b.gate}, {resultFile, b.result}} {
		name := b.req.stateDir() + "/" + f.name
		b.op(unix.SYS_MKNODAT, dir, b.str(name), n(unix.S_IFIFO|0o600), n(0))
		b.op(unix.SYS_OPENAT, dir, b.str(name), n(unix.O_RDWR|unix.O_CLOEXEC)).to(f.reg)
	}
}

const (
	gateFile   = quick.GateFile
	resultFile = quick.ResultFile
)

// execute is the end of the plan: the gate and execve(2).
func (b *builder) execute(p *rspec.Process, field string) {
	b.mark = len(b.Steps)
	if b.req.Gate {
		b.step(Child, "wait at the gate", "", "created; the next byte comes from start; runtime.md, Lifecycle")
		b.close(b.childEnd)
		b.op(unix.SYS_READ, b.gate.arg(), at(b.bytes(make([]byte, 8))), n(1)).want(1).flag(opRetry)
	}
	if p == nil {
		return
	}
	b.execLabels(p, field)
	b.step(Child, "execve", field+"/args", "the program takes over: same process, same namespaces, nothing of ours left; execve(2)")
	argv, envp := b.pointers(p.Args), b.pointers(b.environment(p))
	candidates := candidatesOf(p, b.req)
	for _, c := range candidates {
		r := b.op(unix.SYS_EXECVE, b.str(c), argv, envp)
		if len(candidates) > 1 {
			r.flag(opKeep)
		}
	}
	if len(candidates) > 1 {
		b.op(opFail)
	}
}

func candidatesOf(p *rspec.Process, req *Request) []string {
	if req.execPath != "" {
		return []string{req.execPath}
	}
	return searchPath(p)
}

// searchPath lists what execvp(3) would try: the name itself if it has a
// slash, else that name in every directory of PATH as the container sees it.
func searchPath(p *rspec.Process) []string {
	name := p.Args[0]
	if strings.Contains(name, "/") {
		return []string{name}
	}
	dirs := "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	for _, kv := range p.Env {
		if v, ok := strings.CutPrefix(kv, "PATH="); ok {
			dirs = v
		}
	}
	var list []string
	for _, d := range strings.Split(dirs, ":") {
		if strings.HasPrefix(d, "/") { // a relative directory would search the image's work directory
			list = append(list, strings.TrimSuffix(d, "/")+"/"+name)
		}
	}
	if len(list) == 0 {
		list = []string{"/" + name}
	}
	return list
}
