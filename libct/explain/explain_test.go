package explain

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"stave/libct"
)

func plan(t *testing.T) *libct.Plan {
	t.Helper()
	spec := &rspec.Spec{
		Version: "1.2.0", Root: &rspec.Root{Path: "rootfs", Readonly: true}, Hostname: "h\"<\x01ü",
		Process: &rspec.Process{Args: []string{"sh", "-c", "echo \"\\\n\t\xff\""}, Cwd: "/w", Env: []string{"A=é\u2028"}, NoNewPrivileges: true},
		Mounts: []rspec.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc"},
			{Destination: "/tmp/a \"b\"", Type: "tmpfs", Options: []string{"size=1m"}},
			{Destination: "/data", Source: "/srv", Options: []string{"bind", "ro"}},
		},
		Hooks: &rspec.Hooks{CreateRuntime: []rspec.Hook{{Path: "/hook"}}},
		Linux: &rspec.Linux{Namespaces: []rspec.LinuxNamespace{{Type: rspec.MountNamespace}, {Type: rspec.PIDNamespace}, {Type: rspec.UTSNamespace}},
			Sysctl: map[string]string{"kernel.msgmax": "1"}, MaskedPaths: []string{"/proc/kcore"}},
	}
	host := &libct.Host{Sources: map[string]uint32{"/srv": unix.S_IFDIR}, Home: "/", Sealed: true}
	p, err := libct.Compile(spec, host, &libct.Request{Verb: "create", ID: "x", Root: "/r", Bundle: "/b", Gate: true})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

type jsonStep struct {
	N                       int
	Actor, Name, Field, Why string
	Calls                   []string
}

func decode(t *testing.T, p *libct.Plan) (steps []jsonStep) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(JSON(nil, p))))
	d.DisallowUnknownFields()
	if err := d.Decode(&steps); err != nil {
		t.Fatal(err)
	}
	return steps
}

// JSON says what the text says: every line of the text is made of it.
func TestJSONIsText(t *testing.T) {
	p := plan(t)
	steps := decode(t, p)
	if len(steps) != len(p.Steps) {
		t.Fatalf("%d steps of %d", len(steps), len(p.Steps))
	}
	width := len(strconv.Itoa(len(steps)))
	text := strings.ToValidUTF8(string(Text(nil, p, Style{})), "\ufffd")
	_, text, _ = strings.Cut(text, "\n\n")
	want, calls := "", 0
	for i, s := range steps {
		if s.N != i+1 || s.Actor != p.Steps[i].Actor.String() || s.Why == "" || len(s.Calls) == 0 {
			t.Errorf("%+v", s)
		}
		n := strconv.Itoa(s.N)
		want += strings.Repeat(" ", width-len(n)) + n + " " + strings.ToUpper(s.Actor[:1]) + " " + s.Name
		if s.Field != "" {
			want += "  (" + s.Field + ")"
		}
		indent := "\n" + strings.Repeat(" ", width+3)
		want += indent + "# " + s.Why
		for _, c := range s.Calls {
			want += indent + c
			calls++
		}
		want += "\n\n"
	}
	if text != want {
		t.Errorf("the text is\n%s\nand JSON gives\n%s", text, want)
	}
	head, _, _ := strings.Cut(string(Text(nil, p, Style{})), "\n")
	if head != "A container in "+strconv.Itoa(len(steps))+" steps and about "+strconv.Itoa(calls)+" system calls." {
		t.Error(head)
	}
}

// No name, argument or reason breaks a line.
func TestOneLineEach(t *testing.T) {
	p := plan(t)
	for _, s := range decode(t, p) {
		for _, l := range append([]string{s.Name, s.Field, s.Why}, s.Calls...) {
			if strings.ContainsAny(l, "\n\r\t\x01") {
				t.Errorf("step %d: %q", s.N, l)
			}
		}
	}
}

func TestShort(t *testing.T) {
	p := plan(t)
	_, short, _ := strings.Cut(string(Text(nil, p, Style{Short: true})), "\n\n")
	lines := strings.Split(strings.TrimSuffix(short, "\n"), "\n")
	if len(lines) != len(p.Steps) {
		t.Fatalf("%d lines of %d steps", len(lines), len(p.Steps))
	}
	for i, l := range lines {
		if !strings.Contains(l, p.Steps[i].Name) {
			t.Errorf("%q does not name %s", l, p.Steps[i].Name)
		}
	}
}

// Steps: the names by which faults are set, and after them the points.
func TestSteps(t *testing.T) {
	p := plan(t)
	lines := strings.Split(strings.TrimSuffix(string(Steps(nil, p)), "\n"), "\n")
	names := 0
	for _, l := range lines {
		f := strings.Split(l, "\t")
		if len(f) != 4 {
			t.Fatalf("%q", l)
		}
		n, err := strconv.Atoi(f[0])
		if err != nil {
			t.Fatal(err)
		}
		if n <= len(p.Steps) {
			if s := p.Steps[n-1]; f[1] != s.Actor.String() || f[2] != s.Name || f[3] != s.Field {
				t.Errorf("%q is not step %d, %s", l, n, s.Name)
			}
			names++
		} else if f[2] != libct.Points[n-len(p.Steps)-1].Name || f[1] != "parent" {
			t.Errorf("%q", l)
		}
	}
	if names == 0 || len(lines)-names != len(libct.Points) {
		t.Errorf("%d steps and %d points", names, len(lines)-names)
	}
}

// All of it appends to what is there.
func TestAppends(t *testing.T) {
	p := plan(t)
	for _, out := range [][]byte{Text([]byte("head"), p, Style{}), JSON([]byte("head"), p), Steps([]byte("head"), p)} {
		if !strings.HasPrefix(string(out), "head") {
			t.Errorf("%.20q", out)
		}
	}
	if got := string(JSON(nil, &libct.Plan{})); got != "[]\n" {
		t.Errorf("%q", got)
	}
}
