// SPDX-License-Identifier: Apache-2.0

package uapi

// Attributes of struct ifinfomsg, linux/if_link.h: those dpscope uses.
const (
	IFLA_IFNAME     = 3  // string
	IFLA_STATS64    = 23 // struct rtnl_link_stats64
	IFLA_ALT_IFNAME = 53 // string, longer than IFNAMSIZ allows
)
