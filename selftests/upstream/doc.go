// SPDX-License-Identifier: Apache-2.0

// Package upstream runs what the kernel's own source has for judging its
// network code, on the lab's kernels: the test suite of the Open vSwitch
// datapath (tools/testing/selftests/net/openvswitch; OpenSuite and Runner) and
// ynl, which encodes and decodes netlink by specifications (Specs).
//
// Both come from Debian's source packages, as they are; nothing of them is in
// this repository. Every test of the suite has a guest of its own: no test
// finds what another left behind, and one that hangs or upsets its kernel takes
// nothing along. A skipped test is a failure unless it is among KnownSkips, and
// one of those must skip.
package upstream
