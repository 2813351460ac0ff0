// SPDX-License-Identifier: Apache-2.0

package layout

import "github.com/dpscope/dpscope/nl/uapi"

// Keys is OVS_KEY_ATTR_*; layouts are those of linux/openvswitch.h and, for
// what only the userspace datapath has, of Open vSwitch's own copy of it.
var Keys = &Table{Attrs: []Attr{
	uapi.OVS_KEY_ATTR_ENCAP:     {Name: "encap", Const: "OVS_KEY_ATTR_ENCAP", Kind: Nest},
	uapi.OVS_KEY_ATTR_PRIORITY:  {Name: "skb_priority", Const: "OVS_KEY_ATTR_PRIORITY", Kind: Hex, Size: 4, Host: true},
	uapi.OVS_KEY_ATTR_IN_PORT:   {Name: "in_port", Const: "OVS_KEY_ATTR_IN_PORT", Kind: Port, Size: 4, Host: true},
	uapi.OVS_KEY_ATTR_ETHERNET:  {Name: "eth", Const: "OVS_KEY_ATTR_ETHERNET", Kind: Struct, Size: 12, Parts: []Part{mac("src", 0), mac("dst", 6)}},
	uapi.OVS_KEY_ATTR_VLAN:      {Name: "vlan", Const: "OVS_KEY_ATTR_VLAN", Kind: VLAN, Size: 2, Parts: []Part{bits("vid", 2, 0, 12), bits("pcp", 2, 13, 3), bits("cfi", 2, 12, 1)}},
	uapi.OVS_KEY_ATTR_ETHERTYPE: {Name: "eth_type", Const: "OVS_KEY_ATTR_ETHERTYPE", Kind: EtherType, Size: 2},
	uapi.OVS_KEY_ATTR_IPV4: {Name: "ipv4", Const: "OVS_KEY_ATTR_IPV4", Kind: Struct, Size: 12, Parts: []Part{
		ipv4("src", 0), ipv4("dst", 4), num("proto", Dec, 8, 1), num("tos", Hex, 9, 1), num("ttl", Dec, 10, 1), num("frag", Frag, 11, 1),
	}},
	uapi.OVS_KEY_ATTR_IPV6: {Name: "ipv6", Const: "OVS_KEY_ATTR_IPV6", Kind: Struct, Size: 40, Parts: []Part{
		ipv6("src", 0), ipv6("dst", 16), num("label", Label20, 32, 4), num("proto", Dec, 36, 1), num("tclass", Hex, 37, 1), num("hlimit", Dec, 38, 1), num("frag", Frag, 39, 1),
	}},
	uapi.OVS_KEY_ATTR_TCP:    {Name: "tcp", Const: "OVS_KEY_ATTR_TCP", Kind: Struct, Size: 4, Parts: ports},
	uapi.OVS_KEY_ATTR_UDP:    {Name: "udp", Const: "OVS_KEY_ATTR_UDP", Kind: Struct, Size: 4, Parts: ports},
	uapi.OVS_KEY_ATTR_ICMP:   {Name: "icmp", Const: "OVS_KEY_ATTR_ICMP", Kind: Struct, Size: 2, Parts: icmp},
	uapi.OVS_KEY_ATTR_ICMPV6: {Name: "icmpv6", Const: "OVS_KEY_ATTR_ICMPV6", Kind: Struct, Size: 2, Parts: icmp},
	uapi.OVS_KEY_ATTR_ARP: {Name: "arp", Const: "OVS_KEY_ATTR_ARP", Kind: Struct, Size: 24, Parts: []Part{ // two bytes of padding
		ipv4("sip", 0), ipv4("tip", 4), num("op", Dec, 8, 2), mac("sha", 10), mac("tha", 16),
	}},
	uapi.OVS_KEY_ATTR_ND: {Name: "nd", Const: "OVS_KEY_ATTR_ND", Kind: Struct, Size: 28, Parts: []Part{
		ipv6("target", 0), mac("sll", 16), mac("tll", 22),
	}},
	uapi.OVS_KEY_ATTR_SKB_MARK:  {Name: "skb_mark", Const: "OVS_KEY_ATTR_SKB_MARK", Kind: Hex, Size: 4, Host: true},
	uapi.OVS_KEY_ATTR_TUNNEL:    {Name: "tunnel", Const: "OVS_KEY_ATTR_TUNNEL", Kind: Nest, Nest: Tunnel},
	uapi.OVS_KEY_ATTR_SCTP:      {Name: "sctp", Const: "OVS_KEY_ATTR_SCTP", Kind: Struct, Size: 4, Parts: ports},
	uapi.OVS_KEY_ATTR_TCP_FLAGS: {Name: "tcp_flags", Const: "OVS_KEY_ATTR_TCP_FLAGS", Kind: TCPFlags, Size: 2},
	uapi.OVS_KEY_ATTR_DP_HASH:   {Name: "dp_hash", Const: "OVS_KEY_ATTR_DP_HASH", Kind: Hex, Size: 4, Host: true},
	uapi.OVS_KEY_ATTR_RECIRC_ID: {Name: "recirc_id", Const: "OVS_KEY_ATTR_RECIRC_ID", Kind: Hex, Size: 4, Host: true},
	uapi.OVS_KEY_ATTR_MPLS:      {Name: "mpls", Const: "OVS_KEY_ATTR_MPLS", Kind: MPLS, Size: 4, Parts: lse},
	uapi.OVS_KEY_ATTR_CT_STATE:  {Name: "ct_state", Const: "OVS_KEY_ATTR_CT_STATE", Kind: CTState, Size: 4, Host: true},
	uapi.OVS_KEY_ATTR_CT_ZONE:   {Name: "ct_zone", Const: "OVS_KEY_ATTR_CT_ZONE", Kind: Hex, Size: 2, Host: true},
	uapi.OVS_KEY_ATTR_CT_MARK:   {Name: "ct_mark", Const: "OVS_KEY_ATTR_CT_MARK", Kind: Hex, Size: 4, Host: true},
	uapi.OVS_KEY_ATTR_CT_LABELS: {Name: "ct_label", Const: "OVS_KEY_ATTR_CT_LABELS", Kind: Label128, Size: 16},
	uapi.OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV4: {Name: "ct_tuple4", Const: "OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV4", Kind: Struct, Size: 16, Parts: []Part{ // three bytes of padding
		ipv4("src", 0), ipv4("dst", 4), num("proto", Dec, 12, 1), num("tp_src", Dec, 8, 2), num("tp_dst", Dec, 10, 2),
	}},
	uapi.OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV6: {Name: "ct_tuple6", Const: "OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV6", Kind: Struct, Size: 40, Parts: []Part{ // three bytes of padding
		ipv6("src", 0), ipv6("dst", 16), num("proto", Dec, 36, 1), alias(num("tp_src", Dec, 32, 2), "src_port"), alias(num("tp_dst", Dec, 34, 2), "dst_port"),
	}},
	uapi.OVS_KEY_ATTR_NSH: {Name: "nsh", Const: "OVS_KEY_ATTR_NSH", Kind: Nest, Nest: NSH},
	uapi.OVS_KEY_ATTR_PACKET_TYPE: {Name: "packet_type", Const: "OVS_KEY_ATTR_PACKET_TYPE", Kind: Struct, Size: 4, Userspace: true, Parts: []Part{
		num("ns", Dec, 0, 2), num("id", Hex, 2, 2),
	}},
	uapi.OVS_KEY_ATTR_ND_EXTENSIONS: {Name: "nd_ext", Const: "OVS_KEY_ATTR_ND_EXTENSIONS", Kind: Struct, Size: 8, Userspace: true, Parts: []Part{ // three bytes of padding
		num("nd_reserved", Hex0, 0, 4), num("nd_options_type", Dec, 4, 1),
	}},
	uapi.OVS_KEY_ATTR_TUNNEL_INFO:  {Const: "OVS_KEY_ATTR_TUNNEL_INFO"},
	uapi.OVS_KEY_ATTR_IPV6_EXTHDRS: {Name: "ipv6_exthdrs", Const: "OVS_KEY_ATTR_IPV6_EXTHDRS", Kind: Hex, Size: 2, Host: true, Foreign: true},
}}

var (
	ports = []Part{num("src", Dec, 0, 2), num("dst", Dec, 2, 2)}
	lse   = []Part{bits("label", 4, 12, 20), bits("tc", 4, 9, 3), bits("ttl", 4, 0, 8), bits("bos", 4, 8, 1)}
	icmp  = []Part{num("type", Dec, 0, 1), num("code", Dec, 1, 1)}
)

func init() {
	Keys.Attrs[uapi.OVS_KEY_ATTR_ENCAP].Nest = Keys
	for _, t := range []*Table{Keys, Tunnel, vxlan, NSH} {
		t.index()
	}
	for i := range erspan {
		erspan[i].cover()
	}
}

// Num is a number of whole bytes.
func Num(name string, k Kind, off, size int) Part { return num(name, k, off, size) }

func num(name string, k Kind, off, size int) Part {
	return Part{Name: name, Off: off, Size: size, Kind: k}
}
func mac(name string, off int) Part  { return num(name, MAC, off, 6) }
func ipv4(name string, off int) Part { return num(name, IPv4, off, 4) }
func ipv6(name string, off int) Part { return num(name, IPv6, off, 16) }
func alias(p Part, name string) Part { p.Alias = name; return p }

// Host is the part in host byte order.
func Host(p Part) Part { p.Host = true; return p }

func bits(name string, size, low, n int) Part { return bitsAt(name, 0, size, low, n) }

// bitsAt are n bits from bit low on, of a big-endian number.
func bitsAt(name string, off, size, low, n int) Part {
	return Part{Name: name, Off: off, Size: size, Shift: low, Bits: n, Kind: Dec}
}
