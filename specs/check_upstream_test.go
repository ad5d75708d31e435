package specs

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// The runtime-spec's own examples pass, or are refused for what they say.
func TestCheckUpstreamConfigs(t *testing.T) {
	for name, field := range map[string]string{
		"good/spec-example.json":      "",
		"good/minimal.json":           "",
		"good/minimal-for-start.json": "",
		"good/linux-rdma.json":        "",
		"good/linux-netdevice.json":   "/linux/netDevices",
		"good/zos-example.json":       "/zos",
		"good/freebsd-example.json":   "/freebsd",
		"bad/linux-hugepage.json":     "/linux/resources/hugepageLimits/0/pageSize",
	} {
		data, err := os.ReadFile(filepath.Join(upstream(t), "schema/test/config", name))
		if err != nil {
			t.Fatal(err)
		}
		spec, err := Decode(data)
		if err != nil {
			t.Fatal(name, err)
		}
		if spec.Version == "0.5.0-dev" { // they are older than 1.0
			spec.Version = SpecVersion
		}
		_, err = Check(spec, "/bundle")
		var e *Error
		switch {
		case err == nil && field != "":
			t.Errorf("%s: accepted", name)
		case errors.As(err, &e) && e.Field != field:
			t.Errorf("%s: %v", name, err)
		}
	}
}
