package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	table "stave/cmd/stave/cli"
)

// manPages adds man/stave.8 and a page for each verb, in the macros of man(7).
func manPages(files map[string][]byte) {
	files["man/stave.8"] = manApp()
	for i := range table.Commands {
		c := &table.Commands[i]
		files["man/stave-"+c.Name+".8"] = manVerb(c)
	}
}

// roff collects lines of a page.
type roff struct{ bytes.Buffer }

// escape makes text safe wherever it stands: a dash that is typed is a minus, and
// a dot or quote at the start of a line is no request.
func escape(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, "–", `\(en`, "…", `\(el`).Replace(s)
	if strings.HasPrefix(s, ".") {
		s = `\&` + s
	}
	return s
}

func (r *roff) title(name, what string) {
	fmt.Fprintf(r, ".TH %s 8 \"\" \"stave\" \"System Administration\"\n.nh\n.ad l\n", escape(strings.ToUpper(name)))
	r.heading("NAME")
	r.line(name + " - " + what)
}

func (r *roff) heading(s string) { fmt.Fprintf(r, ".SH %s\n", s) }

func (r *roff) line(s string) { fmt.Fprintf(r, "%s\n", escape(s)) }

// paragraph writes text that is filled, or lines that are not.
func (r *roff) paragraph(p string) {
	if strings.HasPrefix(p, "    ") {
		r.literal(strings.ReplaceAll(strings.TrimPrefix(p, "    "), "\n    ", "\n"))
		return
	}
	r.WriteString(".PP\n")
	r.line(strings.ReplaceAll(p, "\n", " "))
}

func (r *roff) literal(s string) {
	r.WriteString(".PP\n.RS 4\n.nf\n")
	for line := range strings.SplitSeq(s, "\n") {
		r.line(line)
	}
	r.WriteString(".fi\n.RE\n")
}

// term writes a definition: bold, then its meaning.
func (r *roff) term(term, meaning string) {
	fmt.Fprintf(r, ".TP\n.B %s\n", escape(term))
	r.line(meaning)
}

func (r *roff) flags(list []table.Flag, help bool) {
	if help {
		list = append(slices.Clone(list), table.Flag{Name: "help", Short: "h", Usage: "show help"})
	}
	all := groups(list)
	for _, group := range all {
		if group != "" {
			fmt.Fprintf(r, ".SS %s\n", group)
		}
		for _, f := range list {
			if f.Group != group || f.Hidden {
				continue
			}
			name := `\fB` + escape("--"+f.Name) + `\fR`
			if f.Short != "" {
				name = `\fB` + escape("-"+f.Short) + `\fR, ` + name
			}
			if f.Value != "" {
				name += ` \fI` + escape(f.Value) + `\fR`
			}
			usage := usageOf(f)
			fmt.Fprintf(r, ".TP\n%s\n", name)
			r.line(strings.ToUpper(usage[:1]) + usage[1:] + ".")
		}
	}
}

func (r *roff) examples(list []table.Example) {
	r.heading("EXAMPLES")
	for _, e := range list {
		r.paragraph(e.Why)
		r.literal(e.Line)
	}
}

func (r *roff) list(heading string, entries ...table.Status) {
	r.heading(heading)
	for _, e := range entries {
		r.term(e.Term, e.Meaning)
	}
}

func (r *roff) seeAlso(except string) {
	r.heading("SEE ALSO")
	pages := []string{}
	if except != "" {
		pages = append(pages, "stave")
	}
	for _, c := range table.Commands {
		if c.Name != except {
			pages = append(pages, "stave-"+c.Name)
		}
	}
	for i, p := range pages {
		end := ","
		if i == len(pages)-1 {
			end = ""
		}
		fmt.Fprintf(r, ".BR %s (8)%s\n", escape(p), end)
	}
	r.WriteString(".PP\n")
	r.line("The OCI runtime specification: https://github.com/opencontainers/runtime-spec")
}

func manApp() []byte {
	r := &roff{}
	r.title("stave", "run OCI containers, and show what they are")
	r.heading("SYNOPSIS")
	fmt.Fprintf(r, ".B stave\n[options] \\fIVERB\\fR [options of the verb] [arguments]\n")
	r.heading("DESCRIPTION")
	for _, p := range appDescription {
		r.paragraph(p)
	}
	r.heading("VERBS")
	for _, c := range table.Commands {
		meaning := strings.ToUpper(c.Usage[:1]) + c.Usage[1:] + "."
		if c.Unsupported != "" {
			meaning += " Not supported: " + c.Unsupported + "."
		}
		r.term(c.Name, meaning)
	}
	r.heading("OPTIONS")
	r.flags(table.Globals, false)
	r.examples(firstExamples)
	r.list("EXIT STATUS", table.ExitStatus...)
	r.list("FILES", table.Files...)
	r.list("ENVIRONMENT", table.Environment...)
	r.seeAlso("")
	return r.Bytes()
}

var appDescription = []string{
	`A container is a process that a list of system calls has set up: namespaces, mounts, a root, limits, credentials. stave compiles the config.json of a bundle into that list. It can print it (explain), run it (create, run, exec), and time it (trace).`,
	`stave has the command line of runc and prints what runc prints, so that engines can use the one for the other.`,
	`Options of stave stand before the verb. Options of a verb may stand before or after its arguments; for exec and ps they stand before the first argument, because what follows belongs to another program. A word -- ends the options.`,
	`An error is one line that names the step, the field of config.json that asked for it, the system call and its errno. With --log-format json these are fields of their own.`,
}

func manVerb(c *table.Command) []byte {
	r := &roff{}
	r.title("stave-"+c.Name, c.Usage)
	r.heading("SYNOPSIS")
	for i, line := range synopsis(c) {
		if i > 0 {
			r.WriteString(".br\n")
		}
		rest := strings.TrimSpace(strings.TrimPrefix(line, "stave "+c.Name))
		fmt.Fprintf(r, ".B %s\n", escape("stave "+c.Name))
		if rest != "" {
			r.line(rest)
		}
	}
	r.heading("DESCRIPTION")
	if c.Unsupported != "" {
		r.paragraph("Not supported: " + c.Unsupported + ".")
	}
	for p := range strings.SplitSeq(c.Description, "\n\n") {
		r.paragraph(p)
	}
	r.heading("OPTIONS")
	r.paragraph("Options such as --root and --log stand before the verb; see stave(8).")
	r.flags(c.Flags, true)
	r.examples(c.Examples)
	status := table.ExitStatus[:2]
	if len(c.ExitStatus) > 0 {
		status = c.ExitStatus
	}
	r.list("EXIT STATUS", status...)
	r.list("FILES", append(slices.Clone(table.Files), c.Files...)...)
	r.list("ENVIRONMENT", table.Environment...)
	r.seeAlso(c.Name)
	return r.Bytes()
}
