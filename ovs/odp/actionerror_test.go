// SPDX-License-Identifier: Apache-2.0

package odp_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/dpscope/dpscope/ovs/odp"
)

func TestActionErrors(t *testing.T) {
	tests := []struct {
		text string
		want string
	}{
		{"", `actions: column 1: no actions; to drop packets write "drop"`},
		{"psample(group=1,cookie=0x" + strings.Repeat("ab", 17) + ")", "actions: column 26: psample: cookie longer than 16 bytes"},
		{"1,psample(cookie=0xab)", "actions: column 3: psample: group=N is missing"},
		{"psample()", "actions: column 1: psample: group=N is missing"},
		{"psample(group=1,group=2)", "actions: column 17: psample: group appears twice"},
		{"psample(group=1,cookie=)", "actions: column 24: psample: cookie is empty"},
		{"psample(group=1,cookie=0x)", "actions: column 26: psample: cookie is empty"},
		{"psample(group=1,cookie=abc)", "actions: column 24: psample: cookie: odd number of hex digits"},
		{"psample(group=1,cookie=xyz)", `actions: column 24: psample: cookie: 'x' is no hex digit`},
		{"psample(group=4294967296)", "actions: column 15: psample: group: 4294967296 does not fit 32 bits"},
		{"psample(group=1,foo=2)", `actions: column 17: psample: no field "foo"`},
		{"psample(group=1", `actions: column 16: psample: ')' is missing at the end`},
		{"sample(sample=101%,actions(1))", "actions: column 15: sample: share 101% is more than 100%"},
		{"sample(sample=-1%,actions(1))", "actions: column 15: sample: the share is a percentage such as 50%"},
		{"sample(sample=50%)", "actions: column 8: sample: actions(...) is missing"},
		{"1,foo(2)", `actions: column 3: unknown action "foo"`},
		{"1,eth9", `actions: column 3: unknown action "eth9", and no port has that name`},
		{"drop,1", "actions: column 1: nothing follows drop"},
		{"1,drop,2", "actions: column 3: nothing follows drop"},
		{"1)", `actions: column 2: unexpected ')'`},
		{"userspace(userdata=00)", "actions: column 1: userspace: pid=N is missing"},
		{"trunc(014)", `actions: column 7: trunc: "014" could be octal or decimal; leave out the leading zero or write 0x`},
		{"push_vlan(vid=4096,pcp=0)", "actions: column 15: push_vlan: vid: 4096 does not fit 12 bits"},
		{strings.Repeat("clone(", 40) + "1" + strings.Repeat(")", 40), "actions: column 193: actions nest deeper than 32 levels"},
		{"hash(l4(1),sym_l4(2))", "actions: column 12: hash: one algorithm is enough"},
		{"hash()", "actions: column 1: hash: l4(BASIS) or sym_l4(BASIS) is missing"},
		{"push_mpls(label=1,tc=0,ttl=1,bos=0)", "actions: column 1: push_mpls: eth_type=... is missing"},
		{"push_mpls(label=1/2)", "actions: column 18: push_mpls: label: no mask here"},
		{"check_pkt_len(size=1,gt(1))", "actions: column 1: check_pkt_len: size=N, gt(...) and le(...) must be given"},
		{"check_pkt_len(size=1,gt(1),gt(2),le(3))", "actions: column 28: check_pkt_len: gt appears twice"},
		{"dec_ttl()", "actions: column 1: dec_ttl: le_1(...) is missing"},
		{"ct(foo)", `actions: column 4: ct: no field "foo"`},
		{"ct(zone=65536)", "actions: column 9: ct: zone: 65536 does not fit 16 bits"},
		{"ct(helper=)", "actions: column 11: ct: helper: a name is missing"},
		{"ct(nat(src,dst))", "actions: column 12: nat: src or dst, not both"},
		{"ct(nat(src=1.2.3.4-1.2.3.3))", "actions: column 12: nat: src: the range ends before it begins"},
		{"ct(nat(src=1.2.3.4-::1))", "actions: column 20: nat: src: addresses of two kinds"},
		{"ct(nat(src=1.2.3.4:80-79))", "actions: column 20: nat: src: the ports end before they begin"},
		{"ct(nat(src=x))", `actions: column 12: nat: src: want an address, found ""`},
		{"set(foo(1))", `actions: column 5: unknown key "foo"`},
		{"set(ipv4(ttl=256))", "actions: column 14: ipv4: ttl: 256 does not fit 8 bits"},
		{"set(skb_mark(1)", `actions: column 16: set: ')' is missing at the end`},
		{"set(eth_type(0/0xffff))", "actions: column 5: set: a value is missing"},
		{"push_nsh(mdtype=2,c1=1)", "actions: column 10: push_nsh: c1 to c4 belong to mdtype=1"},
		{"push_nsh(md2=0x01)", "actions: column 10: push_nsh: md2 belongs to mdtype=2"},
		{"userspace(pid=1,userdata(00),ipfix(output_port=1))", "actions: column 30: userspace: userdata appears twice"},
		{"userspace(pid=1,controller(reason=1))", "actions: column 28: controller: dont_send=N is missing"},
		{"userspace(pid=1,sFlow(vid=1,output=3))", "actions: column 23: sFlow: pcp=N is missing"},
		{"userspace(pid=1,slow_path(foo))", `actions: column 27: slow_path: no flag "foo"`},
		{"drop(x)", `actions: column 6: drop: "x" is no number`},
		{"action40(1)", `actions: column 10: action40: want bytes of two hex digits each, found "1"`},
		{"tnl_pop(x)", `actions: column 9: tnl_pop: no port "x" in the datapath`},
		{"tnl_push(tnl_port(1),out_port(2))", "actions: column 1: tnl_push: tnl_port(N), header(...) and out_port(N) must be given"},
		{"unknown(16384,hex=00)", "actions: column 9: unknown: 16384 does not fit 14 bits"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			as, err := odp.ParseActions(tt.text, nil)
			if err == nil {
				t.Fatalf("taken as %s", as)
			}
			if err.Error() != tt.want {
				t.Errorf("got  %s\nwant %s", err, tt.want)
			}
			if _, ok := errors.AsType[*odp.SyntaxError](err); !ok {
				t.Errorf("%T is no *SyntaxError", err)
			}
		})
	}
}
