// SPDX-License-Identifier: Apache-2.0

// Package topo builds the small networks the selftests run in: veth pairs,
// tunnels, traffic-control samplers and datapaths in the namespaces of a case,
// and sockets that send raw frames and read raw samples. It talks netlink
// itself instead of running programs, and everything it makes goes away with
// the case.
//
// Helpers take the case and end it when something cannot be built: what is
// under test is what comes after.
package topo
