// SPDX-License-Identifier: Apache-2.0

package odp_test

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp"
)

func TestActions(t *testing.T) {
	port, zone, web := uint32(3), uint16(5), uint16(80)
	slow := make([]byte, 48)
	binary.NativeEndian.PutUint16(slow, 2)
	binary.NativeEndian.PutUint32(slow[4:], 0xffff)
	binary.NativeEndian.PutUint32(slow[28:], 1|1<<4)
	tests := []struct {
		text  string
		canon string // "" when text is canonical
		want  odp.Actions
	}{
		{"drop", "", nil},
		{" drop ", "drop", nil},
		{"1", "", odp.Actions{odp.Output{Port: 1}}},
		{"1,2,1", "", odp.Actions{odp.Output{Port: 1}, odp.Output{Port: 2}, odp.Output{Port: 1}}},
		{"1 2\t0x10", "1,2,16", odp.Actions{odp.Output{Port: 1}, odp.Output{Port: 2}, odp.Output{Port: 16}}},
		{"psample(group=7,cookie=0xc0ffee)", "", odp.Actions{odp.Psample{Group: 7, Cookie: []byte{0xc0, 0xff, 0xee}}}},
		{"psample(group=7,cookie=c0ffee)", "psample(group=7,cookie=0xc0ffee)", odp.Actions{odp.Psample{Group: 7, Cookie: []byte{0xc0, 0xff, 0xee}}}},
		{"psample(cookie(00c0ff), group=7)", "psample(group=7,cookie=0xc0ff)", odp.Actions{odp.Psample{Group: 7, Cookie: []byte{0, 0xc0, 0xff}}}},
		// ovs-dpctl prints a cookie as a number, with any number of digits.
		{"psample(group=7,cookie=0xabc)", "", odp.Actions{odp.Psample{Group: 7, Cookie: []byte{0x0a, 0xbc}}}},
		{"psample(group=4294967295)", "", odp.Actions{odp.Psample{Group: 1<<32 - 1}}},
		{"trunc(14),psample(group=1)", "", odp.Actions{odp.Trunc{MaxLen: 14}, odp.Psample{Group: 1}}},
		{"sample(sample=50.0%,actions(psample(group=1),2))", "", odp.Actions{odp.Sample{Probability: 1 << 31, Actions: odp.Actions{odp.Psample{Group: 1}, odp.Output{Port: 2}}}}},
		{"sample(sample=50,actions(drop))", "sample(sample=50.0%,actions(drop))", odp.Actions{odp.Sample{Probability: 1 << 31}}},
		{"sample(sample=100.0%,actions(1))", "", odp.Actions{odp.Sample{Probability: 1<<32 - 1, Actions: odp.Actions{odp.Output{Port: 1}}}}},
		{"sample(sample=0.0%,actions(1))", "", odp.Actions{odp.Sample{Probability: 0, Actions: odp.Actions{odp.Output{Port: 1}}}}},
		{"sample(sample=0.001%,actions(1))", "sample(sample=0.0%,actions(1))", odp.Actions{odp.Sample{Probability: 42950, Actions: odp.Actions{odp.Output{Port: 1}}}}},
		{"userspace(pid=5)", "", odp.Actions{odp.Userspace{PID: 5}}},
		{"userspace(pid=5,userdata(c0ffee),actions,tunnel_out_port=3)", "", odp.Actions{odp.Userspace{PID: 5, Userdata: []byte{0xc0, 0xff, 0xee}, EgressTunPort: &port, Actions: true}}},
		{"userspace(pid=5,userdata=0xc0ff,egress_tun_port=3)", "userspace(pid=5,userdata(c0ff),tunnel_out_port=3)", odp.Actions{odp.Userspace{PID: 5, Userdata: []byte{0xc0, 0xff}, EgressTunPort: &port, Actions: false}}},
		{"userspace(pid=5,userdata())", "", odp.Actions{odp.Userspace{PID: 5, Userdata: []byte{}}}},
		{"recirc(0x1)", "", odp.Actions{odp.Recirc{ID: 1}}},
		{"recirc(16)", "recirc(0x10)", odp.Actions{odp.Recirc{ID: 16}}},
		{"clone(1,clone(drop)),2", "", odp.Actions{odp.Clone{Actions: odp.Actions{odp.Output{Port: 1}, odp.Clone{}}}, odp.Output{Port: 2}}},
		{"push_vlan(vid=10,pcp=3),pop_vlan", "", odp.Actions{odp.PushVLAN{TPID: 0x8100, TCI: 0x700a}, odp.PopVLAN{}}},
		{"push_vlan(tpid=0x88a8,vid=0,pcp=0,cfi=0)", "", odp.Actions{odp.PushVLAN{TPID: 0x88a8, TCI: 0}}},
		{"push_mpls(label=5,tc=1,ttl=2,bos=1,eth_type=0x8847),pop_mpls(eth_type=0x800)", "", odp.Actions{odp.PushMPLS{LSE: 5<<12 | 1<<9 | 1<<8 | 2, EtherType: 0x8847}, odp.PopMPLS{EtherType: 0x800}}},
		{"add_mpls(label=5,tc=1,ttl=2,bos=1,eth_type=0x8847)", "", odp.Actions{odp.AddMPLS{LSE: 5<<12 | 1<<9 | 1<<8 | 2, EtherType: 0x8847}}},
		{"push_eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02),pop_eth", "", odp.Actions{odp.PushEth{Src: [6]byte{2, 0, 0, 0, 0, 1}, Dst: [6]byte{2, 0, 0, 0, 0, 2}}, odp.PopEth{}}},
		{"hash(l4(5)),hash(sym_l4(0))", "", odp.Actions{odp.Hash{Basis: 5}, odp.Hash{Alg: 1}}},
		{"hash(alg=1,basis=7)", "hash(sym_l4(7))", odp.Actions{odp.Hash{Alg: 1, Basis: 7}}},
		{"dec_ttl(le_1(drop))", "", odp.Actions{odp.DecTTL{}}},
		{"dec_ttl(le_1(1))", "", odp.Actions{odp.DecTTL{Exceeded: odp.Actions{odp.Output{Port: 1}}}}},
		{"check_pkt_len(le(drop), gt(1), size=100)", "check_pkt_len(size=100,gt(1),le(drop))", odp.Actions{odp.CheckPktLen{PktLen: 100, Greater: odp.Actions{odp.Output{Port: 1}}}}},
		{"1,drop(5)", "1,drop", odp.Actions{odp.Output{Port: 1}, odp.Drop{Reason: 5}}},
		{"1,drop", "", odp.Actions{odp.Output{Port: 1}, odp.Drop{}}},
		{"ct(commit,zone=5,mark=1,nat(dst=1.2.3.4:80))", "ct(commit,zone=5,mark=0x1/0xffffffff,nat(dst=1.2.3.4:80))", odp.Actions{odp.CT{Commit: true, Zone: &zone, Mark: &odp.CTMark{Value: 1, Mask: 0xffffffff},
			NAT: &odp.NAT{Dst: true, IPMin: netip.MustParseAddr("1.2.3.4"), ProtoMin: &web}}}},
		{"set(skb_mark(5))", "set(skb_mark(0x5))", odp.Actions{odp.Set{Field: odp.Field{Type: 15, Value: u32(5)}}}},
		// A mask that is given is one, though it has all the flags there are.
		{"set(ct_state(0x1))", "", odp.Actions{odp.Set{Field: odp.Field{Type: 22, Value: u32(1)}}}},
		{"set(ct_state(+new-est-rel-rpl-inv-trk-snat-dnat))", "", odp.Actions{odp.SetMasked{Field: odp.Field{Type: 22, Value: u32(1), Mask: u32(0xff)}}}},
		// So ovs-dpctl prints what has a mask of zeros.
		{"set(ct_zone())", "", odp.Actions{odp.SetMasked{Field: odp.Field{Type: 23, Value: []byte{0, 0}, Mask: []byte{0, 0}}}}},
		{"set(ct_mark())", "", odp.Actions{odp.SetMasked{Field: odp.Field{Type: 24, Value: u32(0), Mask: u32(0)}}}},
		{"set(ct_label())", "", odp.Actions{odp.SetMasked{Field: odp.Field{Type: 25, Value: make([]byte, 16), Mask: make([]byte, 16)}}}},
		{"set(skb_mark(5/7))", "set(skb_mark(0x5/0x7))", odp.Actions{odp.SetMasked{Field: odp.Field{Type: 15, Value: u32(5), Mask: u32(7)}}}},
		{"userspace(pid=1,slow_path(cfm|lldp))", "userspace(pid=1,slow_path(cfm,lldp))", odp.Actions{odp.Userspace{PID: 1, Userdata: slow}}},
		{"unknown(1,hex=05000000)", "5", odp.Actions{odp.Output{Port: 5}}}, // named where it fits
		{"action40(01 02)", "unknown(40,hex=0102)", odp.Actions{odp.Raw{Type: 40, Data: []byte{1, 2}}}},
		{"ct_clear,meter(9)", "", odp.Actions{odp.CTClear{}, odp.Meter{ID: 9}}},
		{"unknown(8,hex=0102)", "", odp.Actions{odp.Raw{Type: 8, Data: []byte{1, 2}}}},
		{"unknown(24,nested,net,hex=)", "", odp.Actions{odp.Raw{Type: 24, Nested: true, NetByteOrder: true, Data: []byte{}}}},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			got, err := odp.ParseActions(tt.text, nil)
			if err != nil {
				t.Fatal(err)
			}
			if d := diff(tt.want, got); d != "" {
				t.Fatalf("(-want +got):\n%s", d)
			}
			canon := tt.canon
			if canon == "" {
				canon = tt.text
			}
			if s := got.String(); s != canon {
				t.Errorf("text is %s, want %s", s, canon)
			}
			checkActions(t, got)
		})
	}
}

func TestActionsWire(t *testing.T) {
	// Little-endian hosts only differ in attribute headers and host-order
	// numbers, so the expectation is built from parts.
	as, err := odp.ParseActions("trunc(14),psample(group=7,cookie=0xc0ffee),sample(sample=50%,actions(1))", nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := as.AppendNetlink(nil)
	if err != nil {
		t.Fatal(err)
	}
	want := nl.AppendUint32(nil, 13, 14)
	psample := nl.AppendUint32(nil, 1, 7)
	psample = nl.AppendAttr(psample, 2, []byte{0xc0, 0xff, 0xee})
	want = nl.AppendAttr(want, 25|nl.NestedFlag, psample)
	sample := nl.AppendUint32(nil, 1, 1<<31)
	sample = nl.AppendAttr(sample, 2|nl.NestedFlag, nl.AppendUint32(nil, 1, 1))
	want = nl.AppendAttr(want, 6|nl.NestedFlag, sample)
	if d := diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// What is not as documented must come back byte for byte.
func TestOddActionsStayRaw(t *testing.T) {
	group := nl.AppendUint32(nil, 1, 7)
	tests := map[string][]byte{
		"psample without group":   nl.AppendAttr(nil, 2, []byte{1}),
		"psample, group twice":    append(group[:8:8], group...),
		"psample, empty cookie":   nl.AppendAttr(group[:8:8], 2, nil),
		"psample, 17-byte cookie": nl.AppendAttr(group[:8:8], 2, make([]byte, 17)),
		"psample, more inside":    nl.AppendAttr(group[:8:8], 3, []byte{1}),
		"psample, short group":    nl.AppendAttr(nil, 1, []byte{1}),
		"psample, stray bytes":    append(group[:8:8], 1, 2, 3),
		"psample, bad length":     {200, 0, 1, 0},
	}
	for name, payload := range tests {
		t.Run(name, func(t *testing.T) {
			b := nl.AppendAttr(nil, uapi.OVS_ACTION_ATTR_PSAMPLE|nl.NestedFlag, payload)
			as, err := odp.DecodeActions(b)
			if err != nil {
				t.Fatal(err)
			}
			want := odp.Actions{odp.Raw{Type: 25, Nested: true, Data: payload}}
			if d := diff(want, as); d != "" {
				t.Fatalf("(-want +got):\n%s", d)
			}
			checkActions(t, as)
			out, err := as.AppendNetlink(nil)
			if err != nil || diff(b, out) != "" {
				t.Errorf("encodes to %x, %v; want %x", out, err, b)
			}
		})
	}
}

// Kernels print nests without the flag they insist on when they read.
func TestNestedFlagComesBack(t *testing.T) {
	b := nl.AppendAttr(nil, uapi.OVS_ACTION_ATTR_PSAMPLE, nil)
	as, err := odp.DecodeActions(b)
	if err != nil || as.String() != "unknown(25,nested,hex=)" {
		t.Errorf("got %s, %v", as, err)
	}
}

// Built by hand, actions the kernel refuses are encoded all the same.
func TestInvalidActionsEncode(t *testing.T) {
	as := odp.Actions{odp.Psample{Group: 1, Cookie: make([]byte, 17)}}
	b, err := as.AppendNetlink(nil)
	if err != nil || len(b) != 4+8+24 {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	got, err := odp.ParseActions(as.String(), nil)
	if err != nil {
		t.Fatalf("%s: %v", as, err)
	}
	if b2, err := got.AppendNetlink(nil); err != nil || diff(b, b2) != "" {
		t.Errorf("%s encodes to %x, want %x (%v)", as, b2, b, err)
	}
}

func TestActionNames(t *testing.T) {
	as, err := odp.ParseActions("v1,userspace(pid=1,tunnel_out_port=v1)", odp.Ports{"v1": 4})
	if err != nil {
		t.Fatal(err)
	}
	if s := as.String(); s != "4,userspace(pid=1,tunnel_out_port=4)" {
		t.Errorf("got %s", s)
	}
	if s := string(as.AppendText(nil, odp.TextOptions{Names: odp.PortNames{4: "v1"}})); s != "v1,userspace(pid=1,tunnel_out_port=v1)" {
		t.Errorf("got %s", s)
	}
}

// TestOddPortNames: a device may be called like a number or like an action. A
// number is always the number, and text never shows a name that would be read
// as something else.
func TestOddPortNames(t *testing.T) {
	ports := odp.Ports{"2": 5, "0x3": 6, "drop": 7, "pop_vlan": 8, "a(b": 9, "2nd": 10, "v,1": 11, "\x1b[31m": 12, "v1": 13}
	names := odp.PortNames{}
	for name, port := range ports {
		names[port] = name
	}
	as, err := odp.ParseActions("2,0x3,2nd,v1,userspace(pid=1,tunnel_out_port=2)", ports)
	if err != nil {
		t.Fatal(err)
	}
	two := uint32(2)
	if d := diff(odp.Actions{odp.Output{Port: 2}, odp.Output{Port: 3}, odp.Output{Port: 10}, odp.Output{Port: 13}, odp.Userspace{PID: 1, EgressTunPort: &two}}, as); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	_, m, err := odp.ParseFlow("in_port(2)", ports)
	if err != nil || m.String() != "in_port(2)" {
		t.Errorf("in_port(2) is %s, %v", m, err)
	}
	as = nil
	for port := range uint32(14) {
		as = append(as, odp.Output{Port: port})
	}
	text := string(as.AppendText(nil, odp.TextOptions{Names: names}))
	if want := "0,1,2,3,4,5,6,7,8,9,2nd,11,12,v1"; text != want {
		t.Errorf("got %s, want %s", text, want)
	}
	if again, err := odp.ParseActions(text, ports); err != nil || diff(as, again) != "" {
		t.Errorf("%s reads back as %s, %v", text, again, err)
	}
}

func TestHas(t *testing.T) {
	as, err := odp.ParseActions("1,sample(sample=1%,actions(clone(psample(group=1))))", nil)
	if err != nil {
		t.Fatal(err)
	}
	for typ, want := range map[uint16]bool{
		uapi.OVS_ACTION_ATTR_PSAMPLE: true,
		uapi.OVS_ACTION_ATTR_OUTPUT:  true,
		uapi.OVS_ACTION_ATTR_METER:   false,
	} {
		if got := as.Has(typ); got != want {
			t.Errorf("Has(%d) = %v", typ, got)
		}
	}
}
