package main

import _ "unsafe" // linkname

// args is os.Args. Package os is not linked: a monitor has no use for the
// standard streams and the poller that it sets up. The runtime keeps the name
// and type of this function for package os.
//
//go:linkname args os.runtime_args
func args() []string
