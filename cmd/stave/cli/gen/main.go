// Command gen renders what stave shows of its command line, out of the table in
// package cli: help texts, man pages and shell completions. It writes them below the directory
// given as its argument. A test holds that what is committed is what it writes.
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
	files, err := render()
	if err == nil {
		err = write(os.Args[1], files)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// render gives the contents of all files by their paths.
func render() (map[string][]byte, error) {
	files, err := helpTexts()
	if err != nil {
		return nil, err
	}
	manPages(files)
	files["completion.bash"] = bash()
	files["completion.zsh"] = zsh()
	files["completion.fish"] = fish()
	return files, nil
}

// write replaces the directory's contents.
func write(dir string, files map[string][]byte) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	for name, data := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
