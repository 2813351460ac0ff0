// SPDX-License-Identifier: Apache-2.0

package uapi

// Handles of queueing disciplines and filter attachment points,
// linux/pkt_sched.h: major number in the upper 16 bits, minor in the lower.
const (
	TC_H_MAJ_MASK = 0xFFFF0000
	TC_H_MIN_MASK = 0x0000FFFF

	TC_H_ROOT    = 0xFFFFFFFF
	TC_H_INGRESS = 0xFFFFFFF1
	TC_H_CLSACT  = TC_H_INGRESS

	TC_H_MIN_INGRESS = 0xFFF2
	TC_H_MIN_EGRESS  = 0xFFF3
)
