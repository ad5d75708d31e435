package monitor

import (
	"strings"
	"testing"
)

func TestParseNumbers(t *testing.T) {
	for _, tt := range []struct {
		line string
		want [3]int
		ok   bool
	}{
		{"1 24 80", [3]int{1, 24, 80}, true},
		{"  2\t0 \r 0", [3]int{2, 0, 0}, true},
		{"1 2 2 3", [3]int{1, 2, 2}, true},
		{"1 2 3x", [3]int{1, 2, 3}, true},
		{"010 09 +7", [3]int{10, 9, 7}, true},
		{"1 -5 2", [3]int{1, -5, 2}, true},
		{"1 10.5 20.3", [3]int{}, false},
		{"0x10 1 1", [3]int{}, false},
		{"1 2", [3]int{}, false},
		{"1 2 -", [3]int{}, false},
		{"", [3]int{}, false},
	} {
		got, ok := parseNumbers([]byte(tt.line), 3)
		if ok != tt.ok || ok && got != tt.want {
			t.Errorf("%q: %v %v, want %v %v", tt.line, got, ok, tt.want, tt.ok)
		}
	}
	if v, ok := parseNumbers([]byte("99999999999999999999999 1 1"), 3); !ok || v[0] <= maxSize {
		t.Errorf("a number without end is %v", v)
	}
}

// fed is a fifo without a descriptor, and what it has been told to do.
func fed() (*fifo, *[][3]int) {
	done := &[][3]int{}
	c := &Container{m: &Monitor{Notices: &Notices{}}}
	return &fifo{c: c, want: 3, do: func(v [3]int) { *done = append(*done, v) }}, done
}

func TestFeed(t *testing.T) {
	long := strings.Repeat("1", 200)
	for _, tt := range []struct {
		parts []string
		want  int
	}{
		{[]string{"1 2 3\n"}, 1},
		{[]string{"1 ", "2", " 3", "\n"}, 1},
		{[]string{"1 2 3\n1 2 3\n1 2"}, 2},
		{[]string{"bad\n1 2 3\n"}, 1},      // the rest of a read counts, whatever was before
		{[]string{"1 2 1001\n1 0 0\n"}, 1}, // out of range
		{[]string{"1 -1 0\n"}, 0},
		{[]string{long + " 2 3\n", "1 2 3\n"}, 1}, // too long: that line is lost, and only it
		{[]string{long, long, long, "\n1 2 3\n"}, 1},
		{[]string{"\n\n\n"}, 0},
	} {
		f, done := fed()
		for _, p := range tt.parts {
			f.feed([]byte(p))
		}
		if len(*done) != tt.want {
			t.Errorf("%q: %v, want %d", tt.parts, *done, tt.want)
		}
	}
}

// However the bytes are cut, the same is done, and nothing out of range.
func FuzzFeed(f *testing.F) {
	f.Add([]byte("1 24 80\n2 0 0\n"), 3)
	f.Add([]byte("1 -1 99999999999999999999\n\n 1 2"), 1)
	f.Add([]byte(strings.Repeat("x", 500)+"\n1 1 1\n"), 199)
	f.Fuzz(func(t *testing.T, p []byte, cut int) {
		whole, a := fed()
		whole.feed(p)
		parts, b := fed()
		for rest := p; len(rest) > 0; {
			n := min(max(cut, 1), len(rest))
			parts.feed(rest[:n])
			rest = rest[n:]
		}
		if len(*a) != len(*b) {
			t.Fatalf("%q cut at %d: %v and %v", p, cut, *a, *b)
		}
		for i, v := range *a {
			if v != (*b)[i] {
				t.Fatalf("%q cut at %d: %v and %v", p, cut, v, (*b)[i])
			}
			for _, n := range v {
				if n < 0 || n > maxSize {
					t.Fatalf("%q: %v", p, v)
				}
			}
		}
	})
}
