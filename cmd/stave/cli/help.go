package cli

import "embed"

//go:generate go run ./gen text

// texts are rendered by gen; the man pages beside them are for the package, not for the binary.
//
//go:embed text/*.txt text/completion.*
var texts embed.FS

// HelpText is what --help prints: of a verb, or with nil of stave.
func HelpText(c *Command) string {
	name := "stave"
	if c != nil {
		name = c.Name
	}
	data, _ := texts.ReadFile("text/" + name + ".txt") // a test holds that there is one for each verb
	return string(data)
}

// Completion is the script for bash, zsh or fish; false for another shell.
func Completion(shell string) (string, bool) {
	data, err := texts.ReadFile("text/completion." + shell)
	return string(data), err == nil
}
