package main

import (
	"golang.org/x/sys/unix"

	"stave/cmd/stave/cli"
	"stave/libct"
	"stave/libct/explain"
	"stave/libct/trace"
	"stave/specs"
)

// explain prints the plan of a bundle and does nothing.
func (a *app) explain() (int, error) {
	bundle := workDir()
	if len(a.inv.Args) > 0 {
		bundle = a.inv.Args[0]
	}
	req := &libct.Request{Verb: "explain", ID: "ID", Root: a.root, Bundle: bundle, Gate: true}
	_, plan, err := libct.Prepare(req)
	if err != nil {
		return 1, err
	}
	f := &a.inv.Flags
	switch {
	case f.Bool("json"):
		return a.print(explain.JSON(nil, plan)), nil
	case f.Bool("steps"):
		return a.print(explain.Steps(nil, plan)), nil
	}
	return a.print(explain.Text(nil, plan, explain.Style{Short: f.Bool("short")})), nil
}

// trace draws a timeline.
func (a *app) trace() (int, error) {
	name, f := a.inv.Args[0], &a.inv.Flags
	data := readAll(name)
	if data == nil {
		return 1, &specs.Error{Path: name, Problem: "cannot be read, or is empty", Kind: specs.ErrInvalid}
	}
	t, err := trace.Parse(string(data))
	if err != nil {
		err.(*specs.Error).Path = name
		return 1, err
	}
	var out []byte
	switch format := f.String("format"); format {
	case "text":
		out = trace.Text(nil, t)
	case "svg":
		out = trace.SVG(nil, t)
	case "chrome":
		out = trace.Chrome(nil, t)
	default:
		return 1, &usageError{"invalid format option: " + format, "text, svg or chrome"}
	}
	if to := f.String("output"); to != "" {
		fd, err := unix.Open(to, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC|unix.O_CLOEXEC, 0o644)
		if err == nil {
			err = write(fd, out)
			unix.Close(fd)
		}
		if err != nil {
			return 1, &specs.Error{Syscall: "open", Path: to, Errno: err.(unix.Errno)}
		}
		return 0, nil
	}
	return a.print(out), nil
}

// completion prints the script for a shell.
func (a *app) completion() (int, error) {
	text, ok := cli.Completion(a.inv.Args[0])
	if !ok {
		return 1, &usageError{"no completion for " + a.inv.Args[0], "bash, zsh or fish"}
	}
	return a.print([]byte(text)), nil
}

// usageError is a value of a flag that the verb cannot take.
type usageError struct{ problem, hint string }

func (e *usageError) Error() string { return e.problem + ": " + e.hint }
