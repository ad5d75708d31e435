package cli

import (
	"strings"
	"testing"
)

func TestHelpAndCompletionAreThere(t *testing.T) {
	for _, c := range append([]*Command{nil}, pointers()...) {
		text := HelpText(c)
		if !strings.Contains(text, "Usage:\n  stave ") || !strings.Contains(text, "Examples:\n") {
			t.Errorf("%v: %q", c, text)
		}
		for line := range strings.Lines(text) {
			if len([]rune(line)) > 97 {
				t.Errorf("too wide: %s", line)
			}
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if script, ok := Completion(shell); !ok || script == "" {
			t.Error(shell)
		}
	}
	if _, ok := Completion("../run.txt"); ok {
		t.Error("a path is no shell")
	}
}

func pointers() (out []*Command) {
	for i := range Commands {
		out = append(out, &Commands[i])
	}
	return out
}

// TestExamplesParse holds that no example shows what stave would refuse.
func TestExamplesParse(t *testing.T) {
	for _, c := range Commands {
		for _, e := range c.Examples {
			for part := range strings.SplitSeq(e.Line, "&& ") {
				if !strings.HasPrefix(part, "stave ") || strings.ContainsAny(part, "<>$|") {
					continue
				}
				if _, err := Parse(strings.Fields(part)[1:]); err != nil {
					t.Errorf("%s: %v", part, err)
				}
			}
		}
	}
}
