// SPDX-License-Identifier: Apache-2.0

package parity

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp"
)

// List is a random action list and what it is tried with.
type List struct {
	Index   int
	Actions odp.Actions
	// Fault is what the kernel must refuse the list for, "" if it must take it,
	// and Errno how.
	Fault, Errno string
	// Packets are the kinds sent; Copies is how many of each.
	Packets []Packet
	Copies  int
}

// String says in one line how the list differs from others.
func (l List) String() string {
	if l.Fault != "" {
		return fmt.Sprintf("list %d (%s): %s", l.Index, l.Fault, l.Actions)
	}
	return fmt.Sprintf("list %d: %s", l.Index, l.Actions)
}

// Bounds of what is generated.
const (
	maxNodes    = 40 // actions in a list, nested ones too
	maxObserved = 60 // samples, frames and upcalls of one packet
	maxNesting  = 16 // OVS_COPY_ACTIONS_MAX_DEPTH, net/openvswitch/flow_netlink.c
	// minShare is the least likely outcome a list with random draws may have.
	minShare = 1. / 64
	// missed is the chance that an outcome does not show up although it should,
	// per outcome.
	missed = 1e-12
)

// Generate makes a list. It depends on seed and index alone.
func Generate(seed uint64, index int) List {
	g := &generator{rand.New(rand.NewPCG(seed, uint64(index)))}
	for {
		l := g.list()
		l.Index = index
		if l.Fault != "" {
			return l
		}
		n, sampled, err := copies(l)
		if err == nil && (sampled || g.IntN(8) == 0) {
			l.Copies = n
			return l
		}
	}
}

var errUnfit = errors.New("unfit")

// copies is how many packets of each kind it takes to see everything, and
// whether samples are among that; or an error for a list that is no good: one
// that would harm a kernel, or whose outcomes are too many or too rare.
func copies(l List) (n int, sampled bool, err error) {
	least := 1.
	for _, p := range l.Packets {
		for _, trunc := range []Trunc{TruncCut, TruncKeep} {
			ps, err := predict(l.Actions, p, trunc, false)
			if err != nil {
				return 0, false, err
			}
			if _, err := predict(l.Actions, p, trunc, true); err != nil {
				return 0, false, err
			}
			for _, p := range ps {
				least = min(least, p.share)
				if p.outcome.size() > maxObserved {
					return 0, false, errUnfit
				}
				sampled = sampled || len(p.outcome.Samples) > 0
			}
		}
	}
	switch {
	case least < minShare:
		return 0, false, errUnfit
	case least < 1-minShare:
		return int(math.Ceil(math.Log(missed) / math.Log1p(-least))), sampled, nil
	}
	// No draws. One packet must not spoil the next.
	return 2, sampled, nil
}

type generator struct{ *rand.Rand }

// one picks from a list.
func one[T any](g *generator, from ...T) T { return from[g.IntN(len(from))] }

// weighted picks an index with these weights.
func (g *generator) weighted(weights ...int) int {
	sum := 0
	for _, w := range weights {
		sum += w
	}
	n := g.IntN(sum)
	for i, w := range weights {
		if n -= w; n < 0 {
			return i
		}
	}
	return len(weights) - 1
}

func (g *generator) list() List {
	s := &sketch{generator: g, nodes: maxNodes, draws: g.weighted(45, 28, 17, 7, 3)}
	faulty := g.IntN(100) < 22
	if faulty {
		s.draws = 0
	}
	s.packet = g.packet()
	var l List
	if g.IntN(100) < 6 {
		l.Actions = s.tower()
	} else {
		l.Actions = s.actions(0, 1+g.IntN(6))
	}
	l.Packets = []Packet{s.packet}
	switch {
	case faulty:
		l.Packets = nil
		l.Actions, l.Fault, l.Errno = g.spoil(l.Actions)
	case s.drawn > 0:
		// Draws mean many packets: one kind of them.
	default:
		for range g.IntN(3) {
			l.Packets = append(l.Packets, g.packet())
		}
	}
	return l
}

func (g *generator) packet() Packet {
	var p Packet
	for range g.weighted(60, 22, 12, 6) {
		p.Tags = append(p.Tags, Tag{one[uint16](g, tpidCustomer, tpidCustomer, tpidService), g.tci()})
	}
	p.Len = max(p.minLen(), one(g, 42, 60, 64, 77, 98, 128, 300, 1000, 1500, 3000, 42+g.IntN(200), 60+g.IntN(1400)))
	return p
}

// tci is a priority and a VLAN, without the bit that means a tag.
func (g *generator) tci() uint16 { return uint16(g.IntN(8))<<13 | uint16(1+g.IntN(4094)) }

// sketch makes one list.
type sketch struct {
	*generator
	packet       Packet // what lengths are chosen for
	nodes        int    // actions still to be had
	draws, drawn int    // random draws wanted, and there
}

func (s *sketch) actions(depth, n int) odp.Actions {
	var out odp.Actions
	for range n {
		if s.nodes--; s.nodes < 0 {
			break
		}
		out = append(out, s.action(depth))
	}
	return out
}

// nested is the content of a nest, now and then none.
func (s *sketch) nested(depth int) odp.Actions {
	return s.actions(depth+1, s.weighted(4, 34, 32, 18, 8, 4))
}

func (s *sketch) action(depth int) odp.Action {
	sample, clone := 16, 9
	if depth >= maxNesting-1 {
		sample, clone = 0, 0
	} else if depth > 3 {
		sample, clone = 5, 4
	}
	switch s.weighted(30, 17, 20, sample, clone, 6, 4, 4, 3) {
	case 0:
		return s.psample()
	case 1:
		return odp.Output{Port: one[uint32](s.generator, portA, portA, portA, portB, portB, portIn, portLocal, portNone, 65534)}
	case 2:
		return s.trunc()
	case 3:
		// The share first: how many draws are left depends on it.
		p := s.probability()
		return odp.Sample{Probability: p, Actions: s.nested(depth)}
	case 4:
		return odp.Clone{Actions: s.nested(depth)}
	case 5:
		return s.userspace()
	case 6:
		return odp.PushVLAN{TPID: one[uint16](s.generator, tpidCustomer, tpidService), TCI: s.tci() | vlanPresent}
	case 7:
		return odp.PopVLAN{}
	default:
		return odp.Recirc{ID: uint32(1 + s.IntN(len(recirculated)))}
	}
}

func (s *sketch) trunc() odp.Trunc {
	n := s.packet.Len
	m := one(s.generator, 14, 14, 15, 20, 40, 60, 14+s.IntN(60), 14+s.IntN(60),
		n-8, n-4, n-1, n, n+1, n+4, n+8, 9000, math.MaxUint16, math.MaxUint32)
	return odp.Trunc{MaxLen: uint32(max(m, etherLen))}
}

func (s *sketch) probability() uint32 {
	if s.drawn < s.draws && s.IntN(4) > 0 {
		s.drawn++
		// Neither outcome may be rare: 20% to 80%.
		return one[uint32](s.generator, 1<<31, 1<<30, odp.ProbabilityOf(33.3), odp.ProbabilityOf(75),
			always/5+s.Uint32N(always/5*3))
	}
	switch s.weighted(12, 40, 40, 8) {
	case 0:
		return 0
	case 1:
		return always
	case 2: // all but a few in 2^32
		return always - 1 - s.Uint32N(rare)
	default:
		return 1 + s.Uint32N(rare)
	}
}

func (s *sketch) userspace() odp.Action {
	u := odp.Userspace{PID: herePID, Actions: s.IntN(4) == 0}
	switch s.IntN(3) {
	case 0:
		u.Userdata = s.bytes(1 + s.IntN(32))
	case 1:
		u.Userdata = s.bytes(s.IntN(9))
	}
	return u
}

func (g *generator) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(g.IntN(256))
	}
	return b
}

func (g *generator) group() uint32 {
	return one(g, 0, 1, 2, 3, uint32(g.IntN(10)), g.Uint32(), math.MaxUint32)
}

// cookie is none, or up to the longest there is.
func (g *generator) cookie() []byte {
	switch g.weighted(30, 20, 50) {
	case 0:
		return nil
	case 1:
		return g.bytes(uapi.OVS_PSAMPLE_COOKIE_MAX_SIZE)
	default:
		return g.bytes(1 + g.IntN(uapi.OVS_PSAMPLE_COOKIE_MAX_SIZE))
	}
}

func (g *generator) psample() odp.Action {
	if g.IntN(8) > 0 {
		return odp.Psample{Group: g.group(), Cookie: g.cookie()}
	}
	// What the kernel takes although it is odd: any order, any number, empty.
	var b []byte
	group := func() { b = nl.AppendUint32(b, uapi.OVS_PSAMPLE_ATTR_GROUP, g.group()) }
	cookie := func() { b = nl.AppendAttr(b, uapi.OVS_PSAMPLE_ATTR_COOKIE, g.cookie()) }
	for range g.IntN(3) {
		one(g, group, cookie)()
	}
	group()
	for range g.IntN(3) {
		one(g, group, cookie, cookie)()
	}
	return rawPsample(b)
}

func rawPsample(payload []byte) odp.Raw {
	return odp.Raw{Type: uapi.OVS_ACTION_ATTR_PSAMPLE, Nested: true, Data: payload}
}

// tower nests as deep as the kernel lets, or nearly so.
func (s *sketch) tower() odp.Actions {
	out := odp.Actions{s.psample()}
	for range maxNesting - s.IntN(5) {
		out = odp.Actions{s.nest(out)}
		if s.IntN(3) == 0 {
			out = append(out, s.psample())
		}
		if s.IntN(4) == 0 {
			out = append(odp.Actions{s.trunc()}, out...)
		}
	}
	return out
}

// nest puts one more level around a list, through which packets go for certain.
func (g *generator) nest(inner odp.Actions) odp.Action {
	if g.IntN(2) == 0 {
		return odp.Clone{Actions: inner}
	}
	return odp.Sample{Probability: always - g.Uint32N(rare), Actions: inner}
}
