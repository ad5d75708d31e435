// Package oracle compares what containers see under different runtimes.
package oracle

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"stave/tests/kit"
)

// facts are what the probe printed and what the host saw, flattened: the path
// of a value to its text.
type facts map[string]string

// parse flattens the probe's report and takes out what differs by nature.
func parse(report string, rename *strings.Replacer) (facts, error) {
	var tree map[string]any
	if err := json.Unmarshal([]byte(report), &tree); err != nil {
		return nil, fmt.Errorf("the probe's report: %w: %.200q", err, report)
	}
	if lines, ok := tree["mountinfo"].([]any); ok {
		tree["mountinfo"] = mountFacts(lines)
	}
	if spaces, ok := tree["ns"].(map[string]any); ok {
		for kind, inode := range spaces {
			host, _ := os.Readlink("/proc/self/ns/" + kind)
			spaces[kind] = map[bool]string{true: "host", false: "other"}[inode == host]
		}
	}
	// Without a pid namespace of its own the number is the kernel's choice.
	if pid, ok := tree["pid"].(float64); ok && pid != 1 {
		tree["pid"] = "not 1"
		if status, ok := tree["status"].(map[string]any); ok {
			status["NSpid"] = numbers.ReplaceAllString(fmt.Sprint(status["NSpid"]), "N")
		}
	}
	// A fresh file, pipe and keyring number each time.
	f := facts{}
	flatten(f, "", tree)
	for key, value := range f {
		value = rename.Replace(value)
		switch {
		case strings.HasPrefix(key, "fds."):
			value = numbers.ReplaceAllString(value, "N")
			if strings.Contains(value, "/stave-test-") {
				value = "a file of the test"
			}
		case key == "keyring":
			value = numbers.ReplaceAllString(value, "N")
		case strings.HasPrefix(key, "dev./dev/pts") || key == "dev./dev/console":
			value = strings.TrimSpace(value)
		}
		f[key] = value
	}
	return f, nil
}

var numbers = regexp.MustCompile(`[0-9]+`)

func flatten(f facts, path string, v any) {
	join := func(key string) string {
		if path == "" {
			return key
		}
		return path + "." + key
	}
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			flatten(f, join(key), value)
		}
	case []any:
		f[join("count")] = strconv.Itoa(len(v))
		for i, value := range v {
			flatten(f, join(strconv.Itoa(i)), value)
		}
	case float64:
		f[path] = strconv.FormatFloat(v, 'f', -1, 64)
	default:
		f[path] = fmt.Sprint(v)
	}
}

// mountFacts keys each mount by its place, "/proc" or "/proc#2" when stacked,
// and drops ids, device numbers and the numbers of peer groups.
func mountFacts(lines []any) map[string]any {
	out := map[string]any{}
	for _, line := range lines {
		left, right, _ := strings.Cut(line.(string), " - ")
		l, r := strings.Fields(left), strings.Fields(right)
		if len(l) < 6 || len(r) < 3 {
			continue
		}
		var tags []string
		for _, tag := range l[6:] {
			name, _, _ := strings.Cut(tag, ":")
			tags = append(tags, name)
		}
		super := strings.Split(r[2], ",")
		sort.Strings(super)
		place := l[4]
		for n := 2; out[place] != nil; n++ {
			place = fmt.Sprintf("%s#%d", l[4], n)
		}
		out[place] = map[string]any{
			"root": l[3], "type": r[0], "source": r[1], "options": l[5],
			"propagation": strings.Join(tags, ","), "super": strings.Join(super, ","),
		}
	}
	return out
}

// cgroupFiles are read on the host while the container is in "created".
var cgroupFiles = []string{
	"memory.limit_in_bytes", "memory.soft_limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.swappiness",
	"memory.oom_control", "memory.kmem.tcp.limit_in_bytes", "memory.use_hierarchy",
	"cpu.shares", "cpu.cfs_quota_us", "cpu.cfs_period_us", "cpu.cfs_burst_us", "cpu.rt_runtime_us", "cpu.rt_period_us", "cpu.idle",
	"cpuset.cpus", "cpuset.mems", "cpuset.cpu_exclusive", "pids.max", "devices.list", "freezer.state",
	"blkio.weight", "blkio.bfq.weight", "blkio.throttle.read_bps_device", "blkio.throttle.write_bps_device",
	"blkio.throttle.read_iops_device", "blkio.throttle.write_iops_device",
}

// hostFacts reads the cgroups and the few things of a process only the host sees.
func hostFacts(f facts, pid int, rename *strings.Replacer) {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		parts := strings.SplitN(line, ":", 3)
		if len(parts) != 3 {
			continue
		}
		name := strings.TrimPrefix(parts[1], "name=")
		if name == "" {
			name = "unified"
		}
		f["host.cgroup."+name] = rename.Replace(parts[2])
		for _, file := range cgroupFiles {
			value, err := os.ReadFile(filepath.Join("/sys/fs/cgroup", name, parts[2], file))
			if err != nil {
				continue
			}
			text := strings.TrimSpace(string(value))
			if file == "devices.list" {
				rules := strings.Split(text, "\n")
				sort.Strings(rules)
				text = strings.Join(rules, "\n")
			}
			f["host."+file] = text
		}
	}
	for _, kind := range kit.NamespaceKinds {
		in, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, kind))
		host, _ := os.Readlink("/proc/self/ns/" + kind)
		f["host.ns."+kind] = map[bool]string{true: "host", false: "other"}[in == host]
	}
	for _, file := range []string{"oom_score_adj", "uid_map", "gid_map", "setgroups", "timens_offsets"} {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
		f["host."+file] = strings.Join(strings.Fields(string(text)), " ")
	}
}

// A difference is one field that two runtimes do not agree on.
type difference struct{ field, want, got string }

func compare(want, got facts) []difference {
	if want["create"] != got["create"] { // the rest would be noise
		return []difference{{"create", want["create"], got["create"]}}
	}
	keys := map[string]bool{}
	for k := range want {
		keys[k] = true
	}
	for k := range got {
		keys[k] = true
	}
	var all []difference
	for k := range keys {
		w, inWant := want[k]
		g, inGot := got[k]
		if !inWant {
			w = "(absent)"
		}
		if !inGot {
			g = "(absent)"
		}
		if w != g {
			all = append(all, difference{k, w, g})
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].field < all[j].field })
	return all
}
