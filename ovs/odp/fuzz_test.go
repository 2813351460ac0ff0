// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dpscope/dpscope/nl"
)

func FuzzParseFlow(f *testing.F) {
	for _, s := range []string{
		"in_port(1),eth(src=02:00:00:00:00:01),eth_type(0x0800),ipv4(src=10.0.0.0/8,proto=17,frag=no),udp(dst=53/0xff)",
		"ufid:00000001-0002-0003-0004-000500060007,recirc_id(0x1),ct_state(+est-new),ct_label(0x1/0xff)",
		"eth_type(0x8100),vlan(vid=10,cfi=0),encap(eth_type(0/0xffff),ipv6(src=fe80::/64,label=0x1/0x2))",
		"tcp_flags(syn|ack|0x1000),unknown(16,hex=00/01),unknown(40,nested,hex=none/ff)",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ufid, m, err := ParseFlow(s, Ports{"v1": 1})
		if err != nil {
			return
		}
		checkMatch(t, m)
		if ufid != nil {
			if u, err := ParseUFID(ufid.String()); err != nil || string(u) != string(ufid) {
				t.Errorf("ufid %x reads back as %x, %v", ufid, u, err)
			}
		}
	})
}

func FuzzParseActions(f *testing.F) {
	for _, s := range []string{
		"1,sample(sample=33.3%,actions(trunc(14),psample(group=7,cookie=0xc0ffee))),clone(drop)",
		"userspace(pid=1,userdata(00),actions,tunnel_out_port=3),push_vlan(tpid=0x88a8,vid=1,pcp=2,cfi=0),pop_vlan",
		"recirc(0x1),meter(3),ct_clear,unknown(12,nested,hex=0102)",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		as, err := ParseActions(s, Ports{"v1": 1})
		if err != nil {
			return
		}
		checkText(t, as)
		b, err := as.AppendNetlink(nil)
		if err != nil {
			t.Fatalf("%s does not encode: %v", as, err)
		}
		decoded, err := DecodeActions(b)
		if err != nil {
			t.Fatalf("%s does not decode: %v", as, err)
		}
		checkActions(t, decoded)
	})
}

func FuzzDecodeActions(f *testing.F) {
	for _, s := range []string{"1", "sample(sample=50%,actions(psample(group=7,cookie=0xc0ffee)))", "userspace(pid=1,userdata(00),actions)", "clone(push_vlan(vid=1,pcp=0))"} {
		as, err := ParseActions(s, nil)
		if err != nil {
			f.Fatal(err)
		}
		b, err := as.AppendNetlink(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(nl.AppendAttr(nil, 25, nl.AppendUint32(nl.AppendUint32(nil, 1, 7), 1, 8)))
	f.Fuzz(func(t *testing.T, b []byte) {
		as, err := DecodeActions(b)
		if err != nil {
			return
		}
		checkActions(t, as)
		if len(as) > 0 && len(b) < 60000 { // one attribute holds no more, and text says so
			checkText(t, as)
		}
	})
}

func FuzzDecodeKey(f *testing.F) {
	for _, s := range []string{
		"in_port(1),eth(),eth_type(0x0800),ipv4(src=10.0.0.0/8,proto=17),udp(dst=53)",
		"vlan(vid=1),encap(eth_type(0/0xffff)),arp(op=1),unknown(16,hex=0500040000000000)",
	} {
		_, m, err := ParseFlow(s, nil)
		if err != nil {
			f.Fatal(err)
		}
		key, err := m.AppendKey(nil)
		if err != nil {
			f.Fatal(err)
		}
		mask, err := m.AppendMask(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(key, mask, true)
		f.Add(key, mask, false)
	}
	f.Fuzz(func(t *testing.T, key, mask []byte, masked bool) {
		if !masked {
			mask = nil
		} else if mask == nil {
			mask = []byte{}
		}
		m, err := DecodeMatch(key, mask)
		if err != nil || len(key)+len(mask) > 60000 {
			return
		}
		checkMatch(t, m)
	})
}

func FuzzMatchJSON(f *testing.F) {
	f.Add([]byte(`{"key":{"in_port":1,"eth":{"src":"02:00:00:00:00:01"},"vlan":{"vid":1,"pcp":2,"cfi":1},"unknown":[{"type":40,"hex":"00"}]},"mask":{"in_port":255}}`))
	f.Add([]byte(`{"key":{"encap":{"ct_label":"00000000000000000000000000000001"}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var m Match
		if m.UnmarshalJSON(b) == nil {
			checkMatchJSON(t, reDecode(t, m))
		}
	})
}

func FuzzActionsJSON(f *testing.F) {
	f.Add([]byte(`[{"output":1},{"sample":{"probability":5,"actions":[{"psample":{"group":7,"cookie":"c0ffee"}}]}},{"unknown":{"type":12,"hex":"01"}}]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var as Actions
		if as.UnmarshalJSON(b) != nil {
			return
		}
		j, err := as.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		var again Actions
		if err := again.UnmarshalJSON(j); err != nil {
			t.Fatalf("own JSON %s is refused: %v", j, err)
		}
		if d := cmp.Diff(as, again); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	})
}

func BenchmarkParseFlow(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := ParseFlow("recirc_id(0),in_port(1),eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02),eth_type(0x0800),ipv4(src=10.0.0.0/255.0.0.0,proto=17,frag=no),udp(dst=53)", nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendText(b *testing.B) {
	_, m, err := ParseFlow("recirc_id(0),in_port(1),eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02),eth_type(0x0800),ipv4(src=10.0.0.0/255.0.0.0,proto=17,frag=no),udp(dst=53)", nil)
	if err != nil {
		b.Fatal(err)
	}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = m.AppendText(buf[:0], TextOptions{})
	}
}

func BenchmarkParseActions(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseActions("sample(sample=50%,actions(trunc(64),psample(group=7,cookie=0xc0ffee))),2", nil); err != nil {
			b.Fatal(err)
		}
	}
}
