package main

import (
	"bytes"
	"fmt"
	"strings"

	table "stave/cmd/stave/cli"
)

// signals are those that are offered; kill takes all.
const signals = "TERM KILL INT HUP QUIT USR1 USR2 STOP CONT WINCH"

// visible gives the flags to offer, with --help.
func visible(list []table.Flag, verb bool) (out []table.Flag) {
	for _, f := range list {
		if !f.Hidden {
			out = append(out, f)
		}
	}
	if verb {
		out = append(out, table.Flag{Name: "help", Short: "h", Usage: "show this help"})
	}
	return out
}

func names(list []table.Flag) string {
	var out []string
	for _, f := range list {
		out = append(out, "--"+f.Name)
		if f.Short != "" {
			out = append(out, "-"+f.Short)
		}
	}
	return strings.Join(out, " ")
}

func verbNames() string {
	var out []string
	for _, c := range table.Commands {
		out = append(out, c.Name)
	}
	return strings.Join(out, " ")
}

// bashKind is the word by which the script knows what to offer.
func bashKind(kind table.Complete, choices string) string {
	switch kind {
	case table.CompleteFile:
		return "file"
	case table.CompleteDir:
		return "dir"
	case table.CompleteID:
		return "id"
	case table.CompleteSignal:
		return signals
	case table.CompleteVerb:
		return verbNames()
	case table.CompleteChoice:
		return strings.ReplaceAll(choices, "|", " ")
	}
	return "none"
}

// bash writes a script that needs nothing but bash itself.
func bash() []byte {
	var b bytes.Buffer
	b.WriteString(`# Completion of stave for bash: source <(stave completion bash)

# _stave_flags VERB: the flags of a verb; of stave itself if VERB is empty.
_stave_flags() {
    case $1 in
`)
	each := func(verb string, list []table.Flag) {
		fmt.Fprintf(&b, "    %q) echo '%s' ;;\n", verb, names(list))
	}
	each("", visible(table.Globals, false))
	for _, c := range table.Commands {
		each(c.Name, visible(c.Flags, true))
	}
	b.WriteString(`    esac
}

# _stave_value VERB FLAG: what the flag's value may be; fails if it takes none.
_stave_value() {
    case "$1 $2" in
`)
	values := func(verb string, list []table.Flag) {
		for _, f := range list {
			if f.Kind == table.Bool || f.Hidden {
				continue
			}
			pattern := fmt.Sprintf("%q", verb+" --"+f.Name)
			if f.Short != "" {
				pattern += fmt.Sprintf("|%q", verb+" -"+f.Short)
			}
			fmt.Fprintf(&b, "    %s) echo '%s' ;;\n", pattern, bashKind(f.Complete, f.Choices))
		}
	}
	values("", table.Globals)
	for _, c := range table.Commands {
		values(c.Name, c.Flags)
	}
	b.WriteString(`    *) return 1 ;;
    esac
}

# _stave_argument VERB N: what the verb's Nth argument may be, from 1.
_stave_argument() {
    case "$1 $2" in
`)
	for _, c := range table.Commands {
		for i, kind := range c.Args {
			fmt.Fprintf(&b, "    %q) echo '%s' ;;\n", fmt.Sprintf("%s %d", c.Name, i+1), bashKind(kind, c.Choices))
		}
	}
	b.WriteString(`    *) echo none ;;
    esac
}

_stave() {
    local cur=${COMP_WORDS[COMP_CWORD]} verb='' flag='' offer='' word i args=0 end='' root=()
    COMPREPLY=()
    # bash cuts --flag=value into three words.
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ -n $flag ]]; then
            [[ $word == '=' ]] && continue
            [[ $flag == --root && -z $verb ]] && root=(--root "$word")
            flag=''
        elif [[ -z $end && $word == -- ]]; then
            end=1
        elif [[ -z $end && $word == -?* ]]; then
            if _stave_value "$verb" "$word" >/dev/null; then
                flag=$word
            elif [[ ${COMP_WORDS[i + 1]} == '=' ]]; then
                ((i += 2))
            fi
        elif [[ -z $verb ]]; then
            verb=$word
            end=''
        else
            ((args++))
            [[ $verb == exec || $verb == ps ]] && end=1
        fi
    done
    [[ $cur == '=' ]] && cur=''
    if [[ -n $flag ]]; then
        offer=$(_stave_value "$verb" "$flag")
    elif [[ -z $end && $cur == -* ]]; then
        offer=$(_stave_flags "$verb")
    elif [[ -z $verb ]]; then
`)
	fmt.Fprintf(&b, "        offer='%s'\n", verbNames())
	b.WriteString(`    else
        offer=$(_stave_argument "$verb" $((args + 1)))
    fi
    case $offer in
    none) ;;
    file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    dir) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
    id) mapfile -t COMPREPLY < <(compgen -W "$("${COMP_WORDS[0]}" "${root[@]}" list --quiet 2>/dev/null)" -- "$cur") ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$offer" -- "$cur") ;;
    esac
}

complete -F _stave stave
`)
	return b.Bytes()
}

// zshAction is what _arguments does for a value.
func zshAction(kind table.Complete, choices string) string {
	switch kind {
	case table.CompleteFile:
		return "_files"
	case table.CompleteDir:
		return "_files -/"
	case table.CompleteID:
		return "_stave_ids"
	case table.CompleteSignal:
		return "(" + signals + ")"
	case table.CompleteVerb:
		return "_stave_verbs"
	case table.CompleteChoice:
		return "(" + strings.ReplaceAll(choices, "|", " ") + ")"
	}
	return " "
}

func zshText(s string) string {
	return strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`, ":", `\:`, "'", `'\''`).Replace(s)
}

func zshFlags(b *bytes.Buffer, list []table.Flag, indent string) {
	for _, f := range list {
		value := ""
		if f.Kind != table.Bool {
			value = ":" + zshText(f.Value) + ":" + zshAction(f.Complete, f.Choices)
		}
		repeat := f.Kind == table.StringSlice || f.Kind == table.Int64Slice
		equals := ""
		if value != "" {
			equals = "="
		}
		text := "[" + zshText(usageOf(f)) + "]" + value + "'"
		switch {
		case f.Short == "" && repeat:
			fmt.Fprintf(b, "%s'*--%s%s%s \\\n", indent, f.Name, equals, text)
		case f.Short == "":
			fmt.Fprintf(b, "%s'--%s%s%s \\\n", indent, f.Name, equals, text)
		case repeat:
			fmt.Fprintf(b, "%s'*'{-%s,--%s%s}'%s \\\n", indent, f.Short, f.Name, equals, text)
		default:
			fmt.Fprintf(b, "%s'(-%s --%s)'{-%s,--%s%s}'%s \\\n", indent, f.Short, f.Name, f.Short, f.Name, equals, text)
		}
	}
}

// zsh writes a function for _arguments.
func zsh() []byte {
	var b bytes.Buffer
	b.WriteString(`#compdef stave
# Completion of stave for zsh: stave completion zsh > "${fpath[1]}/_stave"

_stave_ids() {
    local -a ids
    ids=(${(f)"$(_call_program containers stave $stave_root list --quiet 2>/dev/null)"})
    _describe -t containers container ids
}

_stave_verbs() {
    local -a verbs
    verbs=(
`)
	for _, c := range table.Commands {
		fmt.Fprintf(&b, "        '%s:%s'\n", c.Name, strings.ReplaceAll(c.Usage, "'", `'\''`))
	}
	b.WriteString(`    )
    _describe -t commands verb verbs
}

_stave() {
    local curcontext=$curcontext state line
    local -a stave_root
    typeset -A opt_args
    _arguments -C \
`)
	zshFlags(&b, visible(table.Globals, false), "        ")
	b.WriteString(`        '1: :_stave_verbs' \
        '*:: :->arguments'
    [[ $state == arguments ]] || return
    [[ -n ${opt_args[--root]} ]] && stave_root=(--root ${opt_args[--root]})
    curcontext=${curcontext%:*:*}:stave-$words[1]:
    case $words[1] in
`)
	for _, c := range table.Commands {
		fmt.Fprintf(&b, "    %s)\n        _arguments \\\n", c.Name)
		zshFlags(&b, visible(c.Flags, true), "            ")
		for i, kind := range c.Args {
			if kind != table.CompleteCommand {
				fmt.Fprintf(&b, "            '%d: :%s' \\\n", i+1, zshAction(kind, c.Choices))
			}
		}
		if c.StopAtFirstArg {
			b.WriteString("            '*:: : ' \\\n")
		}
		b.WriteString("            && return\n        ;;\n")
	}
	b.WriteString(`    esac
}

if [[ $funcstack[1] == _stave ]]; then
    _stave "$@"
else
    compdef _stave stave
fi
`)
	return b.Bytes()
}

// fishAction is what complete offers for a value.
func fishAction(kind table.Complete, choices string) string {
	switch kind {
	case table.CompleteFile:
		return " -F"
	case table.CompleteDir:
		return " -a '(__fish_complete_directories)'"
	case table.CompleteID:
		return " -a '(__stave_ids)'"
	case table.CompleteSignal:
		return " -a '" + signals + "'"
	case table.CompleteVerb:
		return " -a '" + verbNames() + "'"
	case table.CompleteChoice:
		return " -a '" + strings.ReplaceAll(choices, "|", " ") + "'"
	}
	return ""
}

func fishText(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}

// valueFlags are the flags that take the next word.
func valueFlags(list []table.Flag) string {
	var out []string
	for _, f := range list {
		if f.Kind != table.Bool && !f.Hidden {
			out = append(out, "--"+f.Name)
			if f.Short != "" {
				out = append(out, "-"+f.Short)
			}
		}
	}
	return strings.Join(out, " ")
}

// fish writes conditions and lines of complete(1).
func fish() []byte {
	var b bytes.Buffer
	b.WriteString(`# Completion of stave for fish: stave completion fish > ~/.config/fish/completions/stave.fish

# The flags of a verb that take a value; of stave itself if there is no verb.
function __stave_value_flags
    switch "$argv[1]"
`)
	fmt.Fprintf(&b, "        case ''\n            string split ' ' -- '%s'\n", valueFlags(table.Globals))
	for _, c := range table.Commands {
		if v := valueFlags(c.Flags); v != "" {
			fmt.Fprintf(&b, "        case %s\n            string split ' ' -- '%s'\n", c.Name, v)
		}
	}
	b.WriteString(`    end
end

# Prints the verb, if there is one, and then the arguments before the cursor.
function __stave_words
    set -l verb ''
    set -l skip 0
    set -l tokens (commandline -opc)
    for word in $tokens[2..-1]
        if test $skip = 1
            set skip 0
        else if string match -q -- '-*' $word
            contains -- $word (__stave_value_flags $verb); and set skip 1
        else
            test -z "$verb"; and set verb $word
            echo $word
        end
    end
end

function __stave_no_verb
    set -l words (__stave_words)
    test (count $words) = 0
end

# __stave_in VERB: VERB is being written.
function __stave_in
    set -l words (__stave_words)
    test "$words[1]" = $argv[1]
end

# __stave_at VERB N: its Nth argument is being written.
function __stave_at
    set -l words (__stave_words)
    test "$words[1]" = $argv[1]; and test (count $words) = $argv[2]
end

function __stave_ids
    set -l root
    set -l tokens (commandline -opc)
    for i in (seq (count $tokens))
        string match -q -- '--root=*' $tokens[$i]; and set root $tokens[$i]
        test $tokens[$i] = --root; and set -q tokens[(math $i + 1)]; and set root --root $tokens[(math $i + 1)]
    end
    command stave $root list --quiet 2>/dev/null
end

complete -c stave -f
`)
	each := func(condition string, list []table.Flag) {
		for _, f := range list {
			fmt.Fprintf(&b, "complete -c stave -n '%s' -l %s", condition, f.Name)
			if f.Short != "" {
				fmt.Fprintf(&b, " -s %s", f.Short)
			}
			if f.Kind != table.Bool {
				b.WriteString(" -r" + fishAction(f.Complete, f.Choices))
			}
			fmt.Fprintf(&b, " -d %s\n", fishText(usageOf(f)))
		}
	}
	each("__stave_no_verb", visible(table.Globals, false))
	for _, c := range table.Commands {
		fmt.Fprintf(&b, "complete -c stave -n __stave_no_verb -a %s -d %s\n", c.Name, fishText(c.Usage))
	}
	for _, c := range table.Commands {
		condition := "__stave_in " + c.Name
		if c.StopAtFirstArg {
			condition = "__stave_at " + c.Name + " 1"
		}
		each(condition, visible(c.Flags, true))
		for i, kind := range c.Args {
			if action := fishAction(kind, c.Choices); action != "" {
				fmt.Fprintf(&b, "complete -c stave -n '__stave_at %s %d'%s\n", c.Name, i+1, action)
			}
		}
	}
	return b.Bytes()
}
