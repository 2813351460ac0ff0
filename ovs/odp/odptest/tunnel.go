// SPDX-License-Identifier: Apache-2.0

// Package odptest makes random flow keys, masks and actions for tests, and
// counts which attributes they exercised.
package odptest

import (
	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp"
	"github.com/dpscope/dpscope/ovs/odp/internal/layout"
)

// tunnel makes the attributes of a tunnel key in the order of the kernel.
func (g *Gen) tunnel() []odp.Field {
	var list []odp.Field
	for _, typ := range layout.Tunnel.Order {
		a := layout.Tunnel.Attr(typ)
		switch {
		case !g.one(2) && a.Kind != layout.Geneve:
			continue
		case a.Kind == layout.Flag:
			if a.Name == "ipv4_info_bridge" {
				if !g.o.Odd || !g.one(4) {
					continue
				}
			}
			f := odp.Field{Type: typ}
			switch g.r.IntN(3) {
			case 0:
				f.Value, f.Mask = []byte{}, []byte{}
			case 1:
				f.Mask = []byte{}
			default:
				f.Value = []byte{}
			}
			list = append(list, f)
			continue
		case a.Kind == layout.Geneve:
			if g.one(2) {
				list = append(list, g.geneve())
			}
			continue
		case a.Kind == layout.Nest:
			list = append(list, g.vxlan(typ))
			continue
		case a.Kind == layout.Erspan:
			list = append(list, g.erspan())
			continue
		}
		f := attr(typ, g.value(a), g.mask(a, a.Size))
		if !g.o.Tame && g.one(6) {
			f.Value = nil // as the kernel has it for a zero that must match
		}
		list = append(list, f)
	}
	if !g.o.Kernel && g.one(6) && !g.o.Tame {
		list = append(list, attr(layout.Tunnel.TwinType, g.value(&layout.Tunnel.Twin), g.mask(&layout.Tunnel.Twin, 2)))
		list = g.without(list, layout.Tunnel.TwinType)
	}
	if g.o.Odd && g.one(6) {
		g.r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	}
	return list
}

// without keeps the last of the attributes of one type.
func (g *Gen) without(list []odp.Field, typ uint16) []odp.Field {
	out := list[:0]
	for i, f := range list {
		if f.Type != typ || i == len(list)-1 {
			out = append(out, f)
		}
	}
	return out
}

func (g *Gen) geneve() odp.Field {
	a := layout.Tunnel.Attr(uapi.OVS_TUNNEL_KEY_ATTR_GENEVE_OPTS)
	length, reserved := a.Part("length"), a.Part("reserved")
	f := odp.Field{Type: uapi.OVS_TUNNEL_KEY_ATTR_GENEVE_OPTS, Value: []byte{}, Mask: []byte{}}
	for range 1 + g.r.IntN(3) {
		words := g.r.IntN(4)
		opt, mask := g.bytes(layout.GeneveHeader+4*words), g.bytes(layout.GeneveHeader+4*words)
		length.Put(opt, uint64(words))
		length.Put(mask, length.Max())
		if !g.o.Odd || !g.one(10) {
			reserved.Put(opt, 0)
			reserved.Put(mask, 0)
		}
		if g.o.Tame && words > 0 {
			mask[layout.GeneveHeader] |= 1 // data it does not show it takes for exact
		}
		f.Value, f.Mask = append(f.Value, opt...), append(f.Mask, mask...)
	}
	return f
}

func (g *Gen) vxlan(typ uint16) odp.Field {
	gbp := layout.Tunnel.Attr(typ).Nest.Attr(uapi.OVS_VXLAN_EXT_GBP)
	value, mask := g.value(gbp), g.clean(gbp, g.bytes(gbp.Size))
	if g.o.Tame { // it sends no zeros
		gbp.Part("id").Put(value, 1|gbp.Part("id").Get(value))
		gbp.Part("id").Put(mask, 1|gbp.Part("id").Get(mask))
	}
	return attr(typ, nl.AppendAttr(nil, uapi.OVS_VXLAN_EXT_GBP, value), nl.AppendAttr(nil, uapi.OVS_VXLAN_EXT_GBP, mask))
}

func (g *Gen) erspan() odp.Field {
	v, m := g.bytes(12), make([]byte, 12)
	for i := range m {
		m[i] = 0xff
	}
	parts := layout.ErspanParts(uint32(1 + g.r.IntN(2)))
	if len(parts) == 3 {
		parts[0].Put(v, 1)
	} else {
		parts[0].Put(v, 2)
	}
	for i := range parts[1:] {
		p := &parts[1+i]
		switch p.Name {
		case "idx", "dir", "hwid":
			p.Put(m, uint64(g.u32()))
		default:
			if !g.o.Odd || !g.one(10) {
				p.Put(v, 0)
			}
		}
	}
	return attr(uapi.OVS_TUNNEL_KEY_ATTR_ERSPAN_OPTS, v, m)
}

// nsh makes a header with metadata of type 1 or of none.
func (g *Gen) nsh() []odp.Field {
	base, md1 := layout.NSH.Attr(uapi.OVS_NSH_KEY_ATTR_BASE), layout.NSH.Attr(uapi.OVS_NSH_KEY_ATTR_MD1)
	v := g.bytes(base.Size)
	v[2] = byte(1 + g.r.IntN(2))
	list := []odp.Field{attr(uapi.OVS_NSH_KEY_ATTR_BASE, v, g.mask(base, base.Size))}
	switch {
	case v[2] == 1:
		list = append(list, attr(uapi.OVS_NSH_KEY_ATTR_MD1, g.bytes(md1.Size), g.mask(md1, md1.Size)))
	case g.o.Odd && g.one(2):
		list = append(list, attr(uapi.OVS_NSH_KEY_ATTR_MD2, g.bytes(8), g.bytes(8)))
	}
	return list
}
