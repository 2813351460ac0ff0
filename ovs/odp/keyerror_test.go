// SPDX-License-Identifier: Apache-2.0

package odp_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/dpscope/dpscope/ovs/odp"
)

// TestFlowErrors looks that errors say where and what.
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
		{"unknown(3)", `flow: column 10: unknown: hex=... is missing`},
		{"unknown(3,hex=none)", "flow: column 19: unknown: neither value nor mask"},
		{"unknown(3,hex=0)", "flow: column 15: unknown: hex: odd number of hex digits"},
		{"unknown(3,hex=00/1)", "flow: column 18: unknown: hex mask: odd number of hex digits"},
		{"unknown(3,foo=1)", `flow: column 11: unknown: no field "foo"`},
		{"key40(1)", `flow: column 7: key40: want bytes of two hex digits each, found "1"`},
		{"mpls(label=1048576)", "flow: column 12: mpls: label: 1048576 does not fit 20 bits"},
		{"nsh(foo=1)", `flow: column 5: nsh: no field "foo"`},
		{"nsh(spi=0x1000000)", "flow: column 9: nsh: spi: 0x1000000 does not fit 24 bits"},
		{"tunnel(foo=1)", `flow: column 8: tunnel: no field "foo"`},
		{"tunnel(tun_id=0x10000000000000000)", "flow: column 15: tunnel: tun_id: 0x10000000000000000 does not fit 64 bits"},
		{"tunnel(ttl=1,ttl=2)", "flow: column 14: tunnel: ttl appears twice"},
		{"tunnel(flags(df),flags(csum))", "flow: column 18: tunnel: flags appears twice"},
		{"tunnel(flags(0x10))", "flow: column 14: tunnel: flags: no such flags"},
		{"tunnel(geneve({class=1,type=2,len=3}))", "flow: column 35: geneve: len: a multiple of 4 up to 124"},
		{"tunnel(geneve({class=1,type=2,len=4,0x123456789}))", "flow: column 37: geneve: data: want a hex number of at most 32 bits"},
		{"tunnel(geneve({class=1,foo=2}))", `flow: column 24: geneve: no field "foo"`},
		{"tunnel(erspan(idx=1))", "flow: column 15: erspan: ver=N comes first"},
		{"tunnel(erspan(ver=3))", "flow: column 19: erspan: ver: there are versions 1 and 2"},
		{"tunnel(vxlan())", "flow: column 14: vxlan: gbp(...) is missing"},
		{"tunnel(tos=1/none,src=::1)", `flow: column 23: tunnel: src: want an IPv4 address, found "::1"`},
		{"skb_mark(1/none)", `flow: column 11: skb_mark: expected ')', found '/'`},
		{"in_port(1),encap(vlan(vid=1),vlan(vid=2))", "flow: column 30: vlan appears twice"},
		{"packet_type(ns=65536)", "flow: column 16: packet_type: ns: 65536 does not fit 16 bits"},
		{"ufid:123,in_port(1)", `flow: column 6: ufid "123": want a UUID, or hex digits for an id shorter than 16 bytes`},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			_, m, err := odp.ParseFlow(tt.text, nil)
			if err == nil {
				t.Fatalf("taken as %s", m)
			}
			if _, ok := errors.AsType[*odp.SyntaxError](err); !ok {
				t.Errorf("%T is no *SyntaxError", err)
			}
			if err.Error() != tt.want {
				t.Errorf("got  %s\nwant %s", err, tt.want)
			}
		})
	}
}
