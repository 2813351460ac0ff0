// SPDX-License-Identifier: Apache-2.0

package odp_test

import (
	"testing"

	"github.com/dpscope/dpscope/ovs/odp"
)

// What a flow of a virtual network looks like.
const (
	benchFlow = "recirc_id(0x2a),tunnel(tun_id=0x1f4,src=192.0.2.1,dst=192.0.2.2,flags(-df-csum+key)),in_port(3),ct_state(+est-new+trk),ct_zone(0x5)," +
		"eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02),eth_type(0x0800),ipv4(src=10.0.0.0/255.0.0.0,proto=6,frag=no),tcp(dst=443)"
	benchActions = "set(ipv4(src=10.1.0.7)),sample(sample=1.0%,actions(psample(group=7,cookie=0xc0ffee0000000001))),ct(commit,zone=5,nat(src=192.0.2.7)),recirc(0x2b)"
)

// BenchmarkFlow reads a flow with its actions and prints it again: what
// parse-flow and parse-actions do with a line each.
func BenchmarkFlow(b *testing.B) {
	var text []byte
	b.ReportAllocs()
	for b.Loop() {
		_, m, err := odp.ParseFlow(benchFlow, nil)
		if err != nil {
			b.Fatal(err)
		}
		as, err := odp.ParseActions(benchActions, nil)
		if err != nil {
			b.Fatal(err)
		}
		text = as.AppendText(m.AppendText(text[:0], odp.TextOptions{}), odp.TextOptions{})
	}
	if want := len(benchFlow) + len(benchActions); len(text) < want/2 {
		b.Errorf("got %s", text)
	}
}

// BenchmarkDump decodes a flow with its actions and prints it: what dump-flows
// does.
func BenchmarkDump(b *testing.B) {
	key, mask, actions := benchWire(b)
	var text []byte
	b.ReportAllocs()
	for b.Loop() {
		m, err := odp.DecodeMatch(key, mask)
		if err != nil {
			b.Fatal(err)
		}
		as, err := odp.DecodeActions(actions)
		if err != nil {
			b.Fatal(err)
		}
		text = as.AppendText(m.AppendText(text[:0], odp.TextOptions{}), odp.TextOptions{})
	}
}

func benchWire(b *testing.B) (key, mask, actions []byte) {
	b.Helper()
	_, m, err := odp.ParseFlow(benchFlow, nil)
	if err != nil {
		b.Fatal(err)
	}
	as, err := odp.ParseActions(benchActions, nil)
	if err != nil {
		b.Fatal(err)
	}
	if key, err = m.AppendKey(nil); err != nil {
		b.Fatal(err)
	}
	if mask, err = m.AppendMask(nil); err != nil {
		b.Fatal(err)
	}
	if actions, err = as.AppendNetlink(nil); err != nil {
		b.Fatal(err)
	}
	return key, mask, actions
}

func BenchmarkParseFlow(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := odp.ParseFlow(benchFlow, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseActions(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := odp.ParseActions(benchActions, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendText(b *testing.B) {
	_, m, err := odp.ParseFlow(benchFlow, nil)
	if err != nil {
		b.Fatal(err)
	}
	var text []byte
	b.ReportAllocs()
	for b.Loop() {
		text = m.AppendText(text[:0], odp.TextOptions{})
	}
}

func BenchmarkMarshalJSON(b *testing.B) {
	_, m, err := odp.ParseFlow(benchFlow, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.MarshalJSON(); err != nil {
			b.Fatal(err)
		}
	}
}
