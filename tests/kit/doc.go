// Package kit is what the black-box tests share.
//
// # What
//
// Bundles from a base spec and mutations, the verbs of an OCI runtime as
// functions that never hang, a snapshot of everything a runtime may leave
// behind, and skips that say what the machine lacks.
//
// # Shapes
//
// A test package calls [Main] from TestMain. A test takes a [Runtime] from
// [Subject] (what is under test) or [Reference] (Debian's runc), a [Bundle]
// from [NewBundle], and compares two [Snapshot]s.
//
// Main runs the tests in a mount namespace of their own, all private, and as
// a child subreaper: so the mount table changes only by what the tests start,
// and whatever a runtime orphans becomes a child of the test and is seen.
//
// # Units
//
// Durations are time.Duration; ids are unique in this machine for as long as
// the test process lives and begin with [Prefix].
//
// # Errors
//
// What the kit itself cannot do ends the test with Fatal. What the runtime
// under test does is a [Result], never an error.
//
// # Not here
//
// Assertions about containers: they belong to the test that makes the promise.
package kit
