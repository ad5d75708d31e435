#compdef stave-monitor

if [[ $words[2] == serve ]] && (( CURRENT > 2 )); then
    shift words
    (( CURRENT-- ))
    _arguments -s \
    '--socket=[listen on a socket at PATH, which nobody but our own user can reach; required]:PATH:_files' \
    '--state-dir=[keep records of how containers ended in DIR; without it PATH.d]:DIR:_files -/' \
    '--sync[stay the caller'\''s child instead of going to the background]' \
    '--syslog[messages also go to syslog(3); in the background, only there]' \
    '--log-level=[the messages to write (default\: warn)]:LEVEL:(error warn info debug trace)' \
    '(-h --help)'{-h,--help}'[show this help]'
    return
fi
(( CURRENT == 2 )) && compadd serve
_arguments -s \
    '(-c --cid)'{-c+,--cid=}'[monitor the container ID; required]:ID: ' \
    '(-u --cuuid)'{-u+,--cuuid=}'[name of the attach socket'\''s directory; for an exec, of its session]:UUID: ' \
    '(-n --name)'{-n+,--name=}'[name of the container in the journal]:NAME: ' \
    '(-b --bundle)'{-b+,--bundle=}'[take the OCI bundle in DIR instead of the current directory; sockets, fifos and the exit record are there]:DIR:_files -/' \
    '(-p --container-pidfile)'{-p+,--container-pidfile=}'[let the runtime write the container'\''s process id to FILE; without it pidfile-ID in the current directory]:FILE:_files' \
    '(-0 --persist-dir)'{-0+,--persist-dir=}'[write the files exit and oom into DIR]:DIR:_files -/' \
    '(-r --runtime)'{-r+,--runtime=}'[the OCI runtime'\''s program; required]:PATH:_files' \
    '*--runtime-arg=[an argument of the runtime before its verb; may be repeated]:ARG: ' \
    '*--runtime-opt=[an argument of the runtime'\''s create, restore or exec; may be repeated]:ARG: ' \
    '(-s --systemd-cgroup)'{-s,--systemd-cgroup}'[let the runtime have systemd make the cgroup]' \
    '--no-pivot[let the runtime change the root without pivot_root(2)]' \
    '--no-new-keyring[let the runtime keep the session keyring]' \
    '--restore=[restore the container from the checkpoint in DIR instead of creating it]:DIR:_files -/' \
    '--replace-listen-pid[set LISTEN_PID to the runtime'\''s process id, whatever it was]' \
    '(-e --exec)'{-e,--exec}'[run a process in a running container instead of creating one]' \
    '--exec-process-spec=[the process.json of the process]:FILE:_files' \
    '--exec-attach[let the caller attach before the process begins; needs --api-version and $_OCI_ATTACHPIPE]' \
    '(-t --terminal)'{-t,--terminal}'[the container has a terminal]' \
    '(-i --stdin)'{-i,--stdin}'[the container'\''s standard input is what attached clients send; without it /dev/null]' \
    '--leave-stdin-open[the end of a client'\''s input is not the end of the container'\''s]' \
    '--socket-dir-path=[make a link UUID to the bundle in DIR, so that the attach socket has a short path (default\: /var/run/crio)]:DIR:_files -/' \
    '--full-attach[no such link\: the attach socket is reached in the bundle]' \
    '--sdnotify-socket=[pass the container'\''s sd_notify(3) messages on to SOCKET]:SOCKET:_files' \
    '*'{-l+,--log-path=}'[where the output goes\: k8s-file\:PATH, json-file\:PATH, journald, passthrough, or none; required, may be repeated]:\[DRIVER\:\]PATH:_files' \
    '--log-size-max=[begin a file anew before it would exceed BYTES; no limit if not positive (default\: -1)]:BYTES: ' \
    '--log-global-size-max=[write no more once BYTES have been written; no limit if not positive (default\: -1)]:BYTES: ' \
    '--log-rotate[at --log-size-max keep what was written, as PATH.1 and so on]' \
    '--log-max-files=[keep N such files (default\: 1)]:N: ' \
    '*--log-allowlist-dir=[files may only be below DIR; may be repeated]:DIR:_files -/' \
    '--log-tag=[journald\: CONTAINER_TAG and SYSLOG_IDENTIFIER]:TAG: ' \
    '*--log-label=[journald\: a further field; may be repeated]:KEY=VALUE: ' \
    '--no-container-partial-message[journald\: never set CONTAINER_PARTIAL_MESSAGE]' \
    '--no-sync-log[do not make files durable at the end]' \
    '--log-on-full=[when a log cannot be written\: drop output, and say in the log how much; or block the container until there is room (default\: drop)]:POLICY:(drop block)' \
    '--exit-dir=[write the exit status to DIR/ID]:DIR:_files -/' \
    '--exit-command=[run PATH at the very end]:PATH:_files' \
    '*--exit-command-arg=[an argument of the exit command; may be repeated]:ARG: ' \
    '--exit-delay=[wait before the exit command (default\: 0)]:SECONDS: ' \
    '(-T --timeout)'{-T+,--timeout=}'[kill the container when it has been there for SECONDS (default\: 0)]:SECONDS: ' \
    '(-P --conmon-pidfile)'{-P+,--conmon-pidfile=}'[write the monitor'\''s own process id to FILE; not with --sync]:FILE:_files' \
    '--api-version[tell numbers on the sync pipe as data; a number after it is ignored]' \
    '--sync[stay the caller'\''s child instead of going to the background]' \
    '--syslog[messages also go to syslog(3); in the background, only there]' \
    '--log-level=[the messages to write (default\: warn)]:LEVEL:(error warn info debug trace)' \
    '(-h --help)'{-h,--help}'[show this help]' \
    '--version[show the version, and conmon'\''s that it answers for]' \
    '--seccomp-notify-socket=[conmon had plugins for seccomp notification, and has removed them; listenerPath in config.json is the way]:SOCKET:_files' \
    '--seccomp-notify-plugins=[as above]:PATHS:_files'
