package cgroup

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/cgroups"
	_ "github.com/opencontainers/cgroups/devices" // makes fs write devices
	devices "github.com/opencontainers/cgroups/devices/config"
	"github.com/opencontainers/cgroups/fs"
	rspec "github.com/opencontainers/runtime-spec/specs-go"
)

// The same resources through the library that runc uses and through ours
// leave the same files behind. v1 only: there it can be done next to each
// other on one machine.
func TestOracle(t *testing.T) {
	l, ok := layouts(t)["hybrid"]
	if !ok {
		t.Skip("needs a hybrid host")
	}
	for _, text := range []string{
		`{}`,
		`{"memory": {"limit": 33554432, "swap": 67108864, "reservation": 16777216, "swappiness": 10, "disableOOMKiller": true}}`,
		`{"memory": {"limit": -1, "reservation": -1}}`,
		`{"cpu": {"shares": 512, "quota": 50000, "period": 200000, "burst": 10000, "cpus": "0", "mems": "0"}}`,
		`{"cpu": {"quota": -1, "idle": 1}}`,
		`{"pids": {"limit": 0}}`,
		`{"pids": {"limit": -1}}`,
		`{"pids": {"limit": 77}}`,
		`{"devices": [{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 10, "minor": 229, "access": "rw"},
		  {"allow": true, "type": "b", "major": 8, "access": "mr"}, {"allow": false, "type": "b", "major": 8, "access": "m"}]}`,
		`{"devices": [{"allow": true, "access": "rwm"}]}`,
		`{"devices": [{"allow": true, "type": "c", "access": "rwm"}, {"allow": true, "type": "c", "major": 4, "access": "r"}]}`,
	} {
		res := &rspec.LinuxResources{}
		if err := json.Unmarshal([]byte(text), res); err != nil {
			t.Fatal(err)
		}
		ours := container(t, l, res)
		theirs := container(t, l, &rspec.LinuxResources{Devices: []rspec.LinuxDeviceCgroup{{Allow: true, Access: "rwm"}}})
		paths := map[string]string{}
		for _, d := range theirs {
			for _, c := range d.Controllers {
				paths[c] = d.Path
			}
		}
		m, err := fs.NewManager(&cgroups.Cgroup{Path: "/x", Resources: &cgroups.Resources{}}, paths)
		if err == nil {
			err = m.Set(foreign(res))
		}
		if err != nil {
			t.Fatal(text, err)
		}
		for i, d := range ours {
			for name, value := range files(t, d.Path) {
				if other := files(t, theirs[i].Path)[name]; other != value {
					t.Errorf("%s\n%s: ours %q, theirs %q", text, name, value, other)
				}
			}
		}
		// Positive control: the comparison sees a difference.
		if d, _ := find(ours, "pids"); files(t, d.Path)["pids.max"] == "" {
			t.Error("nothing compared")
		}
	}
}

// files reads the settings of a directory, without what counts or lists
// processes.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	names, err := filepath.Glob(dir + "/*")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, name := range names {
		base := filepath.Base(name)
		if strings.Contains(base, "stat") || strings.Contains(base, "usage") || strings.Contains(base, "pressure") {
			continue
		}
		if text, err := os.ReadFile(name); err == nil {
			if base == "devices.list" { // in the order of writing, which means nothing
				lines := map[string]bool{}
				for line := range strings.Lines(string(text)) {
					lines[line] = true
				}
				text = []byte(strings.Join(sorted(lines), ""))
			}
			out[base] = string(text)
		}
	}
	return out
}

// foreign is the conversion that runc makes.
func foreign(r *rspec.LinuxResources) *cgroups.Resources {
	out := &cgroups.Resources{}
	if m := r.Memory; m != nil {
		out.Memory, out.MemorySwap, out.MemoryReservation = get(m.Limit), get(m.Swap), get(m.Reservation)
		out.MemorySwappiness, out.OomKillDisable = m.Swappiness, get(m.DisableOOMKiller)
	}
	if c := r.CPU; c != nil {
		out.CpuShares, out.CpuQuota, out.CpuPeriod, out.CpuBurst = get(c.Shares), get(c.Quota), get(c.Period), c.Burst
		out.CpusetCpus, out.CpusetMems, out.CPUIdle = c.Cpus, c.Mems, c.Idle
	}
	if r.Pids != nil {
		out.PidsLimit = r.Pids.Limit
	}
	rule := func(allow bool, typ string, major, minor *int64, access string) {
		if typ == "" {
			typ = "a"
		}
		d := &devices.Rule{Type: devices.Type(typ[0]), Major: -1, Minor: -1, Permissions: devices.Permissions(access), Allow: allow}
		if major != nil {
			d.Major = *major
		}
		if minor != nil {
			d.Minor = *minor
		}
		out.Devices = append(out.Devices, d)
	}
	for _, d := range r.Devices {
		rule(d.Allow, d.Type, d.Major, d.Minor, d.Access)
	}
	for _, d := range defaultDevices() {
		access := strings.Fields(d.rule.String())[2]
		rule(true, string(d.rule.Type), &d.rule.Major, &d.rule.Minor, access)
	}
	return out
}
