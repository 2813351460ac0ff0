// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"slices"
	"strconv"

	"github.com/dpscope/dpscope/nl/uapi"
)

const encapType = uapi.OVS_KEY_ATTR_ENCAP

// kind is how a key, or a part of one, is stored and written.
type kind uint8

const (
	kindUnknown  kind = iota // bytes, by number
	kindStruct               // parts, see keySpec.parts
	kindNest                 // nested OVS_KEY_ATTR_*
	kindPort                 // host u32, device name or decimal
	kindHex32                // host u32, %#x
	kindHex16                // host u16, %#x
	kindEthType              // be16, 0x%04x
	kindVLAN                 // be16 TCI as vid, pcp, cfi
	kindTCPFlags             // be16, names
	kindCTState              // host u32, names
	kindLabels               // 16 bytes, least significant first, one hex number

	// Only as parts of structures.
	kindMAC
	kindIPv4
	kindIPv6
	kindUint8   // decimal
	kindHex8    // %#x
	kindBE16    // decimal
	kindFlowLbl // be32, 20 bits, %#x
	kindFrag    // u8, enum ovs_frag_type by name
)

// partSize is the width of a part in bytes.
func (k kind) partSize() int {
	switch k {
	case kindMAC:
		return 6
	case kindIPv4, kindFlowLbl:
		return 4
	case kindIPv6:
		return 16
	case kindBE16:
		return 2
	default:
		return 1
	}
}

// part is a member of a key structure.
type part struct {
	name  string
	off   int
	kind  kind
	where string // key and part, for error texts; filled in by init
}

// keySpec is the layout of one OVS_KEY_ATTR_*.
type keySpec struct {
	name  string // in text and JSON
	size  int    // payload bytes; 0 for nests
	kind  kind
	parts []part
}

// keySpecs is indexed by OVS_KEY_ATTR_*; layouts are those of the structures in
// linux/openvswitch.h. Attributes without a name here are carried as bytes.
var keySpecs = [...]keySpec{
	uapi.OVS_KEY_ATTR_ENCAP:     {name: "encap", kind: kindNest},
	uapi.OVS_KEY_ATTR_PRIORITY:  {name: "skb_priority", size: 4, kind: kindHex32},
	uapi.OVS_KEY_ATTR_IN_PORT:   {name: "in_port", size: 4, kind: kindPort},
	uapi.OVS_KEY_ATTR_ETHERNET:  {name: "eth", size: 12, kind: kindStruct, parts: []part{{name: "src", off: 0, kind: kindMAC}, {name: "dst", off: 6, kind: kindMAC}}},
	uapi.OVS_KEY_ATTR_VLAN:      {name: "vlan", size: 2, kind: kindVLAN},
	uapi.OVS_KEY_ATTR_ETHERTYPE: {name: "eth_type", size: 2, kind: kindEthType},
	uapi.OVS_KEY_ATTR_IPV4: {name: "ipv4", size: 12, kind: kindStruct, parts: []part{
		{name: "src", off: 0, kind: kindIPv4}, {name: "dst", off: 4, kind: kindIPv4}, {name: "proto", off: 8, kind: kindUint8}, {name: "tos", off: 9, kind: kindHex8}, {name: "ttl", off: 10, kind: kindUint8}, {name: "frag", off: 11, kind: kindFrag},
	}},
	uapi.OVS_KEY_ATTR_IPV6: {name: "ipv6", size: 40, kind: kindStruct, parts: []part{
		{name: "src", off: 0, kind: kindIPv6}, {name: "dst", off: 16, kind: kindIPv6}, {name: "label", off: 32, kind: kindFlowLbl}, {name: "proto", off: 36, kind: kindUint8}, {name: "tclass", off: 37, kind: kindHex8}, {name: "hlimit", off: 38, kind: kindUint8}, {name: "frag", off: 39, kind: kindFrag},
	}},
	uapi.OVS_KEY_ATTR_TCP:    {name: "tcp", size: 4, kind: kindStruct, parts: portParts},
	uapi.OVS_KEY_ATTR_UDP:    {name: "udp", size: 4, kind: kindStruct, parts: portParts},
	uapi.OVS_KEY_ATTR_ICMP:   {name: "icmp", size: 2, kind: kindStruct, parts: icmpParts},
	uapi.OVS_KEY_ATTR_ICMPV6: {name: "icmpv6", size: 2, kind: kindStruct, parts: icmpParts},
	uapi.OVS_KEY_ATTR_ARP: {name: "arp", size: 24, kind: kindStruct, parts: []part{ // two bytes of padding
		{name: "sip", off: 0, kind: kindIPv4}, {name: "tip", off: 4, kind: kindIPv4}, {name: "op", off: 8, kind: kindBE16}, {name: "sha", off: 10, kind: kindMAC}, {name: "tha", off: 16, kind: kindMAC},
	}},
	uapi.OVS_KEY_ATTR_ND: {name: "nd", size: 28, kind: kindStruct, parts: []part{
		{name: "target", off: 0, kind: kindIPv6}, {name: "sll", off: 16, kind: kindMAC}, {name: "tll", off: 22, kind: kindMAC},
	}},
	uapi.OVS_KEY_ATTR_SKB_MARK:  {name: "skb_mark", size: 4, kind: kindHex32},
	uapi.OVS_KEY_ATTR_SCTP:      {name: "sctp", size: 4, kind: kindStruct, parts: portParts},
	uapi.OVS_KEY_ATTR_TCP_FLAGS: {name: "tcp_flags", size: 2, kind: kindTCPFlags},
	uapi.OVS_KEY_ATTR_DP_HASH:   {name: "dp_hash", size: 4, kind: kindHex32},
	uapi.OVS_KEY_ATTR_RECIRC_ID: {name: "recirc_id", size: 4, kind: kindHex32},
	uapi.OVS_KEY_ATTR_CT_STATE:  {name: "ct_state", size: 4, kind: kindCTState},
	uapi.OVS_KEY_ATTR_CT_ZONE:   {name: "ct_zone", size: 2, kind: kindHex16},
	uapi.OVS_KEY_ATTR_CT_MARK:   {name: "ct_mark", size: 4, kind: kindHex32},
	uapi.OVS_KEY_ATTR_CT_LABELS: {name: "ct_label", size: 16, kind: kindLabels},
	uapi.OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV4: {name: "ct_tuple4", size: 16, kind: kindStruct, parts: []part{ // three bytes of padding
		{name: "src", off: 0, kind: kindIPv4}, {name: "dst", off: 4, kind: kindIPv4}, {name: "proto", off: 12, kind: kindUint8}, {name: "tp_src", off: 8, kind: kindBE16}, {name: "tp_dst", off: 10, kind: kindBE16},
	}},
	uapi.OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV6: {name: "ct_tuple6", size: 40, kind: kindStruct, parts: []part{ // three bytes of padding
		{name: "src", off: 0, kind: kindIPv6}, {name: "dst", off: 16, kind: kindIPv6}, {name: "proto", off: 36, kind: kindUint8}, {name: "tp_src", off: 32, kind: kindBE16}, {name: "tp_dst", off: 34, kind: kindBE16},
	}},
	uapi.OVS_KEY_ATTR_IPV6_EXTHDRS: {name: "ipv6_exthdrs", size: 2, kind: kindHex16},
}

var (
	portParts = []part{{name: "src", off: 0, kind: kindBE16}, {name: "dst", off: 2, kind: kindBE16}}
	icmpParts = []part{{name: "type", off: 0, kind: kindUint8}, {name: "code", off: 1, kind: kindUint8}}
)

func init() {
	for i := range keySpecs {
		s := &keySpecs[i]
		s.parts = slices.Clone(s.parts) // some keys share one list
		for j := range s.parts {
			s.parts[j].where = s.name + ": " + s.parts[j].name
		}
	}
}

// specOf is the layout of a key, kindUnknown for those without a name.
func specOf(typ uint16) *keySpec {
	if int(typ) < len(keySpecs) {
		return &keySpecs[typ]
	}
	return &keySpecs[0]
}

// keyTypes finds a key by its name.
var keyTypes = func() map[string]uint16 {
	m := make(map[string]uint16, len(keySpecs))
	for t, s := range keySpecs {
		if s.kind != kindUnknown {
			m[s.name] = uint16(t)
		}
	}
	return m
}()

func keyName(typ uint16) string {
	if s := specOf(typ); s.kind != kindUnknown {
		return s.name
	}
	return strconv.Itoa(int(typ))
}

// isNest holds for the attributes that are nests by definition.
func isNest(typ uint16) bool {
	return typ == encapType || typ == uapi.OVS_KEY_ATTR_TUNNEL || typ == uapi.OVS_KEY_ATTR_NSH
}

// fits tells whether value and mask have the layout of the key, so that its
// text and JSON forms lose nothing. A nil side is fine.
func (s *keySpec) fits(f Field, depth int) bool {
	switch s.kind {
	case kindUnknown:
		return false
	case kindNest:
		if f.Value == nil || depth+1 >= maxDepth {
			return false
		}
		_, err := decodeMatch(f.Value, f.Mask, depth+1)
		return err == nil
	default:
		return !f.Nested && s.sideFits(f.Value) && s.sideFits(f.Mask)
	}
}

func (s *keySpec) sideFits(b []byte) bool {
	if b == nil {
		return true
	}
	if len(b) != s.size {
		return false
	}
	if s.kind != kindStruct {
		return true
	}
	used := 0 // parts are contiguous, padding is at the end
	for _, p := range s.parts {
		used = max(used, p.off+p.kind.partSize())
	}
	return allBytes(b[used:], 0)
}
