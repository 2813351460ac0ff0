// SPDX-License-Identifier: Apache-2.0

package parity

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/dpscope/dpscope/selftests/topo"
)

// Tag is a VLAN tag: its TPID and its TCI without the bit that the datapath
// uses to tell a tag from none.
type Tag struct{ TPID, TCI uint16 }

// String is both in hexadecimal, as "8100:2064".
func (t Tag) String() string { return fmt.Sprintf("%04x:%04x", t.TPID, t.TCI) }

// Packet says what a frame looks like: an IPv4 UDP packet behind Tags, Len
// bytes in all.
type Packet struct {
	Len  int
	Tags []Tag
}

// String is the length and the tags, as "98 bytes, tags 88a8:0005 8100:2064".
func (p Packet) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d bytes", p.Len)
	for i, t := range p.Tags {
		if i == 0 {
			b.WriteString(", tags")
		}
		b.WriteString(" " + t.String())
	}
	return b.String()
}

const (
	addrsLen = 12 // both Ethernet addresses
	tagLen   = 4

	// A frame's source address ends in its number, which is how it is
	// recognised when it comes back.
	numberAt  = 8
	numberEnd = addrsLen
	// identifiable is how much of a frame it takes.
	identifiable = numberEnd
)

// minLen is the shortest frame with these tags.
func (p Packet) minLen() int { return topo.FrameMin + tagLen*len(p.Tags) }

// Frame builds the packet with a number in it.
func (p Packet) Frame(number uint32) []byte {
	f := topo.UDPFrame{
		Src: net.HardwareAddr{2, 0xd5, 0, 0, 0, 0}, Dst: net.HardwareAddr{2, 0xd5, 0, 0, 0, 1},
		SrcIP: netip.AddrFrom4([4]byte{198, 51, 100, 1}), DstIP: netip.AddrFrom4([4]byte{198, 51, 100, 2}),
		SrcPort: 40000, DstPort: 9, Len: p.Len - tagLen*len(p.Tags),
	}.Bytes()
	b := make([]byte, 0, p.Len)
	b = append(b, f[:addrsLen]...)
	for _, t := range p.Tags {
		b = t.append(b)
	}
	b = append(b, f[addrsLen:]...)
	setNumber(b, number)
	return b
}

func (t Tag) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, t.TPID)
	return binary.BigEndian.AppendUint16(b, t.TCI)
}

func setNumber(b []byte, number uint32) { binary.BigEndian.PutUint32(b[numberAt:numberEnd], number) }

// number reads a frame's number back; ok is false when too little is left of it.
func number(b []byte) (n uint32, ok bool) {
	if len(b) < identifiable {
		return 0, false
	}
	return binary.BigEndian.Uint32(b[numberAt:numberEnd]), true
}

// describe writes down part of a packet: short and readable where it is the
// beginning of the frame that was sent, with or without the outermost tag; its
// bytes otherwise. Both have the number 0.
func describe(b, frame []byte) string {
	switch {
	case len(b) == 0:
		return ""
	case bytes.HasPrefix(frame, b):
		return fmt.Sprintf("packet[:%d]", len(b))
	}
	if rest, _, ok := untag(frame); ok && bytes.HasPrefix(rest, b) {
		return fmt.Sprintf("untagged[:%d]", len(b))
	}
	return hex.EncodeToString(b)
}

// untag takes the outermost tag off a frame.
func untag(b []byte) (rest []byte, t Tag, ok bool) {
	if len(b) < addrsLen+tagLen || !isVLAN(binary.BigEndian.Uint16(b[addrsLen:])) {
		return b, Tag{}, false
	}
	t = Tag{binary.BigEndian.Uint16(b[addrsLen:]), binary.BigEndian.Uint16(b[addrsLen+2:])}
	rest = make([]byte, 0, len(b)-tagLen)
	rest = append(rest, b[:addrsLen]...)
	return append(rest, b[addrsLen+tagLen:]...), t, true
}

// retag puts a tag in front of the others.
func retag(b []byte, t Tag) []byte {
	out := make([]byte, 0, len(b)+tagLen)
	out = append(out, b[:addrsLen]...)
	out = t.append(out)
	return append(out, b[addrsLen:]...)
}

// TPIDs of VLAN tags, linux/if_ether.h.
const (
	tpidCustomer = 0x8100
	tpidService  = 0x88a8
)

func isVLAN(tpid uint16) bool { return tpid == tpidCustomer || tpid == tpidService }

func packetList(ps []Packet) string {
	var out []string
	for _, p := range ps {
		out = append(out, p.String())
	}
	return strings.Join(out, "; ")
}
