package cgroup

// devices.go: linux.resources.devices as one settled set of rules, and as
// writes for the v1 devices controller. Pure. device_bpf.go makes the same
// set a program for v2.

import (
	"strconv"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
)

// The access bits, with the values of BPF_DEVCG_ACC_*.
const (
	accMknod = 1
	accRead  = 2
	accWrite = 4
)

// DeviceRule is an exception from DeviceRules.Allow.
type DeviceRule struct {
	Type         byte  // 'b' or 'c'
	Major, Minor int64 // -1: any
	Access       uint8 // accMknod, accRead, accWrite
}

// DeviceRules is what the ordered list of the configuration amounts to: a
// default, and exceptions from it in no particular order.
type DeviceRules struct {
	Allow bool // what happens to a device that no exception names
	Rules []DeviceRule
}

// Devices settles the configured rules and the defaults that every container
// gets. The meaning is that of the v1 controller (kernel, admin-guide/
// cgroup-v1/devices): access is granted by one exception as a whole, and a
// rule for all devices forgets everything before it. It starts from "nothing
// is allowed", whatever the list says first.
func Devices(res *rspec.LinuxResources, opts Options) (DeviceRules, error) {
	s := &settings{opts: opts}
	var list []rspec.LinuxDeviceCgroup
	if res != nil {
		list = res.Devices
	}
	rules := s.deviceRules(list)
	return rules, s.err
}

func (s *settings) deviceRules(list []rspec.LinuxDeviceCgroup) DeviceRules {
	var set DeviceRules
	for i, d := range list {
		field := "/devices/" + strconv.Itoa(i)
		access, ok := accessBits(d.Access)
		if !ok {
			s.invalid(field+"/access", "is made of the letters r, w and m")
			return set
		}
		r := DeviceRule{Major: -1, Minor: -1, Access: access}
		if d.Major != nil {
			r.Major = *d.Major
		}
		if d.Minor != nil {
			r.Minor = *d.Minor
		}
		if r.Major < -1 || r.Minor < -1 || r.Major >= 1<<32 || r.Minor >= 1<<32 {
			s.invalid(field, "has a device number that does not exist")
			return set
		}
		switch d.Type {
		case "", "a":
			// The kernel reads no further than the letter; a rule that
			// says more would mean less than it says.
			if r.Major != -1 || r.Minor != -1 {
				s.invalid(field+"/type", "\"a\" is every device, and cannot have a major or minor number")
				return set
			}
			set = DeviceRules{Allow: d.Allow}
			continue
		case "b", "c":
			r.Type = d.Type[0]
		case "u":
			r.Type = 'c' // the unbuffered character device of mknod(1)
		default:
			s.invalid(field+"/type", "is a, b or c")
			return set
		}
		if d.Allow != set.Allow {
			set.add(r)
		} else if !set.remove(r) {
			s.invalid(field, "takes a part out of a rule for more devices, which cgroups cannot do")
			return set
		}
	}
	for _, def := range defaultDevices() {
		if def.path != "" && s.described(def.path) {
			continue
		}
		if !set.Allow {
			set.add(def.rule)
		} else if !set.remove(def.rule) {
			s.invalid("/devices", "denies a device that every container has")
			return set
		}
	}
	return set
}

// described tells whether linux.devices has its own entry for a default one.
func (s *settings) described(path string) bool {
	for _, d := range s.opts.Devices {
		if d.Path == path {
			return true
		}
	}
	return false
}

func (set *DeviceRules) add(r DeviceRule) {
	for i := range set.Rules {
		if o := &set.Rules[i]; o.Type == r.Type && o.Major == r.Major && o.Minor == r.Minor {
			o.Access |= r.Access
			return
		}
	}
	set.Rules = append(set.Rules, r)
}

// remove takes access back from every exception that r covers. It fails for a
// hole in a wider exception, which the v1 kernel ignores in silence; so it
// does a rule that covers narrower exceptions, but that can be spelled out.
func (set *DeviceRules) remove(r DeviceRule) bool {
	keep := set.Rules[:0]
	for _, o := range set.Rules {
		if o.Type == r.Type && o.Access&r.Access != 0 {
			switch {
			case covers(r, o):
				o.Access &^= r.Access
			case overlaps(o, r):
				return false
			}
		}
		if o.Access != 0 {
			keep = append(keep, o)
		}
	}
	set.Rules = keep
	return true
}

func covers(wide, r DeviceRule) bool {
	return (wide.Major == -1 || wide.Major == r.Major) && (wide.Minor == -1 || wide.Minor == r.Minor)
}

func overlaps(a, b DeviceRule) bool {
	return (a.Major == -1 || b.Major == -1 || a.Major == b.Major) && (a.Minor == -1 || b.Minor == -1 || a.Minor == b.Minor)
}

func accessBits(access string) (bits uint8, ok bool) {
	for i := range len(access) {
		switch access[i] {
		case 'r':
			bits |= accRead
		case 'w':
			bits |= accWrite
		case 'm':
			bits |= accMknod
		default:
			return 0, false
		}
	}
	return bits, bits != 0
}

// String is the line for devices.allow and devices.deny.
func (r DeviceRule) String() string {
	b := append(make([]byte, 0, 24), r.Type, ' ')
	for i, n := range [2]int64{r.Major, r.Minor} {
		if n < 0 {
			b = append(b, '*')
		} else {
			b = strconv.AppendInt(b, n, 10)
		}
		b = append(b, ": "[i])
	}
	for i, bit := range [3]uint8{accRead, accWrite, accMknod} {
		if r.Access&bit != 0 {
			b = append(b, "rwm"[i])
		}
	}
	return string(b)
}

type defaultDevice struct {
	path string // of the device file that containers always get, or ""
	rule DeviceRule
}

// defaultDevices is what every runtime allows beyond the configuration:
// making any device file (without access to the device), the files of the
// specification's "Default Devices", terminals, and /dev/net/tun, which VPNs
// in containers have come to rely on.
func defaultDevices() [11]defaultDevice {
	const rwm = accRead | accWrite | accMknod
	return [11]defaultDevice{
		{"", DeviceRule{'c', -1, -1, accMknod}},
		{"", DeviceRule{'b', -1, -1, accMknod}},
		{"/dev/null", DeviceRule{'c', 1, 3, rwm}},
		{"/dev/random", DeviceRule{'c', 1, 8, rwm}},
		{"/dev/full", DeviceRule{'c', 1, 7, rwm}},
		{"/dev/tty", DeviceRule{'c', 5, 0, rwm}},
		{"/dev/zero", DeviceRule{'c', 1, 5, rwm}},
		{"/dev/urandom", DeviceRule{'c', 1, 9, rwm}},
		{"", DeviceRule{'c', 136, -1, rwm}}, // /dev/pts/*
		{"", DeviceRule{'c', 5, 2, rwm}},    // /dev/ptmx
		{"", DeviceRule{'c', 10, 200, rwm}}, // /dev/net/tun
	}
}

// devices writes the rules for v1. The cgroup starts as a copy of its parent,
// so the first write clears it.
func (s *settings) devices(list []rspec.LinuxDeviceCgroup) {
	if s.err != nil || s.opts.SkipDevices {
		return
	}
	d, ok := find(s.dirs, "devices")
	if !ok {
		if _, v2 := findV2(s.dirs); !v2 {
			// Not an optional limit: without it a container reaches
			// every disk.
			s.unsupported("/devices", "this host ("+s.l.Mode.String()+") has no cgroup controller devices")
		}
		return
	}
	set := s.deviceRules(list)
	if s.err != nil {
		return
	}
	clear, except := "devices.deny", "devices.allow"
	why := "no device, but"
	if set.Allow {
		clear, except = except, clear
		why = "every device, but"
	}
	s.put(d, clear, "a", "/devices", why)
	for _, r := range set.Rules {
		s.put(d, except, r.String(), "/devices", "exception")
	}
}

// DevicesByProgram tells whether the device rules of dirs are a BPF program
// (SetDevices) because no v1 devices controller is there.
func DevicesByProgram(dirs []Dir) bool {
	_, v1 := find(dirs, "devices")
	_, v2 := findV2(dirs)
	return !v1 && v2
}
