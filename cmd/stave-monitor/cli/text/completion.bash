# Completion of stave-monitor for bash.

_stave_monitor() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} offer=''
    COMPREPLY=()
    # bash cuts --flag=value into three words.
    [[ $cur == '=' ]] && cur=''
    [[ $prev == '=' ]] && prev=${COMP_WORDS[COMP_CWORD - 2]}
    if [[ ${COMP_WORDS[1]} == serve && COMP_CWORD -gt 1 ]]; then
        case $prev in
        --socket) offer='file' ;;
        --state-dir) offer='dir' ;;
        --log-level) offer='error warn info debug trace' ;;
        *) offer='--socket --state-dir --sync --syslog --log-level --help -h' ;;
        esac
    else
        case $prev in
        --cid | -c | --cuuid | -u | --name | -n | --runtime-arg | --runtime-opt | --log-size-max | --log-global-size-max | --log-max-files | --log-tag | --log-label | --exit-command-arg | --exit-delay | --timeout | -T) offer='none' ;;
        --bundle | -b | --persist-dir | -0 | --restore | --socket-dir-path | --log-allowlist-dir | --exit-dir) offer='dir' ;;
        --container-pidfile | -p | --runtime | -r | --exec-process-spec | --sdnotify-socket | --log-path | -l | --exit-command | --conmon-pidfile | -P | --seccomp-notify-socket | --seccomp-notify-plugins) offer='file' ;;
        --log-on-full) offer='drop block' ;;
        --log-level) offer='error warn info debug trace' ;;
        *) offer='--cid -c --cuuid -u --name -n --bundle -b --container-pidfile -p --persist-dir -0 --runtime -r --runtime-arg --runtime-opt --systemd-cgroup -s --no-pivot --no-new-keyring --restore --replace-listen-pid --exec -e --exec-process-spec --exec-attach --terminal -t --stdin -i --leave-stdin-open --socket-dir-path --full-attach --sdnotify-socket --log-path -l --log-size-max --log-global-size-max --log-rotate --log-max-files --log-allowlist-dir --log-tag --log-label --no-container-partial-message --no-sync-log --log-on-full --exit-dir --exit-command --exit-command-arg --exit-delay --timeout -T --conmon-pidfile -P --api-version --sync --syslog --log-level --help -h --version --seccomp-notify-socket --seccomp-notify-plugins' ;;
        esac
        [[ $COMP_CWORD == 1 ]] && offer="serve $offer"
    fi
    case $offer in
    none) ;;
    file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    dir) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$offer" -- "$cur") ;;
    esac
}

complete -F _stave_monitor stave-monitor
