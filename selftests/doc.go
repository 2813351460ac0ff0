// SPDX-License-Identifier: Apache-2.0

// Package selftests runs test cases against the running kernel and reports
// them as KTAP (the kernel's test anything protocol, version 1).
//
// Every case runs on a thread of its own in a fresh network namespace, within
// a time limit, and is cleaned up whatever becomes of it. A case states which
// kernel features it needs; each feature is probed in independent ways, and a
// case is skipped only when all of them say that it is absent: a skip must not
// hide a broken feature. What the kernel logs during a case counts too: a
// warning or an oops fails it.
//
// The cases themselves are in selftests/cases, the network topologies they use
// in selftests/topo.
package selftests
