package crio

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"stave/tests/kit"
)

// A side is a CRI-O of its own, with one monitor.
type side struct {
	name   string // of the monitor
	dir    string // all of its files, and where scripts run
	parent string // the cgroup that stands for a pod's
	attach string // the directory of the attach sockets
	env    []string
}

// newSides starts a CRI-O with conmon and one with stave-monitor.
func newSides(t *testing.T) []*side {
	t.Helper()
	stave := kit.Subject(t).Path
	kit.NeedTool(t, "podman")
	kit.NeedTool(t, "script")
	conmon := kit.NeedTool(t, "conmon")
	ours := os.Getenv("STAVE_MONITOR")
	if ours == "" {
		ours = filepath.Join(kit.ModuleRoot(), "bin", "stave-monitor")
	}
	if _, err := os.Stat(ours); err != nil {
		t.Fatalf("%s is not built: make", ours)
	}
	built := build(t)
	// The journal's socket and what Podman keeps are at fixed places: those of this
	// test alone, in its own mount namespace.
	for _, dir := range []string{"/run", "/dev/shm"} {
		kit.Must(t, unix.Mount("test", dir, "tmpfs", 0, "mode=0755"))
		t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	}
	kit.NewJournal(t)
	image := image(t)
	both := []*side{{name: "conmon"}, {name: "stave-monitor"}}
	for _, s := range both {
		s.dir = kit.Dir(t)
		s.parent = "/" + kit.Prefix + s.name
		s.attach = "/run/" + s.name // CRI-O connects by the whole name, which must be short: unix(7)
		path := conmon
		if s.name != "conmon" {
			path = ours
		}
		s.configure(t, built, stave, path)
		if out := s.do(t, "podman import --change CMD=/bin/sh --change ENV=PATH=/bin "+image+" localhost/img:latest >/dev/null 2>&1; echo =$?; up"); out != "=0\n" {
			t.Fatalf("CRI-O with %s: %s\n%s", s.name, out, s.complaints(0))
		}
		t.Cleanup(func() {
			if out := s.do(t, "down"); out != "" {
				t.Errorf("CRI-O with %s: %s", s.name, out)
			}
		})
	}
	return both
}

// image packs a rootfs with busybox, and the program that holds a pod's pid namespace.
func image(t *testing.T) string {
	t.Helper()
	b := kit.NewBundle(t)
	for _, name := range []string{"md5sum", "yes", "printf", "tr", "expr", "cut", "hexdump", "ip", "sysctl"} {
		kit.Must(t, os.Symlink("busybox", filepath.Join(b.Rootfs, "bin", name)))
	}
	kit.Must(t, os.WriteFile(b.Rootfs+"/pause", []byte("#!/bin/sh\ntrap exit TERM\nwhile :; do sleep 1000 & wait; done\n"), 0o755))
	to := filepath.Join(kit.Dir(t), "image.tar")
	if res := kit.Do(t, "tar", "-C", b.Rootfs, "-cf", to, "."); res.Code != 0 {
		t.Fatal(res)
	}
	return to
}

func (s *side) configure(t *testing.T, built *tools, stave, monitor string) {
	t.Helper()
	for _, dir := range []string{"run", "hooks", "policies", "work", "tmp", "net", "podman"} {
		kit.Must(t, os.Mkdir(filepath.Join(s.dir, dir), 0o755))
	}
	socket := "unix://" + s.dir + "/crio.sock"
	for name, text := range map[string]string{
		"crio.conf": fmt.Sprintf(`[crio]
root = "%[1]s/root"
runroot = "%[1]s/runroot"
storage_driver = "vfs"
log_dir = "%[1]s/logs"
version_file = "%[1]s/run/version"
clean_shutdown_file = "%[1]s/run/clean"
[crio.api]
listen = "%[1]s/crio.sock"
[crio.runtime]
apparmor_profile = ""
cdi_spec_dirs = []
cgroup_manager = "cgroupfs"
container_attach_socket_dir = %[6]q
container_exits_dir = "%[1]s/run/exits"
default_runtime = "stave"
enable_criu_support = false
hooks_dir = ["%[1]s/hooks"]
irqbalance_config_file = ""
irqbalance_config_restore_file = "disable"
namespaces_dir = "%[1]s/ns"
pinns_path = %[2]q
[crio.runtime.runtimes.stave]
disable_hostport_mapping = true
monitor_cgroup = "pod"
monitor_path = %[3]q
runtime_path = %[4]q
runtime_root = "%[1]s/run/runtime"
[crio.image]
pause_command = "/pause"
pause_image = "localhost/img:latest"
signature_policy = "%[1]s/policy.json"
signature_policy_dir = "%[1]s/policies"
[crio.network]
network_dir = "%[1]s/net"
plugin_dirs = [%[5]q]
[crio.nri]
enable_nri = false
`, s.dir, built.pinns, monitor, stave, built.cni, s.attach),
		"crictl.yaml":     fmt.Sprintf("runtime-endpoint: %[1]s\nimage-endpoint: %[1]s\ntimeout: 60\n", socket),
		"policy.json":     `{"default": [{"type": "insecureAcceptAnything"}]}`,
		"net/lo.conflist": `{"cniVersion": "1.0.0", "name": "lo", "plugins": [{"type": "loopback"}]}`,
		"storage.conf":    fmt.Sprintf("[storage]\ndriver = \"vfs\"\ngraphroot = \"%[1]s/root\"\nrunroot = \"%[1]s/runroot\"\n", s.dir),
		"containers.conf": fmt.Sprintf("[engine]\ntmp_dir = \"%[1]s/podman\"\nevents_logger = \"none\"\n[network]\nnetwork_config_dir = \"%[1]s/podman\"\n", s.dir),
		"registries.conf": "unqualified-search-registries = []\n",
	} {
		kit.Must(t, os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o644))
	}
	s.env = []string{"HOME=" + s.dir, "CONTAINERS_CONF=" + s.dir + "/containers.conf", "CONTAINERS_STORAGE_CONF=" + s.dir + "/storage.conf",
		"CONTAINERS_REGISTRIES_CONF=" + s.dir + "/registries.conf", "TMPDIR=" + s.dir + "/tmp", "TERM=xterm", "TZ=UTC",
		"D=" + s.dir, "CRIO=" + built.crio, "CRICTL=" + built.crictl, "PARENT=" + s.parent, "ATTACH=" + s.attach}
	// To lower an OOM score, as CRI-O does for the process that holds a pod's pid
	// namespace, takes a capability that a virtual machine may not have.
	if has, _ := unix.PrctlRetInt(unix.PR_CAPBSET_READ, unix.CAP_SYS_RESOURCE, 0, 0, 0); has != 1 {
		s.env = append(s.env, "ROOTLESS=1")
	}
}

// prelude has the words of the scripts. rc prints the exit status of a command;
// till waits until a command succeeds, which must be at all. up and down are
// CRI-O's. pod makes a pod and sets P, its id; ctr makes a container in it and
// sets C, its id, and L, its log; run starts it too. Their last arguments are
// more of the JSON. lines joins the parts of a log's lines. In a pod the network is the host's and the pid namespace each
// container's own, unless said otherwise (POD 0, CONTAINER 1, NODE 2).
const prelude = `exec 2>&1
cd $D/work
crictl() { timeout 90 $CRICTL --config $D/crictl.yaml "$@"; }
rc() { "$@"; echo "=$?"; }
till() {
	end=$(($(date +%s) + 30))
	until eval "$*" >/dev/null 2>&1; do
		if [ $(date +%s) -gt $end ]; then echo "never: $*"; return 1; fi
		sleep 0.05
	done
}
up() {
	setsid $CRIO -c $D/crio.conf -d '' --disable-hostport-mapping "$@" >>$D/crio.log 2>&1 </dev/null &
	echo $! >$D/crio.pid
	till 'crictl info -o go-template --template "{{range .status.conditions}}{{.status}} {{end}}" | grep "true true"'
}
down() {
	kill -${1:-TERM} $(cat $D/crio.pid)
	till '! grep -q . /proc/$(cat $D/crio.pid)/cmdline'
}
pod() {
	NS=${2:-'"network": 2, "pid": 1'}
	POD=$1
	printf "%s\n" "{\"metadata\": {\"name\": \"$1\", \"namespace\": \"test\", \"uid\": \"$1\"}, \"hostname\": \"$1\", \"log_directory\": \"$D/logs/$1\",
		\"linux\": {\"cgroup_parent\": \"$PARENT\", \"security_context\": {\"namespace_options\": {$NS}}$3}$4}" >$1.pod
	P=$(crictl runp $1.pod) || exit
}
text() { printf %s "$1" | sed 's/\\/\\\\/g; s/"/\\"/g'; }
ctr() {
	L=$D/logs/$POD/$1.log
	printf "%s\n" "{\"metadata\": {\"name\": \"$1\"}, \"image\": {\"image\": \"localhost/img:latest\"}, \"log_path\": \"$1.log\",
		\"command\": [\"sh\", \"-c\", \"$(text "$2")\"], \"linux\": {\"security_context\": {\"namespace_options\": {$NS}$5}$4}$3}" >$1.ctr
	C=$(crictl create $P $1.ctr $POD.pod) || exit
}
run() { ctr "$@" && crictl start $C >/dev/null || exit; }
state() { crictl inspect -o go-template --template '{{.status.state}} {{.status.exitCode}} {{.status.reason}}' $1 | sed 's/CONTAINER_//; s/ *$//'; }
ended() { till "state $1 | grep EXITED"; state $1; }
said() { till "grep -q -- '$1' $L"; }
lines() { awk '{printf "%s%s", $4, $3 == "F" ? "\n" : ""}' "$@"; }
userdata() { echo $D/runroot/vfs-containers/$1/userdata; }
monitor() { cat $(userdata $1)/conmon-pidfile; }
`

// do runs a script and gives what it printed.
func (s *side) do(t *testing.T, script string) string {
	t.Helper()
	cmd := &kit.Cmd{Args: []string{"sh", "-c", prelude + script}, Env: s.env, Timeout: 3 * time.Minute}
	cmd.Start(t)
	res := cmd.Wait()
	if res.TimedOut {
		res.Stdout += "\ntimed out\n"
	}
	return s.clean(res.Stdout)
}

// What differs from run to run.
var (
	fullID  = regexp.MustCompile(`\b[0-9a-f]{64}\b`)
	shortID = regexp.MustCompile(`\b[0-9a-f]{13}\b`)
	timeRFC = regexp.MustCompile(`\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`)
	// Who comes first makes the cgroup that both are in, step by step.
	step = regexp.MustCompile(`\bstep \d+/\d+ `)
	// crictl's client says what crictl says, with more around it.
	client = regexp.MustCompile(`(?m)^E\d{4} [^\n]* err=<\n(?:\t[^\n]*\n)* >[^\n]*\n|^E\d{4} [^\n]*\n`)
)

func (s *side) clean(text string) string {
	text = strings.ReplaceAll(text, s.dir, "DIR")
	text = client.ReplaceAllString(text, "")
	text = fullID.ReplaceAllString(text, "ID")
	text = shortID.ReplaceAllString(text, "ID")
	text = step.ReplaceAllString(text, "step N ")
	return timeRFC.ReplaceAllString(text, "TIME")
}

// tidy removes what a check made.
func (s *side) tidy(t *testing.T) {
	t.Helper()
	if out := s.do(t, `
		for c in $(crictl ps -q; crictl ps -q --state created); do crictl stop -t 0 $c >/dev/null; done
		for p in $(crictl pods -q); do crictl rmp -f $p >/dev/null; done
		crictl ps -aq; rm -rf $D/work/* $D/logs/*`); out != "" {
		t.Errorf("with %s: not removed: %s", s.name, out)
	}
}

// logged is how long CRI-O's log is.
func (s *side) logged() int {
	data, _ := os.ReadFile(s.dir + "/crio.log")
	return len(data)
}

// daemon is the process of CRI-O.
func (s *side) daemon() int {
	data, _ := os.ReadFile(s.dir + "/crio.pid")
	pid, _ := strconv.Atoi(strings.TrimSpace(string(data)))
	return pid
}

// complaints are what CRI-O has had to complain of since its log was this long.
func (s *side) complaints(from int) string {
	data, _ := os.ReadFile(s.dir + "/crio.log")
	var lines []string
	for line := range strings.Lines(string(data[min(from, len(data)):])) {
		if strings.Contains(line, "level=warning") || strings.Contains(line, "level=error") || strings.Contains(line, "level=fatal") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-10):], "")
}
