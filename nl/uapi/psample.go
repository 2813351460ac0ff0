// SPDX-License-Identifier: Apache-2.0

package uapi

// Names of the psample generic-netlink family and its multicast groups,
// linux/psample.h.
const (
	PSAMPLE_GENL_NAME            = "psample"
	PSAMPLE_GENL_VERSION         = 1
	PSAMPLE_NL_MCGRP_CONFIG_NAME = "config"
	PSAMPLE_NL_MCGRP_SAMPLE_NAME = "packets" // joining needs CAP_NET_ADMIN
)

// Commands of the psample family, linux/psample.h.
const (
	PSAMPLE_CMD_SAMPLE    = iota // a sample, on "packets"
	PSAMPLE_CMD_GET_GROUP        // dump of the groups; needs no privilege
	PSAMPLE_CMD_NEW_GROUP        // a group was created, on "config"
	PSAMPLE_CMD_DEL_GROUP        // a group was removed, on "config"
)

// Attributes of psample messages, linux/psample.h. The numbers start at 0.
// Integers are in host order. Linux 6.1 ends at PSAMPLE_ATTR_PROTO; the two
// after it came with Linux 6.11.
const (
	PSAMPLE_ATTR_IIFINDEX           = iota // u16 on the wire: cut off above 65535
	PSAMPLE_ATTR_OIFINDEX                  // u16 on the wire: cut off above 65535
	PSAMPLE_ATTR_ORIGSIZE                  // u32: bytes of the packet before truncation
	PSAMPLE_ATTR_SAMPLE_GROUP              // u32
	PSAMPLE_ATTR_GROUP_SEQ                 // u32: counts per group; 0 in samples of Open vSwitch
	PSAMPLE_ATTR_SAMPLE_RATE               // u32: one in so many, or a probability (see the flag)
	PSAMPLE_ATTR_DATA                      // packet bytes
	PSAMPLE_ATTR_GROUP_REFCOUNT            // u32: users of a group
	PSAMPLE_ATTR_TUNNEL                    // nest of PSAMPLE_TUNNEL_KEY_ATTR_*
	PSAMPLE_ATTR_PAD                       //
	PSAMPLE_ATTR_OUT_TC                    // u16: egress traffic class
	PSAMPLE_ATTR_OUT_TC_OCC                // u64: bytes queued in that class
	PSAMPLE_ATTR_LATENCY                   // u64: nanoseconds
	PSAMPLE_ATTR_TIMESTAMP                 // u64: nanoseconds since the epoch, CLOCK_REALTIME
	PSAMPLE_ATTR_PROTO                     // u16: EtherType, host order
	PSAMPLE_ATTR_USER_COOKIE               // bytes of the one who asked for the sample
	PSAMPLE_ATTR_SAMPLE_PROBABILITY        // flag: the rate is a probability, U32_MAX = always

	PSAMPLE_ATTR_MAX = PSAMPLE_ATTR_SAMPLE_PROBABILITY
)

// Attributes of a PSAMPLE_ATTR_TUNNEL nest, linux/psample.h. The numbers start
// at 0. "be" is network byte order.
const (
	PSAMPLE_TUNNEL_KEY_ATTR_ID               = iota // be64
	PSAMPLE_TUNNEL_KEY_ATTR_IPV4_SRC                // 4 bytes
	PSAMPLE_TUNNEL_KEY_ATTR_IPV4_DST                // 4 bytes
	PSAMPLE_TUNNEL_KEY_ATTR_TOS                     // u8
	PSAMPLE_TUNNEL_KEY_ATTR_TTL                     // u8
	PSAMPLE_TUNNEL_KEY_ATTR_DONT_FRAGMENT           // flag
	PSAMPLE_TUNNEL_KEY_ATTR_CSUM                    // flag
	PSAMPLE_TUNNEL_KEY_ATTR_OAM                     // flag
	PSAMPLE_TUNNEL_KEY_ATTR_GENEVE_OPTS             // Geneve options as on the wire
	PSAMPLE_TUNNEL_KEY_ATTR_TP_SRC                  // be16
	PSAMPLE_TUNNEL_KEY_ATTR_TP_DST                  // be16
	PSAMPLE_TUNNEL_KEY_ATTR_VXLAN_OPTS              // nest; no kernel sends it yet
	PSAMPLE_TUNNEL_KEY_ATTR_IPV6_SRC                // 16 bytes
	PSAMPLE_TUNNEL_KEY_ATTR_IPV6_DST                // 16 bytes
	PSAMPLE_TUNNEL_KEY_ATTR_PAD                     //
	PSAMPLE_TUNNEL_KEY_ATTR_ERSPAN_OPTS             // struct erspan_metadata
	PSAMPLE_TUNNEL_KEY_ATTR_IPV4_INFO_BRIDGE        // flag
)
