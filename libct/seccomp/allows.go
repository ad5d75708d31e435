package seccomp

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Allows tells what a filter says to one call of this machine's own kind: true
// if it lets it through. The runtime asks that of the calls it still has to
// make when a filter is on already. Units: nr and args as seccomp_data has
// them (seccomp(2)).
func Allows(prog []byte, arch uint32, nr uint32, args [6]uint64) bool {
	var data [64]byte
	binary.NativeEndian.PutUint32(data[0:], nr)
	binary.NativeEndian.PutUint32(data[4:], arch)
	for i, a := range args {
		binary.NativeEndian.PutUint64(data[16+8*i:], a)
	}
	var acc uint32
	for pc := 0; pc*8+8 <= len(prog); pc++ {
		p := prog[pc*8:]
		k := binary.NativeEndian.Uint32(p[4:])
		yes := false
		switch binary.NativeEndian.Uint16(p) {
		case opLoad:
			if k > uint32(len(data)-4) {
				return false
			}
			acc = binary.NativeEndian.Uint32(data[k:])
			continue
		case opAnd:
			acc &= k
			continue
		case opRet:
			action := k & unix.SECCOMP_RET_ACTION_FULL
			return action == unix.SECCOMP_RET_ALLOW || action == unix.SECCOMP_RET_LOG
		case opJA:
			pc += int(k)
			continue
		case opJEQ:
			yes = acc == k
		case opJGT:
			yes = acc > k
		case opJGE:
			yes = acc >= k
		case unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K:
			yes = acc&k != 0
		default:
			return false // not ours
		}
		if yes {
			pc += int(p[2])
		} else {
			pc += int(p[3])
		}
	}
	return false
}
