package podman

// Signals, pauses, restarts: what happens to a container while it lives.
var lifeChecks = []check{
	{name: "stop", script: `
		podman run -d --name c img sh -c 'trap "echo bye; exit 5" TERM; echo ready; while :; do sleep 0.1; done' >/dev/null
		till 'podman logs c | grep ready'; podman stop c; podman inspect -f '{{.State.Status}} {{.State.ExitCode}}' c; podman logs c; rc podman stop c`,
		want: "c\nexited 5\nready\nbye\nc\n=0\n"},
	{name: "stop of the deaf", script: `
		podman run -d --name c img sleep 100 >/dev/null; podman stop -t 1 c 2>err; grep -c SIGKILL err
		podman inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}' c`, want: "c\n1\nexited 137 false\n"},
	{name: "stop signal and timeout", script: `
		podman run -d --stop-signal USR1 --stop-timeout 20 --name c img sh -c 'trap "exit 9" USR1; echo ready; while :; do sleep 0.1; done' >/dev/null
		till 'podman logs c | grep ready'; podman stop c; podman wait c`, want: "c\n9\n"},
	{name: "kill", script: `
		podman run -d --name c img sh -c 'trap "echo HUP" HUP; trap "echo USR2" USR2; trap "exit 3" INT; echo ready; while :; do sleep 0.1; done' >/dev/null
		till 'podman logs c | grep ready'
		podman kill -s HUP c; till 'podman logs c | grep HUP'; podman kill -s SIGUSR2 c; till 'podman logs c | grep USR2'; podman kill -s 2 c
		podman wait c; podman logs c; rc podman kill c; rc podman kill -s NONE c`,
		match: "c\nc\nc\n3\nready\nHUP\nUSR2\nError: can only kill running containers. ID is in state exited: container state improper\n=125\nError: .*\n=125\n"},
	{name: "kill 9", script: `
		podman run -d --name c img sleep 100 >/dev/null; podman kill c; podman wait c; podman ps -a --format '{{.Status}}' | cut -d' ' -f1,2`, want: "c\n137\nExited (137)\n"},
	{name: "pause", script: `
		podman run -d --name c img sh -c 'i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done' >/dev/null
		till 'podman logs c | grep 5'; podman pause c | wc -l; podman ps -a --format {{.Status}}; n=$(podman logs c | wc -l); sleep 0.5; test $n = $(podman logs c | wc -l) && echo still
		rc podman exec c true; podman unpause c | wc -l; till 'test $(podman logs c | wc -l) -gt $n'; podman inspect -f {{.State.Status}} c`,
		want: "1\nPaused\nstill\nError: can only create exec sessions on running containers: container state improper\n=255\n1\nrunning\n"},
	{name: "wait", script: `
		podman run -d --name a img sh -c 'while [ ! -e /end ]; do sleep 0.1; done; exit 1' >/dev/null; podman run -d --name b img sh -c 'while [ ! -e /end ]; do sleep 0.1; done; exit 2' >/dev/null
		podman wait --condition running a; podman wait a b >out & podman exec b touch /end; podman exec a touch /end; wait $!; cat out; podman wait a; rc podman wait nosuch`,
		want: "-1\n1\n2\n1\nError: no container with name or ID \"nosuch\" found: no such container\n=125\n"},
	{name: "restart on-failure", script: `
		podman run --restart on-failure:2 --name c img sh -c 'echo x; exit 1'; till '[ "$(podman inspect -f {{.RestartCount}} c)" = 2 ]'
		till '[ "$(podman inspect -f {{.State.Status}} c)" = exited ]'; podman logs c; podman inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}}' c
		podman run --restart on-failure:2 --name d img true; podman inspect -f '{{.State.Status}} {{.RestartCount}}' d`,
		want: "x\nx\nx\nx\nexited 1 2\nexited 0\n"},
	{name: "restart always", script: `
		podman run -d --restart always --name c img sh -c 'echo x; exec sleep 100' >/dev/null; till '[ "$(podman logs c)" = x ]'
		pid=$(podman inspect -f {{.State.Pid}} c); kill -9 $pid; till '[ "$(podman logs c | wc -l)" = 2 ]'; podman inspect -f '{{.State.Status}} {{.RestartCount}}' c
		podman stop -t 0 c 2>/dev/null; sleep 0.5; podman inspect -f '{{.State.Status}} {{.State.ExitCode}}' c; podman logs c`,
		want: "running 1\nc\nexited 137\nx\nx\n"},
	{name: "restart", script: `
		podman run -d --name c img sh -c 'trap "exit 0" TERM; echo up; while :; do sleep 0.1; done' >/dev/null; till 'podman logs c | grep up'
		a=$(podman inspect -f {{.State.Pid}} c); podman restart c | wc -l; till '[ "$(podman logs c | wc -l)" = 2 ]'; test $a != $(podman inspect -f {{.State.Pid}} c) && podman inspect -f {{.State.Status}} c`,
		want: "1\nrunning\n"},
	{name: "rename", script: `
		podman run -d --name old img sh -c 'echo one; while [ ! -e /end ]; do sleep 0.1; done; echo two; exit 3' >/dev/null; podman rename old new
		podman exec new touch /end; podman wait new; podman logs new; rc podman logs old`,
		want: "3\none\ntwo\nError: no container with name or ID \"old\" found: no such container\n=125\n"},
	{name: "rm", script: `
		podman run -d --name c img sleep 100 >/dev/null; rc podman rm c; podman rm -f -t 0 c | wc -l; podman ps -aq`,
		want: "Error: cannot remove container ID as it is running - running or paused containers cannot be removed without force: container state improper\n=2\n1\n"},
	{name: "healthcheck", script: `
		podman run -d --health-cmd 'test -e /ok' --health-interval disable --health-retries 2 --name c img sleep 100 >/dev/null
		rc podman healthcheck run c; podman inspect -f {{.State.Health.Status}} c; rc podman healthcheck run c; podman inspect -f '{{.State.Health.Status}} {{.State.Health.FailingStreak}}' c
		podman exec c touch /ok; rc podman healthcheck run c; podman inspect -f '{{.State.Health.Status}} {{.State.Health.FailingStreak}} {{len .State.Health.Log}}' c`,
		want: "unhealthy\n=1\nstarting\nunhealthy\n=1\nunhealthy 2\n=0\nhealthy 0 3\n"},
	{name: "healthcheck with output", script: `
		podman run -d --health-cmd 'echo is fine; echo or not >&2; exit 0' --health-interval disable --name c img sleep 100 >/dev/null
		rc podman healthcheck run c; podman inspect -f '{{range .State.Health.Log}}{{.ExitCode}} {{.Output}}{{end}}' c`,
		want: "=0\n0 is fine\nor not\n"},
}

// How a container ended: what Podman learns from the monitor's files.
var endChecks = []check{
	{name: "out of memory", script: `
		podman run -m 16m --name c img sh -c 'tail /dev/zero; sleep 0.5; exit 4' >/dev/null 2>&1; echo "=$?"
		podman inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' c`, want: "=4\ntrue 4\n",
		conmon: "=4\n(true|false) 4\n", bug: "2.1.6 looks at the first line of /proc/PID/cgroup, whatever its hierarchy"},
	{name: "out of memory, detached", script: `
		podman run -d -m 16m --name c img sh -c 'tail /dev/zero; sleep 0.5; exit 137' >/dev/null 2>&1; podman wait c
		podman inspect -f '{{.State.OOMKilled}} {{.State.Status}}' c`, want: "137\ntrue exited\n",
		conmon: "137\n(true|false) exited\n", bug: "the same"},
	{name: "not out of memory", script: `
		podman run -m 64m --name c img true; podman inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' c`, want: "false 0\n"},
	{name: "times", script: `
		podman run --name c img sleep 1; podman inspect -f '{{.State.StartedAt.Unix}} {{.State.FinishedAt.Unix}}' c >times; read a b <times; test $((b-a)) -ge 1 && test $((b-a)) -le 3 && echo a second`,
		want: "a second\n"},
	{name: "children outlive the first process", script: `
		podman run --name c img sh -c 'sleep 30 & echo started; exit 2' ; echo "=$?"`, want: "started\n=2\n"},
	{name: "the last words", script: `
		for i in 1 2 3; do podman run --rm img sh -c 'seq 5000; exit 1' | tail -n 1; done
		podman run --name c --log-driver k8s-file img sh -c 'seq 5000' >/dev/null; podman logs c | tail -n 1`,
		want: "5000\n5000\n5000\n5000\n"},
	{name: "events", script: `
		podman run -d --name c img sh -c 'while [ ! -e /end ]; do sleep 0.1; done; exit 3' >/dev/null; podman exec c touch /end; podman wait c; till '[ "$(podman inspect -f {{.State.Status}} c)" = exited ]'; podman rm c >/dev/null
		podman events --stream=false --since 5m --filter container=c --format '{{.Status}} {{.ContainerExitCode}}' | grep -v exec | tail -n 6`,
		want: "3\ncreate 0\ninit 0\nstart 0\ndied 3\ncleanup 0\nremove 0\n"},
}
