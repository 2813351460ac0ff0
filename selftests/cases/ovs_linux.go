// SPDX-License-Identifier: Apache-2.0

package cases

import (
	"fmt"
	"math"

	"github.com/dpscope/dpscope/ovs/odp"
	"github.com/dpscope/dpscope/selftests"
	"github.com/dpscope/dpscope/selftests/topo"
)

// ovsCases are the cases about Open vSwitch's actions, probability aside.
func ovsCases() []selftests.Case {
	action := []selftests.Feature{OpenVSwitch, Psample, PsampleAction}
	return []selftests.Case{
		{
			Name: "ovs-psample", Needs: action,
			Doc: "the psample action samples without a cookie, with sequence number 0, for any group",
			Run: ovsPsample,
		},
		{
			Name: "ovs-psample-cookie", Needs: action,
			Doc: "cookies of 1 and of 16 bytes arrive as they are; each of several actions has its own",
			Run: ovsPsampleCookie,
		},
		{
			Name: "ovs-trunc-psample", Needs: action,
			Doc: "a trunc before psample cuts the data, not the original size, and is over after that",
			Run: ovsTruncPsample,
		},
		{
			Name: "ovs-trunc-shorter", Needs: action,
			Doc: "trunc counts from the packet's start, also when an action behind it takes a header off",
			Run: ovsTruncShorter,
		},
		{
			Name: "ovs-trunc-gso", Needs: action,
			Doc: "a trunc of a packet that is segmented on its way to user space holds for each segment",
			Run: ovsTruncGSO,
		},
		{
			Name: "ovs-psample-last", Needs: action,
			Doc: "psample as the last action consumes the packet: nothing leaks, the datapath goes on",
			Run: ovsPsampleLast,
		},
		{
			Name: "ovs-psample-last-no-drop", Needs: append(action[:3:3], Tracepoints),
			Doc: "a packet that ends with psample counts as used: no drop reason is traced",
			Run: ovsPsampleLastNoDrop,
		},
		{
			Name: "ovs-psample-no-listener", Needs: action,
			Doc: "psample without a listener lets packets pass and harms nothing",
			Run: ovsNoListener,
		},
		{
			Name: "ovs-psample-foreign-netns", Needs: action,
			Doc: "samples stay in the datapath's namespace, also when the port's device came from another",
			Run: ovsForeignNetNS,
		},
		{
			Name: "ovs-psample-sizes", Needs: action,
			Doc: "packets of every size from 42 to 1514 bytes are sampled whole, with cookie and probability",
			Run: ovsPsampleSizes,
		},
		{
			Name: "ovs-psample-huge", Needs: action,
			Doc: "a packet larger than a sample can carry is cut to what fits and still reported",
			Run: ovsPsampleHuge,
		},
		{
			Name: "ovs-psample-execute", Needs: action,
			Doc: "psample works in packets that user space injects, and reports certainty",
			Run: ovsPsampleExecute,
		},
		{
			Name: "ovs-tc-shared-group", Needs: append(action[:3:3], TCSample),
			Doc: "tc and Open vSwitch sample the same packets into one group: only tc's count, only the other's rate is a probability",
			Run: sharedGroup,
		},
		{
			Name: "ovs-psample-vlan", Needs: action,
			Doc: "psample between push_vlan and pop_vlan leaves the packet as it is",
			Run: ovsPsampleVLAN,
		},
	}
}

// bridge is a datapath with two ports: frames sent by p1 come in at port in,
// and what goes to port out reaches p2.
type bridge struct {
	dp             *topo.Datapath
	v1, p1, v2, p2 topo.Dev
	in, out        uint32
	send           *topo.Sender
	recv           *topo.Receiver
}

func newBridge(t *selftests.T) bridge {
	var b bridge
	b.v1, b.p1 = topo.Veth(t, 1, t.NS(), t.NS())
	b.v2, b.p2 = topo.Veth(t, 2, t.NS(), t.NS())
	b.dp = topo.NewDatapath(t, t.NS(), "dp0")
	b.in, b.out = b.dp.AddDev(b.v1), b.dp.AddDev(b.v2)
	b.send, b.recv = topo.NewSender(t, b.p1), topo.NewReceiver(t, b.p2)
	return b
}

func (b bridge) frame(n int) []byte { return b.p1.UDPTo(b.p2, n) }

// flow gives all packets that come in these actions.
func (b bridge) flow(actions ...odp.Action) {
	b.dp.PutFlow(topo.Flow{InPort: b.in, Actions: actions})
}

// want is what a sample of a frame says: Open vSwitch's have no sequence.
func (b bridge) want(group uint32, frame []byte) want {
	return want{group: group, rate: always, probability: true, iif: b.v1.Index, orig: len(frame), data: frame}
}

func ovsPsample(t *selftests.T) {
	b := newBridge(t)
	samples := topo.NewListener(t, t.NS())
	for _, group := range []uint32{0, 5, math.MaxUint32} {
		b.flow(odp.Psample{Group: group}, odp.Output{Port: b.out})
		frame := b.frame(100)
		b.send.Send(frame, 9)
		b.want(group, frame).checkAll(t, fmt.Sprintf("group %d", group), samples.Expect(9), false)
		b.recv.Expect(9, frame)
	}
}

func ovsPsampleCookie(t *selftests.T) {
	b := newBridge(t)
	samples := topo.NewListener(t, t.NS())
	cookies := [][]byte{{0}, cookie16, nil, {0xff, 0xfe}}
	var actions odp.Actions
	for i, c := range cookies {
		actions = append(actions, odp.Psample{Group: uint32(i), Cookie: c})
	}
	b.flow(append(actions, odp.Output{Port: b.out})...)
	const n = 3
	frame := b.frame(75)
	b.send.Send(frame, n)
	for i, s := range samples.Expect(n * len(cookies)) {
		// One packet's samples come in the order of its actions.
		w := b.want(uint32(i%len(cookies)), frame)
		w.cookie = cookies[i%len(cookies)]
		w.check(t, fmt.Sprintf("sample %d", i+1), s)
		checkAttrPadding(t, s)
	}
	b.recv.Expect(n, frame)
}

func ovsTruncPsample(t *selftests.T) {
	b := newBridge(t)
	samples := topo.NewListener(t, t.NS())
	frame := b.frame(101)
	ps := func(group uint32) odp.Action { return odp.Psample{Group: group} }
	out := odp.Output{Port: b.out}
	for _, tt := range []struct {
		what    string
		actions odp.Actions
		data    []int // bytes of data in each sample, group 0 first
		sent    int   // bytes of the packet that goes out
	}{
		{"trunc, psample, output", odp.Actions{odp.Trunc{MaxLen: 20}, ps(0), out}, []int{20}, 101},
		{"trunc to the Ethernet header", odp.Actions{odp.Trunc{MaxLen: 14}, ps(0), out}, []int{14}, 101},
		{"trunc, two psamples, output", odp.Actions{odp.Trunc{MaxLen: 21}, ps(0), ps(1), out}, []int{21, 101}, 101},
		{"trunc, output, psample", odp.Actions{odp.Trunc{MaxLen: 60}, out, ps(0)}, []int{101}, 60},
		{"a trunc each", odp.Actions{odp.Trunc{MaxLen: 22}, ps(0), odp.Trunc{MaxLen: 33}, ps(1), odp.Trunc{MaxLen: 44}, out}, []int{22, 33}, 44},
		{"trunc to the length", odp.Actions{odp.Trunc{MaxLen: 101}, ps(0), out}, []int{101}, 101},
		{"trunc beyond the length", odp.Actions{odp.Trunc{MaxLen: 9000}, ps(0), out}, []int{101}, 101},
		// What is within sample() uses up the trunc of its copy only.
		{"trunc, sample with psample", odp.Actions{odp.Trunc{MaxLen: 23}, odp.Sample{Probability: always, Actions: odp.Actions{ps(0)}}, out}, []int{23}, 23},
		{"trunc, sample with psample, psample", odp.Actions{odp.Trunc{MaxLen: 23}, odp.Sample{Probability: always, Actions: odp.Actions{ps(0)}}, ps(1), out}, []int{23, 23}, 101},
		{"trunc within sample", odp.Actions{odp.Sample{Probability: always, Actions: odp.Actions{odp.Trunc{MaxLen: 24}, ps(0)}}, ps(1), out}, []int{24, 101}, 101},
		{"trunc, psample last", odp.Actions{out, odp.Trunc{MaxLen: 25}, ps(0)}, []int{25}, 101},
	} {
		b.flow(tt.actions...)
		b.send.Send(frame, 2)
		for i, s := range samples.Expect(2 * len(tt.data)) {
			w := b.want(uint32(i%len(tt.data)), frame)
			w.data = frame[:tt.data[i%len(tt.data)]]
			w.check(t, fmt.Sprintf("%s, sample %d", tt.what, i+1), s)
			checkPadding(t, s, len(w.data))
		}
		b.recv.Expect(2, frame[:tt.sent])
	}
}

func ovsPsampleLast(t *selftests.T) {
	const n = 20_000
	b := newBridge(t)
	samples := topo.NewListener(t, t.NS())
	b.flow(odp.Psample{Group: 1, Cookie: []byte{1}})
	frame := b.frame(100)
	w := b.want(1, frame)
	w.cookie = []byte{1}
	b.send.Send(frame, 50)
	w.checkAll(t, "alone", samples.Expect(50), false)
	samples.Close()

	// Not heard, psample is cheap: a leak of one buffer per packet shows.
	lists := map[string]odp.Actions{
		"psample":          {odp.Psample{Group: 1}},
		"trunc, psample":   {odp.Trunc{MaxLen: 20}, odp.Psample{Group: 1}},
		"psample, psample": {odp.Psample{Group: 1}, odp.Psample{Group: 2}},
		"sample(psample)":  {odp.Sample{Probability: 1 << 31, Actions: odp.Actions{odp.Psample{Group: 1}}}},
		"clone(psample)":   {odp.Clone{Actions: odp.Actions{odp.Psample{Group: 1}}}},
	}
	for what, actions := range lists {
		b.flow(actions...)
		b.send.Send(frame, 100) // fill what is kept per CPU
		before, known := skbsInUse(t)
		b.send.Send(frame, n)
		after, _ := skbsInUse(t)
		if known && after > before+n/4 {
			t.Errorf("%s as the last action: %d packet buffers more in use after %d packets", what, after-before, n)
		}
	}

	samples = topo.NewListener(t, t.NS())
	b.flow(odp.Psample{Group: 1, Cookie: []byte{1}}, odp.Output{Port: b.out})
	b.send.Send(frame, 5)
	w.checkAll(t, "afterwards", samples.Expect(5), false)
	b.recv.Expect(5, frame)
}

func ovsPsampleLastNoDrop(t *selftests.T) {
	b := newBridge(t)
	for what, actions := range map[string]odp.Actions{
		"psample":               {odp.Psample{Group: 1}},
		"trunc, psample":        {odp.Trunc{MaxLen: 20}, odp.Psample{Group: 1}},
		"sample(100%, psample)": {odp.Sample{Probability: always, Actions: odp.Actions{odp.Psample{Group: 1}}}},
		"clone(psample)":        {odp.Clone{Actions: odp.Actions{odp.Psample{Group: 1}}}},
	} {
		b.flow(actions...)
		if got := b.seeDrop(t); got != "no reason" {
			t.Errorf("%s as the last action: %s is traced", what, got)
		}
	}
}

func ovsNoListener(t *selftests.T) {
	b := newBridge(t)
	b.flow(odp.Psample{Group: 1, Cookie: cookie16}, odp.Trunc{MaxLen: 30}, odp.Psample{Group: 2}, odp.Output{Port: b.out})
	frame := b.frame(100)
	b.send.Send(frame, 200)
	b.recv.Expect(200, frame)
	samples := topo.NewListener(t, t.NS())
	samples.Close()
	b.send.Send(frame, 200)
	b.recv.Expect(200, frame)
}

func ovsForeignNetNS(t *selftests.T) {
	b := newBridge(t)
	elsewhere := topo.NewNS(t)
	v3, p3 := topo.Veth(t, 3, t.NS(), elsewhere)
	foreign := topo.NewListener(t, elsewhere)
	own := topo.NewListener(t, t.NS())
	in := b.dp.AddDev(v3)
	b.dp.PutFlow(topo.Flow{InPort: in, Actions: odp.Actions{odp.Psample{Group: 4, Cookie: cookie16}, odp.Output{Port: b.out}}})
	frame := p3.UDPTo(b.p2, 100)
	const n = 20
	topo.NewSender(t, p3).Send(frame, n)
	w := b.want(4, frame)
	w.iif, w.cookie = v3.Index, cookie16
	w.checkAll(t, "own namespace", own.Expect(n), false)
	if got := foreign.Take(0); len(got) > 0 {
		t.Errorf("a listener in the sender's namespace got %d samples", len(got))
	}
	b.recv.Expect(n, frame)
}

func ovsPsampleSizes(t *selftests.T) {
	b := newBridge(t)
	samples := topo.NewListener(t, t.NS())
	const last = 1514
	for _, cookie := range [][]byte{nil, {1, 2, 3}, cookie16} {
		b.flow(odp.Psample{Group: 1, Cookie: cookie})
		for n := topo.FrameMin; n <= last; n++ {
			b.send.Send(b.frame(n), 1)
		}
		// The message has exactly the room its parts need: one that was not
		// counted shows at those lengths where the allocator adds none.
		for i, s := range samples.Expect(last - topo.FrameMin + 1) {
			w := b.want(1, b.frame(topo.FrameMin+i))
			w.cookie = cookie
			w.check(t, fmt.Sprintf("%d bytes, cookie %x", w.orig, cookie), s)
			if t.Failed() {
				return
			}
		}
	}
}

// psampleMax is PSAMPLE_MAX_PACKET_SIZE, net/psample/psample.c.
const psampleMax = 0xffff

func ovsPsampleHuge(t *selftests.T) {
	b := newBridge(t)
	for _, d := range []topo.Dev{b.v1, b.p1, b.v2, b.p2} {
		d.SetMTU(t, 65535)
	}
	samples := topo.NewListener(t, t.NS())
	b.flow(odp.Psample{Group: 1, Cookie: cookie16}, odp.Output{Port: b.out})
	for _, n := range []int{9014, 65300, 65400, 65450, 65500, 65549} {
		frame := b.frame(n)
		b.send.Send(frame, 1)
		s := samples.Expect(1)[0]
		if len(s.Raw) > psampleMax+topo.SampleHeaders {
			t.Errorf("%d bytes: a sample of %d bytes, more than psample allows", n, len(s.Raw))
		}
		if len(s.Data) < min(n, psampleMax-256) {
			t.Errorf("%d bytes: only %d bytes of data", n, len(s.Data))
		}
		w := b.want(1, frame)
		w.cookie, w.data = cookie16, frame[:min(len(s.Data), n)]
		w.check(t, fmt.Sprintf("%d bytes", n), s)
		b.recv.Expect(1, frame)
	}
}

func ovsPsampleExecute(t *selftests.T) {
	b := newBridge(t)
	samples := topo.NewListener(t, t.NS())
	frame := b.frame(90)
	w := b.want(6, frame)
	w.cookie = []byte{7}
	b.dp.Execute(b.in, frame, odp.Actions{odp.Psample{Group: 6, Cookie: w.cookie}, odp.Output{Port: b.out}})
	w.check(t, "injected", samples.Expect(1)[0])
	b.recv.Expect(1, frame)

	w.rate = 0xfffffffe // all but certain
	b.dp.Execute(b.in, frame, odp.Actions{odp.Sample{Probability: w.rate, Actions: odp.Actions{odp.Psample{Group: 6, Cookie: w.cookie}}}})
	w.check(t, "injected into sample()", samples.Expect(1)[0])
}

func ovsPsampleVLAN(t *selftests.T) {
	b := newBridge(t)
	samples := topo.NewListener(t, t.NS())
	frame := b.frame(100)
	b.flow(odp.PushVLAN{TPID: 0x8100, TCI: 0x1000 | 42}, odp.Psample{Group: 1}, odp.PopVLAN{}, odp.Psample{Group: 2}, odp.Output{Port: b.out})
	b.send.Send(frame, 1)
	got := samples.Expect(2)
	// The tag is metadata while it is the only one; psample copies the bytes.
	w := b.want(1, frame)
	w.check(t, "tagged", got[0])
	w = b.want(2, frame)
	w.check(t, "untagged again", got[1])
	b.recv.Expect(1, frame)
}

func sharedGroup(t *selftests.T) {
	const n, group = 10, 5
	b := newBridge(t)
	topo.AddClsact(t, b.v1)
	topo.AddTCSample(t, b.v1, topo.Ingress, topo.TCSample{Rate: 1, Group: group})
	b.flow(odp.Psample{Group: group, Cookie: []byte{1}}, odp.Output{Port: b.out})
	samples := topo.NewListener(t, t.NS())
	frame := b.frame(100)
	b.send.Send(frame, n)
	byTC := want{group: group, rate: 1, iif: b.v1.Index, orig: len(frame), data: frame}
	byOVS := b.want(group, frame)
	byOVS.cookie = []byte{1}
	for i, s := range samples.Expect(2 * n) {
		// A packet passes the device's ingress side before the datapath.
		if i%2 == 1 {
			byOVS.check(t, fmt.Sprintf("packet %d, Open vSwitch", i/2+1), s)
			continue
		}
		byTC.seq = uint32(i / 2)
		byTC.check(t, fmt.Sprintf("packet %d, tc", i/2+1), s)
	}
	b.recv.Expect(n, frame)
}
