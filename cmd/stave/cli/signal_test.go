package cli

import (
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestParseSignal(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want syscall.Signal
		bad  bool
	}{
		{"9", 9, false}, {"0", 0, false}, {"64", 64, false}, {"65", 0, true}, {"-1", 0, true}, {"9x", 0, true},
		{"KILL", 9, false}, {"SIGKILL", 9, false}, {"kill", 9, false}, {"sigKill", 9, false}, {"SIGSIGKILL", 0, true},
		{"TERM", 15, false}, {"IOT", 6, false}, {"cld", 17, false}, {"SIGPOLL", 29, false}, {"SYS", 31, false},
		{"RTMIN", 34, false}, {"SIGRTMIN+3", 37, false}, {"rtmin+30", 64, false}, {"RTMIN+31", 0, true}, {"RTMIN-1", 0, true}, {"RTMIN+", 0, true}, {"RTMIN++1", 0, true}, {"RTMIN3", 0, true},
		{"RTMAX", 64, false}, {"RTMAX-2", 62, false}, {"RTMAX+1", 0, true}, {"RTMAX-31", 0, true},
		{"", 0, true}, {"SIG", 0, true}, {"bogus", 0, true}, {"0x9", 0, true},
	} {
		got, err := ParseSignal(tt.in)
		if got != tt.want || (err != nil) != tt.bad {
			t.Errorf("%q: got %d, %v", tt.in, got, err)
		}
	}
	for n := syscall.Signal(1); n < 32; n++ {
		if got, err := ParseSignal(unix.SignalName(n)); got != n || err != nil {
			t.Errorf("%s: got %d, %v", unix.SignalName(n), got, err)
		}
	}
}
