// SPDX-License-Identifier: Apache-2.0

package pktsum

import (
	"encoding/binary"
	"strconv"

	"github.com/google/gopacket/layers"
)

// AppendText appends one line of printable ASCII, without a newline, in the
// manner of tcpdump. It speaks of the packet of the last Parse.
func (p *Parser) AppendText(b []byte) []byte {
	s := &p.sum
	for _, id := range s.VLANs {
		b = append(b, "vlan "...)
		b = strconv.AppendUint(b, uint64(id), 10)
		b = append(b, ", "...)
	}
	switch {
	case s.has("arp"):
		b = p.appendARP(b)
	case s.has("ipv4"):
		b = append(b, "IP "...)
		b = p.appendIP(b)
	case s.has("ipv6"):
		b = append(b, "IP6 "...)
		b = p.appendIP(b)
	case s.HasMAC:
		b = AppendMAC(b, s.SrcMAC)
		b = append(b, " > "...)
		b = AppendMAC(b, s.DstMAC)
		b = appendEtherType(b, s.EtherType)
		b = appendLength(b, s.payload)
	default:
		b = append(b, "data"...)
		b = appendEtherType(b, s.EtherType)
		b = appendLength(b, s.payload)
	}
	if s.Malformed {
		b = append(b, " [malformed]"...)
	}
	if s.Truncated {
		b = append(b, " [cut short]"...)
	}
	return b
}

func (p *Parser) appendARP(b []byte) []byte {
	s := &p.sum
	switch p.arp.Operation {
	case layers.ARPRequest:
		b = append(b, "ARP, request who-has "...)
		b = appendAddr(b, s, false)
		b = append(b, " tell "...)
		return appendAddr(b, s, true)
	case layers.ARPReply:
		b = append(b, "ARP, reply "...)
		b = appendAddr(b, s, true)
		b = append(b, " is-at "...)
		var mac [6]byte
		copy(mac[:], p.arp.SourceHwAddress)
		return AppendMAC(b, mac)
	default:
		b = append(b, "ARP, operation "...)
		return strconv.AppendUint(b, uint64(p.arp.Operation), 10)
	}
}

func appendAddr(b []byte, s *Summary, src bool) []byte {
	a := s.Dst
	if src {
		a = s.Src
	}
	if !a.IsValid() {
		return append(b, '?')
	}
	return a.AppendTo(b)
}

func (p *Parser) appendIP(b []byte) []byte {
	s := &p.sum
	b = appendEnd(b, s, true)
	b = append(b, " > "...)
	b = appendEnd(b, s, false)
	b = append(b, ": "...)
	switch {
	case s.has("tcp"):
		b = p.appendTCP(b)
	case s.has("udp"):
		b = append(b, "UDP"...)
	case s.has("icmpv4"):
		b = p.appendICMP4(b)
	case s.has("icmpv6"):
		b = p.appendICMP6(b)
	default:
		b = append(b, protoName(s.Proto)...)
	}
	if s.Fragment {
		b = append(b, ", fragment"...)
	}
	return appendLength(b, s.payload)
}

func appendEnd(b []byte, s *Summary, src bool) []byte {
	b = appendAddr(b, s, src)
	if !s.HasPorts {
		return b
	}
	port := s.DstPort
	if src {
		port = s.SrcPort
	}
	b = append(b, '.')
	return strconv.AppendUint(b, uint64(port), 10)
}

func (p *Parser) appendTCP(b []byte) []byte {
	t := &p.tcp
	b = append(b, "TCP flags ["...)
	none := true
	for _, f := range [...]struct {
		set  bool
		name byte
	}{
		{t.FIN, 'F'}, {t.SYN, 'S'}, {t.RST, 'R'}, {t.PSH, 'P'}, {t.ACK, '.'},
		{t.URG, 'U'}, {t.ECE, 'E'}, {t.CWR, 'W'},
	} {
		if f.set {
			b, none = append(b, f.name), false
		}
	}
	if none {
		b = append(b, "none"...)
	}
	b = append(b, "], seq "...)
	b = strconv.AppendUint(b, uint64(t.Seq), 10)
	if t.ACK {
		b = append(b, ", ack "...)
		b = strconv.AppendUint(b, uint64(t.Ack), 10)
	}
	b = append(b, ", win "...)
	return strconv.AppendUint(b, uint64(t.Window), 10)
}

func (p *Parser) appendICMP4(b []byte) []byte {
	t := p.icmp4.TypeCode
	switch t.Type() {
	case layers.ICMPv4TypeEchoRequest:
		return appendEcho(b, "ICMP echo request", p.icmp4.Id, p.icmp4.Seq)
	case layers.ICMPv4TypeEchoReply:
		return appendEcho(b, "ICMP echo reply", p.icmp4.Id, p.icmp4.Seq)
	}
	return appendTypeCode(b, "ICMP", t.Type(), t.Code())
}

func (p *Parser) appendICMP6(b []byte) []byte {
	t := p.icmp6.TypeCode
	echo := func(name string) []byte {
		rest := p.icmp6.Payload
		if len(rest) < 4 {
			return append(b, name...)
		}
		return appendEcho(b, name, binary.BigEndian.Uint16(rest), binary.BigEndian.Uint16(rest[2:]))
	}
	switch t.Type() {
	case layers.ICMPv6TypeEchoRequest:
		return echo("ICMP6 echo request")
	case layers.ICMPv6TypeEchoReply:
		return echo("ICMP6 echo reply")
	case layers.ICMPv6TypeNeighborSolicitation:
		return append(b, "ICMP6 neighbor solicitation"...)
	case layers.ICMPv6TypeNeighborAdvertisement:
		return append(b, "ICMP6 neighbor advertisement"...)
	case layers.ICMPv6TypeRouterSolicitation:
		return append(b, "ICMP6 router solicitation"...)
	case layers.ICMPv6TypeRouterAdvertisement:
		return append(b, "ICMP6 router advertisement"...)
	}
	return appendTypeCode(b, "ICMP6", t.Type(), t.Code())
}

func appendEcho(b []byte, name string, id, seq uint16) []byte {
	b = append(b, name...)
	b = append(b, ", id "...)
	b = strconv.AppendUint(b, uint64(id), 10)
	b = append(b, ", seq "...)
	return strconv.AppendUint(b, uint64(seq), 10)
}

func appendTypeCode(b []byte, name string, typ, code uint8) []byte {
	b = append(b, name...)
	b = append(b, " type "...)
	b = strconv.AppendUint(b, uint64(typ), 10)
	b = append(b, " code "...)
	return strconv.AppendUint(b, uint64(code), 10)
}

func appendLength(b []byte, n int) []byte {
	b = append(b, ", length "...)
	return strconv.AppendInt(b, int64(n), 10)
}

func appendEtherType(b []byte, t uint16) []byte {
	b = append(b, ", ethertype 0x"...)
	for shift := 12; shift >= 0; shift -= 4 {
		b = append(b, hexDigits[t>>shift&0xf])
	}
	switch t {
	case ethPLLDP:
		b = append(b, " (LLDP)"...)
	case ethPMPLS:
		b = append(b, " (MPLS)"...)
	}
	return b
}

const hexDigits = "0123456789abcdef"

// AppendMAC appends a MAC address as aa:bb:cc:dd:ee:ff.
func AppendMAC(b []byte, mac [6]byte) []byte {
	for i, c := range mac {
		if i > 0 {
			b = append(b, ':')
		}
		b = append(b, hexDigits[c>>4], hexDigits[c&0xf])
	}
	return b
}

// protoName names an IP protocol (IANA "Assigned Internet Protocol Numbers").
func protoName(p uint8) string {
	switch p {
	case 1:
		return "ICMP"
	case 2:
		return "IGMP"
	case 4:
		return "IPIP"
	case 6:
		return "TCP"
	case 17:
		return "UDP"
	case 41:
		return "IP6"
	case 47:
		return "GRE"
	case 50:
		return "ESP"
	case 51:
		return "AH"
	case 58:
		return "ICMP6"
	case 59:
		return "no next header"
	case 89:
		return "OSPF"
	case 103:
		return "PIM"
	case 112:
		return "VRRP"
	case 132:
		return "SCTP"
	}
	return "protocol " + strconv.Itoa(int(p))
}
