package cli

import _ "embed" // of a string only, which links no file system

//go:generate go run ./gen text

// Help is what --help prints, rendered by gen.
//
//go:embed text/help.txt
var Help string

// ServeHelp is what serve --help prints.
//
//go:embed text/serve.txt
var ServeHelp string
