// Command gen writes tables.go of the parent directory: the names of all
// system calls and their number on every architecture.
//
// The numbers come from golang.org/x/sys/unix, which takes them from the
// kernel's headers; those of x32 are the ones of amd64 except where the kernel's
// asm/unistd_x32.h says otherwise. Where there is no port of Go the installed
// libseccomp is asked; it takes a C compiler and its headers.
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"go/format"
	"log"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const absent = 0xffff // in a table: no such call on that architecture

func main() {
	log.SetFlags(0)
	x32 := flag.String("x32", "/usr/include/x86_64-linux-gnu/asm/unistd_x32.h", "the kernel's `header` of x32")
	out := flag.String("o", "tables.go", "the `file` to write")
	flag.Parse()

	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "golang.org/x/sys").Output()
	check(err)
	unix := filepath.Join(strings.TrimSpace(string(dir)), "unix")
	tables := map[string]map[string]uint32{}
	for _, arch := range []string{"amd64", "386", "arm64", "arm", "riscv64", "loong64",
		"ppc", "ppc64", "s390x", "mips", "mips64"} {
		tables[arch] = xsys(filepath.Join(unix, "zsysnum_linux_"+arch+".go"))
	}
	private(tables["arm"])
	tables["x32"] = x32Numbers(*x32, tables["amd64"])
	for arch, base := range map[string]uint32{"s390": 0, "mips64n32": 6000} {
		tables[arch] = asked(arch, base, tables)
	}
	// One table serves both byte orders.
	for _, pair := range [][2]string{{"ppc64", "ppc64le"}, {"mips", "mipsle"}, {"mips64", "mips64le"}} {
		if !maps.Equal(tables[pair[0]], xsys(filepath.Join(unix, "zsysnum_linux_"+pair[1]+".go"))) {
			log.Fatal(pair, " differ")
		}
	}
	check(os.WriteFile(*out, render(tables), 0o666))
}

// xsys reads one zsysnum file: lines such as SYS_READ = 0.
func xsys(path string) map[string]uint32 {
	numbers := map[string]uint32{}
	for _, line := range lines(path) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		name = strings.TrimSpace(name)
		if !ok || !strings.HasPrefix(name, "SYS_") {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 32)
		check(err)
		switch name = strings.ToLower(strings.TrimPrefix(name, "SYS_")); name {
		case "syscall_mask", "oabi_syscall_base", "arch_specific_syscall": // constants of the headers, not calls
		default:
			// Gaps have names too on mips.
			if !strings.HasPrefix(name, "unused") && !strings.HasPrefix(name, "reserved") {
				numbers[name] = uint32(n)
			}
		}
	}
	return numbers
}

// private adds arm's own calls, which its header keeps apart, and the names
// that profiles use for two others.
func private(arm map[string]uint32) {
	for i, name := range []string{"breakpoint", "cacheflush", "usr26", "usr32", "set_tls", "get_tls"} {
		arm[name] = 0xf0001 + uint32(i)
	}
	arm["sync_file_range2"] = arm["arm_sync_file_range"]
}

// x32Numbers are those that the header knows, and all later ones of amd64: calls
// since Linux 5.1 have one number everywhere.
func x32Numbers(path string, amd64 map[string]uint32) map[string]uint32 {
	numbers, last := map[string]uint32{}, uint32(0)
	for _, line := range lines(path) {
		f := strings.Fields(line)
		if len(f) < 5 || f[0] != "#define" || f[2] != "(__X32_SYSCALL_BIT" {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSuffix(f[4], ")"), 10, 32)
		check(err)
		numbers[strings.TrimPrefix(f[1], "__NR_")] = uint32(n)
		if n < 512 {
			last = max(last, uint32(n))
		}
	}
	for name, n := range amd64 {
		if n > last && name != "map_shadow_stack" { // shadow stacks: 64 bits only
			numbers[name] = n
		}
	}
	return numbers
}

// asked are the numbers that libseccomp has, and those of calls that are newer
// than it: they have one number everywhere.
func asked(arch string, base uint32, tables map[string]map[string]uint32) map[string]uint32 {
	dir, err := os.MkdirTemp("", "gen")
	check(err)
	defer os.RemoveAll(dir)
	bin := filepath.Join(dir, "oracle")
	cc := exec.Command("cc", "-o", bin, "testdata/oracle.c", "-lseccomp")
	cc.Stderr = os.Stderr
	check(cc.Run())

	names := map[string]bool{}
	for _, table := range tables {
		for name := range table {
			names[name] = true
		}
	}
	list, questions := slices.Sorted(maps.Keys(names)), ""
	for _, name := range list {
		questions += "number " + arch + " " + name + "\n"
	}
	cmd := exec.Command(bin)
	cmd.Stdin = strings.NewReader(questions)
	answers, err := cmd.Output()
	check(err)

	numbers := map[string]uint32{}
	for i, name := range list {
		const unknown = -1 // __NR_SCMP_ERROR; less: known, but on other architectures
		n := int32(binary.NativeEndian.Uint32(answers[4*i:]))
		common, ok := tables["riscv64"][name]
		switch {
		case n >= 0:
			numbers[name] = uint32(n)
		case n == unknown && ok && common >= 424 && common == tables["amd64"][name] && common == tables["s390x"][name]:
			numbers[name] = base + common
		case n <= -100 && n > -300 && arch == "s390" && name != "semtimedop":
			// To libseccomp these are parts of socketcall(2) and ipc(2);
			// they are calls too, at the numbers of s390x.
			if direct, ok := tables["s390x"][name]; ok {
				numbers[name] = direct
			}
		}
	}
	return numbers
}

func render(tables map[string]map[string]uint32) []byte {
	var names, archs []string
	for arch, table := range tables {
		archs = append(archs, arch)
		for name := range table {
			names = append(names, name)
		}
	}
	slices.Sort(archs)
	slices.Sort(names)
	names = slices.Compact(names)

	var b bytes.Buffer
	b.WriteString("// Code generated by internal/gen; DO NOT EDIT.\n\npackage seccomp\n\n")
	fmt.Fprintf(&b, "const nameCount = %d\n\n", len(names))
	b.WriteString("// names is all names, sorted, end to end.\nconst names = \"\" +\n")
	for chunk := range slices.Chunk(names, 8) {
		fmt.Fprintf(&b, "\t%q +\n", strings.Join(chunk, ""))
	}
	b.WriteString("\t\"\"\n\n// nameEnds[i] is where name i ends in names.\n")
	ends, at := make([]uint32, len(names)), 0
	for i, name := range names {
		at += len(name)
		ends[i] = uint32(at)
	}
	array(&b, "nameEnds", ends)
	for _, arch := range archs {
		numbers := make([]uint32, len(names))
		for i, name := range names {
			n, ok := tables[arch][name]
			switch {
			case !ok:
				n = absent
			case n >= 0xf0000: // arm's private calls: 16 bits would not do
				n = n - 0xf0000 + 0xf000
			}
			numbers[i] = n
		}
		array(&b, "numbers_"+arch, numbers)
	}
	text, err := format.Source(b.Bytes())
	check(err)
	return text
}

func array(b *bytes.Buffer, name string, values []uint32) {
	fmt.Fprintf(b, "var %s = [nameCount]uint16{\n", strings.Replace(name, "_", "", 1))
	for chunk := range slices.Chunk(values, 24) {
		for _, v := range chunk {
			if v == absent {
				b.WriteString("none, ")
			} else {
				fmt.Fprintf(b, "%d, ", v)
			}
		}
		b.WriteString("\n")
	}
	b.WriteString("}\n\n")
}

func lines(path string) (out []string) {
	f, err := os.Open(path)
	check(err)
	defer f.Close()
	scan := bufio.NewScanner(f)
	for scan.Scan() {
		out = append(out, scan.Text())
	}
	check(scan.Err())
	return out
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
