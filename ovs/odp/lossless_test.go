// SPDX-License-Identifier: Apache-2.0

package odp_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp"
)

// list makes the payload of several attributes.
func list(attrs ...[]byte) []byte {
	b := []byte{}
	for _, a := range attrs {
		b = append(b, a...)
	}
	return b
}

func attr(typ uint16, payload ...byte) []byte { return nl.AppendAttr(nil, typ, payload) }

func nest(typ uint16, attrs ...[]byte) []byte {
	return nl.AppendAttr(nil, typ|nl.NestedFlag, list(attrs...))
}

func u32(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }

// TestLossless has what ovs-dpctl's words cannot say. Its text is plain; lossless
// text says everything.
func TestLossless(t *testing.T) {
	ff := func(n int) []byte { return []byte(strings.Repeat("\xff", n)) }
	arp := mustHex(t, "ac1f6e01 ac1f6e14 0001 020000000001 000000000000 0001")
	port, portMask := nl.AppendUint32(nil, uapi.OVS_KEY_ATTR_IN_PORT, 1), nl.AppendUint32(nil, uapi.OVS_KEY_ATTR_IN_PORT, 0xffffffff)
	tests := []struct {
		name            string
		key, mask       []byte
		plain, lossless string
	}{
		{"no mask", port, nil, "in_port(1)", "unmasked(),in_port(1)"},
		{"no mask, a number that would be a flag", attr(uapi.OVS_KEY_ATTR_CT_STATE, u32(0x21)...), nil,
			"ct_state(new|trk)", "unmasked(),ct_state(0x21)"},
		{"empty mask", port, []byte{}, "", "unknown(3,hex=01000000/none)"},
		{"mask of zeros", port, nl.AppendUint32(nil, 3, 0), "", "in_port(1/0)"},
		{"no mask for one", list(port, attr(18, 0, 5)), portMask, "in_port(1)", "in_port(1),unknown(18,hex=0005/none)"},
		{"mask alone", port, list(portMask, attr(14, 1, 2)), "in_port(1)", "in_port(1),unknown(14,hex=none/0102)"},
		{"Ethernet type in the mask alone, in its place", port, list(attr(6, 0xff, 0xff), portMask),
			"in_port(1),eth_type(0/0xffff)", "eth_type(0/0xffff),in_port(1)"},
		{"masks in another order", list(port, attr(18, 0, 5)), list(attr(18, 0, 7), portMask),
			"in_port(1),tcp_flags(+fin-syn+rst)", "unknown(3,hex=01000000/none),unknown(18,hex=0005/none),unknown(18,hex=none/0007),unknown(3,hex=none/ffffffff)"},
		{"padding", attr(13, arp...), attr(13, ff(24)...),
			"arp(sip=172.31.110.1,tip=172.31.110.20,op=1,sha=02:00:00:00:00:01,tha=00:00:00:00:00:00)",
			"unknown(13,hex=ac1f6e01ac1f6e1400010200000000010000000000000001/" + strings.Repeat("ff", 24) + ")"},
		{"another size", attr(6, 8), attr(6, 0xff), "unknown(6,hex=08/ff)", "unknown(6,hex=08/ff)"},
		{"value and mask differ in size", attr(6, 8, 0), attr(6, 0xff), "unknown(6,hex=0800/ff)", "unknown(6,hex=0800/ff)"},
		{"unknown, with flags", nest(60, []byte{1, 2, 3}), nest(60, []byte{0xff, 0xff, 0xff}),
			"unknown(60,nested,hex=010203/ffffff)", "unknown(60,nested,hex=010203/ffffff)"},
		{"unknown", attr(60, 1, 2, 3), attr(60, 0xff, 0xff, 0), "key60(01 02 03/ff ff 00)", "unknown(60,hex=010203/ffff00)"},
		{"network byte order", attr(3|nl.NetByteOrderFlag, 1), attr(3|nl.NetByteOrderFlag, 2),
			"unknown(3,net,hex=01/02)", "unknown(3,net,hex=01/02)"},
		{"value that its mask ignores", attr(18, 0, 0xff), attr(18, 0, 2), "tcp_flags(+syn)", "tcp_flags(0xff/0x2)"},
		{"all flags of TCP, but not all bits", attr(18, 0, 2), attr(18, 0x0f, 0xff), "tcp_flags(syn)", "tcp_flags(0x2/0xfff)"},
		{"tag bit", attr(5, 0, 5), attr(5, 0x0f, 0xff), "vlan(vid=5,cfi=0)", "vlan(tci=0x0005/0x0fff)"},
		{"fragments that do not matter", attr(7, 1, 2, 3, 4, 0, 0, 0, 0, 6, 0, 0, 2), attr(7, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0, 0, 0),
			"ipv4(src=1.2.3.4,proto=6)", "ipv4(src=1.2.3.4,dst=0.0.0.0/0.0.0.0,proto=6,tos=0/0,ttl=0/0,frag=2/0)"},
		{"tunnel", nest(16, attr(1, 1, 2, 3, 4), attr(4, 64), attr(5)), nest(16, attr(2, ff(4)...), attr(4, 0xff), attr(6)),
			"tunnel(ttl=64,flags(-csum))", "tunnel(src=1.2.3.4/none,ttl=64,unknown(2,hex=none/ffffffff),flags(0x2/0x4))"},
		{"tunnel in another order", nest(16, attr(4, 64), attr(1, 1, 2, 3, 4)), nest(16, attr(1, ff(4)...), attr(4, 0xff)),
			"tunnel(ttl=64,src=1.2.3.4)", "unknown(16,hex=050004004000000008000100" + "01020304/08000100ffffffff05000400ff000000)"},
		{"broken tunnel", nest(16, []byte{9, 0, 4, 0, 1}), nest(16),
			"unknown(16,hex=0900040001/)", "unknown(16,hex=0900040001/)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := odp.DecodeMatch(tt.key, tt.mask)
			if err != nil {
				t.Fatal(err)
			}
			if got := m.String(); got != tt.plain {
				t.Errorf("plain\ngot  %s\nwant %s", got, tt.plain)
			}
			if got := string(m.AppendText(nil, lossless)); got != tt.lossless {
				t.Errorf("lossless\ngot  %s\nwant %s", got, tt.lossless)
			}
			checkMatch(t, m)
			// The same inside an encap.
			if tt.mask != nil {
				key, mask := nest(1, tt.key), nest(1, tt.mask)
				if m, err = odp.DecodeMatch(key, mask); err != nil {
					t.Fatal(err)
				}
				checkMatch(t, m)
			}
		})
	}
}

// TestNormalNest: what means nothing does not make two keys differ.
func TestNormalNest(t *testing.T) {
	key := list(nl.AppendAttr(nil, 1, nl.AppendAttr(nil, 16, mustHex(t, "05000400 40ffffff"))))
	m, err := odp.DecodeMatch(key, nil)
	if err != nil {
		t.Fatal(err)
	}
	padded, err := odp.DecodeMatch(nest(1, nest(16, attr(14), attr(4, 64))), nil)
	if err != nil {
		t.Fatal(err)
	}
	want, err := odp.DecodeMatch(nest(1, nest(16, attr(4, 64))), nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := diff(want, m); d != "" {
		t.Errorf("nest flags and padding (-want +got):\n%s", d)
	}
	if d := diff(want, padded); d != "" {
		t.Errorf("attributes as padding (-want +got):\n%s", d)
	}
	checkMatch(t, m)
}
