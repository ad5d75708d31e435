package libct

import (
	"testing"
	"time"
)

// The child's stamps are told in the time of the parent's clock.
func TestChildClock(t *testing.T) {
	if !haveTicks {
		clock := (&Create{}).childClock()
		if clock(0) != 0 || clock(12345) != 12345 {
			t.Error("a stamp in nanoseconds is changed")
		}
		return
	}
	c := &Create{Begun: monotonic(), begun: ticks()}
	time.Sleep(10 * time.Millisecond)
	before, stamp, after := monotonic(), ticks(), monotonic()
	time.Sleep(10 * time.Millisecond)
	clock := c.childClock()
	const slack = int64(2 * time.Millisecond) // we may have lost the processor between any two
	if at := clock(stamp); at < before-slack || at > after+slack {
		t.Errorf("a stamp between %d and %d is told as %d", before, after, at)
	}
	if at := clock(c.begun); at != c.Begun {
		t.Errorf("the beginning %d is told as %d", c.Begun, at)
	}
	if clock(0) != 0 {
		t.Error("a stamp that was never made is told as a time")
	}
}
