package monitor

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"stave/tests/kit"
)

// A usage is a command line that ends at once.
type usage struct {
	name   string
	args   string // split at spaces; DIR is an empty directory; '' is an empty word
	code   int
	want   string // for stdout and stderr together
	bug    string // why conmon answers otherwise
	conmon string // its answer
	status int    // its exit status
}

const asked = "-c aaaaaaaaaaaaaaaa "
const named = asked + "-u x "
const ready = named + "-r /bin/true "

const old = "Debian's conmon is older than the option"

var usages = []usage{
	{name: "version", args: "--version", want: `^conmon version [0-9]+\.[0-9]+\.[0-9]+\ncommit: .+\n$`},
	{name: "help", args: "--help", want: `(?ms)^Usage:.*--log-global-size-max`},
	{name: "help by letter", args: "-h", want: `(?ms)^Usage:.*--exec\b`},
	{name: "help names journald", args: "--help", want: "journald", bug: old, conmon: "Usage"},
	{name: "help before anything else is wrong", args: "--help -c", want: "Usage"},
	{name: "unknown option", args: "--nope", code: 1, want: `^conmon: option parsing failed: .*--nope`},
	{name: "unknown letter", args: "-z", code: 1, want: `^conmon: option parsing failed: .*-z`},
	{name: "unknown letter in a bundle", args: "-iz", code: 1, want: `^conmon: option parsing failed: `},
	{name: "bad number", args: "--timeout=x", code: 1, want: `^conmon: option parsing failed: .*x.*--timeout`},
	{name: "number with a tail", args: "--timeout=1x", code: 1, want: `^conmon: option parsing failed: .*1x`},
	{name: "number out of range", args: "--timeout=99999999999", code: 1, want: `^conmon: option parsing failed: .*out of range`},
	{name: "64 bit number out of range", args: "--log-size-max=99999999999999999999", code: 1, want: `^conmon: option parsing failed: .*out of range`},
	{name: "64 bit number in range", args: "--log-size-max=9999999999999", code: 1, want: "Container ID not provided"},
	{name: "hexadecimal", args: "--timeout=0x10", code: 1, want: "Container ID not provided"},
	{name: "octal", args: "--timeout=010", code: 1, want: "Container ID not provided"},
	{name: "not octal", args: "--timeout=09", code: 1, want: "option parsing failed"},
	{name: "negative", args: "--timeout=-1", code: 1, want: "Container ID not provided"},
	{name: "missing value", args: "--cid", code: 1, want: `^conmon: option parsing failed: .*--cid`},
	{name: "missing value of a letter", args: "-c", code: 1, want: `^conmon: option parsing failed: .*-c`},
	{name: "equals", args: "--cid=a", code: 1, want: "UUID not provided"},
	{name: "next word", args: "--cid a", code: 1, want: "UUID not provided"},
	{name: "letter, glued", args: "-ca", code: 1, want: "UUID not provided", bug: "GLib wants the value in the next word", conmon: "Missing argument for -c", status: 1},
	{name: "letter, next word", args: "-c a", code: 1, want: "UUID not provided"},
	{name: "letters in a bundle", args: "-its -c a", code: 1, want: "UUID not provided"},
	{name: "bundle that ends with a value", args: "-itc a", code: 1, want: "UUID not provided"},
	{name: "two dashes end the options", args: "-c a -- --nope", code: 1, want: "UUID not provided"},
	{name: "positional arguments", args: "some -c a thing", code: 1, want: "UUID not provided"},
	{name: "api-version takes no value", args: "--api-version 1 -c a", code: 1, want: "UUID not provided"},
	{name: "value that looks like an option", args: "-c --nope", code: 1, want: "UUID not provided"},

	{name: "no cid", args: "", code: 1, want: `Container ID not provided. Use --cid`},
	{name: "no cuuid", args: asked, code: 1, want: `Container UUID not provided. Use --cuuid`},
	{name: "exec and restore", args: asked + "--exec --restore /x", code: 1, want: `Cannot use 'exec' and 'restore' at the same time`},
	{name: "attach without api version", args: named + "--exec-attach -e", code: 1, want: `(?i)attach can only be specified`},
	{name: "attach without exec", args: named + "--exec-attach --api-version", code: 1, want: `(?i)attach can only be specified`},
	{name: "no runtime", args: named, code: 1, want: `Runtime path not provided. Use --runtime`},
	{name: "runtime is not there", args: named + "-r /no/such", code: 1, want: `Runtime path /no/such is not valid`},
	{name: "runtime is not executable", args: named + "-r /etc/passwd", code: 1, want: `Runtime path /etc/passwd is not valid`},
	{name: "exec without a process", args: ready + "-e -l none", code: 1, want: `Exec process spec path not provided. Use --exec-process-spec`},
	{name: "exit delay below zero", args: ready + "--exit-delay=-1 -l none", code: 1, want: `(?i)delay before invoking exit command must be greater than or equal to 0`},
	{name: "no log path", args: ready, code: 1, want: `Log driver not provided. Use --log-path`},
	{name: "empty log path", args: ready + "-l ''", code: 1, want: `log-path must not be empty`},
	{name: "unknown log driver", args: ready + "-l nope:x", code: 1, want: `No such log driver nope`},
	{name: "k8s-file without a name", args: ready + "-l k8s-file:", code: 1, want: `k8s-file requires a filename`},
	{name: "k8s-file alone is a driver without a name", args: ready + "-l k8s-file", code: 1, want: `k8s-file requires a filename`},
	{name: "log file that cannot be made", args: ready + "-l DIR/no/such", code: 1, want: `Failed to open log file`},
	{name: "unknown log level", args: ready + "-l none --log-level nope", code: 1, want: `No such log level nope`},
	{name: "tag for a k8s-file", args: ready + "-l DIR/log --log-tag t", code: 1, want: `k8s-file doesn't support --log-tag`},
	{name: "journald wants a long id", args: "-c aaaaaaaaaaaa -u x -r /bin/true -l journald", code: 1, want: `(?i)container ID must be longer than 12 characters`},
	{name: "log-max-files below zero", args: "--log-max-files=-1", code: 1, want: `log-max-files`, bug: old, conmon: "Unknown option", status: 1},
	{name: "log-max-files 0 to rotate", args: "--log-rotate --log-max-files=0", code: 1, want: `log-max-files`, bug: old, conmon: "Unknown option", status: 1},
	{name: "log-max-files 0 alone", args: "--log-max-files=0", code: 1, want: `Container ID not provided`, bug: old, conmon: "Unknown option", status: 1},
	{name: "log-allowlist-dir", args: "--log-allowlist-dir /a --log-allowlist-dir /b", code: 1, want: `Container ID not provided`, bug: old, conmon: "Unknown option", status: 1},
	{name: "label without a value", args: ready + "-l journald --log-label A", code: 1, want: `(?i)label`, bug: old, conmon: "Unknown option", status: 1},
	{name: "label with two values", args: ready + "-l journald --log-label A=b=c", code: 1, want: `(?i)label`, bug: old, conmon: "Unknown option", status: 1},
	{name: "label in small letters", args: ready + "-l journald --log-label a=b", code: 1, want: `(?i)label`, bug: old, conmon: "Unknown option", status: 1},
	{name: "label without journald", args: ready + "-l DIR/log --log-label A=b", code: 1, want: `(?i)label`, bug: old, conmon: "Unknown option", status: 1},
}

func TestCommandLine(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		for _, u := range usages {
			t.Run(u.name, func(t *testing.T) {
				kit.Begin(t)
				var args []string
				for _, w := range strings.Fields(strings.ReplaceAll(u.args, "DIR", kit.Dir(t))) {
					args = append(args, strings.TrimPrefix(w, "''"))
				}
				code, want := u.code, u.want
				if u.bug != "" && !s.ours() {
					code, want = u.status, u.conmon
				}
				res := command(t, s, nil, args...)
				if u.bug == old && s.ours() && strings.Contains(res.Stdout+res.Stderr, "option parsing failed") {
					t.Errorf("it does not know the option: %s", res)
				}
				if res.Code != code || !regexp.MustCompile(want).MatchString(res.Stdout+res.Stderr) {
					t.Errorf("want exit %d and %q: %s", code, want, res)
				}
			})
		}
	})
}

// The form of a fatal message, and where it goes. Callers show stderr to users.
func TestFatalMessage(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		want := "[conmon:e]: Container UUID not provided. Use --cuuid\n"
		if !s.ours() { // Debian's version has the colon only where there is a format
			want = "[conmon:e] Container UUID not provided. Use --cuuid\n"
		}
		if res := command(t, s, nil, "-c", "x"); res.Stderr != want || res.Stdout != "" {
			t.Errorf("want %q on stderr: %s", want, res)
		}
	})
}

// What is parsed before something else is wrong: the first complaint wins.
func TestValidationOrder(t *testing.T) {
	// Each line lacks one thing more than the line below it.
	order := []struct{ args, want string }{
		{"--exec --restore x --exec-attach -r /no --exit-delay=-1", "Container ID"},
		{"-c a --exec --restore x --exec-attach -r /no --exit-delay=-1", "'exec' and 'restore'"},
		{"-c a --restore x --exec-attach -r /no --exit-delay=-1", "(?i)attach can only"},
		{"-c a --restore x -r /no --exit-delay=-1", "UUID"},
		{"-c a -u a -r /no -e --exit-delay=-1", "Runtime path"},
		{"-c a -u a -r /bin/true -e --exit-delay=-1", "process spec"},
		{"-c a -u a -r /bin/true --exit-delay=-1", "(?i)delay"},
		{"-c a -u a -r /bin/true", "Log driver"},
	}
	each(t, func(t *testing.T, s subject) {
		for _, o := range order {
			if res := command(t, s, nil, strings.Fields(o.args)...); res.Code != 1 || !regexp.MustCompile(o.want).MatchString(res.Stderr) {
				t.Errorf("want %q first: %s", o.want, res)
			}
		}
	})
}

// The exact words that reach the runtime.
func TestRuntimeCommandLine(t *testing.T) {
	const create = "create --bundle B --pid-file P "
	for _, row := range []struct{ name, flags, want, conmon string }{
		{"create", "", create + "ID", ""},
		{"runtime-arg, in order", "--runtime-arg --root=/x --runtime-arg=--debug", "--root=/x --debug " + create + "ID", ""},
		{"systemd-cgroup", "--systemd-cgroup --runtime-arg --debug", "--systemd-cgroup --debug " + create + "ID", ""},
		{"systemd-cgroup by letter", "-s", "--systemd-cgroup " + create + "ID", ""},
		{"no-pivot", "--no-pivot", create + "--no-pivot ID", ""},
		{"no-new-keyring", "--no-new-keyring", create + "--no-new-keyring ID", ""},
		{"both", "--no-new-keyring --no-pivot", create + "--no-pivot --no-new-keyring ID", ""},
		{"runtime-opt", "--no-pivot --runtime-opt --preserve-fds --runtime-opt 1", create + "--no-pivot --preserve-fds 1 ID", ""},
		{"restore-arg is runtime-opt", "--restore-arg --x", create + "--x ID", ""},
		{"terminal", "-t --runtime-opt --x", create + "--x --console-socket S ID", ""},
		{"restore", "--restore /chk --runtime-arg -d --runtime-opt --y --no-new-keyring", "-d restore --bundle B --pid-file P --no-new-keyring --detach --image-path /chk --work-path B --y ID", ""},
		{"exec", "-e --exec-process-spec /spec -s --no-pivot --no-new-keyring --runtime-arg -d --runtime-opt --z", "-d exec --pid-file P --process /spec --detach --z ID", ""},
		// An older version names the terminal, which the process has.
		{"exec with a terminal", "-e --exec-process-spec /spec -t", "exec --pid-file P --process /spec --detach --console-socket S ID", "exec --pid-file P --process /spec --detach --tty --console-socket S ID"},
		{"pidfile, the old name", "--pidfile OTHER", "create --bundle B --pid-file OTHER ID", ""},
		{"the last of two wins", "-p OTHER", "create --bundle B --pid-file OTHER ID", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			each(t, func(t *testing.T, s subject) {
				c := fake(t, s, "record \"$@\"; exit 1")
				other := c.file("other")
				c.add(strings.Fields(strings.ReplaceAll(row.flags, "OTHER", other))...)
				c.start()
				c.report()
				c.wait()
				got := strings.Join(strings.Fields(c.recorded("argv")), " ")
				got = regexp.MustCompile(regexp.QuoteMeta(c.rt.Tmp)+`/conmon-term\.[A-Za-z0-9]{6,8} `).ReplaceAllString(got, "S ")
				got = strings.NewReplacer(c.bundle.Dir, "B", c.file("pid"), "P", other, "OTHER", c.id, "ID").Replace(got)
				want := row.want
				if row.conmon != "" && !s.ours() {
					want = row.conmon
				}
				if got != want {
					t.Errorf("the runtime got\n %s\nwant\n %s", got, want)
				}
				c.cleanFailed()
			})
		})
	}
}

// Without -b the bundle is the working directory, without -p the pidfile is there.
func TestDefaultPaths(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, "record \"$@\"; container true")
		c.drop("-b").drop("-p").add("--sync")
		cwd := kit.Dir(t)
		cmd := &kit.Cmd{Args: append([]string{s.path}, c.flags...), Dir: cwd, Env: []string{"TMPDIR=" + c.rt.Tmp}}
		cmd.Start(t)
		if res := cmd.Wait(); res.Code != 0 {
			t.Fatal(res)
		}
		want := "create\n--bundle\n" + cwd + "\n--pid-file\n" + filepath.Join(cwd, "pidfile-"+c.id) + "\n" + c.id + "\n"
		if got := c.recorded("argv"); got != want {
			t.Errorf("the runtime got %q, want %q", got, want)
		}
		if _, err := os.Stat(filepath.Join(cwd, "ctl")); err != nil {
			t.Errorf("the ctl fifo is not in the bundle: %v", err)
		}
	})
}

// A wrong runtime shows on the sync pipe alone: the first process is content.
func TestWrongRuntime(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		for name, path := range map[string]string{"directory": kit.Dir(t), "not a program": notAProgram(t)} {
			c := fake(t, s, "")
			c.set("-r", path).start()
			if c.res.Code != 0 {
				t.Errorf("%s: %s", name, c.res)
			}
			want := "{\"data\": -1}\n"
			if !s.ours() { // it says nothing when the runtime said nothing
				want = ""
			}
			if l := c.report(); l.raw != want && !(s.ours() && l.n == -1) {
				t.Errorf("%s: sync pipe: %q", name, l.raw)
			}
			if code := c.wait(); code != 1 {
				t.Errorf("%s: the monitor ends with %d", name, code)
			}
			c.cleanFailed()
		}
	})
}

func notAProgram(t *testing.T) string {
	path := filepath.Join(kit.Dir(t), "file")
	kit.Must(t, os.WriteFile(path, []byte("\x7fELFno"), 0o755))
	return path
}

// The log is opened, 0640, before anything is forked; the umask is 022.
func TestLogFileComesFirst(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		c := fake(t, s, "record; stat -c %a $LOG >$D/mode; container true")
		c.env = append(c.env, "LOG="+c.file("log"))
		old := unix.Umask(0o077)
		c.begin()
		unix.Umask(old)
		if !kit.Eventually(patience, func() bool { _, err := os.Stat(c.file("log")); return err == nil }) {
			t.Error("no log while the monitor waits for the start pipe")
		}
		c.proceed()
		c.report()
		c.wait()
		wantMode, wantMask := "640\n", "0022\n"
		if !s.ours() { // Debian's version keeps its caller's umask
			wantMode, wantMask = "600\n", "0077\n"
		}
		if mode := c.recorded("mode"); mode != wantMode {
			t.Errorf("mode of the log is %q", mode)
		}
		if umask := c.recorded("umask"); umask != wantMask {
			t.Errorf("umask of the runtime is %q", umask)
		}
		c.clean()
	})
}

// Every name of a level, in any case.
func TestLogLevels(t *testing.T) {
	each(t, func(t *testing.T, s subject) {
		for _, level := range strings.Fields("error fatal panic warn warning info debug trace ERROR Debug") {
			res := command(t, s, nil, strings.Fields(ready+"--log-level "+level)...)
			if res.Code != 1 || !strings.Contains(res.Stderr, "Log driver not provided") {
				t.Errorf("%s: %s", level, res)
			}
		}
	})
}
