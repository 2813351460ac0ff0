// SPDX-License-Identifier: Apache-2.0

// Package odptest makes random flow keys, masks and actions for tests, and
// counts which attributes they exercised.
package odptest

import (
	"math/rand/v2"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp"
	"github.com/dpscope/dpscope/ovs/odp/internal/layout"
)

// Options say what a Gen makes.
type Options struct {
	// Tame leaves out what ovs-dpctl of Open vSwitch cannot read, or prints
	// such that it reads as something else: docs/odp-grammar.md lists it. The
	// text of everything else is the same for both tools.
	Tame bool

	// Kernel leaves out what only the userspace datapath has.
	Kernel bool

	// Odd adds what is not as documented: attributes of other sizes, unknown
	// ones, flags, padding that is not zero, another order.
	Odd bool
}

// Gen makes random values. The same seed makes the same ones.
type Gen struct {
	r *rand.Rand
	o Options
}

// New makes a generator.
func New(seed uint64, o Options) *Gen {
	return &Gen{r: rand.New(rand.NewPCG(seed, 0x6f6470)), o: o}
}

// one in n times.
func (g *Gen) one(n int) bool { return g.r.IntN(n) == 0 }

func (g *Gen) bytes(n int) []byte {
	b := make([]byte, n)
	if g.one(8) {
		return b // zero is a value of its own
	}
	for i := range b {
		b[i] = byte(g.r.Uint32())
	}
	return b
}

func (g *Gen) u32() uint32 {
	switch g.r.IntN(5) {
	case 0:
		return uint32(g.r.IntN(3))
	case 1:
		return 0xffffffff
	default:
		return g.r.Uint32() >> g.r.IntN(32)
	}
}

// Match makes a flow's keys with masks, in any order.
func (g *Gen) Match() odp.Match {
	m := odp.Match{Fields: g.fields(1+g.r.IntN(8), 0)}
	if g.o.Odd && g.one(20) {
		m.Exact = true
		for i := range m.Fields {
			m.Fields[i].Mask = nil
		}
	}
	return g.seen(m)
}

// seen is a match as it is decoded from netlink, so that equal ones are equal.
func (g *Gen) seen(m odp.Match) odp.Match {
	key, err := m.AppendKey([]byte{})
	if err != nil {
		panic(err) // random values are small
	}
	var mask []byte
	if !m.Exact {
		if mask, err = m.AppendMask([]byte{}); err != nil {
			panic(err)
		}
	}
	if m, err = odp.DecodeMatch(key, mask); err != nil {
		panic(err)
	}
	return m
}

// fields makes up to n keys, each once.
func (g *Gen) fields(n, depth int) []odp.Field {
	var list []odp.Field
	for _, i := range g.r.Perm(len(layout.Keys.Attrs)) {
		if len(list) == n {
			break
		}
		typ := uint16(i)
		a := layout.Keys.Attr(typ)
		if a.Name == "" || !g.allowed(a) || a.Name == "encap" && depth > 2 {
			continue
		}
		list = append(list, g.field(typ, a, depth))
	}
	if g.o.Odd && g.one(4) {
		typ := uint16(33 + g.r.IntN(100))
		f := odp.Field{Type: typ, Nested: g.one(3), NetByteOrder: g.one(5), Value: g.bytes(g.r.IntN(9))}
		if g.one(4) {
			f.Value = nil
		}
		if f.Value == nil || !g.one(4) {
			f.Mask = g.bytes(len(f.Value))
		}
		at := g.r.IntN(len(list) + 1)
		list = append(list[:at:at], append([]odp.Field{f}, list[at:]...)...)
	}
	return list
}

func (g *Gen) allowed(a *layout.Attr) bool {
	if a.Userspace && g.o.Kernel {
		return false
	}
	// ovs-dpctl reads no nsh, no keys younger than itself, and calls fields
	// of ct_tuple6 otherwise than it reads them.
	return !g.o.Tame || a.Name != "nsh" && a.Name != "ct_tuple6" && a.Name != "nd_ext" && !a.Foreign
}

// field makes one key with its mask.
func (g *Gen) field(typ uint16, a *layout.Attr, depth int) odp.Field {
	f := odp.Field{Type: typ}
	switch {
	case g.o.Odd && g.one(12):
		f.Value, f.Mask = g.bytes(g.r.IntN(45)), g.bytes(g.r.IntN(45))
	case a.Name == "encap":
		inner := odp.Match{Fields: g.fields(g.r.IntN(5), depth+1)}
		if len(inner.Fields) == 0 {
			inner.Fields = g.fields(1, depth+1)
		}
		f.Value, f.Mask = sides(inner.Fields, a.Nest)
	case a.Name == "tunnel":
		f.Value, f.Mask = sides(g.tunnel(), a.Nest)
	case a.Name == "nsh":
		f.Value, f.Mask = sides(g.nsh(), a.Nest)
	case a.Kind == layout.MPLS:
		n := 1 + g.r.IntN(3)
		f.Value = g.bytes(n * a.Size)
		f.Mask = g.mask(a, len(f.Value))
	default:
		f.Value, f.Mask = g.value(a), g.mask(a, a.Size)
		if frag := a.Part("frag"); frag != nil && g.o.Tame && frag.Get(f.Mask) == 0 {
			frag.Put(f.Value, 0) // which has no text
		}
		if a.Name == "recirc_id" && g.o.Tame {
			f.Mask = []byte{0xff, 0xff, 0xff, 0xff} // it reads no mask
		}
		if a.Name == "ct_state" && (!g.o.Odd || g.one(2)) {
			g.tameState(&f)
		}
	}
	if g.o.Odd {
		switch g.r.IntN(12) {
		case 0:
			f.Mask = nil
		case 1:
			if f.Mask != nil {
				f.Value = nil
			}
		}
	}
	return f
}

// sides encodes the attributes of a nest.
func sides(list []odp.Field, t *layout.Table) (value, mask []byte) {
	value, mask = []byte{}, []byte{}
	for _, f := range list {
		typ := f.Type
		if f.Nested || t.Attr(typ).Kind == layout.Nest {
			typ |= nl.NestedFlag
		}
		if f.NetByteOrder {
			typ |= nl.NetByteOrderFlag
		}
		if f.Value != nil {
			value = nl.AppendAttr(value, typ, f.Value)
		}
		if f.Mask != nil {
			mask = nl.AppendAttr(mask, typ, f.Mask)
		}
	}
	return value, mask
}

// value makes the bytes of a key of fixed size.
func (g *Gen) value(a *layout.Attr) []byte {
	v := g.bytes(a.Size)
	for i := range a.Parts {
		p := &a.Parts[i]
		switch p.Kind {
		case layout.Frag:
			p.Put(v, uint64(g.r.IntN(3)))
		case layout.Label20:
			p.Put(v, p.Get(v)&0xfffff)
		default:
		}
	}
	if a.Kind == layout.TCPFlags {
		v[0] &= 0x0f
	}
	return g.clean(a, v)
}

// clean clears what is no part of anything.
func (g *Gen) clean(a *layout.Attr, v []byte) []byte {
	if g.o.Odd && g.one(10) || a.Parts == nil {
		return v
	}
	used := make([]byte, len(v))
	for i := range a.Parts {
		p := &a.Parts[i]
		if p.Kind == layout.MAC || p.Kind == layout.IPv4 || p.Kind == layout.IPv6 {
			copy(p.Bytes(used), p.Bytes(v))
		} else {
			p.Put(used, p.Get(v))
		}
	}
	return used
}

// mask makes a mask: full, empty, or some of both and of neither part by part.
func (g *Gen) mask(a *layout.Attr, n int) []byte {
	m := make([]byte, n)
	switch g.r.IntN(4) {
	case 0:
		for i := range m {
			m[i] = 0xff
		}
	case 1:
		if a.Kind == layout.VLAN && g.o.Tame {
			m[0] = 0x10
		}
		return m
	default:
		copy(m, g.bytes(n))
	}
	if a.Kind == layout.MPLS {
		return m
	}
	for i := range a.Parts {
		p := &a.Parts[i]
		style := g.r.IntN(3)
		switch {
		case p.Kind == layout.Frag && style == 0:
			p.Put(m, 0)
		case p.Kind == layout.Frag:
			p.Put(m, p.Max())
		case p.Kind == layout.Label20:
			p.Put(m, p.Get(m)&0xfffff)
		case p.Bits == 0 && style == 0:
			clear(p.Bytes(m))
		case p.Bits == 0 && style == 1:
			for i := range p.Bytes(m) {
				p.Bytes(m)[i] = 0xff
			}
		}
	}
	switch {
	case a.Kind == layout.VLAN && (g.o.Tame || !g.one(4)):
		m[0] |= 0x10 // the tag bit, which text always asks for
	case a.Kind == layout.TCPFlags:
		if m[0] == 0xff && m[1] == 0xff {
			return m
		}
		if m[0] &= 0x0f; g.o.Tame && m[0] == 0x0f && m[1] == 0xff {
			m[0] = 0xff
		}
	}
	return g.clean(a, m)
}

// tameState keeps to the flags of ct_state that there are.
func (g *Gen) tameState(f *odp.Field) {
	state := layout.Keys.Attr(uapi.OVS_KEY_ATTR_CT_STATE).Whole()
	state.Put(f.Value, state.Get(f.Value)&0xff)
	state.Put(f.Mask, state.Get(f.Mask)&0xff)
}

// nest is a list of attributes, in sides.
func attr(typ uint16, value, mask []byte) odp.Field {
	return odp.Field{Type: typ, Value: value, Mask: mask}
}
