package specs

import (
	"syscall"

	"stave/specs/leaf"
)

// Error is the one error record of the project.
type Error = leaf.Error

// The kinds that a caller may want to tell apart with errors.Is.
var (
	ErrNotExist    = leaf.ErrNotExist
	ErrExist       = leaf.ErrExist
	ErrBusy        = leaf.ErrBusy
	ErrNotRunning  = leaf.ErrNotRunning
	ErrInvalid     = leaf.ErrInvalid
	ErrUnsupported = leaf.ErrUnsupported
	ErrCorrupt     = leaf.ErrCorrupt
)

// ErrnoName gives the kernel's name of an errno, such as EPERM.
func ErrnoName(e syscall.Errno) string { return leaf.ErrnoName(e) }

// CheckID holds a container id to [A-Za-z0-9_][A-Za-z0-9_+.-]*.
func CheckID(id string) error { return leaf.CheckID(id) }

// AppendString appends s as a JSON string.
func AppendString(b []byte, s string) []byte { return leaf.AppendString(b, s) }

// Indent appends the valid JSON text data to b, each member and element on a
// line of its own that begins with prefix and one indent per level. The first
// line gets neither, as in encoding/json.
func Indent(b, data []byte, prefix, indent string) []byte {
	return leaf.Indent(b, data, prefix, indent)
}

// sub and at are JSON pointers below field.
func sub(field, key string) string { return leaf.Sub(field, key) }

func at(field string, index int) string { return leaf.At(field, index) }

// quote keeps an error on its one line.
func quote(s string) string { return leaf.Quote(s) }
