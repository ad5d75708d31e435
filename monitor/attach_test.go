package monitor

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// What goes into the queue comes out, in order and whole, whatever the lengths.
func TestQueue(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	q := queue{mem: make([]byte, 4096)}
	var model [][]byte
	full, wrapped := 0, 0
	for i := range 100000 {
		if r.IntN(100) < 52 {
			p := bytes.Repeat([]byte{byte(i)}, r.IntN(700))
			if q.put(byte(i), p) {
				model = append(model, append([]byte{byte(i)}, p...))
			} else {
				full++
				used := 0
				for _, m := range model {
					used += len(m) + queueHeader
				}
				if used < len(q.mem)-2*703 {
					t.Fatalf("full with %d of %d bytes", used, len(q.mem))
				}
			}
		} else if len(model) > 0 {
			if got := q.front(); !bytes.Equal(got, model[0]) {
				t.Fatalf("got %d bytes of %d, want %d of %d", len(got), got[0], len(model[0]), model[0][0])
			}
			q.pop()
			model = model[1:]
		}
		if q.wrapped {
			wrapped++
		}
		if q.count != len(model) {
			t.Fatalf("%d messages, want %d", q.count, len(model))
		}
	}
	if full == 0 || wrapped == 0 {
		t.Errorf("the queue was never full (%d) or never wrapped (%d)", full, wrapped)
	}
}
