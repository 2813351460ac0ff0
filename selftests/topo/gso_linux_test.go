// SPDX-License-Identifier: Apache-2.0

package topo

import (
	"encoding/binary"
	"net"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

func TestTCPTo(t *testing.T) {
	d := Dev{MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}}
	for _, n := range []int{TCPHeaders, TCPHeaders + 1, 7000} {
		b := d.TCPTo(Dev{MAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}}, n)
		p := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.Default)
		tcp, ok := p.Layer(layers.LayerTypeTCP).(*layers.TCP)
		if e := p.ErrorLayer(); e != nil || !ok || len(b) != n {
			t.Errorf("length %d: %d bytes, %v: %v", n, len(b), e, p)
			continue
		}
		if len(tcp.Payload) != n-TCPHeaders || !tcp.ACK || tcp.DstPort != 9 {
			t.Errorf("length %d: %v", n, p)
		}
		// A device adds up the segment, with the sum that is there. gopacket
		// computes the checksum anew.
		got := ^fold(sum(b[EthernetLen+ipv4Len:]))
		if err := tcp.SetNetworkLayerForChecksum(p.NetworkLayer()); err != nil {
			t.Fatal(err)
		}
		buf := gopacket.NewSerializeBuffer()
		if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{ComputeChecksums: true}, tcp, gopacket.Payload(tcp.Payload)); err != nil {
			t.Fatal(err)
		}
		if want := binary.BigEndian.Uint16(buf.Bytes()[16:]); got != want {
			t.Errorf("length %d: checksum %#x, want %#x", n, got, want)
		}
		if ip := b[EthernetLen:][:ipv4Len]; fold(sum(ip)) != 0xffff {
			t.Errorf("length %d: IPv4 checksum is wrong", n)
		}
	}
}
