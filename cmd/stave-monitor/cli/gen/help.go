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

var serveDescription = []string{
	"Callers connect to the socket and ask for what they want: create, start, exec, attach, wait and so on. The protocol, and a client for it in Go, are in docs/monitor.md.",
}

var serveExamples = []example{
	{"In the background; when this returns, callers may come:", "stave-monitor serve --socket /run/pod1.sock"},
}

func help() []byte {
	var b bytes.Buffer
	b.WriteString("stave-monitor: stay with a container: its output, its log, its end\n")
	b.WriteString("\nUsage:\n  stave-monitor [options]\n  stave-monitor serve --socket PATH [options]\n")
	options(&b, table.Table)
	b.WriteString("\nExamples:\n")
	for _, e := range examples {
		fmt.Fprintf(&b, "  %s\n      %s\n", e.why, e.line)
	}
	b.WriteString("\n" + wrap("The command line is conmon's; what callers of conmon rely on holds. With serve, one process is the monitor of a whole pod: "+
		"see stave-monitor serve --help. Manual: stave-monitor(8).", 0))
	return b.Bytes()
}

func serveHelp() []byte {
	var b bytes.Buffer
	b.WriteString("stave-monitor serve: stay with all containers of a pod\n")
	b.WriteString("\nUsage:\n  stave-monitor serve --socket PATH [options]\n\n")
	for _, p := range serveDescription {
		b.WriteString(wrap(p, 0))
	}
	options(&b, table.ServeTable)
	b.WriteString("\nExamples:\n")
	for _, e := range serveExamples {
		fmt.Fprintf(&b, "  %s\n      %s\n", e.why, e.line)
	}
	return b.Bytes()
}

// options lists flags under their headings.
func options(b *bytes.Buffer, list []table.Flag) {
	for _, group := range groups(list) {
		fmt.Fprintf(b, "\n%s:\n", group)
		for _, f := range list {
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
}

// groups gives the headings in the order of the table.
func groups(list []table.Flag) (out []string) {
	for _, f := range list {
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
