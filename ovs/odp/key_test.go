// SPDX-License-Identifier: Apache-2.0

package odp_test

import (
	"encoding/binary"
	"encoding/json"
	"strings"
	"testing"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp"
)

// TestFlows reads what hands write, and prints it as ovs-dpctl would.
func TestFlows(t *testing.T) {
	tests := []struct {
		text  string
		canon string // "" when text is canonical
	}{
		{"in_port(1),eth(),eth_type(0x0800),ipv4(src=10.0.0.0/8,proto=17/255,,,),udp(dst=53/65535),",
			"in_port(1),eth(),eth_type(0x0800),ipv4(src=10.0.0.0/255.0.0.0,proto=17),udp(dst=53)"},
		{"in_port(1) eth() eth_type(0x806) arp()", "in_port(1),eth(),eth_type(0x0806)"}, // arp() says no more than eth_type
		{"eth(dst=2:0:0:0:0:A,src=02:00:00:00:00:01)", "eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:0a)"},
		{"ipv6(src=fe80::/64,dst=::1,label=0x12),icmpv6(type=135),nd(target=fe80::1)",
			"ipv6(src=fe80::/ffff:ffff:ffff:ffff::,dst=::1,label=0x12),icmpv6(type=135),nd(target=fe80::1)"},
		{"tcp_flags(+[200]-fin)", "tcp_flags(-fin+[200])"},
		{"tcp_flags(0)", ""},
		// The kernel refuses a mask with bits that are no flags, so exact means
		// all there are.
		{"ct_state(new|trk)", "ct_state(+new-est-rel-rpl-inv+trk-snat-dnat)"},
		{"ct_label(5)", "ct_label(0x5)"},
		{"ct_tuple6(src=::1,dst=::2,proto=17,tp_src=5)", "ct_tuple6(src=::1,dst=::2,proto=17,src_port=5)"},
		{"ct_tuple6(src=::1,dst=::2,proto=17,src_port=5)", ""},
		{"vlan(tci=0x1005/0xffff)", "vlan(vid=5,pcp=0)"},
		{"vlan(tci=0x0000/0x0fff)", "vlan(vid=0,cfi=0)"}, // which ovs-dpctl would read otherwise
		{"encap()", ""},
		{"in_port(1),eth_type(0/0xffff)", ""}, // in the mask alone, as the kernel has it
		{"encap(eth_type(0/0xffff))", ""},
		{"nsh(flags=1,ttl=2/0xf,mdtype=1,np=3,spi=0x4,si=5,c1=0x6,c2=0x7/0xff)", "nsh(flags=1,ttl=0x02/0x0f,mdtype=1,np=3,spi=0x4,si=5,c1=0x6,c2=0x7/0x000000ff)"},
		{"nsh(mdtype=2,spi=0x4)", "nsh(mdtype=2,spi=0x4,c1=0x0,c2=0x0,c3=0x0,c4=0x0)"},
		{"nd_ext(nd_reserved=0x5,nd_options_type=1)", ""},
		{"mpls(label=1,tc=2,ttl=3,bos=0,label=4,tc=5,ttl=6,bos=1)", ""},
		{"ipv6_exthdrs(0x5/0xff)", "key32(05 00/ff 00)"},
		{"key32(05 00/ff 00)", ""},
		{"tunnel(tun_id=0x1,src=1.2.3.4/none)", "tunnel(tun_id=0x1,flags(+key))"},
		// What has a name is shown by it.
		{"unknown(21,hex=00010203)", "mpls(label=16,tc=1,ttl=3,bos=0)"},
		{"unknown(5,hex=0102/0304)", "vlan(vid=258/0x304,cfi=0)"},
		{"unknown(40,nested,hex=01/0f)", ""},
		{"unknown(41,hex=01/0f)", "key41(01/0f)"},
		{"in_port(1),unknown(40,hex=none/0f)", "in_port(1)"}, // a mask alone is not shown
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			_, m, err := odp.ParseFlow(tt.text, nil)
			if err != nil {
				t.Fatal(err)
			}
			canon := tt.canon
			if canon == "" {
				canon = tt.text
			}
			if s := m.String(); s != canon {
				t.Errorf("text is\n%s, want\n%s", s, canon)
			}
			checkMatch(t, m)
		})
	}
}

// TestFlowWire checks bytes against the structures of linux/openvswitch.h.
func TestFlowWire(t *testing.T) {
	_, m, err := odp.ParseFlow("in_port(5),eth(src=02:00:00:00:00:01),eth_type(0x0800),ipv4(dst=10.1.0.0/16,proto=6),tcp(dst=80)", nil)
	if err != nil {
		t.Fatal(err)
	}
	wantKey := nl.AppendUint32(nil, 3, 5)
	wantKey = nl.AppendAttr(wantKey, 4, mustHex(t, "020000000001 000000000000"))
	wantKey = nl.AppendAttr(wantKey, 6, mustHex(t, "0800"))
	wantKey = nl.AppendAttr(wantKey, 7, mustHex(t, "00000000 0a010000 06 00 00 00"))
	wantKey = nl.AppendAttr(wantKey, 9, mustHex(t, "0000 0050"))
	wantMask := nl.AppendUint32(nil, 3, 0xffffffff)
	wantMask = nl.AppendAttr(wantMask, 4, mustHex(t, "ffffffffffff 000000000000"))
	wantMask = nl.AppendAttr(wantMask, 6, mustHex(t, "ffff"))
	wantMask = nl.AppendAttr(wantMask, 7, mustHex(t, "00000000 ffff0000 ff 00 00 00"))
	wantMask = nl.AppendAttr(wantMask, 9, mustHex(t, "0000 ffff"))
	key, err := m.AppendKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	mask, err := m.AppendMask(nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := diff(wantKey, key); d != "" {
		t.Errorf("key (-want +got):\n%s", d)
	}
	if d := diff(wantMask, mask); d != "" {
		t.Errorf("mask (-want +got):\n%s", d)
	}
}

func TestVerbose(t *testing.T) {
	_, m, err := odp.ParseFlow("recirc_id(0/0),in_port(1),ct_state(0/0),eth(),eth_type(0x0800),ipv4(proto=17),udp(dst=53),vlan(vid=10)", nil)
	if err != nil {
		t.Fatal(err)
	}
	// As the reference prints them, the fragment type left out where it does
	// not matter.
	want := "recirc_id(0/0),in_port(v1),ct_state(0/0)," +
		"eth(src=00:00:00:00:00:00/00:00:00:00:00:00,dst=00:00:00:00:00:00/00:00:00:00:00:00),eth_type(0x0800)," +
		"ipv4(src=0.0.0.0/0.0.0.0,dst=0.0.0.0/0.0.0.0,proto=17,tos=0/0,ttl=0/0),udp(src=0/0,dst=53),vlan(vid=10,pcp=0/0x0)"
	if got := string(m.AppendText(nil, odp.TextOptions{Verbose: true, Names: odp.PortNames{1: "v1"}})); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	checkMatch(t, m)
}

func TestExactMatch(t *testing.T) {
	key := nl.AppendUint32(nil, uapi.OVS_KEY_ATTR_IN_PORT, 1)
	key = nl.AppendAttr(key, uapi.OVS_KEY_ATTR_ETHERTYPE, []byte{8, 6})
	key = nl.AppendAttr(key, uapi.OVS_KEY_ATTR_ARP, mustHex(t, "ac1f6e01 ac1f6e14 0001 020000000001 000000000000 0000"))
	m, err := odp.DecodeMatch(key, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := "in_port(1),eth_type(0x0806),arp(sip=172.31.110.1,tip=172.31.110.20,op=1,sha=02:00:00:00:00:01,tha=00:00:00:00:00:00)"
	if m.String() != want || !m.Exact {
		t.Errorf("got %s", m)
	}
	checkMatch(t, m)
	j, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	wantJSON := `{"key":{"in_port":1,"eth_type":2054,"arp":{"sip":"172.31.110.1","tip":"172.31.110.20","op":1,"sha":"02:00:00:00:00:01","tha":"00:00:00:00:00:00"}}}`
	if string(j) != wantJSON {
		t.Errorf("got  %s\nwant %s", j, wantJSON)
	}
}

func TestDecodeMatchErrors(t *testing.T) {
	port := nl.AppendUint32(nil, uapi.OVS_KEY_ATTR_IN_PORT, 1)
	for name, tt := range map[string]struct{ key, mask []byte }{
		"key twice":   {append(port[:8:8], port...), nil},
		"mask twice":  {port, append(port[:8:8], port...)},
		"key length":  {[]byte{200, 0, 3, 0}, nil},
		"mask length": {port, []byte{200, 0, 3, 0}},
		"stray bytes": {append(port[:8:8], 1), nil},
	} {
		if m, err := odp.DecodeMatch(tt.key, tt.mask); err == nil {
			t.Errorf("%s: taken as %s", name, m)
		}
	}
}

func TestUFID(t *testing.T) {
	const text = "00000001-0002-0003-0004-000500060007"
	u, _, err := odp.ParseFlow("ufid:"+text+",in_port(1)", nil)
	if err != nil {
		t.Fatal(err)
	}
	var want []byte
	for _, w := range []uint32{1, 0x20003, 0x40005, 0x60007} {
		want = binary.NativeEndian.AppendUint32(want, w)
	}
	if d := diff(odp.UFID(want), u); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if u.String() != text {
		t.Errorf("text is %s", u)
	}
	for _, s := range []string{"c0ffee", text} {
		u, err := odp.ParseUFID(s)
		if err != nil || u.String() != s {
			t.Errorf("%s: got %s, %v", s, u, err)
		}
	}
	for _, s := range []string{"", "x", "0", strings.Repeat("00", 16), strings.Repeat("00", 17), text[1:], "-" + text[1:]} {
		if u, err := odp.ParseUFID(s); err == nil {
			t.Errorf("%q taken as %s", s, u)
		}
	}
}

func TestPortNames(t *testing.T) {
	_, m, err := odp.ParseFlow("in_port(v1)", odp.Ports{"v1": 7})
	if err != nil {
		t.Fatal(err)
	}
	if m.String() != "in_port(7)" {
		t.Errorf("got %s", m)
	}
	if s := string(m.AppendText(nil, odp.TextOptions{Names: odp.PortNames{7: "v1"}})); s != "in_port(v1)" {
		t.Errorf("got %s", s)
	}
}
