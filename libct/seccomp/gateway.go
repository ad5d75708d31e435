package seccomp

import (
	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// On i386, s390, ppc and mips the calls on sockets and those of System V IPC have
// two entries each: their own numbers, which came late (Linux 4.3 and 5.1), and one
// gateway for all of them, socketcall(2) and ipc(2), that has which of them in its
// first argument and the rest in memory, where no filter can look.
//
// A rule for socket(2) is about both entries. Of a rule with conditions only the
// safe half goes over to the gateway: what refuses more than the default refuses
// there whatever the arguments are, and what allows more does not hold there. A
// profile that wants those programs to work has a rule for the gateway itself.

var gateways = [...]struct {
	name string
	mask uint64 // of the first argument: ipc(2) has a version above it
}{
	{"socketcall", 0xffffffff},
	{"ipc", 0xffff},
}

const (
	bySocketcall = iota
	byIPC
)

// behind tells behind which gateway a call is, and as what.
func behind(name string) (gateway int, sub uint64, ok bool) {
	switch name {
	case "socket":
		return bySocketcall, 1, true
	case "bind":
		return bySocketcall, 2, true
	case "connect":
		return bySocketcall, 3, true
	case "listen":
		return bySocketcall, 4, true
	case "accept":
		return bySocketcall, 5, true
	case "getsockname":
		return bySocketcall, 6, true
	case "getpeername":
		return bySocketcall, 7, true
	case "socketpair":
		return bySocketcall, 8, true
	case "send":
		return bySocketcall, 9, true
	case "recv":
		return bySocketcall, 10, true
	case "sendto":
		return bySocketcall, 11, true
	case "recvfrom":
		return bySocketcall, 12, true
	case "shutdown":
		return bySocketcall, 13, true
	case "setsockopt":
		return bySocketcall, 14, true
	case "getsockopt":
		return bySocketcall, 15, true
	case "sendmsg":
		return bySocketcall, 16, true
	case "recvmsg":
		return bySocketcall, 17, true
	case "accept4":
		return bySocketcall, 18, true
	case "recvmmsg":
		return bySocketcall, 19, true
	case "sendmmsg":
		return bySocketcall, 20, true
	case "semop":
		return byIPC, 1, true
	case "semget":
		return byIPC, 2, true
	case "semctl":
		return byIPC, 3, true
	case "semtimedop":
		return byIPC, 4, true
	case "msgsnd":
		return byIPC, 11, true
	case "msgrcv":
		return byIPC, 12, true
	case "msgget":
		return byIPC, 13, true
	case "msgctl":
		return byIPC, 14, true
	case "shmat":
		return byIPC, 21, true
	case "shmdt":
		return byIPC, 22, true
	case "shmget":
		return byIPC, 23, true
	case "shmctl":
		return byIPC, 24, true
	}
	return 0, 0, false
}

// throughGateways adds rules for the gateways of an architecture. They come after
// those that the configuration has for a gateway: the indices are higher.
func (c *compiler) throughGateways(a *arch) {
	var numbers [len(gateways)]uint32
	var open [len(gateways)]bool
	for i := range gateways {
		index, _ := lookup(gateways[i].name)
		numbers[i], open[i] = a.number(index)
		// An unconditional rule for the gateway leaves nothing to decide.
		open[i] = open[i] && !c.settled[index]
	}
	if !open[bySocketcall] && !open[byIPC] {
		return
	}
	for _, u := range c.uses {
		g, sub, ok := behind(nameAt(int(u.name)))
		if !ok || !open[g] {
			continue
		}
		for i := u.from; i < u.to; i++ {
			r := &c.rules[i]
			if len(r.args) > 0 && (c.settled[u.name] || !stricter(r.ret, c.deflt)) {
				continue
			}
			c.keys = append(c.keys, uint64(numbers[g])<<32|uint64(len(c.rules)))
			c.rules = append(c.rules, rule{r.ret, []rspec.LinuxSeccompArg{
				{Index: 0, Op: rspec.OpMaskedEqual, Value: gateways[g].mask, ValueTwo: sub}}})
		}
	}
}

// stricter compares as the kernel does between filters: as signed numbers, from
// KILL_PROCESS, which has the top bit, up to ALLOW.
func stricter(a, b uint32) bool {
	const full = unix.SECCOMP_RET_ACTION_FULL
	return int32(a&full) < int32(b&full)
}
