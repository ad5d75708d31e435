package cli

import (
	"strconv"

	"stave/specs"
)

// Exit statuses of usage errors, as callers of runc know them.
const (
	codeUsage       = 1
	codeUnknownVerb = 3
)

func usage(c *Command, problem string, code int) *UsageError {
	e := &UsageError{Record: specs.Error{Problem: problem, Hint: "see stave --help"}, Code: code}
	if c != nil {
		e.Record.Verb, e.Record.Hint = c.Name, "see stave "+c.Name+" --help"
	}
	return e
}

func unknownVerb(name string) *UsageError {
	problem := "no such command: " + strconv.Quote(name)
	best, distance := "", 3
	for i := range Commands {
		if d := editDistance(name, Commands[i].Name); d < distance {
			best, distance = Commands[i].Name, d
		}
	}
	if best != "" {
		problem += "; did you mean " + best + "?"
	}
	return usage(nil, problem, codeUnknownVerb)
}

func unknownFlag(flags []Flag, word string) string {
	name := word
	for len(name) > 0 && name[0] == '-' {
		name = name[1:]
	}
	for i := range name {
		if name[i] == '=' {
			name = name[:i]
			break
		}
	}
	problem := "no such flag: " + printable(word)
	best, distance := "", 3
	for i := range flags {
		if d := editDistance(name, flags[i].Name); d < distance && !flags[i].Hidden && d < len(name) {
			best, distance = flags[i].Name, d
		}
	}
	if best != "" {
		problem += "; did you mean --" + best + "?"
	}
	return problem
}

func arity(c *Command, args []string) string {
	if c.MaxArgs == 0 {
		return "takes no arguments, got " + printable(args[0])
	}
	want := strconv.Itoa(c.MinArgs)
	switch {
	case c.MaxArgs < 0:
		want = "at least " + want
	case c.MaxArgs != c.MinArgs:
		want += " or " + strconv.Itoa(c.MaxArgs)
	}
	noun := " arguments"
	if want == "1" || want == "at least 1" {
		noun = " argument"
	}
	return "takes " + want + noun + " (" + c.ArgsUsage + "), got " + strconv.Itoa(len(args))
}

// printable keeps a message on one line.
func printable(s string) string {
	q := strconv.Quote(s)
	if len(q) == len(s)+2 && s != "" {
		return s
	}
	return q
}

// editDistance counts the letters to insert, drop, replace or swap with their
// neighbour on the way from a to b.
func editDistance(a, b string) int {
	var before []int
	prev, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, prev, row = prev, row, make([]int, len(b)+1)
	}
	return prev[len(b)]
}
