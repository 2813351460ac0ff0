// SPDX-License-Identifier: Apache-2.0

// Package flowfilter picks flows out of a dump by a filter, as Open vSwitch's
// dump-flows does: a flow is taken when a packet can match both, so that what
// either says nothing about does not matter.
package flowfilter

import (
	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp"
)

// Filter is what flows are held against. The zero value takes all.
type Filter struct{ want odp.Match }

// Matches tells whether a packet can match both the flow and the filter.
func (f Filter) Matches(flow odp.Match) bool { return overlap(f.want, flow, 0) }

// maxDepth bounds VLAN tags within each other; the kernel takes two.
const maxDepth = 8

func overlap(want, flow odp.Match, depth int) bool {
	// Whoever speaks of tags as datapath keys do means the outer type.
	_, tagged := want.Field(uapi.OVS_KEY_ATTR_ENCAP)
	for _, w := range want.Fields {
		if w.Type == uapi.OVS_KEY_ATTR_ENCAP && depth < maxDepth {
			// What is inside a tag is inside one there, too, or untagged.
			inner, err := odp.DecodeMatch(w.Value, mask(want, w))
			if err == nil && !overlap(inner, inside(flow), depth+1) {
				return false
			}
			continue
		}
		have, exact, ok := find(flow, w.Type, tagged)
		if !ok {
			continue // the flow takes anything
		}
		if w.Type == uapi.OVS_KEY_ATTR_TUNNEL {
			if !overlapNest(w, want.Exact, have, exact) {
				return false
			}
			continue
		}
		if !agree(w.Value, mask(want, w), have.Value, have.Mask, exact) {
			return false
		}
	}
	return true
}

// find looks for a field of a flow. What a tag encapsulates counts as the
// flow's own, as in OpenFlow, unless it is not to be looked at.
func find(flow odp.Match, typ uint16, outer bool) (f odp.Field, exact, ok bool) {
	if _, tagged := flow.Field(uapi.OVS_KEY_ATTR_ENCAP); tagged && !outer && typ != uapi.OVS_KEY_ATTR_VLAN {
		if inner := inside(flow); len(inner.Fields) > 0 {
			if f, exact, ok := find(inner, typ, false); ok {
				return f, exact, true
			}
			if typ == uapi.OVS_KEY_ATTR_ETHERTYPE {
				return odp.Field{}, false, false // the tag's is not what is asked for
			}
		}
	}
	f, ok = flow.Field(typ)
	return f, flow.Exact, ok
}

// inside is what the outermost tag of a flow encapsulates.
func inside(flow odp.Match) odp.Match {
	f, ok := flow.Field(uapi.OVS_KEY_ATTR_ENCAP)
	if !ok {
		return flow
	}
	m, err := odp.DecodeMatch(f.Value, mask(flow, f))
	if err != nil {
		return odp.Match{}
	}
	return m
}

// mask is a field's mask as odp.DecodeMatch takes it: nil for an exact match.
func mask(m odp.Match, f odp.Field) []byte {
	if m.Exact {
		return nil
	}
	if f.Mask == nil {
		return []byte{}
	}
	return f.Mask
}

// agree tells whether two values are the same where both masks have bits. A nil
// mask with exact, or want's being nil, stands for all bits.
func agree(want, wantMask, have, haveMask []byte, exact bool) bool {
	for i := range min(len(want), len(have)) {
		m := byte(0xff)
		if wantMask != nil {
			m &= byteAt(wantMask, i)
		}
		if !exact {
			m &= byteAt(haveMask, i)
		}
		if (want[i]^have[i])&m != 0 {
			return false
		}
	}
	return true
}

func byteAt(b []byte, i int) byte {
	if i < len(b) {
		return b[i]
	}
	return 0
}

// overlapNest compares tunnels, part by part.
func overlapNest(want odp.Field, wantExact bool, have odp.Field, haveExact bool) bool {
	masks, haves, haveMasks := parts(want.Mask), parts(have.Value), parts(have.Mask)
	for typ, v := range parts(want.Value) {
		h, ok := haves[typ]
		if !ok {
			continue
		}
		var m []byte
		if !wantExact {
			if m, ok = masks[typ]; !ok {
				continue
			}
			if len(v) > 0 && m == nil {
				m = []byte{}
			}
		}
		if !agree(v, m, h, haveMasks[typ], haveExact) {
			return false
		}
	}
	return true
}

func parts(b []byte) map[uint16][]byte {
	out := map[uint16][]byte{}
	for at, err := range nl.Attrs(b) {
		if err != nil {
			break
		}
		out[at.Type] = at.Data
	}
	return out
}
