// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"encoding/binary"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

// checkMatch asserts that a match survives netlink, JSON and verbose text.
func checkMatch(t testing.TB, m Match) {
	t.Helper()
	got := reDecode(t, m)
	if d := cmp.Diff(m, got); d != "" {
		t.Errorf("netlink round trip (-want +got):\n%s", d)
	}
	checkMatchJSON(t, m)
	checkMatchText(t, m)
}

func reDecode(t testing.TB, m Match) Match {
	t.Helper()
	key, err := m.AppendKey([]byte{})
	if err != nil {
		t.Fatal(err)
	}
	var mask []byte
	if !m.Exact {
		if mask, err = m.AppendMask([]byte{}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := DecodeMatch(key, mask)
	if err != nil {
		t.Fatalf("own encoding of %s is refused: %v", m, err)
	}
	return got
}

// sorted brings the attributes inside an encap into the order of their types, on
// every level: netlink gives their order no meaning, and JSON has unknown ones
// last. Payloads that are no list of attributes stay as they are.
func sorted(f Field) Field {
	if f.Type == encapType {
		f.Value, f.Mask = sortedAttrs(f.Value, 0), sortedAttrs(f.Mask, 0)
	}
	return f
}

func sortedAttrs(b []byte, depth int) []byte {
	if b == nil || depth > maxDepth {
		return b
	}
	var list []nl.Attr
	for a, err := range allAttrs(b) {
		if err != nil {
			return b
		}
		if a.Type == encapType {
			a.Data = sortedAttrs(a.Data, depth+1)
		}
		list = append(list, a)
	}
	slices.SortStableFunc(list, func(x, y nl.Attr) int { return int(x.Type) - int(y.Type) })
	out := []byte{}
	for _, a := range list {
		typ := a.Type
		if a.Nested {
			typ |= nl.NestedFlag
		}
		out = nl.AppendAttr(out, typ, a.Data)
	}
	return out
}

// checkMatchJSON compares as sets: JSON has unknown attributes last.
func checkMatchJSON(t testing.TB, m Match) {
	t.Helper()
	j, err := json.Marshal(m)
	if err != nil {
		t.Fatalf("marshal: %v", err)
	}
	var got Match
	if err := json.Unmarshal(j, &got); err != nil {
		t.Fatalf("own JSON %s is refused: %v", j, err)
	}
	if m.Exact != got.Exact || len(m.Fields) != len(got.Fields) {
		t.Fatalf("%s: got %+v, want %+v", j, got, m)
	}
	for _, f := range m.Fields {
		if g, _ := got.Field(f.Type); !equalField(sorted(f), sorted(g)) {
			t.Errorf("JSON round trip of %s: got %+v, want %+v", j, g, f)
		}
	}
}

// checkMatchText asserts that verbose text says all there is to say: reading it
// gives the same values and masks, bar masks of fields without a value and of
// attributes that wildcard everything.
func checkMatchText(t testing.TB, m Match) {
	t.Helper()
	text := string(m.AppendText(nil, TextOptions{Verbose: true}))
	if text == "" {
		return
	}
	_, got, err := ParseFlow(text, nil)
	if err != nil {
		t.Fatalf("own text %s is refused: %v", text, err)
	}
	again := string(got.AppendText(nil, TextOptions{Verbose: true}))
	if !m.Exact && again != text {
		t.Errorf("text changes from\n%s to\n%s", text, again)
	}
	for _, f := range m.Fields {
		g, ok := got.Field(f.Type)
		if !ok {
			if f.Value != nil || !f.wildcard(m.Exact) {
				t.Errorf("%s: field %d is lost", text, f.Type)
			}
			continue
		}
		if !sameMeaning(f, g, m.Exact) {
			t.Errorf("%s: field %d is %+v, want %+v", text, f.Type, g, f)
		}
	}
}

// sameMeaning compares a field with what its verbose text reads as.
func sameMeaning(f, g Field, exact bool) bool {
	if isNest(f.Type) && specOf(f.Type).kind == kindNest {
		return true // its content is compared through the text
	}
	if string(f.Value) != string(g.Value) || (f.Value == nil) != (g.Value == nil) {
		return false
	}
	switch {
	case exact:
		return true // the masks read back are those of an exact match
	case f.Mask == nil:
		return allBytes(g.Mask, 0)
	case f.Type == uapi.OVS_KEY_ATTR_TCP_FLAGS && len(f.Mask) == 2:
		// There are twelve flags: 0x0fff and 0xffff ask for the same.
		a, b := binary.BigEndian.Uint16(f.Mask)&tcpFlagBits, binary.BigEndian.Uint16(g.Mask)&tcpFlagBits
		return a == b
	default:
		return string(f.Mask) == string(g.Mask)
	}
}

func TestFlows(t *testing.T) {
	tests := []struct {
		text  string
		canon string // "" when text is canonical
	}{
		{"in_port(1),eth(),eth_type(0x0800),ipv4(src=10.0.0.0/255.0.0.0,proto=17),udp(dst=53)", ""},
		{"in_port(1),eth(),eth_type(0x0800),ipv4(src=10.0.0.0/8,proto=17/255,,,),udp(dst=53/65535),",
			"in_port(1),eth(),eth_type(0x0800),ipv4(src=10.0.0.0/255.0.0.0,proto=17),udp(dst=53)"},
		{"in_port(1) eth() eth_type(0x806) arp()", "in_port(1),eth(),eth_type(0x0806)"}, // arp() says no more than eth_type
		{"recirc_id(0),in_port(2),eth(src=02:00:00:00:00:01,dst=ff:ff:ff:00:00:00/ff:ff:ff:00:00:00)", ""},
		{"eth(dst=2:0:0:0:0:A,src=02:00:00:00:00:01)", "eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:0a)"},
		{"eth_type(0x0800),ipv4(src=1.2.3.4,dst=1.2.3.0/255.255.255.0,proto=6,tos=0x10/0xfc,ttl=64,frag=first)", ""},
		{"eth_type(0x86dd),ipv6(src=fe80::/64,dst=::1,label=0x12,proto=58,tclass=0x3,hlimit=255,frag=later),icmpv6(type=135,code=0),nd(target=fe80::1,sll=02:00:00:00:00:01)",
			"eth_type(0x86dd),ipv6(src=fe80::/ffff:ffff:ffff:ffff::,dst=::1,label=0x12,proto=58,tclass=0x3,hlimit=255,frag=later),icmpv6(type=135,code=0),nd(target=fe80::1,sll=02:00:00:00:00:01)"},
		{"ipv6(label=0x1/0xf)", ""},
		{"eth_type(0x0806),arp(sip=1.2.3.4,tip=1.2.3.5,op=1,sha=02:00:00:00:00:01,tha=00:00:00:00:00:00)", ""},
		{"tcp(src=1024/0xfc00,dst=80),tcp_flags(syn|ack)", ""},
		{"tcp_flags(+syn-ack)", ""},
		{"tcp_flags(0)", ""},
		{"tcp_flags(0x12/0x12)", "tcp_flags(+syn+ack)"},
		{"tcp_flags(+[200]-fin)", "tcp_flags(-fin+[200])"},
		{"sctp(src=1,dst=2),icmp(type=8,code=0)", ""},
		{"skb_priority(0x1/0xff),skb_mark(0x5),dp_hash(0x10/0xf0),ct_zone(0x5),ct_mark(0/0x1)", ""},
		{"ct_state(+est+trk-inv)", "ct_state(+est-inv+trk)"},
		{"ct_state(0x21/0x21)", "ct_state(+new+trk)"},
		{"ct_state(new|trk)", "ct_state(+new-est-rel-rpl-inv+trk-snat-dnat)"},
		{"ct_label(0x1/0xff)", ""},
		{"ct_label(0x123456789abcdef0123456789abcdef0)", ""},
		{"ct_label(5)", "ct_label(0x5)"},
		{"ct_tuple4(src=1.2.3.4,proto=6,tp_src=5,tp_dst=6)", ""},
		{"ct_tuple6(src=::1,dst=::2,proto=17,tp_src=5)", ""},
		{"eth_type(0x8100),vlan(vid=10,pcp=0/0x0),encap(eth_type(0x0800),ipv4(proto=1),icmp(type=8))", "eth_type(0x8100),vlan(vid=10),encap(eth_type(0x0800),ipv4(proto=1),icmp(type=8))"},
		{"vlan(vid=0,pcp=3,cfi=0)", ""},
		{"vlan(tci=0x0000/0x0fff)", ""},
		{"vlan(tci=0x1005/0xffff)", "vlan(vid=5,pcp=0)"},
		{"encap()", ""},
		{"encap(eth_type(0/0xffff))", ""},
		{"eth(),eth_type(0/0xffff)", ""},
		{"unknown(21,hex=00010203)", "unknown(21,hex=00010203/ffffffff)"},
		{"unknown(16,hex=0800000001000000/08000000ffffffff)", ""},
		{"unknown(40,nested,hex=01/0f)", ""},
		{"unknown(40,hex=none/0f)", ""},
		{"unknown(5,hex=0102/0304)", "vlan(tci=0x0102/0x0304)"}, // named where it fits
		{"ipv4(frag=5),unknown(32,hex=)", "ipv4(frag=5)"},       // no bytes, nothing to match
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			_, m, err := ParseFlow(tt.text, nil)
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
	_, m, err := ParseFlow("in_port(5),eth(src=02:00:00:00:00:01),eth_type(0x0800),ipv4(dst=10.1.0.0/16,proto=6),tcp(dst=80)", nil)
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
	if d := cmp.Diff(wantKey, key); d != "" {
		t.Errorf("key (-want +got):\n%s", d)
	}
	if d := cmp.Diff(wantMask, mask); d != "" {
		t.Errorf("mask (-want +got):\n%s", d)
	}
}

func TestVerbose(t *testing.T) {
	_, m, err := ParseFlow("recirc_id(0/0),in_port(1),ct_state(0/0),eth(),eth_type(0x0800),ipv4(proto=17),udp(dst=53),vlan(vid=10)", nil)
	if err != nil {
		t.Fatal(err)
	}
	// As the reference prints them, the fragment type left out where it does
	// not matter.
	want := "recirc_id(0/0),in_port(v1),ct_state(0/0)," +
		"eth(src=00:00:00:00:00:00/00:00:00:00:00:00,dst=00:00:00:00:00:00/00:00:00:00:00:00),eth_type(0x0800)," +
		"ipv4(src=0.0.0.0/0.0.0.0,dst=0.0.0.0/0.0.0.0,proto=17,tos=0/0,ttl=0/0),udp(src=0/0,dst=53),vlan(vid=10,pcp=0/0x0)"
	if got := string(m.AppendText(nil, TextOptions{Verbose: true, Names: PortNames{1: "v1"}})); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	checkMatch(t, m)
}

func TestExactMatch(t *testing.T) {
	key := nl.AppendUint32(nil, uapi.OVS_KEY_ATTR_IN_PORT, 1)
	key = nl.AppendAttr(key, uapi.OVS_KEY_ATTR_ETHERTYPE, []byte{8, 6})
	key = nl.AppendAttr(key, uapi.OVS_KEY_ATTR_ARP, mustHex(t, "ac1f6e01 ac1f6e14 0001 020000000001 000000000000 0000"))
	m, err := DecodeMatch(key, nil)
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

// Attributes of a kernel, or a sender, this package does not know.
func TestOddKeys(t *testing.T) {
	key := nl.AppendUint32(nil, uapi.OVS_KEY_ATTR_IN_PORT, 1)
	key = nl.AppendAttr(key, uapi.OVS_KEY_ATTR_ARP, mustHex(t, "ac1f6e01 ac1f6e14 0001 020000000001 000000000000 0001")) // padding set
	key = nl.AppendAttr(key, uapi.OVS_KEY_ATTR_ETHERTYPE, []byte{8})                                                     // too short
	key = nl.AppendAttr(key, 60|nl.NestedFlag, []byte{1, 2, 3})
	mask := nl.AppendUint32(nil, uapi.OVS_KEY_ATTR_IN_PORT, 0xffffffff)
	mask = nl.AppendAttr(mask, uapi.OVS_KEY_ATTR_TUNNEL, mustHex(t, "0500040000000000"))
	mask = nl.AppendAttr(mask, uapi.OVS_KEY_ATTR_ARP, mustHex(t, strings.Repeat("ff", 24)))
	mask = nl.AppendAttr(mask, 60|nl.NestedFlag, []byte{0xff, 0xff, 0xff})
	m, err := DecodeMatch(key, mask)
	if err != nil {
		t.Fatal(err)
	}
	checkMatch(t, Match{Fields: m.Fields})
	want := "in_port(1),unknown(13,hex=ac1f6e01ac1f6e1400010200000000010000000000000001/" + strings.Repeat("ff", 24) + "),unknown(60,nested,hex=010203/ffffff)"
	if m.String() != want {
		t.Errorf("got  %s\nwant %s", m, want)
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
		if m, err := DecodeMatch(tt.key, tt.mask); err == nil {
			t.Errorf("%s: taken as %s", name, m)
		}
	}
}

func TestFlowErrors(t *testing.T) {
	tests := []struct{ text, want string }{
		{"", "flow: column 1: no keys; a flow needs at least one, such as in_port(1)"},
		{"in_port(1),foo(2)", `flow: column 12: unknown key "foo"`},
		{"in_port(1),in_port(2)", "flow: column 12: in_port appears twice"},
		{"in_port", `flow: column 8: in_port: '(' is missing at the end`},
		{"in_port(1", `flow: column 10: in_port: ')' is missing at the end`},
		{"in_port(v1)", `flow: column 9: in_port: no port "v1" in the datapath`},
		{"in_port(1)x", `flow: column 11: unknown key "x"`},
		{"in_port(1))", `flow: column 11: unexpected ')'`},
		{"eth(src=1:2:3)", "flow: column 9: eth: src: want a MAC address such as 02:00:00:00:00:01"},
		{"eth(src=02:00:00:00:00:001)", "flow: column 9: eth: src: want a MAC address such as 02:00:00:00:00:01"},
		{"eth(foo=1)", `flow: column 5: eth: no field "foo"`},
		{"eth(src)", `flow: column 8: eth: src: expected '=', found ')'`},
		{"ipv4(src=10.0.0.0/33)", "flow: column 19: ipv4: src: prefix length 33 is more than 32"},
		{"ipv4(src=1.2.3)", `flow: column 10: ipv4: src: want an IPv4 address, found "1.2.3"`},
		{"ipv4(src=::1)", `flow: column 10: ipv4: src: want an IPv4 address, found "::1"`},
		{"ipv4(proto=256)", "flow: column 12: ipv4: proto: 256 does not fit 8 bits"},
		{"ipv4(proto=17/256)", "flow: column 15: ipv4: proto mask: 256 does not fit 8 bits"},
		{"ipv4(proto=17,proto=6)", "flow: column 15: ipv4: proto appears twice"},
		{"ipv4(frag=maybe)", "flow: column 11: ipv4: frag: want no, first or later"},
		{"ipv6(label=0x100000)", "flow: column 12: ipv6: label: 0x100000 does not fit 20 bits"},
		{"udp(dst=dns)", `flow: column 9: udp: dst: "dns" is no number`},
		{"udp(dst=)", "flow: column 9: udp: dst: a number is missing"},
		{"tcp_flags(+syn+syn)", "flow: column 19: tcp_flags: a flag appears twice"},
		{"tcp_flags(sin)", `flow: column 11: tcp_flags: no flag "sin"`},
		{"ct_state(+est-)", "flow: column 15: ct_state: a flag is missing"},
		{"ct_label(0x" + strings.Repeat("1", 33) + ")", "flow: column 10: ct_label: want a hex number of at most 128 bits"},
		{"vlan(vid=4096)", "flow: column 10: vlan: vid: 4096 does not fit 12 bits"},
		{"vlan(tci=1,vid=2)", "flow: column 12: vlan: tci stands alone"},
		{"vlan(vid=2,tci=1)", "flow: column 12: vlan: tci stands alone"},
		{"tcp_flags(0|1/3)", "flow: column 14: tcp_flags: expected ')', found '/'"},
		{"encap(in_port(1)", `flow: column 17: encap: ')' is missing at the end`},
		{strings.Repeat("encap(", 40), "flow: column 193: keys nest deeper than 32 levels"},
		{"unknown(3)", `flow: column 10: unknown: expected ',', found ')'`},
		{"unknown(3,hex=none)", "flow: column 19: unknown: neither value nor mask"},
		{"unknown(3,hex=0)", "flow: column 15: unknown: hex: odd number of hex digits"},
		{"ufid:123,in_port(1)", `flow: column 6: ufid "123": want a UUID, or hex digits for an id shorter than 16 bytes`},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			_, m, err := ParseFlow(tt.text, nil)
			if err == nil {
				t.Fatalf("taken as %s", m)
			}
			if err.Error() != tt.want {
				t.Errorf("got  %s\nwant %s", err, tt.want)
			}
		})
	}
}

func TestUFID(t *testing.T) {
	const text = "00000001-0002-0003-0004-000500060007"
	u, _, err := ParseFlow("ufid:"+text+",in_port(1)", nil)
	if err != nil {
		t.Fatal(err)
	}
	var want []byte
	for _, w := range []uint32{1, 0x20003, 0x40005, 0x60007} {
		want = binary.NativeEndian.AppendUint32(want, w)
	}
	if d := cmp.Diff(UFID(want), u); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if u.String() != text {
		t.Errorf("text is %s", u)
	}
	for _, s := range []string{"c0ffee", text} {
		u, err := ParseUFID(s)
		if err != nil || u.String() != s {
			t.Errorf("%s: got %s, %v", s, u, err)
		}
	}
	for _, s := range []string{"", "x", "0", strings.Repeat("00", 16), strings.Repeat("00", 17), text[1:], "-" + text[1:]} {
		if u, err := ParseUFID(s); err == nil {
			t.Errorf("%q taken as %s", s, u)
		}
	}
}

func TestPortNames(t *testing.T) {
	_, m, err := ParseFlow("in_port(v1)", Ports{"v1": 7})
	if err != nil {
		t.Fatal(err)
	}
	if m.String() != "in_port(7)" {
		t.Errorf("got %s", m)
	}
	if s := string(m.AppendText(nil, TextOptions{Names: PortNames{7: "v1"}})); s != "in_port(v1)" {
		t.Errorf("got %s", s)
	}
}

func TestMatchJSONErrors(t *testing.T) {
	for _, s := range []string{
		`{}`, `{"key":{"foo":1}}`, `{"key":{"in_port":-1}}`, `{"key":{"in_port":1.5}}`, `{"key":{"in_port":"1"}}`,
		`{"key":{"eth_type":65536}}`, `{"key":{"eth":{"foo":1}}}`, `{"key":{"eth":{"src":"1.2.3.4"}}}`,
		`{"key":{"ipv4":{"src":"::1"}}}`, `{"key":{"ipv6":{"src":"fe80::1%eth0"}}}`, `{"key":{"ct_label":"00"}}`,
		`{"key":{"vlan":{"vid":4096}}}`, `{"key":{"in_port":1,"in_port":2}}`, `{"key":{},"mask":{"foo":1}}`,
		`{"key":{},"extra":1}`, `{"key":[]}`, `{"key":{"unknown":[{"type":3,"hex":"00"},{"type":3,"hex":"00"}]}}`,
	} {
		var m Match
		if err := json.Unmarshal([]byte(s), &m); err == nil {
			t.Errorf("%s taken as %s", s, m)
		}
	}
}
