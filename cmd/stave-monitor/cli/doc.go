// Package cli is stave-monitor's command line as data: conmon's flags, and ours.
//
// # What
//
// The flags are one table (table.go). Parse reads argv against it, with the
// rules of GLib's GOption, which conmon uses. The help text, the man page and
// the shell completions under text/ are rendered from the same table by the
// program in gen/.
//
// # Errors
//
// A parse error is the text that GOption would print. Nothing here prints or exits.
//
// # Sources
//
// Names, letters and defaults are conmon 2.2.1's; the texts are ours.
//
// # Not here
//
// What the flags mean together: options.go of the command. And fmt, flag,
// reflect: what is linked is memory of every monitor.
package cli
