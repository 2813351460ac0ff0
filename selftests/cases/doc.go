// SPDX-License-Identifier: Apache-2.0

// Package cases holds the selftests: what the kernel's sampling must do, packet
// by packet and byte by byte. All lists them; Features tells how to find out
// what a kernel offers.
//
// Plain cases hold on every kernel. Cases that need a feature state it. What
// differs between kernels on purpose is in one table, KnownDifferences, of which
// each row is a case.
package cases
