package podman

// sd_notify(3): who says that a container is ready. The caller's socket is
// $D/notify.sock; what comes there is in $NOTIFIED.
var notifyChecks = []check{
	{name: "container", script: `
		>$NOTIFIED; NOTIFY_SOCKET=$D/notify.sock podman run -d --sdnotify container --name c img sh -c 'echo $NOTIFY_SOCKET; notify STATUS=up READY=1 MAINPID=7; sleep 100' >/dev/null
		till 'grep READY $NOTIFIED'; till 'podman logs c | grep notify'; podman logs c; grep -v MAINPID $NOTIFIED`,
		want: "/run/notify/notify.sock\nSTATUS=up\nREADY=1\n", conmon: "/run/notify/notify.sock\n(STATUS=up\n)?READY=1\n", bug: "2.1.6 passes READY alone"},
	{name: "conmon", script: `
		>$NOTIFIED; NOTIFY_SOCKET=$D/notify.sock podman run -d --sdnotify conmon --name c img sh -c 'echo "[$NOTIFY_SOCKET]"; sleep 100' >/dev/null
		till 'grep READY $NOTIFIED'; till 'podman logs c | grep "\["'; podman logs c; sed s/$(podman inspect -f {{.State.ConmonPid}} c)/MONITOR/ $NOTIFIED`, want: "[]\nMAINPID=MONITOR READY=1\n"},
	{name: "ignore", script: `
		>$NOTIFIED; NOTIFY_SOCKET=$D/notify.sock podman run -d --sdnotify ignore --name c img sh -c 'echo "[$NOTIFY_SOCKET]"; sleep 100' >/dev/null
		till 'podman logs c | grep "\["'; podman logs c; cat $NOTIFIED`, want: "[]\n"},
}

// What Podman shows of containers.
var viewChecks = []check{
	{name: "inspect", script: `
		podman run -d --name c img sleep 100 >/dev/null
		podman inspect c | sed -e 's/^ *//' -e 's/"Pid": [0-9]*/"Pid": N/; s/"ConmonPid": [0-9]*/"ConmonPid": N/' | LC_ALL=C sort`,
		match: `(?s).*"ConmonPid": N,\n"ConmonPidFile": "DIR/runroot/vfs-containers/ID/userdata/conmon.pid",\n.*"ExitCode": 0,\n.*` +
			`"OOMKilled": false,\n.*"Path": "DIR/root/vfs-containers/ID/userdata/ctr.log",\n.*"Pid": N,\n.*"Running": true,\n.*"Status": "running",\n.*`},
	{name: "files", script: `
		podman run -d --name c img sleep 100 >/dev/null
		podman inspect -f '{{.ConmonPidFile}} {{.PidFile}} {{.HostConfig.LogConfig.Path}} {{.State.Running}}' c
		b=$(dirname $(podman inspect -f {{.HostConfig.LogConfig.Path}} c)); ls $b | sort; stat -c '%a %F' $b/ctl $b/winsz $b/attach; podman stop -t 0 c >/dev/null 2>&1; ls $b | sort`,
		want: "DIR/runroot/vfs-containers/ID/userdata/conmon.pid DIR/runroot/vfs-containers/ID/userdata/pidfile DIR/root/vfs-containers/ID/userdata/ctr.log true\n" +
			"artifacts\nattach\nconfig.json\nctl\nctr.log\nsecrets\nshm\nwinsz\n640 fifo\n640 fifo\n700 socket\n" +
			"artifacts\nconfig.json\nctr.log\nexit.json\nsecrets\nshm\n",
		conmon: "(?s)DIR/.*\n6[64]0 fifo\n6[64]0 fifo\n700 socket\nartifacts\nconfig.json\nctr.log\nsecrets\nshm\n", bug: "has no exit.json, our record of how it ended"},
	{name: "ps and top", script: `
		podman run -d --name c img sh -c 'sleep 100; true' >/dev/null; podman ps --format '{{.Names}} {{.Command}}'; podman top c comm | sort; podman stop -t 0 c >/dev/null 2>&1; podman ps -a --format '{{.Names}} {{.State}}' | cut -d' ' -f1-3`,
		want: "c sh -c sleep 100; ...\nCOMMAND\nsh\nsleep\nc Exited (137)\n"},
	{name: "cp, diff, export", script: `
		podman run -d --name c img sleep 100 >/dev/null; echo data >file; podman cp file c:/tmp/file; podman exec c cat /tmp/file; podman exec c sh -c 'echo back >/tmp/back'; podman cp c:/tmp/back back; cat back
		till 'podman diff c | grep tmp/back'; podman diff c >all || cat all; grep tmp/ all | sort; podman export c | tar -t | grep -c tmp/file`, want: "data\nback\nA /tmp/back\nA /tmp/file\n1\n"},
	{name: "stats", script: `
		podman run -d --name c img sleep 100 >/dev/null; podman stats --no-stream --format '{{.Name}} {{.PIDs}}' c`, want: "c 1\n"},
}

// Pods: several containers and, with infra, one that does nothing.
var podChecks = []check{
	{name: "without infra", script: `
		podman pod create --name p --infra=false >/dev/null; podman run -d --pod p --name a img sh -c 'echo of a; sleep 100' >/dev/null; podman run -d --pod p --name b img sh -c 'echo of b; sleep 100' >/dev/null
		podman pod ps --format '{{.Name}} {{.Status}} {{.NumberOfContainers}}'; till 'podman pod logs p | grep "of b"'; podman pod logs p | sed 's/^[^ ]* //' | sort
		podman pod stop -t 0 p >/dev/null 2>&1; podman pod ps --format {{.Status}}; podman pod start p | wc -l; podman pod kill p | wc -l; podman wait a b; podman pod rm p | wc -l; podman pod ps -q`,
		want: "p Running 2\nof a\nof b\nExited\n1\n1\n137\n137\n1\n"},
	{name: "with infra", script: `
		podman pod create --name p --infra-image img --infra-command 'sleep 1000' --share ipc,uts --hostname box >/dev/null; podman run -d --pod p --name a img sh -c 'hostname; sleep 100' >/dev/null
		podman run --rm --pod p img hostname; till 'podman logs a | grep .'; podman logs a; podman pod pause p | wc -l; podman pod ps --format {{.Status}}; podman pod unpause p | wc -l; podman pod rm -f -t 0 p | wc -l; podman ps -aq`,
		want: "box\nbox\n1\nPaused\n1\n1\n"},
}
