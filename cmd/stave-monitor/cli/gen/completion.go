package main

import (
	"bytes"
	"fmt"
	"strings"

	table "stave/cmd/stave-monitor/cli"
)

// visible gives the flags to offer.
func visible(list []table.Flag) (out []table.Flag) {
	for _, f := range list {
		if !f.Hidden {
			out = append(out, f)
		}
	}
	return out
}

// bash writes a script that needs nothing but bash itself.
func bash() []byte {
	var b bytes.Buffer
	b.WriteString("# Completion of stave-monitor for bash.\n\n_stave_monitor() {\n    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} offer=''\n    COMPREPLY=()\n")
	b.WriteString("    # bash cuts --flag=value into three words.\n    [[ $cur == '=' ]] && cur=''\n    [[ $prev == '=' ]] && prev=${COMP_WORDS[COMP_CWORD - 2]}\n")
	b.WriteString("    if [[ ${COMP_WORDS[1]} == serve && COMP_CWORD -gt 1 ]]; then\n        case $prev in\n")
	bashCases(&b, "        ", table.ServeTable)
	b.WriteString("        esac\n    else\n        case $prev in\n")
	bashCases(&b, "        ", table.Table)
	b.WriteString("        esac\n        [[ $COMP_CWORD == 1 ]] && offer=\"serve $offer\"\n    fi\n")
	b.WriteString(`    case $offer in
    none) ;;
    file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    dir) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$offer" -- "$cur") ;;
    esac
}

complete -F _stave_monitor stave-monitor
`)
	return b.Bytes()
}

// bashCases says what to offer after each flag.
func bashCases(b *bytes.Buffer, indent string, list []table.Flag) {
	var names []string
	values := map[string][]string{}
	for _, f := range visible(list) {
		all := []string{"--" + f.Name}
		if f.Short != "" {
			all = append(all, "-"+f.Short)
		}
		names = append(names, all...)
		if f.Kind == table.Bool {
			continue
		}
		kind := "none"
		switch f.Complete {
		case table.CompleteFile:
			kind = "file"
		case table.CompleteDir:
			kind = "dir"
		case table.CompleteChoice:
			kind = strings.ReplaceAll(f.Choices, "|", " ")
		}
		values[kind] = append(values[kind], all...)
	}
	for _, kind := range sorted(list, values) {
		fmt.Fprintf(b, "%s%s) offer='%s' ;;\n", indent, strings.Join(values[kind], " | "), kind)
	}
	fmt.Fprintf(b, "%s*) offer='%s' ;;\n", indent, strings.Join(names, " "))
}

func sorted(list []table.Flag, m map[string][]string) (keys []string) {
	for _, f := range visible(list) { // in the order of the table
		for k, names := range m {
			if names[0] == "--"+f.Name {
				keys = append(keys, k)
			}
		}
	}
	return keys
}

func zshText(s string) string {
	return strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`, ":", `\:`, "'", `'\''`).Replace(s)
}

// zsh writes a function for _arguments.
func zsh() []byte {
	var b bytes.Buffer
	b.WriteString("#compdef stave-monitor\n\nif [[ $words[2] == serve ]] && (( CURRENT > 2 )); then\n    shift words\n    (( CURRENT-- ))\n    _arguments -s \\\n")
	zshArguments(&b, table.ServeTable)
	b.WriteString("    return\nfi\n(( CURRENT == 2 )) && compadd serve\n_arguments -s \\\n")
	zshArguments(&b, table.Table)
	return b.Bytes()
}

// zshArguments writes the arguments of _arguments.
func zshArguments(b *bytes.Buffer, flags []table.Flag) {
	list := visible(flags)
	for i, f := range list {
		value, equals := "", ""
		if f.Kind != table.Bool {
			equals = "="
			do := " "
			switch f.Complete {
			case table.CompleteFile:
				do = "_files"
			case table.CompleteDir:
				do = "_files -/"
			case table.CompleteChoice:
				do = "(" + strings.ReplaceAll(f.Choices, "|", " ") + ")"
			}
			value = ":" + zshText(f.Value) + ":" + do
		}
		end := " \\\n"
		if i == len(list)-1 {
			end = "\n"
		}
		text := "[" + zshText(usage(f)) + "]" + value + "'"
		switch {
		case f.Kind == table.Strings && f.Short == "":
			fmt.Fprintf(b, "    '*--%s%s%s%s", f.Name, equals, text, end)
		case f.Kind == table.Strings:
			fmt.Fprintf(b, "    '*'{-%s+,--%s%s}'%s%s", f.Short, f.Name, equals, text, end)
		case f.Short == "":
			fmt.Fprintf(b, "    '--%s%s%s%s", f.Name, equals, text, end)
		case f.Kind == table.Bool:
			fmt.Fprintf(b, "    '(-%s --%s)'{-%s,--%s}'%s%s", f.Short, f.Name, f.Short, f.Name, text, end)
		default:
			fmt.Fprintf(b, "    '(-%s --%s)'{-%s+,--%s=}'%s%s", f.Short, f.Name, f.Short, f.Name, text, end)
		}
	}
}

func fish() []byte {
	var b bytes.Buffer
	b.WriteString("# Completion of stave-monitor for fish.\ncomplete -c stave-monitor -f\n")
	const serve = "__fish_seen_subcommand_from serve"
	fmt.Fprintf(&b, "complete -c stave-monitor -n __fish_use_subcommand -a serve -d 'stay with all containers of a pod'\n")
	fishFlags(&b, "not "+serve, table.Table)
	fishFlags(&b, serve, table.ServeTable)
	return b.Bytes()
}

func fishFlags(b *bytes.Buffer, when string, list []table.Flag) {
	for _, f := range visible(list) {
		fmt.Fprintf(b, "complete -c stave-monitor -n '%s' -l %s", when, f.Name)
		if f.Short != "" {
			fmt.Fprintf(b, " -s %s", f.Short)
		}
		if f.Kind != table.Bool {
			switch f.Complete {
			case table.CompleteFile:
				b.WriteString(" -r -F")
			case table.CompleteDir:
				b.WriteString(" -x -a '(__fish_complete_directories)'")
			case table.CompleteChoice:
				fmt.Fprintf(b, " -x -a '%s'", strings.ReplaceAll(f.Choices, "|", " "))
			default:
				b.WriteString(" -x")
			}
		}
		fmt.Fprintf(b, " -d '%s'\n", strings.ReplaceAll(usage(f), "'", `\'`))
	}
}
