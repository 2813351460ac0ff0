// SPDX-License-Identifier: Apache-2.0

package odp_test

import (
	"testing"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/ovs/odp"
	"github.com/dpscope/dpscope/ovs/odp/odptest"
)

// seeds are texts and bytes of everything there is.
func seeds(f *testing.F, flow func(odp.Match), actions func(odp.Actions)) {
	f.Helper()
	for _, o := range []odptest.Options{{Tame: true}, {}, {Odd: true}} {
		g := odptest.New(17, o)
		for range 40 {
			if flow != nil {
				flow(g.Match())
			}
			if actions != nil {
				actions(g.Actions())
			}
		}
	}
}

// maxFuzz keeps inputs so short that no text or JSON of them outgrows an
// attribute.
const maxFuzz = 8 << 10

func FuzzParseFlow(f *testing.F) {
	for _, s := range []string{
		"in_port(1),eth(src=02:00:00:00:00:01),eth_type(0x0800),ipv4(src=10.0.0.0/8,proto=17,frag=no),udp(dst=53/0xff)",
		"ufid:00000001-0002-0003-0004-000500060007,recirc_id(0x1),ct_state(+est-new),ct_label(0x1/0xff)",
		"eth_type(0x8100),vlan(vid=10,cfi=0),encap(eth_type(0/0xffff),ipv6(src=fe80::/64,label=0x1/0x2))",
		"tcp_flags(syn|ack|0x1000),unknown(16,hex=00/01),unknown(40,nested,hex=none/ff)",
	} {
		f.Add(s, false)
	}
	seeds(f, func(m odp.Match) {
		f.Add(m.String(), false)
		f.Add(string(m.AppendText(nil, lossless)), false)
		f.Add(string(m.AppendText(nil, odp.TextOptions{Dialect: odp.Kselftest, Verbose: true})), true)
	}, nil)
	f.Fuzz(func(t *testing.T, s string, kselftest bool) {
		if len(s) > maxFuzz {
			return
		}
		o := odp.ParseOptions{Ports: odp.Ports{"v1": 1}}
		if kselftest {
			o.Dialect = odp.Kselftest
		}
		ufid, m, err := o.Flow(s)
		if err != nil {
			return
		}
		checkMatch(t, m)
		m.AppendText(nil, odp.TextOptions{Verbose: true})
		m.AppendText(nil, odp.TextOptions{Dialect: odp.Kselftest})
		if ufid != nil {
			if u, err := odp.ParseUFID(ufid.String()); err != nil || string(u) != string(ufid) {
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
		f.Add(s, false)
		f.Add(s, true)
	}
	seeds(f, nil, func(as odp.Actions) {
		f.Add(as.String(), false)
		f.Add(string(as.AppendText(nil, lossless)), false)
		f.Add(string(as.AppendText(nil, odp.TextOptions{Dialect: odp.Kselftest})), true)
	})
	f.Fuzz(func(t *testing.T, s string, kselftest bool) {
		if len(s) > maxFuzz {
			return
		}
		o := odp.ParseOptions{Ports: odp.Ports{"v1": 1}}
		if kselftest {
			o.Dialect = odp.Kselftest
		}
		as, err := o.Actions(s)
		if err != nil {
			return
		}
		as.AppendText(nil, odp.TextOptions{Verbose: true})
		as.AppendText(nil, odp.TextOptions{Dialect: odp.Kselftest})
		if as.CheckKernel() != nil {
			if !kselftest { // which makes values that come back as Raw
				checkActions(t, as)
			}
			return
		}
		b, err := as.AppendNetlink(nil)
		if err != nil {
			t.Fatalf("%s does not encode: %v", as, err)
		}
		decoded, err := odp.DecodeActions(b)
		if err != nil {
			t.Fatalf("%s does not decode: %v", as, err)
		}
		checkActions(t, decoded)
		if !kselftest {
			checkActionsJSON(t, as)
		}
	})
}

func FuzzDecodeActions(f *testing.F) {
	seeds(f, nil, func(as odp.Actions) {
		if b, err := as.AppendNetlink(nil); err == nil {
			f.Add(b)
		}
	})
	f.Add(nl.AppendAttr(nil, 25, nl.AppendUint32(nl.AppendUint32(nil, 1, 7), 1, 8)))
	f.Fuzz(func(t *testing.T, b []byte) {
		as, err := odp.DecodeActions(b)
		if err != nil || len(b) > maxFuzz {
			return
		}
		checkActions(t, as)
		as.AppendText(nil, odp.TextOptions{Verbose: true})
		as.AppendText(nil, odp.TextOptions{Dialect: odp.Kselftest})
	})
}

func FuzzDecodeKey(f *testing.F) {
	seeds(f, func(m odp.Match) {
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
	}, nil)
	f.Fuzz(func(t *testing.T, key, mask []byte, masked bool) {
		if !masked {
			mask = nil
		} else if mask == nil {
			mask = []byte{}
		}
		m, err := odp.DecodeMatch(key, mask)
		if err != nil || len(key)+len(mask) > maxFuzz {
			return
		}
		checkMatch(t, m)
		m.AppendText(nil, odp.TextOptions{Verbose: true})
		m.AppendText(nil, odp.TextOptions{Dialect: odp.Kselftest, Verbose: true})
	})
}

func FuzzMatchJSON(f *testing.F) {
	seeds(f, func(m odp.Match) {
		b, err := m.MarshalJSON()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}, nil)
	f.Fuzz(func(t *testing.T, b []byte) {
		var m odp.Match
		if len(b) < maxFuzz && m.UnmarshalJSON(b) == nil {
			checkMatch(t, reDecode(t, m))
		}
	})
}

func FuzzActionsJSON(f *testing.F) {
	seeds(f, nil, func(as odp.Actions) {
		b, err := as.MarshalJSON()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	})
	f.Fuzz(func(t *testing.T, b []byte) {
		var as odp.Actions
		if len(b) > maxFuzz || as.UnmarshalJSON(b) != nil {
			return
		}
		checkActionsJSON(t, as)
		as.AppendText(nil, odp.TextOptions{})
		as.AppendText(nil, lossless)
		nlb, err := as.AppendNetlink(nil)
		if err != nil {
			return
		}
		decoded, err := odp.DecodeActions(nlb)
		if err != nil {
			t.Fatalf("%s does not decode: %v", b, err)
		}
		checkActions(t, decoded)
	})
}
