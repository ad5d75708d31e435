package crio

// attached waits until the monitor of $C has n clients more than at watch.
const attached = `sockets() { ls -l /proc/$(monitor $C)/fd | grep -c socket; }
watch() { base=$(sockets); }
attached() { till "test \$(sockets) -ge $((base + $1))"; }
`

// Attaching to what runs.
var attachChecks = []check{
	{name: "output from now on", script: attached + `
		pod p; run c 'echo before; until [ -e /go ]; do sleep 0.1; done; echo after; echo error >&2'; said before; watch; crictl attach $C >out 2>err & attached 1; crictl exec --sync $C touch /go >/dev/null 2>&1; wait; cat out err`,
		want: "after\nerror\n"},
	{name: "input", script: `
		pod p; run c 'cat; echo eof; exit 6' ', "stdin": true, "stdin_once": true'; { echo one; sleep 0.2; echo two; } | rc crictl attach -i $C; ended $C; crictl logs $C`,
		want: "one\ntwo\neof\n=0\nEXITED 6 Error\none\ntwo\neof\n"},
	{name: "input, more than once", script: `
		pod p; run c 'while read x; do echo "got $x"; done; exit 6' ', "stdin": true'; echo one | crictl attach -i $C >/dev/null; said one; echo two | crictl attach -i $C >/dev/null; said two; state $C; crictl logs $C`,
		want: "RUNNING 0\ngot one\ngot two\n"},
	{name: "input, much", script: `
		pod p; run c 'md5sum' ', "stdin": true, "stdin_once": true'; seq 200000 >in; crictl attach -i $C <in >out; md5sum <in | cmp - out && echo same`, want: "same\n"},
	{name: "two at once", script: attached + `
		pod p; run c 'until [ -e /go ]; do sleep 0.1; done; seq 1000'; watch; crictl attach $C >a & crictl attach $C >b & attached 2; crictl exec --sync $C touch /go >/dev/null 2>&1; wait; seq 1000 >all; cmp all a && cmp all b && echo both`, want: "both\n"},
	{name: "killed, and others go on", script: attached + `
		pod p; run c 'until [ -e /go ]; do sleep 0.1; done; seq 1000; exit 3'; watch; $CRICTL --config $D/crictl.yaml attach $C >a & p=$!; crictl attach $C >b & q=$!; attached 2; kill -9 $p; wait $p 2>/dev/null; crictl exec --sync $C touch /go >/dev/null 2>&1; wait $q; seq 1000 | cmp - b && echo all; ended $C`,
		want: "all\nEXITED 3 Error\n"},
	{name: "at a terminal", script: `
		pod p; run c 'until stty size 2>/dev/null | grep "33 77"; do sleep 0.1; done; read x; echo "<$x>"; tty; exit 4' ', "tty": true, "stdin": true'
		{ said 33; echo hello; said hello; } | script -qec "stty rows 33 cols 77; $CRICTL --config $D/crictl.yaml attach -it $C" /dev/null >out; ended $C; crictl logs $C | tr -d '\r' | sort -u; grep -c '<hello>' out`,
		want: "EXITED 4 Error\n/dev/pts/0\n33 77\n<hello>\nhello\n1\n"},
	{name: "to one that has ended", script: `pod p; run c true; ended $C; rc crictl attach $C`,
		match: "EXITED 0 Completed\n.*container is not created or running.*\n=1\n"},
}
