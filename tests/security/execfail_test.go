package security

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"stave/tests/kit"
)

// The error of a failed execve(2) says what is wrong with the program, and so
// quotes its first line. It must be the container's file that it reads, not
// one of the host's that a link of the image or of a volume leads to.
func TestFailedExecveQuotesNoHostFile(t *testing.T) {
	const secret = "/secret-of-the-host"
	host := filepath.Join(kit.Dir(t), "host-file")
	kit.Must(t, os.WriteFile(host, []byte("#!"+secret+"\n"), 0o755))
	up := "../../../../../../../../.."
	for name, target := range map[string]string{"absolute": host, "relative": up + host, "in the container": "script"} {
		for _, place := range []string{"volume", "rootfs", "directory of the volume"} {
			t.Run(place+", "+name, func(t *testing.T) {
				kit.Begin(t)
				r := kit.Subject(t)
				volume := kit.Dir(t)
				b := kit.NewBundle(t, kit.AddMount(specs.Mount{Destination: "/vol", Type: "bind", Source: volume, Options: []string{"rbind"}}))
				dir, arg := volume, "/vol/prog"
				if place == "rootfs" {
					dir, arg = filepath.Join(b.Rootfs, "bin"), "/bin/prog"
				}
				link, quoted := filepath.Join(dir, "prog"), secret
				kit.Must(t, os.WriteFile(filepath.Join(dir, "script"), []byte("#!/own-interpreter\n"), 0o755))
				if name == "in the container" {
					quoted = "/own-interpreter"
				}
				if place == "directory of the volume" { // the link is not the last component
					arg = "/vol/prog/" + filepath.Base(target)
					if target = filepath.Dir(target); target == "." {
						kit.Must(t, os.Mkdir(filepath.Join(dir, "d"), 0o755))
						kit.Must(t, os.Rename(filepath.Join(dir, "script"), filepath.Join(dir, "d/script")))
						target = "d"
					}
				}
				kit.Must(t, os.Symlink(target, link))
				b.Spec.Process.Args = []string{arg}
				b.Write(t)
				// The control: who follows links as the host does reads that line.
				naive, err := os.ReadFile(filepath.Join(dir, strings.TrimPrefix(strings.TrimPrefix(arg, "/vol"), "/bin")))
				if err != nil || !strings.Contains(string(naive), quoted) {
					t.Fatalf("a naive reader does not come by %q: %q %v", quoted, naive, err)
				}
				res := r.Run(b, kit.ID())
				if res.Code != 127 || strings.Contains(res.Stderr, secret) || strings.Contains(res.Stderr, "interpreter") != (quoted != secret) {
					t.Errorf("%s", res)
				}
				if quoted != secret && !strings.Contains(res.Stderr, quoted) {
					t.Errorf("the container's own file is not explained: %s", res)
				}
			})
		}
	}
}
