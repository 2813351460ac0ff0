// SPDX-License-Identifier: Apache-2.0

package pktsum

import (
	"encoding/binary"
	"errors"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// ip4 is gopacket's IPv4 that minds the version and also looks into first
// fragments: their ports are there.
type ip4 struct{ layers.IPv4 }

// DecodeFromBytes reads the header.
func (i *ip4) DecodeFromBytes(data []byte, df gopacket.DecodeFeedback) error {
	if len(data) > 0 && data[0]>>4 != 4 {
		return errors.New("ipv4 header of another version")
	}
	return i.IPv4.DecodeFromBytes(data, df)
}

// NextLayerType is what follows, nothing known behind a later fragment.
func (i *ip4) NextLayerType() gopacket.LayerType {
	if i.FragOffset != 0 {
		return gopacket.LayerTypeFragment
	}
	return i.Protocol.LayerType()
}

func (i *ip4) fragment() bool {
	return i.FragOffset != 0 || i.Flags&layers.IPv4MoreFragments != 0
}

// ip6 stands in for gopacket's IPv6, which takes packets with a hop-by-hop
// header for cut short, and refuses what the kernel has before it cuts it into
// frames: more than 64 KiB with a length field of 0.
type ip6 struct{ layers.IPv6 }

const ip6HeaderLen = 40

// DecodeFromBytes reads the fixed header.
func (i *ip6) DecodeFromBytes(data []byte, df gopacket.DecodeFeedback) error {
	if len(data) < ip6HeaderLen {
		df.SetTruncated()
		return errors.New("ipv6 header is cut short")
	}
	i.Version = data[0] >> 4
	i.Length = binary.BigEndian.Uint16(data[4:])
	i.NextHeader = layers.IPProtocol(data[6])
	i.SrcIP, i.DstIP = data[8:24], data[24:40]
	i.Contents, i.Payload = data[:ip6HeaderLen], data[ip6HeaderLen:]
	switch n := int(i.Length); {
	case i.Version != 6:
		return errors.New("ipv6 header of another version")
	case n > len(i.Payload):
		df.SetTruncated()
	case n > 0:
		i.Payload = i.Payload[:n]
	}
	return nil
}

// NextLayerType is what follows, hop-by-hop options included.
func (i *ip6) NextLayerType() gopacket.LayerType { return i.NextHeader.LayerType() }

// ip6ext walks over IPv6 extension headers one at a time. It stops behind a
// fragment header that is not of the first fragment: what follows is no
// transport header, which gopacket's own skipper does not look at.
type ip6ext struct {
	next    layers.IPProtocol
	payload []byte
	later   bool // fragment other than the first
	frag    bool
}

var ip6extClass = gopacket.NewLayerClass([]gopacket.LayerType{
	layers.LayerTypeIPv6HopByHop,
	layers.LayerTypeIPv6Routing,
	layers.LayerTypeIPv6Destination,
})

// CanDecode names the headers that share the layout of next header and length.
func (*ip6ext) CanDecode() gopacket.LayerClass { return ip6extClass }

// DecodeFromBytes reads one header.
func (e *ip6ext) DecodeFromBytes(data []byte, df gopacket.DecodeFeedback) error {
	if len(data) < 2 || len(data) < (int(data[1])+1)*8 {
		df.SetTruncated()
		return errors.New("extension header is cut short")
	}
	e.next, e.payload = layers.IPProtocol(data[0]), data[(int(data[1])+1)*8:]
	return nil
}

// NextLayerType is what follows.
func (e *ip6ext) NextLayerType() gopacket.LayerType { return e.next.LayerType() }

// LayerPayload is what follows.
func (e *ip6ext) LayerPayload() []byte { return e.payload }

// ip6frag is the fragment header; it has no length field.
type ip6frag struct{ ip6ext }

// CanDecode names the fragment header.
func (*ip6frag) CanDecode() gopacket.LayerClass { return layers.LayerTypeIPv6Fragment }

// DecodeFromBytes reads the header.
func (e *ip6frag) DecodeFromBytes(data []byte, df gopacket.DecodeFeedback) error {
	if len(data) < 8 {
		df.SetTruncated()
		return errors.New("fragment header is cut short")
	}
	offset := binary.BigEndian.Uint16(data[2:])
	e.next, e.payload = layers.IPProtocol(data[0]), data[8:]
	e.later, e.frag = offset&0xfff8 != 0, offset&0xfff9 != 0
	return nil
}

// NextLayerType is what follows, nothing known behind a later fragment.
func (e *ip6frag) NextLayerType() gopacket.LayerType {
	if e.later {
		return gopacket.LayerTypeFragment
	}
	return e.next.LayerType()
}
