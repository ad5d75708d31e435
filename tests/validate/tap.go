package main

import (
	"fmt"
	"strings"
)

// A verdict is what a program's output comes to.
type verdict struct {
	pass    bool
	summary string // counts
	why     string // first reason of a failure
	output  string
}

// judge reads TAP 13. Beside "not ok" a program may fail by its exit status,
// or by a YAML block with a non-empty error and no test line before it: the
// hook programs say what went wrong in this way only, with a plan of 1..0.
func judge(stdout, stderr string, exit error) verdict {
	v := verdict{pass: true, output: stdout + stderr}
	fail := func(format string, args ...any) {
		if v.pass {
			v.pass, v.why = false, oneLine(fmt.Sprintf(format, args...))
		}
	}
	var ok, notOK, skipped int
	afterTest := false
	for _, line := range strings.Split(stdout, "\n") {
		switch {
		case strings.HasPrefix(line, "not ok "):
			notOK++
			afterTest = true
			fail("%s", line)
		case strings.HasPrefix(line, "ok "):
			ok++
			afterTest = true
			if strings.Contains(strings.ToLower(line), "# skip") {
				skipped++
			}
		case strings.HasPrefix(line, "Bail out!"):
			fail("%s", line)
		case strings.HasPrefix(strings.TrimSpace(line), `"error": "`) && !afterTest:
			if text := strings.TrimSpace(line); text != `"error": ""` && text != `"error": "",` {
				fail("%s", text)
			}
		}
	}
	if exit != nil {
		fail("%v: %s", exit, lastLine(stderr))
	}
	v.summary = fmt.Sprintf("%d ok, %d not ok", ok-skipped, notOK)
	if skipped > 0 {
		v.summary += fmt.Sprintf(", %d skipped", skipped)
	}
	return v
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}

func oneLine(s string) string {
	s = strings.ReplaceAll(s, "\n", " ")
	if len(s) > 200 {
		s = s[:200] + "..."
	}
	return s
}
