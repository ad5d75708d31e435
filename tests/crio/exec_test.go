package crio

const sleeper = "pod p; run c 'exec sleep 1000'\n"

// Further processes: ExecSync goes through the monitor, Exec straight to the runtime.
var execChecks = []check{
	{name: "sync", script: sleeper + `crictl exec --sync $C sh -c 'echo out; echo err >&2'; rc crictl exec --sync $C sh -c 'echo lost; echo err >&2; exit 3'; rc crictl exec --sync $C true`,
		want: "out\n\nerr\n\nexecing command in container ID synchronously: command 'sh -c echo lost; echo err >&2; exit 3' exited with 3: err\n\n=1\n\n\n=0\n"},
	{name: "sync, a signal", script: sleeper + `rc crictl exec --sync $C sh -c 'kill -9 $$'`,
		want: "execing command in container ID synchronously: command 'sh -c kill -9 $$' exited with 137: \n=1\n"},
	{name: "sync, in time", script: sleeper + `rc crictl exec --sync --timeout 60 $C sh -c 'sleep 0.2; echo done'`, want: "done\n\n\n=0\n"},
	{name: "sync, too late", script: sleeper + `rc crictl exec --sync --timeout 1 $C sh -c 'echo partial; sleep 4323'; till '! crictl exec --sync $C ps | grep "[s]leep 4323"'`,
		want: "execing command in container ID synchronously: command 'sh -c echo partial; sleep 4323' exited with -1: command timed out\n=1\n"},
	{name: "sync, no such program", script: sleeper + `rc crictl exec --sync $C /no/such`,
		match:  "execing command in container ID synchronously: .*command error: .*execve\\(2\\) /no/such: ENOENT.*\n, stdout: , stderr: , exit code -1\n=1\n",
		conmon: "(?s)execing command in container ID synchronously: .*command error: .*execve\\(2\\) /no/such: ENOENT.*=1\n", bug: "it says at its level debug that it may not lower its OOM score"},
	{name: "sync, one that leaves a child", script: sleeper + `rc crictl exec --sync $C sh -c 'sleep 4324 & echo gone'; crictl exec --sync $C ps | grep -c '[s]leep 4324'`, want: "gone\n\n\n=0\n1\n"},
	{name: "sync, much output", script: sleeper + `crictl exec --sync $C seq 200000 >got; { seq 200000; echo; echo; } | cmp - got && echo all`, want: "all\n"},
	// CRI-O reads no more of the log than 16 MiB, and asks the monitor to write no more.
	{name: "sync, too much output", script: sleeper + `crictl exec --sync $C sh -c 'yes 0123456789012345678901234567890 | head -c 40000000' | head -c 5000000 | sort -u; ls $D/tmp | wc -l`,
		want: "0123456789012345678901234567890\n0\n"},
	{name: "sync, no newline", script: sleeper + `crictl exec --sync $C printf 'a\n\nb' | hexdump -C | cut -c11-60`, want: "61 0a 0a 62 0a 0a                                 \n\n"},
	{name: "sync, a long line", script: sleeper + `crictl exec --sync $C sh -c 'yes | tr -d "\n" | head -c 100000' | tr -d '\n' | wc -c`, want: "100000\n"},
	{name: "sync, many at once", script: sleeper + `for i in $(seq 20); do crictl exec --sync $C echo $i >$i & done; wait; cat $(seq 20) | grep . | tr '\n' ' '`,
		want: "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 "},
	{name: "sync, the container ends meanwhile", script: sleeper + `crictl exec --sync $C sh -c 'echo in; sleep 4325' >out 2>&1 & till 'crictl exec --sync $C ps | grep "[s]leep 4325"'; crictl stop -t 0 $C; wait; grep -c 'exited with 137' out`,
		want: "ID\n1\n"},
	{name: "stream", script: sleeper + `rc crictl exec $C sh -c 'echo out; exit 3'; rc crictl exec $C sh -c 'echo err >&2'; rc crictl exec $C true`,
		want: "out\nexecing command in container ID: command terminated with exit code 3\n=1\nerr\n=0\n=0\n"},
	{name: "stream, input", script: sleeper + `seq 200000 >in; crictl exec -i $C md5sum <in; md5sum <in; crictl exec -i $C cat <in | cmp - in && echo same`,
		want: "0e10426a1d5bddffcef02f1345787128  -\n0e10426a1d5bddffcef02f1345787128  -\nsame\n"},
	{name: "stream, no such program", script: sleeper + `rc crictl exec $C /no/such`,
		match: "time=\"TIME\" level=error msg=\"exec ID: step N execve .*ENOENT.*\nexecing command in container ID: command terminated with exit code 127\n=1\n"},
	{name: "stream, at a terminal", script: sleeper + `script -qec "stty rows 33 cols 77; $CRICTL --config $D/crictl.yaml exec -it $C sh -c 'tty; until stty size | grep -q \"33 77\"; do sleep 0.1; done; stty size; exit 5'" /dev/null </dev/null >out; echo "=$?"; sed 's/\^@//g' out | tr -d '\r\000'`,
		want: "=1\n/dev/pts/0\n33 77\nexecing command in container ID: command terminated with exit code 5\n"},
	{name: "in a container with a terminal", script: `
		pod p; run c 'echo ready; exec sleep 1000' ', "tty": true, "stdin": true'; said ready; crictl exec --sync $C sh -c 'tty; exit 0' | tr -d '\r'; rc crictl exec $C sh -c 'tty; exit 4'`,
		want: "/dev/pts/1\n\n\nnot a tty\nexecing command in container ID: command terminated with exit code 4\n=1\n"},
	{name: "as whom", script: `
		pod p; run c 'exec sleep 1000' ', "envs": [{"key": "A", "value": "b"}], "working_dir": "/tmp"' '' ', "run_as_user": {"value": 1000}'; crictl exec --sync $C sh -c 'id -u; pwd; echo $A; grep CapEff /proc/self/status | tr "\t" " "'; echo x | crictl exec -i $C sh -c 'cat; id -u'`,
		want: "1000\n/tmp\nb\nCapEff: 0000000000000000\n\n\nx\n1000\n"},
	{name: "into one that has ended", script: `
		pod p; run c 'exit 0'; ended $C; rc crictl exec --sync $C true; rc crictl exec $C true`,
		match: "EXITED 0 Completed\n.*container is not created or running.*\n=1\n.*container is not created or running.*\n=1\n"},
}
