// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"encoding/binary"

	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp/internal/layout"
)

// AppendText appends the match as the dialect's tool prints it: keys in the
// order they are in, separated by commas. A field whose bytes do not have the
// documented shape is written by number (see the package comment).
func (m Match) AppendText(b []byte, o TextOptions) []byte {
	if o.Dialect == Kselftest {
		return m.appendKselftest(b, &o)
	}
	if m.Exact && o.Lossless {
		b = append(b, "unmasked(),"...)
	}
	return m.appendText(b, &o, 0)
}

// String is the text form without fields that match anything.
func (m Match) String() string { return string(m.AppendText(nil, TextOptions{})) }

func (m Match) appendText(b []byte, o *TextOptions, depth int) []byte {
	if o.Lossless && m.MaskOrder != nil {
		return m.appendApart(b)
	}
	start := len(b)
	packetType := false
	next := start // no comma before what stands here
	for i := range m.Fields {
		f := &m.Fields[i]
		a := layout.Keys.Attr(f.Type)
		named := f.named(a, m.Exact, o.Lossless, depth)
		wild := !m.Exact && wildcard(a, f.Mask)
		if f.Type == uapi.OVS_KEY_ATTR_PACKET_TYPE && f.Value != nil {
			packetType = o.verbose() || !wild
		}
		switch {
		case f.Value == nil:
			if o.Lossless {
				b = f.appendMaskOnly(separate(b, next))
			}
		case o.verbose() || !wild || a.Kind == layout.Nest:
			b = separate(b, next)
			next = start
			switch {
			case named && (o.Lossless || !a.Foreign):
				b = f.appendNamed(b, a, m.Exact, o, depth)
			case o.Lossless || a.Name != "" && !a.Foreign || f.odd():
				b = f.appendUnknown(b, m.Exact)
			default:
				b = f.appendForeign(b, m.Exact)
			}
		case f.Type == uapi.OVS_KEY_ATTR_ETHERNET && !packetType:
			// Its presence counts: without it the packet has no Ethernet
			// header. Where packet_type is matched, that says it.
			// ovs-dpctl forgets the comma behind it where it comes first.
			first := len(b) == start
			b = append(separate(b, next), "eth()"...)
			if first {
				next = len(b)
			}
		}
	}
	if i := m.index(uapi.OVS_KEY_ATTR_ETHERTYPE); i >= 0 && m.Fields[i].Value == nil && !o.Lossless {
		b = m.Fields[i].appendMaskOnly(separate(b, start))
	}
	return b
}

// appendApart writes values and masks apart, as their orders differ.
func (m Match) appendApart(b []byte) []byte {
	start := len(b)
	for f := range m.values() {
		b = f.appendUnknown(separate(b, start), false)
	}
	for f := range m.masks() {
		f.Value, f.Mask = nil, f.Value
		b = f.appendUnknown(separate(b, start), false)
	}
	return b
}

// named tells whether a field has the layout its name stands for. For lossless
// text the name must also say everything.
func (f *Field) named(a *layout.Attr, exact, lossless bool, depth int) bool {
	if f.Value == nil || f.odd() || lossless && f.Mask == nil && !exact {
		return false
	}
	if a.Kind == layout.Nest {
		if depth+1 >= maxDepth || !sound(f.Value) || !sound(f.Mask) {
			return false
		}
		switch {
		case !lossless:
		case f.Type == uapi.OVS_KEY_ATTR_TUNNEL:
			return tunnelExpressible(f.Value) && (exact || tunnelExpressible(f.Mask))
		case f.Type == uapi.OVS_KEY_ATTR_NSH:
			return nshExpressible(f.Value, f.Mask, exact)
		default:
			_, err := decodeMatch(f.Value, f.Mask, depth+1)
			return err == nil
		}
		return true
	}
	if !a.Fits(f.Value) || f.Mask != nil && !a.Fits(f.Mask) {
		return false
	}
	if a.Kind == layout.MPLS && (f.Mask != nil && len(f.Mask) != len(f.Value) || lossless && len(f.Value) > maxLabels*a.Size) {
		return false
	}
	return !lossless || a.Clean(f.Value) && a.Clean(f.Mask) && labelFits(a, f.Value)
}

// labelFits tells whether a flow label has no more than its 20 bits: text with
// more is refused.
func labelFits(a *layout.Attr, value []byte) bool {
	p := a.Part("label")
	return p == nil || p.Kind != layout.Label20 || p.Get(value) <= flowLabelMask
}

// wildcard tells that a mask asks for nothing. The mask of a nest holds
// attributes, and says so only by not being there.
func wildcard(a *layout.Attr, mask []byte) bool { return mask == nil || uniform(a, mask, 0) }

// uniform tells whether all bits of a mask that mean something are those of v,
// 0 or 0xff.
func uniform(a *layout.Attr, mask []byte, v byte) bool {
	switch {
	case a.Kind == layout.Unknown || a.Kind == layout.Nest || a.Foreign:
		return false
	case a.Kind == layout.TCPFlags && len(mask) == 2:
		return (binary.BigEndian.Uint16(mask)^(uint16(v)<<8|uint16(v)))&tcpFlagBits == 0
	case a.Kind != layout.Struct || len(mask) != a.Size:
		return allBytes(mask, v)
	}
	for i := range a.Parts {
		switch p := &a.Parts[i]; {
		case p.Kind == layout.Label20:
			if (binary.BigEndian.Uint32(p.Bytes(mask))^-uint32(v&1))&flowLabelMask != 0 {
				return false
			}
		case !allBytes(p.Bytes(mask), v):
			return false
		}
	}
	return true
}

var zeros [64]byte // as long as the longest key of one size

// zeroMask is a mask of n bytes that asks for nothing.
func zeroMask(n int) []byte {
	if n <= len(zeros) {
		return zeros[:n]
	}
	return make([]byte, n)
}

// appendNamed writes a field in the words of ovs-dpctl.
func (f *Field) appendNamed(b []byte, a *layout.Attr, exact bool, o *TextOptions, depth int) []byte {
	mask := f.Mask
	switch {
	case exact:
		mask = nil
	case mask == nil:
		mask = zeroMask(len(f.Value))
	}
	b = append(append(b, a.Name...), '(')
	v := f.Value
	switch f.Type {
	case uapi.OVS_KEY_ATTR_CT_ZONE, uapi.OVS_KEY_ATTR_CT_MARK, uapi.OVS_KEY_ATTR_CT_LABELS:
		if mask != nil && !o.verbose() && allBytes(mask, 0) {
			return append(b, ')') // in a set action; among keys it is left out
		}
	}
	switch a.Kind {
	case layout.Nest:
		b = f.appendNest(b, exact, o, depth)
	case layout.Struct:
		b = appendParts(b, a, v, mask, o)
	case layout.VLAN:
		b = appendVLAN(b, binary.BigEndian.Uint16(v), vlanMask(mask), o)
	case layout.MPLS:
		b = appendMPLS(b, a, v, mask)
	case layout.Port:
		b = appendPort(b, v, mask, o.Names)
	case layout.EtherType:
		b = appendHexPad(b, uint64(binary.BigEndian.Uint16(v)), 4)
		if mask != nil && !allBytes(mask, 0xff) {
			b = appendHexPad(append(b, '/'), uint64(binary.BigEndian.Uint16(mask)), 4)
		}
	case layout.TCPFlags:
		b = appendTCPFlags(b, v, mask, o)
	case layout.CTState:
		b = appendCTState(b, v, mask, o)
	case layout.Label128:
		b = appendLabel(b, v)
		if mask != nil && !allBytes(mask, 0xff) {
			b = appendLabel(append(b, '/'), mask)
		}
	default:
		p := a.Whole()
		b = appendPart(b, &p, v, mask, o.Lossless)
	}
	return append(b, ')')
}

func (f *Field) appendNest(b []byte, exact bool, o *TextOptions, depth int) []byte {
	switch f.Type {
	case uapi.OVS_KEY_ATTR_TUNNEL:
		return appendTunnel(b, f.Value, f.Mask, exact, o)
	case uapi.OVS_KEY_ATTR_NSH:
		return appendNSH(b, f.Value, f.Mask, exact, o)
	}
	mask := f.Mask
	switch {
	case exact, len(mask) == 0 && !o.Lossless:
		mask = nil // as ovs-dpctl has it: an empty mask is no mask
	case mask == nil:
		mask = []byte{}
	}
	m, err := decodeMatch(f.Value, mask, depth+1)
	if err != nil {
		return appendAllHex(b, f.Value) // a key twice, which the kernel does not send
	}
	inside := *o
	inside.Names = nil
	return m.appendText(b, &inside, depth+1)
}

// appendUnknown writes a field by number, with everything there is about it.
func (f *Field) appendUnknown(b []byte, exact bool) []byte {
	return append(f.appendRaw(append(b, "unknown("...), exact), ')')
}

// appendRaw writes TYPE[,nested][,net],hex=VALUE[/MASK].
func (f *Field) appendRaw(b []byte, exact bool) []byte {
	b = appendRawHead(b, f.Type, f.Nested, f.NetByteOrder)
	if f.Value == nil {
		b = append(b, "none"...)
	} else {
		b = appendHexDigits(b, f.Value)
	}
	switch {
	case exact:
	case f.Mask == nil:
		b = append(b, "/none"...)
	default:
		b = appendHexDigits(append(b, '/'), f.Mask)
	}
	return b
}

// appendMaskOnly writes a field that only the mask has. For the Ethernet type
// that is the kernel's way to match frames without one.
func (f *Field) appendMaskOnly(b []byte) []byte {
	if f.Type != uapi.OVS_KEY_ATTR_ETHERTYPE || len(f.Mask) != 2 || f.odd() {
		return f.appendUnknown(b, false)
	}
	b = append(b, "eth_type(0/"...)
	return append(appendHexPad(b, uint64(binary.BigEndian.Uint16(f.Mask)), 4), ')')
}

// appendForeign writes a key that ovs-dpctl has no words for as it does.
func (f *Field) appendForeign(b []byte, exact bool) []byte {
	b = appendSpacedHex(append(appendDec(append(b, "key"...), uint64(f.Type)), '('), f.Value)
	if !exact {
		mask := f.Mask
		if mask == nil {
			mask = zeroMask(len(f.Value))
		}
		b = appendSpacedHex(append(b, '/'), mask)
	}
	return append(b, ')')
}
