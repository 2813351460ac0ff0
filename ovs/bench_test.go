// SPDX-License-Identifier: Apache-2.0

package ovs

import (
	"fmt"
	"testing"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp"
)

// benchFlows are messages as a dump has them: half the flows share a few lists
// of actions.
func benchFlows(tb testing.TB, n int) [][]byte {
	tb.Helper()
	common := []string{"2", "3", "push_vlan(vid=7,pcp=0),2", "recirc(43)", "ct(commit,zone=5),recirc(44)"}
	var out [][]byte
	for i := range n {
		text := fmt.Sprintf("ufid:%08x-0000-0000-0000-000000000001,recirc_id(0),in_port(%d),eth(src=02:00:00:00:%02x:%02x,dst=02:00:00:00:00:02),"+
			"eth_type(0x0800),ipv4(src=10.0.%d.%d,dst=10.9.8.0/255.255.255.0,proto=6,frag=no),tcp(dst=%d),tcp_flags(0/0)",
			i, i%3, i>>8&255, i&255, i>>8&255, i&255, i%50000)
		actions := common[i%len(common)]
		if i%2 == 0 {
			actions = fmt.Sprintf("set(ipv4(dst=10.0.%d.%d)),set(eth(dst=02:00:01:00:%02x:%02x)),1", i>>8&255, i&255, i>>8&255, i&255)
		}
		spec := FlowSpec{}
		var err error
		if spec.UFID, spec.Match, err = odp.ParseFlow(text, nil); err == nil {
			spec.Actions, err = odp.ParseActions(actions, nil)
		}
		if err != nil {
			tb.Fatal(err)
		}
		b, err := spec.appendAttrs(appendHeader(nil, 5), true)
		if err != nil {
			tb.Fatal(err)
		}
		b = nl.AppendAttr(b, uapi.OVS_FLOW_ATTR_STATS, uint64s(uint64(i), uint64(i)*100))
		out = append(out, nl.AppendUint64(b, uapi.OVS_FLOW_ATTR_USED, uint64(i)))
	}
	return out
}

// BenchmarkFlowDecode is what Flows does with a message; BenchmarkFlowText
// prints it as well.
func BenchmarkFlowDecode(b *testing.B) { benchmarkFlows(b, func(*Flow) {}) }

func BenchmarkFlowText(b *testing.B) {
	var line []byte
	benchmarkFlows(b, func(f *Flow) {
		line = f.Match.AppendText(line[:0], odp.TextOptions{})
		line = f.Actions.AppendText(line, odp.TextOptions{})
	})
}

func benchmarkFlows(b *testing.B, use func(*Flow)) {
	msgs := benchFlows(b, 20000)
	var d flowDecoder
	b.ReportAllocs()
	i := 0
	var (
		f   Flow
		err error
	)
	for b.Loop() {
		if f, err = d.decode(msgs[i]); err != nil {
			b.Fatal(err)
		}
		use(&f)
		if i++; i == len(msgs) {
			i = 0
		}
	}
}
