package main

import (
	"io"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	table "stave/cmd/stave/cli"
)

// app makes a urfave/cli application of the table. action is every verb's.
func app(action cli.ActionFunc) *cli.App {
	a := &cli.App{
		Name: "stave", HelpName: "stave", Version: "0",
		Flags: append(flags(table.Globals, true), cli.HelpFlag), Writer: io.Discard, ErrWriter: io.Discard, Action: action,
		HideHelpCommand:           true, // the table has one
		DisableSliceFlagSeparator: true, // -e A=1,2 is one variable
		ExitErrHandler:            func(*cli.Context, error) {},
	}
	for _, c := range table.Commands {
		command := &cli.Command{
			Name: c.Name, Category: c.Group, Usage: c.Usage, ArgsUsage: c.ArgsUsage, Description: c.Description,
			Flags: flags(c.Flags, false), Action: action, HideHelpCommand: true,
		}
		if c.Alias != "" {
			command.Aliases = []string{c.Alias}
		}
		a.Commands = append(a.Commands, command)
	}
	return a
}

// flags converts a list; without --help and --version of the globals, which are urfave's own.
func flags(list []table.Flag, global bool) (out []cli.Flag) {
	for _, f := range list {
		if global && (f.Name == "help" || f.Name == "version") {
			continue
		}
		var aliases []string
		if f.Short != "" {
			aliases = []string{f.Short}
		}
		switch f.Kind {
		case table.Bool:
			out = append(out, &cli.BoolFlag{Name: f.Name, Aliases: aliases, Usage: f.Usage, Hidden: f.Hidden, Category: f.Group})
		case table.String:
			out = append(out, &cli.StringFlag{Name: f.Name, Aliases: aliases, Usage: f.Usage, Hidden: f.Hidden, Category: f.Group, Value: f.Default})
		case table.Int:
			n, _ := strconv.Atoi(f.Default)
			out = append(out, &cli.IntFlag{Name: f.Name, Aliases: aliases, Usage: f.Usage, Hidden: f.Hidden, Category: f.Group, Value: n})
		case table.Duration:
			d, _ := time.ParseDuration(f.Default)
			out = append(out, &cli.DurationFlag{Name: f.Name, Aliases: aliases, Usage: f.Usage, Hidden: f.Hidden, Category: f.Group, Value: d})
		case table.StringSlice:
			out = append(out, &cli.StringSliceFlag{Name: f.Name, Aliases: aliases, Usage: f.Usage, Hidden: f.Hidden, Category: f.Group})
		case table.Int64Slice:
			out = append(out, &cli.Int64SliceFlag{Name: f.Name, Aliases: aliases, Usage: f.Usage, Hidden: f.Hidden, Category: f.Group})
		}
	}
	return out
}
