// SPDX-License-Identifier: Apache-2.0

package uapi

// Attributes of the sample action, linux/tc_act/tc_sample.h. They sit in the
// action's TCA_ACT_OPTIONS.
const (
	TCA_SAMPLE_UNSPEC        = iota
	TCA_SAMPLE_TM            // struct tcf_t: install, last use, expiry in clock ticks
	TCA_SAMPLE_PARMS         // struct tc_sample: the five u32 of tc_gen
	TCA_SAMPLE_RATE          // u32: one packet in so many
	TCA_SAMPLE_TRUNC_SIZE    // u32: bytes of packet data to keep
	TCA_SAMPLE_PSAMPLE_GROUP // u32: psample group
	TCA_SAMPLE_PAD
)
