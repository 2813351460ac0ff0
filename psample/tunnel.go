// SPDX-License-Identifier: Apache-2.0

package psample

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

// Tunnel is the metadata of the tunnel that a packet came out of, or is about
// to go into: PSAMPLE_ATTR_TUNNEL. Slices alias the sample's message.
type Tunnel struct {
	ID    uint64 // VNI or key, valid with HasID
	HasID bool

	Src, Dst netip.Addr // outer addresses, invalid when not sent
	TOS, TTL uint8
	TPSrc    uint16 // outer transport ports, 0 when not sent
	TPDst    uint16

	DontFragment bool // the outer header has DF set
	Csum         bool // the outer UDP checksum is used
	OAM          bool
	InfoBridge   bool // PSAMPLE_TUNNEL_KEY_ATTR_IPV4_INFO_BRIDGE

	GeneveOpts []byte // options as on the wire, network byte order
	VXLANOpts  []byte
	ERSPANOpts []byte // struct erspan_metadata

	Unknown []nl.Attr
}

// Tunnel decodes TunnelRaw. Without one it returns the zero Tunnel. The error
// names the attribute that cannot be taken.
func (s *Sample) Tunnel() (Tunnel, error) {
	var t Tunnel
	for a, err := range nl.Attrs(s.TunnelRaw) {
		if err != nil {
			return Tunnel{}, fmt.Errorf("decode tunnel: %w [PSAMPLE_ATTR_TUNNEL]", err)
		}
		if !t.set(a) {
			return Tunnel{}, fmt.Errorf("decode tunnel: attribute of %d bytes has the wrong length [PSAMPLE_ATTR_TUNNEL/attribute %d]", len(a.Data), a.Type)
		}
	}
	return t, nil
}

func (t *Tunnel) set(a nl.Attr) bool {
	b := a.Data
	switch a.Type {
	case uapi.PSAMPLE_TUNNEL_KEY_ATTR_ID:
		if len(b) != 8 {
			return false
		}
		t.ID, t.HasID = binary.BigEndian.Uint64(b), true
	case uapi.PSAMPLE_TUNNEL_KEY_ATTR_IPV4_SRC:
		return setAddr(&t.Src, b, 4)
	case uapi.PSAMPLE_TUNNEL_KEY_ATTR_IPV4_DST:
		return setAddr(&t.Dst, b, 4)
	case uapi.PSAMPLE_TUNNEL_KEY_ATTR_IPV6_SRC:
		return setAddr(&t.Src, b, 16)
	case uapi.PSAMPLE_TUNNEL_KEY_ATTR_IPV6_DST:
		return setAddr(&t.Dst, b, 16)
	case uapi.PSAMPLE_TUNNEL_KEY_ATTR_TOS:
		return setByte(&t.TOS, b)
	case uapi.PSAMPLE_TUNNEL_KEY_ATTR_TTL:
		return setByte(&t.TTL, b)
	case uapi.PSAMPLE_TUNNEL_KEY_ATTR_TP_SRC:
		return setBE16(&t.TPSrc, b)
	case uapi.PSAMPLE_TUNNEL_KEY_ATTR_TP_DST:
		return setBE16(&t.TPDst, b)
	case uapi.PSAMPLE_TUNNEL_KEY_ATTR_DONT_FRAGMENT:
		t.DontFragment = true
	case uapi.PSAMPLE_TUNNEL_KEY_ATTR_CSUM:
		t.Csum = true
	case uapi.PSAMPLE_TUNNEL_KEY_ATTR_OAM:
		t.OAM = true
	case uapi.PSAMPLE_TUNNEL_KEY_ATTR_IPV4_INFO_BRIDGE:
		t.InfoBridge = true
	case uapi.PSAMPLE_TUNNEL_KEY_ATTR_GENEVE_OPTS:
		t.GeneveOpts = b
	case uapi.PSAMPLE_TUNNEL_KEY_ATTR_VXLAN_OPTS:
		t.VXLANOpts = b
	case uapi.PSAMPLE_TUNNEL_KEY_ATTR_ERSPAN_OPTS:
		t.ERSPANOpts = b
	case uapi.PSAMPLE_TUNNEL_KEY_ATTR_PAD:
	default:
		t.Unknown = append(t.Unknown, a)
	}
	return true
}

func setAddr(v *netip.Addr, b []byte, n int) bool {
	a, ok := netip.AddrFromSlice(b)
	if !ok || len(b) != n {
		return false
	}
	*v = a
	return true
}

func setByte(v *uint8, b []byte) bool {
	if len(b) != 1 {
		return false
	}
	*v = b[0]
	return true
}

func setBE16(v *uint16, b []byte) bool {
	if len(b) != 2 {
		return false
	}
	*v = binary.BigEndian.Uint16(b)
	return true
}
