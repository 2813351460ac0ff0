// SPDX-License-Identifier: Apache-2.0

package topo

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

func TestUDPFrame(t *testing.T) {
	for _, n := range []int{0, FrameMin, FrameMin + 1, 100, 101, 1514} {
		f := UDPFrame{
			Src: net.HardwareAddr{2, 0, 0, 0, 0, 1}, Dst: net.HardwareAddr{2, 0, 0, 0, 0, 2},
			SrcIP: netip.MustParseAddr("10.1.2.3"), DstIP: netip.MustParseAddr("10.200.255.4"),
			SrcPort: 4000, DstPort: 9, Len: n,
		}
		b := f.Bytes()
		if want := max(n, FrameMin); len(b) != want {
			t.Errorf("length %d: frame of %d bytes, want %d", n, len(b), want)
		}
		p := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.Default)
		if e := p.ErrorLayer(); e != nil {
			t.Errorf("length %d: %v", n, e.Error())
			continue
		}
		eth := p.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
		ip := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
		udp := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
		if eth.SrcMAC.String() != f.Src.String() || eth.DstMAC.String() != f.Dst.String() ||
			ip.SrcIP.String() != "10.1.2.3" || ip.DstIP.String() != "10.200.255.4" || udp.SrcPort != 4000 || udp.DstPort != 9 {
			t.Errorf("length %d: %v", n, p)
		}
		if len(udp.Payload) != max(n, FrameMin)-FrameMin {
			t.Errorf("length %d: payload of %d bytes", n, len(udp.Payload))
		}
		// gopacket computes both checksums anew from the same layers.
		gotIP, gotUDP := ip.Checksum, udp.Checksum
		if err := udp.SetNetworkLayerForChecksum(ip); err != nil {
			t.Fatal(err)
		}
		buf := gopacket.NewSerializeBuffer()
		if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{ComputeChecksums: true}, eth, ip, udp, gopacket.Payload(udp.Payload)); err != nil {
			t.Fatal(err)
		}
		out := buf.Bytes()
		if w := binary.BigEndian.Uint16(out[EthernetLen+10:]); w != gotIP {
			t.Errorf("length %d: IPv4 checksum %#x, want %#x", n, gotIP, w)
		}
		if w := binary.BigEndian.Uint16(out[EthernetLen+ipv4Len+6:]); w != gotUDP {
			t.Errorf("length %d: UDP checksum %#x, want %#x", n, gotUDP, w)
		}
	}
}
