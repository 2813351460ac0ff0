// SPDX-License-Identifier: Apache-2.0

package layout

import "slices"

// Actions that are structures whose text and JSON have the parts one by one.
var (
	PushMPLS = NewStruct("push_mpls", 8, slices.Concat(lse, []Part{num("eth_type", Hex0, 4, 2)})...) // two bytes of padding
	AddMPLS  = NewStruct("add_mpls", 8, slices.Concat(lse, []Part{num("eth_type", Hex0, 4, 2), Host(num("tun_flags", Hex0, 6, 2))})...)
	PopMPLS  = NewStruct("pop_mpls", 2, num("eth_type", Hex0, 0, 2))
	PushEth  = NewStruct("push_eth", 12, mac("src", 0), mac("dst", 6))
)

// NewStruct is the layout of a structure that is no attribute of a key.
func NewStruct(name string, size int, parts ...Part) *Attr {
	a := &Attr{Name: name, Kind: Struct, Size: size, Parts: parts}
	a.cover()
	return a
}
