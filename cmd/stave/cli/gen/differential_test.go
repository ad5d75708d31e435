package main

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"testing"

	v1 "github.com/urfave/cli"
	v2 "github.com/urfave/cli/v2"

	table "stave/cmd/stave/cli"
)

// The parser against two others over the same table: urfave/cli v1, set up as runc sets it
// up, and v2. Where they differ from us on purpose:
//
//   - v1 moves flags before arguments without knowing which flags take a value, so that
//     `kill x --all KILL` has the id KILL there and the id x here, and `create --no-pivot x --bundle b`
//     is wrong there and right here. disordered() finds these.
//   - Both refuse a flag that is given by its long and by its short name; here the last one
//     wins, or all count.
//   - v1 counts the one value of an Int64Slice twice if the flag has a short name, and loses an
//     empty value of a StringSlice.
//   - v2 has no flags after the first argument, reads 0x10 as a --additional-gids, and looks
//     for a verb behind --help.

// An outcome is a command line as one of the three understood it.
type outcome struct {
	bad, help, version bool
	verb               string
	global, flags      string // name=value of those that were given, sorted
	args               []string
}

func (o outcome) String() string {
	if o.bad {
		return "error"
	}
	return fmt.Sprintf("help=%v version=%v verb=%s global=%s flags=%s args=%q", o.help, o.version, o.verb, o.global, o.flags, o.args)
}

// fixed keeps what can be compared: an asked-for help says nothing of the rest.
func (o outcome) fixed() outcome {
	switch {
	case o.bad:
		return outcome{bad: true}
	case o.help:
		return outcome{help: true, verb: o.verb}
	case o.version:
		return outcome{version: true}
	}
	return o
}

// given lists flags and values by asking value for each.
func given(list []table.Flag, isSet func(string) bool, value func(table.Flag) any) string {
	var out []string
	for _, f := range list {
		if f.Name != "help" && f.Name != "version" && isSet(f.Name) {
			out = append(out, fmt.Sprintf("%s=%v", f.Name, value(f)))
		}
	}
	sort.Strings(out)
	return strings.Join(out, " ")
}

func ours(argv []string) outcome {
	inv, err := table.Parse(argv)
	if err != nil {
		return outcome{bad: true}
	}
	o := outcome{help: inv.Help, version: inv.Version, args: inv.Args}
	if inv.Command != nil {
		o.verb = inv.Command.Name
		o.flags = given(inv.Command.Flags, inv.Flags.IsSet, func(f table.Flag) any { return value(&inv.Flags, f) })
	}
	o.global = given(table.Globals, inv.Global.IsSet, func(f table.Flag) any { return value(&inv.Global, f) })
	return o.fixed()
}

func value(v *table.Values, f table.Flag) any {
	switch f.Kind {
	case table.Bool:
		return v.Bool(f.Name)
	case table.Int:
		return v.Int(f.Name)
	case table.Duration:
		return v.Duration(f.Name)
	case table.StringSlice:
		return nonEmpty(v.Strings(f.Name))
	case table.Int64Slice:
		return slices.Compact(v.Int64s(f.Name))
	}
	return v.String(f.Name)
}

func nonEmpty(list []string) []string {
	return slices.DeleteFunc(list, func(s string) bool { return s == "" })
}

// arity is what each verb of runc checks for itself.
func arity(verb string, args []string) bool {
	c := table.Lookup(verb)
	return len(args) >= c.MinArgs && (c.MaxArgs < 0 || len(args) <= c.MaxArgs)
}

func urfave2(argv []string) outcome {
	var o outcome
	defer func(printer func(io.Writer, string, any), version func(*v2.Context)) {
		v2.HelpPrinter, v2.VersionPrinter = printer, version
	}(v2.HelpPrinter, v2.VersionPrinter)
	v2.HelpPrinter = func(_ io.Writer, _ string, data any) {
		o.help = true
		if c, ok := data.(*v2.Command); ok {
			o.verb = c.Name
		}
	}
	v2.VersionPrinter = func(*v2.Context) { o.version = true }
	get := func(ctx *v2.Context) func(f table.Flag) any {
		return func(f table.Flag) any {
			switch f.Kind {
			case table.Bool:
				return ctx.Bool(f.Name)
			case table.Int:
				return ctx.Int(f.Name)
			case table.Duration:
				return ctx.Duration(f.Name)
			case table.StringSlice:
				return nonEmpty(ctx.StringSlice(f.Name))
			case table.Int64Slice:
				return slices.Compact(ctx.Int64Slice(f.Name))
			}
			return ctx.String(f.Name)
		}
	}
	a := app(func(ctx *v2.Context) error {
		if ctx.Command.Name == "stave" || table.Lookup(ctx.Command.Name) == nil {
			if ctx.Args().Present() {
				return errors.New("unknown verb")
			}
			o.help = true
			return nil
		}
		o.verb = ctx.Command.Name
		o.args = ctx.Args().Slice()
		o.flags = given(table.Lookup(o.verb).Flags, ctx.IsSet, get(ctx))
		if !arity(o.verb, o.args) {
			return errors.New("arity")
		}
		return nil
	})
	a.Before = func(ctx *v2.Context) error {
		o.global = given(table.Globals, ctx.IsSet, get(ctx))
		return nil
	}
	o.bad = a.Run(append([]string{"stave"}, argv...)) != nil
	return o.fixed()
}

func flags1(list []table.Flag) (out []v1.Flag) {
	for _, f := range list {
		name := f.Name
		if f.Short != "" {
			name += ", " + f.Short
		}
		switch f.Kind {
		case table.Bool:
			out = append(out, v1.BoolFlag{Name: name})
		case table.String:
			out = append(out, v1.StringFlag{Name: name, Value: f.Default})
		case table.Int:
			out = append(out, v1.IntFlag{Name: name})
		case table.Duration:
			out = append(out, v1.DurationFlag{Name: name})
		case table.StringSlice:
			out = append(out, v1.StringSliceFlag{Name: name})
		case table.Int64Slice:
			out = append(out, v1.Int64SliceFlag{Name: name})
		}
	}
	return out
}

func urfave1(argv []string) outcome {
	var o outcome
	defer func(printer func(io.Writer, string, any), version func(*v1.Context)) {
		v1.HelpPrinter, v1.VersionPrinter = printer, version
	}(v1.HelpPrinter, v1.VersionPrinter)
	v1.HelpPrinter = func(_ io.Writer, _ string, data any) {
		o.help = true
		if c, ok := data.(v1.Command); ok {
			o.verb = c.Name
		}
	}
	v1.VersionPrinter = func(*v1.Context) { o.version = true }
	get := func(ctx *v1.Context) func(f table.Flag) any {
		return func(f table.Flag) any {
			switch f.Kind {
			case table.Bool:
				return ctx.Bool(f.Name)
			case table.Int:
				return ctx.Int(f.Name)
			case table.Duration:
				return ctx.Duration(f.Name)
			case table.StringSlice:
				return nonEmpty(ctx.StringSlice(f.Name))
			case table.Int64Slice:
				return slices.Compact(ctx.Int64Slice(f.Name))
			}
			return ctx.String(f.Name)
		}
	}
	a := v1.NewApp()
	a.Name, a.Version, a.Writer, a.ErrWriter = "stave", "0", io.Discard, io.Discard
	a.ExitErrHandler = func(*v1.Context, error) {}
	a.Flags = flags1(table.Globals[:slices.IndexFunc(table.Globals, func(f table.Flag) bool { return f.Name == "help" })])
	a.Before = func(ctx *v1.Context) error {
		o.global = given(table.Globals, ctx.IsSet, get(ctx))
		return nil
	}
	for _, c := range table.Commands {
		if c.Name == "help" {
			continue // v1 has its own
		}
		a.Commands = append(a.Commands, v1.Command{Name: c.Name, Flags: flags1(c.Flags), SkipArgReorder: c.StopAtFirstArg,
			Action: func(ctx *v1.Context) error {
				o.verb, o.args = c.Name, ctx.Args()
				o.flags = given(c.Flags, ctx.IsSet, get(ctx))
				if !arity(o.verb, o.args) {
					return errors.New("arity")
				}
				return nil
			}})
	}
	o.bad = a.Run(append([]string{"stave"}, argv...)) != nil
	return o.fixed()
}

// pick gives one of its arguments.
func pick(r *rand.Rand, words ...string) string { return words[r.IntN(len(words))] }

// random makes a command line; with flagsFirst, no word after the verb's first argument looks like a flag.
func random(r *rand.Rand, flagsFirst bool) (argv []string) {
	for range r.IntN(3) {
		argv = append(argv, randomFlag(r, table.Globals)...)
	}
	c := table.Commands[r.IntN(len(table.Commands))]
	if c.Name == "help" { // its words are others' names
		c = *table.Lookup("run")
	}
	if r.IntN(30) == 0 {
		return append(argv, pick(r, "bogus", "-x", "--", "-h", "--version", "-v=0"))
	}
	argv = append(argv, c.Name)
	seenArg := false
	for range r.IntN(7) {
		switch n := r.IntN(10); {
		case n < 5 && !(flagsFirst && seenArg):
			argv = append(argv, randomFlag(r, c.Flags)...)
		case n < 9:
			argv = append(argv, pick(r, "x", "web1", "KILL", "a=b", "-"))
			seenArg = true
		case !flagsFirst:
			argv = append(argv, pick(r, "--", "-9", "--nothing", "-h", "--help"))
		case !seenArg:
			argv = append(argv, pick(r, "--nothing", "-h"))
		}
	}
	return argv
}

func randomFlag(r *rand.Rand, list []table.Flag) []string {
	if len(list) == 0 {
		return nil
	}
	f := list[r.IntN(len(list))]
	name := pick(r, "--", "--", "-") + f.Name
	if f.Short != "" && r.IntN(2) == 0 {
		name = pick(r, "-", "-", "--") + f.Short
	}
	if f.Kind == table.Bool {
		if r.IntN(4) == 0 {
			name += "=" + pick(r, "true", "false", "1", "0", "T", "maybe", "")
		}
		return []string{name}
	}
	text := pick(r, "v", "a,b", "A=1", "", "-")
	switch f.Kind {
	case table.Int:
		text = pick(r, "3", "-1", "0x10", "010", "1_0", "x", "99999999999999999999")
	case table.Int64Slice:
		text = pick(r, "3", "-1", "12", "x", "5,6")
	case table.Duration:
		text = pick(r, "1s", "1h2m", "0", "5", "-3ms")
	}
	if r.IntN(2) == 0 {
		return []string{name + "=" + text}
	}
	return []string{name, text}
}

// bothForms says whether a flag is given by two names.
func bothForms(argv []string, list []table.Flag) bool {
	given := func(name string) bool {
		return name != "" && slices.ContainsFunc(argv, func(word string) bool {
			bare, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
			return strings.HasPrefix(word, "-") && bare == name
		})
	}
	return slices.ContainsFunc(list, func(f table.Flag) bool { return given(f.Name) && given(f.Short) })
}

// disordered says whether v1's reordering changes the meaning of the words after a verb:
// a word goes with the flag before it although that is a Bool, or a flag is taken for an end.
func disordered(words []string, list []table.Flag) bool {
	list = append(slices.Clone(list), table.Flag{Name: "help", Short: "h"})
	lookup := func(word string) *table.Flag {
		if !strings.HasPrefix(word, "-") || word == "-" || word == "--" {
			return nil
		}
		name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
		for i := range list {
			if list[i].Name == name || list[i].Short == name && name != "" {
				return &list[i]
			}
		}
		return nil
	}
	args := 0
	for i := 0; i < len(words); i++ {
		f := lookup(words[i])
		switch {
		case words[i] == "--":
			return false
		case f == nil:
			if strings.HasPrefix(words[i], "-") && words[i] != "-" && slices.Contains(words[i:], "--") {
				return true
			}
			args++
		case strings.Contains(words[i], "="):
		case i+1 < len(words) && f.Kind != table.Bool:
			i++
			if lookup(words[i]) != nil {
				return true
			}
		case i+1 < len(words) && lookup(words[i+1]) == nil:
			rest := words[i+1:]
			if args > 0 || rest[0] == "--" || slices.ContainsFunc(rest, func(w string) bool { return w == "--" || lookup(w) != nil }) {
				return true
			}
		}
	}
	return false
}

// after gives the verb and the words behind it.
func after(argv []string) (*table.Command, []string) {
	for i, word := range argv {
		if c := table.Lookup(word); c != nil {
			return c, argv[i+1:]
		}
	}
	return nil, nil
}

func TestParserIsUrfave1AsRuncUsesIt(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	compared, good := 0, 0
	for range 8000 {
		argv := random(r, false)
		c, words := after(argv)
		if bothForms(argv, table.Globals) || c != nil && (bothForms(words, c.Flags) || !c.StopAtFirstArg && disordered(words, c.Flags)) {
			continue
		}
		compared++
		got, want := ours(argv), urfave1(argv)
		if !got.bad {
			good++
		}
		if got.String() != want.String() {
			t.Fatalf("%q\n ours   %v\n urfave %v", argv, got, want)
		}
	}
	if compared < 3000 || good < 800 {
		t.Errorf("compared %d, of which %d are right: too few", compared, good)
	}
}

func TestParserIsUrfave2(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	compared, good := 0, 0
	for range 8000 {
		argv := random(r, true)
		if c, words := after(argv); bothForms(argv, table.Globals) || c != nil && bothForms(words, c.Flags) {
			continue
		}
		compared++
		got, want := ours(argv), urfave2(argv)
		if got.help && (want.bad || want.help) {
			continue
		}
		if !got.bad {
			good++
		}
		if got.String() != want.String() {
			t.Fatalf("%q\n ours   %v\n urfave %v", argv, got, want)
		}
	}
	if compared < 3000 || good < 800 {
		t.Errorf("compared %d, of which %d are right: too few", compared, good)
	}
}
