package podman

import (
	"testing"

	"stave/tests/kit"
)

// `podman logs` out of systemd's own journal, which here each monitor has written.
func TestJournal(t *testing.T) {
	both := newSides(t, func() string { kit.NewJournal(t); return "" })
	for _, k := range journalChecks {
		t.Run(k.name, func(t *testing.T) {
			kit.Begin(t)
			k.run(t, both)
		})
	}
}

// Journald writes a moment after it was told, so each check waits for the last line.
var journalChecks = []check{
	{name: "all of it", script: `
		podman run --log-driver journald --name c img sh -c 'echo one; sleep 0.2; echo two >&2; sleep 0.2; echo -n three' >/dev/null 2>&1
		till 'podman logs c 2>&1 | grep three'; podman logs c 2>err; echo; cat err`, want: "one\nthree\ntwo\n"},
	{name: "tail, times and names", script: `
		podman run --log-driver journald --name c img sh -c 'for i in 1 2 3 4 5; do echo line $i; done' >/dev/null
		till 'podman logs c | grep 5'; podman logs --tail 2 c; podman logs -t --tail 1 c; podman logs -n --tail 1 c`,
		want: "line 4\nline 5\nTIME line 5\nline 5\n"},
	{name: "a long line", script: `
		podman run --log-driver journald --name c img sh -c 'yes 0123456789 | tr -d "\n" | head -c 100000; echo; echo last' >out
		till 'podman logs c | grep last'; podman logs c | cmp - out && echo same`, want: "same\n"},
	{name: "many lines", script: `
		podman run --log-driver journald --name c img seq 3000 >out; till 'podman logs c | grep -x 3000'; podman logs c | cmp - out && echo same`, want: "same\n"},
	{name: "tag", script: `
		podman run --log-driver journald --log-opt tag=mine --name c img echo hello; id=$(podman inspect -f {{.Id}} c)
		till 'journalctl -q -D /run/log/journal CONTAINER_TAG=mine CONTAINER_ID_FULL=$id | grep hello'; podman logs c`, want: "hello\nhello\n"},
}
