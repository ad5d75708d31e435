// Package trace keeps and draws the timeline of a plan in execution.
//
// # What
//
// The parent notes the time after each of its steps, the child after each of
// its system calls, into the page that both share. A trace file is text: a
// header line, then a line for each step with tabs between number, actor,
// begin, end, name and field.
//
// # Units
//
// Nanoseconds since the first step of the plan.
//
// # Errors
//
// Parse names the line that it does not understand.
package trace

import (
	"strconv"
	"strings"

	"stave/libct"
	"stave/specs"
)

// Span is the time of one step.
type Span struct {
	N           int
	Actor       string
	Begin, End  int64
	Name, Field string
}

// Trace is a timeline.
type Trace struct {
	Verb, ID string
	Of       int // steps in the plan
	Spans    []Span
}

const header = "stave-trace 1"

// maxTime is some twelve days: more than any step, and little enough to be
// drawn without an overflow.
const maxTime = 1 << 50

// Append writes the trace file of an execution.
func Append(b []byte, c *libct.Create) []byte {
	b = append(b, header+"\t"+c.Req.Verb+"\t"+c.Req.ID+"\t"+strconv.Itoa(len(c.Plan.Steps))+"\n"...)
	for _, s := range c.Timeline() {
		b = append(b, strconv.Itoa(s.N)+"\t"+s.Step.Actor.String()+"\t"+strconv.FormatInt(s.Begin-c.Begun, 10)+"\t"+
			strconv.FormatInt(s.End-c.Begun, 10)+"\t"+s.Step.Name+"\t"+s.Step.Field+"\n"...)
	}
	return b
}

// Parse reads a trace file.
func Parse(text string) (*Trace, error) {
	t := &Trace{}
	for n, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		f := strings.Split(line, "\t")
		bad := &specs.Error{Problem: "line " + strconv.Itoa(n+1) + " is no line of a trace", Hint: "traces are made with --trace of create, run and exec", Kind: specs.ErrInvalid}
		var err error
		if n == 0 {
			if len(f) != 4 || f[0] != header {
				return nil, bad
			}
			t.Verb, t.ID = f[1], f[2]
			if t.Of, err = strconv.Atoi(f[3]); err != nil {
				return nil, bad
			}
			continue
		}
		if len(f) != 6 {
			return nil, bad
		}
		s := Span{Actor: f[1], Name: f[4], Field: f[5]}
		var e1, e2, e3 error
		s.N, e1 = strconv.Atoi(f[0])
		s.Begin, e2 = strconv.ParseInt(f[2], 10, 64)
		s.End, e3 = strconv.ParseInt(f[3], 10, 64)
		if e1 != nil || e2 != nil || e3 != nil || s.Begin < 0 || s.End < s.Begin || s.End > maxTime || s.Actor != "parent" && s.Actor != "child" {
			return nil, bad
		}
		t.Spans = append(t.Spans, s)
	}
	return t, nil
}

// Total is the time from the first step to the end of the last.
func (t *Trace) Total() (end int64) {
	for _, s := range t.Spans {
		end = max(end, s.End)
	}
	return end
}

// microseconds writes ns with one decimal.
func microseconds(ns int64) string {
	return strconv.FormatInt(ns/1000, 10) + "." + strconv.FormatInt(ns/100%10, 10)
}

func pad(s string, width int) string {
	if len(s) < width {
		return strings.Repeat(" ", width-len(s)) + s
	}
	return s
}

// Text draws the timeline with a bar for each step.
func Text(b []byte, t *Trace) []byte {
	const width = 40
	total := max(t.Total(), 1)
	b = append(b, t.Verb+" "+t.ID+": "+strconv.Itoa(len(t.Spans))+" of "+strconv.Itoa(t.Of)+" steps timed, "+microseconds(total)+" µs from the first to the last\n\n"...)
	b = append(b, "    begin µs   took µs\n"...)
	for _, s := range t.Spans {
		from, to := int(s.Begin*width/total), int(s.End*width/total)
		bar := strings.Repeat(" ", from) + strings.Repeat("#", max(to-from, 1))
		b = append(b, pad(microseconds(s.Begin), 12)+pad(microseconds(s.End-s.Begin), 10)+" "+strings.ToUpper(s.Actor[:1])+" |"...)
		b = append(b, bar...)
		b = append(b, strings.Repeat(" ", max(width+1-len(bar), 0))+"| "+s.Name+"\n"...)
	}
	return b
}

// Chrome writes the format of chrome://tracing and Perfetto.
func Chrome(b []byte, t *Trace) []byte {
	b = append(b, `{"displayTimeUnit":"ns","traceEvents":[`...)
	for i, s := range t.Spans {
		if i > 0 {
			b = append(b, ',')
		}
		tid := "1"
		if s.Actor == "child" {
			tid = "2"
		}
		b = specs.AppendString(append(b, `{"ph":"X","pid":1,"tid":`+tid+`,"cat":"`+s.Actor+`","name":`...), s.Name)
		b = append(b, `,"ts":`+fraction(s.Begin)+`,"dur":`+fraction(s.End-s.Begin)+`,"args":{"n":`+strconv.Itoa(s.N)+`,"field":`...)
		b = append(specs.AppendString(b, s.Field), "}}"...)
	}
	return append(b, "]}\n"...)
}

// fraction writes ns as microseconds with three decimals, as the format wants.
func fraction(ns int64) string {
	d := strconv.FormatInt(ns%1000, 10)
	return strconv.FormatInt(ns/1000, 10) + "." + strings.Repeat("0", 3-len(d)) + d
}

// SVG draws parent and child as two lanes, with the steps below each other.
func SVG(b []byte, t *Trace) []byte {
	const left, wide, row = 260, 900, 16
	total := max(t.Total(), 1)
	height := row*(len(t.Spans)+3) + 20
	x := func(ns int64) string { return fraction(left*1000 + ns*wide*1000/total) }
	b = append(b, `<svg xmlns="http://www.w3.org/2000/svg" width="`+strconv.Itoa(left+wide+120)+`" height="`+strconv.Itoa(height)+
		`" font-family="sans-serif" font-size="11">`+"\n"+`<rect width="100%" height="100%" fill="white"/>`+"\n"...)
	b = append(b, `<text x="8" y="18" font-size="13">`+escape(t.Verb+" "+t.ID)+`: `+microseconds(total)+` µs, parent blue, child orange</text>`+"\n"...)
	for i := int64(0); i <= 10; i++ {
		at := total * i / 10
		b = append(b, `<line x1="`+x(at)+`" x2="`+x(at)+`" y1="26" y2="`+strconv.Itoa(height)+`" stroke="#ddd"/><text x="`+x(at)+`" y="36" fill="#666">`+microseconds(at)+`</text>`+"\n"...)
	}
	for i, s := range t.Spans {
		y := strconv.Itoa(row*(i+2) + 12)
		fill := "#3b76b0"
		if s.Actor == "child" {
			fill = "#d9822b"
		}
		w := max((s.End-s.Begin)*wide*1000/total, 600)
		b = append(b, `<g><title>`+escape(strconv.Itoa(s.N)+" "+s.Name+" "+s.Field+": "+microseconds(s.End-s.Begin)+" µs")+`</title>`+
			`<text x="`+strconv.Itoa(left-8)+`" y="`+strconv.Itoa(row*(i+2)+22)+`" text-anchor="end">`+escape(s.Name)+`</text>`+
			`<rect x="`+x(s.Begin)+`" y="`+y+`" width="`+fraction(w)+`" height="12" fill="`+fill+`"/></g>`+"\n"...)
	}
	return append(b, "</svg>\n"...)
}

func escape(s string) string {
	// XML 1.0 has no way to write other control characters.
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0xfffe || r == 0xffff {
			return '?'
		}
		return r
	}, s)
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)
}
