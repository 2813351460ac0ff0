// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const sockets = `sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode
000000005f56fb59 0   3674341594 00000440 0        0        0     2        0        1423
00000000dca1f4ab 15  0          00000000 0        0        0     2        0        6
000000002d38929d 16  3046406466 00000000 0        0        0     2        0        1506
00000000d8a16037 16  3404274839 00000000 0        0        0     2        0        1473
00000000a588a620 16  0          00000000 0        0        0     2        0        4
`

func TestParseSockets(t *testing.T) {
	got, err := parseSockets(sockets)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[uint32]uint64{3046406466: 1506, 3404274839: 1473}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for _, bad := range []string{"heads\n1 16 2\n", "heads\n1 16 -5 0 0 0 0 0 0 7\n", "heads\n1 16 5 0 0 0 0 0 0 x\n"} {
		if _, err := parseSockets(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func FuzzParseSockets(f *testing.F) {
	f.Add(sockets)
	f.Add("\n\n16")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseSockets(text)
		if _, zero := got[0]; zero || err == nil && got == nil {
			t.Errorf("%v, %v", got, err)
		}
	})
}

func TestSocketInode(t *testing.T) {
	for link, want := range map[string]uint64{"socket:[1506]": 1506, "socket:[": 0, "pipe:[5]": 0, "socket:[x]": 0, "/dev/null": 0} {
		if got, ok := socketInode(link); got != want || ok != (want != 0) {
			t.Errorf("%s: %d, %t", link, got, ok)
		}
	}
}

// system makes a procfs with processes and the sockets they have open.
func system(t *testing.T, processes map[string][]uint64) string {
	t.Helper()
	proc := t.TempDir()
	write := func(text string, path ...string) {
		name := filepath.Join(append([]string{proc}, path...)...)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(sockets, "thread-self", "net", "netlink")
	write("ns1", "thread-self", "ns", "net")
	pid := 100
	for name, inodes := range processes {
		dir := fmt.Sprint(pid)
		pid++
		write(name+"\n", dir, "comm")
		if err := os.MkdirAll(filepath.Join(proc, dir, "fd"), 0o700); err != nil {
			t.Fatal(err)
		}
		for i, n := range inodes {
			if err := os.Symlink(fmt.Sprintf("socket:[%d]", n), filepath.Join(proc, dir, "fd", fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
		}
	}
	return proc
}

func TestReceivers(t *testing.T) {
	for _, tt := range []struct {
		name      string
		processes map[string][]uint64
		ports     []uint32
		want      []Process
	}{
		{"nobody asked for", map[string][]uint64{Vswitchd: {1506}}, []uint32{0}, nil},
		{"the daemon", map[string][]uint64{Vswitchd: {7, 1506, 1473}}, []uint32{3046406466, 3404274839}, []Process{{100, Vswitchd}}},
		{"a listener", map[string][]uint64{"python3": {1506}}, []uint32{3046406466, 0}, []Process{{100, "python3"}}},
		{"has ended", map[string][]uint64{Vswitchd: {1506}}, []uint32{5}, nil},
		{"out of sight", map[string][]uint64{"sh": {8}}, []uint32{3046406466}, []Process{{}}},
		{"not the generic family", map[string][]uint64{Vswitchd: {1423}}, []uint32{3674341594}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Finder{Proc: system(t, tt.processes)}.Receivers(tt.ports)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
	if _, err := (Finder{Proc: t.TempDir()}).Receivers([]uint32{1}); err == nil {
		t.Error("no procfs, no error")
	}
}

// Of a daemon whose namespace cannot be told is assumed that it is in this one.
func TestVswitchds(t *testing.T) {
	proc := system(t, map[string][]uint64{Vswitchd: nil})
	f := Finder{Proc: proc}
	if got := f.Vswitchds(); len(got) != 1 || !got[0].IsVswitchd() || got[0].String() != "ovs-vswitchd (process 100)" {
		t.Errorf("got %v", got)
	}
	other := filepath.Join(proc, "100", "ns", "net")
	if err := os.MkdirAll(filepath.Dir(other), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := f.Vswitchds(); got != nil {
		t.Errorf("in another namespace: %v", got)
	}
}
