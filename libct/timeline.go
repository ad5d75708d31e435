package libct

// Span is the time of one step, in nanoseconds on the clock of
// CLOCK_MONOTONIC, from the parent's clock or the child's own stamps.
type Span struct {
	N          int
	Step       *Step
	Begin, End int64
}

// Timeline gives the spans of the steps that have run. The child's first step
// begins with the clone; a step that waited for the other actor shows the
// wait at its beginning.
func (c *Create) Timeline() []Span {
	var out []Span
	last := c.Begun
	clock := c.childClock()
	op := 0
	for i := range c.Plan.Steps {
		s := &c.Plan.Steps[i]
		if s.Stub {
			continue // by then the child is not ours any more
		}
		end := int64(0)
		if s.Actor == Parent {
			if i < len(c.Finished) {
				end = c.Finished[i]
			}
		} else {
			for range s.Ops {
				if t := clock(c.m.stamps[op]); t > end {
					end = t
				}
				op++
			}
		}
		if end == 0 {
			continue // not run, or execve(2) itself, which leaves no stamp
		}
		if end < last {
			last = end
		}
		out = append(out, Span{N: i + 1, Step: s, Begin: last, End: end})
		last = end
	}
	return out
}

// childClock turns the child's stamps into the time of the parent's clock: ticks
// by what the two have gone on by since the beginning.
func (c *Create) childClock() func(stamp uint64) int64 {
	if !haveTicks {
		return func(stamp uint64) int64 { return int64(stamp) }
	}
	now, ticks := monotonic(), ticks()
	each := float64(now-c.Begun) / float64(ticks-c.begun)
	return func(stamp uint64) int64 {
		if stamp == 0 {
			return 0
		}
		return c.Begun + int64(float64(int64(stamp-c.begun))*each)
	}
}
