// SPDX-License-Identifier: Apache-2.0

package pktsum

import (
	"encoding/binary"
	"encoding/hex"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// build serialises layers with lengths and checksums.
func build(ls ...gopacket.SerializableLayer) []byte {
	buf := gopacket.NewSerializeBuffer()
	var network gopacket.NetworkLayer
	for _, l := range ls {
		if n, ok := l.(gopacket.NetworkLayer); ok {
			network = n
		}
		switch l := l.(type) {
		case *layers.TCP:
			_ = l.SetNetworkLayerForChecksum(network)
		case *layers.UDP:
			_ = l.SetNetworkLayerForChecksum(network)
		case *layers.ICMPv6:
			_ = l.SetNetworkLayerForChecksum(network)
		}
	}
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, ls...); err != nil {
		panic(err)
	}
	return buf.Bytes()
}

var (
	mac1 = net.HardwareAddr{2, 0, 0, 0, 0, 1}
	mac2 = net.HardwareAddr{2, 0, 0, 0, 0, 2}
)

func eth(t layers.EthernetType) *layers.Ethernet {
	return &layers.Ethernet{SrcMAC: mac1, DstMAC: mac2, EthernetType: t}
}

func ipv4(p layers.IPProtocol) *layers.IPv4 {
	return &layers.IPv4{Version: 4, TTL: 64, Protocol: p, SrcIP: net.IP{10, 0, 0, 1}, DstIP: net.IP{10, 0, 0, 2}}
}

func ipv6(p layers.IPProtocol) *layers.IPv6 {
	return &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: p, SrcIP: net.ParseIP("2001:db8::1"), DstIP: net.ParseIP("2001:db8::2")}
}

const (
	eIP4 = layers.EthernetTypeIPv4
	eIP6 = layers.EthernetTypeIPv6
)

func TestText(t *testing.T) {
	hello := gopacket.Payload("hello")
	tcp := &layers.TCP{SrcPort: 1234, DstPort: 80, SYN: true, Seq: 7, Window: 64240}
	ack := &layers.TCP{SrcPort: 80, DstPort: 1234, ACK: true, PSH: true, Seq: 9, Ack: 8, Window: 1}
	udp := func() *layers.UDP { return &layers.UDP{SrcPort: 5000, DstPort: 53} }
	vlan := func(id uint16, t layers.EthernetType) *layers.Dot1Q {
		return &layers.Dot1Q{VLANIdentifier: id, Type: t}
	}
	first := ipv4(layers.IPProtocolUDP)
	first.Flags = layers.IPv4MoreFragments
	later := ipv4(layers.IPProtocolUDP)
	later.FragOffset = 185
	arp := &layers.ARP{AddrType: layers.LinkTypeEthernet, Protocol: eIP4, HwAddressSize: 6, ProtAddressSize: 4, Operation: layers.ARPRequest,
		SourceHwAddress: mac1, SourceProtAddress: []byte{10, 0, 0, 1}, DstHwAddress: make([]byte, 6), DstProtAddress: []byte{10, 0, 0, 2}}
	reply := *arp
	reply.Operation = layers.ARPReply
	echo6 := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(layers.ICMPv6TypeEchoRequest, 0)}
	for _, tt := range []struct {
		name  string
		proto uint16
		data  []byte
		text  string
		lay   string
	}{
		{"tcp syn", ethPIP, build(eth(eIP4), ipv4(layers.IPProtocolTCP), tcp),
			"IP 10.0.0.1.1234 > 10.0.0.2.80: TCP flags [S], seq 7, win 64240, length 0", "ethernet ipv4 tcp"},
		{"tcp push", ethPIP, build(eth(eIP4), ipv4(layers.IPProtocolTCP), ack, hello),
			"IP 10.0.0.1.80 > 10.0.0.2.1234: TCP flags [P.], seq 9, ack 8, win 1, length 5", "ethernet ipv4 tcp"},
		{"udp over ipv6", ethPIPv6, build(eth(eIP6), ipv6(layers.IPProtocolUDP), udp(), hello),
			"IP6 2001:db8::1.5000 > 2001:db8::2.53: UDP, length 5", "ethernet ipv6 udp"},
		{"echo", ethPIP, build(eth(eIP4), ipv4(layers.IPProtocolICMPv4), &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0), Id: 1, Seq: 2}, hello),
			"IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 2, length 5", "ethernet ipv4 icmpv4"},
		{"echo over ipv6", ethPIPv6, build(eth(eIP6), ipv6(layers.IPProtocolICMPv6), echo6, gopacket.Payload("\x00\x01\x00\x02hello")),
			"IP6 2001:db8::1 > 2001:db8::2: ICMP6 echo request, id 1, seq 2, length 5", "ethernet ipv6 icmpv6"},
		{"unreachable", ethPIP, build(eth(eIP4), ipv4(layers.IPProtocolICMPv4), &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(3, 3)}),
			"IP 10.0.0.1 > 10.0.0.2: ICMP type 3 code 3, length 0", "ethernet ipv4 icmpv4"},
		{"who-has", ethPARP, build(eth(layers.EthernetTypeARP), arp), "ARP, request who-has 10.0.0.2 tell 10.0.0.1", "ethernet arp"},
		{"is-at", ethPARP, build(eth(layers.EthernetTypeARP), &reply), "ARP, reply 10.0.0.1 is-at 02:00:00:00:00:01", "ethernet arp"},
		{"vlan", ethP8021, build(eth(layers.EthernetTypeDot1Q), vlan(100, eIP4), ipv4(layers.IPProtocolUDP), udp(), hello),
			"vlan 100, IP 10.0.0.1.5000 > 10.0.0.2.53: UDP, length 5", "ethernet vlan ipv4 udp"},
		{"two vlans", ethPQinQ, build(eth(layers.EthernetTypeQinQ), vlan(7, layers.EthernetTypeDot1Q), vlan(8, eIP6), ipv6(layers.IPProtocolUDP), udp()),
			"vlan 7, vlan 8, IP6 2001:db8::1.5000 > 2001:db8::2.53: UDP, length 0", "ethernet vlan vlan ipv6 udp"},
		{"first fragment has ports", ethPIP, build(eth(eIP4), first, udp(), hello),
			"IP 10.0.0.1.5000 > 10.0.0.2.53: UDP, fragment, length 5", "ethernet ipv4 udp"},
		{"later fragment has none", ethPIP, build(eth(eIP4), later, gopacket.Payload("0123456789")),
			"IP 10.0.0.1 > 10.0.0.2: UDP, fragment, length 10", "ethernet ipv4"},
		{"protocol without decoder", ethPIP, build(eth(eIP4), ipv4(layers.IPProtocolSCTP), hello),
			"IP 10.0.0.1 > 10.0.0.2: SCTP, length 5", "ethernet ipv4"},
		{"protocol without name", ethPIP, build(eth(eIP4), ipv4(200), hello),
			"IP 10.0.0.1 > 10.0.0.2: protocol 200, length 5", "ethernet ipv4"},
		{"lldp", ethPLLDP, build(eth(layers.EthernetTypeLinkLayerDiscovery), hello),
			"02:00:00:00:00:01 > 02:00:00:00:00:02, ethertype 0x88cc (LLDP), length 46", "ethernet"},
		{"no link-layer header", ethPIP, build(ipv4(layers.IPProtocolUDP), udp(), hello),
			"IP 10.0.0.1.5000 > 10.0.0.2.53: UDP, length 5", "ipv4 udp"},
		{"no link-layer header, ipv6", ethPIPv6, build(ipv6(layers.IPProtocolUDP), udp(), hello),
			"IP6 2001:db8::1.5000 > 2001:db8::2.53: UDP, length 5", "ipv6 udp"},
		{"cut in ipv4", ethPIP, build(eth(eIP4), ipv4(layers.IPProtocolUDP), udp(), hello)[:20],
			"02:00:00:00:00:01 > 02:00:00:00:00:02, ethertype 0x0800, length 6 [cut short]", "ethernet"},
		{"cut in udp", ethPIP, build(eth(eIP4), ipv4(layers.IPProtocolUDP), udp(), hello)[:38],
			"IP 10.0.0.1 > 10.0.0.2: UDP, length 4 [cut short]", "ethernet ipv4"},
		{"cut behind udp", ethPIP, build(eth(eIP4), ipv4(layers.IPProtocolUDP), udp(), hello)[:44],
			"IP 10.0.0.1.5000 > 10.0.0.2.53: UDP, length 2 [cut short]", "ethernet ipv4 udp"},
		{"cut in arp", ethPARP, build(eth(layers.EthernetTypeARP), arp)[:30],
			"02:00:00:00:00:01 > 02:00:00:00:00:02, ethertype 0x0806, length 16 [cut short]", "ethernet"},
		{"cut in ethernet", ethPIP, build(eth(eIP4))[:10], "data, ethertype 0x0800, length 10 [cut short]", ""},
		{"nothing", 0, nil, "data, ethertype 0x0000, length 0 [cut short]", ""},
		{"another version", ethPIP, slices.Concat(build(eth(eIP4))[:14], build(ipv6(layers.IPProtocolUDP))),
			"02:00:00:00:00:01 > 02:00:00:00:00:02, ethertype 0x0800, length 40 [malformed]", "ethernet"},
		{"bad ipv4 header", ethPIP, slices.Concat(build(eth(eIP4))[:14], unhex("41 00 0020 0000 0000 4011 0000 0a000001 0a000002 000000000000000000000000")),
			"02:00:00:00:00:01 > 02:00:00:00:00:02, ethertype 0x0800, length 32 [malformed]", "ethernet"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := New()
			// Leftovers of another packet must not show.
			p.Parse(ethP8021, build(eth(layers.EthernetTypeDot1Q), vlan(1, eIP6), ipv6(layers.IPProtocolTCP), tcp))
			s := p.Parse(tt.proto, tt.data)
			if d := cmp.Diff(tt.text, string(p.AppendText(nil))); d != "" {
				t.Error(d)
			}
			if got := strings.Join(s.Layers, " "); got != tt.lay {
				t.Errorf("layers %q, want %q", got, tt.lay)
			}
		})
	}
}

// TestExtensionHeaders walks IPv6 extension headers, which decide what follows.
func TestExtensionHeaders(t *testing.T) {
	header := func(next byte, length uint16) []byte {
		// Serialised with 14 bytes to spare for the padding of short frames.
		b := build(eth(eIP6), ipv6(layers.IPProtocolNoNextHeader))[:14+40]
		b[20] = next
		binary.BigEndian.PutUint16(b[18:], length)
		return b
	}
	udp := unhex("1388 0035 0008 0000")
	hop := func(next byte) []byte { return []byte{next, 0, 1, 4, 0, 0, 0, 0} }
	for _, tt := range []struct {
		name string
		data []byte
		text string
		frag bool
	}{
		{"hop by hop", slices.Concat(header(0, 16), hop(17), udp), "IP6 2001:db8::1.5000 > 2001:db8::2.53: UDP, length 0", false},
		{"destination and routing", slices.Concat(header(60, 24), hop(43), hop(17), udp), "IP6 2001:db8::1.5000 > 2001:db8::2.53: UDP, length 0", false},
		{"first fragment", slices.Concat(header(44, 16), unhex("11 00 0001 00000001"), udp), "IP6 2001:db8::1.5000 > 2001:db8::2.53: UDP, fragment, length 0", true},
		{"later fragment", slices.Concat(header(44, 16), unhex("11 00 0009 00000001"), udp), "IP6 2001:db8::1 > 2001:db8::2: UDP, fragment, length 8", true},
		{"later fragment, cut", slices.Concat(header(44, 100), unhex("11 00 0009 00000001"), udp), "IP6 2001:db8::1 > 2001:db8::2: UDP, fragment, length 8 [cut short]", true},
		{"cut extension header", slices.Concat(header(60, 24), []byte{17, 5, 0, 0}), "IP6 2001:db8::1 > 2001:db8::2: protocol 60, length 4 [cut short]", false},
		{"larger than 64 KiB", slices.Concat(header(17, 0), udp), "IP6 2001:db8::1.5000 > 2001:db8::2.53: UDP, length 0", false},
		{"jumbogram", slices.Concat(header(0, 0), unhex("11 00 c2 04 00010000"), udp), "IP6 2001:db8::1.5000 > 2001:db8::2.53: UDP, length 0", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := New()
			s := p.Parse(ethPIPv6, tt.data)
			if d := cmp.Diff(tt.text, string(p.AppendText(nil))); d != "" {
				t.Error(d)
			}
			if s.Fragment != tt.frag {
				t.Errorf("fragment %v", s.Fragment)
			}
		})
	}
}

func TestHasEthernet(t *testing.T) {
	framed := build(eth(eIP4), ipv4(layers.IPProtocolUDP), gopacket.Payload("12345678"))
	like := slices.Clone(framed)
	copy(like, []byte{0x45, 0, 0, 0x1c, 0x11, 0x22}) // a MAC address that looks like IPv4
	from8 := ipv4(layers.IPProtocolUDP)
	from8.SrcIP = net.IP{8, 0, 1, 1} // bytes 12 and 13 look like the EtherType
	for _, tt := range []struct {
		name  string
		proto uint16
		data  []byte
		want  bool
	}{
		{"frame", ethPIP, framed, true},
		{"frame whose MAC looks like ipv4", ethPIP, like, true},
		{"bare ipv4", ethPIP, build(ipv4(layers.IPProtocolUDP), gopacket.Payload("12345678")), false},
		{"bare ipv4 from 8.0.0.0/16", ethPIP, build(from8, gopacket.Payload("\x45\x00\x00\x00")), false},
		{"bare ipv4, few bytes", ethPIP, []byte{0x45, 0, 0}, false},
		{"bare ipv6", ethPIPv6, build(ipv6(layers.IPProtocolUDP)), false},
		{"arp", ethPARP, framed, true},
		{"nothing", ethPIP, nil, true},
	} {
		if got := HasEthernet(tt.proto, tt.data); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

func TestParseDoesNotAllocate(t *testing.T) {
	p := New()
	data := build(eth(eIP4), ipv4(layers.IPProtocolTCP), &layers.TCP{SYN: true, Options: []layers.TCPOption{
		{OptionType: layers.TCPOptionKindMSS, OptionLength: 4, OptionData: []byte{5, 0xb4}},
	}})
	buf := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(200, func() {
		p.Parse(ethPIP, data)
		p.AppendText(buf)
	}); n != 0 {
		t.Errorf("%v allocations per packet", n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(uint16(ethPIP), build(eth(eIP4), ipv4(layers.IPProtocolUDP), &layers.UDP{SrcPort: 1, DstPort: 2}))
	f.Add(uint16(ethPIPv6), build(ipv6(layers.IPProtocolTCP), &layers.TCP{}))
	f.Add(uint16(ethPIPv6), unhex("6000 0000 0000 0000 00000000000000000000000000000000 00000000000000000000000000000000 1100c20400010000"))
	f.Add(uint16(ethPARP), build(eth(layers.EthernetTypeARP)))
	p := New()
	f.Fuzz(func(t *testing.T, proto uint16, data []byte) {
		s := p.Parse(proto, data)
		if s.payload < 0 || s.payload > len(data) {
			t.Errorf("%d bytes of payload in %d bytes", s.payload, len(data))
		}
		for _, c := range p.AppendText(nil) {
			if c < ' ' || c > '~' || c == '"' || c == '\\' {
				t.Errorf("byte %#x in the text", c)
			}
		}
		again := New()
		again.Parse(proto, data)
		if a, b := string(p.AppendText(nil)), string(again.AppendText(nil)); a != b {
			t.Errorf("a used parser says %q, a fresh one %q", a, b)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	p := New()
	data := build(eth(eIP4), ipv4(layers.IPProtocolUDP), &layers.UDP{SrcPort: 1, DstPort: 2})
	buf := make([]byte, 0, 1024)
	b.Run("ours", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p.Parse(ethPIP, data)
			p.AppendText(buf)
		}
	})
	b.Run("peer=gopacket_NewPacket", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			pkt := gopacket.NewPacket(data, layers.LayerTypeEthernet, gopacket.DecodeOptions{Lazy: true, NoCopy: true})
			if pkt.Layer(layers.LayerTypeUDP) == nil {
				b.Fatal("no UDP")
			}
		}
	})
}
