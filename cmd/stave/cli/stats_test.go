package cli

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/opencontainers/runc/types"
)

// TestEventsAreRuncs holds our bytes against runc's own types, filled alike.
func TestEventsAreRuncs(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for range 3000 {
		var ours Stats
		var theirs types.Stats
		fill(r, reflect.ValueOf(&ours).Elem())
		positional(reflect.ValueOf(&theirs).Elem(), reflect.ValueOf(ours))
		id := randomString(r)
		var want bytes.Buffer
		json.NewEncoder(&want).Encode(types.Event{Type: "stats", ID: id, Data: theirs})
		if got := AppendEvent(nil, "stats", id, &ours); !bytes.Equal(got, want.Bytes()) {
			t.Fatalf("got  %s\nwant %s", got, want.Bytes())
		}
	}
	if got := string(AppendEvent(nil, "oom", "web1", nil)); got != `{"type":"oom","id":"web1"}`+"\n" {
		t.Error(got)
	}
}
