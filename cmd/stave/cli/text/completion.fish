# Completion of stave for fish: stave completion fish > ~/.config/fish/completions/stave.fish

# The flags of a verb that take a value; of stave itself if there is no verb.
function __stave_value_flags
    switch "$argv[1]"
        case ''
            string split ' ' -- '--root --log --log-format --rootless'
        case create
            string split ' ' -- '--bundle -b --console-socket --pidfd-socket --pid-file --preserve-fds --trace'
        case run
            string split ' ' -- '--bundle -b --console-socket --pidfd-socket --pid-file --preserve-fds --trace'
        case exec
            string split ' ' -- '--process -p --cwd --env -e --user -u --additional-gids -g --cap -c --apparmor --process-label --cgroup --console-socket --pidfd-socket --pid-file --preserve-fds --trace'
        case update
            string split ' ' -- '--resources -r --memory --memory-reservation --memory-swap --cpu-period --cpu-quota --cpu-burst --cpu-share --cpu-idle --cpu-rt-period --cpu-rt-runtime --cpuset-cpus --cpuset-mems --pids-limit --blkio-weight --l3-cache-schema --mem-bw-schema'
        case list
            string split ' ' -- '--format -f'
        case ps
            string split ' ' -- '--format -f'
        case events
            string split ' ' -- '--interval'
        case trace
            string split ' ' -- '--format --output -o'
        case spec
            string split ' ' -- '--bundle -b'
        case checkpoint
            string split ' ' -- '--image-path --work-path --parent-path --status-fd --page-server --manage-cgroups-mode --empty-ns'
        case restore
            string split ' ' -- '--console-socket --image-path --work-path --manage-cgroups-mode --bundle -b --pid-file --empty-ns --lsm-profile --lsm-mount-context'
    end
end

# Prints the verb, if there is one, and then the arguments before the cursor.
function __stave_words
    set -l verb ''
    set -l skip 0
    set -l tokens (commandline -opc)
    for word in $tokens[2..-1]
        if test $skip = 1
            set skip 0
        else if string match -q -- '-*' $word
            contains -- $word (__stave_value_flags $verb); and set skip 1
        else
            test -z "$verb"; and set verb $word
            echo $word
        end
    end
end

function __stave_no_verb
    set -l words (__stave_words)
    test (count $words) = 0
end

# __stave_in VERB: VERB is being written.
function __stave_in
    set -l words (__stave_words)
    test "$words[1]" = $argv[1]
end

# __stave_at VERB N: its Nth argument is being written.
function __stave_at
    set -l words (__stave_words)
    test "$words[1]" = $argv[1]; and test (count $words) = $argv[2]
end

function __stave_ids
    set -l root
    set -l tokens (commandline -opc)
    for i in (seq (count $tokens))
        string match -q -- '--root=*' $tokens[$i]; and set root $tokens[$i]
        test $tokens[$i] = --root; and set -q tokens[(math $i + 1)]; and set root --root $tokens[(math $i + 1)]
    end
    command stave $root list --quiet 2>/dev/null
end

complete -c stave -f
complete -c stave -n '__stave_no_verb' -l root -r -a '(__fish_complete_directories)' -d 'keep the state of containers in DIR, best a tmpfs; without root\'s rights the default is $XDG_RUNTIME_DIR/stave (default: /run/stave)'
complete -c stave -n '__stave_no_verb' -l log -r -F -d 'append messages to FILE instead of standard error'
complete -c stave -n '__stave_no_verb' -l log-format -r -a 'text json' -d 'write messages as text or as json, one object a line; with json an error keeps its step, field, system call and errno apart (default: text)'
complete -c stave -n '__stave_no_verb' -l debug -d 'also write messages that only matter when something is wrong with stave itself'
complete -c stave -n '__stave_no_verb' -l systemd-cgroup -d 'let systemd make the cgroup; linux.cgroupsPath then reads slice:prefix:name, such as system.slice:stave:web1'
complete -c stave -n '__stave_no_verb' -l rootless -r -a 'true false auto' -d 'go on without a cgroup where permission to make one is missing: true, false, or auto to decide by who we are (default: auto)'
complete -c stave -n '__stave_no_verb' -l help -s h -d 'show help; after a verb, the help of that verb'
complete -c stave -n '__stave_no_verb' -l version -s v -d 'show the versions of stave, of the OCI specification, and of Go'
complete -c stave -n __stave_no_verb -a create -d 'make a container, ready to start'
complete -c stave -n __stave_no_verb -a start -d 'let a created container run its program'
complete -c stave -n __stave_no_verb -a run -d 'create, start, wait, and delete in one'
complete -c stave -n __stave_no_verb -a kill -d 'send a signal to a container\'s first process'
complete -c stave -n __stave_no_verb -a delete -d 'remove a stopped container and all it holds'
complete -c stave -n __stave_no_verb -a exec -d 'run one more process in a container'
complete -c stave -n __stave_no_verb -a pause -d 'stop every process of a container where it stands'
complete -c stave -n __stave_no_verb -a resume -d 'let a paused container go on'
complete -c stave -n __stave_no_verb -a update -d 'change the limits of a container'
complete -c stave -n __stave_no_verb -a state -d 'show one container as JSON'
complete -c stave -n __stave_no_verb -a list -d 'show all containers'
complete -c stave -n __stave_no_verb -a ps -d 'show the processes of a container'
complete -c stave -n __stave_no_verb -a events -d 'follow what a container uses, and its out-of-memory kills'
complete -c stave -n __stave_no_verb -a explain -d 'show the system calls that a container consists of'
complete -c stave -n __stave_no_verb -a trace -d 'show where the time of a create, run or exec went'
complete -c stave -n __stave_no_verb -a spec -d 'write a config.json to begin with'
complete -c stave -n __stave_no_verb -a features -d 'show what this stave can do, as JSON'
complete -c stave -n __stave_no_verb -a completion -d 'print the completion script for a shell'
complete -c stave -n __stave_no_verb -a help -d 'show help, of one verb if it is named'
complete -c stave -n __stave_no_verb -a checkpoint -d 'save a running container to disk'
complete -c stave -n __stave_no_verb -a restore -d 'bring a saved container back'
complete -c stave -n '__stave_in create' -l bundle -s b -r -a '(__fish_complete_directories)' -d 'take config.json from DIR instead of the current directory'
complete -c stave -n '__stave_in create' -l console-socket -r -F -d 'send the master side of the terminal to the unix socket SOCKET (SCM_RIGHTS)'
complete -c stave -n '__stave_in create' -l pidfd-socket -r -F -d 'send a pidfd of the process to the unix socket SOCKET (SCM_RIGHTS)'
complete -c stave -n '__stave_in create' -l pid-file -r -F -d 'write the process id, as the host counts, to FILE'
complete -c stave -n '__stave_in create' -l preserve-fds -r -d 'hand on N more file descriptors, after 0, 1, 2 and those of $LISTEN_FDS'
complete -c stave -n '__stave_in create' -l no-pivot -d 'enter the root with a moved mount and chroot(2) instead of pivot_root(2), which an initramfs cannot do; weaker'
complete -c stave -n '__stave_in create' -l no-new-keyring -d 'keep the caller\'s session keyring instead of a new one; the container can then read the caller\'s keys'
complete -c stave -n '__stave_in create' -l trace -r -F -d 'write the time of every step to FILE; show it with stave trace'
complete -c stave -n '__stave_in create' -l help -s h -d 'show this help'
complete -c stave -n '__stave_in start' -l help -s h -d 'show this help'
complete -c stave -n '__stave_at start 1' -a '(__stave_ids)'
complete -c stave -n '__stave_in run' -l bundle -s b -r -a '(__fish_complete_directories)' -d 'take config.json from DIR instead of the current directory'
complete -c stave -n '__stave_in run' -l detach -s d -d 'return as soon as the process runs instead of waiting for its end'
complete -c stave -n '__stave_in run' -l keep -d 'do not delete the container when its process has ended'
complete -c stave -n '__stave_in run' -l console-socket -r -F -d 'send the master side of the terminal to the unix socket SOCKET (SCM_RIGHTS)'
complete -c stave -n '__stave_in run' -l pidfd-socket -r -F -d 'send a pidfd of the process to the unix socket SOCKET (SCM_RIGHTS)'
complete -c stave -n '__stave_in run' -l pid-file -r -F -d 'write the process id, as the host counts, to FILE'
complete -c stave -n '__stave_in run' -l preserve-fds -r -d 'hand on N more file descriptors, after 0, 1, 2 and those of $LISTEN_FDS'
complete -c stave -n '__stave_in run' -l no-pivot -d 'enter the root with a moved mount and chroot(2) instead of pivot_root(2), which an initramfs cannot do; weaker'
complete -c stave -n '__stave_in run' -l no-new-keyring -d 'keep the caller\'s session keyring instead of a new one; the container can then read the caller\'s keys'
complete -c stave -n '__stave_in run' -l trace -r -F -d 'write the time of every step to FILE; show it with stave trace'
complete -c stave -n '__stave_in run' -l help -s h -d 'show this help'
complete -c stave -n '__stave_in kill' -l help -s h -d 'show this help'
complete -c stave -n '__stave_at kill 1' -a '(__stave_ids)'
complete -c stave -n '__stave_at kill 2' -a 'TERM KILL INT HUP QUIT USR1 USR2 STOP CONT WINCH'
complete -c stave -n '__stave_in delete' -l force -s f -d 'kill the container if it runs; also succeeds on a half-made or damaged one, and on one that does not exist'
complete -c stave -n '__stave_in delete' -l help -s h -d 'show this help'
complete -c stave -n '__stave_at delete 1' -a '(__stave_ids)'
complete -c stave -n '__stave_at exec 1' -l process -s p -r -F -d 'take the whole process section from FILE (JSON); COMMAND and the flags under Process are then not read'
complete -c stave -n '__stave_at exec 1' -l detach -s d -d 'return as soon as the process runs instead of waiting for its end'
complete -c stave -n '__stave_at exec 1' -l cwd -r -d 'start in DIR, a path in the container'
complete -c stave -n '__stave_at exec 1' -l env -s e -r -d 'add a variable to the environment; repeatable'
complete -c stave -n '__stave_at exec 1' -l tty -s t -d 'give the process a terminal'
complete -c stave -n '__stave_at exec 1' -l user -s u -r -d 'run as these ids, as the container counts them'
complete -c stave -n '__stave_at exec 1' -l additional-gids -s g -r -d 'add a supplementary group; repeatable'
complete -c stave -n '__stave_at exec 1' -l cap -s c -r -d 'add a capability, such as CAP_NET_ADMIN; repeatable'
complete -c stave -n '__stave_at exec 1' -l no-new-privs -d 'set no_new_privs: execve(2) then grants nothing, not even by setuid'
complete -c stave -n '__stave_at exec 1' -l apparmor -r -d 'confine the process by this AppArmor profile'
complete -c stave -n '__stave_at exec 1' -l process-label -r -d 'confine the process by this SELinux label'
complete -c stave -n '__stave_at exec 1' -l cgroup -r -d 'run in this cgroup, which must exist, below the container\'s own; on cgroup v1 repeatable, with the controllers in front'
complete -c stave -n '__stave_at exec 1' -l ignore-paused -d 'run in a paused container too; the process stands still until resume'
complete -c stave -n '__stave_at exec 1' -l console-socket -r -F -d 'send the master side of the terminal to the unix socket SOCKET (SCM_RIGHTS)'
complete -c stave -n '__stave_at exec 1' -l pidfd-socket -r -F -d 'send a pidfd of the process to the unix socket SOCKET (SCM_RIGHTS)'
complete -c stave -n '__stave_at exec 1' -l pid-file -r -F -d 'write the process id, as the host counts, to FILE'
complete -c stave -n '__stave_at exec 1' -l preserve-fds -r -d 'hand on N more file descriptors, after 0, 1, 2 and those of $LISTEN_FDS'
complete -c stave -n '__stave_at exec 1' -l trace -r -F -d 'write the time of every step to FILE; show it with stave trace'
complete -c stave -n '__stave_at exec 1' -l help -s h -d 'show this help'
complete -c stave -n '__stave_at exec 1' -a '(__stave_ids)'
complete -c stave -n '__stave_in pause' -l help -s h -d 'show this help'
complete -c stave -n '__stave_at pause 1' -a '(__stave_ids)'
complete -c stave -n '__stave_in resume' -l help -s h -d 'show this help'
complete -c stave -n '__stave_at resume 1' -a '(__stave_ids)'
complete -c stave -n '__stave_in update' -l resources -s r -r -F -d 'read the limits from FILE, or from standard input if FILE is -'
complete -c stave -n '__stave_in update' -l memory -r -d 'no more memory than this'
complete -c stave -n '__stave_in update' -l memory-reservation -r -d 'when the host runs short, take memory back down to this'
complete -c stave -n '__stave_in update' -l memory-swap -r -d 'no more memory and swap together than this'
complete -c stave -n '__stave_in update' -l cpu-period -r -d 'length of a scheduling period; 0: the system\'s default'
complete -c stave -n '__stave_in update' -l cpu-quota -r -d 'processor time in each period'
complete -c stave -n '__stave_in update' -l cpu-burst -r -d 'unused time that may be saved for later periods'
complete -c stave -n '__stave_in update' -l cpu-share -r -d 'weight against other containers, 2 to 262144; 1024 is usual'
complete -c stave -n '__stave_in update' -l cpu-idle -r -a '0 1' -d '1: run only when nothing else wants the processor (SCHED_IDLE)'
complete -c stave -n '__stave_in update' -l cpu-rt-period -r -d 'length of a realtime period; 0: the system\'s default (cgroup v1)'
complete -c stave -n '__stave_in update' -l cpu-rt-runtime -r -d 'realtime processor time in each of them (cgroup v1)'
complete -c stave -n '__stave_in update' -l cpuset-cpus -r -d 'run on these processors only, such as 0-3,8'
complete -c stave -n '__stave_in update' -l cpuset-mems -r -d 'take memory from these nodes only'
complete -c stave -n '__stave_in update' -l pids-limit -r -d 'no more processes and threads than this; -1: no limit'
complete -c stave -n '__stave_in update' -l blkio-weight -r -d 'weight of block I/O, 10 to 1000'
complete -c stave -n '__stave_in update' -l l3-cache-schema -r -d 'parts of the L3 cache (resctrl), such as L3:0=ff;1=ff'
complete -c stave -n '__stave_in update' -l mem-bw-schema -r -d 'memory bandwidth (resctrl), such as MB:0=50;1=50'
complete -c stave -n '__stave_in update' -l help -s h -d 'show this help'
complete -c stave -n '__stave_at update 1' -a '(__stave_ids)'
complete -c stave -n '__stave_in state' -l help -s h -d 'show this help'
complete -c stave -n '__stave_at state 1' -a '(__stave_ids)'
complete -c stave -n '__stave_in list' -l format -s f -r -a 'table json' -d 'print a table, or json on one line (default: table)'
complete -c stave -n '__stave_in list' -l quiet -s q -d 'print only the ids'
complete -c stave -n '__stave_in list' -l help -s h -d 'show this help'
complete -c stave -n '__stave_at ps 1' -l format -s f -r -a 'table json' -d 'print a table, or json on one line (default: table)'
complete -c stave -n '__stave_at ps 1' -l help -s h -d 'show this help'
complete -c stave -n '__stave_at ps 1' -a '(__stave_ids)'
complete -c stave -n '__stave_in events' -l interval -r -d 'time between two reports, such as 500ms or 1m (default: 5s)'
complete -c stave -n '__stave_in events' -l stats -d 'print one report and end'
complete -c stave -n '__stave_in events' -l help -s h -d 'show this help'
complete -c stave -n '__stave_at events 1' -a '(__stave_ids)'
complete -c stave -n '__stave_in explain' -l json -d 'print the plan as JSON'
complete -c stave -n '__stave_in explain' -l steps -d 'print a line for each step: number, actor, name and field, between tabs'
complete -c stave -n '__stave_in explain' -l short -d 'leave out the reasons and the system calls'
complete -c stave -n '__stave_in explain' -l help -s h -d 'show this help'
complete -c stave -n '__stave_at explain 1' -a '(__fish_complete_directories)'
complete -c stave -n '__stave_in trace' -l format -r -a 'text svg chrome' -d 'print text, a drawing (svg), or JSON for Perfetto and chrome://tracing (chrome) (default: text)'
complete -c stave -n '__stave_in trace' -l output -s o -r -F -d 'write to FILE instead of standard output'
complete -c stave -n '__stave_in trace' -l help -s h -d 'show this help'
complete -c stave -n '__stave_at trace 1' -F
complete -c stave -n '__stave_in spec' -l bundle -s b -r -a '(__fish_complete_directories)' -d 'write to DIR instead of the current directory'
complete -c stave -n '__stave_in spec' -l rootless -d 'for a user without root\'s rights: a user namespace that maps this user to root'
complete -c stave -n '__stave_in spec' -l help -s h -d 'show this help'
complete -c stave -n '__stave_in features' -l help -s h -d 'show this help'
complete -c stave -n '__stave_in completion' -l help -s h -d 'show this help'
complete -c stave -n '__stave_at completion 1' -a 'bash zsh fish'
complete -c stave -n '__stave_in help' -l help -s h -d 'show this help'
complete -c stave -n '__stave_at help 1' -a 'create start run kill delete exec pause resume update state list ps events explain trace spec features completion help checkpoint restore'
complete -c stave -n '__stave_in checkpoint' -l image-path -r -a '(__fish_complete_directories)' -d 'CRIU\'s images'
complete -c stave -n '__stave_in checkpoint' -l work-path -r -a '(__fish_complete_directories)' -d 'CRIU\'s work files and logs'
complete -c stave -n '__stave_in checkpoint' -l parent-path -r -a '(__fish_complete_directories)' -d 'images of an earlier --pre-dump'
complete -c stave -n '__stave_in checkpoint' -l leave-running -d 'do not stop the container'
complete -c stave -n '__stave_in checkpoint' -l tcp-established -d 'include open TCP connections'
complete -c stave -n '__stave_in checkpoint' -l tcp-skip-in-flight -d 'leave out TCP connections that are not yet established'
complete -c stave -n '__stave_in checkpoint' -l link-remap -d 'link deleted files that are still open back to a name'
complete -c stave -n '__stave_in checkpoint' -l ext-unix-sk -d 'include unix sockets that reach out of the container'
complete -c stave -n '__stave_in checkpoint' -l shell-job -d 'include a terminal of the caller\'s'
complete -c stave -n '__stave_in checkpoint' -l lazy-pages -d 'restore memory when it is first touched (userfaultfd)'
complete -c stave -n '__stave_in checkpoint' -l status-fd -r -d 'CRIU writes a zero byte to FD when lazy pages can be served (default: -1)'
complete -c stave -n '__stave_in checkpoint' -l page-server -r -d 'send memory to this page server'
complete -c stave -n '__stave_in checkpoint' -l file-locks -d 'include file locks'
complete -c stave -n '__stave_in checkpoint' -l pre-dump -d 'save memory alone and let the container run on'
complete -c stave -n '__stave_in checkpoint' -l manage-cgroups-mode -r -a 'soft full strict ignore' -d 'how CRIU treats cgroups; soft if not given'
complete -c stave -n '__stave_in checkpoint' -l empty-ns -r -d 'make this namespace without restoring what was in it; repeatable'
complete -c stave -n '__stave_in checkpoint' -l auto-dedup -d 'drop pages of images that are no longer needed'
complete -c stave -n '__stave_in checkpoint' -l help -s h -d 'show this help'
complete -c stave -n '__stave_at checkpoint 1' -a '(__stave_ids)'
complete -c stave -n '__stave_in restore' -l console-socket -r -F -d 'send the master side of the terminal to the unix socket SOCKET (SCM_RIGHTS)'
complete -c stave -n '__stave_in restore' -l image-path -r -a '(__fish_complete_directories)' -d 'CRIU\'s images'
complete -c stave -n '__stave_in restore' -l work-path -r -a '(__fish_complete_directories)' -d 'CRIU\'s work files and logs'
complete -c stave -n '__stave_in restore' -l tcp-established -d 'include open TCP connections'
complete -c stave -n '__stave_in restore' -l ext-unix-sk -d 'include unix sockets that reach out of the container'
complete -c stave -n '__stave_in restore' -l shell-job -d 'include a terminal of the caller\'s'
complete -c stave -n '__stave_in restore' -l file-locks -d 'include file locks'
complete -c stave -n '__stave_in restore' -l manage-cgroups-mode -r -a 'soft full strict ignore' -d 'how CRIU treats cgroups; soft if not given'
complete -c stave -n '__stave_in restore' -l bundle -s b -r -a '(__fish_complete_directories)' -d 'take config.json from DIR instead of the current directory'
complete -c stave -n '__stave_in restore' -l detach -s d -d 'return as soon as the process runs instead of waiting for its end'
complete -c stave -n '__stave_in restore' -l pid-file -r -F -d 'write the process id, as the host counts, to FILE'
complete -c stave -n '__stave_in restore' -l no-pivot -d 'enter the root with a moved mount and chroot(2) instead of pivot_root(2), which an initramfs cannot do; weaker'
complete -c stave -n '__stave_in restore' -l empty-ns -r -d 'make this namespace without restoring what was in it; repeatable'
complete -c stave -n '__stave_in restore' -l auto-dedup -d 'drop pages of images that are no longer needed'
complete -c stave -n '__stave_in restore' -l lazy-pages -d 'restore memory when it is first touched (userfaultfd)'
complete -c stave -n '__stave_in restore' -l lsm-profile -r -d 'security profile to restore under'
complete -c stave -n '__stave_in restore' -l lsm-mount-context -r -d 'security context of the mounts'
complete -c stave -n '__stave_in restore' -l help -s h -d 'show this help'
