package podman

// What a caller of `podman run` sees: output, input, exit status, files.
var runChecks = []check{
	{name: "output", script: "podman run --rm img echo hello", want: "hello\n"},
	{name: "stdout and stderr are two", script: `
		podman run --rm img sh -c 'echo out; echo err >&2' 2>err; echo "and $(cat err)"
		podman run --rm -a stderr img sh -c 'echo out; echo err >&2'`,
		want: "out\nand err\nerr\n"},
	{name: "exit status", script: `
		for n in 0 42 255; do rc podman run --rm img sh -c "exit $n"; done`,
		want: "=0\n=42\n=255\n"},
	{name: "death by a signal", script: `
		rc podman run --rm --pid host img sh -c 'kill -9 $$'
		rc podman run --rm --pid host img sh -c 'kill -15 $$'
		rc podman run --name segv --pid host img sh -c 'kill -11 $$'
		podman inspect -f '{{.State.Status}} {{.State.ExitCode}}' segv`,
		want: "=137\n=143\n=139\nexited 139\n"},
	{name: "not started", script: `
		rc podman run --rm --pull never nosuch true 2>/dev/null
		rc podman run --rm img /etc/passwd
		rc podman run --rm img /no/such
		podman run -d img /no/such >/dev/null 2>&1; echo "-d $?"; podman ps -a --format '{{.Status}}'`,
		match: "=125\nError: .*stave: .*/etc/passwd: EACCES .*: OCI permission denied\n=126\n" +
			"Error: .*stave: .*/no/such: ENOENT .*: OCI runtime attempted to invoke a command that was not found\n=127\n-d 127\nCreated\n"},
	{name: "detached", script: `
		podman run -d --name c img sh -c 'echo begin; read x </dev/zero; exit 3' >id
		test "$(cat id)" = "$(podman inspect -f {{.Id}} c)" && echo same
		podman kill c; podman wait c; podman logs c`,
		want: "same\nc\n137\nbegin\n"},
	{name: "rm", script: `
		podman run --rm img true; podman run --rm -d img true >/dev/null
		till '[ -z "$(podman ps -aq)" ]'; podman ps -aq; podman volume ls -q`, want: ""},
	{name: "pid files", script: `
		podman run -d --name c --cidfile cid --pidfile pid --conmon-pidfile mon img sleep 100 >/dev/null
		test "$(cat cid)" = "$(podman inspect -f {{.Id}} c)" && echo cid
		test "$(cat pid)" = "$(podman inspect -f {{.State.Pid}} c)" && echo pid
		test "$(cat mon)" = "$(podman inspect -f {{.State.ConmonPid}} c)" && test "$(cut -d' ' -f4 /proc/$(cat pid)/stat)" = "$(cat mon)" && echo monitor
		grep -c . pid mon; tail -c 1 pid | grep -c '[0-9]'
		podman rm -f -t 0 --cidfile cid >/dev/null; test -e /proc/$(cat mon) && till '! kill -0 $(cat mon)'`,
		want: "cid\npid\nmonitor\npid:1\nmon:1\n1\n"},
	{name: "timeout", script: `
		rc podman run --timeout 1 --name c img sleep 100
		podman inspect -f '{{.State.Status}} {{.State.ExitCode}}' c; podman ps -q`, want: "=255\nexited -1\n"},
	{name: "preserve-fds", script: `
		echo three >f3; echo four >f4
		podman run --rm --preserve-fds 2 img sh -c 'cat <&3; cat <&4' 3<f3 4<f4
		podman run --rm img sh -c 'ls /proc/self/fd | wc -l' 3<f3`,
		want: "three\nfour\n4\n"},
	{name: "descriptors inside", script: "podman run --rm img ls /proc/self/fd; podman run --rm -i img ls /proc/self/fd </dev/null",
		want: "0\n1\n2\n3\n0\n1\n2\n3\n"},
	{name: "oom score and signals inside", script: `
		podman run --rm img sh -c 'cat /proc/self/oom_score_adj; grep SigBlk /proc/self/status; echo SIGPIPE $((0x$(sed -n "s/SigIgn:.//p" /proc/self/status) & 0x1000)); umask'`,
		want: "0\nSigBlk:\t0000000000000000\nSIGPIPE 0\n0022\n"},
	{name: "stdout of another user", script: "podman run --rm --user 1000 img sh -c 'echo one >/dev/stdout; echo two >/dev/stderr'", want: "one\ntwo\n",
		conmon: "(sh: can't create /dev/std(out|err): Permission denied\n){2}", bug: "2.1.6 makes the pipes for their owner alone"},
	{name: "signals go to the container", script: `
		podman run --name c img sh -c 'trap "echo got; exit 7" TERM; echo ready; while :; do sleep 0.1; done' >out &
		till 'grep ready out'; kill -TERM $!; wait $!; echo "=$?"; cat out`, want: "=7\nready\ngot\n"},
	{name: "podman is killed and the container goes on", script: `
		podman run --name c img sh -c 'echo one; while [ ! -e /go ]; do sleep 0.1; done; echo two; echo three >&2; exit 4' >out &
		till 'grep one out'; kill -9 $!; wait $! 2>/dev/null
		podman exec c touch /go; podman wait c; podman logs c; podman inspect -f {{.State.ExitCode}} c`,
		want: "4\none\ntwo\nthree\n4\n"},
	{name: "create, init and start", script: `
		podman create --name c -i img sh -c 'echo hello; exit 6' >/dev/null; podman init c; podman inspect -f {{.State.Status}} c
		rc podman start --attach c; podman logs c
		rc podman start -a c; podman inspect -f {{.State.ExitCode}} c`,
		want: "c\ninitialized\nhello\n=6\nhello\nhello\n=6\n6\n"},
	{name: "start -ai", script: `
		podman create --name c -i img cat >/dev/null
		echo first | rc podman start -ai c; echo second | rc podman start -ai c; podman logs c`,
		want: "first\n=0\nsecond\n=0\nfirst\nsecond\n"},
	{name: "twenty at once", script: `
		for i in $(seq 20); do { podman run --rm --log-driver none img sh -c "echo $i; exit $i" >out$i; echo $? >rc$i; } & done; wait
		for i in $(seq 20); do echo $(cat out$i rc$i); done | sort -n | tr '\n' ,; podman ps -aq`,
		want: "1 1,2 2,3 3,4 4,5 5,6 6,7 7,8 8,9 9,10 10,11 11,12 12,13 13,14 14,15 15,16 16,17 17,18 18,19 19,20 20,"},
	{name: "debug messages", script: `
		podman --log-level debug run -d --name c img sh -c 'echo hello; sleep 100' >/dev/null 2>debug; till 'podman logs c | grep hello'; grep -c 'Received: [0-9]' debug
		grep -q 'running conmon: .*/\(conmon\|stave-monitor\)' debug && echo ran`, want: "1\nran\n"},
	{name: "replace", script: `
		podman run -d --stop-signal KILL --name c img sleep 100 >/dev/null; podman run -d --replace --name c img sleep 100 >/dev/null
		podman ps -a --format '{{.Names}} {{.State}}' | cut -d' ' -f1,2; podman ps -aq | wc -l`, want: "c Up\n1\n"},
}

// Bytes through the monitor: all of them, unchanged.
var dataChecks = []check{
	{name: "stdin", script: `
		echo x | podman run --rm -i img cat
		echo x | podman run --rm img sh -c 'wc -c'
		podman run --rm -i img wc -c </dev/null`, want: "x\n0\n0\n"},
	{name: "stdin stays when nobody is attached", script: `
		podman run -d -i --name c img sh -c 'read x; echo "got $x"; cat' >/dev/null
		echo one | podman attach c; podman wait c; podman logs c`, want: "got one\n\n0\ngot one\n"},
	{name: "bytes of all values", script: `
		for i in $(seq 0 255); do printf "\\$(printf %03o $i)"; done >all; md5sum <all
		podman run --rm -i img cat <all | md5sum; podman run --rm -i --name c img sh -c 'cat >&2' <all 2>&1 >/dev/null | md5sum`,
		want: "e2c865db4162bed963bfaa9ef6ac18f0  -\ne2c865db4162bed963bfaa9ef6ac18f0  -\ne2c865db4162bed963bfaa9ef6ac18f0  -\n"},
	{name: "no newline at the end", script: `
		podman run --name c img sh -c 'echo -n half'; echo; podman logs c; echo; podman run --rm img echo -n; podman run --rm img echo`,
		want: "half\nhalf\n\n"},
	{name: "a long line", script: `
		{ yes 0123456789 | tr -d "\n" | head -c 40000; echo; echo end; } >line
		podman run --name c img sh -c 'yes 0123456789 | tr -d "\n" | head -c 40000; echo; echo end' | cmp - line && echo same
		podman logs c | cmp - line && echo logged; podman logs --tail 1 c`,
		want: "same\nlogged\nend\n"},
	{name: "lines in pieces", script: `
		podman run --name c img sh -c 'for i in a b c; do echo -n $i; sleep 0.2; done; echo; echo -n d; sleep 0.2; echo e' ; podman logs c`,
		want: "abc\nde\nabc\nde\n"},
	{name: "stdin of 64 MiB", script: `
		seq 10000000 | head -c 67108864 | podman run --rm -i img md5sum`, want: "609a07e40b6145f6de4c63dffb33f42f  -\n"},
	{name: "stdout of 64 MiB", script: `
		podman run --rm --log-driver none img sh -c 'seq 10000000 | head -c 67108864' | md5sum`, want: "609a07e40b6145f6de4c63dffb33f42f  -\n"},
	{name: "both ways, and the log", script: `
		seq 10000000 | head -c 1048576 >data
		podman run -i --name c img cat <data | cmp - data && echo same; podman logs c | cmp - data && echo logged`, want: "same\nlogged\n"},
	{name: "a reader that takes its time", script: `
		podman run --rm --log-driver none img sh -c 'seq 10000000 | head -c 67108864' | { sleep 2; md5sum; }`, want: "609a07e40b6145f6de4c63dffb33f42f  -\n"},
	{name: "stdout and stderr in bulk", script: `
		podman run --rm img sh -c 'seq 200000 & seq 300000 >&2; wait' 2>err >out; seq 200000 | cmp - out && seq 300000 | cmp - err && echo all`,
		want: "all\n"},
	{name: "a reader that goes away", script: `
		podman run --name c img sh -c 'seq 100000; echo done >&2; exit 5' 2>err | head -n 1; podman wait c; podman logs c 2>/dev/null | tail -n 1`,
		want: "1\n5\n100000\n"},
}
