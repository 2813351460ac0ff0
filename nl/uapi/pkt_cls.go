// SPDX-License-Identifier: Apache-2.0

package uapi

// TC_COOKIE_MAX_SIZE bounds TCA_ACT_COOKIE in bytes, linux/pkt_cls.h.
const TC_COOKIE_MAX_SIZE = 16

// Attributes every action has, linux/pkt_cls.h.
const (
	TCA_ACT_UNSPEC        = iota
	TCA_ACT_KIND          // string
	TCA_ACT_OPTIONS       // nest, the action's own attributes
	TCA_ACT_INDEX         // u32
	TCA_ACT_STATS         // nest of TCA_STATS_*
	TCA_ACT_PAD           //
	TCA_ACT_COOKIE        // at most TC_COOKIE_MAX_SIZE bytes
	TCA_ACT_FLAGS         // bitfield32
	TCA_ACT_HW_STATS      // bitfield32
	TCA_ACT_USED_HW_STATS // bitfield32
	TCA_ACT_IN_HW_COUNT   // u32
)

// Verdicts of a filter's last action, linux/pkt_cls.h.
const (
	TC_ACT_UNSPEC     = -1 // go on with the next filter
	TC_ACT_OK         = 0
	TC_ACT_RECLASSIFY = 1
	TC_ACT_SHOT       = 2
	TC_ACT_PIPE       = 3 // go on with the next action
	TC_ACT_STOLEN     = 4
	TC_ACT_QUEUED     = 5
	TC_ACT_REPEAT     = 6
	TC_ACT_REDIRECT   = 7
	TC_ACT_TRAP       = 8
)

// Attributes of the matchall classifier, linux/pkt_cls.h. They sit in the
// filter's TCA_OPTIONS.
const (
	TCA_MATCHALL_UNSPEC  = iota
	TCA_MATCHALL_CLASSID // u32
	TCA_MATCHALL_ACT     // array of action nests, types 1 to 32
	TCA_MATCHALL_FLAGS   // u32
	TCA_MATCHALL_PCNT    // struct tc_matchall_pcnt
	TCA_MATCHALL_PAD
)
