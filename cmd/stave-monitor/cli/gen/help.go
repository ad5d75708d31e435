package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	table "stave/cmd/stave-monitor/cli"
)

// The width of help, and of the column of flags before their texts.
const (
	width  = 92
	column = 34
)

// example is a command line and what it is for.
type example struct{ why, line string }

var examples = []example{
	{"Podman with this monitor:", "podman --conmon /usr/local/bin/stave-monitor --runtime /usr/local/bin/stave run alpine echo hello"},
	{"A container from the bundle in this directory, created and not yet started, its output in log:", "stave-monitor --sync -c web1 -u web1 -r /usr/local/bin/stave -b $PWD -p pid -l k8s-file:$PWD/log --full-attach"},
}

func help() []byte {
	var b bytes.Buffer
	b.WriteString("stave-monitor: stay with a container: its output, its log, its end\n")
	b.WriteString("\nUsage:\n  stave-monitor [options]\n")
	for _, group := range groups() {
		fmt.Fprintf(&b, "\n%s:\n", group)
		for _, f := range table.Table {
			if f.Group != group || f.Hidden {
				continue
			}
			h := "  " + head(f)
			if utf8.RuneCountInString(h)+2 > column {
				b.WriteString(h + "\n" + strings.Repeat(" ", column))
			} else {
				b.WriteString(h + strings.Repeat(" ", column-utf8.RuneCountInString(h)))
			}
			b.WriteString(wrap(usage(f), column))
		}
	}
	b.WriteString("\nExamples:\n")
	for _, e := range examples {
		fmt.Fprintf(&b, "  %s\n      %s\n", e.why, e.line)
	}
	b.WriteString("\n" + wrap("The command line is conmon's; what callers of conmon rely on holds. Manual: stave-monitor(8).", 0))
	return b.Bytes()
}

// groups gives the headings in the order of the table.
func groups() (out []string) {
	for _, f := range table.Table {
		if !f.Hidden && !slices.Contains(out, f.Group) {
			out = append(out, f.Group)
		}
	}
	return out
}

// head is the flag as it is written: -b, --bundle DIR.
func head(f table.Flag) string {
	h := "    --" + f.Name
	if f.Short != "" {
		h = "-" + f.Short + ", --" + f.Name
	}
	if f.Value != "" {
		h += " " + f.Value
	}
	return h
}

func usage(f table.Flag) string {
	if f.Default == "" {
		return f.Usage
	}
	return f.Usage + " (default: " + f.Default + ")"
}

// wrap breaks text into lines of at most width columns; it begins at column
// at, and so do the lines that follow.
func wrap(text string, at int) string {
	var b strings.Builder
	pos := at
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		if i > 0 && pos+1+n > width {
			b.WriteString("\n" + strings.Repeat(" ", at))
			pos = at
		} else if i > 0 {
			b.WriteByte(' ')
			pos++
		}
		b.WriteString(word)
		pos += n
	}
	b.WriteByte('\n')
	return b.String()
}
