package explain_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// options make strace's output one that can be read back: strings in
// hexadecimal, so that no quote or bracket is part of one; flags as numbers;
// nothing abbreviated.
var options = []string{"-f", "-xx", "-v", "-X", "raw", "-s", "1000000", "-e", "signal=none", "-e", "quiet=attach,exit,personality,superseded"}

// A call is one system call as strace saw it.
type call struct {
	pid   int
	name  string
	args  []string
	ret   int64
	errno string // "" after success
	again bool   // interrupted before it did anything; the kernel makes it again
	never bool   // it did not return
	text  string
}

func (c call) String() string {
	if len(c.text) > 300 {
		return c.text[:300] + "..."
	}
	return c.text
}

// readTrace gives the calls of all processes in the order in which they began.
func readTrace(path string) ([]call, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parseTrace(string(data))
}

func parseTrace(text string) ([]call, error) {
	type half struct {
		at   int
		head string
	}
	var calls []call
	open := map[int]half{} // by pid
	for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		number, rest, _ := strings.Cut(line, " ")
		pid, err := strconv.Atoi(number)
		rest = strings.TrimLeft(rest, " ")
		switch {
		case err != nil:
			return nil, fmt.Errorf("not a line of strace -f: %q", line)
		case strings.HasPrefix(rest, "+++") || strings.HasPrefix(rest, "---"):
		case strings.HasPrefix(rest, "<... "):
			name, tail, ok := strings.Cut(rest[len("<... "):], " resumed>")
			h, begun := open[pid]
			began := pid
			if !begun {
				// execve(2) of a thread ends under the number of the first one.
				for p, other := range open {
					if strings.HasPrefix(other.head, name+"(") && strings.HasPrefix(name, "execve") {
						h, began, begun = other, p, true
					}
				}
			}
			if !ok || !begun {
				return nil, fmt.Errorf("the end of nothing: %q", line)
			}
			delete(open, began)
			if calls[h.at], err = parseCall(pid, h.head+tail); err != nil {
				return nil, err
			}
		default:
			if head, cut := strings.CutSuffix(rest, "<unfinished ...>"); cut {
				open[pid] = half{len(calls), strings.TrimRight(head, " ")}
				calls = append(calls, call{pid: pid, name: strings.SplitN(rest, "(", 2)[0], never: true, text: rest})
				continue
			}
			c, err := parseCall(pid, rest)
			if err != nil {
				return nil, err
			}
			calls = append(calls, c)
		}
	}
	return calls, nil
}

// parseCall reads name(args) = result.
func parseCall(pid int, text string) (call, error) {
	c := call{pid: pid, text: text}
	at := strings.LastIndex(text, " = ")
	name, args, ok := strings.Cut(text, "(")
	if at < 0 || !ok {
		return c, fmt.Errorf("not a system call: %q", text)
	}
	c.name = name
	body := strings.TrimRight(text[len(name)+1:at], " ")
	if args, ok = strings.CutSuffix(body, ")"); !ok {
		return c, fmt.Errorf("arguments without an end: %q", text)
	}
	c.args = splitArgs(args)
	result := strings.Fields(text[at+3:])
	switch {
	case result[0] == "?" && len(result) > 1 && strings.HasPrefix(result[1], "ERESTART"):
		c.again = true
	case result[0] == "?":
		c.never = true
	default:
		v, err := number(result[0])
		if err != nil {
			return c, fmt.Errorf("no result: %q", text)
		}
		c.ret = int64(v)
		if c.ret == -1 && len(result) > 1 {
			c.errno = result[1]
		}
	}
	return c, nil
}

// splitArgs divides at the commas that are in no bracket.
func splitArgs(s string) (args []string) {
	depth, begin := 0, 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
		case ',':
			if depth == 0 {
				args = append(args, strings.TrimSpace(s[begin:i]))
				begin = i + 1
			}
		}
	}
	if last := strings.TrimSpace(s[begin:]); last != "" {
		args = append(args, last)
	}
	return args
}

// number reads what strace prints for an integer.
func number(s string) (uint64, error) {
	if s == "NULL" {
		return 0, nil
	}
	if in, ok := strings.CutPrefix(s, "makedev("); ok {
		major, minor, _ := strings.Cut(strings.TrimSuffix(in, ")"), ", ")
		a, err1 := strconv.ParseUint(major, 0, 32)
		b, err2 := strconv.ParseUint(minor, 0, 32)
		if err1 != nil || err2 != nil {
			return 0, fmt.Errorf("not a device: %s", s)
		}
		return unix.Mkdev(uint32(a), uint32(b)), nil
	}
	var sum uint64
	for _, part := range strings.Split(s, "|") {
		if neg, err := strconv.ParseInt(part, 0, 64); err == nil {
			sum |= uint64(neg)
			continue
		}
		v, err := strconv.ParseUint(part, 0, 64)
		if err != nil {
			return 0, fmt.Errorf("not a number: %s", s)
		}
		sum |= v
	}
	return sum, nil
}

// text reads a string: "\x2f\x70".
func text(s string) (string, error) {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return "", fmt.Errorf("not a string: %s", s)
	}
	return strconv.Unquote(s)
}

// list reads an array.
func list(s string) ([]string, error) {
	in, ok := strings.CutPrefix(s, "[")
	if in, ok = strings.CutSuffix(in, "]"); !ok || !strings.HasPrefix(s, "[") {
		return nil, fmt.Errorf("not an array: %s", s)
	}
	return splitArgs(in), nil
}

// structure reads a struct: {flags=0x80000, resolve=0x12}.
func structure(s string) (map[string]string, error) {
	s, _, _ = strings.Cut(s, " => ") // what the kernel wrote back
	if !strings.HasPrefix(s, "{") || !strings.HasSuffix(s, "}") {
		return nil, fmt.Errorf("not a struct: %s", s)
	}
	fields := map[string]string{}
	for _, f := range splitArgs(s[1 : len(s)-1]) {
		key, value, ok := strings.Cut(f, "=")
		if !ok {
			return nil, fmt.Errorf("not a field: %s", f)
		}
		fields[key] = value
	}
	return fields, nil
}
