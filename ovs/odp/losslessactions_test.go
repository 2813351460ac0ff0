// SPDX-License-Identifier: Apache-2.0

package odp_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp"
)

// TestLosslessActions has what ovs-dpctl's words do not say, or say such that it
// is read as something else.
func TestLosslessActions(t *testing.T) {
	u16 := func(v uint16) []byte { return binary.NativeEndian.AppendUint16(nil, v) }
	port := attr(uapi.OVS_ACTION_ATTR_OUTPUT, u32(1)...)
	tests := []struct {
		name            string
		b               []byte
		plain, lossless string
	}{
		{"reason", attr(24, u32(7)...), "drop", "drop(7)"},
		{"share", nest(6, attr(1, u32(1)...), nest(2, port)), "sample(sample=0.0%,actions(1))", "sample(sample=0.00000002%,actions(1))"},
		{"leading zeros of a cookie", nest(25, attr(1, u32(1)...), attr(2, 0, 0, 5)), "psample(group=1,cookie=0x5)", "psample(group=1,cookie=0x000005)"},
		{"the cookie first", nest(25, attr(2, 5), attr(1, u32(1)...)), "psample(group=1,cookie=0x5)", "unknown(25,nested,hex=050002000500000008000100" + "01000000)"},
		{"tunnel flags of add_mpls", attr(22, 0, 0, 0x10, 1, 0x88, 0x47, 1, 0),
			"add_mpls(label=1,tc=0,ttl=1,bos=0,eth_type=0x8847)", "add_mpls(label=1,tc=0,ttl=1,bos=0,eth_type=0x8847,tun_flags=0x1)"},
		{"padding", attr(9, 0, 0, 0x10, 1, 0x88, 0x47, 1, 0), "push_mpls(label=1,tc=0,ttl=1,bos=0,eth_type=0x8847)", "unknown(9,hex=0000100188470100)"},
		{"unknown hash", attr(8, list(u32(9), u32(3))...), "hash(alg=9,basis=3)", "hash(alg=9,basis=3)"},
		{"zone 0, all events", nest(12, attr(2, 0, 0), attr(8, u32(0)...)), "ct", "ct(zone=0,eventmask=0)"},
		{"mask of zeros", nest(12, attr(3, list(u32(5), u32(0))...)), "ct(mark=0x5/0)", "ct(mark=0x5/0)"},
		{"more inside", nest(12, attr(1), attr(63, 1)), "ct(commit)", "ct(commit,unknown(63,hex=01))"},
		{"another size inside", nest(12, attr(1), attr(2, 1)), "ct(commit)", "ct(commit,unknown(2,hex=01))"},
		{"NAT without an address", nest(12, nest(6, attr(1), attr(5, u16(80)...))), "ct(nat(src))", "ct(nat(src,proto_min=80))"},
		{"NAT both ways", nest(12, nest(6, attr(1), attr(2))), "ct(nat(src,dst))", "unknown(12,nested,hex=0c0006800400010004000200)"},
		{"set, all bits of the mask", nest(11, attr(15, list(u32(5), u32(0xffffffff))...)), "set(skb_mark(0x5))", "set_masked(skb_mark(0x5))"},
		{"set, no bit of the mask", nest(11, attr(15, list(u32(5), u32(0))...)), "set(skb_mark(0x5/0))", "set(skb_mark(0x5/0))"},
		{"set of half a key", nest(3, attr(15, 1, 2)), "set(unknown(15,hex=0102))", "set(unknown(15,hex=0102))"},
		{"set of two keys", nest(3, attr(15, u32(1)...), attr(2, u32(1)...)), "unknown(3,nested,hex=08000f00010000000800020001000000)", "unknown(3,nested,hex=08000f00010000000800020001000000)"},
		{"cookie of ovs-vswitchd for another port", nest(2, attr(1, u32(1)...), attr(2, mustHex(t, "0400000007000000"+strings.Repeat("00", 40))...)),
			"userspace(pid=1,ipfix(output_port=0))", "userspace(pid=1,userdata(0400000007000000" + strings.Repeat("00", 40) + "))"},
		{"userdata that is no cookie", nest(2, attr(1, u32(1)...), attr(2, 1, 0)), "userspace(pid=1,userdata(0100))", "userspace(pid=1,userdata(0100))"},
		{"no userdata, and empty", list(nest(2, attr(1, u32(1)...)), nest(2, attr(1, u32(1)...), attr(2))), "userspace(pid=1),userspace(pid=1,userdata())", "userspace(pid=1),userspace(pid=1,userdata())"},
		{"no port", nest(2, attr(2, 1)), "unknown(2,nested,hex=0500020001000000)", "unknown(2,nested,hex=0500020001000000)"},
		{"drop and more", list(attr(24, u32(0)...), port), "drop,1", "drop(0),1"},
		{"unknown", attr(40, 1, 2), "unknown(40,hex=0102)", "unknown(40,hex=0102)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			as, err := odp.DecodeActions(tt.b)
			if err != nil {
				t.Fatal(err)
			}
			if got := as.String(); got != tt.plain {
				t.Errorf("plain\ngot  %s\nwant %s", got, tt.plain)
			}
			if got := string(as.AppendText(nil, lossless)); got != tt.lossless {
				t.Errorf("lossless\ngot  %s\nwant %s", got, tt.lossless)
			}
			checkActions(t, as)
			checkActions(t, odp.Actions{odp.Clone{Actions: odp.Actions{odp.Sample{Actions: as}}}})
		})
	}
}
