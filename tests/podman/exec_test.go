package podman

const sleeper = "podman run -d --name c img sh -c 'trap \"exit 0\" TERM; while :; do sleep 0.1; done' >/dev/null\n"

// Further processes in a container, each with a monitor of its own.
var execChecks = []check{
	{name: "output and status", script: sleeper + `
		for n in 0 1 9 255; do rc podman exec c sh -c "echo out; echo err >&2; exit $n" 2>err; cat err; done`,
		want: "out\n=0\nerr\nout\n=1\nerr\nout\n=9\nerr\nout\n=255\nerr\n"},
	{name: "death by a signal", script: sleeper + `
		rc podman exec c sh -c 'kill -9 $$'; rc podman exec c sh -c 'kill -15 $$'`, want: "=137\n=143\n"},
	{name: "125, 126, 127", script: sleeper + `
		rc podman exec nosuch true; rc podman exec c /etc/passwd; rc podman exec c /no/such; podman exec -u nobody-at-all c true >/dev/null 2>&1; echo "=$?"
		podman stop -t 0 c >/dev/null 2>&1; rc podman exec c true`,
		match: "Error: no container with name or ID \"nosuch\" found: no such container\n=125\nError: .*/etc/passwd: EACCES .*: OCI permission denied\n=126\n" +
			"Error: .*/no/such: ENOENT .*: OCI runtime attempted to invoke a command that was not found\n=127\n=(126|255)\n" +
			"Error: can only create exec sessions on running containers: container state improper\n=255\n"},
	{name: "workdir, env, user", script: sleeper + `
		podman exec -w /var -e A=b -u 1000:2000 c sh -c 'pwd; echo $A; id -u; id -g'`,
		want: "/var\nb\n1000\n2000\n"},
	{name: "stdin", script: sleeper + `
		echo hello | podman exec -i c cat; echo lost | podman exec c cat; printf 'a\000b\377' >x; podman exec -i c cat <x | cmp - x && echo same`,
		want: "hello\nsame\n"},
	{name: "16 MiB both ways", script: sleeper + `
		seq 10000000 | head -c 16777216 >data; podman exec -i c cat <data | cmp - data && echo same`, want: "same\n"},
	{name: "detached", script: sleeper + `
		podman exec -d c sh -c 'echo hello; echo was here >/tmp/file; sleep 0.3; echo end >>/tmp/file' | grep -cE '^[0-9a-f]{64}$'; till 'podman exec c grep end /tmp/file'; podman exec c cat /tmp/file; podman logs c`, want: "1\nwas here\nend\n"},
	{name: "terminal", script: sleeper + `
		podman exec -t c sh -c 'tty; echo two >&2' | tr '\r' R`, want: "/dev/pts/0R\ntwoR\n"},
	{name: "descriptors, oom score", script: sleeper + `
		podman exec c ls /proc/self/fd; podman exec c sh -c 'cat /proc/self/oom_score_adj; grep SigBlk /proc/self/status; echo SIGPIPE $((0x$(sed -n "s/SigIgn:.//p" /proc/self/status) & 0x1000))'`,
		want: "0\n1\n2\n3\n0\nSigBlk:\t0000000000000000\nSIGPIPE 0\n"},
	{name: "preserve-fds", script: sleeper + `
		echo three >f3; podman exec --preserve-fds 1 c sh -c 'cat <&3' 3<f3`, want: "three\n"},
	{name: "six at once", script: sleeper + `
		for i in $(seq 6); do { podman exec c sh -c "echo $i; exit $i"; echo "=$?"; } >out$i & done; wait; for i in $(seq 6); do echo $(cat out$i); done`,
		want: "1 =1\n2 =2\n3 =3\n4 =4\n5 =5\n6 =6\n"},
	{name: "ends with its container", script: sleeper + `
		podman exec c sh -c 'echo ready; exec sleep 100' >out & till 'grep ready out'; podman kill c; wait $!; echo "=$?"`, want: "c\n=137\n"},
	{name: "podman is killed and the process goes on", script: sleeper + `
		podman exec c sh -c 'echo ready; while [ ! -e /go ]; do sleep 0.1; done; echo went >/tmp/out' >out & till 'grep ready out'; kill -9 $!; wait $! 2>/dev/null
		podman exec c touch /go; till 'podman exec c cat /tmp/out'; podman exec c cat /tmp/out; podman stop c`, want: "went\nc\n"},
}
