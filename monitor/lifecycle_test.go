package monitor

import "testing"

// Where each state may lead, and what it listens to: the table in words.
func TestLifecycle(t *testing.T) {
	want := map[state][]event{
		waiting:  {evGo, evFailed, evStop},
		creating: {evCreated, evFailed, evStop},
		running:  {evEnded, evTimeout, evStop, evPatience},
		draining: {evLogged, evStop, evPatience},
		flushing: {evFlushed, evStop, evPatience},
		over:     nil,
	}
	table := lifecycle()
	for s := range states {
		heard := map[event]bool{}
		for _, e := range want[s] {
			heard[e] = true
		}
		for e := range events {
			if got := table[s][e] != nil; got != heard[e] {
				t.Errorf("state %d, event %d: heard %v, want %v", s, e, got, heard[e])
			}
		}
	}
	// From every state but the last a stop is heard: a monitor can be ended.
	for s := waiting; s < over; s++ {
		if table[s][evStop] == nil {
			t.Errorf("state %d hears no stop", s)
		}
	}
}
