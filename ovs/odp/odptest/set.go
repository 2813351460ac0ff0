// SPDX-License-Identifier: Apache-2.0

package odptest

import (
	"bytes"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp"
	"github.com/dpscope/dpscope/ovs/odp/internal/layout"
)

// settable finds a key for a set action.
func (g *Gen) settable() (uint16, *layout.Attr) {
	for {
		typ := uint16(g.r.IntN(len(layout.Keys.Attrs)))
		a := layout.Keys.Attr(typ)
		if a.Name != "" && a.Name != "encap" && g.allowed(a) && (!g.o.Tame || a.Name != "recirc_id") {
			return typ, a
		}
	}
}

func (g *Gen) set(depth int) odp.Action {
	typ, a := g.settable()
	if g.o.Tame && (a.Name == "tunnel" || a.Name == "ipv6" || a.Name == "arp" || a.Name == "ct_tuple4" || a.Name == "ct_state" || a.Name == "tcp_flags") {
		// ovs-dpctl makes a masked action of some of these.
		return g.setMasked(depth)
	}
	f := g.field(typ, a, 1)
	f.Mask = nil
	if f.Value == nil {
		f.Value = []byte{}
	}
	return odp.Set{Field: f}
}

func (g *Gen) setMasked(_ int) odp.Action {
	for {
		typ, a := g.settable()
		if a.Kind == layout.Nest && (g.o.Tame || a.Name != "nsh") {
			continue
		}
		f := g.field(typ, a, 1)
		if f.Value == nil || f.Mask == nil || len(f.Value) != len(f.Mask) {
			continue
		}
		if g.o.Tame {
			full, none := uniform(a, f.Mask, 0xff), uniform(a, f.Mask, 0)
			if full || none || a.Name == "ct_state" || a.Name == "tcp_flags" || a.Name == "vlan" {
				continue
			}
			for i := range f.Mask {
				f.Value[i] &= f.Mask[i] // what is not set is not shown
			}
		}
		s := odp.SetMasked{Field: f}
		if _, err := (odp.Actions{s}).AppendNetlink(nil); err == nil {
			return s
		}
	}
}

// uniform tells whether all bits that are of a part are those of v.
func uniform(a *layout.Attr, mask []byte, v byte) bool {
	if a.Kind == layout.Struct {
		full := make([]byte, len(mask))
		for i := range full {
			full[i] = v
		}
		for i := range a.Parts {
			p := &a.Parts[i]
			if !bytes.Equal(p.Bytes(mask), p.Bytes(full)) && (p.Kind != layout.Label20 || p.Get(mask) != 0xfffff&p.Get(full)) {
				return false
			}
		}
		return true
	}
	for _, c := range mask {
		if c != v {
			return false
		}
	}
	return true
}

func (g *Gen) pushNSH(_ int) odp.Action {
	base := g.bytes(8)
	base[0] &= 3
	base[1] &= 0x3f
	base[2] = byte(1 + g.r.IntN(2))
	b := nl.AppendAttr(nil, uapi.OVS_NSH_KEY_ATTR_BASE, base)
	if base[2] == 1 {
		return odp.PushNSH{Attrs: nl.AppendAttr(b, uapi.OVS_NSH_KEY_ATTR_MD1, g.bytes(16))}
	}
	md2 := g.bytes(4 * (1 + g.r.IntN(8)))
	if g.o.Tame {
		md2[0] |= 0x10
	}
	return odp.PushNSH{Attrs: nl.AppendAttr(b, uapi.OVS_NSH_KEY_ATTR_MD2, md2)}
}
