package cli

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"stave/specs"
)

// State is a container as `state` and `list` show it.
type State struct {
	OCIVersion  string
	ID          string
	PID         int // as the host counts; 0 when stopped
	Status      string
	Bundle      string
	Rootfs      string
	Created     string // RFC 3339 with nanoseconds, UTC
	Annotations map[string]string
	Owner       string // a user's name, or # and the number
}

// AppendState appends the object that `state` prints: indented by two spaces, without a
// line feed at the end.
func AppendState(b []byte, s *State) []byte { return s.appendJSON(b, true) }

// AppendListJSON appends the array that `list --format json` prints, with a line feed.
// No containers at all are null, as with runc.
func AppendListJSON(b []byte, list []State) []byte {
	if list == nil {
		return append(b, "null\n"...)
	}
	b = append(b, '[')
	for i := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = list[i].appendJSON(b, false)
	}
	return append(b, "]\n"...)
}

func (s *State) appendJSON(b []byte, indent bool) []byte {
	o := object{b: b, indent: indent}
	o.open()
	o.str("ociVersion", s.OCIVersion)
	o.str("id", s.ID)
	o.num("pid", int64(s.PID))
	o.str("status", s.Status)
	o.str("bundle", s.Bundle)
	o.str("rootfs", s.Rootfs)
	o.str("created", s.Created)
	if len(s.Annotations) > 0 {
		o.key("annotations")
		o.open()
		for _, k := range sortedKeys(s.Annotations) {
			o.str(k, s.Annotations[k])
		}
		o.close()
	}
	o.str("owner", s.Owner)
	o.close()
	return o.b
}

// AppendListIDs appends what `list --quiet` prints: an id a line.
func AppendListIDs(b []byte, list []State) []byte {
	for i := range list {
		b = append(append(b, list[i].ID...), '\n')
	}
	return b
}

// The layout of runc's table: no column narrower than 12, and at least 3 blanks
// between two of them. The last column is not padded.
const (
	columns     = 6
	columnMin   = 12
	columnSpace = 3
)

// AppendListTable appends the table that `list` prints.
func AppendListTable(b []byte, list []State) []byte {
	rows := make([][columns]string, 0, len(list)+1)
	rows = append(rows, [columns]string{"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"})
	for i := range list {
		s := &list[i]
		rows = append(rows, [columns]string{cell(s.ID), strconv.Itoa(s.PID), cell(s.Status), cell(s.Bundle), cell(s.Created), cell(s.Owner)})
	}
	var width [columns]int
	for col := range width {
		width[col] = columnMin
		for i := range rows {
			width[col] = max(width[col], utf8.RuneCountInString(rows[i][col])+columnSpace)
		}
	}
	for i := range rows {
		for col, text := range rows[i] {
			b = append(b, text...)
			for n := utf8.RuneCountInString(text); n < width[col] && col < columns-1; n++ {
				b = append(b, ' ')
			}
		}
		b = append(b, '\n')
	}
	return b
}

// cell keeps a name with a tab, a line feed or an escape sequence in it from
// breaking the table, or worse, the terminal.
func cell(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] == 0x7f || s[i] == 0xff {
			q := strconv.Quote(s)
			return q[1 : len(q)-1]
		}
	}
	return s
}

// AppendPIDs appends the array that `ps --format json` prints, with a line feed.
func AppendPIDs(b []byte, pids []int) []byte { return append(appendInts(b, pids), '\n') }

// AppendPS appends the title and those lines of ps(1)'s output whose process is
// among pids: what `ps` prints.
func AppendPS(b, output []byte, pids []int) ([]byte, error) {
	column := -1
	for i := 0; len(output) > 0; i++ {
		var line []byte
		line, output, _ = bytes.Cut(output, []byte{'\n'})
		fields := strings.Fields(string(line))
		if i == 0 {
			for n := range fields {
				if fields[n] == "PID" {
					column = n
					break
				}
			}
			if column < 0 {
				return b, &specs.Error{Verb: "ps", Problem: "ps(1) printed no column PID", Hint: "add it to the options: -o pid,..."}
			}
			b = append(append(b, line...), '\n')
			continue
		}
		if len(fields) <= column {
			continue
		}
		pid, err := strconv.Atoi(fields[column])
		if err != nil {
			return b, &specs.Error{Verb: "ps", Problem: "ps(1) printed " + strconv.Quote(fields[column]) + " in its column PID",
				Hint: "keep columns with blanks in them after PID"}
		}
		for _, p := range pids {
			if p == pid {
				b = append(append(b, line...), '\n')
				break
			}
		}
	}
	return b, nil
}

// Version is what `--version` prints. Empty fields are left out.
type Version struct{ Stave, Commit, Spec, Go string }

// AppendVersion appends the lines of `--version`. Engines read the first one and "spec:".
func AppendVersion(b []byte, v Version) []byte {
	for _, line := range [...]struct{ name, value string }{
		{"stave version ", v.Stave}, {"commit: ", v.Commit}, {"spec: ", v.Spec}, {"go: ", v.Go},
	} {
		if line.value != "" {
			b = append(append(append(b, line.name...), line.value...), '\n')
		}
	}
	return b
}
