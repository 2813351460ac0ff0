// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"encoding/binary"
	"encoding/hex"

	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp/internal/layout"
)

// flowLabelMask is the width of an IPv6 flow label.
const flowLabelMask = 0xfffff

// fragNames are the names of enum ovs_frag_type.
var fragNames = [...]string{
	uapi.OVS_FRAG_TYPE_NONE:  "no",
	uapi.OVS_FRAG_TYPE_FIRST: "first",
	uapi.OVS_FRAG_TYPE_LATER: "later",
}

// appendParts writes name=value[/mask] for the parts of a structure. Those with
// an empty mask are left out unless o is verbose.
func appendParts(b []byte, a *layout.Attr, value, mask []byte, o *TextOptions) []byte {
	start := len(b)
	for i := range a.Parts {
		p, m := &a.Parts[i], mask
		if p.Kind == layout.Hex0 && !o.Lossless {
			m = nil // nd_reserved, whose mask ovs-dpctl never shows
		}
		if hidden(p, value, m, o) {
			continue
		}
		name := p.Name
		if p.Alias != "" && !o.Lossless {
			name = p.Alias // what ovs-dpctl prints and does not read
		}
		b = append(append(separate(b, start), name...), '=')
		b = appendPart(b, p, value, m, o.Lossless)
	}
	return b
}

// hidden tells whether a part is left out because it matches anything. A
// fragment type that does not matter is never shown; ovs-dpctl has no text for it.
func hidden(p *layout.Part, value, mask []byte, o *TextOptions) bool {
	if mask == nil || !emptyPart(p, mask) {
		return false
	}
	return !o.verbose() || p.Kind == layout.Frag && (!o.Lossless || emptyPart(p, value))
}

func emptyPart(p *layout.Part, b []byte) bool {
	if p.Bits != 0 {
		return p.Get(b) == 0
	}
	return allBytes(p.Bytes(b), 0)
}

// appendPart writes value[/mask] of a part. A nil mask is a full one.
func appendPart(b []byte, p *layout.Part, value, mask []byte, lossless bool) []byte {
	switch p.Kind {
	case layout.MAC:
		b = appendMAC(b, p.Bytes(value))
		if mask != nil && !allBytes(p.Bytes(mask), 0xff) {
			b = appendMAC(append(b, '/'), p.Bytes(mask))
		}
		return b
	case layout.IPv4, layout.IPv6:
		b = appendAddress(b, p.Bytes(value))
		if mask != nil && !allBytes(p.Bytes(mask), 0xff) {
			b = appendAddress(append(b, '/'), p.Bytes(mask))
		}
		return b
	default:
	}
	v, full := p.Get(value), p.Max()
	m := full
	if mask != nil {
		m = p.Get(mask)
	}
	switch p.Kind {
	case layout.Frag:
		if m == full && v < uint64(len(fragNames)) {
			return append(b, fragNames[v]...)
		}
		b = appendDec(b, v)
	case layout.Hex:
		b = appendAltHex(b, v)
	case layout.Label20:
		b, full = appendAltHex(b, v), flowLabelMask
		if mask == nil || !lossless && m&full == full {
			m = full
		}
	case layout.Hex0:
		b = appendHex(b, v)
	case layout.EtherType:
		b = appendHexPad(b, v, 4)
	default:
		b = appendDec(b, v)
	}
	if m != full {
		b = appendAltHex(append(b, '/'), m)
	}
	return b
}

func appendPort(b, value, mask []byte, names PortNames) []byte {
	v := binary.NativeEndian.Uint32(value)
	if mask == nil || allBytes(mask, 0xff) {
		return names.append(b, v)
	}
	return appendAltHex(append(appendDec(b, uint64(v)), '/'), uint64(binary.NativeEndian.Uint32(mask)))
}

func appendTCPFlags(b, value, mask []byte, o *TextOptions) []byte {
	v, m := uint64(binary.BigEndian.Uint16(value)), uint64(0xffff)
	if mask != nil {
		m = uint64(binary.BigEndian.Uint16(mask))
	}
	if !o.Lossless {
		if m&tcpFlagBits == tcpFlagBits {
			return tcpFlags.append(b, v, '|')
		}
		if m &= tcpFlagBits; m == 0 {
			return append(b, "0/0"...)
		}
		return tcpFlags.appendSigned(b, v, m)
	}
	switch {
	case m == 0xffff:
		return tcpFlags.append(b, v, '|')
	case m != tcpFlagBits && tcpFlags.expressible(v, m):
		return tcpFlags.appendSigned(b, v, m)
	}
	return appendAltHex(append(appendAltHex(b, v), '/'), m)
}

func appendCTState(b, value, mask []byte, o *TextOptions) []byte {
	v := uint64(binary.NativeEndian.Uint32(value))
	exact := mask == nil || allBytes(mask, 0xff)
	if exact && !o.verbose() {
		return ctStates.append(b, v, '|')
	}
	var m uint64
	if mask != nil {
		m = uint64(binary.NativeEndian.Uint32(mask))
	}
	switch {
	case !o.verbose() && m == 0:
		return append(b, "0/0"...)
	case !o.verbose() && m&^ctStates.known() == 0:
		return ctStates.appendSigned(b, v, m)
	case mask == nil, exact && !o.Lossless:
		return appendAltHex(b, v)
	}
	return appendAltHex(append(appendAltHex(b, v), '/'), m)
}

// appendRawHead writes TYPE[,nested][,net],hex=.
func appendRawHead(b []byte, typ uint16, nested, net bool) []byte {
	b = appendDec(b, uint64(typ))
	if nested {
		b = append(b, ",nested"...)
	}
	if net {
		b = append(b, ",net"...)
	}
	return append(b, ",hex="...)
}

func appendHexDigits(b, v []byte) []byte { return hex.AppendEncode(b, v) }
