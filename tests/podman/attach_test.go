package podman

// Attaching to what runs already.
var attachChecks = []check{
	{name: "output from now on", script: `
		podman run -d --name c img sh -c 'echo before; while [ ! -e /go ]; do sleep 0.1; done; echo after; echo error >&2; exit 6' >/dev/null
		till 'podman logs c | grep before'; rc podman attach --no-stdin c >out 2>err & sleep 1; podman exec c touch /go; wait; cat out err`,
		want: "after\n\n=0\nerror\n"},
	{name: "input", script: `
		podman run -d -i --name c img sh -c 'while read x; do echo "got $x"; done; exit 4' >/dev/null
		echo one | rc podman attach c; podman wait c; podman logs c`, want: "got one\n\n=0\n4\ngot one\n"},
	{name: "two at once", script: `
		podman run -d --name c img sh -c 'while [ ! -e /go ]; do sleep 0.1; done; seq 1000' >/dev/null
		podman attach --no-stdin c >a & podman attach --no-stdin c >b & sleep 1.5; podman exec c touch /go; wait; { seq 1000; echo; } >all; cmp all a && cmp all b && echo both`, want: "both\n"},
	{name: "signals", script: `
		podman run -d --name c img sh -c 'trap "echo got; exit 8" USR1; echo ready; while :; do sleep 0.1; done' >/dev/null; till 'podman logs c | grep ready'
		podman attach --no-stdin c >out & sleep 1; kill -USR1 $!; wait $!; echo "=$?"; cat out`, want: "=0\ngot\n\n"},
	{name: "killed, and others go on", script: `
		podman run -d --name c img sh -c 'while [ ! -e /go ]; do sleep 0.1; done; seq 1000' >/dev/null
		podman attach --no-stdin c >a & p=$!; podman attach --no-stdin c >b & q=$!; sleep 1.5; kill -9 $p; wait $p 2>/dev/null; podman exec c touch /go; wait $q; { seq 1000; echo; } | cmp - b && echo all`, want: "all\n"},
	{name: "stopped, and the container goes on", script: `
		podman run -d --name c img sh -c 'while [ ! -e /go ]; do sleep 0.1; done; echo one; exit 3' >/dev/null
		podman attach --no-stdin c >a & p=$!; sleep 1; kill -STOP $p; podman exec c touch /go; podman wait c; podman logs c; kill -CONT $p; wait $p; echo "=$?"; cat a`, want: "3\none\n=0\none\n\n"},
	{name: "to one that has ended", script: `
		podman run --name c img true; rc podman attach c`, want: "Error: you can only attach to running containers\n=125\n"},
}

// The same at a terminal.
var terminalChecks = []check{
	{name: "run -it", script: `podman run -it --rm img sh -c 'tty; stty size; read x; echo "got $x"; exit 3'; echo "=$?"`,
		talk: []moment{{see: "24 80\r\n", send: "hello\r"}}, want: "/dev/pts/0\n24 80\nhello\ngot hello\n=3\n"},
	{name: "end of input", script: `podman run -it --rm img sh -c 'echo ready; cat; exit 2'; echo "=$?"`,
		talk: []moment{{see: "ready", send: "hi\r"}, {see: "hi\r\nhi\r\n", send: "\x04"}}, want: "ready\nhi\nhi\n=2\n"},
	{name: "interrupt", script: `podman run -it --rm img sh -c 'trap "echo INT; exit 5" INT; echo ready; while :; do sleep 0.1; done'; echo "=$?"`,
		talk: []moment{{see: "ready", send: "\x03"}}, want: "ready\n^CINT\n=5\n"},
	{name: "a shell", script: `podman run -it --rm img sh; echo "=$?"`,
		talk: []moment{{see: "# ", send: "echo a''b\r"}, {see: "ab\r\n", send: "exit 9\r"}}, match: "(?s).*ab\n.*=9\n"},
	// Podman passes SIGWINCH on as well, by a kill that needs somebody to be there.
	{name: "the window changes", script: `podman run -it --rm img sh -c 'trap "got=1" WINCH; echo ready; until [ "$(stty size)" = "50 132" ]; do sleep 0.1; done; sleep 2; echo end $got'; echo "=$?"`,
		talk: []moment{{see: "ready", rows: 50, cols: 132}}, want: "ready\nend 1\n=0\n"},
	{name: "the window changes while attached", script: `
		podman run -dit --name c img sh -c 'until [ "$(stty size)" = "33 99" ]; do sleep 0.1; done; echo ready; until [ "$(stty size)" = "50 132" ]; do sleep 0.1; done; echo end' >/dev/null
		podman attach c; echo "=$?"`, talk: []moment{{rows: 33, cols: 99}, {see: "ready", rows: 50, cols: 132}}, want: "ready\nend\n\n=0\n"},
	{name: "detach and attach again", script: `
		podman run -it --name c img sh -c 'echo ready; read x; echo "one $x"; until [ -e /go ]; do sleep 0.1; done; echo go; read x; echo "two $x"; sleep 1; exit 4'; echo "detached $?"
		podman ps --format '{{.Names}} {{.Status}}' | cut -d' ' -f 1,2; { sleep 1; podman exec c touch /go; } & podman attach c; echo "=$?"; podman wait c`,
		talk: []moment{{see: "ready", send: "a\r"}, {see: "one a", send: "\x10\x11", insist: true}, {see: "go", send: "b\r"}},
		want: "ready\na\none a\ndetached 0\nc Up\ngo\nb\ntwo b\n\n=0\n4\n"},
	{name: "detach keys of one's own", script: `
		podman run -it --detach-keys ctrl-x,x --name c img sh -c 'echo ready; read x; sleep 1'; echo "detached $?"; podman attach --detach-keys q c; echo "detached $?"; podman inspect -f {{.State.Status}} c`,
		talk:  []moment{{see: "ready", send: "\x18x", insist: true}, {see: "detached 0", send: "q", insist: true}, {see: "detached 0"}},
		match: "ready\ndetached 0\nq?\n?detached 0\nrunning\n"},
	{name: "start -ai", script: `
		podman create -it --name c img sh -c 'stty size; read x; echo "got $x"' >/dev/null; podman start -ai c; echo "=$?"`,
		talk: []moment{{see: "24 80", send: "hello\r"}}, want: "24 80\nhello\ngot hello\n=0\n"},
	{name: "exec -it", script: sleeper + `podman exec -it c sh -c 'stty size; read x; echo "got $x"; exit 7'; echo "=$?"`,
		talk: []moment{{see: "24 80", send: "hello\r"}}, want: "24 80\nhello\ngot hello\n=7\n"},
	{name: "exec -it, the window changes", script: sleeper + `podman exec -it c sh -c 'echo ready; until [ "$(stty size)" = "50 132" ]; do sleep 0.1; done; stty size'; echo "=$?"`,
		talk: []moment{{see: "ready", rows: 50, cols: 132}}, want: "ready\n50 132\n=0\n"},
	{name: "exec -it, detach", script: sleeper + `podman exec -it c sh -c 'echo ready; sleep 0.5; echo over >/tmp/over'; echo "detached $?"; till podman exec c cat /tmp/over`,
		talk: []moment{{see: "ready", send: "\x10\x11", insist: true}, {see: "detached 255"}},
		want: "ready\nError: detached from container\ndetached 255\n"},
	{name: "much output", script: `podman run -it --name c img sh -c 'stty -onlcr; seq 20000' >got; seq 20000 | cmp - got && echo same; podman logs c | cmp - got && echo logged`,
		talk: []moment{}, want: "same\nlogged\n"},
	{name: "podman is killed at the terminal", script: `
		{ till 'podman logs c | grep ready'; till 'podman ps -q --filter name=c --filter status=running | grep .'; kill -9 $(cat pid); } &
		sh -c 'echo $$ >pid; exec podman run -it --name c img sh -c "echo ready; while [ ! -e /go ]; do sleep 0.1; done; echo after; exit 3"' >out
		stty sane; podman exec c touch /go; podman wait c; podman logs c`,
		talk: []moment{}, match: "Killed *\n3\nready\r\nafter\r\n"},
}
