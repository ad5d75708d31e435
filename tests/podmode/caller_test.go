package podmode

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"stave/monitor/client"
	"stave/monitor/wire"
	"stave/tests/kit"
)

// Some callers must be processes of their own, to be killed or to be somebody
// else: this program again, with the name of what to do in its environment.
const envCaller = "PODMODE_CALLER"

func init() {
	do := os.Getenv(envCaller)
	if do == "" {
		return
	}
	c := &client.Client{Socket: os.Args[1]}
	ctx := context.Background()
	var err error
	switch do {
	case "list":
		var list []wire.Status
		if list, err = c.List(ctx); err == nil {
			fmt.Println(len(list), "listed")
		}
	case "create", "exec", "exec-sync":
		req := wire.Request{}
		if err = req.Parse([]byte(os.Args[2])); err != nil {
			break
		}
		switch do {
		case "create":
			_, err = c.Create(ctx, req)
		case "exec":
			var s *client.Stream
			if _, s, err = c.Exec(ctx, req); err == nil {
				fmt.Println("begun")
				_, _, err = s.Copy(os.Stdout, os.Stderr)
			}
		case "exec-sync":
			_, err = c.ExecSync(ctx, req)
		}
	}
	if err != nil {
		fmt.Println(err, "refused:", errors.Is(err, wire.ErrRefused))
	}
	os.Exit(0)
}

// begin starts a caller.
func begin(t testing.TB, uid int, do string, args ...string) *kit.Cmd {
	t.Helper()
	self := "/proc/self/exe"
	if uid != 0 { // the test program's own path is for root only
		data, err := os.ReadFile(self)
		kit.Must(t, err)
		self = kit.Dir(t) + "/caller"
		kit.Must(t, os.WriteFile(self, data, 0o755))
	} else {
		path, err := os.Readlink(self)
		kit.Must(t, err)
		self = path
	}
	if _, err := exec.LookPath(self); err != nil {
		t.Fatal(err)
	}
	c := &kit.Cmd{Args: append([]string{self}, args...), Env: []string{envCaller + "=" + do}, Timeout: patience,
		Attr: &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}}
	c.Start(t)
	return c
}

// caller runs one to its end and gives what it says.
func caller(t testing.TB, uid int, do string, args ...string) string {
	t.Helper()
	res := begin(t, uid, do, args...).Wait()
	return strings.TrimPrefix(res.Stdout+res.Stderr, "\n")
}
