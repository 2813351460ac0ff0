// SPDX-License-Identifier: Apache-2.0

package topo

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// TCPHeaders is the length of the headers of TCPTo's frames.
const TCPHeaders = EthernetLen + ipv4Len + tcpLen

const tcpLen = 20

// TCPTo is a frame of n bytes like UDPTo's, of TCP and for SendSegmented: its
// checksum covers the pseudo header only, the device does the rest.
func (d *Dev) TCPTo(dst Dev, n int) []byte {
	udp := UDPFrame{
		Src: d.MAC, Dst: dst.MAC,
		SrcIP: netip.MustParseAddr("198.51.100.1"), DstIP: netip.MustParseAddr("198.51.100.2"),
		Len: max(n, TCPHeaders),
	}
	b := udp.Bytes()
	ip, tcp := b[EthernetLen:EthernetLen+ipv4Len], b[EthernetLen+ipv4Len:]
	ip[9] = unix.IPPROTO_TCP
	ip[10], ip[11] = 0, 0
	binary.BigEndian.PutUint16(ip[10:], ^fold(sum(ip)))
	clear(tcp[:tcpLen])
	binary.BigEndian.PutUint16(tcp, 40000)
	binary.BigEndian.PutUint16(tcp[2:], 9)
	tcp[12], tcp[13] = tcpLen/4<<4, 0x10 // header length, ACK
	binary.BigEndian.PutUint16(tcp[14:], 0xffff)
	binary.BigEndian.PutUint16(tcp[16:], fold(sum(ip[12:])+unix.IPPROTO_TCP+uint32(len(tcp))))
	return b
}

// SendSegmented sends a frame of TCPTo once, as one packet that is to be
// segmented into pieces with size bytes of payload each.
func (s *Sender) SendSegmented(frame []byte, size int) {
	fd := packetSocket(s.t, s.dev, 0)
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1); err != nil {
		s.t.Fatalf("send segmented on %s: %v", s.dev.Name, err)
	}
	// struct virtio_net_hdr, linux/virtio_net.h: checksum to be completed, TCP
	// over IPv4.
	msg := []byte{1, 1}
	for _, v := range []int{TCPHeaders, size, EthernetLen + ipv4Len, 16} {
		msg = binary.NativeEndian.AppendUint16(msg, uint16(v))
	}
	if _, err := unix.Write(fd, append(msg, frame...)); err != nil {
		s.t.Fatalf("send segmented on %s: %v", s.dev.Name, err)
	}
	s.backlog.settle()
}
