// SPDX-License-Identifier: Apache-2.0

// Package odp holds the values of the Open vSwitch datapath: flow keys with
// their masks (Match) and lists of actions (Actions), and turns them between
// netlink attributes, text and JSON. It opens no sockets and builds on any
// system. docs/odp-grammar.md has the whole grammar of the text.
//
// # Forms
//
// Netlink: DecodeMatch and DecodeActions read, AppendKey, AppendMask and
// AppendNetlink write. Bytes that come from anywhere are safe to decode; what is
// not as the kernel documents it is kept as it is.
//
// Text: ParseFlow and ParseActions read what ovs-dpctl prints and what people
// write; AppendText and String write. There are two dialects, see Dialect.
//
// JSON: json.Marshal and Unmarshal; docs/schema/ovs-odp.schema.json describes it.
//
// # What survives
//
// Netlink to JSON and back keeps everything: attributes this package has no
// words for, those of another size than documented, and the order of all of them.
// So does netlink to text and back with TextOptions.Lossless. Only what means
// nothing is brought into one form when it is decoded: the nest flag on
// attributes that are nests by definition (always set, because newer actions
// insist on it), and padding (zeros between attributes; attributes that pad are
// left out).
//
// Without Lossless text equals what the dialect's tool prints, byte for byte.
// That leaves out fields that match anything (without Verbose), and some things
// also with it: masks without a value, drop reasons, leading zeros of a cookie.
// Where the tool prints only that it cannot read something, we write it by
// number: unknown(TYPE,hex=VALUE/MASK) in a flow, unknown(TYPE,hex=DATA) among
// actions. That form is read, too.
//
// # Masks
//
// In text a field with no /mask is matched exactly, a field that is not
// mentioned matches anything, and so does a part not mentioned inside the
// parentheses: ipv4(proto=17) says nothing about addresses, eth() only that
// there is an Ethernet header.
//
// # Kernel and userspace datapath
//
// Open vSwitch has a datapath of its own outside the kernel, with some keys and
// actions more. They are read and printed like all others, so that any dump can
// be processed; CheckKernel tells what may not be sent to the kernel, and why.
package odp
