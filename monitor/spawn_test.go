package monitor

import (
	"strings"
	"testing"
)

func TestRuntimeArgs(t *testing.T) {
	base := Config{ID: "id", Runtime: "/rt", RuntimeArgs: []string{"--root", "r"}, RuntimeOpts: []string{"--opt"}, Bundle: "/b", PidFile: "/p",
		SystemdCgroup: true, NoPivot: true, NoNewKeyring: true, ProcessSpec: "/s", RestorePath: "/i"}
	for _, tt := range []struct {
		mode    Mode
		console string
		want    string
	}{
		{Create, "/c", "/rt --systemd-cgroup --root r create --bundle /b --pid-file /p --no-pivot --no-new-keyring --opt --console-socket /c id"},
		{Restore, "", "/rt --systemd-cgroup --root r restore --bundle /b --pid-file /p --no-pivot --no-new-keyring --detach --image-path /i --work-path /b --opt id"},
		{Exec, "/c", "/rt --root r exec --pid-file /p --process /s --detach --opt --console-socket /c id"},
	} {
		c := base
		c.Mode = tt.mode
		if got := strings.Join(c.runtimeArgs(tt.console), " "); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

func TestPutDecimal(t *testing.T) {
	for n, want := range map[uint32]string{0: "0", 7: "7", 10: "10", 4194304: "4194304", 4294967295: "4294967295"} {
		b := []byte(strings.Repeat("x", 12))
		putDecimal(b, n)
		if got := string(b[:strings.IndexByte(string(b), 0)]); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
