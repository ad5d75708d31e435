# Completion of stave for bash: source <(stave completion bash)

# _stave_flags VERB: the flags of a verb; of stave itself if VERB is empty.
_stave_flags() {
    case $1 in
    "") echo '--root --log --log-format --debug --systemd-cgroup --rootless --help -h --version -v' ;;
    "create") echo '--bundle -b --console-socket --pidfd-socket --pid-file --preserve-fds --no-pivot --no-new-keyring --trace --help -h' ;;
    "start") echo '--help -h' ;;
    "run") echo '--bundle -b --detach -d --keep --console-socket --pidfd-socket --pid-file --preserve-fds --no-pivot --no-new-keyring --trace --help -h' ;;
    "kill") echo '--help -h' ;;
    "delete") echo '--force -f --help -h' ;;
    "exec") echo '--process -p --detach -d --cwd --env -e --tty -t --user -u --additional-gids -g --cap -c --no-new-privs --apparmor --process-label --cgroup --ignore-paused --console-socket --pidfd-socket --pid-file --preserve-fds --trace --help -h' ;;
    "pause") echo '--help -h' ;;
    "resume") echo '--help -h' ;;
    "update") echo '--resources -r --memory --memory-reservation --memory-swap --cpu-period --cpu-quota --cpu-burst --cpu-share --cpu-idle --cpu-rt-period --cpu-rt-runtime --cpuset-cpus --cpuset-mems --pids-limit --blkio-weight --l3-cache-schema --mem-bw-schema --help -h' ;;
    "state") echo '--help -h' ;;
    "list") echo '--format -f --quiet -q --help -h' ;;
    "ps") echo '--format -f --help -h' ;;
    "events") echo '--interval --stats --help -h' ;;
    "explain") echo '--json --steps --short --help -h' ;;
    "trace") echo '--format --output -o --help -h' ;;
    "spec") echo '--bundle -b --rootless --help -h' ;;
    "features") echo '--help -h' ;;
    "completion") echo '--help -h' ;;
    "help") echo '--help -h' ;;
    "checkpoint") echo '--image-path --work-path --parent-path --leave-running --tcp-established --tcp-skip-in-flight --link-remap --ext-unix-sk --shell-job --lazy-pages --status-fd --page-server --file-locks --pre-dump --manage-cgroups-mode --empty-ns --auto-dedup --help -h' ;;
    "restore") echo '--console-socket --image-path --work-path --tcp-established --ext-unix-sk --shell-job --file-locks --manage-cgroups-mode --bundle -b --detach -d --pid-file --no-pivot --empty-ns --auto-dedup --lazy-pages --lsm-profile --lsm-mount-context --help -h' ;;
    esac
}

# _stave_value VERB FLAG: what the flag's value may be; fails if it takes none.
_stave_value() {
    case "$1 $2" in
    " --root") echo 'dir' ;;
    " --log") echo 'file' ;;
    " --log-format") echo 'text json' ;;
    " --rootless") echo 'true false auto' ;;
    "create --bundle"|"create -b") echo 'dir' ;;
    "create --console-socket") echo 'file' ;;
    "create --pidfd-socket") echo 'file' ;;
    "create --pid-file") echo 'file' ;;
    "create --preserve-fds") echo 'none' ;;
    "create --trace") echo 'file' ;;
    "run --bundle"|"run -b") echo 'dir' ;;
    "run --console-socket") echo 'file' ;;
    "run --pidfd-socket") echo 'file' ;;
    "run --pid-file") echo 'file' ;;
    "run --preserve-fds") echo 'none' ;;
    "run --trace") echo 'file' ;;
    "exec --process"|"exec -p") echo 'file' ;;
    "exec --cwd") echo 'none' ;;
    "exec --env"|"exec -e") echo 'none' ;;
    "exec --user"|"exec -u") echo 'none' ;;
    "exec --additional-gids"|"exec -g") echo 'none' ;;
    "exec --cap"|"exec -c") echo 'none' ;;
    "exec --apparmor") echo 'none' ;;
    "exec --process-label") echo 'none' ;;
    "exec --cgroup") echo 'none' ;;
    "exec --console-socket") echo 'file' ;;
    "exec --pidfd-socket") echo 'file' ;;
    "exec --pid-file") echo 'file' ;;
    "exec --preserve-fds") echo 'none' ;;
    "exec --trace") echo 'file' ;;
    "update --resources"|"update -r") echo 'file' ;;
    "update --memory") echo 'none' ;;
    "update --memory-reservation") echo 'none' ;;
    "update --memory-swap") echo 'none' ;;
    "update --cpu-period") echo 'none' ;;
    "update --cpu-quota") echo 'none' ;;
    "update --cpu-burst") echo 'none' ;;
    "update --cpu-share") echo 'none' ;;
    "update --cpu-idle") echo '0 1' ;;
    "update --cpu-rt-period") echo 'none' ;;
    "update --cpu-rt-runtime") echo 'none' ;;
    "update --cpuset-cpus") echo 'none' ;;
    "update --cpuset-mems") echo 'none' ;;
    "update --pids-limit") echo 'none' ;;
    "update --blkio-weight") echo 'none' ;;
    "update --l3-cache-schema") echo 'none' ;;
    "update --mem-bw-schema") echo 'none' ;;
    "list --format"|"list -f") echo 'table json' ;;
    "ps --format"|"ps -f") echo 'table json' ;;
    "events --interval") echo 'none' ;;
    "trace --format") echo 'text svg chrome' ;;
    "trace --output"|"trace -o") echo 'file' ;;
    "spec --bundle"|"spec -b") echo 'dir' ;;
    "checkpoint --image-path") echo 'dir' ;;
    "checkpoint --work-path") echo 'dir' ;;
    "checkpoint --parent-path") echo 'dir' ;;
    "checkpoint --status-fd") echo 'none' ;;
    "checkpoint --page-server") echo 'none' ;;
    "checkpoint --manage-cgroups-mode") echo 'soft full strict ignore' ;;
    "checkpoint --empty-ns") echo 'none' ;;
    "restore --console-socket") echo 'file' ;;
    "restore --image-path") echo 'dir' ;;
    "restore --work-path") echo 'dir' ;;
    "restore --manage-cgroups-mode") echo 'soft full strict ignore' ;;
    "restore --bundle"|"restore -b") echo 'dir' ;;
    "restore --pid-file") echo 'file' ;;
    "restore --empty-ns") echo 'none' ;;
    "restore --lsm-profile") echo 'none' ;;
    "restore --lsm-mount-context") echo 'none' ;;
    *) return 1 ;;
    esac
}

# _stave_argument VERB N: what the verb's Nth argument may be, from 1.
_stave_argument() {
    case "$1 $2" in
    "start 1") echo 'id' ;;
    "kill 1") echo 'id' ;;
    "kill 2") echo 'TERM KILL INT HUP QUIT USR1 USR2 STOP CONT WINCH' ;;
    "delete 1") echo 'id' ;;
    "exec 1") echo 'id' ;;
    "exec 2") echo 'none' ;;
    "pause 1") echo 'id' ;;
    "resume 1") echo 'id' ;;
    "update 1") echo 'id' ;;
    "state 1") echo 'id' ;;
    "ps 1") echo 'id' ;;
    "events 1") echo 'id' ;;
    "explain 1") echo 'dir' ;;
    "trace 1") echo 'file' ;;
    "completion 1") echo 'bash zsh fish' ;;
    "help 1") echo 'create start run kill delete exec pause resume update state list ps events explain trace spec features completion help checkpoint restore' ;;
    "checkpoint 1") echo 'id' ;;
    *) echo none ;;
    esac
}

_stave() {
    local cur=${COMP_WORDS[COMP_CWORD]} verb='' flag='' offer='' word i args=0 end='' root=()
    COMPREPLY=()
    # bash cuts --flag=value into three words.
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ -n $flag ]]; then
            [[ $word == '=' ]] && continue
            [[ $flag == --root && -z $verb ]] && root=(--root "$word")
            flag=''
        elif [[ -z $end && $word == -- ]]; then
            end=1
        elif [[ -z $end && $word == -?* ]]; then
            if _stave_value "$verb" "$word" >/dev/null; then
                flag=$word
            elif [[ ${COMP_WORDS[i + 1]} == '=' ]]; then
                ((i += 2))
            fi
        elif [[ -z $verb ]]; then
            verb=$word
            end=''
        else
            ((args++))
            [[ $verb == exec || $verb == ps ]] && end=1
        fi
    done
    [[ $cur == '=' ]] && cur=''
    if [[ -n $flag ]]; then
        offer=$(_stave_value "$verb" "$flag")
    elif [[ -z $end && $cur == -* ]]; then
        offer=$(_stave_flags "$verb")
    elif [[ -z $verb ]]; then
        offer='create start run kill delete exec pause resume update state list ps events explain trace spec features completion help checkpoint restore'
    else
        offer=$(_stave_argument "$verb" $((args + 1)))
    fi
    case $offer in
    none) ;;
    file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    dir) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
    id) mapfile -t COMPREPLY < <(compgen -W "$("${COMP_WORDS[0]}" "${root[@]}" list --quiet 2>/dev/null)" -- "$cur") ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$offer" -- "$cur") ;;
    esac
}

complete -F _stave stave
