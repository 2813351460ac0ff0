// SPDX-License-Identifier: Apache-2.0

package cases

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp"
	"github.com/dpscope/dpscope/selftests"
	"github.com/dpscope/dpscope/selftests/topo"
)

func inputCases() []selftests.Case {
	action := []selftests.Feature{OpenVSwitch, Psample, PsampleAction}
	return []selftests.Case{
		{
			Name: "ovs-bad-input", Needs: action,
			Doc: "malformed psample actions are refused with the errno Linux 6.12 gives, and leave the flow as it was",
			Run: badInput,
		},
		{
			Name: "ovs-odd-input", Needs: action,
			Doc: "odd but legal psample actions are taken and do what they say: the last of several attributes counts",
			Run: oddInput,
		},
		{
			Name: "ovs-unknown-actions", Needs: []selftests.Feature{OpenVSwitch}, MayNeed: []selftests.Feature{PsampleAction},
			Doc: "action numbers the kernel does not know are refused; those it should know are not",
			Run: unknownActions,
		},
		{
			Name: "ovs-flow-dump", Needs: action,
			Doc: "a flow dump gives back the bytes of psample actions as they were set",
			Run: flowDump,
		},
		{
			Name: "ovs-nested-depth", Needs: action,
			Doc: "psample within 16 levels of actions is taken, within 17 refused",
			Run: nestedDepth,
		},
	}
}

// Flags on the types of attributes, linux/netlink.h.
const nested = nl.NestedFlag

// attrs joins attributes to the payload of a nest.
func attrs(list ...[]byte) []byte { return bytes.Join(list, nil) }

func attr(typ uint16, payload ...byte) []byte { return nl.AppendAttr(nil, typ, payload) }

func groupAttr(v uint32) []byte { return nl.AppendUint32(nil, uapi.OVS_PSAMPLE_ATTR_GROUP, v) }

func cookieAttr(c ...byte) []byte { return attr(uapi.OVS_PSAMPLE_ATTR_COOKIE, c...) }

// rawPsample is a psample action with any payload.
func rawPsample(payload ...[]byte) odp.Raw {
	return odp.Raw{Type: uapi.OVS_ACTION_ATTR_PSAMPLE, Nested: true, Data: attrs(payload...)}
}

func badInput(t *selftests.T) {
	b := newBridge(t)
	samples := topo.NewListener(t, t.NS())
	b.flow(odp.Psample{Group: 77}, odp.Output{Port: b.out})
	long := make([]byte, 17)
	for _, tt := range []struct {
		what   string
		action odp.Action
		want   unix.Errno
	}{
		{"a cookie of 17 bytes", rawPsample(groupAttr(1), cookieAttr(long...)), unix.ERANGE},
		{"a cookie of 1000 bytes", rawPsample(groupAttr(1), cookieAttr(make([]byte, 1000)...)), unix.ERANGE},
		{"a long cookie behind a short one", rawPsample(groupAttr(1), cookieAttr(1), cookieAttr(long...)), unix.ERANGE},
		{"a long cookie before a short one", rawPsample(groupAttr(1), cookieAttr(long...), cookieAttr(1)), unix.ERANGE},
		{"a cookie without a group", rawPsample(cookieAttr(1, 2, 3)), unix.EINVAL},
		{"nothing", rawPsample(), unix.EINVAL},
		{"attribute 3", rawPsample(groupAttr(1), attr(3, 1, 2, 3, 4)), unix.EINVAL},
		{"attribute 0", rawPsample(groupAttr(1), attr(0)), unix.EINVAL},
		{"attribute 16383", rawPsample(groupAttr(1), attr(0x3fff, 1)), unix.EINVAL},
		{"a group of 0 bytes", rawPsample(attr(uapi.OVS_PSAMPLE_ATTR_GROUP)), unix.EINVAL},
		{"a group of 1 byte", rawPsample(attr(uapi.OVS_PSAMPLE_ATTR_GROUP, 1)), unix.EINVAL},
		{"a group of 2 bytes", rawPsample(attr(uapi.OVS_PSAMPLE_ATTR_GROUP, 1, 2)), unix.EINVAL},
		{"a group of 8 bytes", rawPsample(attr(uapi.OVS_PSAMPLE_ATTR_GROUP, 1, 2, 3, 4, 5, 6, 7, 8)), unix.EINVAL},
		{"a group marked as a nest", rawPsample(attr(uapi.OVS_PSAMPLE_ATTR_GROUP|nested, 1, 0, 0, 0)), unix.EINVAL},
		{"a cookie marked as a nest", rawPsample(groupAttr(1), attr(uapi.OVS_PSAMPLE_ATTR_COOKIE|nested, 1, 0, 0, 0)), unix.EINVAL},
		{"no NLA_F_NESTED", odp.Raw{Type: uapi.OVS_ACTION_ATTR_PSAMPLE, Data: groupAttr(1)}, unix.EINVAL},
		{"bytes behind the attributes", rawPsample(groupAttr(1), []byte{1, 2, 3}), unix.EINVAL},
		{"an attribute that runs past the end", rawPsample(groupAttr(1), []byte{9, 0, 2, 0}), unix.EINVAL},
		{"an attribute shorter than its header", rawPsample(groupAttr(1), []byte{2, 0, 2, 0}), unix.EINVAL},
		{"a number instead of a nest", odp.Raw{Type: uapi.OVS_ACTION_ATTR_PSAMPLE, Nested: true, Data: []byte{1, 0, 0, 0}}, unix.EINVAL},
	} {
		for _, in := range []struct {
			where   string
			actions odp.Actions
		}{
			{"alone", odp.Actions{tt.action}},
			{"within sample()", odp.Actions{odp.Sample{Probability: half, Actions: odp.Actions{tt.action}}, odp.Output{Port: b.out}}},
			{"within clone()", odp.Actions{odp.Clone{Actions: odp.Actions{odp.Psample{Group: 1}, tt.action}}}},
		} {
			err := b.dp.TryFlow(topo.Flow{InPort: b.in, Actions: in.actions})
			if !errors.Is(err, tt.want) {
				t.Errorf("psample with %s, %s: %v, want %v", tt.what, in.where, err, tt.want)
			}
		}
	}
	// The flow that was there is still what it was.
	frame := b.frame(60)
	b.send.Send(frame, 2)
	b.want(77, frame).checkAll(t, "afterwards", samples.Expect(2), false)
	b.recv.Expect(2, frame)
}

func oddInput(t *selftests.T) {
	b := newBridge(t)
	samples := topo.NewListener(t, t.NS())
	for _, tt := range []struct {
		what   string
		action odp.Action
		group  uint32
		cookie []byte
	}{
		{"an empty cookie", rawPsample(groupAttr(1), cookieAttr()), 1, nil},
		{"the cookie first", rawPsample(cookieAttr(5), groupAttr(2)), 2, []byte{5}},
		{"two groups", rawPsample(groupAttr(3), groupAttr(4)), 4, nil},
		{"three groups around a cookie", rawPsample(groupAttr(3), groupAttr(4), cookieAttr(9, 9), groupAttr(5)), 5, []byte{9, 9}},
		{"two cookies", rawPsample(groupAttr(6), cookieAttr(cookie16...), cookieAttr(1)), 6, []byte{1}},
		{"an empty cookie behind another", rawPsample(groupAttr(7), cookieAttr(1, 2, 3), cookieAttr()), 7, nil},
		{"a cookie behind an empty one", rawPsample(groupAttr(8), cookieAttr(), cookieAttr(1, 2, 3)), 8, []byte{1, 2, 3}},
		{"group 0", rawPsample(groupAttr(0)), 0, nil},
		{"the largest group", rawPsample(groupAttr(math.MaxUint32), cookieAttr(0)), math.MaxUint32, []byte{0}},
	} {
		t.Must(b.dp.TryFlow(topo.Flow{InPort: b.in, Actions: odp.Actions{tt.action, odp.Output{Port: b.out}}}))
		frame := b.frame(60)
		b.send.Send(frame, 2)
		w := b.want(tt.group, frame)
		w.cookie = tt.cookie
		w.checkAll(t, tt.what, samples.Expect(2), false)
		b.recv.Expect(2, frame)
	}
}

func unknownActions(t *selftests.T) {
	b := newBridge(t)
	has := t.Has(PsampleAction)
	type try struct {
		what   string
		action odp.Raw
		want   error
	}
	tries := []try{
		{"action 0", odp.Raw{Type: 0, Data: []byte{1, 0, 0, 0}}, unix.EINVAL},
		{"action 63", odp.Raw{Type: 63, Data: []byte{1, 0, 0, 0}}, unix.EINVAL},
		{"action 16383", odp.Raw{Type: 16383, Data: []byte{1, 0, 0, 0}}, unix.EINVAL},
	}
	// 26 is what an older kernel uses inside for SET_TO_MASKED: nobody else may.
	for n := uint16(uapi.OVS_ACTION_ATTR_PSAMPLE + 1); n < 32; n++ {
		tries = append(tries, try{fmt.Sprintf("action %d", n), odp.Raw{Type: n, Nested: true, Data: groupAttr(1)}, unix.EINVAL})
	}
	p := try{"psample", rawPsample(groupAttr(1)), nil}
	if !has {
		p.want = unix.EINVAL
	}
	tries = append(tries, p)
	for _, tt := range tries {
		err := b.dp.TryFlow(topo.Flow{InPort: b.in, Actions: odp.Actions{tt.action}})
		if tt.want == nil && err != nil || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.what, err, tt.want)
		}
	}
}

func flowDump(t *selftests.T) {
	b := newBridge(t)
	for _, actions := range []odp.Actions{
		{odp.Psample{Group: 1}},
		{odp.Psample{Group: math.MaxUint32, Cookie: cookie16}},
		{odp.Trunc{MaxLen: 14}, odp.Psample{Group: 2, Cookie: []byte{1, 2, 3}}, odp.Psample{Group: 0}, odp.Output{Port: b.out}},
		{rawPsample(cookieAttr(1), groupAttr(1), cookieAttr(), groupAttr(2)), odp.Output{Port: b.out}},
	} {
		b.flow(actions...)
		sent, err := actions.AppendNetlink(nil)
		t.Must(err)
		dumped := b.dp.RawActions()
		if len(dumped) != 1 {
			t.Fatalf("the dump has %d flows, want 1", len(dumped))
		}
		// The kernel dumps actions without NLA_F_NESTED on the outermost
		// level; all else must be what was sent.
		if got, want := topLevel(t, dumped[0]), topLevel(t, sent); got != want {
			t.Errorf("%s is dumped as\n%swant\n%s", actions, got, want)
		}
	}
	for _, actions := range []odp.Actions{
		{odp.Sample{Probability: half, Actions: odp.Actions{odp.Psample{Group: 1, Cookie: cookie16}}}},
		{odp.Sample{Probability: half, Actions: odp.Actions{
			odp.Sample{Probability: quarter, Actions: odp.Actions{odp.Psample{Group: 25}}}, odp.Psample{Group: 50},
		}}, odp.Output{Port: b.out}},
		{odp.Clone{Actions: odp.Actions{odp.Trunc{MaxLen: 20}, odp.Psample{Group: 3, Cookie: []byte{0}}}}, odp.Output{Port: b.out}},
		{odp.Sample{Probability: always, Actions: odp.Actions{odp.Userspace{PID: 12345, Userdata: []byte{1}}, odp.Psample{Group: 9}}}},
	} {
		b.flow(actions...)
		flows := b.dp.Flows()
		if len(flows) != 1 || flows[0].Actions.String() != actions.String() {
			t.Errorf("dumped %v, want %s", flows, actions)
		}
	}
}

// topLevel writes down a list of attributes, the flags of the types left out.
func topLevel(t *selftests.T, b []byte) string {
	var out strings.Builder
	for a, err := range nl.Attrs(b) {
		t.Must(err)
		fmt.Fprintf(&out, "%d: %x\n", a.Type, a.Data)
	}
	return out.String()
}

// copyDepth is OVS_COPY_ACTIONS_MAX_DEPTH, net/openvswitch/flow_netlink.c.
const copyDepth = 16

func nestedDepth(t *selftests.T) {
	const n = 5
	b := newBridge(t)
	samples := topo.NewListener(t, t.NS())
	within := func(levels int, wrap func(level int, a odp.Actions) odp.Action) odp.Actions {
		actions := odp.Actions{odp.Psample{Group: 1, Cookie: []byte{byte(levels)}}}
		for level := levels; level > 0; level-- {
			actions = odp.Actions{wrap(level, actions)}
		}
		return actions
	}
	sample := func(level int, a odp.Actions) odp.Action {
		return odp.Sample{Probability: nearly - uint32(level), Actions: a}
	}
	clone := func(_ int, a odp.Actions) odp.Action { return odp.Clone{Actions: a} }
	frame := b.frame(60)
	for _, levels := range []int{1, 2, 8, copyDepth} {
		w := b.want(1, frame)
		w.cookie, w.rate = []byte{byte(levels)}, nearly-uint32(levels)
		b.flow(within(levels, sample)...)
		b.send.Send(frame, n)
		w.checkAll(t, fmt.Sprintf("%d times sample()", levels), samples.Expect(n), false)

		b.flow(within(levels, clone)...)
		b.send.Send(frame, n)
		w.rate = always
		w.checkAll(t, fmt.Sprintf("%d times clone()", levels), samples.Expect(n), false)
	}
	for what, wrap := range map[string]func(int, odp.Actions) odp.Action{"sample()": sample, "clone()": clone} {
		err := b.dp.TryFlow(topo.Flow{InPort: b.in, Actions: within(copyDepth+1, wrap)})
		if !errors.Is(err, unix.EOVERFLOW) {
			t.Errorf("%d times %s: %v, want %v", copyDepth+1, what, err, unix.EOVERFLOW)
		}
	}
}
