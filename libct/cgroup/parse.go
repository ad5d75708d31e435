package cgroup

// parse.go: the formats of cgroup files (kernel, admin-guide/cgroup-v2,
// "Format").

import (
	"math"
	"strconv"
	"strings"
)

// noLimit stands for "max".
const noLimit = math.MaxUint64

// number parses a file of one value. "max", and the negative value that v1
// has for it in some files, is noLimit.
func number(text string) uint64 {
	text = strings.TrimSpace(text)
	if text == "max" || strings.HasPrefix(text, "-") {
		return noLimit
	}
	n, _ := strconv.ParseUint(text, 10, 64)
	return n
}

// each calls f for every "KEY VALUE" line.
func each(text string, f func(key string, value uint64)) {
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			f(key, number(value))
		}
	}
}

// keyed is one value of a "KEY VALUE" file, 0 if it is not there.
func keyed(text, key string) (n uint64) {
	each(text, func(k string, value uint64) {
		if k == key {
			n = value
		}
	})
	return n
}

// list parses a list of CPUs or nodes such as 0-3,7.
func list(text string) (out []uint16) {
	for part := range strings.SplitSeq(strings.TrimSpace(text), ",") {
		from, to, ok := strings.Cut(part, "-")
		if !ok {
			to = from
		}
		a, err := strconv.ParseUint(from, 10, 16)
		b, err2 := strconv.ParseUint(to, 10, 16)
		if err != nil || err2 != nil {
			return out
		}
		for n := a; n <= b; n++ {
			out = append(out, uint16(n))
		}
	}
	return out
}

// numbers parses values separated by blanks.
func numbers(text string) (out []uint64) {
	for f := range strings.FieldsSeq(text) {
		out = append(out, number(f))
	}
	return out
}
