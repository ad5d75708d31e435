package trace

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"stave/libct"
	"stave/specs"
)

// nasty are names that a configuration may bring into a step.
var nasty = []string{"mount /proc", "mount /a b", `mount /"<&>'\`, "mount /ü/日本", "mount /\xff\xfe", "mount /]]>", "", "mount /\u2028"}

func sample() *Trace {
	t := &Trace{Verb: "run", ID: "box1", Of: 20}
	at := int64(0)
	for i, name := range nasty {
		s := Span{N: i + 1, Actor: []string{"parent", "child"}[i%2], Begin: at, End: at + int64(i)*12345 + 1, Name: name, Field: "/mounts/" + strconv.Itoa(i)}
		t.Spans = append(t.Spans, s)
		at = s.End
	}
	return t
}

// file writes a trace as Append does.
func file(t *Trace) string {
	out := header + "\t" + t.Verb + "\t" + t.ID + "\t" + strconv.Itoa(t.Of) + "\n"
	for _, s := range t.Spans {
		out += strings.Join([]string{strconv.Itoa(s.N), s.Actor, strconv.FormatInt(s.Begin, 10), strconv.FormatInt(s.End, 10), s.Name, s.Field}, "\t") + "\n"
	}
	return out
}

// What Append writes, Parse reads.
func TestRoundTrip(t *testing.T) {
	plan := &libct.Plan{}
	for _, name := range nasty {
		plan.Steps = append(plan.Steps, libct.Step{Name: name, Field: "/f"})
	}
	c := &libct.Create{Plan: plan, Req: &libct.Request{Verb: "create", ID: "a+b.c"}, Begun: 1000}
	for i := range plan.Steps {
		c.Finished = append(c.Finished, 1000+int64(i*i)*100)
	}
	c.Finished[0] = 1001
	text := string(Append(nil, c))
	got, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if got.Verb != "create" || got.ID != "a+b.c" || got.Of != len(nasty) || len(got.Spans) != len(nasty) {
		t.Errorf("%+v", got)
	}
	for i, s := range got.Spans {
		if s.Name != nasty[i] || s.N != i+1 || s.Actor != "parent" || s.Field != "/f" || i > 1 && s.End != int64(i*i)*100 {
			t.Errorf("%+v", s)
		}
		if i > 0 && s.Begin != got.Spans[i-1].End {
			t.Errorf("span %d does not begin where the one before ends", i)
		}
	}
	if file(got) != text {
		t.Errorf("%s\nnot\n%s", file(got), text)
	}
	if got.Total() != got.Spans[len(nasty)-1].End {
		t.Error(got.Total())
	}
}

// A step that has not run has no span.
func TestUnfinished(t *testing.T) {
	c := &libct.Create{Plan: &libct.Plan{Steps: []libct.Step{{Name: "a"}, {Name: "b"}}}, Req: &libct.Request{Verb: "run", ID: "x"}, Begun: 5, Finished: []int64{9, 0}}
	got, err := Parse(string(Append(nil, c)))
	if err != nil || len(got.Spans) != 1 || got.Of != 2 || got.Spans[0].End != 4 {
		t.Errorf("%+v %v", got, err)
	}
}

func TestParseRefuses(t *testing.T) {
	good := header + "\trun\tx\t3\n"
	if _, err := Parse(good); err != nil {
		t.Error(err)
	}
	for text, line := range map[string]string{
		"": "line 1", "x": "line 1", "stave-trace 2\trun\tx\t3": "line 1", header + "\trun\tx\t3\t4": "line 1", header + "\trun\tx\ty": "line 1",
		good + "\n1\tparent\t1\t2\ta\t": "line 2", good + "1\tparent\t1\t2\ta": "line 2", good + "1\tnobody\t1\t2\ta\t/": "line 2",
		good + "1\tparent\t2\t1\ta\t/": "line 2", good + "1\tparent\t1\t2\ta\t/\nx": "line 3", good + "1\tparent\t1.5\t2\ta\t/": "line 2",
		good + "1\tparent\t1\t99999999999999999999\ta\t/": "line 2",
	} {
		_, err := Parse(text)
		e := new(specs.Error)
		if !errors.As(err, &e) || !strings.HasPrefix(e.Problem, line+" ") || e.Kind != specs.ErrInvalid {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Times that no clock gives are refused, or at least drawn: a trace is a file,
// and who reads it has not written it.
func TestOddTimes(t *testing.T) {
	for _, times := range [][2]int64{{-5, 3}, {-5000, -4001}, {-999, 5}, {math.MinInt64, math.MaxInt64}, {math.MaxInt64 - 1, math.MaxInt64}, {1 << 60, 1 << 61}, {0, 1 << 62}, {0, 0}} {
		text := header + "\trun\tx\t3\n1\tparent\t" + strconv.FormatInt(times[0], 10) + "\t" + strconv.FormatInt(times[1], 10) + "\ta\t/\n2\tchild\t1\t2\tb\t/\n"
		func() {
			defer func() {
				if r := recover(); r != nil {
					t.Errorf("%v: panic: %v", times, r)
				}
			}()
			if tr, err := Parse(text); err == nil {
				drawn(t, tr)
			}
		}()
	}
}

// Characters that XML cannot hold, in a name that a configuration may give.
func TestControlCharacters(t *testing.T) {
	for _, name := range []string{"mount /\x01", "mount /\x1b[31m", "mount /\ufffe"} {
		drawn(t, &Trace{Spans: []Span{{N: 1, Actor: "child", End: 1, Name: name}}})
	}
}

// sane leaves to the two tests above what they are about.
func sane(tr *Trace) bool {
	for _, s := range tr.Spans {
		if s.Begin < 0 || s.End > 1<<40 {
			return false
		}
		for _, r := range s.Name + s.Field {
			if r < ' ' || r == 0xfffe || r == 0xffff {
				return false
			}
		}
	}
	for _, r := range tr.Verb + tr.ID {
		if r < ' ' || r == 0xfffe || r == 0xffff {
			return false
		}
	}
	return len(tr.Spans) < 50
}

func wellFormed(data []byte) error {
	d := xml.NewDecoder(strings.NewReader(string(data)))
	d.Strict = true
	for {
		if _, err := d.Token(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

type chrome struct {
	TraceEvents []struct {
		Ph, Cat, Name string
		Pid, Tid      int
		Ts, Dur       float64
		Args          struct {
			N     int
			Field string
		}
	}
}

// drawn draws a trace in all formats and looks at their form.
func drawn(t *testing.T, tr *Trace) (text, svg string, c chrome) {
	t.Helper()
	text, svg = string(Text(nil, tr)), string(SVG(nil, tr))
	if err := wellFormed([]byte(svg)); err != nil {
		t.Errorf("SVG: %v", err)
	}
	d := json.NewDecoder(strings.NewReader(string(Chrome(nil, tr))))
	if err := d.Decode(&c); err != nil {
		t.Errorf("Chrome: %v", err)
	}
	return text, svg, c
}

func TestDraw(t *testing.T) {
	tr := sample()
	text, svg, c := drawn(t, tr)
	if len(c.TraceEvents) != len(tr.Spans) {
		t.Fatalf("%d events of %d spans", len(c.TraceEvents), len(tr.Spans))
	}
	for i, e := range c.TraceEvents {
		s := tr.Spans[i]
		if e.Ph != "X" || e.Cat != s.Actor || e.Tid != 1+i%2 || e.Args.N != s.N || e.Args.Field != s.Field ||
			math.Abs(e.Ts*1000-float64(s.Begin)) > 0.5 || math.Abs(e.Dur*1000-float64(s.End-s.Begin)) > 0.5 {
			t.Errorf("%+v of %+v", e, s)
		}
		if i < 4 && e.Name != s.Name {
			t.Errorf("%q, not %q", e.Name, s.Name)
		}
	}
	if n := strings.Count(svg, "<rect x="); n != len(tr.Spans) {
		t.Errorf("%d bars", n)
	}
	if lines := strings.Count(text, "\n"); lines != len(tr.Spans)+3 {
		t.Errorf("%d lines:\n%s", lines, text)
	}
	if !strings.Contains(text, "run box1: 8 of 20 steps timed") {
		t.Error(text)
	}
	// All bars end at the same column.
	column := -1
	for _, l := range strings.Split(text, "\n") {
		if i := strings.LastIndex(l, "| "); strings.Contains(l, " |") {
			if column >= 0 && i != column {
				t.Errorf("ragged: %q", l)
			}
			column = i
		}
	}
	// Drawing appends, and changes nothing.
	if !strings.HasPrefix(string(Text([]byte("x"), tr)), "x") || !reflect.DeepEqual(tr, sample()) {
		t.Error("drawing changes the trace")
	}
	drawn(t, &Trace{})
}

func TestUnits(t *testing.T) {
	for ns, want := range map[int64][2]string{0: {"0.0", "0.000"}, 999: {"0.9", "0.999"}, 1000: {"1.0", "1.000"}, 1050: {"1.0", "1.050"}, 12345678: {"12345.6", "12345.678"}} {
		if microseconds(ns) != want[0] || fraction(ns) != want[1] {
			t.Errorf("%d: %s %s", ns, microseconds(ns), fraction(ns))
		}
	}
}

// FuzzParse: no text makes the reader or the drawers panic, and what was read
// can be written and read again.
func FuzzParse(f *testing.F) {
	f.Add(file(sample()))
	f.Add(header + "\trun\tx\t3\n")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		tr, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(file(tr))
		if err != nil || !reflect.DeepEqual(tr, again) {
			t.Errorf("%+v\n%+v %v", tr, again, err)
		}
		if sane(tr) {
			drawn(t, tr)
		}
	})
}
