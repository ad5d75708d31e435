package crio

// Pods and what their containers have of them: namespaces, cgroups, users.
var podChecks = []check{
	{name: "version", script: `crictl version; crictl info -o go-template --template '{{range .status.conditions}}{{.type}} {{.status}}{{"\n"}}{{end}}'`,
		want: "Version:  0.1.0\nRuntimeName:  cri-o\nRuntimeVersion:  1.34.0\nRuntimeApiVersion:  v1\nRuntimeReady true\nNetworkReady true\n\n"},
	{name: "a pod and its container", script: `
		pod p; ctr c 'until [ -e /go ]; do sleep 0.1; done; exit 0'; state $C; crictl start $C; state $C; crictl inspectp -o go-template --template '{{.status.state}} {{.status.metadata.name}}' $P
		crictl exec --sync $C touch /go; ended $C; crictl ps -aq; crictl rm $C; crictl stopp $P; crictl inspectp -o go-template --template '{{.status.state}}' $P; crictl rmp $P; crictl pods -q`,
		want: "CREATED 0\nID\nRUNNING 0\nSANDBOX_READY p\n\n\nEXITED 0 Completed\nID\nID\nStopped sandbox ID\nSANDBOX_NOTREADY\nRemoved sandbox ID\n"},
	{name: "namespaces of its own", script: `
		pod own '"network": 0, "pid": 1' '' ', "dns_config": {"servers": ["192.0.2.1"]}'; run c 'hostname; ip -o addr show lo | head -1 | tr -s " " | cut -d" " -f2-4; ls /sys/class/net | tr "\n" " "; cat /etc/resolv.conf; echo pid $$; sleep 1000'
		said pid; crictl logs $C; for ns in net ipc uts; do test $(readlink /proc/self/ns/$ns) != $(crictl exec --sync $C readlink /proc/self/ns/$ns | head -1) && echo own $ns; done
		crictl inspectp -o go-template --template '{{.status.network.ip}}' $P`,
		match: `own\nlo inet 127.0.0.1/8\nlo +nameserver 192.0.2.1\npid 1\nown net\nown ipc\nown uts\n127.0.0.1\n`},
	{name: "two containers share them", script: `
		pod p '"network": 0, "pid": 1'; run a 'sleep 1000'; a=$C; run b 'sleep 1000'
		for ns in net ipc uts mnt pid; do test $(crictl exec --sync $a readlink /proc/self/ns/$ns | head -1) = $(crictl exec --sync $C readlink /proc/self/ns/$ns | head -1) && echo $ns; done`,
		want: "net\nipc\nuts\n"},
	{name: "sysctls", script: `
		pod p '"network": 0, "pid": 1' ', "sysctls": {"net.ipv4.ip_local_port_range": "2000 3000", "kernel.shm_rmid_forced": "1"}'; run c 'cat /proc/sys/net/ipv4/ip_local_port_range /proc/sys/kernel/shm_rmid_forced'; ended $C; crictl logs $C | tr '\t' ' '`,
		want: "EXITED 0 Completed\n2000 3000\n1\n"},
	// With a process that holds the namespace for all.
	{name: "one pid namespace", script: `
		[ -z "$ROOTLESS" ] || { down; export _CRIO_ROOTLESS=1; up; }
		pod p '"network": 0, "pid": 0'; run a 'echo a; exec sleep 1000'; a=$C; run b 'until ps | grep -v grep | grep -q "sleep 1000"; do sleep 0.1; done; ps -o args | head -2; exit 4'; ended $C; crictl logs $C; state $a
		crictl stop -t 0 $a >/dev/null; crictl rmp -f $P
		[ -z "$ROOTLESS" ] || { down; unset _CRIO_ROOTLESS; up; }`,
		want: "EXITED 4 Error\nCOMMAND\n{pause} /bin/sh /pause\nRUNNING 0\nStopped sandbox ID\nRemoved sandbox ID\n"},
	{name: "the host's pid namespace", script: `
		pod p '"network": 2, "pid": 2'; run c 'test $$ != 1 && echo high; sleep 4321 & echo $!; exit 3'; ended $C; crictl logs $C | head -1; child=$(crictl logs $C | sed -n 2p); till '! kill -0 $child'`,
		want: "EXITED 3 Error\nhigh\n"},
	{name: "a user namespace", script: `
		users='"userns_options": {"mode": 0, "uids": [{"host_id": 100000, "container_id": 0, "length": 65536}], "gids": [{"host_id": 100000, "container_id": 0, "length": 65536}]}'
		pod p "\"network\": 0, \"pid\": 1, $users"; run c 'id -u; cat /proc/self/uid_map | tr -s " "; touch /x && echo mine; exec sleep 1000'; said mine; crictl logs $C; crictl exec --sync $C id -u; stat -c %u /proc/$(cat $(userdata $C)/pidfile)`,
		want: "0\n 0 100000 65536\nmine\n0\n\n\n100000\n"},
	{name: "who runs there", script: `
		pod p; run c 'id; grep -E "CapEff|NoNewPrivs|^Seccomp:" /proc/self/status | tr "\t" " "; touch /x; env | grep A=; pwd' ', "envs": [{"key": "A", "value": "b c"}], "working_dir": "/tmp"' '' ', "run_as_user": {"value": 1000}, "run_as_group": {"value": 2000}, "supplemental_groups": [3000], "readonly_rootfs": true, "no_new_privs": true, "seccomp": {"profile_type": 0}'
		ended $C; crictl logs $C`,
		want: "EXITED 0 Completed\nuid=1000(user) gid=2000(extra) groups=2000(extra),3000\nCapEff: 0000000000000000\nNoNewPrivs: 1\nSeccomp: 2\ntouch: /x: Read-only file system\nA=b c\n/tmp\n"},
	{name: "capabilities", script: `
		pod p; run c 'grep CapEff /proc/self/status | tr "\t" " "' '' '' ', "capabilities": {"add_capabilities": ["SYS_TIME"], "drop_capabilities": ["KILL"]}'; ended $C; crictl logs $C`,
		want: "EXITED 0 Completed\nCapEff: 00000000020005db\n"},
	{name: "privileged", script: `
		pod p '"network": 2, "pid": 1' '' ; sed -i 's/"security_context": {/&"privileged": true, /' p.pod; crictl rmp -f $P >/dev/null; P=$(crictl runp p.pod)
		run c 'grep -E "CapEff|^Seccomp:" /proc/self/status | tr "\t" " " | sed s/00000.*f$/all/; test -e /dev/kmsg && echo devices; touch /proc/sys/kernel/hostname && echo writable' '' '' ', "privileged": true'; ended $C; crictl logs $C 2>&1 | grep -v 'capability CAP_SYS_RESOURCE'`,
		want: "EXITED 0 Completed\nCapEff: all\nSeccomp: 0\ndevices\nwritable\n"},
	{name: "mounts", script: `
		mkdir -p vol; echo of the host >vol/file; pod p
		run c 'cat /ro/file; touch /ro/x; touch /rw/x && echo written; grep " /ro " /proc/mounts | cut -d" " -f4 | cut -d, -f1' ", \"mounts\": [{\"host_path\": \"$D/work/vol\", \"container_path\": \"/ro\", \"readonly\": true}, {\"host_path\": \"$D/work/vol\", \"container_path\": \"/rw\"}]"
		ended $C; crictl logs $C; ls vol`,
		match: "EXITED 0 Completed\nof the host\n(written\nro\ntouch: /ro/x: Read-only file system|touch: /ro/x: Read-only file system\nwritten\nro)\nfile\nx\n"},
	{name: "cgroups", script: `
		pod p; run c 'exec sleep 1000' '' ', "resources": {"memory_limit_in_bytes": 67108864, "cpu_shares": 512, "cpu_quota": 50000, "cpu_period": 100000}'
		show() { cat $(find /sys/fs/cgroup -path "*$PARENT/crio-$C/$1" 2>/dev/null); }
		show memory.limit_in_bytes; show cpu.shares; show cpu.cfs_quota_us
		crictl update --memory 33554432 --cpu-quota 20000 $C; show memory.limit_in_bytes; show cpu.cfs_quota_us; show cpu.shares
		grep -q "$PARENT/crio-conmon-$C" /proc/$(monitor $C)/cgroup && echo the monitor is in the pod`,
		want: "67108864\n512\n50000\nID\n33554432\n20000\n512\nthe monitor is in the pod\n"},
	{name: "stats", script: `
		pod p; run c 'i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done; exec sleep 1000'; till 'crictl exec --sync $C ps | grep "1 root *sleep"'
		crictl stats -o json $C >s; for what in usageCoreNanoSeconds workingSetBytes; do grep -A1 "\"$what\"" s | grep -q '"value": *"[1-9]' && echo $what; done`,
		want: "usageCoreNanoSeconds\nworkingSetBytes\n"},
	{name: "a port is forwarded", script: `
		pod p '"network": 0, "pid": 1'; run c 'nc -ll -p 8080 -e echo from the pod'; till 'crictl exec --sync $C cat /proc/net/tcp /proc/net/tcp6 | grep :1F90'
		$CRICTL --config $D/crictl.yaml port-forward $P :8080 >out & till 'grep -q Forwarding out'; busybox nc 127.0.0.1 $(sed -n 's/.*127.0.0.1:\([0-9]*\).*/\1/p' out | head -1) </dev/null; kill $!; wait`,
		want: "from the pod\n"},
}
