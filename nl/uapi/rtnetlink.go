// SPDX-License-Identifier: Apache-2.0

package uapi

// Message types, linux/rtnetlink.h.
const (
	RTM_NEWLINK    = 16
	RTM_GETLINK    = 18
	RTM_NEWQDISC   = 36
	RTM_DELQDISC   = 37
	RTM_GETQDISC   = 38
	RTM_NEWTFILTER = 44
	RTM_DELTFILTER = 45
	RTM_GETTFILTER = 46
	RTM_NEWCHAIN   = 100
	RTM_GETCHAIN   = 102
)

// TCM_IFINDEX_MAGIC_BLOCK stands for the interface index in messages about a
// shared filter block, linux/rtnetlink.h.
const TCM_IFINDEX_MAGIC_BLOCK = 0xFFFFFFFF

// Attributes of struct tcmsg, linux/rtnetlink.h.
const (
	TCA_UNSPEC         = iota
	TCA_KIND           // string
	TCA_OPTIONS        // nest, the kind's own attributes
	TCA_STATS          // struct tc_stats
	TCA_XSTATS         //
	TCA_RATE           //
	TCA_FCNT           //
	TCA_STATS2         // nest of TCA_STATS_*
	TCA_STAB           //
	TCA_PAD            //
	TCA_DUMP_INVISIBLE // flag
	TCA_CHAIN          // u32
	TCA_HW_OFFLOAD     // u8
	TCA_INGRESS_BLOCK  // u32
	TCA_EGRESS_BLOCK   // u32
	TCA_DUMP_FLAGS     // bitfield32
	TCA_EXT_WARN_MSG   // string
)
