/*
Package leaf is what the whole project needs of package specs and what needs
nothing of the runtime-spec.

# What

The error record, the rule for ids, and JSON below the level of documents.
Package specs has them too, under the same names, and is where they are
documented: this package is for a program that stays, and pays for everything it
links for as long as it runs. The Go types of the runtime-spec come with fmt,
os and reflect, whether they are used or not.

	Error, Err*, ErrnoName   what went wrong
	CheckID                  a name of a container
	Reader, AppendString     JSON text ⇄ strings, integers and booleans

# Errors

Those of a Reader are *Error of Kind ErrInvalid, with line and column in Problem
and the JSON pointer in Field.

# Sources

JSON: RFC 8259; JSON pointers: RFC 6901.
*/
package leaf
