// SPDX-License-Identifier: Apache-2.0

package odptest

import (
	"net/netip"

	"github.com/dpscope/dpscope/ovs/odp"
)

func (g *Gen) ct(_ int) odp.Action {
	var c odp.CT
	switch g.r.IntN(4) {
	case 0:
		c.Commit = true
	case 1:
		c.ForceCommit = true
	case 2:
		c.Commit, c.ForceCommit = !g.o.Tame, !g.o.Tame
	}
	if g.one(2) {
		zone := uint16(g.u32())
		if g.o.Tame {
			zone |= 1
		}
		c.Zone = &zone
	}
	if g.one(2) {
		c.Mark = &odp.CTMark{Value: g.u32(), Mask: g.u32()}
		if g.o.Tame {
			c.Mark.Mask |= 1
		}
	}
	if g.one(2) {
		c.Labels = &odp.CTLabels{Value: [16]byte(g.bytes(16)), Mask: [16]byte(g.bytes(16))}
		if g.o.Tame {
			c.Labels.Mask[0] |= 1
		}
	}
	if g.one(3) {
		c.Helper = []string{"ftp", "tftp", "sip-20", "fifteen-letters"}[g.r.IntN(4)]
	}
	if g.one(3) {
		c.Timeout = []string{"ovs_tp_1_tcp4", "x"}[g.r.IntN(2)]
	}
	if !g.o.Tame && g.one(3) {
		mask := g.u32()
		c.EventMask = &mask
	}
	if g.one(2) {
		c.NAT = g.nat()
	}
	return c
}

func (g *Gen) nat() *odp.NAT {
	n := &odp.NAT{}
	if g.o.Odd && g.one(6) { // what the kernel refuses
		return &odp.NAT{Src: g.one(2), Dst: g.one(2), ProtoMin: g.port(), ProtoMax: g.port(), Persistent: g.one(2), ProtoHash: g.one(2), ProtoRandom: g.one(2), IPMax: g.address(4)}
	}
	if g.one(4) {
		return n
	}
	n.Src = g.one(2)
	n.Dst = !n.Src
	size := []int{4, 16}[g.r.IntN(2)]
	if !g.one(3) {
		n.IPMin = g.address(size)
		if hi := g.address(size); g.one(2) && n.IPMin.Less(hi) {
			n.IPMax = hi
		}
		if lo, hi := g.port(), g.port(); g.one(2) && *lo != 0 {
			if n.ProtoMin = lo; g.one(2) && *lo < *hi {
				n.ProtoMax = hi
			}
		}
	} else if g.o.Tame {
		return n // the rest it sends only with an address
	}
	n.Persistent = g.one(2)
	switch g.r.IntN(3) {
	case 0:
		n.ProtoHash = true
	case 1:
		n.ProtoRandom = true
	}
	return n
}

func (g *Gen) port() *uint16 {
	v := uint16(g.u32())
	return &v
}

func (g *Gen) address(n int) netip.Addr {
	a, _ := netip.AddrFromSlice(g.bytes(n))
	return a
}
