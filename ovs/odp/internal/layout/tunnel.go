// SPDX-License-Identifier: Apache-2.0

package layout

import (
	"encoding/binary"

	"github.com/dpscope/dpscope/nl/uapi"
)

// Tunnel is OVS_TUNNEL_KEY_ATTR_*. Number 16 is a flag for the kernel and
// struct gtpu_metadata for the userspace datapath.
var Tunnel = &Table{
	Attrs: []Attr{
		uapi.OVS_TUNNEL_KEY_ATTR_ID:               {Name: "tun_id", Const: "OVS_TUNNEL_KEY_ATTR_ID", Kind: Hex0, Size: 8},
		uapi.OVS_TUNNEL_KEY_ATTR_IPV4_SRC:         {Name: "src", Const: "OVS_TUNNEL_KEY_ATTR_IPV4_SRC", Kind: IPv4, Size: 4},
		uapi.OVS_TUNNEL_KEY_ATTR_IPV4_DST:         {Name: "dst", Const: "OVS_TUNNEL_KEY_ATTR_IPV4_DST", Kind: IPv4, Size: 4},
		uapi.OVS_TUNNEL_KEY_ATTR_TOS:              {Name: "tos", Const: "OVS_TUNNEL_KEY_ATTR_TOS", Kind: Hex, Size: 1},
		uapi.OVS_TUNNEL_KEY_ATTR_TTL:              {Name: "ttl", Const: "OVS_TUNNEL_KEY_ATTR_TTL", Kind: Dec, Size: 1},
		uapi.OVS_TUNNEL_KEY_ATTR_DONT_FRAGMENT:    {Name: "df", Const: "OVS_TUNNEL_KEY_ATTR_DONT_FRAGMENT", Kind: Flag},
		uapi.OVS_TUNNEL_KEY_ATTR_CSUM:             {Name: "csum", Const: "OVS_TUNNEL_KEY_ATTR_CSUM", Kind: Flag},
		uapi.OVS_TUNNEL_KEY_ATTR_OAM:              {Name: "oam", Const: "OVS_TUNNEL_KEY_ATTR_OAM", Kind: Flag},
		uapi.OVS_TUNNEL_KEY_ATTR_GENEVE_OPTS:      {Name: "geneve", Const: "OVS_TUNNEL_KEY_ATTR_GENEVE_OPTS", Kind: Geneve, Size: GeneveHeader, Parts: geneve},
		uapi.OVS_TUNNEL_KEY_ATTR_TP_SRC:           {Name: "tp_src", Const: "OVS_TUNNEL_KEY_ATTR_TP_SRC", Kind: Dec, Size: 2},
		uapi.OVS_TUNNEL_KEY_ATTR_TP_DST:           {Name: "tp_dst", Const: "OVS_TUNNEL_KEY_ATTR_TP_DST", Kind: Dec, Size: 2},
		uapi.OVS_TUNNEL_KEY_ATTR_VXLAN_OPTS:       {Name: "vxlan", Const: "OVS_TUNNEL_KEY_ATTR_VXLAN_OPTS", Kind: Nest, Nest: vxlan},
		uapi.OVS_TUNNEL_KEY_ATTR_IPV6_SRC:         {Name: "ipv6_src", Const: "OVS_TUNNEL_KEY_ATTR_IPV6_SRC", Kind: IPv6, Size: 16},
		uapi.OVS_TUNNEL_KEY_ATTR_IPV6_DST:         {Name: "ipv6_dst", Const: "OVS_TUNNEL_KEY_ATTR_IPV6_DST", Kind: IPv6, Size: 16},
		uapi.OVS_TUNNEL_KEY_ATTR_PAD:              {Const: "OVS_TUNNEL_KEY_ATTR_PAD", Pad: true},
		uapi.OVS_TUNNEL_KEY_ATTR_ERSPAN_OPTS:      {Name: "erspan", Const: "OVS_TUNNEL_KEY_ATTR_ERSPAN_OPTS", Kind: Erspan, Size: 12},
		uapi.OVS_TUNNEL_KEY_ATTR_IPV4_INFO_BRIDGE: {Name: "ipv4_info_bridge", Const: "OVS_TUNNEL_KEY_ATTR_IPV4_INFO_BRIDGE", Kind: Flag},
	},
	Order: []uint16{
		uapi.OVS_TUNNEL_KEY_ATTR_ID, uapi.OVS_TUNNEL_KEY_ATTR_IPV4_INFO_BRIDGE,
		uapi.OVS_TUNNEL_KEY_ATTR_IPV4_SRC, uapi.OVS_TUNNEL_KEY_ATTR_IPV4_DST,
		uapi.OVS_TUNNEL_KEY_ATTR_IPV6_SRC, uapi.OVS_TUNNEL_KEY_ATTR_IPV6_DST,
		uapi.OVS_TUNNEL_KEY_ATTR_TOS, uapi.OVS_TUNNEL_KEY_ATTR_TTL,
		uapi.OVS_TUNNEL_KEY_ATTR_DONT_FRAGMENT, uapi.OVS_TUNNEL_KEY_ATTR_CSUM,
		uapi.OVS_TUNNEL_KEY_ATTR_TP_SRC, uapi.OVS_TUNNEL_KEY_ATTR_TP_DST, uapi.OVS_TUNNEL_KEY_ATTR_OAM,
		uapi.OVS_TUNNEL_KEY_ATTR_GENEVE_OPTS, uapi.OVS_TUNNEL_KEY_ATTR_VXLAN_OPTS, uapi.OVS_TUNNEL_KEY_ATTR_ERSPAN_OPTS,
	},
	TwinType: uapi.OVS_TUNNEL_KEY_ATTR_IPV4_INFO_BRIDGE,
	Twin: Attr{Name: "gtpu", Kind: Struct, Size: 2, Userspace: true, Parts: []Part{
		num("flags", Hex, 0, 1), num("msgtype", Dec, 1, 1),
	}},
}

var vxlan = &Table{Attrs: []Attr{
	uapi.OVS_VXLAN_EXT_GBP: {Name: "gbp", Const: "OVS_VXLAN_EXT_GBP", Kind: Struct, Size: 4, Parts: []Part{
		Host(bits("id", 4, 0, 16)), {Name: "flags", Size: 4, Shift: 16, Bits: 8, Host: true, Kind: Hex},
	}},
}}

// geneve is struct geneve_opt, the header of one option. length counts the
// words of data that follow.
var geneve = []Part{num("class", Hex, 0, 2), num("type", Hex, 2, 1), bitsAt("length", 3, 1, 0, 5), bitsAt("reserved", 3, 1, 5, 3)}

// GeneveHeader is the size of an option without its data.
const GeneveHeader = 4

// GeneveLen is the size of the option b starts with, ok when b holds it whole.
func GeneveLen(b []byte) (n int, ok bool) {
	if len(b) < GeneveHeader {
		return 0, false
	}
	n = GeneveHeader + 4*int(b[3]&0x1f)
	return n, n <= len(b)
}

// GeneveFits tells whether b is a sequence of whole options.
func GeneveFits(b []byte) bool {
	for len(b) > 0 {
		n, ok := GeneveLen(b)
		if !ok {
			return false
		}
		b = b[n:]
	}
	return true
}

// erspan is struct erspan_metadata in the two versions there are.
var erspan = [2]Attr{
	{Size: 12, Parts: []Part{Host(num("ver", Dec, 0, 4)), num("idx", Hex, 4, 4), num("unused", Hex, 8, 4)}},
	{Size: 12, Parts: []Part{
		Host(num("ver", Dec, 0, 4)), bitsAt("dir", 11, 1, 3, 1), {Name: "hwid", Off: 11, Size: 1, Shift: 4, Bits: 4, Kind: Hex},
		num("timestamp", Hex, 4, 4), num("sgt", Hex, 8, 2),
		bitsAt("hwid_upper", 10, 1, 0, 2), bitsAt("ft", 10, 1, 2, 5), bitsAt("p", 10, 1, 7, 1),
		bitsAt("o", 11, 1, 0, 1), bitsAt("gra", 11, 1, 1, 2),
	}},
}

// ErspanVersion is what a value says it is; a mask has the layout of its value.
func ErspanVersion(value []byte) uint32 { return binary.NativeEndian.Uint32(value) }

// ErspanParts is the layout of a version, nil if there is no such version.
func ErspanParts(version uint32) []Part {
	if version == 1 || version == 2 {
		return erspan[version-1].Parts
	}
	return nil
}

// ErspanPart finds a part of any version.
func ErspanPart(name string) *Part {
	if p := erspan[0].Part(name); p != nil {
		return p
	}
	return erspan[1].Part(name)
}

// NSH is OVS_NSH_KEY_ATTR_*.
var NSH = &Table{Attrs: []Attr{
	uapi.OVS_NSH_KEY_ATTR_BASE: {Name: "base", Const: "OVS_NSH_KEY_ATTR_BASE", Kind: Struct, Size: 8, Parts: []Part{
		num("flags", Dec, 0, 1), num("ttl", Dec, 1, 1), num("mdtype", Dec, 2, 1), num("np", Dec, 3, 1),
		{Name: "spi", Off: 4, Size: 4, Shift: 8, Bits: 24, Kind: Hex0}, bitsAt("si", 4, 4, 0, 8),
	}},
	uapi.OVS_NSH_KEY_ATTR_MD1: {Name: "md1", Const: "OVS_NSH_KEY_ATTR_MD1", Kind: Struct, Size: 16, Parts: []Part{
		num("c1", Hex0, 0, 4), num("c2", Hex0, 4, 4), num("c3", Hex0, 8, 4), num("c4", Hex0, 12, 4),
	}},
	uapi.OVS_NSH_KEY_ATTR_MD2: {Name: "md2", Const: "OVS_NSH_KEY_ATTR_MD2", Kind: Bytes},
}}
