// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp/internal/layout"
)

var (
	nshBase = layout.NSH.Attr(uapi.OVS_NSH_KEY_ATTR_BASE)
	nshMD1  = layout.NSH.Attr(uapi.OVS_NSH_KEY_ATTR_MD1)
)

const nshType1 = 1 // metadata of type 1: four words of context

// nshSides is what is in the nests of a key, by attribute.
type nshSides struct {
	base, md1, md2 []byte
	// plain is cleared by anything else: an attribute of another size or
	// number, one twice, or not in the order of their numbers.
	plain bool
}

func splitNSH(b []byte) nshSides {
	s := nshSides{plain: true}
	last := uint16(0)
	for at, err := range allAttrs(b) {
		if err != nil || at.Nested || at.NetByteOrder || at.Type <= last {
			s.plain = false
			continue
		}
		switch last = at.Type; {
		case at.Type == uapi.OVS_NSH_KEY_ATTR_BASE && nshBase.Fits(at.Data):
			s.base = at.Data
		case at.Type == uapi.OVS_NSH_KEY_ATTR_MD1 && nshMD1.Fits(at.Data):
			s.md1 = at.Data
		case at.Type == uapi.OVS_NSH_KEY_ATTR_MD2:
			s.md2 = notNil(at.Data)
		default:
			s.plain = false
		}
	}
	return s
}

// nshExpressible tells whether nsh(...) says all there is about a key. Text has
// the context if the type of the metadata says so, and one mask for all of it.
func nshExpressible(value, mask []byte, exact bool) bool {
	v := splitNSH(value)
	if !v.plain || v.base == nil || v.md2 != nil || (v.md1 != nil) != (v.base[2] == nshType1) {
		return false
	}
	if exact || mask == nil {
		return true
	}
	m := splitNSH(mask)
	return m.plain && m.base != nil && m.md2 == nil && (m.md1 != nil) == (v.md1 != nil)
}

// appendNSH writes the fields of a network service header. Unlike others they
// are left out where they match anything, whatever o says, as in ovs-dpctl;
// unless nothing may be lost. What the mask lacks is taken for exact there.
func appendNSH(b, value, mask []byte, exact bool, o *TextOptions) []byte {
	start := len(b)
	v := splitNSH(value)
	context := v.md1 != nil
	if v.base == nil {
		v.base = zeros[:nshBase.Size]
	}
	if v.md1 == nil {
		v.md1 = zeros[:nshMD1.Size]
	}
	if exact {
		b = appendNSHParts(b, start, nshBase, v.base, nil, o)
		if v.base[2] == nshType1 {
			b = appendNSHParts(b, start, nshMD1, v.md1, nil, o)
		}
		return b
	}
	m := splitNSH(mask)
	switch {
	case mask == nil && o.Lossless:
		m.base, m.md1 = zeros[:nshBase.Size], zeros[:nshMD1.Size]
	case m.base == nil:
		m.base = ones[:nshBase.Size]
	}
	if m.md1 == nil || !context {
		m.md1 = ones[:nshMD1.Size]
	}
	b = appendNSHParts(b, start, nshBase, v.base, m.base, o)
	if context || !o.Lossless {
		b = appendNSHParts(b, start, nshMD1, v.md1, m.md1, o)
	}
	return b
}

func appendNSHParts(b []byte, start int, a *layout.Attr, value, mask []byte, o *TextOptions) []byte {
	for i := range a.Parts {
		p := &a.Parts[i]
		v, m := p.Get(value), p.Max()
		if mask != nil {
			m = p.Get(mask)
		}
		if m == 0 && !o.Lossless {
			continue
		}
		b = append(append(separate(b, start), p.Name...), '=')
		switch {
		case m == p.Max() && p.Kind == layout.Hex0:
			b = appendHex(b, v)
		case m == p.Max():
			b = appendDec(b, v)
		case p.Kind == layout.Hex0:
			b = appendHexPad(append(appendHex(b, v), '/'), m, 8)
		default:
			b = appendHexPad(append(appendHexPad(b, v, 2), '/'), m, 2)
		}
	}
	return b
}

// nsh reads the fields of both nests. The context belongs to it when one of its
// words is given or the metadata is said to be of that type.
func (p *keyParser) nsh(f *Field) error {
	base := Field{Value: make([]byte, nshBase.Size), Mask: make([]byte, nshBase.Size)}
	md1 := Field{Value: make([]byte, nshMD1.Size), Mask: make([]byte, nshMD1.Size)}
	context := false
	err := p.values("nsh", func(name string, at int) error {
		a, side := nshBase, &base
		if nshMD1.Part(name) != nil {
			a, side, context = nshMD1, &md1, true
		}
		part := a.Part(name)
		if part == nil {
			return p.noField("nsh", name, at)
		}
		return p.part(where{key: "nsh", field: name}, part, side.Value, side.Mask)
	})
	context = context || base.Value[2] == nshType1
	side := func(base, md1 []byte) []byte {
		b := nl.AppendAttr(nil, uapi.OVS_NSH_KEY_ATTR_BASE, base)
		if context {
			b = nl.AppendAttr(b, uapi.OVS_NSH_KEY_ATTR_MD1, md1)
		}
		return b
	}
	f.Value, f.Mask = side(base.Value, md1.Value), side(base.Mask, md1.Mask)
	return err
}
