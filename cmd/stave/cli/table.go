package cli

// A Flag is one option of a verb, or a global one.
type Flag struct {
	Name     string   // long name, without dashes
	Short    string   // one letter, or empty
	Kind     Kind     // how its value is read
	Default  string   // as it would be written on the command line; empty: the zero value
	Value    string   // placeholder in help; empty for a Bool
	Usage    string   // one sentence without a full stop
	Choices  string   // what the value may be, divided by |, for help and completion; the verb itself refuses others
	Complete Complete // what a shell offers for the value
	Group    string   // heading in help; empty: Options
	Hidden   bool     // accepted for old callers, shown nowhere
}

// Kind is the type of a flag's value.
type Kind uint8

const (
	Bool        Kind = iota // given alone, or as --flag=true or --flag=false
	String                  // the last one given wins
	Int                     // decimal, 0x, 0o, 0b, as strconv.ParseInt with base 0
	Duration                // 1m30s
	StringSlice             // repeatable, never split at commas
	Int64Slice              // repeatable, decimal
)

// Complete says what a shell offers for a flag's value or for an argument.
type Complete uint8

const (
	CompleteNone    Complete = iota
	CompleteFile             // any file
	CompleteDir              // directories
	CompleteID               // ids out of `stave list -q`
	CompleteSignal           // TERM, KILL, ...
	CompleteChoice           // the flag's Choices; for an argument, the command's
	CompleteCommand          // a program and its arguments
	CompleteVerb             // a verb of stave
)

// A Command is one verb.
type Command struct {
	Name           string
	Alias          string     // a second name, shown nowhere
	Group          string     // heading in `stave --help`
	Usage          string     // one line, as in `stave --help`
	ArgsUsage      string     // synopsis of the arguments
	Description    string     // paragraphs, divided by an empty line; an indented line stands as it is
	Flags          []Flag     // without --help, which every verb has
	MinArgs        int        // arguments that are left when the flags are taken out
	MaxArgs        int        // -1: any number
	StopAtFirstArg bool       // what follows the first argument is not ours to read
	Args           []Complete // what a shell offers at each argument
	Choices        string     // for CompleteChoice among Args, divided by |
	Examples       []Example
	ExitStatus     []Status // empty: 0 and 1 as everywhere
	Files          []Status // beside the state directory
	Unsupported    string   // why the verb answers "not supported"; empty: it works
}

// An Example is a command line and what it is for.
type Example struct{ Why, Line string }

// A Status is a term and its meaning: an exit status, a file, a variable.
type Status struct{ Term, Meaning string }

// Lookup finds a verb by its name or alias; nil if there is none.
func Lookup(name string) *Command {
	for i := range Commands {
		c := &Commands[i]
		if name != "" && (c.Name == name || c.Alias == name) {
			return c
		}
	}
	return nil
}

// find gives the index of the flag with this long or short name, or -1.
func find(flags []Flag, name string) int {
	for i := range flags {
		if name != "" && (flags[i].Name == name || flags[i].Short == name) {
			return i
		}
	}
	return -1
}
