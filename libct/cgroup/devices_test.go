package cgroup

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"unsafe"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
)

func rules(t *testing.T, text string, opts Options) DeviceRules {
	t.Helper()
	res := &rspec.LinuxResources{}
	if err := json.Unmarshal([]byte(`{"devices":`+text+`}`), res); err != nil {
		t.Fatal(err)
	}
	set, err := Devices(res, opts)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestDevicesV1(t *testing.T) {
	got, err := settled(t, v1Layout(), `{"devices": [{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 10, "minor": 229, "access": "rw"},
	  {"allow": true, "type": "b", "major": 8, "access": "mr"}]}`, Options{Devices: []rspec.LinuxDevice{{Path: "/dev/full"}}})
	want := `devices.deny = a
devices.allow = c 10:229 rw
devices.allow = b 8:* rm
devices.allow = c *:* m
devices.allow = b *:* m
devices.allow = c 1:3 rwm
devices.allow = c 1:8 rwm
devices.allow = c 5:0 rwm
devices.allow = c 1:5 rwm
devices.allow = c 1:9 rwm
devices.allow = c 136:* rwm
devices.allow = c 5:2 rwm
devices.allow = c 10:200 rwm
`
	got = strings.ReplaceAll(strings.ReplaceAll(got, "/c/devices/x/", ""), "  /devices", "")
	if err != nil || got != want {
		t.Errorf("%v\n%s", err, got)
	}
	got, _ = settled(t, v1Layout(), `{"devices": [{"allow": true, "access": "rwm"}, {"allow": false, "type": "c", "major": 10, "minor": 229, "access": "w"}]}`, Options{})
	if got != "/c/devices/x/devices.allow = a  /devices\n/c/devices/x/devices.deny = c 10:229 w  /devices\n" {
		t.Error(got)
	}
}

// run interprets a program as the kernel would; ok is false for anything
// that its verifier would refuse.
func run(program []byte, typ, access, major, minor uint32) (allow, ok bool) {
	ins := unsafe.Slice((*insn)(unsafe.Pointer(&program[0])), len(program)/8)
	var reg [11]uint32
	ctx := [3]uint32{access<<16 | typ, major, minor}
	for pc := 0; pc >= 0 && pc < len(ins); pc++ {
		i := ins[pc]
		dst, src := i.regs&15, i.regs>>4
		jump := false
		switch i.op {
		case opLoadWord:
			if src != 1 || i.off%4 != 0 || i.off > 8 {
				return false, false
			}
			reg[dst] = ctx[i.off/4]
		case opAndImm:
			reg[dst] &= uint32(i.imm)
		case opShiftImm:
			reg[dst] >>= uint32(i.imm)
		case opMovReg:
			reg[dst] = reg[src]
		case opMovImm:
			reg[dst] = uint32(i.imm)
		case opJumpNeImm:
			jump = reg[dst] != uint32(i.imm)
		case opJumpNeReg:
			jump = reg[dst] != reg[src]
		case opJumpEqImm:
			jump = reg[dst] == uint32(i.imm)
		case opExit:
			return reg[0] == 1, true
		default:
			return false, false
		}
		if jump {
			if i.off < 0 {
				return false, false
			}
			pc += int(i.off)
		}
	}
	return false, false
}

func TestDeviceProgram(t *testing.T) {
	const c, b = devChar, devBlock
	allowList := rules(t, `[{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 10, "minor": 229, "access": "r"},
		{"allow": true, "type": "c", "major": 10, "minor": 229, "access": "w"}, {"allow": true, "type": "b", "major": 4294967295, "access": "r"}]`, Options{})
	denyList := rules(t, `[{"allow": true, "access": "rwm"}, {"allow": false, "type": "b", "major": 8, "minor": 0, "access": "w"}]`, Options{})
	for _, q := range []struct {
		set                       DeviceRules
		typ, access, major, minor uint32
		want                      bool
	}{
		{allowList, c, accRead | accWrite, 1, 3, true},
		{allowList, c, accRead | accWrite, 10, 229, true}, // two rules for one device are one
		{allowList, c, accMknod, 10, 229, true},           // of the defaults
		{allowList, c, accMknod | accRead, 10, 230, false},
		{allowList, b, accMknod, 99, 99, true},
		{allowList, b, accRead, 8, 0, false},
		{allowList, b, accRead, 4294967295, 7, true},
		{allowList, b, accRead | accWrite, 4294967295, 7, false},
		{allowList, c, accRead, 136, 1000, true},
		{allowList, c, accRead, 1, 1, false}, // /dev/mem
		{denyList, b, accRead, 8, 0, true},
		{denyList, b, accWrite, 8, 0, false},
		{denyList, b, accRead | accWrite, 8, 0, false}, // any denied part denies
		{denyList, b, accWrite, 8, 1, true},
		{denyList, c, accWrite, 8, 0, true},
		{DeviceRules{}, c, accRead, 1, 3, false},
		{DeviceRules{Allow: true}, c, accRead, 1, 1, true},
	} {
		if got, ok := run(q.set.Program(), q.typ, q.access, q.major, q.minor); !ok || got != q.want {
			t.Errorf("type %d access %d %d:%d: %v %v", q.typ, q.access, q.major, q.minor, got, ok)
		}
	}
	for _, empty := range []string{`null`, `[]`} {
		if set := rules(t, empty, Options{}); set.Allow || len(set.Rules) != 11 {
			t.Errorf("%s: %+v", empty, set)
		}
	}
}

// Whatever list is accepted, the program says for every device and kind of
// access what going through the list by hand says.
func TestDeviceOrder(t *testing.T) {
	accepted := 0
	for seed := range uint64(5000) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		number := func() *int64 {
			n := rnd.Int64N(3) + 99
			if n == 99 {
				return nil
			}
			return &n
		}
		var list []rspec.LinuxDeviceCgroup
		for range rnd.IntN(6) {
			d := rspec.LinuxDeviceCgroup{Allow: rnd.IntN(2) == 0, Type: []string{"", "b", "c", "c", "c"}[rnd.IntN(5)], Access: []string{"r", "w", "rw", "rwm"}[rnd.IntN(4)]}
			if d.Type != "" {
				d.Major, d.Minor = number(), number()
			}
			list = append(list, d)
		}
		set, err := Devices(&rspec.LinuxResources{Devices: list}, Options{})
		if err != nil {
			continue
		}
		accepted++
		program := set.Program()
		for _, typ := range []uint32{devBlock, devChar} {
			for major := int64(100); major < 102; major++ {
				for minor := int64(100); minor < 102; minor++ {
					for bit, letter := range map[uint32]string{accRead: "r", accWrite: "w"} {
						want := false
						for _, d := range list {
							switch {
							case d.Type == "":
								want = d.Allow
							case (d.Type == "b") == (typ == devBlock) && (d.Major == nil || *d.Major == major) && (d.Minor == nil || *d.Minor == minor) && strings.Contains(d.Access, letter):
								want = d.Allow
							}
						}
						if got, ok := run(program, typ, bit, uint32(major), uint32(minor)); !ok || got != want {
							t.Fatalf("seed %d, type %d %d:%d %s: %v, want %v\n%+v", seed, typ, major, minor, letter, got, want, set)
						}
					}
				}
			}
		}
	}
	if accepted < 1000 {
		t.Error("only ", accepted, " lists were accepted")
	}
}
