// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"bytes"
	"encoding/binary"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp/internal/layout"
)

// kselftestKeys are the keys ovs-dpctl.py prints, in its order, and how it
// writes a number. It shows no others.
var kselftestKeys = [...]struct {
	typ    uint16
	digits int // hexadecimal with as many; 0: decimal
	upper  bool
}{
	{typ: uapi.OVS_KEY_ATTR_PRIORITY}, {typ: uapi.OVS_KEY_ATTR_SKB_MARK},
	{typ: uapi.OVS_KEY_ATTR_RECIRC_ID, digits: 8, upper: true}, {typ: uapi.OVS_KEY_ATTR_DP_HASH, digits: 8, upper: true},
	{typ: uapi.OVS_KEY_ATTR_TUNNEL},
	{typ: uapi.OVS_KEY_ATTR_CT_STATE, digits: 4}, {typ: uapi.OVS_KEY_ATTR_CT_ZONE, digits: 4}, {typ: uapi.OVS_KEY_ATTR_CT_MARK, digits: 8},
	{typ: uapi.OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV4}, {typ: uapi.OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV6},
	{typ: uapi.OVS_KEY_ATTR_IN_PORT}, {typ: uapi.OVS_KEY_ATTR_ETHERNET}, {typ: uapi.OVS_KEY_ATTR_VLAN}, {typ: uapi.OVS_KEY_ATTR_ENCAP},
	{typ: uapi.OVS_KEY_ATTR_ETHERTYPE, digits: 4}, {typ: uapi.OVS_KEY_ATTR_IPV4}, {typ: uapi.OVS_KEY_ATTR_IPV6}, {typ: uapi.OVS_KEY_ATTR_ARP},
	{typ: uapi.OVS_KEY_ATTR_TCP}, {typ: uapi.OVS_KEY_ATTR_TCP_FLAGS, digits: 4}, {typ: uapi.OVS_KEY_ATTR_UDP}, {typ: uapi.OVS_KEY_ATTR_SCTP},
	{typ: uapi.OVS_KEY_ATTR_ICMP}, {typ: uapi.OVS_KEY_ATTR_ICMPV6}, {typ: uapi.OVS_KEY_ATTR_ND},
}

// appendKselftest writes a match as ovs-dpctl.py does: a comma behind each key.
func (m Match) appendKselftest(b []byte, o *TextOptions) []byte {
	return m.kselftestKeys(b, o, 0)
}

func (m Match) kselftestKeys(b []byte, o *TextOptions, depth int) []byte {
	for i := range kselftestKeys {
		k := &kselftestKeys[i]
		n := m.index(k.typ)
		if n < 0 {
			continue
		}
		f := m.Fields[n]
		a := layout.Keys.Attr(f.Type)
		if !f.named(a, m.Exact, false, depth) {
			continue // it cannot read it either
		}
		mask := f.Mask
		if m.Exact {
			mask = nil
		}
		switch a.Kind {
		case layout.Nest:
			if f.Type == uapi.OVS_KEY_ATTR_TUNNEL {
				b = append(appendKselftestTunnel(b, f.Value), ',')
			} else if inner, err := decodeMatch(f.Value, mask, depth+1); err == nil {
				b = append(inner.kselftestKeys(b, o, depth+1), ',') // without its name
			}
		case layout.Struct:
			b = append(appendKselftestParts(b, a, f.Value, mask, o), ',')
		case layout.VLAN:
			if text, ok := kselftestVLAN(f.Value, mask, o); ok {
				b = append(append(append(b, "vlan("...), text...), "),"...)
			}
		default:
			p := a.Whole()
			v, mv := p.Get(f.Value), p.Max()
			if mask != nil {
				mv = p.Get(mask)
			}
			bare := mask == nil || f.Type == uapi.OVS_KEY_ATTR_IN_PORT || f.Type == uapi.OVS_KEY_ATTR_ETHERTYPE && mv == p.Max()
			if !bare && mv == 0 && !o.Verbose {
				continue
			}
			number := func(b []byte, v uint64) []byte {
				switch {
				case k.digits == 0:
					return appendDec(b, v)
				case k.upper:
					return appendUpperHex(append(b, "0x"...), v, k.digits)
				}
				return appendHexPad(b, v, k.digits)
			}
			b = number(append(append(b, a.Name...), '('), v)
			if !bare {
				b = number(append(b, '/'), mv)
			}
			b = append(b, "),"...)
		}
	}
	return b
}

// appendUpperHex writes at least n upper-case digits.
func appendUpperHex(b []byte, v uint64, n int) []byte {
	at := len(b)
	b = appendHexPad(b, v, n)
	return append(b[:at], bytes.ToUpper(b[at+2:])...)
}

func kselftestVLAN(value, mask []byte, o *TextOptions) (text []byte, ok bool) {
	tci := uint64(binary.BigEndian.Uint16(value))
	if mask != nil {
		m := uint64(binary.BigEndian.Uint16(mask))
		text = appendHexPad(append(appendHexPad([]byte("tci="), tci, 4), '/'), m, 4)
		return text, m != 0 || o.Verbose
	}
	if tci&vlanCFI == 0 {
		return appendHexPad([]byte("tci="), tci, 4), true
	}
	text = appendArg(nil, 0, "vid", tci&vlanVIDMask)
	return append(appendArg(text, 0, "pcp", tci>>vlanPCPShift), ",cfi=1"...), true
}

// appendKselftestParts writes a structure. A part that is hidden leaves its
// comma once another was written.
func appendKselftestParts(b []byte, a *layout.Attr, value, mask []byte, o *TextOptions) []byte {
	b = append(append(b, a.Name...), '(')
	some := false
	parts := a.Parts
	if a.Name == "ct_tuple4" || a.Name == "ct_tuple6" {
		parts = []layout.Part{parts[0], parts[1], parts[3], parts[4], parts[2]} // the protocol last
	}
	for i := range parts {
		p := &parts[i]
		if some {
			b = append(b, ',')
		}
		// The addresses of an ipv6 key are never hidden.
		if mask != nil && !o.Verbose && emptyPart(p, mask) && p.Kind != layout.IPv6 {
			continue
		}
		some = true
		b = appendKselftestValue(append(append(b, p.Name...), '='), p, value)
		if mask != nil {
			b = appendKselftestValue(append(b, '/'), p, mask)
		}
	}
	return append(b, ')')
}

func appendKselftestValue(b []byte, p *layout.Part, v []byte) []byte {
	switch p.Kind {
	case layout.MAC:
		at := len(b)
		b = appendMAC(b, p.Bytes(v))
		return append(b[:at], bytes.ToUpper(b[at:])...)
	case layout.IPv4, layout.IPv6:
		return appendPlainAddress(b, p.Bytes(v))
	default:
	}
	return appendDec(b, p.Get(v))
}

// appendKselftestTunnel writes the attributes of a tunnel in their order, with a
// comma behind each, and the flags. What it has no word for leaves its comma.
func appendKselftestTunnel(b, value []byte) []byte {
	b = append(b, "tunnel("...)
	var flags []byte
	for at, err := range nl.Attrs(value) {
		if err != nil {
			break
		}
		a := layout.Tunnel.Attr(at.Type)
		if tunnelFlag(at.Type) != 0 {
			flags = append(separated(flags, 0, '|'), a.Name...)
			continue
		}
		if a.Fits(at.Data) {
			p := a.Whole()
			switch a.Kind {
			case layout.IPv4, layout.IPv6, layout.Dec, layout.Hex, layout.Hex0:
				b = appendKselftestValue(append(append(b, a.Name...), '='), &p, at.Data)
			default:
			}
		}
		b = append(b, ',')
	}
	if flags != nil {
		b = append(append(append(b, "flags("...), flags...), ')')
	}
	return append(b, ')')
}

// appendKselftestSet writes a set action. Of a masked one the value is shown,
// like that of one without a mask.
func appendKselftestSet(b []byte, f Field) []byte {
	f.Mask = nil
	m := Match{Fields: []Field{f}, Exact: true}
	return append(m.appendKselftest(append(b, "set("...), &TextOptions{}), ')')
}

// kselftestHides tells whether ovs-dpctl.py prints nothing for an action.
func kselftestHides(a Action) bool {
	switch a.(type) {
	case Hash, Meter, PushMPLS, AddMPLS, PushEth, PushNSH, CheckPktLen, LBOutput, TnlPop, TnlPush:
		return true
	}
	return false
}
