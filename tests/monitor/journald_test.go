package monitor

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"stave/tests/kit"
)

// Systemd's own journal takes what the driver sends, and journalctl(1) shows it
// under the names that Podman and CRI-O look for.
func TestRealJournal(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		j := kit.NewJournal(t)
		c := fake(t, s, `container 'echo one; sleep 0.1; echo two >&2; sleep 0.1; printf "\\377\\001 bytes\\n"; sleep 0.1; head -c 20000 /dev/zero | tr "\\000" x; echo; sleep 0.1; echo "<4>warned"; sleep 0.1; echo -n end'`)
		id := c.id + "-long-enough"
		c.set("-c", id).set("-l", "journald").add("--log-tag", "mine").run()
		all := j.Entries("CONTAINER_ID_FULL=" + id)
		kit.Eventually(patience, func() bool {
			all = j.Entries("CONTAINER_ID_FULL=" + id)
			return len(all) > 0 && all[len(all)-1]["MESSAGE"] == "end"
		})
		type want map[string]string
		expected := []want{
			{"MESSAGE": "one\n", "PRIORITY": "6"},
			{"MESSAGE": "two\n", "PRIORITY": "3"},
			{"MESSAGE": "\xff\x01 bytes\n", "PRIORITY": "6"},
			{"MESSAGE": strings.Repeat("x", 8192), "CONTAINER_PARTIAL_MESSAGE": "true"},
			{"MESSAGE": strings.Repeat("x", 8192), "CONTAINER_PARTIAL_MESSAGE": "true"},
			{"MESSAGE": strings.Repeat("x", 20000-2*8192) + "\n"},
			{"MESSAGE": "warned\n", "PRIORITY": "4"},
			{"MESSAGE": "end", "CONTAINER_PARTIAL_MESSAGE": "true"},
		}
		if !s.ours() { // see TestJournald
			expected[6] = want{"MESSAGE": "<4>warned\n", "PRIORITY": "6"}
			all = joined(t, all)
			expected = slices.Delete(expected, 3, 6)
		}
		if len(all) != len(expected) {
			t.Fatalf("the journal has %d entries and not %d: %.2000q", len(all), len(expected), fmt.Sprint(all))
		}
		for i, w := range expected {
			got := all[i]
			w["CONTAINER_ID"], w["CONTAINER_ID_FULL"], w["CONTAINER_NAME"], w["CONTAINER_TAG"] = id[:12], id, "name", "mine"
			w["_PID"], w["_TRANSPORT"] = strconv.Itoa(c.monitor), "journal"
			if s.ours() { // Debian's version leaves it to the library, which takes the program's name
				w["SYSLOG_IDENTIFIER"] = "mine"
			}
			if _, ok := w["CONTAINER_PARTIAL_MESSAGE"]; !ok {
				w["CONTAINER_PARTIAL_MESSAGE"] = "" // absent
			}
			for key, value := range w {
				if got[key] != value {
					t.Errorf("entry %d: %s is %.100q, want %.100q", i, key, got[key], value)
				}
			}
		}
	})
}

// joined takes the long line out of conmon's entries, which cuts it where its
// reads happen to end.
func joined(t *testing.T, all []map[string]string) (others []map[string]string) {
	long := ""
	for _, e := range all {
		if text := e["MESSAGE"]; strings.Trim(text, "x") == "" || text == "\n" || strings.Trim(text, "x") == "\n" {
			long += text
		} else {
			others = append(others, e)
		}
	}
	if long != strings.Repeat("x", 20000)+"\n" {
		t.Errorf("of a line of 20000 bytes there are %d", len(long))
	}
	return others
}

// The journal under a flood has every line once and in order; gone and come
// back it has a record of what it missed.
func TestRealJournalGoes(t *testing.T) {
	s := ours(t)
	j := kit.NewJournal(t)
	c := fake(t, s, `container '`+numbered+`; read x <'$D'/go; while [ $i -lt 3010 ]; do echo "sequence $i of many, with some text behind it"; i=$((i+1)); done; echo done >'$D'/part; read x <'$D'/go; echo "sequence $i of many, with some text behind it"'`)
	id := c.id + "-long-enough"
	match := "CONTAINER_ID_FULL=" + id
	c.set("-c", id).set("-l", "journald").created()
	has := func(text string) bool {
		all := j.Entries(match)
		return len(all) > 0 && strings.Contains(all[len(all)-1]["MESSAGE"], text)
	}
	if !kit.Eventually(patience, func() bool { return has("sequence 2999 of") }) {
		t.Fatalf("of 3000 lines the journal has %d", len(j.Entries(match)))
	}
	for i, e := range j.Entries(match) {
		if !strings.HasPrefix(e["MESSAGE"], fmt.Sprintf("sequence %d of", i)) {
			t.Fatalf("entry %d is %q", i, e["MESSAGE"])
		}
	}
	j.Stop()
	c.release()
	kit.Must(t, eventuallyNonEmpty(c.beside("part")))
	settle()
	j.Start()
	if !kit.Eventually(patience, func() bool { return has("dropped") }) {
		t.Error("the journal is back, and nobody says what is missing")
	}
	c.release()
	c.wait()
	if !kit.Eventually(patience, func() bool { return has("sequence 3010 of") }) {
		t.Fatalf("it does not go on: %q", j.Entries(match)[3000:])
	}
	all := j.Entries(match)
	bytes := 0
	for i := 3000; i < 3010; i++ {
		bytes += len(fmt.Sprintf("sequence %d of many, with some text behind it\n", i))
	}
	notice := fmt.Sprintf("%d bytes in 10 records were dropped", bytes)
	if len(all) != 3002 || !strings.Contains(all[3000]["MESSAGE"], notice) || all[3000]["PRIORITY"] != "3" {
		t.Errorf("%d entries, want %q in %q", len(all), notice, all[3000:])
	}
}
