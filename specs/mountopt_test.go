package specs

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func TestMountOptionsOfTheSpecAreKnown(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(upstream(t), "config.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^ `([a-z]+) *` +\\| (MUST|SHOULD|MAY)").FindAllSubmatch(text, -1)
	if len(rows) < 60 {
		t.Fatal("only", len(rows), "options found in config.md")
	}
	known := KnownMountOptions()
	if !slices.IsSorted(known) {
		t.Fatal("the table is not sorted")
	}
	for _, row := range rows {
		if !slices.Contains(known, string(row[1])) {
			t.Errorf("%s is missing", row[1])
		}
	}
}

func TestParseMountOptions(t *testing.T) {
	const atime = unix.MOUNT_ATTR__ATIME
	for _, tt := range []struct {
		opts string
		want MountOptions
	}{
		{"", MountOptions{}},
		{"defaults", MountOptions{}},
		{"ro", MountOptions{Flags: unix.MOUNT_ATTR_RDONLY, SBFlags: []string{"ro"}, SBReadonly: true}},
		{"rw", MountOptions{Clear: unix.MOUNT_ATTR_RDONLY, SBFlags: []string{"rw"}}},
		{"ro,rw", MountOptions{Clear: unix.MOUNT_ATTR_RDONLY, SBFlags: []string{"rw"}}},
		{"rw,ro", MountOptions{Flags: unix.MOUNT_ATTR_RDONLY, SBFlags: []string{"ro"}, SBReadonly: true}},
		{"nosuid,nodev,noexec", MountOptions{Flags: unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC}},
		{"nosuid,suid,dev,exec,symfollow,diratime", MountOptions{Clear: unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV |
			unix.MOUNT_ATTR_NOEXEC | unix.MOUNT_ATTR_NOSYMFOLLOW | unix.MOUNT_ATTR_NODIRATIME}},
		{"noatime", MountOptions{Flags: unix.MOUNT_ATTR_NOATIME, Clear: atime}},
		{"noatime,strictatime", MountOptions{Flags: unix.MOUNT_ATTR_STRICTATIME, Clear: atime}},
		{"noatime,relatime", MountOptions{Clear: atime}},
		{"noatime,atime", MountOptions{Clear: atime}},
		{"atime", MountOptions{Clear: atime}},
		{"strictatime,atime", MountOptions{Flags: unix.MOUNT_ATTR_STRICTATIME, Clear: atime}},
		{"strictatime,nostrictatime", MountOptions{Clear: atime}},
		{"noatime,norelatime", MountOptions{Flags: unix.MOUNT_ATTR_NOATIME, Clear: atime}},
		{"relatime,norelatime", MountOptions{}},
		{"norelatime", MountOptions{}},
		{"noatime,nodiratime", MountOptions{Flags: unix.MOUNT_ATTR_NOATIME | unix.MOUNT_ATTR_NODIRATIME, Clear: atime}},
		{"rnoatime,rro", MountOptions{RecFlags: unix.MOUNT_ATTR_NOATIME | unix.MOUNT_ATTR_RDONLY, RecClear: atime}},
		{"rro,rrw,rdev", MountOptions{RecClear: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NODEV}},
		{"ratime", MountOptions{RecClear: atime}},
		{"bind", MountOptions{Bind: true}},
		{"rbind,bind", MountOptions{Bind: true, Rec: true}},
		{"slave,rshared", MountOptions{Propagation: []Propagation{{unix.MS_SLAVE, false}, {unix.MS_SHARED, true}}}},
		{"sync,async,lazytime,dirsync", MountOptions{SBFlags: []string{"async", "lazytime", "dirsync"}}},
		{"lazytime,nolazytime,mand,nomand,mand", MountOptions{SBFlags: []string{"nolazytime", "mand"}}},
		{"idmap,ridmap", MountOptions{RIDMap: true}},
		{"silent,loud,iversion,noacl", MountOptions{IVersion: true, NoACL: true}},
		{"tmpcopyup,copy-symlink,src-nofollow,dest-nofollow,remount", MountOptions{TmpCopyUp: true, CopySymlink: true,
			SrcNofollow: true, DestNofollow: true, Remount: true}},
		{"size=65536k,,mode=755,RO", MountOptions{Data: []string{"size=65536k", "mode=755", "RO"}}},
	} {
		got, err := ParseMountOptions(strings.Split(tt.opts, ","))
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s:\n got %+v %v\nwant %+v", tt.opts, got, err, tt.want)
		}
	}
	_, err := ParseMountOptions([]string{"ro", "a\x00b"})
	if e, ok := err.(*Error); !ok || e.Field != "/1" {
		t.Errorf("NUL: %v", err)
	}
}

// FuzzMountOptions looks for what mount_setattr(2) would refuse.
func FuzzMountOptions(f *testing.F) {
	f.Add("ro,noatime,rnoatime")
	f.Add(strings.Join(KnownMountOptions(), ","))
	f.Fuzz(func(t *testing.T, text string) {
		opts := strings.Split(text, ",")
		m, err := ParseMountOptions(opts)
		if err != nil {
			if !strings.Contains(text, "\x00") {
				t.Fatal(err)
			}
			return
		}
		for _, pair := range [][2]uint64{{m.Flags, m.Clear}, {m.RecFlags, m.RecClear}} {
			const atime = unix.MOUNT_ATTR__ATIME
			if pair[0]&pair[1]&^atime != 0 {
				t.Errorf("an attribute is both set and cleared: %+v", pair)
			}
			if pair[0]&atime != 0 && pair[1]&atime != atime || pair[1]&atime != 0 && pair[1]&atime != atime {
				t.Errorf("access time mode without its mask: %+v", pair)
			}
		}
		if IsBind(&rspec.Mount{Options: opts}) != m.Bind {
			t.Error("IsBind and Bind differ")
		}
		for _, s := range m.Data {
			if slices.Contains(KnownMountOptions(), s) {
				t.Errorf("%s went to the filesystem", s)
			}
		}
	})
}
