package podman

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"stave/tests/kit"
)

// receive stands in for a daemon: what is sent to the socket goes as lines to a
// file, whose path it gives, for scripts to read.
func receive(t *testing.T, socket string, show func([]byte) string) string {
	t.Helper()
	kit.Must(t, os.MkdirAll(filepath.Dir(socket), 0o755))
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	kit.Must(t, err)
	t.Cleanup(func() { conn.Close() })
	path := filepath.Join(kit.Dir(t), "received")
	// Scripts empty it between two questions.
	out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	kit.Must(t, err)
	go func() {
		defer out.Close()
		buf := make([]byte, 256<<10)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return // closed: the test is over
			}
			fmt.Fprintln(out, show(buf[:n]))
		}
	}()
	return path
}

// plain shows a message of sd_notify(3), whose lines are divided by spaces.
func plain(b []byte) string {
	return strings.ReplaceAll(strings.TrimRight(string(b), "\n"), "\n", " ")
}

// entry shows a message in the journal's native protocol: fields by name. A
// value with newlines is sent after its length, 64 bits, little endian.
func entry(b []byte) string {
	var fields []string
	for len(b) > 0 {
		line, rest, _ := bytes.Cut(b, []byte("\n"))
		b = rest
		name, value, plain := strings.Cut(string(line), "=")
		if !plain {
			if len(b) < 8 || uint64(len(b)) < 9+binary.LittleEndian.Uint64(b) {
				fields = append(fields, "malformed "+name)
				break
			}
			n := binary.LittleEndian.Uint64(b)
			value, b = string(b[8:8+n]), b[8+n+1:]
		}
		if strings.HasPrefix(name, "CODE_") {
			continue // where in its source the sender called sd_journal_send(3)
		}
		fields = append(fields, fmt.Sprintf("%s=%q", name, strings.TrimRight(value, "\n")))
	}
	slices.Sort(fields)
	return strings.Join(fields, " ")
}
