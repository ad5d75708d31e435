package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	table "stave/cmd/stave/cli"
)

// The width of help, and the widest column of flags before their texts.
const (
	width     = 92
	flagWidth = 30
)

// helpTexts asks urfave's application for --help of each verb and lays the answer out.
func helpTexts() (map[string][]byte, error) {
	files := map[string][]byte{}
	defer func(printer func(io.Writer, string, any)) { cli.HelpPrinter = printer }(cli.HelpPrinter)
	var page []byte
	cli.HelpPrinter = func(_ io.Writer, _ string, data any) {
		switch d := data.(type) {
		case *cli.App:
			page = appHelp(d)
		case *cli.Command:
			page = verbHelp(d)
		}
	}
	for _, words := range append([][]string{{"stave", "--help"}}, verbs("--help")...) {
		page = nil
		if err := app(nil).Run(words); err != nil {
			return nil, err
		}
		if page == nil {
			return nil, fmt.Errorf("%v printed no help", words)
		}
		name := words[1]
		if name == "--help" {
			name = "stave"
		}
		files[name+".txt"] = page
	}
	return files, nil
}

func verbs(word string) (out [][]string) {
	for _, c := range table.Commands {
		out = append(out, []string{"stave", c.Name, word})
	}
	return out
}

func appHelp(a *cli.App) []byte {
	var b bytes.Buffer
	b.WriteString("stave: run OCI containers, and show what they are: a program of system calls\n")
	b.WriteString("\nUsage:\n  stave [options] VERB [options of the verb] [arguments]\n")
	var groups []string
	unsupported := "Known, but not supported"
	section := map[string][]*cli.Command{}
	for _, c := range a.Commands {
		if c.Hidden {
			continue
		}
		group := c.Category
		if table.Lookup(c.Name).Unsupported != "" {
			group = unsupported
		}
		if section[group] == nil {
			groups = append(groups, group)
		}
		section[group] = append(section[group], c)
	}
	for _, group := range groups {
		fmt.Fprintf(&b, "\n%s:\n", group)
		for _, c := range section[group] {
			fmt.Fprintf(&b, "  %-12s%s\n", c.Name, c.Usage)
		}
	}
	flagSections(&b, table.Globals, "Options")
	b.WriteString("\nExamples:\n")
	for _, e := range firstExamples {
		example(&b, e)
	}
	b.WriteString("\n")
	b.WriteString(wrap("stave VERB --help tells more of a verb; stave(8) and stave-VERB(8) are the manual. On runc's command line stave does what runc does.", 0, 0))
	return b.Bytes()
}

// firstExamples are the shortest way from nothing to a container.
var firstExamples = []table.Example{
	{Why: "What does the bundle in this directory ask the kernel for?", Line: "stave explain"},
	{Why: "Run it:", Line: "stave run box"},
	{Why: "Run it in steps:", Line: "stave create box && stave start box && stave state box && stave delete --force box"},
}

func verbHelp(c *cli.Command) []byte {
	var b bytes.Buffer
	t := table.Lookup(c.Name)
	fmt.Fprintf(&b, "stave %s: %s\n\nUsage:\n", t.Name, t.Usage)
	for _, line := range synopsis(t) {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	if t.Unsupported != "" {
		fmt.Fprintf(&b, "\nNot supported: %s.\n", t.Unsupported)
	}
	for _, p := range paragraphs(t.Description) {
		b.WriteString("\n" + p)
	}
	flagSections(&b, append(slices.Clone(t.Flags), table.Flag{Name: "help", Short: "h", Usage: "show this help"}), "Options")
	b.WriteString("\nExamples:\n")
	for _, e := range t.Examples {
		example(&b, e)
	}
	if len(t.ExitStatus) > 0 {
		b.WriteString("\nExit status:\n")
		for _, s := range t.ExitStatus {
			b.WriteString("  " + pad(s.Term, 10) + wrap(s.Meaning, 12, 12))
		}
	}
	fmt.Fprintf(&b, "\nOptions such as --root stand before the verb: stave --help. Manual: stave-%s(8).\n", t.Name)
	return b.Bytes()
}

// synopsis gives the lines of usage; a | in ArgsUsage divides two.
func synopsis(t *table.Command) (out []string) {
	for _, args := range strings.Split(t.ArgsUsage, " | ") {
		if strings.HasPrefix(args, "--") {
			out = append(out, strings.TrimSpace("stave "+t.Name+" "+args))
			continue
		}
		out = append(out, strings.TrimSpace("stave "+t.Name+" [options] "+args))
	}
	return out
}

func example(b *bytes.Buffer, e table.Example) {
	fmt.Fprintf(b, "  %s\n", e.Why)
	fmt.Fprintf(b, "      %s\n", e.Line)
}

// flagSections writes the visible flags under their headings, in the order of the table.
func flagSections(b *bytes.Buffer, list []table.Flag, first string) {
	column := 0
	for _, f := range list {
		if !f.Hidden {
			column = max(column, min(utf8.RuneCountInString(head(f))+4, flagWidth))
		}
	}
	for _, group := range groups(list) {
		heading := group
		if heading == "" {
			heading = first
		}
		fmt.Fprintf(b, "\n%s:\n", heading)
		for _, f := range list {
			if f.Group != group || f.Hidden {
				continue
			}
			h := "  " + head(f)
			if utf8.RuneCountInString(h)+2 > column {
				b.WriteString(h + "\n" + strings.Repeat(" ", column))
			} else {
				b.WriteString(pad(h, column))
			}
			b.WriteString(wrap(usageOf(f), column, column))
		}
	}
}

// groups gives the headings with a visible flag in order of appearance; the plain options come first.
func groups(list []table.Flag) []string {
	out := []string{""}
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

func usageOf(f table.Flag) string {
	if f.Default == "" {
		return f.Usage
	}
	return f.Usage + " (default: " + f.Default + ")"
}

// paragraphs wraps a description; indented ones stay as they are.
func paragraphs(text string) (out []string) {
	for _, p := range strings.Split(text, "\n\n") {
		if strings.HasPrefix(p, "    ") {
			out = append(out, p+"\n")
		} else if p != "" {
			out = append(out, wrap(p, 0, 0))
		}
	}
	return out
}

// wrap breaks text into lines of at most width columns, of which the first
// begins at column at; the others are indented.
func wrap(text string, at, indent int) string {
	var b strings.Builder
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		if i > 0 && at+1+n > width {
			b.WriteString("\n" + strings.Repeat(" ", indent))
			at = indent
		} else if i > 0 {
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += n
	}
	b.WriteByte('\n')
	return b.String()
}

func pad(s string, n int) string {
	return s + strings.Repeat(" ", max(n-utf8.RuneCountInString(s), 1))
}
