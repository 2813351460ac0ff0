// SPDX-License-Identifier: Apache-2.0

// Package ovs is a client for the Open vSwitch kernel datapath: its generic
// netlink families ovs_datapath, ovs_vport, ovs_flow and ovs_packet.
//
// A Client works in one network namespace and may be used by several goroutines
// at once. Errors match ErrNoDatapath, ErrNoVport, ErrNoFlow, ErrDatapathExists,
// ErrPortInUse, ErrFlowExists or nl.ErrUnsupported where that is what happened,
// and wrap *nl.Error with the kernel's errno, text and attribute path.
//
// Keys, masks and actions are values of package odp. Decoding replies is pure
// and builds on any system; sockets are Linux only.
package ovs
