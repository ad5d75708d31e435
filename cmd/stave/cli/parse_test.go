package cli

import (
	"errors"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"stave/specs"
)

// show flattens an Invocation so that a table can hold it.
func show(inv *Invocation, err error) string {
	var usage *UsageError
	if errors.As(err, &usage) {
		return "! " + err.Error()
	}
	name := "-"
	if inv.Command != nil {
		name = inv.Command.Name
	}
	out := []string{name}
	if inv.Help {
		out = append(out, "HELP")
	}
	if inv.Version {
		out = append(out, "VERSION")
	}
	for _, v := range []Values{inv.Global, inv.Flags} {
		for _, g := range v.given {
			if g.flag >= 0 {
				out = append(out, v.flags[g.flag].Name+"="+g.text)
			}
		}
	}
	return strings.Join(append(append(out, "|"), inv.Args...), " ")
}

func TestParse(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{"", "- HELP |"},
		{"--debug", "- HELP debug=true |"},
		{"-h list", "- HELP help=true |"},
		{"-v state", "- VERSION version=true |"},
		{"--version=false list", "list version=false |"},
		{"help", "- HELP |"},
		{"h run", "run HELP | run"},
		{"help bogus", `! no such command: "bogus": see stave --help`},
		{"state x --help", "state HELP | x"},
		{"exec x -h", "exec | x -h"},
		{"-debug list -q=false", "list debug=true quiet=false |"},
		{"--root=/r --log-format json run -b /b x", "run root=/r log-format=json bundle=/b | x"},
		{"run x --bundle=/b --detach", "run bundle=/b detach=true | x"},
		{"run --no-pivot x --bundle /b", "run no-pivot=true bundle=/b | x"},
		{"create --pid-file -- x", "create pid-file=-- | x"},
		{"create x --pid-file -b", "create pid-file=-b | x"},
		{"delete x --force", "delete force=true | x"},
		{"delete x -- --force", "! delete: takes 1 argument (ID), got 2: see stave delete --help"},
		{"delete -- -x", "delete | -x"},
		{"kill --all x 9", "kill all=true | x 9"},
		{"kill x --all KILL", "kill all=true | x KILL"},
		{"kill x -9", "kill | x -9"},
		{"kill -9 x", "! kill: no such flag: -9: see stave kill --help"},
		{"kill x -", "kill | x -"},
		{"exec -t -e A=1,2 -e B= --cap=CAP_X -g 5 -g 6 x ls -l --tty", "exec tty=true env=A=1,2 env=B= cap=CAP_X additional-gids=5 additional-gids=6 | x ls -l --tty"},
		{"exec x -- ls", "exec | x -- ls"},
		{"exec -- x ls", "exec | x ls"},
		{"ps x -ef", "ps | x -ef"},
		{"exec --additional-gids 5,6 x ls", `! exec: "5,6" is no value for --additional-gids: want one whole number; repeat the flag for more: see stave exec --help`},
		{"create x --preserve-fds=abc", `! create: "abc" is no value for --preserve-fds: want a whole number: see stave create --help`},
		{"create --preserve-fds 0x10 x", "create preserve-fds=0x10 | x"},
		{"events x --interval 3x", `! events: "3x" is no value for --interval: want a time such as 500ms or 1m30s: see stave events --help`},
		{"list --quiet=maybe", `! list: "maybe" is no value for --quiet: want true or false: see stave list --help`},
		{"create --pid-file", "! create: --pid-file needs a value: see stave create --help"},
		{"create --detatch x", "! create: no such flag: --detatch: see stave create --help"},
		{"run --detatch=1 x", "! run: no such flag: --detatch=1; did you mean --detach?: see stave run --help"},
		{"strat x", `! no such command: "strat"; did you mean start?: see stave --help`},
		{"--bogus list", "! no such flag: --bogus: see stave --help"},
		{"list foo", "! list: takes no arguments, got foo: see stave list --help"},
		{"exec", "! exec: takes at least 1 argument (ID COMMAND [ARG...] | --process FILE ID), got 0: see stave exec --help"},
		{"kill", "! kill: takes 1 or 2 arguments (ID [SIGNAL]), got 0: see stave kill --help"},
		{"state ---x", "! state: no such flag: ---x: see stave state --help"},
		{"-- list", "list |"},
	} {
		var argv []string
		if tt.line != "" {
			argv = strings.Split(tt.line, " ")
		}
		if got := show(Parse(argv)); got != tt.want {
			t.Errorf("stave %s\n got %s\nwant %s", tt.line, got, tt.want)
		}
	}
	if got := show(Parse([]string{""})); !strings.HasPrefix(got, "! no such command: \"\"") {
		t.Errorf("an empty verb: %s", got)
	}
}

func TestExitStatusOfUsageErrors(t *testing.T) {
	for line, want := range map[string]int{"bogus": 3, "help bogus": 3, "state": 1, "--bogus": 1} {
		inv, err := Parse(strings.Fields("--log /l " + line))
		var usage *UsageError
		if !errors.As(err, &usage) || usage.Code != want {
			t.Errorf("%s: %v, want exit status %d", line, err, want)
		}
		if inv.Global.String("log") != "/l" {
			t.Errorf("%s: --log is lost, so the error cannot be logged", line)
		}
	}
}

func TestValues(t *testing.T) {
	inv, err := Parse(strings.Fields("exec -u 1 -u 2:3 -g 7 -e A=1 --env B=2 -t=false --preserve-fds 010 x sh"))
	if err != nil {
		t.Fatal(err)
	}
	f := &inv.Flags
	for _, tt := range []struct{ got, want any }{
		{f.String("user"), "2:3"}, {f.Int64s("additional-gids"), []int64{7}}, {f.Strings("env"), []string{"A=1", "B=2"}},
		{f.Bool("tty"), false}, {f.IsSet("tty"), true}, {f.IsSet("cap"), false}, {f.Strings("cap"), []string(nil)},
		{f.Int("preserve-fds"), 8}, {f.Has("trace"), true}, {f.Has("nothing"), false},
		{inv.Global.String("root"), "/run/stave"}, {inv.Global.IsSet("root"), false},
	} {
		if !reflect.DeepEqual(tt.got, tt.want) {
			t.Errorf("got %#v, want %#v", tt.got, tt.want)
		}
	}
	inv, _ = Parse([]string{"events", "x"})
	if d := inv.Flags.Duration("interval"); d != 5*time.Second {
		t.Errorf("--interval: %v", d)
	}
	defer func() {
		if recover() == nil {
			t.Error("a flag that the verb does not have must panic")
		}
	}()
	f.String("bundle")
}

func TestUsageErrorIsARecord(t *testing.T) {
	_, err := Parse([]string{"state"})
	var record *specs.Error
	if !errors.As(err, &record) || record.Verb != "state" || errors.Is(err, syscall.EPERM) || errors.Is(err, specs.ErrExist) {
		t.Errorf("%#v", err)
	}
}

func TestDefaultRoot(t *testing.T) {
	for _, tt := range []struct {
		host Host
		want string
		xdg  bool
	}{
		{Host{EUID: 0, XDGRuntimeDir: "/run/user/0"}, "/run/stave", false},
		{Host{EUID: 1000, XDGRuntimeDir: "/run/user/1000"}, "/run/user/1000/stave", true},
		{Host{EUID: 1000}, "/run/stave", false},
		{Host{EUID: 0, InUserNS: true, XDGRuntimeDir: "/run/user/1000", User: "me"}, "/run/user/1000/stave", true},
		{Host{EUID: 0, InUserNS: true, XDGRuntimeDir: "/run/user/1000", User: "root"}, "/run/stave", false},
	} {
		if dir, xdg := DefaultRoot(tt.host); dir != tt.want || xdg != tt.xdg {
			t.Errorf("%+v: %s %v", tt.host, dir, xdg)
		}
	}
}

// TestTable holds what the generator and the parser take for granted.
func TestTable(t *testing.T) {
	for _, c := range append([]Command{{Name: "stave", Flags: Globals, Usage: "x", Examples: []Example{{}}}}, Commands...) {
		seen := map[string]bool{"help": c.Name != "stave", "h": c.Name != "stave"}
		if c.Usage == "" || len(c.Examples) == 0 {
			t.Errorf("%s: no usage or no example", c.Name)
		}
		for _, f := range c.Flags {
			for _, name := range []string{f.Name, f.Short} {
				if name != "" && seen[name] {
					t.Errorf("%s: --%s twice", c.Name, name)
				}
				seen[name] = true
			}
			if len(f.Short) > 1 || f.Usage == "" || strings.HasSuffix(f.Usage, ".") || (f.Kind == Bool) != (f.Value == "") {
				t.Errorf("%s: --%s: short, usage or value", c.Name, f.Name)
			}
			if f.Default != "" && check(f.Kind, f.Default) != "" {
				t.Errorf("%s: --%s: default %q", c.Name, f.Name, f.Default)
			}
		}
	}
}

func BenchmarkParse(b *testing.B) {
	argv := []string{"--root", "/run/x", "--log", "/l", "--log-format", "json", "state", "web1"}
	b.ReportAllocs()
	for b.Loop() {
		Parse(argv)
	}
}
