// SPDX-License-Identifier: Apache-2.0

package odp_test

import (
	"encoding/json"
	"testing"

	"github.com/dpscope/dpscope/ovs/odp"
)

// TestMatchJSON is what keys look like.
func TestMatchJSON(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"unmasked(),in_port(1),eth_type(0x0800)", `{"key":{"in_port":1,"eth_type":2048}}`},
		{"ct_label(0x1/0xff)", `{"key":{"ct_label":"00000000000000000000000000000001"},"mask":{"ct_label":"000000000000000000000000000000ff"}}`},
		{"vlan(vid=5,pcp=3),encap(icmp(type=8))", `{"key":{"vlan":{"vid":5,"pcp":3,"cfi":1},"encap":{"icmp":{"type":8,"code":0}}},"mask":{"vlan":{"vid":4095,"pcp":7,"cfi":1},"encap":{"icmp":{"type":255,"code":0}}}}`},
		{"tunnel(tun_id=0x5,dst=1.2.3.4/none,flags(+df-csum))", `{"key":{"tunnel":{"tun_id":"0000000000000005","dst":"1.2.3.4","df":true}},"mask":{"tunnel":{"tun_id":"ffffffffffffffff","df":true,"csum":true}}}`},
		{"tunnel(geneve({class=0x102,type=3,len=4,0x5/0xff}))", `{"key":{"tunnel":{"geneve":[{"class":258,"type":3,"length":1,"reserved":0,"data":"00000005"}]}},"mask":{"tunnel":{"geneve":[{"class":65535,"type":255,"length":31,"reserved":0,"data":"000000ff"}]}}}`},
		{"mpls(label=1,tc=2,ttl=3,bos=1)", `{"key":{"mpls":[{"label":1,"tc":2,"ttl":3,"bos":1}]},"mask":{"mpls":[{"label":1048575,"tc":7,"ttl":255,"bos":1}]}}`},
		{"unmasked(),nsh(mdtype=1,spi=5,c1=7)", `{"key":{"nsh":{"base":{"flags":0,"ttl":0,"mdtype":1,"np":0,"spi":5,"si":0},"md1":{"c1":7,"c2":0,"c3":0,"c4":0}}}}`},
		// Of the wrong size, with flags, and not the last.
		{"unmasked(),unknown(6,hex=08),unknown(60,nested,net,hex=01),in_port(1)", `{"key":{"in_port":1,"unknown":[{"type":6,"hex":"08"},{"type":60,"nested":true,"net_byte_order":true,"hex":"01"}],"order":[6,60,3]}}`},
		{"unknown(3,hex=01000000/none),unknown(18,hex=none/0007)", `{"key":{"in_port":1},"mask":{"tcp_flags":7}}`},
	} {
		_, m, err := odp.ParseFlow(tt.text, nil)
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(m)
		if err != nil || string(b) != tt.want {
			t.Errorf("%s\ngot  %s, %v\nwant %s", tt.text, b, err, tt.want)
		}
		checkMatch(t, m)
	}
}

// TestActionsJSON is what actions look like.
func TestActionsJSON(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"drop", `[]`},
		{"1,pop_vlan,trunc(5),drop(3)", `[{"output":1},{"pop_vlan":{}},{"trunc":5},{"drop":3}]`},
		{"psample(group=1,cookie=000a)", `[{"psample":{"group":1,"cookie":"000a"}}]`},
		{"set(eth_type(0x800)),set(skb_mark(5/7))", `[{"set":{"key":{"eth_type":2048}}},{"set_masked":{"key":{"skb_mark":5},"mask":{"skb_mark":7}}}]`},
		{"ct(commit,zone=5,mark=0x1/0x3,helper=ftp,nat(src=1.2.3.4:5))", `[{"ct":{"commit":true,"force_commit":false,"zone":5,"mark":{"value":1,"mask":3},"helper":"ftp","nat":{"src":true,"dst":false,"ip_min":"1.2.3.4","proto_min":5,"persistent":false,"proto_hash":false,"proto_random":false}}}]`},
		{"clone(1),sample(sample=100%,actions(drop))", `[{"clone":[{"output":1}]},{"sample":{"probability":4294967295,"actions":[]}}]`},
		{"check_pkt_len(size=9,gt(1),le(drop)),dec_ttl(le_1(2))", `[{"check_pkt_len":{"pkt_len":9,"actions_if_greater":[{"output":1}],"actions_if_less_equal":[]}},{"dec_ttl":{"action":[{"output":2}]}}]`},
		{"hash(l4(5)),push_vlan(vid=1,pcp=0)", `[{"hash":{"alg":0,"basis":5}},{"push_vlan":{"tpid":33024,"tci":4097}}]`},
		{"add_mpls(label=1,tc=2,ttl=3,bos=1,eth_type=0x8847)", `[{"add_mpls":{"label":1,"tc":2,"ttl":3,"bos":1,"eth_type":34887,"tun_flags":0}}]`},
		{"userspace(pid=1,ipfix(output_port=7),tunnel_out_port=3)", `[{"userspace":{"pid":1,"userdata":"04000000ffff000000000000000000000000000000000000070000000000000000000000000000000000000000000000"` +
			`,"cookie":{"type":"ipfix","ofp_in_port":65535,"ofproto_uuid":"00000000-0000-0000-0000-000000000000","output_port":7},"egress_tun_port":3,"actions":false}}]`},
		{"unknown(6,nested,hex=00)", `[{"unknown":{"type":6,"nested":true,"hex":"00"}}]`},
		{"unknown(25,nested,hex=0500020005000000080001000" + "1000000)", `[{"psample":{"group":1,"cookie":"05","order":[2,1]}}]`},
	} {
		as, err := odp.ParseActions(tt.text, nil)
		if err != nil {
			t.Fatalf("%s: %v", tt.text, err)
		}
		b, err := json.Marshal(as)
		if err != nil || string(b) != tt.want {
			t.Errorf("%s\ngot  %s, %v\nwant %s", tt.text, b, err, tt.want)
		}
		checkActions(t, as)
	}
}

// TestCookieJSON: the words alone are enough to be read, and the bytes beside
// them may not say anything else.
func TestCookieJSON(t *testing.T) {
	var as odp.Actions
	if err := json.Unmarshal([]byte(`[{"userspace":{"pid":1,"cookie":{"type":"slow_path","reason":17},"actions":false}}]`), &as); err != nil {
		t.Fatal(err)
	}
	if got := as.String(); got != "userspace(pid=1,slow_path(cfm,lldp))" {
		t.Errorf("got %s", got)
	}
	checkActions(t, as)
}

func TestActionJSONErrors(t *testing.T) {
	for _, s := range []string{
		`[{"output":1,"trunc":2}]`, `[{}]`, `[{"foo":1}]`, `[{"output":-1}]`, `[{"output":4294967296}]`,
		`[{"psample":{"group":1,"cookie":"abc"}}]`, `[{"psample":{"group":1,"extra":1}}]`,
		`[{"unknown":{"type":16384,"hex":""}}]`, `[{"unknown":{"type":1,"hex":"zz"}}]`,
		`[{"output":null}]`, `[{"pop_vlan":{"x":1}}]`, `[{"push_vlan":null}]`, `[{"clone":{}}]`, `[{"sample":{"probability":1}}]`,
		`[{"sample":{"probability":1,"actions":[{"foo":1}]}}]`, `[{"set":{"key":{"in_port":1,"skb_mark":2}}}]`, `[{"set":{"key":{"in_port":1},"mask":{"in_port":1}}}]`,
		`[{"set":{"key":{}}}]`, `[{"set_masked":{"key":{"in_port":1}}}]`, `[{"set_masked":{"key":{"in_port":1},"mask":{"skb_mark":1}}}]`,
		`[{"ct":{"labels":{"value":"00","mask":"00"}}}]`, `[{"ct":{"nat":{"ip_min":"x"}}}]`, `[{"ct":{"nat":{"ip_min":"fe80::1%eth0"}}}]`, `[{"ct":{"helper":"a,b"}}]`,
		`[{"userspace":{"pid":1,"cookie":{"reason":1}}}]`, `[{"userspace":{"pid":1,"cookie":{"type":"x"}}}]`,
		`[{"userspace":{"pid":1,"userdata":"00","cookie":{"type":"ipfix","output_port":1}}}]`, `[{"userspace":{"pid":1,"cookie":{"type":"ipfix","ofproto_uuid":"0a"}}}]`,
		`[{"push_mpls":{"label":1048576}}]`, `[{"push_nsh":{"foo":1}}]`, `[{"tnl_push":{"header":1}}]`, `[{"lb_output":-1}]`,
		`{"output":1}`, `[1]`,
	} {
		var as odp.Actions
		if err := json.Unmarshal([]byte(s), &as); err == nil {
			t.Errorf("%s taken as %s", s, as)
		}
	}
}

func TestMatchJSONErrors(t *testing.T) {
	for _, s := range []string{
		`{}`, `{"key":{"foo":1}}`, `{"key":{"in_port":-1}}`, `{"key":{"in_port":1.5}}`, `{"key":{"in_port":"1"}}`,
		`{"key":{"eth_type":65536}}`, `{"key":{"eth":{"foo":1}}}`, `{"key":{"eth":{"src":"1.2.3.4"}}}`,
		`{"key":{"ipv4":{"src":"::1"}}}`, `{"key":{"ipv6":{"src":"fe80::1%eth0"}}}`, `{"key":{"ct_label":"00"}}`,
		`{"key":{"vlan":{"vid":4096}}}`, `{"key":{"in_port":1,"in_port":2}}`, `{"key":{},"mask":{"foo":1}}`,
		`{"key":{"encap":{"foo":1}}}`, `{"key":{"tunnel":{"tun_id":1}}}`, `{"key":{"tunnel":{"tun_id":"01"}}}`, `{"key":{"tunnel":{"df":false}}}`,
		`{"key":{"tunnel":{"geneve":{}}}}`, `{"key":{"tunnel":{"geneve":[{"foo":1}]}}}`, `{"key":{"tunnel":{"geneve":[{"class":65536}]}}}`,
		`{"key":{"tunnel":{"vxlan":{"gbp":{"x":1}}}}}`, `{"key":{"nsh":{"base":1}}}`, `{"key":{"mpls":[]}}`, `{"key":{"mpls":[{"label":1048576}]}}`,
		`{"key":{"eth":{"src":"02:00:00:00:00:01","src":"02:00:00:00:00:01"}}}`, `{"key":{"in_port":1,"order":[3,4]}}`, `{"key":{"in_port":1,"order":[4]}}`,
		`{"key":{},"extra":1}`, `{"key":[]}`, `{"key":{"unknown":[{"type":3,"hex":"00"},{"type":3,"hex":"00"}]}}`,
	} {
		var m odp.Match
		if err := json.Unmarshal([]byte(s), &m); err == nil {
			t.Errorf("%s taken as %s", s, m)
		}
	}
}
