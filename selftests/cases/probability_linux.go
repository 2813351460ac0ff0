// SPDX-License-Identifier: Apache-2.0

package cases

import (
	"fmt"
	"math"

	"github.com/dpscope/dpscope/ovs/odp"
	"github.com/dpscope/dpscope/selftests"
	"github.com/dpscope/dpscope/selftests/topo"
)

// Shares of sample(), scaled to 2^32.
const (
	half     = 1 << 31
	quarter  = 1 << 30
	tenth    = math.MaxUint32 / 10
	fiftieth = math.MaxUint32 / 50
	// nearly lets all but one packet in millions through: the number is
	// reported, chance plays no part.
	nearly = math.MaxUint32 - 16
)

// statistics is how many packets the cases about shares send.
const statistics = 10_000

func probabilityCases() []selftests.Case {
	action := []selftests.Feature{OpenVSwitch, Psample, PsampleAction}
	return []selftests.Case{
		{
			Name: "ovs-sample-psample", Needs: action,
			Doc: "psample within sample(P) reports P and sees that share of 10000 packets",
			Run: probabilityReported,
		},
		{
			Name: "ovs-sample-always-never", Needs: action,
			Doc: "sample(100%) takes every packet and reports certainty, sample(0%) takes none",
			Run: probabilityLimits,
		},
		{
			Name: "ovs-sample-nested", Needs: action,
			Doc: "sample(50%,sample(25%,psample),psample) reports 25% and then 50%, each with its share",
			Run: probabilityNested,
		},
		{
			Name: "ovs-sample-nested-deep", Needs: action,
			Doc: "through six nested sample() every psample reports the innermost one around it, also on the way out",
			Run: probabilityDeep,
		},
		{
			Name: "ovs-sample-restored", Needs: action,
			Doc: "behind a sample() psample reports certainty again, whether the packet was taken or not",
			Run: probabilityRestored,
		},
		{
			Name: "ovs-sample-second-datapath", Needs: action,
			Doc: "the probability does not follow a packet over a veth pair into a second datapath",
			Run: probabilitySecondDatapath,
		},
		{
			Name: "ovs-sample-clone", Needs: action,
			Doc: "clone(sample(P)) and sample(clone()) report P inside and certainty outside",
			Run: probabilityClone,
		},
		{
			Name: "ovs-sample-recirc", Needs: action,
			Doc: "the probability goes along with recirculation from within sample(), not from behind it",
			Run: probabilityRecirc,
		},
		{
			Name: "ovs-sample-deferred", Needs: action,
			Doc: "the probability goes along with actions the kernel defers when recirculation runs deep",
			Run: probabilityDeferred,
		},
	}
}

// byGroup sorts samples by their group.
func byGroup(samples []topo.Sample) map[uint32][]topo.Sample {
	out := map[uint32][]topo.Sample{}
	for _, s := range samples {
		out[s.Group] = append(out[s.Group], s)
	}
	return out
}

// share is what a probability stands for.
func share(p uint32) float64 { return float64(p) / math.MaxUint32 }

// psampleShort is a psample that cuts the data, to keep long runs small.
func psampleShort(group uint32) []odp.Action {
	return []odp.Action{odp.Trunc{MaxLen: 20}, odp.Psample{Group: group}}
}

// wantShort is what it says.
func (b bridge) wantShort(group, rate uint32, frame []byte) want {
	w := b.want(group, frame)
	w.rate, w.data = rate, frame[:20]
	return w
}

func sampled(p uint32, actions ...odp.Action) odp.Action {
	return odp.Sample{Probability: p, Actions: actions}
}

func probabilityReported(t *selftests.T) {
	b := newBridge(t)
	samples := topo.NewListener(t, t.NS())
	for _, p := range []uint32{half, tenth} {
		b.flow(sampled(p, psampleShort(1)...), odp.Output{Port: b.out})
		frame := b.frame(60)
		b.send.Send(frame, statistics)
		if got := len(b.recv.Take(statistics)); got != statistics {
			t.Fatalf("%d of %d packets went on", got, statistics)
		}
		got := samples.Take(0)
		what := fmt.Sprintf("sample(%.1f%%)", 100*share(p))
		b.wantShort(1, p, frame).checkAll(t, what, got, false)
		checkShare(t, what, len(got), statistics, share(p))
	}
}

func probabilityLimits(t *selftests.T) {
	const n = 1000
	b := newBridge(t)
	samples := topo.NewListener(t, t.NS())
	frame := b.frame(60)
	b.flow(sampled(always, psampleShort(1)...), odp.Output{Port: b.out})
	b.send.Send(frame, n)
	b.wantShort(1, always, frame).checkAll(t, "sample(100%)", samples.Expect(n), false)
	b.recv.Expect(n, frame)

	b.flow(sampled(0, odp.Psample{Group: 1}), odp.Output{Port: b.out})
	b.send.Send(frame, n)
	b.recv.Expect(n, frame)
	samples.Expect(0)

	// The smallest share there is: not taken for "none", hence not certainty.
	b.flow(sampled(1, odp.Psample{Group: 1}), odp.Output{Port: b.out})
	b.send.Send(frame, n)
	b.recv.Expect(n, frame)
	for _, s := range samples.Take(0) {
		if s.Rate != 1 {
			t.Errorf("sample(1 in 2^32) reports %d", s.Rate)
		}
	}
}

func probabilityNested(t *selftests.T) {
	b := newBridge(t)
	samples := topo.NewListener(t, t.NS())
	outer := append([]odp.Action{sampled(quarter, psampleShort(25)...)}, psampleShort(50)...)
	b.flow(sampled(half, outer...), odp.Output{Port: b.out})
	frame := b.frame(60)
	b.send.Send(frame, statistics)
	if got := len(b.recv.Take(statistics)); got != statistics {
		t.Fatalf("%d of %d packets went on", got, statistics)
	}
	got := samples.Take(0)
	for i, s := range got {
		if s.Group == 25 && (i+1 == len(got) || got[i+1].Group != 50) {
			t.Fatalf("sample %d of the inner action is not followed by one of the outer", i+1)
		}
	}
	groups := byGroup(got)
	if len(groups) != 2 {
		t.Errorf("samples of %d groups, want 2", len(groups))
	}
	b.wantShort(25, quarter, frame).checkAll(t, "inner", groups[25], false)
	b.wantShort(50, half, frame).checkAll(t, "outer", groups[50], false)
	checkShare(t, "outer of all", len(groups[50]), statistics, share(half))
	checkShare(t, "inner of all", len(groups[25]), statistics, share(half)*share(quarter))
	checkShare(t, "inner of outer", len(groups[25]), len(groups[50]), share(quarter))
}

// probabilityDeep samples before and after each inner sample(). Group g is
// within g sample() actions.
func probabilityDeep(t *selftests.T) {
	const (
		depth = 6
		n     = 20
	)
	b := newBridge(t)
	samples := topo.NewListener(t, t.NS())
	at := func(level int) uint32 {
		if level == 0 {
			return always
		}
		return nearly - uint32(level)
	}
	var actions odp.Actions
	for level := depth; level >= 0; level-- {
		list := append([]odp.Action{}, psampleShort(uint32(level))...)
		if level < depth {
			list = append(list, sampled(at(level+1), actions...))
			list = append(list, psampleShort(uint32(level))...)
		}
		actions = list
	}
	b.flow(append(actions, odp.Output{Port: b.out})...)
	frame := b.frame(60)
	b.send.Send(frame, n)
	// Where a copy of the flow key is needed and there is none left the kernel
	// puts inner actions off, so the order is its own.
	groups := byGroup(samples.Expect(n * (2*depth + 1)))
	for level := range depth + 1 {
		want := 2 * n
		if level == depth {
			want = n
		}
		group := uint32(level)
		b.wantShort(group, at(level), frame).checkAll(t, fmt.Sprintf("within %d", level), groups[group], false)
		if len(groups[group]) != want {
			t.Errorf("within %d: %d samples, want %d", level, len(groups[group]), want)
		}
	}
	b.recv.Expect(n, frame)
}

func probabilityRestored(t *selftests.T) {
	const n = 2000
	b := newBridge(t)
	samples := topo.NewListener(t, t.NS())
	actions := append([]odp.Action{sampled(half, psampleShort(1)...)}, psampleShort(2)...)
	actions = append(actions, sampled(tenth, psampleShort(3)...))
	actions = append(actions, psampleShort(4)...)
	b.flow(append(actions, odp.Output{Port: b.out})...)
	frame := b.frame(60)
	b.send.Send(frame, n)
	b.recv.Expect(n, frame)
	groups := byGroup(samples.Take(2 * n))
	b.wantShort(1, half, frame).checkAll(t, "within 50%", groups[1], false)
	b.wantShort(2, always, frame).checkAll(t, "behind 50%", groups[2], false)
	b.wantShort(3, tenth, frame).checkAll(t, "within 10%", groups[3], false)
	b.wantShort(4, always, frame).checkAll(t, "behind 10%", groups[4], false)
	for _, g := range []uint32{2, 4} {
		if len(groups[g]) != n {
			t.Errorf("group %d has %d samples, want %d", g, len(groups[g]), n)
		}
	}
	checkShare(t, "50%", len(groups[1]), n, share(half))
	checkShare(t, "10%", len(groups[3]), n, share(tenth))
}

func probabilitySecondDatapath(t *selftests.T) {
	const n = 2000
	b := newBridge(t)
	second := topo.NewDatapath(t, t.NS(), "dp1")
	v3, p3 := topo.Veth(t, 3, t.NS(), t.NS())
	in, out := second.AddDev(b.p2), second.AddDev(v3)
	recv := topo.NewReceiver(t, p3)
	samples := topo.NewListener(t, t.NS())
	list := append(psampleShort(1), odp.Output{Port: b.out})
	b.flow(sampled(half, list...))
	second.PutFlow(topo.Flow{InPort: in, Actions: append(psampleShort(2), odp.Output{Port: out})})
	frame := b.frame(60)
	b.send.Send(frame, n)
	b.dp.WaitPackets(n)
	groups := byGroup(samples.Take(0))
	b.wantShort(1, half, frame).checkAll(t, "first datapath", groups[1], false)
	w := b.wantShort(2, always, frame)
	w.iif = b.p2.Index
	w.checkAll(t, "second datapath", groups[2], false)
	if len(groups[1]) != len(groups[2]) {
		t.Errorf("%d samples in the first datapath, %d in the second", len(groups[1]), len(groups[2]))
	}
	checkShare(t, "50%", len(groups[1]), n, share(half))
	recv.Expect(len(groups[1]), frame)
}

func probabilityClone(t *selftests.T) {
	const n = 20
	b := newBridge(t)
	samples := topo.NewListener(t, t.NS())
	actions := []odp.Action{
		odp.Clone{Actions: append([]odp.Action{sampled(nearly, psampleShort(1)...)}, psampleShort(2)...)},
		odp.Psample{Group: 3},
		sampled(nearly-1, odp.Clone{Actions: psampleShort(4)}, odp.Psample{Group: 5}),
		odp.Clone{Actions: odp.Actions{sampled(nearly-2, odp.Psample{Group: 6})}},
		odp.Psample{Group: 7},
	}
	b.flow(append(actions, odp.Output{Port: b.out})...)
	frame := b.frame(60)
	b.send.Send(frame, n)
	full := func(group, rate uint32) want {
		w := b.want(group, frame)
		w.rate = rate
		return w
	}
	wants := []want{
		b.wantShort(1, nearly, frame), b.wantShort(2, always, frame), full(3, always),
		b.wantShort(4, nearly-1, frame), full(5, nearly-1), full(6, nearly-2), full(7, always),
	}
	for i, s := range samples.Expect(n * len(wants)) {
		wants[i%len(wants)].check(t, fmt.Sprintf("packet %d, group %d", i/len(wants)+1, i%len(wants)+1), s)
		if t.Failed() {
			return
		}
	}
	b.recv.Expect(n, frame)
}

func probabilityRecirc(t *selftests.T) {
	const n = 20
	b := newBridge(t)
	samples := topo.NewListener(t, t.NS())
	frame := b.frame(60)
	for _, tt := range []struct {
		what    string
		actions odp.Actions
		rate    uint32 // what the recirculated packet reports
	}{
		{"recirc last within sample()", odp.Actions{sampled(nearly, odp.Recirc{ID: 1})}, nearly},
		{"recirc within sample(), not last", odp.Actions{sampled(nearly, odp.Recirc{ID: 1}), odp.Psample{Group: 1}}, nearly},
		{"recirc behind sample()", odp.Actions{sampled(nearly, odp.Psample{Group: 2}), odp.Recirc{ID: 1}}, always},
		{"recirc alone", odp.Actions{odp.Recirc{ID: 1}}, always},
	} {
		b.flow(tt.actions...)
		b.dp.PutFlow(topo.Flow{InPort: b.in, Recirc: 1, Actions: odp.Actions{odp.Psample{Group: 3}, odp.Output{Port: b.out}}})
		b.send.Send(frame, n)
		b.recv.Expect(n, frame)
		groups := byGroup(samples.Take(n))
		w := b.want(3, frame)
		w.rate = tt.rate
		w.checkAll(t, tt.what+": recirculated", groups[3], false)
		if len(groups[3]) != n {
			t.Errorf("%s: %d samples of recirculated packets, want %d", tt.what, len(groups[3]), n)
		}
		b.want(1, frame).checkAll(t, tt.what+": behind sample()", groups[1], false)
		w = b.want(2, frame)
		w.rate = nearly
		w.checkAll(t, tt.what+": within sample()", groups[2], false)
	}
}

// probabilityDeferred recirculates more often than the kernel has room for at
// once (OVS_DEFERRED_ACTION_THRESHOLD, net/openvswitch/actions.c: 3), so that
// the rest runs after the first flow's actions, from a queue.
func probabilityDeferred(t *selftests.T) {
	const (
		n    = 20
		last = 6
	)
	b := newBridge(t)
	samples := topo.NewListener(t, t.NS())
	b.flow(sampled(nearly, odp.Recirc{ID: 1}), odp.Psample{Group: 100})
	for id := uint32(1); id < last; id++ {
		b.dp.PutFlow(topo.Flow{InPort: b.in, Recirc: id, Actions: odp.Actions{odp.Psample{Group: id}, odp.Recirc{ID: id + 1}}})
	}
	b.dp.PutFlow(topo.Flow{InPort: b.in, Recirc: last, Actions: odp.Actions{
		odp.Psample{Group: last}, sampled(nearly-1, odp.Psample{Group: 200}), odp.Psample{Group: 300}, odp.Output{Port: b.out},
	}})
	frame := b.frame(60)
	b.send.Send(frame, n)
	b.recv.Expect(n, frame)
	groups := byGroup(samples.Take(n * (last + 3)))
	rates := map[uint32]uint32{100: always, 200: nearly - 1, 300: nearly}
	for id := uint32(1); id <= last; id++ {
		rates[id] = nearly
	}
	for group, rate := range rates {
		w := b.want(group, frame)
		w.rate = rate
		w.checkAll(t, fmt.Sprintf("group %d", group), groups[group], false)
		if len(groups[group]) != n {
			t.Errorf("group %d: %d samples, want %d", group, len(groups[group]), n)
		}
	}
}
