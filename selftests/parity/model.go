// SPDX-License-Identifier: Apache-2.0

package parity

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp"
)

// Trunc is what a kernel keeps of a trunc action until the packet leaves.
type Trunc string

const (
	// TruncCut keeps how many bytes to cut off, and that only when the packet
	// is longer than the action's limit. So a second trunc beyond the packet's
	// length changes nothing, and tags that come or go shift the end. Linux
	// before "openvswitch: fix GSO userspace truncation underflow".
	TruncCut Trunc = "cut"
	// TruncKeep keeps how many bytes to leave, whatever happens until then.
	TruncKeep Trunc = "keep"
)

const (
	always = math.MaxUint32 // the probability of all packets
	noCut  = math.MaxUint32 // what TruncKeep keeps without a trunc
)

// Limits of the kernel's executor, net/openvswitch/actions.c.
const (
	// keyLevels is OVS_DEFERRED_ACTION_THRESHOLD: so many nests deep there is
	// a copy of the flow key for actions that may change it. Deeper ones wait.
	keyLevels = 3
	// queueLen is DEFERRED_ACTION_FIFO_SIZE - 1: so many may wait per packet.
	queueLen = 9
	// execLevels is OVS_RECURSION_LIMIT.
	execLevels = 5
)

// skb is a packet on its way through the actions.
type skb struct {
	data []byte // never written to: changes make a new one
	tag  *Tag   // the outermost tag, which is not in data
	cut  uint32 // as Trunc has it
	prob uint32 // of the innermost sample around, 0 for none
}

// deferred is a nest or a recirculation that waits its turn.
type deferred struct {
	p       skb
	actions odp.Actions
	recirc  uint32 // 0: actions
}

// sim executes actions on one packet as the kernel does.
type sim struct {
	trunc  Trunc
	frame  []byte // the packet as it was sent
	choose func(p uint32) bool
	out    Outcome

	queue  []deferred
	queued int // ever, since the queue is not wound back before it is empty
	level  int

	// hazard is why no such packet should be sent: the kernel would be harmed
	// or nothing could be told from the result.
	hazard string
}

// run executes a flow's actions on a packet that just came in.
func (m *sim) run(actions odp.Actions) {
	data, tag, tagged := untag(m.frame)
	p := skb{data: data, cut: m.uncut()}
	if tagged {
		p.tag = &tag
	}
	m.flow(actions, &p)
}

func (m *sim) uncut() uint32 {
	if m.trunc == TruncKeep {
		return noCut
	}
	return 0
}

// flow is what a matching flow does.
func (m *sim) flow(actions odp.Actions, p *skb) {
	m.level++
	if m.level <= execLevels {
		m.do(actions, p)
		if m.level == 1 {
			for len(m.queue) > 0 {
				d := m.queue[0]
				m.queue = m.queue[1:]
				if d.recirc != 0 {
					m.flow(recirculated[d.recirc], &d.p)
				} else {
					m.do(d.actions, &d.p)
				}
			}
			m.queued = 0
		}
	}
	m.level--
}

func (m *sim) do(actions odp.Actions, p *skb) {
	for i, a := range actions {
		last := i == len(actions)-1
		switch a := a.(type) {
		case odp.Output:
			m.output(*p, a.Port)
			p.cut = m.uncut()
		case odp.Trunc:
			if m.trunc == TruncKeep {
				p.cut = a.MaxLen
			} else if n := uint32(len(p.data)); n > a.MaxLen {
				p.cut = n - a.MaxLen
			}
		case odp.Userspace:
			m.upcall(*p, a, actions)
			p.cut = m.uncut()
		case odp.Sample:
			if a.Probability != always && (a.Probability == 0 || !m.choose(a.Probability)) {
				continue
			}
			outer := p.prob
			p.prob = a.Probability
			m.nest(deferred{p: *p, actions: a.Actions}, !last && mayChangeFlow(a.Actions))
			p.prob = outer
		case odp.Clone:
			m.nest(deferred{p: *p, actions: a.Actions}, !last && mayChangeFlow(a.Actions))
		case odp.Recirc:
			m.nest(deferred{p: *p, recirc: a.ID}, true)
		case odp.PushVLAN:
			p.push(Tag{a.TPID, a.TCI &^ vlanPresent})
		case odp.PopVLAN:
			p.pop()
		default:
			ps, ok := psampleOf(a)
			if !ok {
				m.hazard = fmt.Sprintf("action %d is not in the model", odp.TypeOf(a))
				return
			}
			m.psample(*p, ps)
			p.cut = m.uncut()
		}
	}
}

// nest executes a nest on a copy, at once or, where that takes a copy of the
// flow key and none is left, later.
func (m *sim) nest(d deferred, copyKey bool) {
	switch {
	case !copyKey:
		m.do(d.actions, &d.p)
	case m.level > keyLevels:
		if m.queued < queueLen {
			m.queue = append(m.queue, d)
			m.queued++
		}
	case d.recirc != 0:
		m.flow(recirculated[d.recirc], &d.p)
	default:
		m.level++
		m.do(d.actions, &d.p)
		m.level--
	}
}

// mayChangeFlow holds for lists with anything but these actions, nests too.
func mayChangeFlow(actions odp.Actions) bool {
	for _, a := range actions {
		switch odp.TypeOf(a) {
		case uapi.OVS_ACTION_ATTR_OUTPUT, uapi.OVS_ACTION_ATTR_RECIRC, uapi.OVS_ACTION_ATTR_TRUNC,
			uapi.OVS_ACTION_ATTR_USERSPACE, uapi.OVS_ACTION_ATTR_DROP, uapi.OVS_ACTION_ATTR_PSAMPLE:
		default:
			return true
		}
	}
	return false
}

// vlanPresent is VLAN_CFI_MASK, which push_vlan carries to say that it means a
// tag; it does not go into the packet.
const vlanPresent = 0x1000

func (p *skb) push(t Tag) {
	if p.tag != nil {
		p.data = retag(p.data, *p.tag)
	}
	p.tag = &t
}

// pop takes a tag off and moves the next one to where the outermost is kept.
func (p *skb) pop() {
	if p.tag == nil {
		return // a packet's outermost tag is never in its data
	}
	p.tag = nil
	if rest, t, ok := untag(p.data); ok {
		p.data, p.tag = rest, &t
	}
}

// psampleOf reads a psample action, also one made of odd attributes: the last
// group and the last cookie count.
func psampleOf(a odp.Action) (odp.Psample, bool) {
	if p, ok := a.(odp.Psample); ok {
		return p, true
	}
	raw, ok := a.(odp.Raw)
	if !ok || raw.Type != uapi.OVS_ACTION_ATTR_PSAMPLE {
		return odp.Psample{}, false
	}
	var p odp.Psample
	for at, err := range nl.Attrs(raw.Data) {
		if err != nil {
			return p, false
		}
		switch at.Type {
		case uapi.OVS_PSAMPLE_ATTR_GROUP:
			if p.Group, ok = at.Uint32(); !ok {
				return p, false
			}
		case uapi.OVS_PSAMPLE_ATTR_COOKIE:
			p.Cookie = at.Data
		}
	}
	return p, true
}

func etherType(b []byte) uint16 { return binary.BigEndian.Uint16(b[addrsLen:]) }
