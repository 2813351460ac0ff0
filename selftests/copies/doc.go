// SPDX-License-Identifier: Apache-2.0

// Package copies shows what it costs to sample packets that nobody reads: by
// counting, in the kernel's own function trace, the messages that are allocated
// and filled for them, and by the rate at which packets go through.
//
// It has tests only. They need a kernel with the function graph tracer, so they
// run in a guest of the lab on a machine (dplab run --vm qemu), and are told by
// DPSCOPE_COPIES what to expect: "none" of kernels that do nothing when nobody
// listens (Linux 6.11 and our patches), "all" of others. With DPSCOPE_RATES=N
// they also measure rates in N rounds.
package copies
