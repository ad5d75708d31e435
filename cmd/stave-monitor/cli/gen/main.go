// Command gen renders what stave-monitor shows of its command line, out of the
// table in package cli: the help text, the man page and the shell completions.
// It writes them below the directory given as its argument. A test holds that
// what is committed is what it writes.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: gen DIR")
		os.Exit(2)
	}
	for name, data := range render() {
		path := filepath.Join(os.Args[1], name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil {
			err = os.WriteFile(path, data, 0o644)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "gen:", err)
			os.Exit(1)
		}
	}
}

// render gives the contents of all files by their paths.
func render() map[string][]byte {
	return map[string][]byte{
		"help.txt":            help(),
		"serve.txt":           serveHelp(),
		"man/stave-monitor.8": man(),
		"completion.bash":     bash(),
		"completion.zsh":      zsh(),
		"completion.fish":     fish(),
	}
}
