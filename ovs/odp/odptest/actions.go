// SPDX-License-Identifier: Apache-2.0

package odptest

import (
	"encoding/binary"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/ovs/odp"
)

// Actions makes a list of actions.
func (g *Gen) Actions() odp.Actions { return g.actions(1+g.r.IntN(5), 0) }

func (g *Gen) actions(n, depth int) odp.Actions {
	var as odp.Actions
	for range n {
		as = append(as, g.action(depth))
	}
	return as
}

// inner makes the list inside an action, sometimes none where that can be read.
func (g *Gen) inner(depth int) odp.Actions {
	if !g.o.Tame && g.one(6) {
		return nil
	}
	return g.actions(1+g.r.IntN(3), depth+1)
}

type maker func(g *Gen, depth int) odp.Action

// Makers of one action each: of what both tools read, of what ovs-dpctl prints
// and cannot read, and of what only the userspace datapath has.
var tame, wild, userspace []maker

// They are filled in at start, as they refer to each other.
func init() {
	tame, wild, userspace = tameMakers(), wildMakers(), []maker{
		func(g *Gen, _ int) odp.Action { return odp.LBOutput{Bond: g.u32()} },
		func(g *Gen, _ int) odp.Action { return odp.TnlPop{Port: g.u32()} },
		(*Gen).tnlPush,
	}
}

func tameMakers() []maker {
	return []maker{
		func(g *Gen, _ int) odp.Action { return odp.Output{Port: g.u32()} },
		func(g *Gen, _ int) odp.Action { return odp.Trunc{MaxLen: g.u32()} },
		func(g *Gen, _ int) odp.Action { return odp.Meter{ID: g.u32()} },
		func(*Gen, int) odp.Action { return odp.PopVLAN{} },
		func(*Gen, int) odp.Action { return odp.PopNSH{} },
		func(*Gen, int) odp.Action { return odp.CTClear{} },
		func(g *Gen, _ int) odp.Action {
			return odp.PushVLAN{TPID: uint16(g.u32()), TCI: uint16(g.u32())}
		},
		(*Gen).userspace, (*Gen).set, (*Gen).setMasked, (*Gen).pushNSH, (*Gen).ct, (*Gen).psample,
		func(g *Gen, _ int) odp.Action {
			a := odp.AddMPLS{LSE: g.u32(), EtherType: uint16(g.u32())}
			if !g.o.Tame {
				a.TunFlags = uint16(g.r.IntN(2))
			}
			return a
		},
		func(g *Gen, depth int) odp.Action {
			s := odp.Sample{Probability: g.u32(), Actions: g.inner(depth)}
			if g.o.Tame { // a share that one decimal says
				s.Probability = odp.ProbabilityOf(float64(g.r.IntN(1001)) / 10)
			}
			return s
		},
		func(g *Gen, depth int) odp.Action { return odp.Clone{Actions: g.inner(depth)} },
		func(g *Gen, depth int) odp.Action {
			return odp.CheckPktLen{PktLen: uint16(g.u32()), Greater: g.inner(depth), LessEqual: g.inner(depth)}
		},
	}
}

func wildMakers() []maker {
	return []maker{
		func(g *Gen, _ int) odp.Action { return odp.Recirc{ID: g.u32()} },
		func(g *Gen, _ int) odp.Action { return odp.Drop{Reason: g.u32()} },
		func(g *Gen, _ int) odp.Action { return odp.Hash{Alg: uint32(g.r.IntN(g.known(2))), Basis: g.u32()} },
		func(g *Gen, _ int) odp.Action { return odp.PushEth{Src: [6]byte(g.bytes(6)), Dst: [6]byte(g.bytes(6))} },
		func(*Gen, int) odp.Action { return odp.PopEth{} },
		func(g *Gen, _ int) odp.Action { return odp.PushMPLS{LSE: g.u32(), EtherType: uint16(g.u32())} },
		func(g *Gen, _ int) odp.Action { return odp.PopMPLS{EtherType: uint16(g.u32())} },
		func(g *Gen, depth int) odp.Action { return odp.DecTTL{Exceeded: g.inner(depth)} },
	}
}

// known is how many values of an enum to choose from: one more than there are
// where that may be.
func (g *Gen) known(n int) int {
	if g.o.Odd {
		return n + 1
	}
	return n
}

func (g *Gen) action(depth int) odp.Action {
	list := tame
	switch {
	case g.o.Odd && g.one(10):
		return g.oddAction(depth)
	case !g.o.Kernel && g.one(8):
		list = userspace
	case !g.o.Tame && g.one(4):
		list = wild
	}
	for {
		a := list[g.r.IntN(len(list))](g, depth)
		switch a.(type) {
		case odp.Sample, odp.Clone, odp.CheckPktLen, odp.DecTTL:
			if depth >= 3 {
				continue
			}
		case odp.Drop:
			if !g.o.Odd && depth == 0 {
				// At the end of a list only, says the kernel; text takes it
				// anywhere.
				return a
			}
		}
		return a
	}
}

func (g *Gen) userspace(_ int) odp.Action {
	u := odp.Userspace{PID: g.u32(), Actions: g.one(2)}
	switch g.r.IntN(4) {
	case 0:
		u.Userdata = g.cookie()
	case 1:
		u.Userdata = g.bytes(8 + g.r.IntN(20))
	case 2:
		if !g.o.Tame {
			u.Userdata = g.bytes(g.r.IntN(60))
		}
	}
	if u.Userdata == nil && g.o.Tame { // to ovs-dpctl none is a cookie of zeros
		u.Userdata = make([]byte, 48)
	}
	if g.one(3) {
		port := g.u32() >> 1
		u.EgressTunPort = &port
	}
	return u
}

// cookie makes one of ovs-vswitchd's, in the form its text stands for.
func (g *Gen) cookie() []byte {
	c := make([]byte, 48)
	typ := 1 + g.r.IntN(5)
	binary.NativeEndian.PutUint16(c, uint16(typ))
	binary.NativeEndian.PutUint32(c[4:], 0xffff)
	u32 := func(at int) { binary.NativeEndian.PutUint32(c[at:], g.u32()) }
	u16 := func(at int) { binary.NativeEndian.PutUint16(c[at:], uint16(g.u32())) }
	switch typ {
	case 1:
		if g.one(2) {
			binary.BigEndian.PutUint16(c[24:], uint16(g.u32())|0x1000|uint16(1+g.r.IntN(4095)))
		}
		u32(28)
	case 2:
		binary.NativeEndian.PutUint32(c[28:], 1<<g.r.IntN(7)) // one: several it cannot read
	case 3:
		u16(24)
		for at := 28; at < 44; at += 4 {
			u32(at)
		}
		binary.NativeEndian.PutUint32(c[44:], uint32(g.r.IntN(3)))
	case 4:
		u32(24)
	case 5:
		c[24], c[25] = byte(g.r.IntN(2)), byte(g.r.IntN(2))
		u16(26)
		u32(28)
		u32(32)
		u32(36)
		u16(40)
		u16(42)
	}
	if !g.o.Tame && g.one(4) {
		c[8+g.r.IntN(40)] = byte(g.r.Uint32()) // something text does not show
	}
	return c
}

func (g *Gen) psample(_ int) odp.Action {
	p := odp.Psample{Group: g.u32()}
	if !g.one(3) {
		p.Cookie = g.bytes(1 + g.r.IntN(16))
		if g.o.Tame {
			p.Cookie[0] |= 0x10 // printed as a number, with all its digits
		}
	}
	return p
}

// oddAction makes what is not as documented, or in another order than usual.
func (g *Gen) oddAction(depth int) odp.Action {
	if g.one(3) {
		return decoded(odp.Raw{Type: uint16(g.r.IntN(40)), Nested: g.one(2), NetByteOrder: g.one(4), Data: g.bytes(g.r.IntN(20))})
	}
	o := *g
	o.o.Odd = false
	b, err := odp.Actions{o.action(depth)}.AppendNetlink(nil)
	if err != nil || len(b) < 4 {
		return odp.PopVLAN{}
	}
	// Turn over what is inside, and add to it.
	data := b[4:]
	var list [][]byte
	for at, err := range nl.Attrs(data) {
		if err != nil {
			list = nil
			break
		}
		typ := at.Type
		if at.Nested {
			typ |= nl.NestedFlag
		}
		list = append(list, nl.AppendAttr(nil, typ, at.Data))
	}
	list = append(list, nl.AppendAttr(nil, uint16(20+g.r.IntN(60)), g.bytes(g.r.IntN(6))))
	if g.one(2) {
		list = append(list, nl.AppendAttr(nil, uint16(g.r.IntN(12)), g.bytes(g.r.IntN(6))))
	}
	g.r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	var inner []byte
	for _, a := range list {
		inner = append(inner, a...)
	}
	typ := binary.NativeEndian.Uint16(b[2:])
	return decoded(odp.Raw{Type: typ & nl.TypeMask, Nested: typ&nl.NestedFlag != 0, Data: inner})
}

// decoded is an action as it comes back from netlink.
func decoded(r odp.Raw) odp.Action {
	b, err := odp.Actions{r}.AppendNetlink(nil)
	if err != nil {
		panic(err) // random values are small
	}
	as, err := odp.DecodeActions(b)
	if err != nil || len(as) != 1 {
		panic(err)
	}
	return as[0]
}
