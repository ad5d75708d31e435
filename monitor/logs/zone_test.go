package logs

import (
	"testing"
	"time"
)

func TestZoneRule(t *testing.T) {
	winter, summer := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC), time.Date(2026, 7, 15, 12, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		tz             string
		winter, summer int // seconds east
	}{
		{"XXX-5:30", 19800, 19800},
		{"XXX+3", -10800, -10800},
		{"UTC0", 0, 0},
		{"CET-1CEST,M3.5.0,M10.5.0/3", 3600, 7200},
		{"EST5EDT", -18000, -14400},
		{"<-03>3", -10800, -10800},
		{"7", 0, 0},
	} {
		loc := rule(row.tz)
		for _, c := range []struct {
			at   time.Time
			want int
		}{{winter, row.winter}, {summer, row.summer}} {
			if _, got := c.at.In(loc).Zone(); got != c.want {
				t.Errorf("%s at %v: %d seconds east, not %d", row.tz, c.at, got, c.want)
			}
		}
	}
}

func TestZoneOfTheEnvironment(t *testing.T) {
	at := time.Date(2026, 7, 15, 12, 0, 0, 0, time.UTC)
	for tz, want := range map[string]int{"XXX-5:30": 19800, ":XXX-5:30": 19800} {
		t.Setenv("TZ", tz)
		if _, got := at.In(zone()).Zone(); got != want {
			t.Errorf("TZ=%s: %d, not %d", tz, got, want)
		}
	}
	for _, tz := range []string{"", "UTC", "/etc/localtime", "Etc/GMT+3"} {
		t.Setenv("TZ", tz)
		if _, err := time.LoadLocation(tz); err != nil && tz == "Etc/GMT+3" {
			continue // no zone files here
		}
		if zone() != time.Local {
			t.Errorf("TZ=%s is not left to package time", tz)
		}
	}
}
