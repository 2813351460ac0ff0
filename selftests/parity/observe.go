// SPDX-License-Identifier: Apache-2.0

package parity

import (
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp"
)

// etherLen is what an output leaves of a packet at least, ETH_HLEN.
const etherLen = 14

// left is how much of n bytes a trunc leaves; below zero where more was to be
// cut off than there is.
func (m *sim) left(cut uint32, n int) int {
	if m.trunc == TruncKeep {
		return int(min(uint32(n), cut))
	}
	return n - int(cut)
}

// identify notes packets of which too little arrives to tell which one it was,
// and those of which a kernel with TruncCut would cut off more than there is.
// With an upcall that writes past its buffer.
func (m *sim) identify(what string, n int) {
	if n < identifiable && m.hazard == "" {
		m.hazard = what + " leaves less of the packet than tells it apart"
	}
}

func (m *sim) psample(p skb, a odp.Psample) {
	n := m.left(p.cut, len(p.data))
	m.identify("psample", n)
	n = max(n, 0)
	s := Sample{
		Group: a.Group, Cookie: a.Cookie, Rate: p.prob, Probability: true, Proto: etherType(p.data),
		OrigSize: uint32(len(p.data)), In: roleIn, Len: n, Data: describe(p.data[:n], m.frame),
		Attrs: sampleAttrs,
	}
	if p.prob == 0 {
		s.Rate = always
	}
	if len(a.Cookie) > 0 {
		s.Attrs |= 1 << uapi.PSAMPLE_ATTR_USER_COOKIE
	} else {
		s.Cookie = nil
	}
	if n > 0 {
		s.Attrs |= 1 << uapi.PSAMPLE_ATTR_DATA
	}
	m.out.Samples = append(m.out.Samples, s)
}

// sampleAttrs are the attributes every sample of Open vSwitch has.
const sampleAttrs uint32 = 1<<uapi.PSAMPLE_ATTR_IIFINDEX | 1<<uapi.PSAMPLE_ATTR_ORIGSIZE |
	1<<uapi.PSAMPLE_ATTR_SAMPLE_GROUP | 1<<uapi.PSAMPLE_ATTR_GROUP_SEQ | 1<<uapi.PSAMPLE_ATTR_SAMPLE_RATE |
	1<<uapi.PSAMPLE_ATTR_TIMESTAMP | 1<<uapi.PSAMPLE_ATTR_PROTO | 1<<uapi.PSAMPLE_ATTR_SAMPLE_PROBABILITY

func (m *sim) output(p skb, port uint32) {
	switch port {
	case portIn, portA, portB:
	default:
		return // nobody is there, or the device is down
	}
	n := m.left(p.cut, len(p.data))
	m.identify("output", n)
	n = min(max(n, etherLen), len(p.data))
	f := Frame{Port: port, Len: n, Data: describe(p.data[:n], m.frame)}
	if p.tag != nil {
		f.Tag = p.tag.String()
	}
	m.out.Frames = append(m.out.Frames, f)
}

func (m *sim) upcall(p skb, a odp.Userspace, actions odp.Actions) {
	// User space gets the packet as it is on the wire.
	whole := p.data
	if p.tag != nil {
		whole = retag(p.data, *p.tag)
	}
	n := m.left(p.cut, len(whole))
	m.identify("userspace", n)
	n = max(n, 0)
	u := Upcall{
		Command: "action", Len: n, Data: describe(whole[:n], m.frame),
		Userdata: a.Userdata, HasData: a.Userdata != nil,
	}
	if n < len(whole) {
		u.OrigLen = uint32(len(whole))
	}
	if a.Actions {
		u.Actions = asDumped(actions)
	}
	m.out.Upcalls = append(m.out.Upcalls, u)
}

// asDumped is a list's text after it has been to the kernel and back.
func asDumped(actions odp.Actions) string {
	b, err := actions.AppendNetlink(nil)
	if err == nil {
		actions, err = odp.DecodeActions(b)
	}
	if err != nil {
		return "error: " + err.Error()
	}
	return actions.String()
}
