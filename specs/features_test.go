package specs

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go/features"
)

// The document must say at least what that of the runtime-spec's example says.
func TestFeaturesHoldTheExample(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(upstream(t), "schema/test/features/good/runc.json"))
	if err != nil {
		t.Fatal(err)
	}
	var example features.Features
	if err := json.Unmarshal(data, &example); err != nil {
		t.Fatal(err)
	}
	f := Features(FeatureProbe{Seccomp: true, SeccompFlags: []string{"SECCOMP_FILTER_FLAG_LOG"}})
	for name, lists := range map[string][2][]string{
		"hooks":        {f.Hooks, example.Hooks},
		"mountOptions": {f.MountOptions, example.MountOptions},
		"namespaces":   {f.Linux.Namespaces, example.Linux.Namespaces},
		"capabilities": {f.Linux.Capabilities, example.Linux.Capabilities},
		"actions":      {f.Linux.Seccomp.Actions, example.Linux.Seccomp.Actions},
		"operators":    {f.Linux.Seccomp.Operators, example.Linux.Seccomp.Operators},
		"archs":        {f.Linux.Seccomp.Archs, example.Linux.Seccomp.Archs},
	} {
		for _, want := range lists[1] {
			if !slices.Contains(lists[0], want) {
				t.Errorf("%s: %s is missing", name, want)
			}
		}
	}
	for name, list := range map[string][]string{"namespaces": Namespaces(), "actions": names(SeccompActions()),
		"operators": names(SeccompOperators()), "archs": names(SeccompArchs()), "flags": names(SeccompFlags())} {
		if !slices.IsSorted(list) {
			t.Errorf("%s are not sorted: %q", name, list)
		}
	}
}

func TestFeaturesFollowTheProbe(t *testing.T) {
	f := Features(FeatureProbe{LastCapability: 1, Namespaces: []string{"pid"}, MemoryPolicyModes: []string{"MPOL_BIND"}, CgroupV2: true})
	if !reflect.DeepEqual(f.Linux.Capabilities, []string{"CAP_CHOWN", "CAP_DAC_OVERRIDE"}) ||
		!reflect.DeepEqual(f.Linux.Namespaces, []string{"pid"}) || f.Linux.MemoryPolicy.Modes[0] != "MPOL_BIND" ||
		*f.Linux.Cgroup.V1 || !*f.Linux.Cgroup.V2 || f.Linux.Seccomp.Actions != nil {
		t.Errorf("%s", AppendFeatures(nil, f))
	}
	if text := string(AppendFeatures(nil, Features(FeatureProbe{}))); !strings.Contains(text, `"seccomp":{"enabled":false}`) {
		t.Error(text)
	}
}
