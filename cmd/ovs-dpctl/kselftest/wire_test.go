// SPDX-License-Identifier: Apache-2.0

package kselftest

import (
	"encoding/hex"
	"errors"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/mdlayher/netlink"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs"
	"github.com/dpscope/dpscope/ovs/odp"
)

// The bytes are those of a little-endian host.

func TestMessage(t *testing.T) {
	p := put{command: 1, version: 0, ifindex: 258, attrs: []byte{0xaa}}
	if got := hex.EncodeToString(p.message()); got != "01000000"+"02010000"+"aa" {
		t.Errorf("got %s", got)
	}
}

func TestDatapathAttrs(t *testing.T) {
	const name = "08000100" + "64703000" // dp0
	perCPU := hex.EncodeToString(nl.AppendAttr(nil, uapi.OVS_DP_ATTR_PER_CPU_PIDS, words(5, runtime.NumCPU())))
	for _, tt := range []struct {
		features, pid uint32
		want          string
	}{
		{8, 0, name + "0800020000000000" + "0800050008000000"},
		{1, 0, name + "0800020000000000" + "0800050001000000"},
		{1, 5, name + "0800020005000000" + "0800050001000000"},
		{8, 5, name + "0800020005000000" + "0800050008000000" + perCPU},
	} {
		got, err := datapathAttrs("dp0", tt.features, tt.pid)
		if err != nil || hex.EncodeToString(got) != tt.want {
			t.Errorf("features %d, pid %d: %x, %v, want %s", tt.features, tt.pid, got, err, tt.want)
		}
	}
	for _, name := range []string{"", strings.Repeat("a", 16)} {
		if _, err := datapathAttrs(name, 8, 0); err == nil {
			t.Errorf("%q is taken", name)
		}
	}
}

func TestPortAttrs(t *testing.T) {
	name := hex.EncodeToString(nl.AppendString(nil, uapi.OVS_VPORT_ATTR_NAME, "p"))
	pid := func(n string) string { return "08000500" + n }
	typ := func(n string) string { return "08000200" + n + "000000" }
	for what, tt := range map[string]struct {
		p      newPort
		pid    uint32
		device string
		port   uint16
		want   string
	}{
		"netdev":             {newPort{typ: ovs.VportNetdev, lwt: true}, 0, "", 0, pid("00000000") + typ("01")},
		"upcalls":            {newPort{typ: ovs.VportNetdev, lwt: true}, 7, "", 0, pid("07000000") + typ("01")},
		"internal":           {newPort{typ: ovs.VportInternal, lwt: true, dport: 5}, 0, "", 0, pid("00000000") + typ("02")},
		"gre":                {newPort{typ: ovs.VportGRE, lwt: true}, 0, "gretap", 0, pid("00000000") + typ("01")},
		"geneve":             {newPort{typ: ovs.VportGeneve, lwt: true}, 0, "geneve", 6081, pid("00000000") + typ("01")},
		"vxlan, other port":  {newPort{typ: ovs.VportVXLAN, lwt: true, dport: 4790}, 0, "vxlan", 4790, pid("00000000") + typ("01")},
		"gre of OVS":         {newPort{typ: ovs.VportGRE, dport: 9}, 0, "", 0, pid("00000000") + typ("03")},
		"geneve of OVS":      {newPort{typ: ovs.VportGeneve}, 0, "", 6081, pid("00000000") + "0c000480" + "06000100c1170000" + typ("05")},
		"vxlan of OVS, 4790": {newPort{typ: ovs.VportVXLAN, dport: 4790}, 0, "", 4790, pid("00000000") + "0c000480" + "06000100b6120000" + typ("04")},
	} {
		tt.p.name = "p"
		if got := hex.EncodeToString(tt.p.attrs(tt.pid)); got != name+tt.want {
			t.Errorf("%s: %s, want %s", what, got, name+tt.want)
		}
		if got := tt.p.device(); got != tt.device {
			t.Errorf("%s: device %q, want %q", what, got, tt.device)
		}
		if got := tt.p.destination(); got != tt.port {
			t.Errorf("%s: UDP port %d, want %d", what, got, tt.port)
		}
	}
}

func TestTunnel(t *testing.T) {
	for _, tt := range []struct {
		t    tunnel
		want string
	}{
		{tunnel{kindGRE, 0}, "04001200"},
		{tunnel{kindGeneve, 6081}, "0600050017c10000" + "04000600" + "05000a0001000000"},
		{tunnel{kindVXLAN, 4789}, "0500070000000000" + "0500190001000000" + "0500140001000000" + "06000f0012b50000"},
	} {
		ae := netlink.NewAttributeEncoder()
		err := tt.t.Encode(ae)
		got, eerr := ae.Encode()
		if err != nil || eerr != nil || hex.EncodeToString(got) != tt.want {
			t.Errorf("%s: %x, %v, %v, want %s", tt.t.kind, got, err, eerr, tt.want)
		}
	}
	if err := (&tunnel{kind: "tulip"}).Encode(netlink.NewAttributeEncoder()); err == nil {
		t.Error("a tunnel of any kind is taken")
	}
}

func TestFlowAttrs(t *testing.T) {
	actions := "2"
	spec, err := parseFlow("ufid:00000001-0002-0003-0004-000500060007,in_port(1)", &actions)
	if err != nil {
		t.Fatal(err)
	}
	const want = "14000900" + "01000000" + "03000200" + "05000400" + "07000600" + // four words of the host's order
		"08000a0007000000" + "0c000180" + "0800030001000000" + "0c000780" + "08000300ffffffff"
	for withActions, more := range map[bool]string{false: "", true: "0c000280" + "0800010002000000"} {
		got, err := flowAttrs(spec, withActions)
		if err != nil || hex.EncodeToString(got) != want+more {
			t.Errorf("got  %x, %v\nwant %s", got, err, want+more)
		}
	}
	empty := ""
	if spec, err = parseFlow("in_port(1)", &empty); err != nil {
		t.Fatal(err)
	}
	spec.UFID = odp.UFID{1}
	if got, err := flowAttrs(spec, true); err != nil || !strings.HasSuffix(hex.EncodeToString(got), "04000280") {
		t.Errorf("no actions: %x, %v", got, err)
	}
}

func TestHint(t *testing.T) {
	refused := func() error { return &nl.Error{Op: "add", Err: syscall.EINVAL} }
	if got := hint(refused(), syscall.EINVAL, "why").Error(); got != "add: invalid argument (why)" {
		t.Errorf("got %q", got)
	}
	if got := hint(hint(refused(), syscall.EINVAL, "first"), syscall.EINVAL, "second").Error(); !strings.HasSuffix(got, "(first)") {
		t.Errorf("got %q", got)
	}
	if got := hint(refused(), syscall.ENOENT, "why").Error(); strings.Contains(got, "why") {
		t.Errorf("got %q", got)
	}
	other := errors.New("other")
	if hint(nil, syscall.EINVAL, "why") != nil || !errors.Is(hint(other, syscall.EINVAL, "why"), other) {
		t.Error("hint changes what is no refusal")
	}
}

func FuzzPortOptions(f *testing.F) {
	f.Add([]byte{6, 0, 1, 0, 0xb5, 0x12, 0, 0})
	f.Add([]byte{3, 0, 1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if s := portOptions(ovs.Vport{Options: b}); s != "" && !strings.HasPrefix(s, " tnl-dport:") {
			t.Errorf("%x: %q", b, s)
		}
	})
}
