// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"slices"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp/internal/layout"
)

// tunnelFlag is the flag that an attribute stands for in flags(...), 0 if none.
func tunnelFlag(typ uint16) uint64 {
	switch typ {
	case uapi.OVS_TUNNEL_KEY_ATTR_DONT_FRAGMENT:
		return tunnelDF
	case uapi.OVS_TUNNEL_KEY_ATTR_CSUM:
		return tunnelCSUM
	case uapi.OVS_TUNNEL_KEY_ATTR_OAM:
		return tunnelOAM
	}
	return 0
}

// tunnelExpressible tells whether the attributes of a tunnel key are such that
// text can give them one by one: each once, without odd flags, and in the order
// of the kernel, which text does not say.
func tunnelExpressible(b []byte) bool {
	last := -1
	for at, err := range allAttrs(b) {
		odd := at.NetByteOrder || at.Nested != isNest(layout.Tunnel, at.Type)
		if err != nil || odd || tunnelFlag(at.Type) != 0 && len(at.Data) != 0 {
			return false
		}
		place := tunnelPlace(&Field{Type: at.Type, Value: at.Data})
		if place <= last {
			return false
		}
		last = place
	}
	return true
}

// tunnelPlace is where an attribute stands among the others: in the order of the
// kernel, then what only the userspace datapath has, then the unknown ones.
func tunnelPlace(f *Field) int {
	v := f.Value
	if v == nil {
		v = f.Mask
	}
	n := len(layout.Tunnel.Order)
	if layout.Tunnel.For(f.Type, v).Userspace {
		return n
	}
	if i := slices.Index(layout.Tunnel.Order, f.Type); i >= 0 {
		return i
	}
	return n + 1 + int(f.Type)
}

// find is the first attribute of this type.
func find(b []byte, typ uint16) (nl.Attr, bool) {
	for at, err := range nl.Attrs(b) {
		if err == nil && at.Type == typ {
			return at, true
		}
	}
	return nl.Attr{}, false
}

// appendTunnel writes what is in a tunnel key, in its order, the flags last.
func appendTunnel(b, value, mask []byte, exact bool, o *TextOptions) []byte {
	start := len(b)
	var flags, flagMask uint64
	for at, err := range nl.Attrs(value) {
		if err != nil {
			break // ruled out by named
		}
		if bit := tunnelFlag(at.Type); bit != 0 {
			flags |= bit
			continue
		}
		f := Field{Type: at.Type, Value: notNil(at.Data)}
		if m, ok := find(mask, at.Type); ok && !exact {
			f.Mask = notNil(m.Data)
		}
		if at.Type == uapi.OVS_TUNNEL_KEY_ATTR_ID {
			flags |= tunnelKey
			flagMask |= tunnelKey
		}
		b = f.appendTunnelAttr(b, start, exact, o)
	}
	// Flags have masks also where they are not set.
	for at, err := range nl.Attrs(mask) {
		if err != nil || exact {
			break
		}
		if bit := tunnelFlag(at.Type); bit != 0 {
			flagMask |= bit
		} else if _, ok := find(value, at.Type); !ok && o.Lossless {
			f := Field{Type: at.Type, Mask: notNil(at.Data)}
			b = f.appendUnknown(separate(b, start), false)
		}
	}
	if !exact && flagMask == 0 && !o.verbose() {
		return b
	}
	b = append(separate(b, start), "flags("...)
	switch {
	case exact, flagMask == tunnelFlagsMask:
		b = tunnelFlags.append(b, flags, '|')
	case o.Lossless && flags&^flagMask != 0: // set, and of no matter
		b = appendAltHex(append(appendAltHex(b, flags), '/'), flagMask)
	case flagMask == 0:
		b = append(b, "0/0"...)
	default:
		b = tunnelFlags.appendSigned(b, flags, flagMask)
	}
	return append(b, ')')
}

func (f *Field) appendTunnelAttr(b []byte, start int, exact bool, o *TextOptions) []byte {
	a := layout.Tunnel.For(f.Type, f.Value)
	if f.Type == uapi.OVS_TUNNEL_KEY_ATTR_PAD && !o.Lossless {
		return b
	}
	unmasked := f.Mask == nil && !exact
	if !f.tunnelNamed(a, exact, o.Lossless) {
		if a.Kind == layout.Unknown && !o.Lossless {
			return f.appendForeign(separate(b, start), exact)
		}
		return f.appendUnknown(separate(b, start), exact)
	}
	mask := f.Mask
	switch {
	case exact, unmasked && o.Lossless:
		mask = nil
	case mask == nil && a.Kind != layout.Nest:
		mask = zeroMask(len(f.Value))
	}
	if !tunnelParens(a) {
		p := a.Whole()
		if hidden(&p, f.Value, mask, o) {
			return b
		}
		b = append(append(separate(b, start), a.Name...), '=')
		b = appendPart(b, &p, f.Value, mask, o.Lossless)
		if unmasked && o.Lossless {
			b = append(b, "/none"...) // which is not a mask of zeros, though it means the same
		}
		return b
	}
	b = append(append(separate(b, start), a.Name...), '(')
	switch a.Kind {
	case layout.Nest:
		b = appendVXLAN(b, f.Value, mask, exact, o)
	case layout.Geneve:
		b = appendGeneve(b, f.Value, mask, o)
	case layout.Erspan:
		b = appendErspan(b, f.Value, mask, o)
	default:
		b = appendParts(b, a, f.Value, mask, o)
	}
	return append(b, ')')
}

// tunnelParens tells whether an attribute is written name(...), not name=value.
func tunnelParens(a *layout.Attr) bool {
	switch a.Kind {
	case layout.Nest, layout.Geneve, layout.Erspan, layout.Struct:
		return true
	default:
	}
	return false
}

// tunnelNamed tells whether an attribute of a tunnel key has the layout its name
// stands for, and in lossless text whether that says everything.
func (f *Field) tunnelNamed(a *layout.Attr, exact, lossless bool) bool {
	fits := a.Fits(f.Value) && (f.Mask == nil || a.Fits(f.Mask)) && a.Kind != layout.Flag
	switch {
	case !fits, lossless && !exact && f.Mask == nil && tunnelParens(a):
		return false
	case a.Kind == layout.Geneve:
		return geneveNamed(f.Value, f.Mask, exact, lossless)
	case a.Kind == layout.Erspan:
		return erspanNamed(f.Value, f.Mask, exact, lossless)
	case a.Kind == layout.Nest:
		return vxlanNamed(f.Value, lossless) && (f.Mask == nil || vxlanNamed(f.Mask, lossless))
	}
	return true
}

// tunnel reads the attributes of a tunnel key and puts them into their places.
func (p *keyParser) tunnel(f *Field) error {
	var (
		room [20]Field
		list = room[:0]
		at   = p.pos
		// flags(...) stands for several attributes, and only once.
		flags bool
	)
	err := p.repeated("tunnel", func(name string, at int) (err error) {
		if name == "flags" {
			if flags {
				return p.errf(at, "tunnel: flags appears twice")
			}
			flags = true
			list, err = p.tunnelFlags(list)
			return err
		}
		f, err := p.tunnelField(name, at)
		if err != nil {
			return err
		}
		if len(f.Value)+len(f.Mask) == 0 && layout.Tunnel.Attr(f.Type).Pad {
			return nil
		}
		if i := slices.IndexFunc(list, func(g Field) bool { return g.Type == f.Type }); i >= 0 {
			return p.errf(at, "tunnel: %s appears twice", name)
		}
		list = append(list, f)
		return nil
	})
	if err != nil {
		return err
	}
	if p.Dialect == Kselftest {
		if list, err = p.completeTunnel(list, at); err != nil {
			return err
		}
	}
	slices.SortStableFunc(list, func(a, b Field) int { return tunnelPlace(&a) - tunnelPlace(&b) })
	f.Value, f.Mask, err = tunnelNests(list)
	if err != nil {
		return p.errf(at, "tunnel: %v", err)
	}
	return nil
}

// tunnelField reads one attribute by its name or number.
func (p *keyParser) tunnelField(name string, at int) (f Field, err error) {
	number, foreign := foreignKey(name)
	if !foreign && name != "unknown" {
		return p.tunnelAttr(name, at)
	}
	if err = p.expect('(', "tunnel", name); err != nil {
		return f, err
	}
	if foreign {
		f, err = p.foreign(name, number)
	} else {
		f, _, err = p.raw()
		f.Nested = f.Nested && !isNest(layout.Tunnel, f.Type)
	}
	if err != nil {
		return f, err
	}
	return f, p.expect(')', "tunnel", name)
}

// completeTunnel adds what ovs-dpctl.py sends in any case: a time to live that
// does not matter. And it wants a tunnel id.
func (p *keyParser) completeTunnel(list []Field, at int) ([]Field, error) {
	given := func(typ uint16) bool {
		return slices.ContainsFunc(list, func(f Field) bool { return f.Type == typ && f.Value != nil })
	}
	if !given(uapi.OVS_TUNNEL_KEY_ATTR_ID) {
		return nil, p.errf(at, "tunnel: tun_id=N is missing")
	}
	if !given(uapi.OVS_TUNNEL_KEY_ATTR_TTL) {
		list = append(list, Field{Type: uapi.OVS_TUNNEL_KEY_ATTR_TTL, Value: []byte{0}, Mask: []byte{0}})
	}
	return list, nil
}

// tunnelNests encodes both sides.
func tunnelNests(list []Field) (value, mask []byte, err error) {
	n := 0
	for i := range list {
		n += 4 + (max(len(list[i].Value), len(list[i].Mask))+3)&^3
	}
	value, mask = make([]byte, 0, n), make([]byte, 0, n)
	for i := range list {
		f := &list[i]
		typ := wireType(nl.Attr{Type: f.Type, Nested: f.Nested || isNest(layout.Tunnel, f.Type), NetByteOrder: f.NetByteOrder})
		if f.Value != nil {
			value, err = appendBytes(value, typ, f.Value)
		}
		if f.Mask != nil && err == nil {
			mask, err = appendBytes(mask, typ, f.Mask)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return value, mask, nil
}

// tunnelFlags reads flags(...), which stands for several attributes, and adds
// them.
func (p *keyParser) tunnelFlags(list []Field) ([]Field, error) {
	w := where{key: "tunnel", field: "flags"}
	if err := p.expect('(', "tunnel", "flags"); err != nil {
		return nil, err
	}
	at := p.pos
	var v, m uint64
	if p.peek() != ')' {
		var err error
		if v, m, err = p.flags(w, tunnelFlags, 32, tunnelFlagsMask); err != nil {
			return nil, err
		}
	}
	if (v|m)&^tunnelFlagsMask != 0 {
		return nil, p.errf(at, "%s: no such flags", w)
	}
	if p.Dialect == Kselftest {
		m = v
	}
	for _, typ := range layout.Tunnel.Order {
		bit := tunnelFlag(typ)
		if (v|m)&bit == 0 {
			continue
		}
		f := Field{Type: typ}
		if v&bit != 0 {
			f.Value = []byte{}
		}
		if m&bit != 0 {
			f.Mask = []byte{}
		}
		list = append(list, f)
	}
	return list, p.expect(')', "tunnel", "flags")
}

// tunnelAttr reads name=value[/mask] or name(...).
func (p *keyParser) tunnelAttr(name string, at int) (Field, error) {
	typ, a, ok := layout.Tunnel.Named(name)
	f := Field{Type: typ}
	if !ok || a.Kind == layout.Flag {
		return f, p.noField("tunnel", name, at)
	}
	var err error
	switch a.Kind {
	case layout.Nest, layout.Geneve, layout.Erspan, layout.Struct:
		if err = p.expect('(', "tunnel", name); err != nil {
			return f, err
		}
		switch a.Kind {
		case layout.Nest:
			err = p.vxlan(&f)
		case layout.Geneve:
			err = p.geneve(&f)
		case layout.Erspan:
			err = p.erspan(&f)
		default:
			f.Value, f.Mask = p.pair(a.Size)
			err = p.parts(a, f.Value, f.Mask)
		}
		if err == nil {
			err = p.expect(')', "tunnel", name)
		}
	default:
		if err = p.expect('=', "tunnel", name); err == nil {
			f.Value, f.Mask = p.pair(a.Size)
			part := a.Whole()
			err = p.part(where{key: "tunnel", field: name}, &part, f.Value, f.Mask)
			if err == nil && p.acceptString("/none") {
				f.Mask = nil
			}
		}
	}
	return f, err
}
