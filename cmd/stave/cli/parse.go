package cli

import (
	"strconv"
	"strings"
	"time"

	"stave/specs"
)

// An Invocation is a command line that has been understood.
type Invocation struct {
	Command *Command // nil: no verb was given, then Help or Version is set
	Global  Values
	Flags   Values
	Args    []string // as many as Command.MinArgs and MaxArgs allow
	Help    bool     // print HelpText(Command) and exit 0
	Version bool     // print the version and exit 0
}

// A UsageError is a command line that cannot be understood. Its text is one
// line; errors.As finds the *specs.Error in it.
type UsageError struct {
	Record specs.Error
	Code   int // exit status: 3 for an unknown verb, else 1
}

func (e *UsageError) Error() string { return e.Record.Error() }

// Unwrap gives the record.
func (e *UsageError) Unwrap() error { return &e.Record }

// Values are the flags that were given. The getters panic on a flag that the
// verb does not have or that is of another kind; Parse has checked all values.
type Values struct {
	flags []Flag
	given []given
}

type given struct {
	flag int // index into flags
	text string
}

// Parse reads a command line without its first word, the program's name.
//
// Flags of stave stand before the verb, flags of a verb anywhere after it up to
// a "--"; but for exec and ps only before the first argument. -flag and --flag
// are the same. After the first argument a word that looks like a flag but is
// none of the verb's is an argument: `stave kill web1 -9` works, as with runc.
//
// The error is a *UsageError. The Invocation is never nil: with an error it
// holds what was read before it, in particular the Global flags, which say where to log.
func Parse(argv []string) (*Invocation, error) {
	inv := &Invocation{Global: Values{flags: Globals}}
	rest, problem := inv.Global.parse(argv, true)
	if problem != "" {
		return inv, usage(nil, problem, codeUsage)
	}
	if inv.Global.Bool("help") || (len(rest) == 0 && !inv.Global.Bool("version")) {
		inv.Help = true
		return inv, nil
	}
	if inv.Global.Bool("version") {
		inv.Version = true
		return inv, nil
	}
	c := Lookup(rest[0])
	if c == nil {
		return inv, unknownVerb(rest[0])
	}
	inv.Command = c
	inv.Flags.flags = c.Flags
	if inv.Args, problem = inv.Flags.parse(rest[1:], c.StopAtFirstArg); problem != "" {
		return inv, usage(c, problem, codeUsage)
	}
	if inv.Flags.help() {
		inv.Help = true
		return inv, nil
	}
	if c.Name == "help" {
		inv.Help, inv.Command = true, nil
		if len(inv.Args) > 0 {
			if inv.Command = Lookup(inv.Args[0]); inv.Command == nil {
				return inv, unknownVerb(inv.Args[0])
			}
		}
		return inv, nil
	}
	if n := len(inv.Args); n < c.MinArgs || (c.MaxArgs >= 0 && n > c.MaxArgs) {
		return inv, usage(c, arity(c, inv.Args), codeUsage)
	}
	return inv, nil
}

// parse takes the flags out of argv and gives back the arguments, or what is wrong.
func (v *Values) parse(argv []string, stopAtFirstArg bool) (args []string, problem string) {
	for i := 0; i < len(argv); i++ {
		word := argv[i]
		if word == "--" {
			return append(args, argv[i+1:]...), ""
		}
		if len(word) < 2 || word[0] != '-' {
			if stopAtFirstArg {
				return argv[i:], ""
			}
			args = append(args, word)
			continue
		}
		name := word[1:]
		if name[0] == '-' {
			name = name[1:]
		}
		name, text, hasText := strings.Cut(name, "=")
		n := v.find(name)
		if n == notFound {
			if len(args) > 0 {
				args = append(args, word)
				continue
			}
			return nil, unknownFlag(v.flags, word)
		}
		kind := v.kind(n)
		if !hasText && kind == Bool {
			text = "true"
		} else if !hasText {
			if i++; i == len(argv) {
				return nil, word + " needs a value"
			}
			text = argv[i]
		}
		if want := check(kind, text); want != "" {
			return nil, strconv.Quote(text) + " is no value for " + strings.TrimSuffix(word, "="+text) + ": " + want
		}
		v.given = append(v.given, given{n, text})
	}
	return args, ""
}

// helpIndex stands for --help, which is a flag of every verb without being in its table.
const (
	notFound  = -1
	helpIndex = -2
)

func (v *Values) find(name string) int {
	n := find(v.flags, name)
	if n == notFound && find(helpFlag, name) == 0 {
		return helpIndex
	}
	return n
}

func (v *Values) kind(n int) Kind {
	if n == helpIndex {
		return Bool
	}
	return v.flags[n].Kind
}

// check gives what a value of this kind should have been, or "" if text is one.
func check(kind Kind, text string) (want string) {
	var err error
	switch kind {
	case Bool:
		_, err = strconv.ParseBool(text)
		want = "want true or false"
	case Int:
		_, err = strconv.ParseInt(text, 0, strconv.IntSize)
		want = "want a whole number"
	case Int64Slice:
		_, err = strconv.ParseInt(text, 10, 64)
		want = "want one whole number; repeat the flag for more"
	case Duration:
		_, err = time.ParseDuration(text)
		want = "want a time such as 500ms or 1m30s"
	}
	if err == nil {
		return ""
	}
	return want
}

// last gives the value of a flag, or its default, and whether it was given.
func (v *Values) last(name string, kind Kind) (string, bool) {
	n := v.must(name, kind)
	for i := len(v.given) - 1; i >= 0; i-- {
		if v.given[i].flag == n {
			return v.given[i].text, true
		}
	}
	return v.flags[n].Default, false
}

func (v *Values) must(name string, kind Kind) int {
	n := find(v.flags, name)
	if n < 0 || v.flags[n].Kind != kind {
		panic("cli: no flag --" + name + " of this kind")
	}
	return n
}

func (v *Values) help() bool {
	help := false
	for _, g := range v.given {
		if g.flag == helpIndex {
			help, _ = strconv.ParseBool(g.text)
		}
	}
	return help
}

// IsSet says whether the flag was given, be it with its default.
func (v *Values) IsSet(name string) bool {
	n := find(v.flags, name)
	for _, g := range v.given {
		if g.flag == n && n >= 0 {
			return true
		}
	}
	return false
}

// Has says whether the verb has this flag at all.
func (v *Values) Has(name string) bool { return find(v.flags, name) >= 0 }

// Bool is the value of a Bool flag.
func (v *Values) Bool(name string) bool {
	text, _ := v.last(name, Bool)
	b, _ := strconv.ParseBool(text)
	return b
}

// String is the value of a String flag.
func (v *Values) String(name string) string {
	text, _ := v.last(name, String)
	return text
}

// Int is the value of an Int flag.
func (v *Values) Int(name string) int {
	text, _ := v.last(name, Int)
	n, _ := strconv.ParseInt(text, 0, strconv.IntSize)
	return int(n)
}

// Duration is the value of a Duration flag.
func (v *Values) Duration(name string) time.Duration {
	text, _ := v.last(name, Duration)
	d, _ := time.ParseDuration(text)
	return d
}

// Strings are the values of a StringSlice flag, in order; nil if there is none.
func (v *Values) Strings(name string) []string { return v.all(name, StringSlice) }

// Int64s are the values of an Int64Slice flag, in order; nil if there is none.
func (v *Values) Int64s(name string) []int64 {
	var out []int64
	for _, text := range v.all(name, Int64Slice) {
		n, _ := strconv.ParseInt(text, 10, 64)
		out = append(out, n)
	}
	return out
}

func (v *Values) all(name string, kind Kind) (out []string) {
	n := v.must(name, kind)
	for _, g := range v.given {
		if g.flag == n {
			out = append(out, g.text)
		}
	}
	return out
}
