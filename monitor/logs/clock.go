package logs

import "time"

// clock writes times as RFC 3339 with nine digits and a numeric offset:
// 2026-11-21T16:17:13.123456789+00:00. Most reads fall into the second of the
// one before, and then only the digits change.
type clock struct {
	zone  *time.Location // nil: the one of log times, not yet asked for
	valid bool
	sec   int64
	text  [stampLen]byte
}

const (
	stampLen = 35
	digitsAt = 20 // where the nanoseconds begin
	offsetAt = 29
)

func (c *clock) at(ns int64) *[stampLen]byte {
	sec, frac := ns/1e9, ns%1e9
	if frac < 0 {
		sec, frac = sec-1, frac+1e9
	}
	if sec != c.sec || !c.valid {
		c.second(sec)
	}
	for i := offsetAt - 1; i >= digitsAt; i-- {
		c.text[i] = '0' + byte(frac%10)
		frac /= 10
	}
	return &c.text
}

// second writes everything but the nanoseconds.
func (c *clock) second(sec int64) {
	if c.zone == nil {
		c.zone = zone()
	}
	t := time.Unix(sec, 0).In(c.zone)
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	_, offset := t.Zone()
	b := &c.text
	two(b[0:], year/100)
	two(b[2:], year)
	two(b[5:], int(month))
	two(b[8:], day)
	two(b[11:], hour)
	two(b[14:], minute)
	two(b[17:], second)
	b[4], b[7], b[10], b[13], b[16], b[19], b[29], b[32] = '-', '-', 'T', ':', ':', '.', '+', ':'
	if offset < 0 {
		b[29], offset = '-', -offset
	}
	two(b[30:], offset/3600)
	two(b[33:], offset/60%60)
	c.sec, c.valid = sec, true
}

func two(b []byte, n int) {
	b[0], b[1] = '0'+byte(n/10%10), '0'+byte(n%10)
}
