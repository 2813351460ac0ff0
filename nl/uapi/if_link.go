// SPDX-License-Identifier: Apache-2.0

package uapi

// Attributes of struct ifinfomsg, linux/if_link.h: those dpscope uses.
const (
	IFLA_IFNAME     = 3  // string
	IFLA_STATS64    = 23 // struct rtnl_link_stats64
	IFLA_ALT_IFNAME = 53 // string, longer than IFNAMSIZ allows
)

// IFLA_INFO_DATA of tunnel devices, linux/if_link.h and linux/if_tunnel.h: those
// dpscope uses.
const (
	IFLA_VXLAN_LEARNING          = 7  // u8
	IFLA_VXLAN_PORT              = 15 // be16
	IFLA_VXLAN_UDP_ZERO_CSUM6_RX = 20 // u8
	IFLA_VXLAN_COLLECT_METADATA  = 25 // u8

	IFLA_GENEVE_PORT              = 5  // be16
	IFLA_GENEVE_COLLECT_METADATA  = 6  // flag
	IFLA_GENEVE_UDP_ZERO_CSUM6_RX = 10 // u8

	IFLA_GRE_COLLECT_METADATA = 18 // flag
)
