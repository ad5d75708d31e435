package crio

// CRI-O goes and comes back; containers and their monitors stay.
var restartChecks = []check{
	{name: "all is found again", script: `
		pod p '"network": 0, "pid": 1'; run a 'i=0; until [ -e /stop ]; do i=$((i+1)); echo $i; sleep 0.01; done; exit 5'; a=$C; al=$L; run b 'while read x; do echo "got $x"; done; exit 6' ', "stdin": true'; b=$C; bl=$L
		m=$(monitor $a) n=$(monitor $b); down; up; state $a; state $b; crictl exec --sync $a echo in | head -1; echo word | crictl attach -i $b >/dev/null; L=$bl; said 'got word'
		test $m = $(monitor $a) && test $n = $(monitor $b) && kill -0 $m $n && echo same monitors
		mv $al $al.1; crictl logs -r --tail 0 $a 2>&1 | cut -d' ' -f3-; crictl exec --sync $a touch /stop | grep .; ended $a; lines $al.1 $al >got; seq $(tail -1 got) | cmp - got && echo all
		crictl stop -t 0 $b; state $b`,
		want: "RUNNING 0\nRUNNING 0\nin\nsame monitors\nmsg=\"Container logs reopened\"\nEXITED 5 Error\nall\nID\nEXITED 137 Error\n"},
	{name: "one that ended meanwhile", script: `
		pod p; run c 'until [ -e /stop ]; do sleep 0.1; done; echo last; exit 7'; down; touch /proc/$(cat $(userdata $C)/pidfile)/root/stop; till 'grep -q 7 $D/run/exits/$C'; cat $D/run/exits/$C; echo; up; state $C; crictl logs $C`,
		want: "7\nEXITED 7 Error\nlast\n"},
	{name: "killed", script: `
		pod p; run c 'exec sleep 1000'; a=$C; run d 'exit 8'; ended $C; down KILL; up; state $a; state $C; crictl exec --sync $a echo in | head -1; crictl stop -t 0 $a; crictl pods -q`,
		want: "EXITED 8 Error\nRUNNING 0\nEXITED 8 Error\nin\nID\nID\n"},
	{name: "killed while it execs", script: `
		pod p; run c 'exec sleep 1000'; crictl exec --sync $C sleep 3 >/dev/null 2>&1 & till 'crictl exec --sync $C ps | grep "[s]leep 3"'; down KILL; wait; up; state $C; till '! crictl exec --sync $C ps | grep "[s]leep 3"'; crictl exec --sync $C echo in | head -1; rm -f $D/tmp/*`,
		want: "RUNNING 0\nin\n"},
	{name: "created, and started by the next", script: `
		pod p; ctr c 'echo at last; exit 2'; down; up; state $C; crictl start $C; ended $C; crictl logs $C`, want: "CREATED 0\nID\nEXITED 2 Error\nat last\n"},
}
