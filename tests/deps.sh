#!/bin/sh
# What the tests use on a fresh Debian 12. As root: installs it; otherwise
# prints the one line to run.
set -eu
packages="runc crun conmon podman containerd busybox-static strace uidmap netavark
	libseccomp-dev libc6-dev gcc iproute2 bsdutils util-linux tar"
line="apt-get install -y --no-install-recommends $(echo $packages)"
if [ "$(id -u)" = 0 ]; then
	export DEBIAN_FRONTEND=noninteractive
	exec $line
fi
echo "sudo $line"
