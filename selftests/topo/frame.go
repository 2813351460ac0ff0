// SPDX-License-Identifier: Apache-2.0

package topo

import (
	"encoding/binary"
	"net"
	"net/netip"
)

// Lengths of the headers UDPFrame writes.
const (
	EthernetLen = 14
	ipv4Len     = 20
	udpLen      = 8
	// FrameMin is the shortest frame UDPFrame builds.
	FrameMin = EthernetLen + ipv4Len + udpLen
)

// EtherTypeIPv4 is ETH_P_IP, linux/if_ether.h.
const EtherTypeIPv4 = 0x0800

// UDPFrame describes an Ethernet frame that carries an IPv4 UDP datagram.
type UDPFrame struct {
	Src, Dst     net.HardwareAddr
	SrcIP, DstIP netip.Addr
	SrcPort      uint16
	DstPort      uint16
	// Len is the length of the whole frame in bytes, at least FrameMin; there
	// is no padding to Ethernet's minimum.
	Len int
}

// Bytes builds the frame. The payload counts up from 1, so that data cut or
// shifted anywhere is noticed.
func (f UDPFrame) Bytes() []byte {
	n := max(f.Len, FrameMin)
	b := make([]byte, 0, n)
	b = append(b, f.Dst...)
	b = append(b, f.Src...)
	b = binary.BigEndian.AppendUint16(b, EtherTypeIPv4)

	ip := len(b)
	b = append(b, 0x45, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(n-EthernetLen))
	b = append(b, 0, 0, 0, 0, 64, 17, 0, 0) // id, fragment, ttl, UDP, checksum
	b = append(b, f.SrcIP.AsSlice()...)
	b = append(b, f.DstIP.AsSlice()...)
	binary.BigEndian.PutUint16(b[ip+10:], ^fold(sum(b[ip:ip+ipv4Len])))

	udp := len(b)
	b = binary.BigEndian.AppendUint16(b, f.SrcPort)
	b = binary.BigEndian.AppendUint16(b, f.DstPort)
	b = binary.BigEndian.AppendUint16(b, uint16(n-EthernetLen-ipv4Len))
	b = append(b, 0, 0)
	for i := range n - FrameMin {
		b = append(b, byte(i%255+1))
	}
	// Pseudo header: both addresses, protocol and length.
	pseudo := sum(b[ip+12:ip+ipv4Len]) + 17 + uint32(n-EthernetLen-ipv4Len)
	binary.BigEndian.PutUint16(b[udp+6:], ^fold(sum(b[udp:])+pseudo))
	return b
}

// sum adds 16-bit big-endian words, RFC 1071.
func sum(b []byte) uint32 {
	var s uint32
	for ; len(b) > 1; b = b[2:] {
		s += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		s += uint32(b[0]) << 8
	}
	return s
}

func fold(s uint32) uint16 {
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}
