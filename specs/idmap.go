package specs

import (
	"strconv"
	"strings"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
)

// maxIDMappings is the most lines that /proc/PID/uid_map takes since Linux
// 4.15, see user_namespaces(7).
const maxIDMappings = 340

// noID is the id that stands for "none" in the kernel: chown(2) leaves alone
// what it is given for, and no namespace can map it. To ask for it is a slip
// (or an attack that hopes for a cast to a signed number), never a wish.
const noID = ^uint32(0)

// CheckIDMappings holds mappings to the rules of the kernel for uid_map
// (user_namespaces(7)), so that the error can say which entry it is.
func CheckIDMappings(mappings []rspec.LinuxIDMapping, field string) error {
	if len(mappings) > maxIDMappings {
		return invalid(field, strconv.Itoa(len(mappings))+" entries; the kernel takes "+strconv.Itoa(maxIDMappings), "")
	}
	for i, m := range mappings {
		place := at(field, i)
		if m.Size == 0 {
			return invalid(sub(place, "size"), "a mapping must hold at least one id", "")
		}
		if m.ContainerID > noID-m.Size {
			return invalid(sub(place, "containerID"), "ids from "+decimal(m.ContainerID)+" on, "+decimal(m.Size)+" of them, go past 4294967294", "")
		}
		if m.HostID > noID-m.Size {
			return invalid(sub(place, "hostID"), "ids from "+decimal(m.HostID)+" on, "+decimal(m.Size)+" of them, go past 4294967294", "")
		}
		for j, earlier := range mappings[:i] {
			if overlap(m.ContainerID, m.Size, earlier.ContainerID, earlier.Size) {
				return invalid(sub(place, "containerID"), "container ids overlap with those of "+at(field, j), "")
			}
			if overlap(m.HostID, m.Size, earlier.HostID, earlier.Size) {
				return invalid(sub(place, "hostID"), "host ids overlap with those of "+at(field, j), "")
			}
		}
	}
	return nil
}

// overlap compares ranges that are known not to go past the end.
func overlap(start, size, otherStart, otherSize uint32) bool {
	return start < otherStart+otherSize && otherStart < start+size
}

// AppendIDMappings appends the text for /proc/PID/uid_map or gid_map.
func AppendIDMappings(b []byte, mappings []rspec.LinuxIDMapping) []byte {
	for _, m := range mappings {
		b = strconv.AppendUint(b, uint64(m.ContainerID), 10)
		b = strconv.AppendUint(append(b, ' '), uint64(m.HostID), 10)
		b = strconv.AppendUint(append(b, ' '), uint64(m.Size), 10)
		b = append(b, '\n')
	}
	return b
}

// HostID finds what a container id is on the host. It expects mappings that
// passed CheckIDMappings.
func HostID(mappings []rspec.LinuxIDMapping, containerID uint32) (hostID uint32, ok bool) {
	for _, m := range mappings {
		if containerID >= m.ContainerID && containerID-m.ContainerID < m.Size {
			return m.HostID + (containerID - m.ContainerID), true
		}
	}
	return 0, false
}

// ContainerID finds what a host id is in the container.
func ContainerID(mappings []rspec.LinuxIDMapping, hostID uint32) (containerID uint32, ok bool) {
	for _, m := range mappings {
		if hostID >= m.HostID && hostID-m.HostID < m.Size {
			return m.ContainerID + (hostID - m.HostID), true
		}
	}
	return 0, false
}

// ParseIDMapping reads CONTAINER:HOST:SIZE, or the same three numbers with
// blanks between them as in /proc/PID/uid_map.
func ParseIDMapping(s string) (rspec.LinuxIDMapping, error) {
	fields := strings.Fields(s)
	if strings.Contains(s, ":") {
		fields = strings.Split(s, ":")
	}
	bad := func(problem string) (rspec.LinuxIDMapping, error) {
		return rspec.LinuxIDMapping{}, invalid("", "id mapping "+strconv.Quote(s)+": "+problem, "write CONTAINER:HOST:SIZE")
	}
	if len(fields) != 3 {
		return bad("expected three numbers, found " + strconv.Itoa(len(fields)))
	}
	var n [3]uint32
	for i, text := range fields {
		// ParseUint takes neither sign nor blank, and with base 10 no 0x or _.
		v, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return bad(strconv.Quote(text) + " is not a number from 0 to 4294967295")
		}
		n[i] = uint32(v)
	}
	m := rspec.LinuxIDMapping{ContainerID: n[0], HostID: n[1], Size: n[2]}
	if err := CheckIDMappings([]rspec.LinuxIDMapping{m}, ""); err != nil {
		return bad(err.(*Error).Problem)
	}
	return m, nil
}

// ParseIDMappings reads the text of /proc/PID/uid_map or gid_map.
func ParseIDMappings(text string) ([]rspec.LinuxIDMapping, error) {
	var out []rspec.LinuxIDMapping
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		m, err := ParseIDMapping(line)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, CheckIDMappings(out, "")
}

func decimal(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
