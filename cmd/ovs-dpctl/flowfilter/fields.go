// SPDX-License-Identifier: Apache-2.0

package flowfilter

import "strings"

// shorthand is a protocol name of OpenFlow matches.
type shorthand struct {
	ethType string
	proto   string // "": any
}

var shorthands = map[string]shorthand{
	"ip": {"0x0800", ""}, "ipv4": {"0x0800", ""}, "ipv6": {"0x86dd", ""}, "ip6": {"0x86dd", ""},
	"arp": {"0x0806", ""}, "rarp": {"0x8035", ""}, "mpls": {"0x8847", ""}, "mplsm": {"0x8848", ""},
	"icmp": {"0x0800", "1"}, "tcp": {"0x0800", "6"}, "udp": {"0x0800", "17"}, "sctp": {"0x0800", "132"},
	"icmp6": {"0x86dd", "58"}, "icmpv6": {"0x86dd", "58"}, "tcp6": {"0x86dd", "6"}, "udp6": {"0x86dd", "17"}, "sctp6": {"0x86dd", "132"},
}

// place is where in a datapath key an OpenFlow field is. A key with several
// names is of the first that the rest of the filter allows.
type place struct {
	keys []string
	part string // "": the whole key
}

func at(keys, part string) place { return place{strings.Split(keys, " "), part} }

// fields are the OpenFlow fields that datapath flows have, under all their
// names.
var fields = map[string]place{
	"in_port": at("in_port", ""), "recirc_id": at("recirc_id", ""), "dp_hash": at("dp_hash", ""),
	"skb_priority": at("skb_priority", ""), "pkt_mark": at("skb_mark", ""), "skb_mark": at("skb_mark", ""),
	"ct_state": at("ct_state", ""), "ct_zone": at("ct_zone", ""), "ct_mark": at("ct_mark", ""), "ct_label": at("ct_label", ""),
	"ct_nw_src": at("ct_tuple4", "src"), "ct_nw_dst": at("ct_tuple4", "dst"),
	"ct_ipv6_src": at("ct_tuple6", "src"), "ct_ipv6_dst": at("ct_tuple6", "dst"),
	"ct_nw_proto": at("ct_tuple4 ct_tuple6", "proto"), "ct_tp_src": at("ct_tuple4 ct_tuple6", "tp_src"), "ct_tp_dst": at("ct_tuple4 ct_tuple6", "tp_dst"),

	"tun_id": at("tunnel", "tun_id"), "tunnel_id": at("tunnel", "tun_id"), "tun_src": at("tunnel", "src"), "tun_dst": at("tunnel", "dst"),
	"tun_ipv6_src": at("tunnel", "ipv6_src"), "tun_ipv6_dst": at("tunnel", "ipv6_dst"),

	"dl_src": at("eth", "src"), "eth_src": at("eth", "src"), "dl_dst": at("eth", "dst"), "eth_dst": at("eth", "dst"),
	"dl_type": at("eth_type", ""), "eth_type": at("eth_type", ""),
	"dl_vlan": at("vlan", "vid"), "dl_vlan_pcp": at("vlan", "pcp"), "vlan_tci": at("vlan", "tci"), "vlan_vid": at("vlan", "vid"), "vlan_pcp": at("vlan", "pcp"),

	"nw_src": at("ipv4", "src"), "ip_src": at("ipv4", "src"), "nw_dst": at("ipv4", "dst"), "ip_dst": at("ipv4", "dst"),
	"ipv6_src": at("ipv6", "src"), "ipv6_dst": at("ipv6", "dst"), "ipv6_label": at("ipv6", "label"),
	"nw_proto": at("ipv4 ipv6", "proto"), "ip_proto": at("ipv4 ipv6", "proto"),
	"nw_ttl": at("ipv4 ipv6", "ttl"), "nw_frag": at("ipv4 ipv6", "frag"), "ip_frag": at("ipv4 ipv6", "frag"),

	"arp_op": at("arp", "op"), "arp_spa": at("arp", "sip"), "arp_tpa": at("arp", "tip"), "arp_sha": at("arp", "sha"), "arp_tha": at("arp", "tha"),
	"tp_src": at("tcp udp sctp", "src"), "tp_dst": at("tcp udp sctp", "dst"),
	"tcp_src": at("tcp", "src"), "tcp_dst": at("tcp", "dst"), "tcp_flags": at("tcp_flags", ""),
	"udp_src": at("udp", "src"), "udp_dst": at("udp", "dst"), "sctp_src": at("sctp", "src"), "sctp_dst": at("sctp", "dst"),
	"icmp_type": at("icmp icmpv6", "type"), "icmp_code": at("icmp icmpv6", "code"),
	"icmpv6_type": at("icmpv6", "type"), "icmpv6_code": at("icmpv6", "code"),
	"nd_target": at("nd", "target"), "nd_sll": at("nd", "sll"), "nd_tll": at("nd", "tll"),
	"mpls_label": at("mpls", "label"), "mpls_tc": at("mpls", "tc"), "mpls_bos": at("mpls", "bos"), "mpls_ttl": at("mpls", "ttl"),
}
