// SPDX-License-Identifier: Apache-2.0

// Package ovs is a client for the Open vSwitch kernel datapath: its generic
// netlink families ovs_datapath, ovs_vport, ovs_flow, ovs_packet, ovs_meter and
// ovs_ct_limit.
//
// A Client works in one network namespace and may be used by several goroutines
// at once. What it offers:
//
//   - datapaths: [Client.Datapaths], [Client.Datapath], [Client.AddDatapath],
//     [Client.SetDatapath] (user features, mask cache, receivers by processor),
//     [Client.DelDatapath];
//   - ports: [Client.Vports], [Client.Vport], [Client.VportByNumber],
//     [Client.AddVport], [Client.SetVport], [Client.DelVport], tunnel options;
//   - flows: [Client.Flows], [Client.GetFlow], [Client.AddFlow],
//     [Client.PutFlow], [Client.SetFlow], [Client.DelFlow], [Client.TakeFlow],
//     [Client.FlushFlows];
//   - meters: [Client.MeterFeatures], [Client.Meter], [Client.SetMeter],
//     [Client.DelMeter];
//   - conntrack limits: [Client.ZoneLimits], [Client.SetZoneLimits],
//     [Client.DelZoneLimits];
//   - packets: [Client.ExecutePacket], and [OpenUpcalls] for those that the
//     datapath sends up;
//   - events: [OpenMonitor].
//
// Keys, masks and actions are values of package odp, which also reads and prints
// them as text and JSON. DecodeFlow and its like are pure and build on any
// system, for messages from elsewhere; sockets are Linux only. Tests of programs
// that use this package need no kernel: package nltest stands in for one.
//
// # Privileges
//
// Reading datapaths, ports, flows and limits and listening to events needs none.
// What changes something, and executing packets, needs CAP_NET_ADMIN in the user
// namespace that owns the network namespace; the error matches ErrPermission and
// says so. Reading sends GET and DUMP requests only, and the meters' FEATURES.
// Opening a Client makes the kernel load the openvswitch module where it may.
//
// # Errors
//
// Errors match (errors.Is) ErrNoDatapath, ErrNoVport, ErrNoDevice, ErrNoFlow,
// ErrNoMeter, ErrExists and the special kinds of it, ErrPermission, ErrUnsupported
// or ErrInterrupted where that is what happened. They wrap *nl.Error
// (errors.AsType) with the kernel's errno, its extended-ack text and the path of
// the attribute it complained about, like
// OVS_FLOW_ATTR_ACTIONS/OVS_ACTION_ATTR_SAMPLE/OVS_SAMPLE_ATTR_PROBABILITY. A
// context that ends gives its own error; a request the kernel has got by then is
// still waited for, so that success and failure are what they say.
//
// # Tables
//
// Small tables are collected, sorted, and read again up to ten times when the
// kernel says they changed meanwhile; then the error matches ErrInterrupted. Flows
// are yielded one by one out of memory that is used again: what is to stay needs
// Flow.Clone. The datapath module never marks a dump as interrupted. When its
// flow table grows or shrinks during a dump, flows can come twice or not at all.
//
// # Numbers
//
// Counters are those of struct ovs_dp_stats, ovs_dp_megaflow_stats,
// ovs_vport_stats and ovs_flow_stats of linux/openvswitch.h: packets and bytes
// since the object was made or its counters were cleared, summed over processors
// while they go on counting. Times (UsedMS) are milliseconds of CLOCK_MONOTONIC.
// Meter rates are packets or kilobits per second, bursts packets or kilobits. A
// sampling probability is a fraction of 2^32-1. Integers of this package are in
// host order, UDP ports among them; the bytes of an odp.Field are as on the
// wire, where keys are mostly big endian. An Ifindex is valid in the datapath's
// network namespace, an upcall PID is a netlink port id and no process.
package ovs
