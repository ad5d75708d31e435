package stub

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// The bytes in Go are those that the assembler makes of the source.
func TestCodeIsItsSource(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the stub is for amd64")
	}
	for _, tool := range []string{"gcc", "objcopy"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("no " + tool + " on this machine")
		}
	}
	dir := t.TempDir()
	src, err := os.ReadFile("stub_amd64.S.txt")
	if err != nil {
		t.Fatal(err)
	}
	s, o, bin := filepath.Join(dir, "s.S"), filepath.Join(dir, "s.o"), filepath.Join(dir, "s.bin")
	if err := os.WriteFile(s, src, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, cmd := range [][]string{{"gcc", "-c", "-o", o, s}, {"objcopy", "-O", "binary", "-j", ".text", o, bin}} {
		if out, err := exec.Command(cmd[0], cmd[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", cmd, err, out)
		}
	}
	want, err := os.ReadFile(bin)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasSuffix(Image(), want) || len(Image()) != 64+56+len(want) {
		t.Fatalf("stub_amd64.go has %d bytes of code, the source gives %d, or they differ", len(Image())-120, len(want))
	}
}

// run executes the stub with the given arguments.
func run(t *testing.T, extra *os.File, args ...string) (string, error) {
	t.Helper()
	if Image() == nil {
		t.Skip("no stub on " + runtime.GOARCH)
	}
	name := filepath.Join(t.TempDir(), "stub")
	if err := os.WriteFile(name, Image(), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(name)
	cmd.Args = args
	cmd.ExtraFiles = []*os.File{extra}
	out, err := cmd.Output()
	return string(out), err
}

func TestRunsTheFirstThatCan(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	out, err := run(t, w, "\x03", "\xff", "/nowhere/echo", "/bin/echo", "/bin/false", "", "echo", "a", "b")
	w.Close()
	if err != nil || out != "a b\n" {
		t.Fatalf("%q, %v", out, err)
	}
	if b, _ := os.ReadFile("/proc/self/comm"); len(b) == 0 {
		t.Fatal("no /proc")
	}
	buf := make([]byte, 16)
	if n, _ := r.Read(buf); n != 0 {
		t.Fatalf("a report after success: %x", buf[:n])
	}
}

// ENOENT of one candidate does not hide EACCES of another.
func TestReportsTheErrnoThatSaysMost(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	_, err = run(t, w, "\x03", "\xff", "/nowhere/x", "/etc", "/nowhere/y", "", "x")
	w.Close()
	if err == nil {
		t.Fatal("success")
	}
	buf := make([]byte, 32)
	n, _ := r.Read(buf)
	want := []byte{0xff, 0xff, 0xff, 0xff, 13, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}
	if !bytes.Equal(buf[:n], want) {
		t.Fatalf("report %x, want %x", buf[:n], want)
	}
}
