// SPDX-License-Identifier: Apache-2.0

// Package odp holds the values of the Open vSwitch kernel datapath: flow keys
// with their masks (Match) and action lists (Actions), and turns them between
// netlink attributes, the text ovs-dpctl prints and reads, and JSON. It opens no
// sockets and builds on any system.
//
// # What survives
//
// Netlink to JSON and back keeps everything: attributes this package has no
// words for are carried as type and bytes, and so are attributes it knows by
// number whose content does not have the shape the kernel documents. Two things
// are normalised, as neither means anything to the kernel: the order of
// attributes with different types inside one action, and the NLA_F_NESTED flag
// on attributes that are nests by definition (it is always set on encoding,
// because newer actions require it).
//
// Text keeps the same when it is written with TextOptions.Verbose; without it
// fields that match anything are left out, as ovs-dpctl does. What has no name
// is written as unknown(TYPE,hex=VALUE/MASK) in a flow and unknown(TYPE,hex=DATA)
// among actions, and is read back in that form.
//
// # Masks
//
// In text a field with no /mask is matched exactly, a field that is not
// mentioned matches anything, and so does a part not mentioned inside the
// parentheses: ipv4(proto=17) says nothing about addresses, eth() only that
// there is an Ethernet header.
package odp
