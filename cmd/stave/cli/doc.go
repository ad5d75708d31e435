// Package cli is stave's command line as data.
//
// # What
//
// The verbs and flags are one table (table.go, verbs.go). Parse reads argv
// against it; the help texts, man pages and shell completions under text/ are
// rendered from it by the program in gen/, which builds a urfave/cli
// application out of the same table. The binary itself links no urfave/cli: parsing
// with it costs half as much as the whole of `stave state`.
//
// # Shapes
//
//	argv ──Parse──▶ Invocation {Command, Global, Flags, Args}
//	table ──gen───▶ text/*.txt (help) · text/man/*.8 · text/completion.{bash,zsh,fish}
//
// format.go, json.go, stats.go and log.go append what the verbs print to byte slices, in the
// very bytes that runc prints with encoding/json, text/tabwriter and logrus.
//
// # Errors
//
// A *UsageError is a specs.Error with an exit code. Nothing here prints or exits.
//
// # Sources
//
// The facts (names, aliases, defaults, arity) are those of runc 1.5.2; the texts are ours.
// The rules of parsing are those of Go's flag package and of the reordering
// that urfave/cli v1 puts before it.
//
// # Not here
//
// What the verbs do. And fmt, flag, reflect, encoding/json, text/tabwriter: they are
// paid for at every start, so a test refuses them.
package cli
