// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"fmt"
	"net/netip"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp/internal/layout"
)

var ctLabelKey = layout.Keys.Attr(uapi.OVS_KEY_ATTR_CT_LABELS)

// NAT is address translation of a CT action (OVS_CT_ATTR_NAT). The kernel takes
// Src or Dst, not both, and the rest only with one of them.
type NAT struct {
	Src, Dst     bool
	IPMin, IPMax netip.Addr // invalid: attribute absent
	// ProtoMin and ProtoMax bound the port; nil: attribute absent.
	ProtoMin, ProtoMax *uint16
	// Persistent gives a host the same address each time, ProtoHash and
	// ProtoRandom say how the port is chosen.
	Persistent, ProtoHash, ProtoRandom bool
	Extra
}

var natOrder = []uint16{
	uapi.OVS_NAT_ATTR_SRC, uapi.OVS_NAT_ATTR_DST, uapi.OVS_NAT_ATTR_IP_MIN, uapi.OVS_NAT_ATTR_IP_MAX,
	uapi.OVS_NAT_ATTR_PROTO_MIN, uapi.OVS_NAT_ATTR_PROTO_MAX, uapi.OVS_NAT_ATTR_PERSISTENT,
	uapi.OVS_NAT_ATTR_PROTO_HASH, uapi.OVS_NAT_ATTR_PROTO_RANDOM,
}

func (n *NAT) flag(typ uint16) *bool {
	switch typ {
	case uapi.OVS_NAT_ATTR_SRC:
		return &n.Src
	case uapi.OVS_NAT_ATTR_DST:
		return &n.Dst
	case uapi.OVS_NAT_ATTR_PERSISTENT:
		return &n.Persistent
	case uapi.OVS_NAT_ATTR_PROTO_HASH:
		return &n.ProtoHash
	case uapi.OVS_NAT_ATTR_PROTO_RANDOM:
		return &n.ProtoRandom
	}
	return nil
}

func (n *NAT) address(typ uint16) *netip.Addr {
	switch typ {
	case uapi.OVS_NAT_ATTR_IP_MIN:
		return &n.IPMin
	case uapi.OVS_NAT_ATTR_IP_MAX:
		return &n.IPMax
	}
	return nil
}

func (n *NAT) proto(typ uint16) **uint16 {
	switch typ {
	case uapi.OVS_NAT_ATTR_PROTO_MIN:
		return &n.ProtoMin
	case uapi.OVS_NAT_ATTR_PROTO_MAX:
		return &n.ProtoMax
	}
	return nil
}

func decodeNAT(b []byte) (*NAT, bool) {
	var n NAT
	ok := n.decode(b, natOrder, func(at nl.Attr) (ok bool) {
		if at.Nested {
			return false
		}
		if f := n.flag(at.Type); f != nil {
			*f = len(at.Data) == 0
			return *f
		}
		if a := n.address(at.Type); a != nil {
			addr, ok := netip.AddrFromSlice(at.Data)
			*a = addr
			return ok
		}
		if p := n.proto(at.Type); p != nil {
			var v uint16
			if v, ok = at.Uint16(); ok {
				*p = &v
			}
		}
		return ok
	})
	if !ok {
		return nil, false
	}
	return &n, true
}

func (n *NAT) append(b []byte) ([]byte, error) {
	return n.Extra.append(b, uapi.OVS_CT_ATTR_NAT, natOrder, func(b []byte, typ uint16) ([]byte, error) {
		if f := n.flag(typ); f != nil && *f {
			return nl.AppendFlag(b, typ), nil
		}
		if a := n.address(typ); a != nil && a.IsValid() {
			return nl.AppendAttr(b, typ, a.AsSlice()), nil
		}
		if p := n.proto(typ); p != nil && *p != nil {
			return nl.AppendUint16(b, typ, **p), nil
		}
		return b, nil
	})
}

// wordless holds for what the parser refuses, as the kernel does.
func (n *NAT) wordless() bool {
	return n.Order != nil || n.Src && n.Dst || n.ProtoHash && n.ProtoRandom
}

// plain tells whether the form of ovs-dpctl says everything and is read back: a
// type where there is anything else, a port only with an address, no upper bound
// that is none.
func (n *NAT) plain() bool {
	rest := n.IPMin.IsValid() || n.IPMax.IsValid() || n.ProtoMin != nil || n.ProtoMax != nil || n.Persistent || n.ProtoHash || n.ProtoRandom
	switch {
	case rest && !n.Src && !n.Dst, n.IPMax.IsValid() && !n.IPMin.IsValid():
		return false
	case n.ProtoMin != nil && !n.IPMin.IsValid(), n.ProtoMax != nil && n.ProtoMin == nil:
		return false
	case n.IPMax.IsValid() && (n.IPMax.BitLen() != n.IPMin.BitLen() || n.IPMax.Compare(n.IPMin) <= 0 || n.IPMin.Zone() != ""):
		return false
	case n.ProtoMin != nil && *n.ProtoMin == 0, n.ProtoMax != nil && *n.ProtoMax <= *n.ProtoMin:
		return false
	}
	return true
}

// appendText writes nat(src=MIN-MAX:PORT-PORT,...). What that form has no room
// for is written with one word for each attribute.
func (n *NAT) appendText(b []byte, o *TextOptions) []byte {
	b = append(b, "nat"...)
	at := len(b)
	b = append(b, '(')
	start := len(b)
	if n.Src {
		b = append(b, "src"...)
	}
	if n.Dst {
		b = append(separate(b, start), "dst"...)
	}
	if o.Lossless && !n.plain() {
		b = n.appendApart(b, start)
	} else if n.IPMin.IsValid() {
		b = n.appendRange(append(b, '='))
	}
	for _, f := range []struct {
		on   bool
		word string
	}{{n.Persistent, "persistent"}, {n.ProtoHash, "hash"}, {n.ProtoRandom, "random"}} {
		if f.on {
			b = append(separate(b, start), f.word...)
		}
	}
	b = n.Extra.appendText(b, start, o)
	if len(b) == start {
		return b[:at]
	}
	return append(b, ')')
}

func (n *NAT) appendApart(b []byte, start int) []byte {
	for _, a := range []struct {
		name string
		addr netip.Addr
	}{{"ip_min", n.IPMin}, {"ip_max", n.IPMax}} {
		if a.addr.IsValid() {
			b = appendAddress(append(append(separate(b, start), a.name...), '='), a.addr.AsSlice())
		}
	}
	if n.ProtoMin != nil {
		b = appendArg(b, start, "proto_min", uint64(*n.ProtoMin))
	}
	if n.ProtoMax != nil {
		b = appendArg(b, start, "proto_max", uint64(*n.ProtoMax))
	}
	return b
}

// appendRange writes addresses, in brackets where a port follows one that has
// colons itself, and ports.
func (n *NAT) appendRange(b []byte) []byte {
	var lo, hi uint16
	if n.ProtoMin != nil {
		lo = *n.ProtoMin
	}
	if n.ProtoMax != nil {
		hi = *n.ProtoMax
	}
	address := func(a netip.Addr) {
		if bracket := a.BitLen() == 128 && lo != 0; bracket {
			b = append(appendAddress(append(b, '['), a.AsSlice()), ']')
		} else {
			b = appendAddress(b, a.AsSlice())
		}
	}
	address(n.IPMin)
	if n.IPMax.IsValid() && n.IPMax != n.IPMin && !n.IPMax.IsUnspecified() {
		b = append(b, '-')
		address(n.IPMax)
	}
	if lo != 0 {
		b = appendDec(append(b, ':'), uint64(lo))
		if hi != 0 && hi != lo {
			b = appendDec(append(b, '-'), uint64(hi))
		}
	}
	return b
}

// appendKselftest writes what ovs-dpctl.py shows: no word for hash and random.
func (n *NAT) appendKselftest(b []byte) []byte {
	b = append(b, "nat("...)
	switch {
	case n.Src:
		b = append(b, "src"...)
	case n.Dst:
		b = append(b, "dst"...)
	default:
		b = append(b, "XXX-unknown-nat"...)
	}
	if n.IPMin.IsValid() {
		b = append(appendAddress(append(b, '='), n.IPMin.AsSlice()), ',')
	}
	if n.IPMax.IsValid() {
		b = append(appendAddress(append(b, '-'), n.IPMax.AsSlice()), ',')
	}
	if !n.IPMin.IsValid() && !n.IPMax.IsValid() {
		b = append(b, ',')
	}
	for _, p := range []struct {
		name string
		v    *uint16
	}{{"proto_min", n.ProtoMin}, {"proto_max", n.ProtoMax}} {
		if p.v != nil && *p.v != 0 {
			b = append(appendDec(append(append(b, p.name...), '='), uint64(*p.v)), ',')
		}
	}
	if n.Persistent {
		b = append(b, "persistent,"...)
	}
	return append(b, ')')
}

type natJSON struct {
	Src         bool    `json:"src"`
	Dst         bool    `json:"dst"`
	IPMin       string  `json:"ip_min,omitempty"`
	IPMax       string  `json:"ip_max,omitempty"`
	ProtoMin    *uint16 `json:"proto_min,omitempty"`
	ProtoMax    *uint16 `json:"proto_max,omitempty"`
	Persistent  bool    `json:"persistent"`
	ProtoHash   bool    `json:"proto_hash"`
	ProtoRandom bool    `json:"proto_random"`
	extraJSON
}

func (n *NAT) json() *natJSON {
	if n == nil {
		return nil
	}
	j := &natJSON{
		Src: n.Src, Dst: n.Dst, ProtoMin: n.ProtoMin, ProtoMax: n.ProtoMax,
		Persistent: n.Persistent, ProtoHash: n.ProtoHash, ProtoRandom: n.ProtoRandom, extraJSON: n.Extra.json(),
	}
	if n.IPMin.IsValid() {
		j.IPMin = n.IPMin.String()
	}
	if n.IPMax.IsValid() {
		j.IPMax = n.IPMax.String()
	}
	return j
}

func (j *natJSON) nat() (*NAT, error) {
	if j == nil {
		return nil, nil
	}
	n := &NAT{
		Src: j.Src, Dst: j.Dst, ProtoMin: j.ProtoMin, ProtoMax: j.ProtoMax,
		Persistent: j.Persistent, ProtoHash: j.ProtoHash, ProtoRandom: j.ProtoRandom,
	}
	for _, a := range []struct {
		text string
		to   *netip.Addr
	}{{j.IPMin, &n.IPMin}, {j.IPMax, &n.IPMax}} {
		if a.text == "" {
			continue
		}
		addr, err := netip.ParseAddr(a.text)
		if err != nil || addr.Zone() != "" {
			return nil, fmt.Errorf("nat: %q is no address", a.text)
		}
		*a.to = addr
	}
	var err error
	n.Extra, err = j.extra()
	return n, err
}
