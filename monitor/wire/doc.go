// Package wire is the language of a pod's monitor: what goes over the socket of
// stave-monitor serve, as frames and messages. docs/monitor.md tells the same to
// people who write a client in another language.
//
// # What
//
// A frame is a length, a kind and a payload (frame.go). The payload of most
// kinds is a message, a JSON object (message.go, error.go); that of streams is
// raw. Both sides of the connection use this package, so that what one writes
// is what the other reads.
//
// # Units
//
// Sizes in bytes, durations in milliseconds, times in UTC as RFC 3339 with
// nanoseconds, signals by their numbers in requests and names in answers.
//
// # Errors
//
// What cannot be decoded is an *Error with kind invalid. A monitor's answer
// that something failed is an *Error too, with all fields of specs.Error.
//
// # Not here
//
// Reading and writing: the server must not wait (package monitor), the client
// does nothing else (package client). And encoding/json, which would be memory
// in every monitor.
package wire
