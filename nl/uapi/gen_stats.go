// SPDX-License-Identifier: Apache-2.0

package uapi

// Attributes of a statistics nest, linux/gen_stats.h.
const (
	TCA_STATS_UNSPEC     = iota
	TCA_STATS_BASIC      // struct gnet_stats_basic: u64 bytes, u32 packets
	TCA_STATS_RATE_EST   // struct gnet_stats_rate_est
	TCA_STATS_QUEUE      // struct gnet_stats_queue: five u32
	TCA_STATS_APP        //
	TCA_STATS_RATE_EST64 // struct gnet_stats_rate_est64
	TCA_STATS_PAD        //
	TCA_STATS_BASIC_HW   // struct gnet_stats_basic, the part hardware counted
	TCA_STATS_PKT64      // u64: packets, where 32 bits do not hold them
)
