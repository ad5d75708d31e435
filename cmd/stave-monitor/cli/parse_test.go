package cli

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	v, problem := Parse(strings.Fields("-c id --cuuid=u -r /rt -itT 5 --api-version 1 --runtime-arg a --runtime-arg=b --restore-arg x --runtime-opt y --pidfile p -l one -ltwo --timeout 0x10 -- --nope"))
	if problem != "" {
		t.Fatal(problem)
	}
	for name, want := range map[string]string{"cid": "id", "cuuid": "u", "runtime": "/rt", "container-pidfile": "p", "socket-dir-path": "/var/run/crio", "exit-delay": "0"} {
		if got := v.String(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"stdin", "terminal", "api-version"} {
		if !v.Bool(name) {
			t.Errorf("%s was given", name)
		}
	}
	for name, want := range map[string]string{"runtime-arg": "a b", "runtime-opt": "x y", "log-path": "one two", "log-label": ""} {
		if got := strings.Join(v.Strings(name), " "); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if n := v.Int("timeout"); n != 16 {
		t.Errorf("timeout is %d", n)
	}
}

func TestParseProblems(t *testing.T) {
	for line, want := range map[string]string{
		"--nope":                    "Unknown option --nope",
		"--nope=1":                  "Unknown option --nope=1",
		"-Z":                        "Unknown option -Z",
		"-tZ":                       "Unknown option -tZ",
		"--cid":                     "Missing argument for --cid",
		"-c":                        "Missing argument for -c",
		"-T x":                      "Cannot parse integer value “x” for -T",
		"--timeout=":                "Cannot parse integer value “” for --timeout",
		"--timeout 08":              "Cannot parse integer value “08” for --timeout",
		"--timeout 2147483648":      "Integer value “2147483648” for --timeout out of range",
		"--timeout -2147483649":     "Integer value “-2147483649” for --timeout out of range",
		"--log-size-max 1" + nines:  "Integer value “1" + nines + "” for --log-size-max out of range",
		"--help --nope":             "",
		"-h -c":                     "",
		"--terminal=x":              "",
		"word -":                    "",
		"--log-size-max 2147483648": "",
	} {
		if _, got := Parse(strings.Fields(line)); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

const nines = "9999999999999999999"

func FuzzParse(f *testing.F) {
	f.Add("-c id -u u\x00--log-size-max\x00-0x8000000000000000")
	f.Fuzz(func(t *testing.T, line string) {
		v, _ := Parse(strings.Split(line, " "))
		for _, flag := range Table {
			if flag.Same == "" {
				v.String(flag.Name)
				v.Int(flag.Name)
				v.Strings(flag.Name)
			}
		}
	})
}

// The table is sound: no name or letter twice, and what is the same exists.
func TestTable(t *testing.T) {
	names := map[string]bool{}
	for _, f := range Table {
		for _, n := range []string{f.Name, "-" + f.Short} {
			if names[n] && n != "-" {
				t.Errorf("%s is there twice", n)
			}
			names[n] = true
		}
		if f.Same != "" && find(Table, f.Same) < 0 || f.Usage == "" && !f.Hidden {
			t.Errorf("%s: %+v", f.Name, f)
		}
		if shown := strings.Contains(Help, "--"+f.Name); shown == f.Hidden && f.Name != "pidfile" {
			t.Errorf("help and %s", f.Name)
		}
	}
}
