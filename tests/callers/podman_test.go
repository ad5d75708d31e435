// Package callers runs real callers on top of the runtime: Podman with conmon,
// and containerd with its runc shim. What they check is theirs; what fails with
// us and not with RUNTIME=runc is ours.
package callers

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"stave/tests/kit"
)

func TestMain(m *testing.M) { kit.Main(m) }

// A caller is a client with its global flags.
type caller struct {
	t    *testing.T
	args []string
	env  []string
}

func (c *caller) do(t *testing.T, args ...string) *kit.Result {
	t.Helper()
	cmd := &kit.Cmd{Args: append(append([]string{}, c.args...), args...), Env: c.env, Timeout: 60 * time.Second}
	cmd.Start(t)
	return cmd.Wait()
}

// A check is one command line and what must come of it. In args, NAME is a
// fresh name, LONG a container that sleeps, VOL a directory of the host.
type check struct {
	name string
	args string // split at spaces; a part in '...' stays whole
	code int    // -1: any, as the machine may lack what it needs
	want string // a regular expression for stdout and stderr; empty: anything
	not  string // must not match
}

func newPodman(t *testing.T) *caller {
	t.Helper()
	subject := kit.Subject(t)
	podman := kit.NeedTool(t, "podman")
	kit.NeedTool(t, "conmon")
	dir := kit.Dir(t)
	conf := filepath.Join(dir, "containers.conf")
	kit.Must(t, os.WriteFile(conf, []byte("[containers]\ndefault_ulimits = []\nlog_driver = \"k8s-file\"\npids_limit = 0\n[engine]\nevents_logger = \"file\"\n"), 0o644))
	c := &caller{t: t, args: []string{podman, "--root", dir + "/root", "--runroot", dir + "/runroot", "--tmpdir", dir + "/tmp",
		"--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--runtime", subject.Path},
		env: []string{"HOME=" + dir, "CONTAINERS_CONF=" + conf, "XDG_RUNTIME_DIR=" + dir}}
	b := kit.NewBundle(t)
	tar := filepath.Join(dir, "image.tar")
	if res := kit.Do(t, "tar", "-C", b.Rootfs, "-cf", tar, "."); res.Code != 0 {
		t.Fatal(res)
	}
	if res := c.do(t, "import", "--change", "CMD=/bin/sh", tar, "img"); res.Code != 0 {
		t.Fatal(res)
	}
	t.Cleanup(func() {
		c.do(t, "pod", "rm", "-af", "-t", "0")
		c.do(t, "rm", "-af", "-t", "0")
	})
	return c
}

func TestPodman(t *testing.T) {
	kit.Begin(t)
	c := newPodman(t)
	vol := kit.Dir(t)
	kit.Must(t, os.WriteFile(vol+"/file", []byte("of the host\n"), 0o644))
	if res := c.do(t, "run", "-d", "--name", "long", "--network", "none", "img", "sh", "-c", "echo started; trap 'exit 0' TERM; while :; do sleep 0.1; done"); res.Code != 0 {
		t.Fatal(res)
	}
	for _, k := range podmanChecks {
		t.Run(k.name, func(t *testing.T) {
			kit.Begin(t)
			k.run(t, c, vol)
		})
	}
	for _, name := range []string{"long", "long2"} {
		c.do(t, "rm", "-f", "-t", "0", name)
	}
	if res := c.do(t, "ps", "-aq"); strings.TrimSpace(res.Stdout) != "" {
		t.Errorf("containers are left: %s", res)
	}
}

func (k *check) run(t *testing.T, c *caller, vol string) {
	t.Helper()
	res := c.do(t, words(strings.NewReplacer("NAME", kit.ID(), "VOL", vol).Replace(k.args))...)
	all := res.Stdout + res.Stderr
	switch {
	case res.TimedOut, k.code >= 0 && res.Code != k.code:
		t.Errorf("want exit %d: %s", k.code, res)
	case k.want != "" && !regexp.MustCompile(k.want).MatchString(all):
		t.Errorf("want %q: %s", k.want, res)
	case k.not != "" && regexp.MustCompile(k.not).MatchString(all):
		t.Errorf("do not want %q: %s", k.not, res)
	}
}

// words splits at spaces; '...' holds a word together.
func words(s string) []string {
	var all []string
	for i, part := range strings.Split(s, "'") {
		if i%2 == 1 {
			all = append(all, part)
		} else {
			all = append(all, strings.Fields(part)...)
		}
	}
	return all
}

const none = "--network none img "

var podmanChecks = []check{
	{name: "run", args: "run --rm " + none + "echo hello", want: "^hello\n$"},
	{name: "exit code 0", args: "run --rm " + none + "true"},
	{name: "exit code 42", args: "run --rm " + none + "sh -c 'exit 42'", code: 42},
	{name: "exit by a signal", args: "run --rm " + none + "sh -c 'sleep 9 & kill -9 $!; wait $!; exit $?'", code: 137},
	{name: "not found is 127", args: "run --rm " + none + "/no/such", code: 127},
	{name: "not executable is 126", args: "run --rm " + none + "/etc/passwd", code: 126},
	{name: "stderr", args: "run --rm " + none + "sh -c 'echo oops >&2'", want: "oops"},
	{name: "host network", args: "run --rm --network host img cat /proc/net/dev", want: "lo:"},
	{name: "terminal", args: "run --rm -t " + none + "sh -c 'tty; stat -c %t /dev/console'", want: `(?s)/dev/(pts/0|console).*88`},
	{name: "user by number", args: "run --rm --user 1000:2000 " + none + "id", want: `uid=1000.*gid=2000`},
	{name: "user by name", args: "run --rm --user user " + none + "id -u", want: "^1000"},
	{name: "group-add", args: "run --rm --group-add 3000 " + none + "id -G", want: "3000"},
	{name: "cap-drop all", args: "run --rm --cap-drop all " + none + "grep CapEff /proc/self/status", want: "0{16}"},
	{name: "cap-add", args: "run --rm --cap-drop all --cap-add net_admin " + none + "grep CapEff /proc/self/status", want: "0000000000001000"},
	{name: "read-only", args: "run --rm --read-only " + none + "touch /x", code: 1, want: "Read-only"},
	{name: "read-only still has tmp", args: "run --rm --read-only " + none + "touch /tmp/x"},
	{name: "volume", args: "run --rm -v VOL:/v " + none + "cat /v/file", want: "of the host"},
	{name: "volume ro", args: "run --rm -v VOL:/v:ro " + none + "touch /v/x", code: 1, want: "Read-only"},
	{name: "tmpfs", args: "run --rm --tmpfs /t:size=1m,mode=0700 " + none + "grep ' /t ' /proc/mounts", want: "tmpfs.*size=1024k"},
	{name: "memory", args: "run --rm --memory 64m " + none + "cat /proc/self/cgroup", want: "memory:/"},
	{name: "pids-limit", args: "run --rm --pids-limit 20 " + none + "sh -c 'for i in $(seq 40); do sleep 1 & done; wait'", want: "(?i)fork|resource", code: 2},
	{name: "cpus", args: "run --rm --cpus 0.5 --cpu-shares 512 " + none + "true"},
	{name: "hostname", args: "run --rm --hostname box " + none + "hostname", want: "^box\n"},
	{name: "env", args: "run --rm --env A=b " + none + "env", want: `(?m)^A=b$`},
	{name: "workdir", args: "run --rm -w /var " + none + "pwd", want: "^/var\n"},
	{name: "ulimit", args: "run --rm --ulimit nofile=100:200 --ulimit nproc=1000:1000 " + none + "sh -c 'ulimit -n; ulimit -Hn'", want: "100\n200"},
	{name: "sysctl", args: "run --rm --sysctl net.ipv4.ip_forward=1 " + none + "cat /proc/sys/net/ipv4/ip_forward", want: "1"},
	{name: "seccomp unconfined", args: "run --rm --security-opt seccomp=unconfined " + none + "grep Seccomp: /proc/self/status", want: `0\n`},
	{name: "seccomp default", args: "run --rm " + none + "grep Seccomp: /proc/self/status", want: `2\n`},
	{name: "no-new-privileges", args: "run --rm --security-opt no-new-privileges " + none + "grep NoNewPrivs /proc/self/status", want: `1\n`},
	{name: "device", args: "run --rm --device /dev/null:/dev/mine " + none + "stat -c %t:%T /dev/mine", want: "1:3"},
	{name: "privileged", args: "run --rm --privileged " + none + "ls /dev/vda /dev/loop-control", code: -1},
	{name: "host pid", args: "run --rm --pid host " + none + "cat /proc/1/comm", not: "^cat\n$"},
	{name: "host ipc and uts", args: "run --rm --ipc host --uts host " + none + "true"},
	{name: "user namespace", args: "run --rm --uidmap 0:100000:65536 " + none + "cat /proc/self/uid_map", want: "100000"},
	{name: "exec", args: "exec long echo in", want: "^in\n$"},
	{name: "exec exit code", args: "exec long sh -c 'exit 9'", code: 9},
	{name: "exec not found", args: "exec long /no/such", code: 127},
	{name: "exec terminal", args: "exec -t long tty", want: "/dev/pts/"},
	{name: "exec user env workdir", args: "exec -u 1000 -e X=y -w /var long sh -c 'id -u; echo $X; pwd'", want: "1000\ny\n/var"},
	{name: "exec detached", args: "exec -d long touch /tmp/was-here"},
	{name: "logs", args: "logs long", want: "started"},
	{name: "top", args: "top long", want: "COMMAND"},
	{name: "stats", args: "stats --no-stream long", want: "long"},
	{name: "inspect", args: "inspect -f {{.State.Status}}/{{.OCIRuntime}} long", want: "running/"},
	{name: "pause", args: "pause long"},
	{name: "inspect paused", args: "inspect -f {{.State.Status}} long", want: "paused"},
	{name: "unpause", args: "unpause long"},
	{name: "update is visible", args: "exec long true"},
	{name: "kill with a harmless signal", args: "kill -s WINCH long"},
	{name: "stop", args: "stop -t 10 long", want: "long"},
	{name: "exit code of a stopped one", args: "inspect -f {{.State.ExitCode}} long", want: "^0"},
	{name: "start again", args: "start long"},
	{name: "restart", args: "restart -t 1 long"},
	{name: "kill", args: "kill long"},
	{name: "wait", args: "wait long", want: "137"},
	{name: "init", args: "run --rm --init " + none + "true", code: -1},
	{name: "pod", args: "pod create --name NAME --infra=false"},
	{name: "create and rm", args: "create --name long2 " + none + "sleep 100"},
	{name: "start the created", args: "start long2"},
	{name: "rm -f a running one", args: "rm -f -t 0 long2"},
	{name: "name reuse", args: "run --rm --name long2 " + none + "true"},
}

// A terminal that is really one, with stdin, by script(1).
func TestPodmanInteractive(t *testing.T) {
	kit.Begin(t)
	script := kit.NeedTool(t, "script")
	c := newPodman(t)
	line := strings.Join(c.args, " ") + " run --rm -it --network none img sh -c 'stty size; read -r x; echo got:$x; tty'"
	in, out, err := os.Pipe()
	kit.Must(t, err)
	cmd := &kit.Cmd{Args: []string{script, "-qec", line, "/dev/null"}, Env: c.env, Stdin: in, Timeout: 60 * time.Second}
	cmd.Start(t)
	in.Close()
	time.Sleep(2 * time.Second) // script gives its terminal what is there at once; the shell must be up
	fmt.Fprintln(out, "typed")
	res := cmd.Wait()
	out.Close()
	if res.Code != 0 || !strings.Contains(res.Stdout, "got:typed") || !strings.Contains(res.Stdout, "/dev/pts/0") {
		t.Errorf("%s", res)
	}
}
