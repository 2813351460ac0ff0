// SPDX-License-Identifier: Apache-2.0

// Package nl is the netlink plumbing all other packages stand on: sockets in a
// chosen network namespace, generic-netlink families by name, dumps that notice
// when they were interrupted, and errors that name the operation, the object
// and the attribute the kernel complained about.
//
// It adds to github.com/mdlayher/netlink what a datapath tool cannot do
// without: extended acknowledgements resolved to an attribute path
// (OVS_FLOW_ATTR_ACTIONS/OVS_ACTION_ATTR_PSAMPLE/...), context cancellation,
// and a tolerant attribute walk that keeps attributes it does not know.
//
// Attribute encoding, decoding and path resolution are pure and build on any
// system; sockets and namespaces are Linux only.
package nl
