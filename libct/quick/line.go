package quick

// line.go: the command line, as execve(2) lays it on the stack.

import "unsafe"

// A vector is a null-terminated array of C strings.
type vector struct{ at **byte }

func (v vector) pointer(i int) *byte {
	return *(**byte)(unsafe.Add(unsafe.Pointer(v.at), uintptr(i)*unsafe.Sizeof(uintptr(0))))
}

// word is string i; nil is the end.
func (v vector) word(i int) []byte {
	p := v.pointer(i)
	if p == nil {
		return nil
	}
	n := 0
	for *(*byte)(unsafe.Add(unsafe.Pointer(p), n)) != 0 {
		n++
	}
	return unsafe.Slice(p, n)
}

// A call is a command line of the plain kind.
type call struct {
	verb   int
	root   []byte
	log    []byte
	id     []byte
	signal int
}

const (
	verbState = 1 + iota
	verbKill
	verbStart
	verbDelete
)

// defaultRoot is that of package cli, of root.
const defaultRoot = "/run/stave"

// parse reads argv and, behind it, the environment; false is a command line of
// another kind, right or wrong. What is accepted means the same to package cli.
func (c *call) parse(v vector) bool {
	if v.pointer(0) == nil {
		return false
	}
	i := 1
	for ; ; i++ {
		w := v.word(i)
		if len(w) == 0 {
			return false
		}
		if w[0] != '-' {
			break
		}
		name, value, has := flag(w)
		switch string(name) {
		case "--systemd-cgroup": // matters to those who make cgroups
			if has {
				return false
			}
			continue
		case "--root", "--log", "--log-format":
		default:
			return false
		}
		if !has {
			i++
			if value = v.word(i); value == nil {
				return false
			}
		}
		switch string(name) {
		case "--root":
			if len(value) == 0 {
				return false
			}
			c.root = value
		case "--log":
			c.log = value
		case "--log-format":
			if string(value) != "text" && string(value) != "json" {
				return false
			}
		}
	}
	switch string(v.word(i)) {
	case "state":
		c.verb = verbState
	case "kill":
		c.verb = verbKill
	case "start":
		c.verb = verbStart
	case "delete":
		c.verb = verbDelete
	default:
		return false
	}
	i, ok := c.arguments(v, i+1)
	return ok && c.environment(vector{(**byte)(unsafe.Add(unsafe.Pointer(v.at), uintptr(i+1)*unsafe.Sizeof(uintptr(0))))})
}

// flag splits --name=value.
func flag(w []byte) (name, value []byte, has bool) {
	for i, b := range w {
		if b == '=' {
			return w[:i], w[i+1:], true
		}
	}
	return w, nil, false
}

// arguments reads what follows the verb; end is the index behind it.
func (c *call) arguments(v vector, i int) (end int, ok bool) {
	c.signal = sigTERM
	args := 0
	for ; v.pointer(i) != nil; i++ {
		w := v.word(i)
		if len(w) == 0 {
			return 0, false
		}
		if w[0] == '-' {
			switch {
			case c.verb == verbDelete && (string(w) == "--force" || string(w) == "-f"): // what has ended is removed with and without
			case c.verb == verbKill && (string(w) == "--all" || string(w) == "-a"): // nobody to signal is declined anyway
			default:
				return 0, false
			}
			continue
		}
		args++
		switch {
		case args == 1 && plainID(w):
			c.id = w
		case args == 2 && c.verb == verbKill:
			if c.signal = signalNumber(w); c.signal < 0 {
				return 0, false
			}
		default:
			return 0, false
		}
	}
	return i, args > 0
}

// environment declines what some variables ask for.
func (c *call) environment(env vector) bool {
	for i := 0; ; i++ {
		w := env.word(i)
		if w == nil {
			break
		}
		name, value, _ := flag(w)
		if len(value) == 0 {
			continue
		}
		if string(name) == "NOTIFY_SOCKET" && c.verb == verbStart || string(name) == "XDG_RUNTIME_DIR" && c.root == nil {
			return false
		}
	}
	if c.root == nil {
		c.root = bytes(defaultRoot)
	}
	return true
}

// plainID is package leaf's CheckID.
func plainID(w []byte) bool {
	if len(w) > maxName {
		return false
	}
	for i, b := range w {
		switch {
		case '0' <= b && b <= '9', 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', b == '_':
		case i > 0 && (b == '+' || b == '.' || b == '-'):
		default:
			return false
		}
	}
	return true
}

const (
	sigKILL = 9
	sigTERM = 15
)

// signalNumber knows the numbers, and the names that callers use; -1 is
// another, or none.
func signalNumber(w []byte) int {
	if n, ok := number(w); ok {
		if n > 64 || w[0] == '0' && len(w) > 1 {
			return -1
		}
		return int(n)
	}
	if len(w) > 3 && string(w[:3]) == "SIG" {
		w = w[3:]
	}
	switch string(w) {
	case "HUP":
		return 1
	case "INT":
		return 2
	case "QUIT":
		return 3
	case "KILL":
		return sigKILL
	case "USR1":
		return 10
	case "USR2":
		return 12
	case "TERM":
		return sigTERM
	case "CONT":
		return 18
	case "STOP":
		return 19
	case "WINCH":
		return 28
	}
	return -1
}

// number reads a decimal number without a sign.
func number(w []byte) (n uint64, ok bool) {
	if len(w) == 0 || len(w) > 18 {
		return 0, false
	}
	for _, b := range w {
		if b < '0' || b > '9' {
			return 0, false
		}
		n = n*10 + uint64(b-'0')
	}
	return n, true
}
