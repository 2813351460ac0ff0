// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"slices"
	"strconv"

	"github.com/dpscope/dpscope/nl/uapi"
)

// TextOptions say how a match is written.
type TextOptions struct {
	// Verbose writes every field, also those that match anything, and flags as
	// numbers, as ovs-dpctl does with -m.
	Verbose bool
	// Names shows ports by name where known.
	Names PortNames
}

// AppendText appends the match as ovs-dpctl prints it: keys in the order they
// are in, separated by commas. A field without a name, or whose bytes do not
// have the documented shape, is written by number (see the package comment).
func (m Match) AppendText(b []byte, o TextOptions) []byte {
	return m.appendText(b, &o, 0)
}

// String is the text form without fields that match anything.
func (m Match) String() string { return string(m.AppendText(nil, TextOptions{})) }

func (m Match) appendText(b []byte, o *TextOptions, depth int) []byte {
	start := len(b)
	for _, f := range m.Fields {
		wild := f.wildcard(m.Exact)
		switch {
		case f.Value == nil && wild:
			continue // says nothing, and has no text form
		case f.Type == uapi.OVS_KEY_ATTR_ETHERNET && wild && !o.Verbose && specOf(f.Type).fits(f, depth):
			// Its presence counts: without it the packet has no Ethernet header.
			b = append(separate(b, start), "eth()"...)
			continue
		case wild && !o.Verbose && specOf(f.Type).kind != kindNest:
			continue
		}
		b = f.appendText(separate(b, start), m.Exact, o, depth)
	}
	return b
}

func separate(b []byte, start int) []byte {
	if len(b) > start {
		b = append(b, ',')
	}
	return b
}

var zeros [40]byte // as long as the longest fixed key

func (f Field) appendText(b []byte, exact bool, o *TextOptions, depth int) []byte {
	s := specOf(f.Type)
	if f.Value == nil && f.Type == uapi.OVS_KEY_ATTR_ETHERTYPE && len(f.Mask) == 2 && !f.Nested {
		b = append(b, "eth_type(0/"...)
		b = appendHexPad(b, uint64(binary.BigEndian.Uint16(f.Mask)), 4)
		return append(b, ')')
	}
	if f.Value == nil || !s.fits(f, depth) {
		return f.appendUnknown(b, exact)
	}
	mask := f.Mask
	switch {
	case exact:
		mask = nil
	case mask == nil && s.kind != kindNest:
		mask = zeros[:s.size]
	}
	b = append(b, s.name...)
	b = append(b, '(')
	v := f.Value
	switch s.kind {
	case kindNest:
		b = appendNest(b, v, f.Mask, exact, o, depth)
	case kindStruct:
		b = appendParts(b, s, v, mask, o.Verbose)
	case kindPort:
		b = appendPort(b, v, mask, o.Names)
	case kindHex32:
		b = appendMaskedHex(b, uint64(binary.NativeEndian.Uint32(v)), mask, binary.NativeEndian)
	case kindHex16:
		b = appendMaskedHex(b, uint64(binary.NativeEndian.Uint16(v)), mask, binary.NativeEndian)
	case kindEthType:
		b = appendHexPad(b, uint64(binary.BigEndian.Uint16(v)), 4)
		if mask != nil && !allBytes(mask, 0xff) {
			b = appendHexPad(append(b, '/'), uint64(binary.BigEndian.Uint16(mask)), 4)
		}
	case kindVLAN:
		b = appendVLAN(b, v, mask, o.Verbose)
	case kindTCPFlags:
		b = appendTCPFlags(b, v, mask)
	case kindCTState:
		b = appendCTState(b, v, mask, o.Verbose)
	case kindLabels:
		b = appendLabel(b, v)
		if mask != nil && !allBytes(mask, 0xff) {
			b = appendLabel(append(b, '/'), mask)
		}
	default: // a part of a structure, or a key without a form: fits said no
	}
	return append(b, ')')
}

func appendNest(b, value, mask []byte, exact bool, o *TextOptions, depth int) []byte {
	if exact {
		mask = nil
	} else {
		mask = notNil(mask)
	}
	m, err := decodeMatch(value, mask, depth+1)
	if err != nil {
		return b // ruled out by fits
	}
	return m.appendText(b, o, depth+1)
}

func (f Field) appendUnknown(b []byte, exact bool) []byte {
	b = append(b, "unknown("...)
	b = strconv.AppendUint(b, uint64(f.Type), 10)
	if f.Nested {
		b = append(b, ",nested"...)
	}
	b = append(b, ",hex="...)
	if f.Value == nil {
		b = append(b, "none"...)
	} else {
		b = hex.AppendEncode(b, f.Value)
	}
	switch {
	case exact:
	case f.Mask != nil:
		b = hex.AppendEncode(append(b, '/'), f.Mask)
	default:
		b = append(b, '/')
		for range f.Value {
			b = append(b, "00"...)
		}
	}
	return append(b, ')')
}

func getUint(b []byte, order binary.ByteOrder) uint64 {
	switch len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(order.Uint16(b))
	default:
		return uint64(order.Uint32(b))
	}
}

// appendMaskedHex writes value[/mask], leaving a full mask out.
func appendMaskedHex(b []byte, v uint64, mask []byte, order binary.ByteOrder) []byte {
	return appendHexMask(appendAltHex(b, v), mask, order)
}

func appendHexMask(b, mask []byte, order binary.ByteOrder) []byte {
	if mask == nil || allBytes(mask, 0xff) {
		return b
	}
	return appendAltHex(append(b, '/'), getUint(mask, order))
}

func appendPort(b, value, mask []byte, names PortNames) []byte {
	v := binary.NativeEndian.Uint32(value)
	if mask == nil || allBytes(mask, 0xff) {
		return names.append(b, v)
	}
	return appendHexMask(strconv.AppendUint(b, uint64(v), 10), mask, binary.NativeEndian)
}

// appendParts writes a structure; parts with an empty mask are left out unless
// verbose.
func appendParts(b []byte, s *keySpec, value, mask []byte, verbose bool) []byte {
	start := len(b)
	for _, p := range s.parts {
		end := p.off + p.kind.partSize()
		v, m := value[p.off:end], []byte(nil)
		if mask != nil {
			m = mask[p.off:end]
			// A fragment type that does not matter is never shown; ovs-dpctl
			// has no text for it.
			if allBytes(m, 0) && (!verbose || p.kind == kindFrag && v[0] == 0) {
				continue
			}
		}
		b = append(separate(b, start), p.name...)
		b = appendPart(append(b, '='), p.kind, v, m)
	}
	return b
}

func appendPart(b []byte, k kind, v, m []byte) []byte {
	full := m == nil || allBytes(m, 0xff)
	switch k {
	case kindMAC:
		b = appendMAC(b, v)
		if !full {
			b = appendMAC(append(b, '/'), m)
		}
	case kindIPv4, kindIPv6:
		b = appendAddress(b, v)
		if !full {
			b = appendAddress(append(b, '/'), m)
		}
	case kindHex8:
		b = appendMaskedHex(b, uint64(v[0]), m, binary.BigEndian)
	case kindFlowLbl:
		b = appendAltHex(b, getUint(v, binary.BigEndian))
		if m != nil && getUint(m, binary.BigEndian) != flowLabelMask {
			b = appendAltHex(append(b, '/'), getUint(m, binary.BigEndian))
		}
	case kindFrag:
		if full && int(v[0]) < len(fragNames) {
			return append(b, fragNames[v[0]]...)
		}
		b = appendHexMask(strconv.AppendUint(b, uint64(v[0]), 10), m, binary.BigEndian)
	default: // kindUint8, kindBE16
		b = appendHexMask(strconv.AppendUint(b, getUint(v, binary.BigEndian), 10), m, binary.BigEndian)
	}
	return b
}

func appendMAC(b, mac []byte) []byte {
	for i, c := range mac {
		if i > 0 {
			b = append(b, ':')
		}
		b = append(b, hexDigits[c>>4], hexDigits[c&15])
	}
	return b
}

const hexDigits = "0123456789abcdef"

func appendAddress(b, addr []byte) []byte {
	if a, ok := netip.AddrFromSlice(addr); ok {
		b = a.AppendTo(b)
	}
	return b
}

// appendVLAN writes vid, pcp and cfi as ovs-dpctl does. That form always asks
// for the tag bit (cfi); a match that does not is written as tci=value/mask.
func appendVLAN(b, value, mask []byte, verbose bool) []byte {
	tci, m := binary.BigEndian.Uint16(value), uint16(0xffff)
	if mask != nil {
		m = binary.BigEndian.Uint16(mask)
	}
	if m&vlanCFI == 0 {
		b = append(b, "tci="...)
		b = appendHexPad(b, uint64(tci), 4)
		return appendHexPad(append(b, '/'), uint64(m), 4)
	}
	start := len(b)
	vid, vidMask := tci&vlanVIDMask, m&vlanVIDMask
	if verbose || vid != 0 || vidMask != 0 {
		b = strconv.AppendUint(append(b, "vid="...), uint64(vid), 10)
		if vidMask != vlanVIDMask {
			b = strconv.AppendUint(append(b, "/0x"...), uint64(vidMask), 16)
		}
	}
	pcp, pcpMask := tci>>vlanPCPShift, m>>vlanPCPShift
	if verbose || pcp != 0 || pcpMask != 0 {
		b = strconv.AppendUint(append(separate(b, start), "pcp="...), uint64(pcp), 10)
		if pcpMask != 7 {
			b = strconv.AppendUint(append(b, "/0x"...), uint64(pcpMask), 16)
		}
	}
	if tci&vlanCFI == 0 {
		b = append(separate(b, start), "cfi=0"...)
	}
	return b
}

// tcpFlagBits are the flags a TCP header has.
const tcpFlagBits = 0x0fff

func appendTCPFlags(b, value, mask []byte) []byte {
	v, m := uint64(binary.BigEndian.Uint16(value)), uint64(0xffff)
	if mask != nil {
		m = uint64(binary.BigEndian.Uint16(mask))
	}
	switch {
	case m == 0xffff, m == tcpFlagBits && v&^tcpFlagBits == 0:
		return appendFlags(b, v, tcpFlagNames)
	case v&^m != 0 || m>>len(tcpFlagNames) != 0 || m == 0:
		return appendAltHex(append(appendAltHex(b, v), '/'), m)
	default:
		return appendSignedFlags(b, v, m, tcpFlagNames)
	}
}

func appendCTState(b, value, mask []byte, verbose bool) []byte {
	v := uint64(binary.NativeEndian.Uint32(value))
	if mask == nil {
		if verbose {
			return appendAltHex(b, v)
		}
		return appendFlags(b, v, ctStateNames)
	}
	m := uint64(binary.NativeEndian.Uint32(mask))
	if verbose || v&^m != 0 || m>>len(ctStateNames) != 0 || m == 0 {
		return appendAltHex(append(appendAltHex(b, v), '/'), m)
	}
	return appendSignedFlags(b, v, m, ctStateNames)
}

// appendFlags writes a|b, with bits that have no name as one number at the end.
func appendFlags(b []byte, v uint64, names []string) []byte {
	if v == 0 {
		return append(b, '0')
	}
	start := len(b)
	for i, name := range names {
		if v&(1<<i) == 0 {
			continue
		}
		if len(b) > start {
			b = append(b, '|')
		}
		b = append(b, name...)
	}
	if rest := v >> len(names) << len(names); rest != 0 {
		if len(b) > start {
			b = append(b, '|')
		}
		b = appendAltHex(b, rest)
	}
	return b
}

// appendSignedFlags writes +set-clear for every bit of the mask.
func appendSignedFlags(b []byte, v, m uint64, names []string) []byte {
	for i, name := range names {
		switch {
		case m&(1<<i) == 0:
			continue
		case v&(1<<i) != 0:
			b = append(b, '+')
		default:
			b = append(b, '-')
		}
		b = append(b, name...)
	}
	return b
}

// appendLabel writes 16 bytes, least significant first, as one hex number.
func appendLabel(b, label []byte) []byte {
	start := len(b)
	for _, c := range slices.Backward(label) {
		if len(b) == start {
			if c != 0 {
				b = strconv.AppendUint(append(b, "0x"...), uint64(c), 16)
			}
			continue
		}
		b = append(b, hexDigits[c>>4], hexDigits[c&15])
	}
	if len(b) == start {
		b = append(b, '0')
	}
	return b
}
