#compdef stave
# Completion of stave for zsh: stave completion zsh > "${fpath[1]}/_stave"

_stave_ids() {
    local -a ids
    ids=(${(f)"$(_call_program containers stave $stave_root list --quiet 2>/dev/null)"})
    _describe -t containers container ids
}

_stave_verbs() {
    local -a verbs
    verbs=(
        'create:make a container, ready to start'
        'start:let a created container run its program'
        'run:create, start, wait, and delete in one'
        'kill:send a signal to a container'\''s first process'
        'delete:remove a stopped container and all it holds'
        'exec:run one more process in a container'
        'pause:stop every process of a container where it stands'
        'resume:let a paused container go on'
        'update:change the limits of a container'
        'state:show one container as JSON'
        'list:show all containers'
        'ps:show the processes of a container'
        'events:follow what a container uses, and its out-of-memory kills'
        'explain:show the system calls that a container consists of'
        'trace:show where the time of a create, run or exec went'
        'spec:write a config.json to begin with'
        'features:show what this stave can do, as JSON'
        'completion:print the completion script for a shell'
        'help:show help, of one verb if it is named'
        'checkpoint:save a running container to disk'
        'restore:bring a saved container back'
    )
    _describe -t commands verb verbs
}

_stave() {
    local curcontext=$curcontext state line
    local -a stave_root
    typeset -A opt_args
    _arguments -C \
        '--root=[keep the state of containers in DIR, best a tmpfs; without root'\''s rights the default is $XDG_RUNTIME_DIR/stave (default\: /run/stave)]:DIR:_files -/' \
        '--log=[append messages to FILE instead of standard error]:FILE:_files' \
        '--log-format=[write messages as text or as json, one object a line; with json an error keeps its step, field, system call and errno apart (default\: text)]:FORMAT:(text json)' \
        '--debug[also write messages that only matter when something is wrong with stave itself]' \
        '--systemd-cgroup[let systemd make the cgroup; linux.cgroupsPath then reads slice\:prefix\:name, such as system.slice\:stave\:web1]' \
        '--rootless=[go on without a cgroup where permission to make one is missing\: true, false, or auto to decide by who we are (default\: auto)]:MODE:(true false auto)' \
        '(-h --help)'{-h,--help}'[show help; after a verb, the help of that verb]' \
        '(-v --version)'{-v,--version}'[show the versions of stave, of the OCI specification, and of Go]' \
        '1: :_stave_verbs' \
        '*:: :->arguments'
    [[ $state == arguments ]] || return
    [[ -n ${opt_args[--root]} ]] && stave_root=(--root ${opt_args[--root]})
    curcontext=${curcontext%:*:*}:stave-$words[1]:
    case $words[1] in
    create)
        _arguments \
            '(-b --bundle)'{-b,--bundle=}'[take config.json from DIR instead of the current directory]:DIR:_files -/' \
            '--console-socket=[send the master side of the terminal to the unix socket SOCKET (SCM_RIGHTS)]:SOCKET:_files' \
            '--pidfd-socket=[send a pidfd of the process to the unix socket SOCKET (SCM_RIGHTS)]:SOCKET:_files' \
            '--pid-file=[write the process id, as the host counts, to FILE]:FILE:_files' \
            '--preserve-fds=[hand on N more file descriptors, after 0, 1, 2 and those of $LISTEN_FDS]:N: ' \
            '--no-pivot[enter the root with a moved mount and chroot(2) instead of pivot_root(2), which an initramfs cannot do; weaker]' \
            '--no-new-keyring[keep the caller'\''s session keyring instead of a new one; the container can then read the caller'\''s keys]' \
            '--trace=[write the time of every step to FILE; show it with stave trace]:FILE:_files' \
            '(-h --help)'{-h,--help}'[show this help]' \
            && return
        ;;
    start)
        _arguments \
            '(-h --help)'{-h,--help}'[show this help]' \
            '1: :_stave_ids' \
            && return
        ;;
    run)
        _arguments \
            '(-b --bundle)'{-b,--bundle=}'[take config.json from DIR instead of the current directory]:DIR:_files -/' \
            '(-d --detach)'{-d,--detach}'[return as soon as the process runs instead of waiting for its end]' \
            '--keep[do not delete the container when its process has ended]' \
            '--console-socket=[send the master side of the terminal to the unix socket SOCKET (SCM_RIGHTS)]:SOCKET:_files' \
            '--pidfd-socket=[send a pidfd of the process to the unix socket SOCKET (SCM_RIGHTS)]:SOCKET:_files' \
            '--pid-file=[write the process id, as the host counts, to FILE]:FILE:_files' \
            '--preserve-fds=[hand on N more file descriptors, after 0, 1, 2 and those of $LISTEN_FDS]:N: ' \
            '--no-pivot[enter the root with a moved mount and chroot(2) instead of pivot_root(2), which an initramfs cannot do; weaker]' \
            '--no-new-keyring[keep the caller'\''s session keyring instead of a new one; the container can then read the caller'\''s keys]' \
            '--trace=[write the time of every step to FILE; show it with stave trace]:FILE:_files' \
            '(-h --help)'{-h,--help}'[show this help]' \
            && return
        ;;
    kill)
        _arguments \
            '(-h --help)'{-h,--help}'[show this help]' \
            '1: :_stave_ids' \
            '2: :(TERM KILL INT HUP QUIT USR1 USR2 STOP CONT WINCH)' \
            && return
        ;;
    delete)
        _arguments \
            '(-f --force)'{-f,--force}'[kill the container if it runs; also succeeds on a half-made or damaged one, and on one that does not exist]' \
            '(-h --help)'{-h,--help}'[show this help]' \
            '1: :_stave_ids' \
            && return
        ;;
    exec)
        _arguments \
            '(-p --process)'{-p,--process=}'[take the whole process section from FILE (JSON); COMMAND and the flags under Process are then not read]:FILE:_files' \
            '(-d --detach)'{-d,--detach}'[return as soon as the process runs instead of waiting for its end]' \
            '--cwd=[start in DIR, a path in the container]:DIR: ' \
            '*'{-e,--env=}'[add a variable to the environment; repeatable]:NAME=VALUE: ' \
            '(-t --tty)'{-t,--tty}'[give the process a terminal]' \
            '(-u --user)'{-u,--user=}'[run as these ids, as the container counts them]:UID\[\:GID\]: ' \
            '*'{-g,--additional-gids=}'[add a supplementary group; repeatable]:GID: ' \
            '*'{-c,--cap=}'[add a capability, such as CAP_NET_ADMIN; repeatable]:CAPABILITY: ' \
            '--no-new-privs[set no_new_privs\: execve(2) then grants nothing, not even by setuid]' \
            '--apparmor=[confine the process by this AppArmor profile]:PROFILE: ' \
            '--process-label=[confine the process by this SELinux label]:LABEL: ' \
            '*--cgroup=[run in this cgroup, which must exist, below the container'\''s own; on cgroup v1 repeatable, with the controllers in front]:\[CONTROLLER\:\]PATH: ' \
            '--ignore-paused[run in a paused container too; the process stands still until resume]' \
            '--console-socket=[send the master side of the terminal to the unix socket SOCKET (SCM_RIGHTS)]:SOCKET:_files' \
            '--pidfd-socket=[send a pidfd of the process to the unix socket SOCKET (SCM_RIGHTS)]:SOCKET:_files' \
            '--pid-file=[write the process id, as the host counts, to FILE]:FILE:_files' \
            '--preserve-fds=[hand on N more file descriptors, after 0, 1, 2 and those of $LISTEN_FDS]:N: ' \
            '--trace=[write the time of every step to FILE; show it with stave trace]:FILE:_files' \
            '(-h --help)'{-h,--help}'[show this help]' \
            '1: :_stave_ids' \
            '*:: : ' \
            && return
        ;;
    pause)
        _arguments \
            '(-h --help)'{-h,--help}'[show this help]' \
            '1: :_stave_ids' \
            && return
        ;;
    resume)
        _arguments \
            '(-h --help)'{-h,--help}'[show this help]' \
            '1: :_stave_ids' \
            && return
        ;;
    update)
        _arguments \
            '(-r --resources)'{-r,--resources=}'[read the limits from FILE, or from standard input if FILE is -]:FILE:_files' \
            '--memory=[no more memory than this]:SIZE: ' \
            '--memory-reservation=[when the host runs short, take memory back down to this]:SIZE: ' \
            '--memory-swap=[no more memory and swap together than this]:SIZE: ' \
            '--cpu-period=[length of a scheduling period; 0\: the system'\''s default]:USEC: ' \
            '--cpu-quota=[processor time in each period]:USEC: ' \
            '--cpu-burst=[unused time that may be saved for later periods]:USEC: ' \
            '--cpu-share=[weight against other containers, 2 to 262144; 1024 is usual]:N: ' \
            '--cpu-idle=[1\: run only when nothing else wants the processor (SCHED_IDLE)]:0|1:(0 1)' \
            '--cpu-rt-period=[length of a realtime period; 0\: the system'\''s default (cgroup v1)]:USEC: ' \
            '--cpu-rt-runtime=[realtime processor time in each of them (cgroup v1)]:USEC: ' \
            '--cpuset-cpus=[run on these processors only, such as 0-3,8]:LIST: ' \
            '--cpuset-mems=[take memory from these nodes only]:LIST: ' \
            '--pids-limit=[no more processes and threads than this; -1\: no limit]:N: ' \
            '--blkio-weight=[weight of block I/O, 10 to 1000]:N: ' \
            '--l3-cache-schema=[parts of the L3 cache (resctrl), such as L3\:0=ff;1=ff]:SCHEMA: ' \
            '--mem-bw-schema=[memory bandwidth (resctrl), such as MB\:0=50;1=50]:SCHEMA: ' \
            '(-h --help)'{-h,--help}'[show this help]' \
            '1: :_stave_ids' \
            && return
        ;;
    state)
        _arguments \
            '(-h --help)'{-h,--help}'[show this help]' \
            '1: :_stave_ids' \
            && return
        ;;
    list)
        _arguments \
            '(-f --format)'{-f,--format=}'[print a table, or json on one line (default\: table)]:FORMAT:(table json)' \
            '(-q --quiet)'{-q,--quiet}'[print only the ids]' \
            '(-h --help)'{-h,--help}'[show this help]' \
            && return
        ;;
    ps)
        _arguments \
            '(-f --format)'{-f,--format=}'[print a table, or json on one line (default\: table)]:FORMAT:(table json)' \
            '(-h --help)'{-h,--help}'[show this help]' \
            '1: :_stave_ids' \
            '*:: : ' \
            && return
        ;;
    events)
        _arguments \
            '--interval=[time between two reports, such as 500ms or 1m (default\: 5s)]:TIME: ' \
            '--stats[print one report and end]' \
            '(-h --help)'{-h,--help}'[show this help]' \
            '1: :_stave_ids' \
            && return
        ;;
    explain)
        _arguments \
            '--json[print the plan as JSON]' \
            '--steps[print a line for each step\: number, actor, name and field, between tabs]' \
            '--short[leave out the reasons and the system calls]' \
            '(-h --help)'{-h,--help}'[show this help]' \
            '1: :_files -/' \
            && return
        ;;
    trace)
        _arguments \
            '--format=[print text, a drawing (svg), or JSON for Perfetto and chrome\://tracing (chrome) (default\: text)]:FORMAT:(text svg chrome)' \
            '(-o --output)'{-o,--output=}'[write to FILE instead of standard output]:FILE:_files' \
            '(-h --help)'{-h,--help}'[show this help]' \
            '1: :_files' \
            && return
        ;;
    spec)
        _arguments \
            '(-b --bundle)'{-b,--bundle=}'[write to DIR instead of the current directory]:DIR:_files -/' \
            '--rootless[for a user without root'\''s rights\: a user namespace that maps this user to root]' \
            '(-h --help)'{-h,--help}'[show this help]' \
            && return
        ;;
    features)
        _arguments \
            '(-h --help)'{-h,--help}'[show this help]' \
            && return
        ;;
    completion)
        _arguments \
            '(-h --help)'{-h,--help}'[show this help]' \
            '1: :(bash zsh fish)' \
            && return
        ;;
    help)
        _arguments \
            '(-h --help)'{-h,--help}'[show this help]' \
            '1: :_stave_verbs' \
            && return
        ;;
    checkpoint)
        _arguments \
            '--image-path=[CRIU'\''s images]:DIR:_files -/' \
            '--work-path=[CRIU'\''s work files and logs]:DIR:_files -/' \
            '--parent-path=[images of an earlier --pre-dump]:DIR:_files -/' \
            '--leave-running[do not stop the container]' \
            '--tcp-established[include open TCP connections]' \
            '--tcp-skip-in-flight[leave out TCP connections that are not yet established]' \
            '--link-remap[link deleted files that are still open back to a name]' \
            '--ext-unix-sk[include unix sockets that reach out of the container]' \
            '--shell-job[include a terminal of the caller'\''s]' \
            '--lazy-pages[restore memory when it is first touched (userfaultfd)]' \
            '--status-fd=[CRIU writes a zero byte to FD when lazy pages can be served (default\: -1)]:FD: ' \
            '--page-server=[send memory to this page server]:ADDRESS\:PORT: ' \
            '--file-locks[include file locks]' \
            '--pre-dump[save memory alone and let the container run on]' \
            '--manage-cgroups-mode=[how CRIU treats cgroups; soft if not given]:MODE:(soft full strict ignore)' \
            '*--empty-ns=[make this namespace without restoring what was in it; repeatable]:NAMESPACE: ' \
            '--auto-dedup[drop pages of images that are no longer needed]' \
            '(-h --help)'{-h,--help}'[show this help]' \
            '1: :_stave_ids' \
            && return
        ;;
    restore)
        _arguments \
            '--console-socket=[send the master side of the terminal to the unix socket SOCKET (SCM_RIGHTS)]:SOCKET:_files' \
            '--image-path=[CRIU'\''s images]:DIR:_files -/' \
            '--work-path=[CRIU'\''s work files and logs]:DIR:_files -/' \
            '--tcp-established[include open TCP connections]' \
            '--ext-unix-sk[include unix sockets that reach out of the container]' \
            '--shell-job[include a terminal of the caller'\''s]' \
            '--file-locks[include file locks]' \
            '--manage-cgroups-mode=[how CRIU treats cgroups; soft if not given]:MODE:(soft full strict ignore)' \
            '(-b --bundle)'{-b,--bundle=}'[take config.json from DIR instead of the current directory]:DIR:_files -/' \
            '(-d --detach)'{-d,--detach}'[return as soon as the process runs instead of waiting for its end]' \
            '--pid-file=[write the process id, as the host counts, to FILE]:FILE:_files' \
            '--no-pivot[enter the root with a moved mount and chroot(2) instead of pivot_root(2), which an initramfs cannot do; weaker]' \
            '*--empty-ns=[make this namespace without restoring what was in it; repeatable]:NAMESPACE: ' \
            '--auto-dedup[drop pages of images that are no longer needed]' \
            '--lazy-pages[restore memory when it is first touched (userfaultfd)]' \
            '--lsm-profile=[security profile to restore under]:TYPE\:NAME: ' \
            '--lsm-mount-context=[security context of the mounts]:CONTEXT: ' \
            '(-h --help)'{-h,--help}'[show this help]' \
            && return
        ;;
    esac
}

if [[ $funcstack[1] == _stave ]]; then
    _stave "$@"
else
    compdef _stave stave
fi
