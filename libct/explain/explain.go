// Package explain prints a plan for people and for programs.
//
// # What
//
// Text: one block for each step, its number, actor, name and field, why it is
// there, and its system calls with their arguments. Steps: one line each, the
// names by which errors, timelines and faults know them. JSON: the same data.
//
// # Sources
//
// The plan itself, libct.Plan; nothing here knows what a container is.
package explain

import (
	"strconv"
	"strings"

	"stave/libct"
	"stave/specs"
)

// Style chooses how much Text says.
type Style struct {
	Short bool // no reasons and no system calls of steps that only the host sees
}

// Steps lists the plan, a line for each step: number, actor, name, field,
// between tabs; then the points of the verbs that have no plan.
func Steps(b []byte, plan *libct.Plan) []byte {
	for i := range plan.Steps {
		s := &plan.Steps[i]
		if s.Stub {
			continue // no step of ours to fail or die at
		}
		b = strconv.AppendInt(b, int64(i+1), 10)
		b = append(b, '\t')
		b = append(b, s.Actor.String()...)
		b = append(b, '\t')
		b = append(b, s.Name...)
		b = append(b, '\t')
		b = append(b, s.Field...)
		b = append(b, '\n')
	}
	for i, p := range libct.Points {
		b = strconv.AppendInt(b, int64(len(plan.Steps)+i+1), 10)
		b = append(b, "\tparent\t"+p.Name+"\t\n"...)
	}
	return b
}

// Text prints the plan to be read from top to bottom.
func Text(b []byte, p *libct.Plan, style Style) []byte {
	calls := 0
	for i := range p.Steps {
		calls += len(lines(p, &p.Steps[i]))
	}
	b = append(b, "A container in "+strconv.Itoa(len(p.Steps))+" steps and about "+strconv.Itoa(calls)+" system calls.\n"...)
	b = append(b, "P: the parent, stave on the host.  C: the child, which becomes the container.\n\n"...)
	width := len(strconv.Itoa(len(p.Steps)))
	for i := range p.Steps {
		b = step(b, p, i, width, style)
	}
	return b
}

func step(b []byte, p *libct.Plan, i, width int, style Style) []byte {
	s := &p.Steps[i]
	n := strconv.Itoa(i + 1)
	b = append(b, strings.Repeat(" ", width-len(n))+n...)
	if s.Actor == libct.Child {
		b = append(b, " C "...)
	} else {
		b = append(b, " P "...)
	}
	b = append(b, s.Name...)
	if s.Field != "" {
		b = append(b, "  ("+s.Field+")"...)
	}
	b = append(b, '\n')
	indent := strings.Repeat(" ", width+3)
	if style.Short {
		return b
	}
	b = append(b, indent+"# "+s.Why+"\n"...)
	for _, l := range lines(p, s) {
		b = append(b, indent+l+"\n"...)
	}
	return append(b, '\n')
}

// lines are the system calls of a step.
func lines(p *libct.Plan, s *libct.Step) []string {
	out := append([]string(nil), s.Does...)
	for i := range s.Ops {
		if text := p.Spell(&s.Ops[i]); text != "" {
			out = append(out, text)
		}
	}
	return out
}

// JSON prints the plan for programs: an array of steps.
func JSON(b []byte, p *libct.Plan) []byte {
	b = append(b, '[')
	for i := range p.Steps {
		s := &p.Steps[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"n":`...)
		b = strconv.AppendInt(b, int64(i+1), 10)
		b = append(b, `,"actor":"`+s.Actor.String()+`","name":`...)
		b = specs.AppendString(b, s.Name)
		if s.Field != "" {
			b = specs.AppendString(append(b, `,"field":`...), s.Field)
		}
		b = specs.AppendString(append(b, `,"why":`...), s.Why)
		b = append(b, `,"calls":[`...)
		for j, l := range lines(p, s) {
			if j > 0 {
				b = append(b, ',')
			}
			b = specs.AppendString(b, l)
		}
		b = append(b, "]}"...)
	}
	return append(b, "]\n"...)
}
