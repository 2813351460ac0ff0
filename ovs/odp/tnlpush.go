// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"bytes"
	"encoding/binary"

	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp/internal/layout"
)

// Types of tunnels that only Open vSwitch's own openvswitch.h numbers.
const (
	tnlERSPAN    = 107
	tnlIP6ERSPAN = 108
	tnlIP6GRE    = 109
	tnlGTPU      = 110
	tnlSRv6      = 112
)

const (
	etherTypeIPv4 = 0x0800

	greCsum, greKey, greSeq = 0x8000, 0x2000, 0x1000

	maxSegments   = 6   // SRV6_MAX_SEGS
	maxPushHeader = 512 // TNL_PUSH_HEADER_SIZE
)

// The headers a tunnel puts in front of a packet, in the order of their text.
var (
	hdrEth = layout.NewStruct("eth", 14, layout.Num("dst", layout.MAC, 0, 6), layout.Num("src", layout.MAC, 6, 6), layout.Num("dl_type", layout.EtherType, 12, 2))
	hdrIP4 = layout.NewStruct("ipv4", 20, layout.Num("src", layout.IPv4, 12, 4), layout.Num("dst", layout.IPv4, 16, 4), layout.Num("proto", layout.Dec, 9, 1),
		layout.Num("tos", layout.Hex, 1, 1), layout.Num("ttl", layout.Dec, 8, 1), layout.Num("frag", layout.Hex0, 6, 2))
	hdrIP6 = layout.NewStruct("ipv6", 40, layout.Num("src", layout.IPv6, 8, 16), layout.Num("dst", layout.IPv6, 24, 16),
		layout.Part{Name: "label", Size: 4, Bits: 20, Kind: layout.Dec}, layout.Num("proto", layout.Dec, 6, 1),
		layout.Part{Name: "tclass", Size: 4, Shift: 20, Bits: 8, Kind: layout.Hex0}, layout.Num("hlimit", layout.Dec, 7, 1))
	hdrUDP     = layout.NewStruct("udp", 8, layout.Num("src", layout.Dec, 0, 2), layout.Num("dst", layout.Dec, 2, 2), layout.Num("csum", layout.Hex0, 6, 2))
	hdrVXLAN   = layout.NewStruct("vxlan", 8, layout.Num("flags", layout.Hex0, 0, 4), layout.Part{Name: "vni", Off: 4, Size: 4, Shift: 8, Bits: 24, Kind: layout.Hex0})
	hdrGTPU    = layout.NewStruct("gtpu", 8, layout.Num("flags", layout.Hex0, 0, 1), layout.Num("msgtype", layout.Dec, 1, 1), layout.Num("teid", layout.Hex0, 4, 4))
	hdrGRE     = layout.NewStruct("", 4, layout.Num("flags", layout.Hex0, 0, 2), layout.Num("proto", layout.Hex0, 2, 2))
	hdrERSPAN1 = layout.NewStruct("erspan", 16, layout.Part{Name: "ver", Off: 8, Size: 1, Shift: 4, Bits: 4, Kind: layout.Dec},
		layout.Part{Name: "sid", Off: 10, Size: 2, Bits: 10, Kind: layout.Hex0}, layout.Num("idx", layout.Hex0, 12, 4))
	hdrERSPAN2 = layout.NewStruct("erspan", 20, layout.Part{Name: "ver", Off: 8, Size: 1, Shift: 4, Bits: 4, Kind: layout.Dec},
		layout.Part{Name: "sid", Off: 10, Size: 2, Bits: 10, Kind: layout.Hex0}, layout.Part{Name: "dir", Off: 19, Size: 1, Shift: 3, Bits: 1, Kind: layout.Dec},
		layout.Part{Name: "hwid", Off: 18, Size: 2, Bits: 16, Kind: layout.Hex0})
)

func (a TnlPush) appendText(b []byte, o *TextOptions) []byte {
	start := len(b)
	b = append(o.Names.append(append(b, "tnl_push(tnl_port("...), a.TunnelPort), "),header(size="...)
	b = appendDec(append(appendDec(b, uint64(len(a.Header))), ",type="...), uint64(a.Type))
	at := len(b)
	end := func(b []byte) []byte {
		return append(o.Names.append(append(b, "),out_port("...), a.OutPort), "))"...)
	}
	b = end(appendHeaders(append(b, ','), a.Header, a.Type))
	if o.Lossless {
		// Headers have fields that text does not show.
		again, err := ParseOptions{}.Actions(string(b[start:]))
		if push, ok := first(again).(TnlPush); err != nil || !ok || !bytes.Equal(push.Header, a.Header) {
			b = end(appendHexDigits(append(b[:at], ",hex="...), a.Header))
		}
	}
	return b
}

func first(as Actions) Action {
	if len(as) == 0 {
		return nil
	}
	return as[0]
}

// appendHeaders writes the headers as far as they go.
func appendHeaders(b, h []byte, typ uint32) []byte {
	ok := true
	next := func(s *layout.Attr) []byte {
		if ok = ok && len(h) >= s.Size; !ok {
			return nil
		}
		v := h[:s.Size]
		b = appendStruct(b, s, s.Parts, v, &TextOptions{})
		h = h[s.Size:]
		return v
	}
	eth := next(hdrEth)
	if b = append(b, ','); !ok {
		return b
	}
	if binary.BigEndian.Uint16(eth[12:]) == etherTypeIPv4 {
		next(hdrIP4)
	} else {
		next(hdrIP6)
	}
	if b = append(b, ','); !ok {
		return b
	}
	switch typ {
	case uapi.OVS_VPORT_TYPE_VXLAN, uapi.OVS_VPORT_TYPE_GENEVE, tnlGTPU:
		next(hdrUDP)
		b = append(b, ',')
	}
	switch {
	case !ok:
	case typ == uapi.OVS_VPORT_TYPE_VXLAN:
		next(hdrVXLAN)
	case typ == tnlGTPU:
		next(hdrGTPU)
	case typ == uapi.OVS_VPORT_TYPE_GENEVE && len(h) >= 8:
		b = appendGeneveHeader(b, h)
	case typ == tnlSRv6 && len(h) >= 8:
		b = appendSegments(b, h)
	case typ == uapi.OVS_VPORT_TYPE_GRE || typ == tnlIP6GRE:
		b = appendGRE(b, h)
	case (typ == tnlERSPAN || typ == tnlIP6ERSPAN) && len(h) >= hdrERSPAN1.Size:
		if s := hdrERSPAN1; h[8]>>4 != 2 {
			next(s)
		} else {
			next(hdrERSPAN2)
		}
	}
	return b
}

func appendGeneveHeader(b, h []byte) []byte {
	b = append(b, "geneve("...)
	if h[1]&0x80 != 0 {
		b = append(b, "oam,"...)
	}
	if h[1]&0x40 != 0 {
		b = append(b, "crit,"...)
	}
	b = appendHex(append(b, "vni="...), uint64(binary.BigEndian.Uint32(h[4:])>>8))
	if n := 4 * int(h[0]&0x3f); n > 0 && len(h) >= 8+n && layout.GeneveFits(h[8:8+n]) {
		b = append(appendGeneve(append(b, ",options("...), h[8:8+n], nil, &TextOptions{}), ')')
	}
	return append(b, ')')
}

func appendSegments(b, h []byte) []byte {
	b = appendDec(append(b, "srv6(segments_left="...), uint64(h[3]))
	b = append(b, ",segs("...)
	for i := int(h[4]); i >= 0 && len(h) >= 8+16*(i+1); i-- {
		b = appendAddress(b, h[8+16*i:8+16*(i+1)])
		if i > 0 {
			b = append(b, ',')
		}
	}
	return append(b, "))"...)
}

// greOptions are the words that may follow a GRE header.
var greOptions = [...]struct {
	flag uint16
	name string
	size int // of what is in the word
}{{greCsum, "csum", 2}, {greKey, "key", 4}, {greSeq, "seq", 4}}

func appendGRE(b, h []byte) []byte {
	if len(h) < hdrGRE.Size {
		return b
	}
	b = appendStruct(append(b, "gre("...), hdrGRE, hdrGRE.Parts, h[:hdrGRE.Size], &TextOptions{})
	flags := binary.BigEndian.Uint16(h)
	for _, opt := range greOptions {
		if flags&opt.flag == 0 {
			continue
		}
		if h = h[4:]; len(h) < 4 {
			break
		}
		v := uint64(binary.BigEndian.Uint32(h)) >> (32 - 8*opt.size)
		b = appendHex(append(append(append(b, ','), opt.name...), '='), v)
	}
	return append(b, ')')
}
