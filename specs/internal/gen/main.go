// Command gen writes codec_gen.go. Run it in specs/, or `go generate ./specs`.
package main

import (
	"fmt"
	"os"

	"stave/specs/internal/gen/codec"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run() error {
	source, err := codec.Source(".")
	if err != nil {
		return err
	}
	return os.WriteFile("codec_gen.go", source, 0o644)
}
