// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/internal/jsonschema"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs"
	"github.com/dpscope/dpscope/ovs/odp"
)

// checkList prints a list as the tool does and checks it against its schema.
func checkList[T any](t *testing.T, schema string, items []T) string {
	t.Helper()
	name, _, _ := strings.Cut(schema, "/")
	s, err := jsonschema.Load(filepath.Join("..", "..", "docs", "schema", name+".schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := cli.PrintList(&b, schema, items, false); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(b.Bytes()); err != nil {
		t.Errorf("%v in %s", err, &b)
	}
	return b.String()
}

func TestFlowsFollowTheSchema(t *testing.T) {
	flows := []struct{ match, actions string }{
		{"in_port(1)", "drop"},
		{"ufid:b028cc99-9bd1-4d6e-9217-0000566bbcc4,recirc_id(0x1),dp_hash(0x1/0xf),skb_priority(0x1),in_port(4294967295),skb_mark(0x1)," +
			"ct_state(+trk-new),ct_zone(0x1),ct_mark(0x1/0xff),ct_label(0x1/0xff),ct_tuple4(src=1.2.3.4,dst=5.6.7.8,proto=6,tp_src=1,tp_dst=2)," +
			"eth(src=02:00:00:00:00:01),eth_type(0x0800),ipv4(src=10.0.0.0/8,proto=6,frag=later),tcp(src=80,dst=1/0xff),tcp_flags(+syn-ack)",
			"7,userspace(pid=1,userdata(00ff),actions,tunnel_out_port=3),sample(sample=50%,actions(trunc(64),psample(group=4294967295,cookie=0x00c0ff)))"},
		{"ufid:0a0b,eth(),eth_type(0x86dd),ipv6(src=::ffff:1.2.3.4,label=0xfffff),ct_tuple6(src=::1,tp_dst=9),ipv6_exthdrs(0x1),icmpv6(type=135),nd(target=fe80::1,sll=02:00:00:00:00:01)",
			"psample(group=0),recirc(0x1),clone(meter(3),clone(drop)),push_vlan(tpid=0x88a8,vid=4095,pcp=7),pop_vlan,ct_clear"},
		{"eth_type(0x8100),vlan(vid=5,pcp=1),encap(eth_type(0x8100),vlan(vid=6),encap(eth_type(0x0806),arp(op=1,sha=02:00:00:00:00:01)))", "1"},
		{"eth_type(0x0806),arp(op=1,sip=1.2.3.4,tha=02:00:00:00:00:01),sctp(src=1)", "unknown(12,nested,net,hex=00ff)"},
		{"eth_type(0x0800),ipv4(proto=17),udp(dst=53),icmp(type=8)", "unknown(25,nested,hex=)"},
		{"in_port(1),unknown(16,hex=0500040000000000),unknown(44,nested,hex=none/ff)", "drop"},
	}
	var items []flowItem
	for i, f := range flows {
		ufid, match, err := odp.ParseFlow(f.match, nil)
		if err != nil {
			t.Fatal(err)
		}
		actions, err := odp.ParseActions(f.actions, nil)
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, flowItem{UFID: ufid, Match: match, Actions: actions})
		if i > 0 {
			items[i].UsedAgo, items[i].TCPFlags, items[i].Packets = new(uint64(0)), 0xff, 1<<63
			items[i].Unknown = []ovs.Attr{{Type: 16383, Data: []byte{0}}, {Type: 1}}
			match.Exact = true
			items = append(items, flowItem{Match: match})
		}
	}
	out := checkList(t, flowsSchema, items)
	checkList(t, flowsSchema, []flowItem(nil))

	// Every key and action there is has been seen, so that a new one must be
	// entered in the schema.
	var list struct {
		Items []struct {
			Match   struct{ Key map[string]any }
			Actions []map[string]any
		}
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, it := range list.Items {
		for key := range it.Match.Key {
			seen["key "+key] = true
		}
		for _, a := range it.Actions {
			for name := range a {
				seen["action "+name] = true
			}
		}
	}
	want := []string{
		"action output", "action userspace", "action sample", "action psample", "action recirc", "action clone", "action push_vlan",
		"action pop_vlan", "action ct_clear", "action unknown", "key unknown",
	}
	for typ := range odp.KeySpec.Names {
		// What it calls itself in a schema is what a decoded one is called.
		if name := keyMember(t, typ); name != "unknown" {
			want = append(want, "key "+name)
		}
	}
	for _, name := range want {
		if !seen[name] {
			t.Errorf("%s is not among the flows tried", name)
		}
	}
}

// keyMember is under which name a key of this type appears in JSON: its own,
// or "unknown" when there is none. Sizes are tried, as the type alone decides.
func keyMember(t *testing.T, typ uint16) string {
	t.Helper()
	for size := range 48 {
		b, err := json.Marshal(odp.Match{Exact: true, Fields: []odp.Field{{Type: typ, Value: make([]byte, size)}}})
		var js struct{ Key map[string]any }
		if err == nil {
			err = json.Unmarshal(b, &js)
		}
		if err != nil || len(js.Key) != 1 {
			t.Fatalf("key %d: %s, %v", typ, b, err)
		}
		for name := range js.Key {
			if name != "unknown" {
				return name
			}
		}
	}
	return "unknown"
}

func TestDatapathsFollowTheSchema(t *testing.T) {
	bare := ovs.Datapath{Name: "dp0", Ifindex: 1}
	full := bare
	full.UserFeatures, full.MasksCacheSize, full.MegaflowStats = 1<<32-1, new(uint32(0)), &ovs.MegaflowStats{}
	full.Unknown = []ovs.Attr{{Type: 9, Data: []byte{1, 2}}}
	checkList(t, datapathsSchema, []ovs.Datapath{bare, full})
	var ports []ovs.Vport
	for _, typ := range []ovs.VportType{ovs.VportNetdev, ovs.VportInternal, ovs.VportGRE, ovs.VportVXLAN, ovs.VportGeneve, 77} {
		ports = append(ports, ovs.Vport{Name: "p", Type: typ, UpcallPIDs: []uint32{0}})
	}
	last := &ports[len(ports)-1]
	last.NetNSID, last.UpcallStats, last.Options, last.Unknown = new(int32(-1)), &ovs.UpcallStats{}, []byte{0xab}, full.Unknown
	last.Stats.RxBytes = 1<<64 - 1
	out := checkList(t, datapathsSchema, []datapathItem{{bare, []ovs.Vport{}}, {full, ports}})
	if !strings.Contains(out, `"type":"type 77"`) {
		t.Errorf("a port type without a name is lost in %s", out)
	}
	// What a kernel sends without any attribute.
	v, err := ovs.DecodeVport(make([]byte, 4))
	if err != nil {
		t.Fatal(err)
	}
	v.Type = uapi.OVS_VPORT_TYPE_NETDEV
	checkList(t, datapathsSchema, []datapathItem{{bare, []ovs.Vport{v}}})
}
