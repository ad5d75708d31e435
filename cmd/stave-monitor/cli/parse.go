package cli

import (
	"math"
	"strings"
)

// Values are the flags that were given.
type Values struct {
	Words []string // those that are no flags
	table []Flag
	given []given
}

type given struct {
	flag int // index into the table
	text string
}

// Parse reads a command line without its first word. Words that are no flags
// are ignored, as by conmon: its callers write `--api-version 1`, where the 1
// is one. After a -- everything is such a word.
//
// problem says what is wrong, in GOption's words, which callers look for. What
// stands after --help may be wrong.
func Parse(argv []string) (v *Values, problem string) { return parse(Table, argv) }

// ParseServe reads one that began with the word serve.
func ParseServe(argv []string) (v *Values, problem string) { return parse(ServeTable, argv) }

func parse(table []Flag, argv []string) (v *Values, problem string) {
	v = &Values{table: table}
	for i := 0; i < len(argv); i++ {
		word := argv[i]
		var err string
		switch {
		case word == "--":
			v.Words = append(v.Words, argv[i+1:]...)
			return v, ""
		case strings.HasPrefix(word, "--"):
			i, err = v.long(argv, i)
		case len(word) > 1 && word[0] == '-':
			i, err = v.short(argv, i)
		default:
			v.Words = append(v.Words, word)
		}
		if err != "" || v.Bool("help") {
			return v, err
		}
	}
	return v, ""
}

func (v *Values) long(argv []string, i int) (int, string) {
	name, text, has := strings.Cut(argv[i][2:], "=")
	n := find(v.table, name)
	if n < 0 && strings.HasPrefix(name, "help") {
		n = find(v.table, "help") // --help-all
	}
	if n < 0 {
		return i, "Unknown option " + argv[i]
	}
	if v.table[n].Kind != Bool && !has {
		if i++; i == len(argv) {
			return i, "Missing argument for --" + name
		}
		text = argv[i]
	}
	return i, v.add(n, text, "--"+name)
}

func (v *Values) short(argv []string, i int) (int, string) {
	word := argv[i]
	for k := 1; k < len(word); k++ {
		n := findShort(v.table, word[k])
		if n < 0 && word[k] == '?' {
			n = find(v.table, "help")
		}
		if n < 0 {
			return i, "Unknown option " + word
		}
		if v.table[n].Kind == Bool {
			v.add(n, "", "")
			if v.table[n].Name == "help" {
				break
			}
			continue
		}
		text, name := word[k+1:], "-"+word[k:k+1]
		if text == "" {
			if i++; i == len(argv) {
				return i, "Missing argument for " + name
			}
			text = argv[i]
		}
		return i, v.add(n, text, name)
	}
	return i, ""
}

// add checks a value and keeps it.
func (v *Values) add(n int, text, name string) string {
	if same := v.table[n].Same; same != "" {
		n = find(v.table, same)
	}
	if kind := v.table[n].Kind; kind == Int || kind == Int64 {
		value, ok, fits := number(text)
		if !ok {
			return "Cannot parse integer value “" + text + "” for " + name
		}
		if !fits || kind == Int && value != int64(int32(value)) {
			return "Integer value “" + text + "” for " + name + " out of range"
		}
	}
	if strings.IndexByte(text, 0) >= 0 {
		return "A value for " + name + " has a NUL in it"
	}
	v.given = append(v.given, given{n, text})
	return ""
}

// number is strtoll(3) with base 0.
func number(s string) (value int64, ok, fits bool) {
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	negative := strings.HasPrefix(s, "-")
	if negative || strings.HasPrefix(s, "+") {
		s = s[1:]
	}
	base := uint64(10)
	switch {
	case len(s) > 2 && s[0] == '0' && s[1]|0x20 == 'x':
		s, base = s[2:], 16
	case len(s) > 1 && s[0] == '0':
		s, base = s[1:], 8
	}
	if s == "" {
		return 0, false, true
	}
	n, fits := uint64(0), true
	for i := range len(s) {
		digit := uint64(99)
		switch c := s[i]; {
		case '0' <= c && c <= '9':
			digit = uint64(c - '0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			digit = uint64(c|0x20-'a') + 10
		}
		if digit >= base {
			return 0, false, true
		}
		if n > (math.MaxUint64-digit)/base {
			fits = false
		}
		n = n*base + digit
	}
	switch {
	case !fits || !negative && n > math.MaxInt64 || negative && n > 1<<63:
		return 0, true, false
	case negative:
		return -int64(n), true, true
	}
	return int64(n), true, true
}

// Bool says whether a flag was given.
func (v *Values) Bool(name string) bool {
	_, ok := v.Lookup(name)
	return ok
}

// String is a flag's value, or its default.
func (v *Values) String(name string) string {
	s, _ := v.Lookup(name)
	return s
}

// Lookup is a flag's value, or its default, and whether it was given.
func (v *Values) Lookup(name string) (string, bool) {
	n := v.must(name)
	for i := len(v.given) - 1; i >= 0; i-- {
		if v.given[i].flag == n {
			return v.given[i].text, true
		}
	}
	return v.table[n].Default, false
}

// Strings are all of a flag's values, in order.
func (v *Values) Strings(name string) (list []string) {
	n := v.must(name)
	for _, g := range v.given {
		if g.flag == n {
			list = append(list, g.text)
		}
	}
	return list
}

// Int is a number's value.
func (v *Values) Int(name string) int64 {
	n, _, _ := number(v.String(name))
	return n
}

// must finds a flag that this program knows.
func (v *Values) must(name string) int {
	n := find(v.table, name)
	if n < 0 {
		panic("cli: no flag --" + name)
	}
	return n
}
