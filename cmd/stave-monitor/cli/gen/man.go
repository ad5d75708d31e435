package main

import (
	"bytes"
	"fmt"
	"strings"

	table "stave/cmd/stave-monitor/cli"
)

// roff collects lines of a page in the macros of man(7).
type roff struct{ bytes.Buffer }

// escape makes text safe wherever it stands: a dash that is typed is a minus, and
// a dot or quote at the start of a line is no request.
func escape(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, "–", `\(en`).Replace(s)
	if strings.HasPrefix(s, ".") {
		s = `\&` + s
	}
	return s
}

func (r *roff) heading(s string)   { fmt.Fprintf(r, ".SH %s\n", s) }
func (r *roff) line(s string)      { fmt.Fprintf(r, "%s\n", escape(s)) }
func (r *roff) paragraph(s string) { r.WriteString(".PP\n"); r.line(s) }

func (r *roff) term(term, meaning string) {
	fmt.Fprintf(r, ".TP\n.B %s\n", escape(term))
	r.line(meaning)
}

var description = []string{
	"stave-monitor calls an OCI runtime to create a container, or to run a process in one, and stays until that ends. It holds the other ends of its streams, writes what it prints to its log, serves clients that attach, changes the size of its terminal, and puts on record how it ended.",
	"Its command line, pipes, files and sockets are those of conmon(8), so that Podman and CRI-O can use the one for the other. Where conmon loses output, blocks the container for a slow client or reports 0 for what it does not know, stave-monitor does not.",
	"Without --sync it goes to the background: the process that was called ends as soon as the monitor is on its way. Words that are no options are ignored.",
}

var files = [][2]string{
	{"BUNDLE/attach", "Socket (SOCK_SEQPACKET). What is sent to it is input; what comes from it is output, in messages whose first byte is 2 for standard output or the terminal and 3 for standard error. A client that falls more than 1 MiB behind is told so and cut off."},
	{"BUNDLE/ctl", "Fifo. A line 1 HEIGHT WIDTH sets the size of the terminal; a line 2 0 0 begins new log files, after the old ones have been moved away."},
	{"BUNDLE/winsz", "Fifo. A line HEIGHT WIDTH sets the size of the terminal."},
	{"BUNDLE/exit.json", "How it ended: exit status, signal, whether memory ran out, when. Complete when it is there."},
	{"STATE/ID/exit.json, STATE/ID/EXEC.exit.json", "With serve: how containers and execs ended, until they are removed."},
	{"BUNDLE/oom, PERSIST/oom", "There if the kernel killed in the container for want of memory."},
	{"EXITDIR/ID, PERSIST/exit", "The exit status in decimal: 0–255, 128 and the number of the signal, or -1 if it is not known or the time was up."},
}

var environment = [][2]string{
	{"_OCI_STARTPIPE", "A descriptor in decimal. The monitor begins when something comes from it, or its end."},
	{"_OCI_SYNCPIPE", "A descriptor in decimal. It is told the process id, the exit status of an exec, and errors, as JSON objects."},
	{"_OCI_ATTACHPIPE", "A descriptor in decimal. With --exec-attach it is told that clients may attach."},
	{"LISTEN_PID", "If it is the monitor, the runtime gets its own; sd_listen_fds(3)."},
	{"TMPDIR", "Where the socket is made through which the runtime hands over the terminal."},
	{"TZ", "The time zone of the log."},
}

var status = [][2]string{
	{"0–255", "With --sync, and otherwise for whoever adopts it: the container's exit status; 255 if it is not known or the time was up."},
	{"1", "Also: an error. The last line says which. Errors of the runtime are told on the sync pipe only."},
}

var serveManual = []string{
	"The socket has mode 0600, and whoever connects must be of the same user or root. A socket that was left over is replaced; a second monitor for a socket that is served is refused. Without --sync the process that was called ends with status 0 as soon as callers may come, and with 1 and a message if that cannot be.",
	"SIGTERM ends the monitor if nothing runs in its pod, and is ignored otherwise. When it ends, records that nobody has removed stay in the state directory.",
}

// options lists flags under their headings.
func (r *roff) options(list []table.Flag) {
	for _, group := range groups(list) {
		fmt.Fprintf(r, ".SS %s\n", escape(group))
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
			fmt.Fprintf(r, ".TP\n%s\n", name)
			text := usage(f)
			r.line(strings.ToUpper(text[:1]) + text[1:] + ".")
		}
	}
}

func man() []byte {
	r := &roff{}
	r.WriteString(".TH STAVE\\-MONITOR 8 \"\" \"stave\" \"System Administration\"\n.nh\n.ad l\n")
	r.heading("NAME")
	r.line("stave-monitor - stay with a container: its output, its log, its end")
	r.heading("SYNOPSIS")
	fmt.Fprintf(r, ".B %s\n[options]\n", escape("stave-monitor"))
	r.heading("DESCRIPTION")
	for _, p := range description {
		r.paragraph(p)
	}
	r.heading("OPTIONS")
	r.options(table.Table)
	r.heading("SERVE")
	fmt.Fprintf(r, ".B %s\n[options]\n", escape("stave-monitor serve --socket PATH"))
	for _, p := range append(serveDescription, serveManual...) {
		r.paragraph(p)
	}
	r.options(table.ServeTable)
	r.heading("EXAMPLES")
	for _, e := range append(examples, serveExamples...) {
		r.paragraph(e.why)
		r.WriteString(".PP\n.RS 4\n.nf\n")
		r.line(e.line)
		r.WriteString(".fi\n.RE\n")
	}
	for _, s := range []struct {
		name string
		list [][2]string
	}{{"EXIT STATUS", status}, {"FILES", files}, {"ENVIRONMENT", environment}} {
		r.heading(s.name)
		for _, e := range s.list {
			r.term(e[0], e[1])
		}
	}
	r.heading("SEE ALSO")
	r.WriteString(".BR stave (8),\n.BR conmon (8)\n")
	return r.Bytes()
}
