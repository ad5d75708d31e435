package specs

import (
	"reflect"
	"strings"
	"testing"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
)

func TestParseIDMapping(t *testing.T) {
	for text, want := range map[string]rspec.LinuxIDMapping{
		"0:1000:1":                           {ContainerID: 0, HostID: 1000, Size: 1},
		"         0          0 4294967295\n": {Size: 4294967295},
		"5:4294967294:1":                     {ContainerID: 5, HostID: 4294967294, Size: 1},
	} {
		if got, err := ParseIDMapping(text); err != nil || got != want {
			t.Errorf("%q: got %v %v", text, got, err)
		}
	}
	for text, problem := range map[string]string{
		"":                         "found 0",
		"0:1":                      "found 2",
		"0:1:2:3":                  "found 4",
		"0:-1:1":                   `"-1" is not a number`,
		"0:+1:1":                   `"+1" is not a number`,
		"0x0:1:1":                  `"0x0" is not a number`,
		"0: 1:1":                   `" 1" is not a number`,
		"0:4294967296:1":           "is not a number",
		"0:1:0":                    "at least one id",
		"4294967295:0:1":           "go past 4294967294",
		"0:4294967295:1":           "go past 4294967294",
		"2:0:4294967294":           "go past 4294967294",
		"0 0 1\x00":                "is not a number",
		"18446744073709551616:0:1": "is not a number",
	} {
		_, err := ParseIDMapping(text)
		if err == nil || !strings.Contains(err.Error(), problem) {
			t.Errorf("%q: got %v, want %s", text, err, problem)
		}
	}
}

func TestIDMappings(t *testing.T) {
	maps, err := ParseIDMappings("0 1000 1\n1 100000 65535\n\n")
	if err != nil {
		t.Fatal(err)
	}
	if got := string(AppendIDMappings(nil, maps)); got != "0 1000 1\n1 100000 65535\n" {
		t.Errorf("%q", got)
	}
	for container, host := range map[uint32]uint32{0: 1000, 1: 100000, 65535: 165534} {
		if got, ok := HostID(maps, container); !ok || got != host {
			t.Errorf("HostID(%d) = %d %v", container, got, ok)
		}
		if got, ok := ContainerID(maps, host); !ok || got != container {
			t.Errorf("ContainerID(%d) = %d %v", host, got, ok)
		}
	}
	if _, ok := HostID(maps, 65536); ok {
		t.Error("65536 is mapped")
	}
	if _, ok := ContainerID(maps, 999); ok {
		t.Error("999 is mapped")
	}
	if err := CheckIDMappings(make([]rspec.LinuxIDMapping, 341), "/m"); err == nil || err.(*Error).Field != "/m" {
		t.Error("341 entries:", err)
	}
	for text, field := range map[string]string{
		"0 0 10\n9 100 1\n":  "/1/containerID",
		"0 0 10\n20 5 1\n":   "/1/hostID",
		"5 50 1\n0 100 10\n": "/1/containerID",
	} {
		if _, err := ParseIDMappings(text); err == nil || err.(*Error).Field != field {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzIDMap(f *testing.F) {
	f.Add("0:1000:1")
	f.Add("0 0 4294967295\n")
	f.Add("0 1000 1\n1 100000 65536\n")
	f.Fuzz(func(t *testing.T, text string) {
		maps, err := ParseIDMappings(text)
		if err != nil {
			return
		}
		again, err := ParseIDMappings(string(AppendIDMappings(nil, maps)))
		if err != nil || !reflect.DeepEqual(again, maps) {
			t.Fatalf("%q: %v %v, then %v", text, err, maps, again)
		}
		for _, m := range maps {
			last := m.ContainerID + (m.Size - 1)
			if m.Size == 0 || last < m.ContainerID || last == noID || m.HostID+(m.Size-1) == noID {
				t.Fatalf("%q: accepted %v", text, m)
			}
			host, ok := HostID(maps, last)
			back, okBack := ContainerID(maps, host)
			if !ok || !okBack || back != last {
				t.Fatalf("%q: %d is %d and back %d", text, last, host, back)
			}
		}
	})
}
