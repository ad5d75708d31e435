package main

import (
	"errors"
	"testing"
)

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		name, out string
		exit      error
		pass      bool
	}{
		{"plain", "TAP version 13\nok 1 - a\n1..1\n", nil, true},
		{"not ok", "ok 1 - a\nnot ok 2 - b\n1..2\n", nil, false},
		{"exit", "1..0\n", errors.New("exit status 1"), false},
		{"yaml without a test", "TAP version 13\n  ---\n  {\n    \"error\": \"bad\"\n  }\n  ...\n1..0\n", nil, false},
		{"yaml of a good test", "ok 1 - a\n  ---\n  {\n    \"error\": \"exit status 1\"\n  }\n  ...\n1..1\n", nil, true},
		{"not ok inside yaml", "  {\n  \"stdout\": \"not ok 1\"\n  }\nok 1 - a\n", nil, true},
		{"empty error", "  \"error\": \"\"\n1..0\n", nil, true},
	} {
		if v := judge(c.out, "", c.exit); v.pass != c.pass {
			t.Errorf("%s: pass %v", c.name, v.pass)
		}
	}
}

// The list has a reason for each program, and the parser insists on it.
func TestKnown(t *testing.T) {
	known, err := parseKnown(knownText)
	if err != nil || len(known) == 0 {
		t.Fatal(len(known), err)
	}
	if _, err := parseKnown("hostname\n"); err == nil {
		t.Error("a line without a reason is taken")
	}
}
