package podman

import "fmt"

// `podman logs`, and what the drivers leave.
var logChecks = []check{
	{name: "k8s-file", script: `
		podman run --name c img sh -c 'echo one; sleep 0.2; echo two >&2; sleep 0.2; echo -n three'
		echo; cat $(podman inspect -f {{.HostConfig.LogConfig.Path}} c)
		podman logs c 2>err; echo; cat err`,
		want: "one\ntwo\nthree\nTIME stdout F one\nTIME stderr F two\nTIME stdout P three\none\nthree\ntwo\n"},
	{name: "tail, times and names", script: `
		podman run --name c img sh -c 'for i in 1 2 3 4 5; do echo line $i; done' >/dev/null
		podman logs --tail 2 c; podman logs --tail 0 c; podman logs -t --tail 1 c; podman logs -n --tail 1 c; podman logs -nt --tail 1 c`,
		want: "line 4\nline 5\nTIME line 5\nline 5\nTIME line 5\n"},
	{name: "since and until", script: `
		podman run --name c img sh -c 'echo one; sleep 1.1; echo two; sleep 1.1; echo three' >/dev/null
		mid=$(podman logs -t c | sed -n 's/ two//p'); podman logs --since $mid c; echo; podman logs --until $mid c; echo; podman logs --since 1h c | wc -l
		podman logs --since 2100-01-01T00:00:00Z c`, want: "three\n\none\n\n3\n"},
	{name: "follow", script: `
		podman run -d --name c img sh -c 'i=0; while [ ! -e /end ]; do i=$((i+1)); echo $i; sleep 0.05; done; echo last' >/dev/null
		podman logs -f c >out & till 'grep -x 5 out'; podman exec c touch /end; wait $!; echo "=$?"
		tail -n 1 out; podman logs c | cmp - out && echo all`, want: "=0\nlast\nall\n"},
	{name: "follow and since", script: `
		podman run -d --name c img sh -c 'echo old; while [ ! -e /end ]; do sleep 0.1; done; echo new' >/dev/null
		till 'podman logs c | grep old'; podman logs -f --tail 0 c >out & sleep 1; podman exec c touch /end; wait $!; cat out`, want: "new\n"},
	{name: "of two", script: `
		podman run --name a img echo of a >/dev/null; podman run --name b img echo of b >/dev/null; podman logs a b | cut -d' ' -f2- | sort`, want: "of a\nof b\n"},
	{name: "none", script: `
		podman run --log-driver none --name c img echo hello; podman logs c; podman inspect -f {{.HostConfig.LogConfig.Type}} c`,
		want: "hello\nError: this container is using the 'none' log driver, cannot read logs: this container is not logging output\nnone\n"},
	{name: "json-file is k8s-file", script: `
		podman run --log-driver json-file --name c img echo hello; podman logs -t c; cat $(podman inspect -f {{.HostConfig.LogConfig.Path}} c)`,
		want: "hello\nTIME hello\nTIME stdout F hello\n"},
	{name: "passthrough", script: `
		podman run --log-driver passthrough --name c img sh -c 'echo out; echo err >&2; cat; exit 3' <<-X 2>err
			in
		X
		echo "=$? $(cat err)"; podman logs c
		podman run -d --log-driver passthrough --name d img sh -c 'echo detached' >out; podman wait d; grep -c detached out; podman rm d`,
		want: "out\nin\n=3 err\nError: this container is using the 'passthrough' log driver, cannot read logs: this container is not logging output\n0\n1\nd\n"},
	{name: "journald", script: `
		podman run --log-driver journald --log-opt tag=mine --name c img sh -c 'echo one; sleep 0.2; echo "<4>two" >&2; sleep 0.2; echo -n three'; echo
		id=$(podman inspect -f {{.Id}} c); till "grep $id \$JOURNAL | grep -q three"
		grep $id $JOURNAL | grep CONTAINER_TAG | sort`,
		want:   "one\n<4>two\nthree\n" + record(`CONTAINER_PARTIAL_MESSAGE="true" `, "three", 6) + record("", "one", 6) + record("", "two", 4),
		conmon: `(?s)one\n<4>two\nthree\n.*MESSAGE="(<4>)?two" PRIORITY="[34]".*`, bug: "2.1.6 does not know a priority before the text"},
	{name: "size", script: `
		podman run --log-opt max-size=4096 --name c img sh -c 'for i in $(seq 1000); do echo line $i of a thousand; done' >/dev/null
		log=$(podman inspect -f {{.HostConfig.LogConfig.Path}} c); test $(stat -c %s $log) -le 4096 && echo small; podman logs --tail 1 c
		podman logs c >got; n=$(sed -n '1s/line \([0-9]*\) .*/\1/p' got); test $n -gt 1 && echo cut; seq $n 1000 | sed 's/.*/line & of a thousand/' | cmp - got && echo in order; ls $(dirname $log) | grep -c ctr.log`,
		want: "small\nline 1000 of a thousand\ncut\nin order\n1\n"},
	{name: "path", script: `
		podman run --log-opt path=$D/work/my.log --name c img echo hello; cut -d' ' -f2- my.log; podman logs c
		podman inspect -f {{.HostConfig.LogConfig.Path}} c; stat -c %a my.log`, want: "hello\nstdout F hello\nhello\nDIR/work/my.log\n640\n",
		conmon: "(?s).*\n6[04]0\n", bug: "2.1.6 takes the caller's umask, 2.2 and the contract have 0640"},
	// The monitor may have ended before Podman writes to its start pipe, or after.
	{name: "a path that cannot be", script: `
		rc podman run --log-opt path=$D/no/such/my.log --name c img echo hello 2>&1 | sed 's/log file.*/log file/; s/write child: broken pipe/exit status 1/'; podman ps -a --format '{{.Status}}'`,
		want: "[conmon:e]: Failed to open log file\nError: exit status 1\n=126\nCreated\n"},
	{name: "after a restart", script: `
		podman run --name c img echo hello; podman start -a c; podman logs c`, want: "hello\nhello\nhello\nhello\n"},
	{name: "of a terminal", script: `
		podman run -t --name c img sh -c 'echo one; echo two >&2' | tr '\r' R; podman logs c | tr '\r' R`, want: "oneR\ntwoR\noneR\ntwoR\n"},
}

// record is what the journal gets of a line of the container c with the tag mine.
func record(partial, text string, priority int) string {
	return fmt.Sprintf("CONTAINER_ID=\"ID\" CONTAINER_ID_FULL=\"ID\" CONTAINER_NAME=\"c\" %sCONTAINER_TAG=\"mine\" MESSAGE=%q PRIORITY=\"%d\" SYSLOG_IDENTIFIER=\"mine\"\n", partial, text, priority)
}
