// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mdlayher/genetlink"
)

// system makes a file system with the given files.
func system(t *testing.T, files map[string]string) System {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return System{Root: root, Release: "6.1.0", Machine: "x86_64"}
}

func find(t *testing.T, list []Check, name string) Check {
	t.Helper()
	for _, c := range list {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("nothing about %s in %v", name, list)
	return Check{}
}

func TestModules(t *testing.T) {
	const dep, builtin = "lib/modules/6.1.0/modules.dep", "lib/modules/6.1.0/modules.builtin"
	for _, tt := range []struct {
		name     string
		files    map[string]string
		families []genetlink.Family
		status   Status // of openvswitch
		detail   string
		advice   string
	}{
		{"loaded", map[string]string{"sys/module/openvswitch/refcnt": "0"}, nil, OK, "loaded", ""},
		{"built in", map[string]string{builtin: "kernel/net/openvswitch/openvswitch.ko\n", dep: ""}, nil, OK, "built in", ""},
		{"built in, no files", nil, []genetlink.Family{{Name: "ovs_datapath"}}, OK, "its family is", ""},
		{"there", map[string]string{dep: "kernel/net/openvswitch/openvswitch.ko.xz: kernel/net/nsh/nsh.ko.xz\n"}, nil, Absent, "not loaded, but there", "modprobe openvswitch"},
		{"not there", map[string]string{dep: "kernel/net/nsh/nsh.ko:\n"}, nil, Missing, "not among the kernel's modules", "nothing works without it"},
		{"no modules", nil, nil, Missing, "cannot be read: no such file", "Linux 6.1.0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			list := system(t, tt.files).Modules(tt.families)
			c := find(t, list, "openvswitch")
			if c.Status != tt.status || !strings.Contains(c.Detail, tt.detail) || !strings.Contains(c.Advice, tt.advice) || (tt.advice == "") != (c.Advice == "") {
				t.Errorf("%+v", c)
			}
			if AnyMissing(list) != (tt.status == Missing) || Loadable(list) != (tt.status == Absent) {
				t.Errorf("missing: %t, loadable: %t", AnyMissing(list), Loadable(list))
			}
		})
	}
	list := system(t, map[string]string{dep: "kernel/net/openvswitch/vport-vxlan.ko.zst:\n"}).Modules(nil)
	if c := find(t, list, "vport_vxlan"); c.Status != Absent {
		t.Errorf("%+v", c)
	}
}

func TestPrivileges(t *testing.T) {
	for _, tt := range []struct {
		status   string
		net, sys Status
	}{
		{"Name:\tx\nCapEff:\t000001ffffffffff\n", OK, OK},
		{"CapEff:\t0000000000001000\n", OK, Absent},
		{"CapEff:\t0000000000000000\n", Absent, Absent},
		{"CapEff:\tx\n", Unknown, Unknown},
		{"Name:\tx\n", Unknown, Unknown},
	} {
		list := system(t, map[string]string{"proc/self/status": tt.status}).Privileges()
		if n, s := find(t, list, "CAP_NET_ADMIN").Status, find(t, list, "CAP_SYS_ADMIN").Status; n != tt.net || s != tt.sys {
			t.Errorf("%q: %s, %s", tt.status, n, s)
		}
	}
	if c := find(t, System{Root: t.TempDir()}.Privileges(), "CAP_NET_ADMIN"); c.Status != Unknown {
		t.Errorf("%+v", c)
	}
}

func TestSettings(t *testing.T) {
	list := system(t, map[string]string{"proc/sys/net/core/rmem_max": "212992\n", "proc/sys/net/netfilter/nf_conntrack_acct": "1\n"}).Settings()
	if c := find(t, list, "net.core.rmem_max"); c.Detail != "212992 bytes; root is not bound by it" {
		t.Errorf("%+v", c)
	}
	if c := find(t, list, "net.netfilter.nf_conntrack_acct"); !strings.HasPrefix(c.Detail, "on") {
		t.Errorf("%+v", c)
	}
	if list := (System{Root: t.TempDir()}).Settings(); len(list) > 0 {
		t.Errorf("%+v", list)
	}
}

func TestFamilies(t *testing.T) {
	all := []genetlink.Family{
		{Name: "ovs_datapath", Version: 2, Groups: []genetlink.MulticastGroup{{Name: "ovs_datapath"}}},
		{Name: "ovs_vport", Version: 1}, {Name: "ovs_flow", Version: 0}, {Name: "ovs_packet", Version: 1},
	}
	list := CheckFamilies(all, false)
	if c := find(t, list, "ovs_datapath"); c.Status != OK || c.Detail != "version 2, groups ovs_datapath" {
		t.Errorf("%+v", c)
	}
	if c := find(t, list, "ovs_flow"); c.Status != Warning || c.Advice == "" {
		t.Errorf("%+v", c)
	}
	if c := find(t, list, "psample"); c.Status != Absent {
		t.Errorf("%+v", c)
	}
	if AnyMissing(list) || AnyMissing(CheckFamilies(nil, true)) || !AnyMissing(CheckFamilies(nil, false)) {
		t.Error("missing families are those of a module that cannot be loaded")
	}
}

func TestWriteText(t *testing.T) {
	var b bytes.Buffer
	err := WriteText(&b, []Check{{"module", "psample", Absent, "not loaded", "load it"}, {"kernel", "release", Info, "6.1", ""}})
	const want = `STATUS  AREA    NAME     DETAIL
absent  module  psample  not loaded
info    kernel  release  6.1

module psample: load it
`
	if err != nil || b.String() != want {
		t.Errorf("%v\n%s", err, &b)
	}
}

func FuzzModuleName(f *testing.F) {
	f.Add("kernel/net/a-b.ko.xz: x")
	f.Add("")
	f.Fuzz(func(t *testing.T, line string) {
		if name := moduleName(line); strings.ContainsAny(name, ":-") {
			t.Errorf("%q is called %q", line, name)
		}
	})
}
