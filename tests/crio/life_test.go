package crio

// How containers begin and end.
var lifeChecks = []check{
	{name: "exit codes", script: `
		pod p; for n in 0 1 42 255; do run c$n "exit $n"; ended $C; done; run c 'exec sleep 1000'; kill -KILL $(cat $(userdata $C)/pidfile); ended $C`,
		want: "EXITED 0 Completed\nEXITED 1 Error\nEXITED 42 Error\nEXITED 255 Error\nEXITED 137 Error\n"},
	{name: "its end is known without being asked for", script: `
		pod p; run c 'exit 9'; till 'crictl ps -a --state exited -q | grep .'; crictl ps -a -o json | grep '"state"' | tr -d ' '; state $C`,
		want: "\"state\":\"CONTAINER_EXITED\",\nEXITED 9 Error\n"},
	{name: "stop", script: `
		pod p; run c 'trap "echo bye; exit 7" TERM; echo ready; while :; do sleep 0.1; done'; said ready; crictl stop -t 60 $C; state $C; crictl logs $C; crictl stop $C`,
		want: "ID\nEXITED 7 Error\nready\nbye\nID\n"},
	{name: "stop of the deaf", script: `
		pod p; run c 'trap "echo no" TERM; echo ready; while :; do sleep 0.1; done'; said ready; crictl stop -t 1 $C; state $C; crictl logs $C`,
		want: "ID\nEXITED 137 Error\nready\nno\n"},
	{name: "stop of one that was never started", script: `
		pod p; ctr c 'echo never'; crictl stop -t 60 $C; state $C; crictl logs $C; crictl start $C; crictl rm $C; ls $D/logs/p`,
		match: "ID\nEXITED 137 Error\ntime=\"TIME\" level=fatal msg=.*container ID is not in created state: stopped\"\nID\n"},
	{name: "rm of a running one", script: `
		pod p; run c 'exec sleep 1000'; rc crictl rm $C; crictl rm -f $C | tail -1; crictl ps -aq`,
		want: "container \"ID\" is running, please stop it first\n=1\nID\n"},
	{name: "no such program", script: `
		pod p; ctr c 'true'; crictl rm $C >/dev/null; sed -i 's|"sh", "-c".*\], "linux|"/no/such"], "linux|' c.ctr; rc crictl create $P c.ctr p.pod; ls -A $D/logs/p; crictl ps -aq`,
		match: "time=\"TIME\" level=fatal msg=\"creating container: .*container create failed: .*create ID: step N find program \\(/process/args\\): execve\\(2\\) /no/such: ENOENT \\(no such file or directory\\): no such file or directory in the rootfs.*\n=1\n"},
	{name: "not a program", script: `
		pod p; ctr c 'true'; crictl rm $C >/dev/null; sed -i 's|"sh", "-c".*\], "linux|"/etc/passwd"], "linux|' c.ctr; rc crictl create $P c.ctr p.pod; ls -A $D/logs/p; crictl ps -aq`,
		match: "time=\"TIME\" level=fatal msg=\"creating container: .*execve\\(2\\) /etc/passwd: EACCES \\(permission denied\\).*\n=1\n"},
	// Where only execve(2) itself finds out.
	{name: "a script without an interpreter", script: `
		mkdir vol; printf '#!/no/such\n' >vol/run; chmod +x vol/run; pod p
		ctr c 'true' ", \"mounts\": [{\"host_path\": \"$D/work/vol\", \"container_path\": \"/v\"}]"; crictl rm $C >/dev/null; sed -i 's|"sh", "-c".*\], "linux|"/v/run"], "linux|' c.ctr
		C=$(crictl create $P c.ctr p.pod) && rc crictl start $C; crictl ps -aq`,
		match: "time=\"TIME\" level=fatal msg=\"starting the container .*ENOENT.*/no/such.*\n=1\n"},
	{name: "a terminal and no such program", script: `
		pod p; ctr c 'true' ', "tty": true, "stdin": true'; crictl rm $C >/dev/null; sed -i 's|"sh", "-c".*\], "linux|"/no/such"], "linux|' c.ctr; sed -i 's|}}}$|}}, "tty": true, "stdin": true}|' c.ctr; rc crictl create $P c.ctr p.pod`,
		match: "time=\"TIME\" level=fatal msg=\"creating container: .*execve\\(2\\) /no/such: ENOENT.*\n=1\n"},
	{name: "out of memory", script: `
		pod p; run c 'x=0123456789; while :; do x=$x$x; done' '' ', "resources": {"memory_limit_in_bytes": 33554432}'; ended $C`,
		want: "EXITED 137 OOMKilled\n"},
	{name: "a child of it is out of memory", script: `
		pod p; run c 'sh -c "x=0123456789; while :; do x=\$x\$x; done"; echo child $?; exit 3' '' ', "resources": {"memory_limit_in_bytes": 33554432}'; ended $C; crictl logs $C 2>/dev/null`,
		want: "EXITED 3 OOMKilled\nchild 137\n"},
	{name: "children do not outlive it", script: `
		pod p; run c 'sleep 4322 & setsid sleep 4322 & exit 5'; ended $C; till '! grep -q . $(find /sys/fs/cgroup -path "*$PARENT/crio-$C/cgroup.procs" 2>/dev/null | head -1)'`, want: "EXITED 5 Error\n"},
	{name: "ten at once", script: `
		pod p; for i in $(seq 10); do (run c$i "echo out $i; exit $i"; ended $C >$i; crictl logs $C >>$i) & done; wait; for i in $(seq 10); do printf 'EXITED %d Error\nout %d\n' $i $i | cmp - $i || cat $i; done`},
	{name: "the monitor is killed", script: `
		pod p; run c 'exec sleep 1000'; kill -KILL $(monitor $C); till '! grep -q . /proc/$(monitor $C)/cmdline'; state $C; crictl exec --sync $C echo still | head -1; crictl stop -t 0 $C; state $C; rm -f $ATTACH/$C`,
		want: "RUNNING 0\nstill\nID\nEXITED -1 Error\n"},
	{name: "the monitor is asked to end", script: `
		pod p; run c 'trap "echo got it; exit 6" TERM; echo ready; while :; do sleep 0.1; done'; said ready; kill -TERM $(monitor $C); ended $C; crictl logs $C`,
		want: "EXITED 6 Error\nready\ngot it\n"},
	{name: "it runs as soon as it is started", script: `
		pod p; for i in $(seq 10); do run c$i 'exec sleep 1000'; state $C; crictl stop -t 0 $C >/dev/null; done | sort | uniq -c | tr -s ' '`, want: " 10 RUNNING 0\n"},
}
