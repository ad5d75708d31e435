#!/bin/sh
# make demo: a bundle from Debian's static busybox, its plan in short, the
# container itself, and the timeline of what just happened.
set -eu
cd "$(dirname "$0")/.."
stave=$PWD/bin/stave
line="apt-get install -y --no-install-recommends busybox-static"
if ! [ -x /bin/busybox ] || ! /bin/busybox --help >/dev/null 2>&1; then
	if [ "$(id -u)" = 0 ]; then
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive $line
	else
		echo "the demo needs a static busybox: sudo $line"
		exit 1
	fi
fi
if [ "$(id -u)" != 0 ]; then
	echo "the demo makes a container as root: sudo make demo"
	exit 1
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/box/rootfs/bin" "$work/state"
cp /bin/busybox "$work/box/rootfs/bin/"
for applet in sh echo hostname id ps mount wc; do ln -s busybox "$work/box/rootfs/bin/$applet"; done
cd "$work/box"
"$stave" spec
sed -i -e 's/"terminal": true/"terminal": false/' \
	-e "s|^\t\t\t\"sh\"\$|\t\t\t\"sh\", \"-c\", \"echo; echo Hello from pid \$\$ on \$(hostname), where I am \$(id -u) and see \$(ps \| wc -l) lines of ps and \$(mount \| wc -l) mounts.\"|" config.json

echo "== The plan: stave explain --short $work/box"
"$stave" explain --short .
echo
echo "== One step in full: stave explain"
"$stave" explain . | sed -n '/ C pivot_root/,/^$/p'
echo "== The container: stave run"
"$stave" --root "$work/state" run --trace "$work/demo.trace" demo
echo
echo "== Where the time went: stave trace"
"$stave" trace "$work/demo.trace"
