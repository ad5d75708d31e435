package logs

import (
	"encoding/binary"
	"strings"
	"syscall"
	"time"
)

// zone is where log times are local: what TZ says, else /etc/localtime. Go's
// time package takes a TZ that is a name, but not one that is a rule, such as
// CET-1CEST,M3.5.0,M10.5.0/3 or XXX-5:30; tzset(3).
func zone() *time.Location {
	tz, _ := syscall.Getenv("TZ")
	tz = strings.TrimPrefix(tz, ":")
	if !strings.ContainsAny(tz, "0123456789") || strings.HasPrefix(tz, "/") {
		return time.Local
	}
	if _, err := time.LoadLocation(tz); err == nil {
		return time.Local // a name all the same: Etc/GMT+3
	}
	return rule(tz)
}

// rule makes a zone of a rule. Zone files end in one, for the time after their
// last entry: a file that has a single entry, long ago, is the rule and nothing
// else; tzfile(5), version 2. What is no rule is UTC, as for the C library.
func rule(tz string) *time.Location {
	header := func(b []byte, times, types, chars uint32) []byte {
		b = append(b, "TZif2\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"...)
		for _, n := range [...]uint32{0, 0, 0, times, types, chars} {
			b = binary.BigEndian.AppendUint32(b, n)
		}
		return b
	}
	b := header(nil, 0, 0, 0) // of version 1, which nobody reads
	b = header(b, 1, 1, 4)
	b = binary.BigEndian.AppendUint64(b, 1<<63) // the first second there is
	b = append(b, 0)                            // has type 0:
	b = append(b, 0, 0, 0, 0, 0, 0)             // offset 0, no summer time, name at 0
	b = append(b, "UTC\x00"...)
	b = append(append(append(b, '\n'), tz...), '\n')
	loc, err := time.LoadLocationFromTZData("UTC", b)
	if err != nil {
		return time.UTC
	}
	return loc
}
