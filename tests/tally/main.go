// Command tally runs go test and says at the end what happened: how many
// tests ran, failed and were skipped, and why each of these was skipped.
//
//	go run ./tests/tally [go test arguments] [-- go test arguments of a second run]...
//
// The output of tests that pass is not shown; that of those that fail is.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"sort"
	"strings"
)

// event is a line of go test -json.
type event struct{ Action, Package, Test, Output string }

type tally struct {
	passed, failed, skipped int
	reasons                 []string
	output                  map[string][]string // of tests that have not ended yet
	broken                  []string            // packages that failed without a failing test: build errors, panics, time outs
}

func main() {
	t := &tally{output: map[string][]string{}}
	ok := true
	for _, args := range runs(os.Args[1:]) {
		ok = t.run(args) && ok
	}
	sort.Strings(t.reasons)
	if len(t.reasons) > 0 {
		fmt.Println("\nskipped:")
		for _, r := range t.reasons {
			fmt.Println("  " + r)
		}
	}
	for _, p := range t.broken {
		fmt.Println("broken: " + p)
	}
	fmt.Printf("\n%d passed, %d failed, %d skipped\n", t.passed, t.failed+len(t.broken), t.skipped)
	if !ok || t.failed > 0 || t.passed == 0 {
		os.Exit(1)
	}
}

// runs splits the arguments at "--".
func runs(args []string) (out [][]string) {
	var now []string
	for _, a := range append(args, "--") {
		if a != "--" {
			now = append(now, a)
			continue
		}
		if len(now) > 0 {
			out = append(out, now)
		}
		now = nil
	}
	return out
}

func (t *tally) run(args []string) bool {
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "tally:", err)
		return false
	}
	failed := map[string]bool{}
	lines := bufio.NewScanner(pipe)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Println(lines.Text())
			continue
		}
		t.take(&e, failed)
	}
	return cmd.Wait() == nil
}

func (t *tally) take(e *event, failed map[string]bool) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "output", "build-output":
		t.output[key] = append(t.output[key], e.Output)
		return
	case "pass":
		if e.Test != "" {
			t.passed++
		} else {
			fmt.Println("ok      " + e.Package)
		}
	case "skip":
		if e.Test != "" {
			t.skipped++
			t.reasons = append(t.reasons, strings.TrimSpace(key)+": "+reason(t.output[key]))
		}
	case "fail":
		if e.Test != "" {
			t.failed++
			failed[e.Package] = true
		} else {
			t.interrupted(e.Package, !failed[e.Package])
		}
		fmt.Println("FAIL    " + key)
		fmt.Print(strings.Join(t.output[key], ""))
	default:
		return
	}
	delete(t.output, key)
}

// interrupted shows the tests that a package's end has cut off: after a panic,
// a time out or a kill go test does not say that they failed.
func (t *tally) interrupted(pkg string, broken bool) {
	var tests []string
	for key := range t.output {
		if p, test, _ := strings.Cut(key, " "); p == pkg && test != "" {
			tests = append(tests, key)
		}
	}
	sort.Strings(tests)
	why := pkg
	for _, key := range tests {
		for _, l := range t.output[key] {
			if strings.HasPrefix(l, "panic: ") || strings.HasPrefix(l, "fatal error: ") || strings.HasPrefix(l, "SIG") {
				why += ": " + strings.TrimSpace(l)
				break
			}
		}
		fmt.Println("CUT OFF " + key)
		fmt.Print(strings.Join(t.output[key], ""))
		delete(t.output, key)
	}
	if len(tests) > 0 {
		why += "; cut off: " + strings.ReplaceAll(strings.Join(tests, ", "), pkg+" ", "")
	}
	if broken || len(tests) > 0 {
		t.broken = append(t.broken, why)
	}
}

// reason is what a test said when it skipped.
func reason(lines []string) string {
	for _, l := range lines {
		l = strings.TrimSpace(l)
		if _, text, ok := strings.Cut(l, ".go:"); ok {
			if _, text, ok = strings.Cut(text, ": "); ok {
				return text
			}
		}
	}
	return strings.TrimSpace(strings.Join(lines, " "))
}
