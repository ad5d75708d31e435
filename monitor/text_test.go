package monitor

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestAppendLine(t *testing.T) {
	for _, tt := range []struct {
		key     string
		n       int
		message string
		want    string
	}{
		{"data", 12, "", "{\"data\": 12}\n"},
		{"exit_code", -1, "command timed out", "{\"exit_code\": -1, \"message\": \"command timed out\"}\n"},
		{"pid", -1, "a\"b\\c/d\n\r\t\b\f\x01\x7f", "{\"pid\": -1, \"message\": \"a\\\"b\\\\c\\/d\\n\\r\\t\\b\\f\\u0001\\u007f\"}\n"},
		{"data", -1, "\xff é \xe2\x82", "{\"data\": -1, \"message\": \"\uFFFD é \uFFFD\uFFFD\"}\n"},
	} {
		if got := string(appendLine(nil, tt.key, tt.n, tt.message)); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

// Whatever a runtime says, the caller's parser gets it.
func FuzzAppendText(f *testing.F) {
	f.Add("plain")
	f.Add("\x00\x1f\x7f\"\\/\xff\xed\xa0\x80")
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		if err := json.Unmarshal(appendText(nil, s), &got); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		if want := strings.ToValidUTF8(s, "\uFFFD"); strings.ReplaceAll(got, "\uFFFD", "") != strings.ReplaceAll(want, "\uFFFD", "") {
			t.Fatalf("%q became %q", s, got)
		}
	})
}

func TestRecordJSON(t *testing.T) {
	r := Record{ID: "a\"b", Pid: 7, Status: Status{Known: true, Signal: unix.SIGSEGV, Core: true}, Code: 139, OOM: true,
		Created: time.Unix(1, 5), Ended: time.Unix(2, 0)}
	r.Lost.Records, r.Lost.Bytes = 3, 40
	var got map[string]any
	if err := json.Unmarshal(r.JSON(), &got); err != nil {
		t.Fatalf("%v: %s", err, r.JSON())
	}
	for k, want := range map[string]any{"id": "a\"b", "pid": 7.0, "exitCode": 139.0, "known": true, "signal": "SIGSEGV", "core": true,
		"oomKilled": true, "timedOut": false, "created": "1970-01-01T00:00:01.000000005Z", "lostRecords": 3.0, "lostBytes": 40.0} {
		if got[k] != want {
			t.Errorf("%s is %v, want %v", k, got[k], want)
		}
	}
}

func TestExitCode(t *testing.T) {
	for _, tt := range []struct {
		status Status
		want   int
	}{
		{Status{}, -1}, // never 0 for what is not known
		{Status{Known: true}, 0},
		{Status{Known: true, Code: 255}, 255},
		{Status{Known: true, Signal: unix.SIGKILL}, 137},
	} {
		if got := tt.status.ExitCode(); got != tt.want {
			t.Errorf("%+v: %d, want %d", tt.status, got, tt.want)
		}
	}
}

func TestNotifyLines(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"READY=1", "READY=1"},
		{"MAINPID=1\nREADY=1\n", "READY=1"},
		{"STATUS=a b\rFDSTORE=1\nWATCHDOG=1", "STATUS=a b\nWATCHDOG=1"},
		{"READY=10\nXREADY=1\n READY=1", ""},
		{"BARRIER=1\nEXTEND_TIMEOUT_USEC=5\nNOTIFYACCESS=all", ""},
		{"ERRNO=2\n\n\nBUSERROR=x\nMONOTONIC_USEC=1\nRELOADING=1\nSTOPPING=1\nWATCHDOG=trigger", "ERRNO=2\nBUSERROR=x\nMONOTONIC_USEC=1\nRELOADING=1\nSTOPPING=1\nWATCHDOG=trigger"},
		{"", ""},
	} {
		if got := string(notifyLines([]byte(tt.in))); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestParseLevel(t *testing.T) {
	for s, want := range map[string]Level{"error": Fatal, "PANIC": Fatal, "warn": Warning, "Warning": Warning, "info": Info, "debug": Debug, "trace": Trace} {
		if got, ok := ParseLevel(s); !ok || got != want {
			t.Errorf("%s: %v %v", s, got, ok)
		}
	}
	if _, ok := ParseLevel("loud"); ok {
		t.Error("loud is a level")
	}
}
