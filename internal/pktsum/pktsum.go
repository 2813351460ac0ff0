// SPDX-License-Identifier: Apache-2.0

// Package pktsum says in a few fields, and in one line of text, what a packet
// is: addresses, protocol, ports. It takes packets that are cut short and bytes
// that are no packet at all.
package pktsum

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// Summary is what Parse found. Its slices belong to the Parser and are valid
// until the next Parse.
type Summary struct {
	// Layers are the headers that were decoded, outermost first: "ethernet",
	// "vlan", "arp", "ipv4", "ipv6", "ipv6ext", "tcp", "udp", "icmpv4",
	// "icmpv6".
	Layers []string

	HasMAC         bool
	SrcMAC, DstMAC [6]byte
	EtherType      uint16   // behind VLAN tags; the kernel's protocol where there is no Ethernet header
	VLANs          []uint16 // VLAN ids, outermost first

	Src, Dst netip.Addr // invalid when there is no IP header (ARP: protocol addresses)
	HasProto bool
	Proto    uint8 // IP protocol, behind IPv6 extension headers

	HasPorts         bool // TCP or UDP header seen
	SrcPort, DstPort uint16

	// Fragment tells that the IP packet is one of several.
	Fragment bool
	// Truncated tells that headers speak of more bytes than there are.
	Truncated bool
	// Malformed tells that a header contradicts itself; what is before it was
	// decoded.
	Malformed bool

	payload int // bytes behind the last header, for the text
}

// Parser decodes packets one after another without allocating. It is not safe
// for concurrent use.
type Parser struct {
	eth   layers.Ethernet
	dot1q layers.Dot1Q
	arp   layers.ARP
	ip4   ip4
	ip6   ip6
	ext   ip6ext
	frag  ip6frag
	tcp   layers.TCP
	udp   layers.UDP
	icmp4 layers.ICMPv4
	icmp6 layers.ICMPv6

	fromEth, fromIP4, fromIP6 *gopacket.DecodingLayerParser

	decoded []gopacket.LayerType
	sum     Summary
}

// New makes a Parser.
func New() *Parser {
	p := &Parser{}
	parser := func(first gopacket.LayerType) *gopacket.DecodingLayerParser {
		d := gopacket.NewDecodingLayerParser(first)
		d.SetDecodingLayerContainer(gopacket.DecodingLayerArray(nil))
		for _, l := range []gopacket.DecodingLayer{
			&p.eth, &p.dot1q, &p.arp, &p.ip4, &p.ip6, &p.ext, &p.frag, &p.tcp, &p.udp, &p.icmp4, &p.icmp6,
		} {
			d.AddDecodingLayer(l)
		}
		d.IgnoreUnsupported = true
		return d
	}
	p.fromEth = parser(layers.LayerTypeEthernet)
	p.fromIP4 = parser(layers.LayerTypeIPv4)
	p.fromIP6 = parser(layers.LayerTypeIPv6)
	return p
}

// EtherTypes this package looks at, linux/if_ether.h.
const (
	ethPIP   = 0x0800
	ethPARP  = 0x0806
	ethP8021 = 0x8100
	ethPIPv6 = 0x86dd
	ethPQinQ = 0x88a8
	ethPMPLS = 0x8847
	ethPLLDP = 0x88cc

	ethHeaderLen = 14
)

// Parse decodes data. proto is the EtherType the kernel gives with it (0 when
// unknown); it decides whether data starts with an Ethernet header or, as on
// devices without one, with an IP header. The result is valid until the next
// Parse.
func (p *Parser) Parse(proto uint16, data []byte) *Summary {
	s := &p.sum
	*s = Summary{Layers: s.Layers[:0], VLANs: s.VLANs[:0], EtherType: proto}
	d := p.fromEth
	if !HasEthernet(proto, data) {
		if d = p.fromIP4; proto == ethPIPv6 {
			d = p.fromIP6
		}
	}
	// The parser turns a panic of a decoder into an error.
	err := d.DecodeLayers(data, &p.decoded)
	p.collect(s, data)
	// Some decoders fail on a header that is cut short without saying why.
	s.Truncated = d.Truncated || err != nil && s.payload < headerLen(p.failed(d == p.fromEth, proto))
	s.Malformed = err != nil && !s.Truncated
	if s.Fragment {
		// A fragment holds less than the transport header says; what counts
		// is whether the fragment is whole.
		s.Truncated = p.cutFragment(data)
	}
	return s
}

func (p *Parser) collect(s *Summary, data []byte) {
	s.payload = len(data)
	for _, t := range p.decoded {
		switch t {
		case layers.LayerTypeEthernet:
			s.add("ethernet", len(p.eth.Payload))
			s.HasMAC = true
			copy(s.SrcMAC[:], p.eth.SrcMAC)
			copy(s.DstMAC[:], p.eth.DstMAC)
			s.EtherType = uint16(p.eth.EthernetType)
			s.VLANs = appendVLANs(s.VLANs, data)
		case layers.LayerTypeDot1Q:
			s.add("vlan", len(p.dot1q.Payload))
			s.EtherType = uint16(p.dot1q.Type)
		case layers.LayerTypeARP:
			s.add("arp", len(p.arp.Payload))
			s.Src, _ = netip.AddrFromSlice(p.arp.SourceProtAddress)
			s.Dst, _ = netip.AddrFromSlice(p.arp.DstProtAddress)
		case layers.LayerTypeIPv4:
			s.add("ipv4", len(p.ip4.Payload))
			s.Src, _ = netip.AddrFromSlice(p.ip4.SrcIP)
			s.Dst, _ = netip.AddrFromSlice(p.ip4.DstIP)
			s.HasProto, s.Proto = true, uint8(p.ip4.Protocol)
			s.Fragment = p.ip4.fragment()
		case layers.LayerTypeIPv6:
			s.add("ipv6", len(p.ip6.Payload))
			s.Src, _ = netip.AddrFromSlice(p.ip6.SrcIP)
			s.Dst, _ = netip.AddrFromSlice(p.ip6.DstIP)
			s.HasProto, s.Proto = true, uint8(p.ip6.NextHeader)
		case layers.LayerTypeIPv6HopByHop, layers.LayerTypeIPv6Routing, layers.LayerTypeIPv6Destination:
			s.add("ipv6ext", len(p.ext.payload))
			s.Proto = uint8(p.ext.next)
		case layers.LayerTypeIPv6Fragment:
			s.add("ipv6ext", len(p.frag.payload))
			s.Proto, s.Fragment = uint8(p.frag.next), p.frag.frag
		case layers.LayerTypeTCP:
			s.add("tcp", len(p.tcp.Payload))
			s.HasPorts, s.SrcPort, s.DstPort = true, uint16(p.tcp.SrcPort), uint16(p.tcp.DstPort)
		case layers.LayerTypeUDP:
			s.add("udp", len(p.udp.Payload))
			s.HasPorts, s.SrcPort, s.DstPort = true, uint16(p.udp.SrcPort), uint16(p.udp.DstPort)
		case layers.LayerTypeICMPv4:
			s.add("icmpv4", len(p.icmp4.Payload))
		case layers.LayerTypeICMPv6:
			s.add("icmpv6", len(p.icmp6.Payload))
			if t := p.icmp6.TypeCode.Type(); t == layers.ICMPv6TypeEchoRequest || t == layers.ICMPv6TypeEchoReply {
				s.payload = max(s.payload-4, 0) // identifier and sequence
			}
		}
	}
}

// failed is the type of the header behind the last one that was decoded.
func (p *Parser) failed(ethernet bool, proto uint16) gopacket.LayerType {
	if len(p.decoded) == 0 {
		switch {
		case ethernet:
			return layers.LayerTypeEthernet
		case proto == ethPIPv6:
			return layers.LayerTypeIPv6
		}
		return layers.LayerTypeIPv4
	}
	switch p.decoded[len(p.decoded)-1] {
	case layers.LayerTypeEthernet:
		return p.eth.NextLayerType()
	case layers.LayerTypeDot1Q:
		return p.dot1q.NextLayerType()
	case layers.LayerTypeIPv4:
		return p.ip4.NextLayerType()
	case layers.LayerTypeIPv6:
		return p.ip6.NextLayerType()
	case layers.LayerTypeIPv6Fragment:
		return p.frag.NextLayerType()
	case layers.LayerTypeIPv6HopByHop, layers.LayerTypeIPv6Routing, layers.LayerTypeIPv6Destination:
		return p.ext.NextLayerType()
	}
	return gopacket.LayerTypeZero
}

// headerLen is how many bytes a header takes at least.
func headerLen(t gopacket.LayerType) int {
	switch t {
	case layers.LayerTypeEthernet:
		return ethHeaderLen
	case layers.LayerTypeDot1Q, layers.LayerTypeICMPv6:
		return 4
	case layers.LayerTypeARP:
		return 28 // for Ethernet and IPv4
	case layers.LayerTypeIPv4, layers.LayerTypeTCP:
		return 20
	case layers.LayerTypeIPv6:
		return ip6HeaderLen
	case layers.LayerTypeUDP, layers.LayerTypeICMPv4, layers.LayerTypeIPv6Fragment:
		return 8
	}
	return 0
}

func (s *Summary) add(name string, payload int) {
	s.Layers = append(s.Layers, name)
	s.payload = payload
}

func (s *Summary) has(name string) bool { return slices.Contains(s.Layers, name) }

// cutFragment tells that the last IP header speaks of more bytes than data has.
func (p *Parser) cutFragment(data []byte) bool {
	if slices.Contains(p.decoded, layers.LayerTypeIPv4) {
		return int(p.ip4.Length) > len(p.ip4.Contents)+len(p.ip4.Payload)
	}
	// IPv6 headers are in front of a fragment header that was decoded.
	n := int(p.ip6.Length) + ip6HeaderLen
	return n > len(data)-offsetOf(data, p.ip6.Contents)
}

// offsetOf is where part, a slice of data, begins in it.
func offsetOf(data, part []byte) int { return cap(data) - cap(part) }

// appendVLANs reads the tags behind an Ethernet header; the decoder keeps only
// the last one.
func appendVLANs(ids []uint16, data []byte) []uint16 {
	for off := 12; len(data) >= off+6; off += 4 {
		if t := binary.BigEndian.Uint16(data[off:]); t != ethP8021 && t != ethPQinQ {
			break
		}
		ids = append(ids, binary.BigEndian.Uint16(data[off+2:])&0xfff)
	}
	return ids
}

// HasEthernet tells whether sampled bytes start with an Ethernet header, given
// the EtherType that the kernel keeps for the packet. Devices without a
// link-layer header (tun, ipip, wireguard ...) give packets that start with IP.
func HasEthernet(proto uint16, data []byte) bool {
	var version byte
	switch proto {
	case ethPIP:
		version = 4
	case ethPIPv6:
		version = 6
	default:
		return true // nothing but IP comes without a link-layer header
	}
	if len(data) == 0 || data[0]>>4 != version {
		return true
	}
	if len(data) < ethHeaderLen {
		return false
	}
	// A MAC address may begin with 4 or 6 in its first digit, and an IP header
	// may have the EtherType's value in bytes 12 and 13 (sources in 8.0.0.0/16,
	// or in IPv6 any): then what is behind decides.
	switch binary.BigEndian.Uint16(data[12:]) {
	case proto:
		if len(data) > ethHeaderLen && data[ethHeaderLen]>>4 != version {
			return false
		}
		return version == 6 || !validIPv4(data)
	case ethP8021, ethPQinQ:
		return version == 6 || !validIPv4(data)
	}
	return false
}

// validIPv4 tells that data starts with an IPv4 header whose checksum is right.
func validIPv4(data []byte) bool {
	n := int(data[0]&0xf) * 4
	if n < 20 || n > len(data) {
		return false
	}
	var sum uint32
	for i := 0; i < n; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(data[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return sum == 0xffff
}
