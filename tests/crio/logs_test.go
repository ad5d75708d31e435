package crio

// What a container writes, in the format of Kubernetes.
var logChecks = []check{
	{name: "lines", script: `
		pod p; run c 'echo out; echo; printf "\001\377\n"; echo end'; ended $C; cat $L | tr '\001\377' 'AZ'; run d 'echo err >&2'; ended $C; cat $L`,
		want: "EXITED 0 Completed\nTIME stdout F out\nTIME stdout F \nTIME stdout F AZ\nTIME stdout F end\nEXITED 0 Completed\nTIME stderr F err\n"},
	{name: "parts", script: `
		pod p; run c 'printf "no newline"'; ended $C; cat $L; run d 'yes | tr -d "\n" | head -c 100000; echo'; ended $C; crictl logs $C | wc -c; grep -c ' stdout F ' $L; test $(grep -c ' stdout P ' $L) -ge 12 && awk 'length($0) > 8300' $L | wc -l`,
		want: "EXITED 0 Completed\nTIME stdout P no newline\nEXITED 0 Completed\n100001\n1\n0\n"},
	{name: "follow", script: `
		pod p; run c 'for i in 1 2 3; do echo $i; sleep 0.3; done'; crictl logs -f $C; crictl logs --tail 2 $C; state $C`, want: "1\n2\n3\n2\n3\nEXITED 0 Completed\n"},
	{name: "much", script: `
		pod p; run c 'seq 200000'; ended $C; lines $L >got; seq 200000 | cmp - got && echo all`, want: "EXITED 0 Completed\nall\n"},
	// As the kubelet rotates: it moves the file, then asks for a new one.
	{name: "reopen", script: `
		pod p; run c 'i=0; until [ -e /stop ]; do i=$((i+1)); echo $i; done; echo end'; until [ -e $L.5 ]; do n=$(ls $L.* 2>/dev/null | wc -l); said .; mv $L $L.$((n+1)); crictl logs -r --tail 0 $C 2>&1 | cut -d' ' -f3-; done
		crictl exec --sync $C touch /stop | grep .; ended $C; lines $L.1 $L.2 $L.3 $L.4 $L.5 $L >got; n=$(tail -2 got | head -1); { seq $n; echo end; } | cmp - got && test $n -gt 5 && echo all`,
		want: "msg=\"Container logs reopened\"\nmsg=\"Container logs reopened\"\nmsg=\"Container logs reopened\"\nmsg=\"Container logs reopened\"\nmsg=\"Container logs reopened\"\nEXITED 0 Completed\nall\n"},
	{name: "a limit", script: `
		down; up --log-size-max 20000; pod p; run c 'seq 3000; sleep 0.2; echo last'; ended $C; test $(wc -c <$L) -le 20000 && echo small; tail -1 $L; crictl rmp -f $P >/dev/null; down; up`,
		want: "EXITED 0 Completed\nsmall\nTIME stdout F last\n"},
	{name: "the journal too", script: `
		down; up --log-journald; pod p; run c 'echo to both; echo err >&2'; ended $C; sort -k2 $L; till 'journalctl -D /run/log/journal -q -o cat CONTAINER_ID_FULL=$C | grep err'
		journalctl -D /run/log/journal -q -o json --output-fields=MESSAGE,PRIORITY,CONTAINER_NAME CONTAINER_ID_FULL=$C | sed 's/.*"MESSAGE":"\([^"]*\)".*/\1/' | sort; crictl rmp -f $P >/dev/null; down; up`,
		want: "EXITED 0 Completed\nTIME stderr F err\nTIME stdout F to both\nerr\\n\nto both\\n\n"},
}
