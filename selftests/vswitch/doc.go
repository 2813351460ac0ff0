// SPDX-License-Identifier: Apache-2.0

// Package vswitch runs an unmodified Open vSwitch for tests: ovsdb-server and
// ovs-vswitchd as the distribution ships them, on the kernel at hand, with
// bridges, flows and hosts (network namespaces on a port). It is meant for lab
// guests; it needs root and the package openvswitch-switch.
//
//	sw, err := vswitch.Start(ctx, vswitch.Options{})
//	defer sw.Stop()
//	br, err := sw.AddBridge(ctx, "br0")
//	h1, err := br.AddHost(ctx, vswitch.HostConfig{Name: "h1", Addr: netip.MustParsePrefix("10.0.0.1/24")})
//	err = br.SetFlows(ctx, "in_port=1 actions=2", "in_port=2 actions=1")
//	got, err := h1.Ping(ctx, h2.Addr.Addr(), 10)
//
// A switch lives in a directory of its own (sockets, database, logs); Environ
// tells programs where. The kernel's datapath has one name for all of them,
// ovs-system, and Stop deletes it: a network namespace has room for one Open
// vSwitch, whoever started it, so Start refuses one where there is such a
// datapath; others run beside it in theirs (Options.NetNS). Nothing waits for a
// fixed time: each step returns when Open vSwitch says that it is done, or at
// once when one of its daemons has ended.
package vswitch
