// SPDX-License-Identifier: Apache-2.0

// Package odpdiff holds the grammar of flows and actions (ovs/odp) against the
// real ovs-dpctl of Open vSwitch, as Debian ships it, and against real kernels:
//
//   - Between the tool and the kernel. The tool runs unchanged, but its generic
//     netlink sockets lead to this test in place of the kernel. So every flow can
//     be given to it to print, also those that no kernel holds, and of every text
//     the bytes it sends are seen. Thousands go through one process.
//   - On a kernel: flows that one tool adds and the other dumps, and what the
//     kernel refuses.
//
// It runs as root inside a lab guest; .ci/test-odpdiff does it.
package odpdiff
