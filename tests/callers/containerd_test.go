package callers

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"stave/tests/kit"
)

const image = "test.local/img:latest"

// newContainerd starts a private containerd and gives its ctr.
func newContainerd(t *testing.T) *caller {
	t.Helper()
	kit.NeedRoot(t)
	daemon, ctr := kit.NeedTool(t, "containerd"), kit.NeedTool(t, "ctr")
	kit.NeedTool(t, "containerd-shim-runc-v2")
	dir := kit.Dir(t)
	socket := filepath.Join(dir, "sock")
	conf := filepath.Join(dir, "config.toml")
	kit.Must(t, os.WriteFile(conf, []byte(fmt.Sprintf("version = 2\nroot = %q\nstate = %q\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\n  address = %q\n[ttrpc]\n  address = %q\n",
		dir+"/root", dir+"/state", socket, socket+".ttrpc")), 0o644))
	cmd := &kit.Cmd{Args: []string{daemon, "--config", conf, "--log-level", "warn"}, Timeout: 10 * time.Minute,
		Env: []string{"HOME=" + dir}, Attr: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}}
	cmd.Start(t)
	c := &caller{t: t, args: []string{ctr, "--address", socket, "--namespace", "test"}}
	t.Cleanup(func() {
		for range 2 {
			list := c.do(t, "containers", "ls", "-q")
			for _, id := range strings.Fields(list.Stdout) {
				c.do(t, "task", "kill", "-s", "KILL", id)
				c.do(t, "task", "rm", "-f", id)
				c.do(t, "container", "rm", id)
			}
		}
		cmd.Signal(syscall.SIGTERM)
		res := cmd.Wait()
		if t.Failed() {
			t.Logf("containerd: %s", res)
		}
	})
	if !kit.Eventually(20*time.Second, func() bool { return c.do(t, "version").Code == 0 }) {
		t.Fatal("containerd does not answer")
	}
	b := kit.NewBundle(t)
	if res := c.do(t, "image", "import", "--base-name", "test.local/img", ociImage(t, b.Rootfs, image)); res.Code != 0 {
		t.Fatal(res)
	}
	return c
}

func TestContainerd(t *testing.T) {
	kit.Begin(t)
	subject := kit.Subject(t)
	c := newContainerd(t)
	vol := kit.Dir(t)
	kit.Must(t, os.WriteFile(vol+"/file", []byte("of the host\n"), 0o644))
	run := "run --runtime io.containerd.runc.v2 --runc-binary " + subject.Path + " "
	long := c.do(t, words(run+"-d "+image+" long sh -c 'echo started; trap exit TERM; while :; do sleep 0.1; done'")...)
	if long.Code != 0 {
		t.Fatal(long)
	}
	for _, k := range containerdChecks {
		k.args = strings.NewReplacer("RUN", run+"--rm", "START", run, "IMG", image).Replace(k.args)
		t.Run(k.name, func(t *testing.T) {
			kit.Begin(t)
			k.run(t, c, vol)
		})
	}
}

var containerdChecks = []check{
	{name: "run", args: "RUN IMG NAME echo hello", want: "^hello\n$"},
	{name: "exit code 0", args: "RUN IMG NAME true"},
	{name: "exit code 42", args: "RUN IMG NAME sh -c 'exit 42'", code: 42},
	{name: "not found", args: "RUN IMG NAME /no/such", code: 1, want: "no such file|not found"},
	{name: "not executable", args: "RUN IMG NAME /etc/passwd", code: 1, want: "(?i)permission denied"},
	{name: "stderr", args: "RUN IMG NAME sh -c 'echo oops >&2'", want: "oops"},
	{name: "env of the image", args: "RUN IMG NAME env", want: "FROM=image"},
	{name: "env", args: "RUN --env A=b IMG NAME env", want: `(?m)^A=b$`},
	{name: "cwd", args: "RUN --cwd /var IMG NAME pwd", want: "^/var\n"},
	{name: "read-only", args: "RUN --read-only IMG NAME touch /x", code: 1, want: "Read-only"},
	{name: "writable", args: "RUN IMG NAME touch /x"},
	{name: "bind mount", args: "RUN --mount type=bind,src=VOL,dst=/v,options=rbind:ro IMG NAME cat /v/file", want: "of the host"},
	{name: "bind mount ro", args: "RUN --mount type=bind,src=VOL,dst=/v,options=rbind:ro IMG NAME touch /v/x", code: 1, want: "Read-only"},
	{name: "tmpfs mount", args: "RUN --mount type=tmpfs,src=tmpfs,dst=/t,options=size=1m IMG NAME grep /t /proc/mounts", want: "size=1024k"},
	{name: "memory limit", args: "RUN --memory-limit 67108864 IMG NAME true"},
	{name: "cpus", args: "RUN --cpus 0.5 IMG NAME true"},
	{name: "cgroup", args: "RUN --cgroup /NAME IMG NAME cat /proc/self/cgroup", want: "pids:/st"},
	{name: "host network", args: "RUN --net-host IMG NAME cat /proc/net/dev", want: "lo:"},
	{name: "no network", args: "RUN IMG NAME cat /proc/net/route", not: "eth0"},
	{name: "seccomp", args: "RUN --seccomp IMG NAME grep Seccomp: /proc/self/status", want: `2\n`},
	{name: "no seccomp", args: "RUN IMG NAME grep Seccomp: /proc/self/status", want: `0\n`},
	{name: "cap-drop", args: "RUN --cap-drop CAP_CHOWN IMG NAME grep CapBnd /proc/self/status", want: "00000000a80425fa"},
	{name: "cap-add", args: "RUN --cap-add CAP_SYS_TIME IMG NAME grep CapBnd /proc/self/status", want: "00000000aa0425fb"},
	{name: "device", args: "RUN --device /dev/null IMG NAME stat -c %t:%T /dev/null", want: "1:3"},
	{name: "user namespace", args: "RUN --uidmap 0:100000:65536 --gidmap 0:100000:65536 IMG NAME cat /proc/self/uid_map", want: "100000"},
	{name: "hostname", args: "RUN --hostname box IMG NAME hostname", code: -1},
	{name: "allow new privileges", args: "RUN --allow-new-privs IMG NAME grep NoNewPrivs /proc/self/status", want: `0\n`},
	{name: "oci config is accepted", args: "RUN --label a=b --annotation c=d IMG NAME true", code: -1},
	{name: "task list", args: "task ls", want: "long +[0-9]+ +RUNNING"},
	{name: "exec", args: "task exec --exec-id e1 long echo in", want: "^in\n$"},
	{name: "exec exit code", args: "task exec --exec-id e2 long sh -c 'exit 9'", code: 9},
	{name: "exec not found", args: "task exec --exec-id e3 long /no/such", code: 1},
	{name: "exec cwd and user", args: "task exec --exec-id e4 --cwd /var --user 1000 long sh -c 'pwd; id -u'", want: "/var\n1000"},
	{name: "exec id again", args: "task exec --exec-id e1 long true"},
	{name: "ps", args: "task ps long", want: "PID"},
	{name: "metrics", args: "task metrics long", want: "(?i)memory|pids"},
	{name: "pause", args: "task pause long"},
	{name: "paused", args: "task ls", want: "long +[0-9]+ +PAUSED"},
	{name: "resume", args: "task resume long"},
	{name: "resumed", args: "task exec --exec-id e5 long true"},
	{name: "delete of a running one fails", args: "task rm long", code: 1},
	{name: "kill TERM", args: "task kill -s TERM long"},
	{name: "task rm", args: "task rm -f long", code: -1},
	{name: "container rm", args: "container rm long"},
	{name: "detached", args: "START -d IMG second sleep 100"},
	{name: "kill KILL", args: "task kill -s KILL second"},
	{name: "task rm -f", args: "task rm -f second", code: -1},
	{name: "start again", args: "task start -d second"},
	{name: "task rm -f running", args: "task rm -f second", code: -1},
}
