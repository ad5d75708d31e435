package seccomp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
)

// A call is what the kernel shows to a filter: struct seccomp_data.
type call struct {
	nr, arch uint32
	ip       uint64
	args     [6]uint64
}

func (c *call) bytes(order binary.AppendByteOrder) []byte {
	b := order.AppendUint32(nil, c.nr)
	b = order.AppendUint32(b, c.arch)
	b = order.AppendUint64(b, c.ip)
	for _, a := range c.args {
		b = order.AppendUint64(b, a)
	}
	return b
}

// run interprets a program of the little-endian kind, or of the other.
func run(prog []byte, c *call, order binary.ByteOrder) (ret uint32, steps int, err error) {
	data := c.bytes(order.(binary.AppendByteOrder))
	var acc uint32
	for pc := 0; ; pc++ {
		if pc < 0 || pc*8+8 > len(prog) {
			return 0, steps, fmt.Errorf("jump to %d of %d", pc, len(prog)/8)
		}
		steps++
		p := prog[pc*8:]
		code, jt, jf, k := order.Uint16(p), int(p[2]), int(p[3]), order.Uint32(p[4:])
		cond := func(ok bool) {
			if ok {
				pc += jt
			} else {
				pc += jf
			}
		}
		switch code {
		case 0x20: // ld [k]
			if k%4 != 0 || k+4 > uint32(len(data)) {
				return 0, steps, fmt.Errorf("%d: load from %d", pc, k)
			}
			acc = order.Uint32(data[k:])
		case 0x54: // and #k
			acc &= k
		case 0x05: // ja
			pc += int(k)
		case 0x15:
			cond(acc == k)
		case 0x25:
			cond(acc > k)
		case 0x35:
			cond(acc >= k)
		case 0x06:
			return k, steps, nil
		default:
			return 0, steps, fmt.Errorf("%d: code %#x", pc, code)
		}
	}
}

// valid checks what the kernel checks in bpf_check_classic and
// seccomp_check_filter.
func valid(prog []byte, order binary.ByteOrder) error {
	n := len(prog) / 8
	if n == 0 || n > 4096 || len(prog)%8 != 0 {
		return fmt.Errorf("%d bytes", len(prog))
	}
	for pc := range n {
		p := prog[pc*8:]
		code, jt, jf, k := order.Uint16(p), int(p[2]), int(p[3]), int(order.Uint32(p[4:]))
		switch code {
		case 0x20:
			if k%4 != 0 || k >= 64 {
				return fmt.Errorf("%d: load from %d", pc, k)
			}
		case 0x54, 0x06:
		case 0x05:
			if pc+1+k >= n {
				return fmt.Errorf("%d: jump beyond the end", pc)
			}
		case 0x15, 0x25, 0x35:
			if pc+1+jt >= n || pc+1+jf >= n {
				return fmt.Errorf("%d: jump beyond the end", pc)
			}
		default:
			return fmt.Errorf("%d: code %#x", pc, code)
		}
	}
	if order.Uint16(prog[(n-1)*8:]) != 0x06 {
		return errors.New("the last instruction does not return")
	}
	return nil
}

// eval runs a filter for a little-endian host.
func eval(t testing.TB, f *Filter, c call) uint32 {
	t.Helper()
	if err := valid(f.Prog, binary.LittleEndian); err != nil {
		t.Fatal(err)
	}
	ret, _, err := run(f.Prog, &c, binary.LittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	return ret
}
