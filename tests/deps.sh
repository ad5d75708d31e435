#!/bin/sh
# What the tests use on a fresh Debian 12. As root: installs it; otherwise
# prints the one line to run.
set -eu
set -- runc crun conmon podman containerd busybox-static strace systemd e2fsprogs uidmap netavark \
	libseccomp-dev libc6-dev gcc pkg-config iproute2 bsdutils util-linux tar procps
line="apt-get install -y --no-install-recommends"
if [ "$(id -u)" = 0 ]; then
	export DEBIAN_FRONTEND=noninteractive
	for p in "$@"; do
		# Nothing to do is the common case, and apt is slow to say so.
		dpkg-query -W -f '${db:Status-Abbrev}' "$p" 2>/dev/null | grep -q '^ii' && continue
		apt-get update -qq
		$line -qq "$@"
		break
	done
	exit
fi
echo "sudo $line $*"
