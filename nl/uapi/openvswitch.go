// SPDX-License-Identifier: Apache-2.0

package uapi

// Open vSwitch generic-netlink interface. Numbers and names are those of
// linux/openvswitch.h (include/uapi/linux/openvswitch.h) as shipped under
// kmod/uapi: Linux 6.1 and what dpscope's patches add. Where a number is younger
// than Linux 6.1 its first release stands beside it. Identifiers keep
// their C spelling so that they can be searched for and checked against the
// header.

// Families and their versions: OVS_*_FAMILY, OVS_*_VERSION, OVS_*_MCGROUP. The
// version a user sends must not exceed the family's.
const (
	OVS_DATAPATH_FAMILY  = "ovs_datapath"
	OVS_DATAPATH_MCGROUP = "ovs_datapath"
	OVS_DATAPATH_VERSION = 2
	OVS_PACKET_FAMILY    = "ovs_packet"
	OVS_PACKET_VERSION   = 1
	OVS_VPORT_FAMILY     = "ovs_vport"
	OVS_VPORT_MCGROUP    = "ovs_vport"
	OVS_VPORT_VERSION    = 1
	OVS_FLOW_FAMILY      = "ovs_flow"
	OVS_FLOW_MCGROUP     = "ovs_flow"
	OVS_FLOW_VERSION     = 1
	OVS_METER_FAMILY     = "ovs_meter"
	OVS_METER_VERSION    = 1
	OVS_CT_LIMIT_FAMILY  = "ovs_ct_limit"
	OVS_CT_LIMIT_VERSION = 1
)

// enum ovs_datapath_cmd.
const (
	OVS_DP_CMD_UNSPEC = 0
	OVS_DP_CMD_NEW    = 1
	OVS_DP_CMD_DEL    = 2
	OVS_DP_CMD_GET    = 3
	OVS_DP_CMD_SET    = 4
)

// enum ovs_datapath_attr: attributes of OVS_DP_CMD_*.
const (
	OVS_DP_ATTR_UNSPEC           = 0
	OVS_DP_ATTR_NAME             = 1 // string
	OVS_DP_ATTR_UPCALL_PID       = 2 // u32
	OVS_DP_ATTR_STATS            = 3 // struct ovs_dp_stats
	OVS_DP_ATTR_MEGAFLOW_STATS   = 4 // struct ovs_dp_megaflow_stats
	OVS_DP_ATTR_USER_FEATURES    = 5 // u32, OVS_DP_F_*
	OVS_DP_ATTR_PAD              = 6
	OVS_DP_ATTR_MASKS_CACHE_SIZE = 7 // u32
	OVS_DP_ATTR_PER_CPU_PIDS     = 8 // array of u32
	OVS_DP_ATTR_IFINDEX          = 9 // u32
)

// OVS_DP_F_*: bits of OVS_DP_ATTR_USER_FEATURES.
const (
	OVS_DP_F_UNALIGNED               = 1 << 0
	OVS_DP_F_VPORT_PIDS              = 1 << 1
	OVS_DP_F_TC_RECIRC_SHARING       = 1 << 2
	OVS_DP_F_DISPATCH_UPCALL_PER_CPU = 1 << 3
)

// OVSP_LOCAL is the port number of a datapath's own device.
const (
	OVSP_LOCAL = 0
)

// enum ovs_packet_cmd: MISS and ACTION go to user space, EXECUTE comes from it.
const (
	OVS_PACKET_CMD_UNSPEC  = 0
	OVS_PACKET_CMD_MISS    = 1
	OVS_PACKET_CMD_ACTION  = 2
	OVS_PACKET_CMD_EXECUTE = 3
)

// enum ovs_packet_attr: attributes of OVS_PACKET_CMD_*.
const (
	OVS_PACKET_ATTR_UNSPEC         = 0
	OVS_PACKET_ATTR_PACKET         = 1 // bytes
	OVS_PACKET_ATTR_KEY            = 2 // nested OVS_KEY_ATTR_*
	OVS_PACKET_ATTR_ACTIONS        = 3 // nested OVS_ACTION_ATTR_*
	OVS_PACKET_ATTR_USERDATA       = 4 // bytes
	OVS_PACKET_ATTR_EGRESS_TUN_KEY = 5 // nested OVS_TUNNEL_KEY_ATTR_*
	OVS_PACKET_ATTR_UNUSED1        = 6
	OVS_PACKET_ATTR_UNUSED2        = 7
	OVS_PACKET_ATTR_PROBE          = 8  // flag
	OVS_PACKET_ATTR_MRU            = 9  // u16
	OVS_PACKET_ATTR_LEN            = 10 // u32, length before truncation
	OVS_PACKET_ATTR_HASH           = 11 // u64
)

// enum ovs_vport_cmd.
const (
	OVS_VPORT_CMD_UNSPEC = 0
	OVS_VPORT_CMD_NEW    = 1
	OVS_VPORT_CMD_DEL    = 2
	OVS_VPORT_CMD_GET    = 3
	OVS_VPORT_CMD_SET    = 4
)

// enum ovs_vport_type.
const (
	OVS_VPORT_TYPE_UNSPEC   = 0
	OVS_VPORT_TYPE_NETDEV   = 1
	OVS_VPORT_TYPE_INTERNAL = 2
	OVS_VPORT_TYPE_GRE      = 3
	OVS_VPORT_TYPE_VXLAN    = 4
	OVS_VPORT_TYPE_GENEVE   = 5
)

// enum ovs_vport_attr: attributes of OVS_VPORT_CMD_*.
const (
	OVS_VPORT_ATTR_UNSPEC     = 0
	OVS_VPORT_ATTR_PORT_NO    = 1 // u32
	OVS_VPORT_ATTR_TYPE       = 2 // u32, OVS_VPORT_TYPE_*
	OVS_VPORT_ATTR_NAME       = 3 // string
	OVS_VPORT_ATTR_OPTIONS    = 4 // nested OVS_TUNNEL_ATTR_*
	OVS_VPORT_ATTR_UPCALL_PID = 5 // array of u32
	OVS_VPORT_ATTR_STATS      = 6 // struct ovs_vport_stats
	OVS_VPORT_ATTR_PAD        = 7
	OVS_VPORT_ATTR_IFINDEX    = 8 // u32
	OVS_VPORT_ATTR_NETNSID    = 9 // s32
)

// Tunnel vport options, attributes of OVS_VPORT_ATTR_OPTIONS.
const (
	OVS_TUNNEL_ATTR_UNSPEC    = 0
	OVS_TUNNEL_ATTR_DST_PORT  = 1 // u16, host order
	OVS_TUNNEL_ATTR_EXTENSION = 2 // nested
)

// enum ovs_flow_cmd.
const (
	OVS_FLOW_CMD_UNSPEC = 0
	OVS_FLOW_CMD_NEW    = 1
	OVS_FLOW_CMD_DEL    = 2
	OVS_FLOW_CMD_GET    = 3
	OVS_FLOW_CMD_SET    = 4
)

// enum ovs_key_attr: what a flow matches. "be" fields are big endian.
const (
	OVS_KEY_ATTR_UNSPEC             = 0
	OVS_KEY_ATTR_ENCAP              = 1  // nested OVS_KEY_ATTR_*
	OVS_KEY_ATTR_PRIORITY           = 2  // u32
	OVS_KEY_ATTR_IN_PORT            = 3  // u32
	OVS_KEY_ATTR_ETHERNET           = 4  // struct ovs_key_ethernet
	OVS_KEY_ATTR_VLAN               = 5  // be16 TCI
	OVS_KEY_ATTR_ETHERTYPE          = 6  // be16
	OVS_KEY_ATTR_IPV4               = 7  // struct ovs_key_ipv4
	OVS_KEY_ATTR_IPV6               = 8  // struct ovs_key_ipv6
	OVS_KEY_ATTR_TCP                = 9  // struct ovs_key_tcp
	OVS_KEY_ATTR_UDP                = 10 // struct ovs_key_udp
	OVS_KEY_ATTR_ICMP               = 11 // struct ovs_key_icmp
	OVS_KEY_ATTR_ICMPV6             = 12 // struct ovs_key_icmpv6
	OVS_KEY_ATTR_ARP                = 13 // struct ovs_key_arp
	OVS_KEY_ATTR_ND                 = 14 // struct ovs_key_nd
	OVS_KEY_ATTR_SKB_MARK           = 15 // u32
	OVS_KEY_ATTR_TUNNEL             = 16 // nested OVS_TUNNEL_KEY_ATTR_*
	OVS_KEY_ATTR_SCTP               = 17 // struct ovs_key_sctp
	OVS_KEY_ATTR_TCP_FLAGS          = 18 // be16
	OVS_KEY_ATTR_DP_HASH            = 19 // u32
	OVS_KEY_ATTR_RECIRC_ID          = 20 // u32
	OVS_KEY_ATTR_MPLS               = 21 // array of struct ovs_key_mpls
	OVS_KEY_ATTR_CT_STATE           = 22 // u32, OVS_CS_F_*
	OVS_KEY_ATTR_CT_ZONE            = 23 // u16
	OVS_KEY_ATTR_CT_MARK            = 24 // u32
	OVS_KEY_ATTR_CT_LABELS          = 25 // 16 bytes
	OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV4 = 26 // struct ovs_key_ct_tuple_ipv4
	OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV6 = 27 // struct ovs_key_ct_tuple_ipv6
	OVS_KEY_ATTR_NSH                = 28 // nested OVS_NSH_KEY_ATTR_*
	OVS_KEY_ATTR_PACKET_TYPE        = 29 // be32, user space only
	OVS_KEY_ATTR_ND_EXTENSIONS      = 30 // user space only
	OVS_KEY_ATTR_TUNNEL_INFO        = 31 // kernel only
	OVS_KEY_ATTR_IPV6_EXTHDRS       = 32 // u16
)

// enum ovs_tunnel_key_attr.
const (
	OVS_TUNNEL_KEY_ATTR_ID               = 0  // be64
	OVS_TUNNEL_KEY_ATTR_IPV4_SRC         = 1  // be32
	OVS_TUNNEL_KEY_ATTR_IPV4_DST         = 2  // be32
	OVS_TUNNEL_KEY_ATTR_TOS              = 3  // u8
	OVS_TUNNEL_KEY_ATTR_TTL              = 4  // u8
	OVS_TUNNEL_KEY_ATTR_DONT_FRAGMENT    = 5  // flag
	OVS_TUNNEL_KEY_ATTR_CSUM             = 6  // flag
	OVS_TUNNEL_KEY_ATTR_OAM              = 7  // flag
	OVS_TUNNEL_KEY_ATTR_GENEVE_OPTS      = 8  // bytes
	OVS_TUNNEL_KEY_ATTR_TP_SRC           = 9  // be16
	OVS_TUNNEL_KEY_ATTR_TP_DST           = 10 // be16
	OVS_TUNNEL_KEY_ATTR_VXLAN_OPTS       = 11 // nested
	OVS_TUNNEL_KEY_ATTR_IPV6_SRC         = 12 // struct in6_addr
	OVS_TUNNEL_KEY_ATTR_IPV6_DST         = 13 // struct in6_addr
	OVS_TUNNEL_KEY_ATTR_PAD              = 14
	OVS_TUNNEL_KEY_ATTR_ERSPAN_OPTS      = 15 // bytes
	OVS_TUNNEL_KEY_ATTR_IPV4_INFO_BRIDGE = 16 // flag
)

// Nested attributes of OVS_TUNNEL_KEY_ATTR_VXLAN_OPTS.
const (
	OVS_VXLAN_EXT_UNSPEC = 0
	OVS_VXLAN_EXT_GBP    = 1 // u32
)

// enum ovs_nsh_key_attr: nested attributes of OVS_KEY_ATTR_NSH.
const (
	OVS_NSH_KEY_ATTR_UNSPEC = 0
	OVS_NSH_KEY_ATTR_BASE   = 1 // struct ovs_nsh_key_base
	OVS_NSH_KEY_ATTR_MD1    = 2 // struct ovs_nsh_key_md1
	OVS_NSH_KEY_ATTR_MD2    = 3 // bytes
)

// enum ovs_frag_type.
const (
	OVS_FRAG_TYPE_NONE  = 0
	OVS_FRAG_TYPE_FIRST = 1
	OVS_FRAG_TYPE_LATER = 2
)

// OVS_CS_F_*: bits of OVS_KEY_ATTR_CT_STATE.
const (
	OVS_CS_F_NEW         = 0x01
	OVS_CS_F_ESTABLISHED = 0x02
	OVS_CS_F_RELATED     = 0x04
	OVS_CS_F_REPLY_DIR   = 0x08
	OVS_CS_F_INVALID     = 0x10
	OVS_CS_F_TRACKED     = 0x20
	OVS_CS_F_SRC_NAT     = 0x40
	OVS_CS_F_DST_NAT     = 0x80
)

// enum ovs_flow_attr: attributes of OVS_FLOW_CMD_*.
const (
	OVS_FLOW_ATTR_UNSPEC     = 0
	OVS_FLOW_ATTR_KEY        = 1  // nested OVS_KEY_ATTR_*
	OVS_FLOW_ATTR_ACTIONS    = 2  // nested OVS_ACTION_ATTR_*
	OVS_FLOW_ATTR_STATS      = 3  // struct ovs_flow_stats
	OVS_FLOW_ATTR_TCP_FLAGS  = 4  // u8
	OVS_FLOW_ATTR_USED       = 5  // u64, monotonic ms
	OVS_FLOW_ATTR_CLEAR      = 6  // flag
	OVS_FLOW_ATTR_MASK       = 7  // nested OVS_KEY_ATTR_*
	OVS_FLOW_ATTR_PROBE      = 8  // flag
	OVS_FLOW_ATTR_UFID       = 9  // 1 to 16 bytes
	OVS_FLOW_ATTR_UFID_FLAGS = 10 // u32, OVS_UFID_F_*
	OVS_FLOW_ATTR_PAD        = 11
)

// OVS_UFID_F_*: bits of OVS_FLOW_ATTR_UFID_FLAGS.
const (
	OVS_UFID_F_OMIT_KEY     = 1 << 0
	OVS_UFID_F_OMIT_MASK    = 1 << 1
	OVS_UFID_F_OMIT_ACTIONS = 1 << 2
)

// enum ovs_sample_attr.
const (
	OVS_SAMPLE_ATTR_UNSPEC      = 0
	OVS_SAMPLE_ATTR_PROBABILITY = 1 // u32, scaled to U32_MAX
	OVS_SAMPLE_ATTR_ACTIONS     = 2 // nested OVS_ACTION_ATTR_*
)

// enum ovs_userspace_attr.
const (
	OVS_USERSPACE_ATTR_UNSPEC          = 0
	OVS_USERSPACE_ATTR_PID             = 1 // u32
	OVS_USERSPACE_ATTR_USERDATA        = 2 // bytes
	OVS_USERSPACE_ATTR_EGRESS_TUN_PORT = 3 // u32
	OVS_USERSPACE_ATTR_ACTIONS         = 4 // flag
)

// enum ovs_psample_attr, Linux 6.11.
const (
	OVS_PSAMPLE_ATTR_GROUP  = 1 // u32
	OVS_PSAMPLE_ATTR_COOKIE = 2 // bytes
)

// OVS_PSAMPLE_COOKIE_MAX_SIZE: longest OVS_PSAMPLE_ATTR_COOKIE, in bytes (Linux 6.11).
const (
	OVS_PSAMPLE_COOKIE_MAX_SIZE = 16
)

// enum ovs_action_attr.
const (
	OVS_ACTION_ATTR_UNSPEC        = 0
	OVS_ACTION_ATTR_OUTPUT        = 1  // u32
	OVS_ACTION_ATTR_USERSPACE     = 2  // nested OVS_USERSPACE_ATTR_*
	OVS_ACTION_ATTR_SET           = 3  // one nested OVS_KEY_ATTR_*
	OVS_ACTION_ATTR_PUSH_VLAN     = 4  // struct ovs_action_push_vlan
	OVS_ACTION_ATTR_POP_VLAN      = 5  // no argument
	OVS_ACTION_ATTR_SAMPLE        = 6  // nested OVS_SAMPLE_ATTR_*
	OVS_ACTION_ATTR_RECIRC        = 7  // u32
	OVS_ACTION_ATTR_HASH          = 8  // struct ovs_action_hash
	OVS_ACTION_ATTR_PUSH_MPLS     = 9  // struct ovs_action_push_mpls
	OVS_ACTION_ATTR_POP_MPLS      = 10 // be16
	OVS_ACTION_ATTR_SET_MASKED    = 11 // one nested OVS_KEY_ATTR_*, value then mask
	OVS_ACTION_ATTR_CT            = 12 // nested OVS_CT_ATTR_*
	OVS_ACTION_ATTR_TRUNC         = 13 // struct ovs_action_trunc
	OVS_ACTION_ATTR_PUSH_ETH      = 14 // struct ovs_action_push_eth
	OVS_ACTION_ATTR_POP_ETH       = 15 // no argument
	OVS_ACTION_ATTR_CT_CLEAR      = 16 // no argument
	OVS_ACTION_ATTR_PUSH_NSH      = 17 // one nested OVS_KEY_ATTR_NSH
	OVS_ACTION_ATTR_POP_NSH       = 18 // no argument
	OVS_ACTION_ATTR_METER         = 19 // u32
	OVS_ACTION_ATTR_CLONE         = 20 // nested OVS_ACTION_ATTR_*
	OVS_ACTION_ATTR_CHECK_PKT_LEN = 21 // nested OVS_CHECK_PKT_LEN_ATTR_*
	OVS_ACTION_ATTR_ADD_MPLS      = 22 // struct ovs_action_add_mpls
	OVS_ACTION_ATTR_DEC_TTL       = 23 // nested OVS_DEC_TTL_ATTR_*
	OVS_ACTION_ATTR_DROP          = 24 // u32, Linux 6.6
	OVS_ACTION_ATTR_PSAMPLE       = 25 // nested OVS_PSAMPLE_ATTR_*, Linux 6.11
)

// enum ovs_ct_attr.
const (
	OVS_CT_ATTR_UNSPEC       = 0
	OVS_CT_ATTR_COMMIT       = 1 // flag
	OVS_CT_ATTR_ZONE         = 2 // u16
	OVS_CT_ATTR_MARK         = 3 // u32 value, u32 mask
	OVS_CT_ATTR_LABELS       = 4 // 16 bytes value, 16 bytes mask
	OVS_CT_ATTR_HELPER       = 5 // string
	OVS_CT_ATTR_NAT          = 6 // nested OVS_NAT_ATTR_*
	OVS_CT_ATTR_FORCE_COMMIT = 7 // flag
	OVS_CT_ATTR_EVENTMASK    = 8 // u32
	OVS_CT_ATTR_TIMEOUT      = 9 // string
)

// enum ovs_nat_attr: nested attributes of OVS_CT_ATTR_NAT.
const (
	OVS_NAT_ATTR_UNSPEC       = 0
	OVS_NAT_ATTR_SRC          = 1 // flag
	OVS_NAT_ATTR_DST          = 2 // flag
	OVS_NAT_ATTR_IP_MIN       = 3 // struct in_addr or in6_addr
	OVS_NAT_ATTR_IP_MAX       = 4 // struct in_addr or in6_addr
	OVS_NAT_ATTR_PROTO_MIN    = 5 // u16
	OVS_NAT_ATTR_PROTO_MAX    = 6 // u16
	OVS_NAT_ATTR_PERSISTENT   = 7 // flag
	OVS_NAT_ATTR_PROTO_HASH   = 8 // flag
	OVS_NAT_ATTR_PROTO_RANDOM = 9 // flag
)

// enum ovs_hash_alg.
const (
	OVS_HASH_ALG_L4 = 0
)

// enum ovs_check_pkt_len_attr.
const (
	OVS_CHECK_PKT_LEN_ATTR_UNSPEC                = 0
	OVS_CHECK_PKT_LEN_ATTR_PKT_LEN               = 1 // u16
	OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER    = 2 // nested OVS_ACTION_ATTR_*
	OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL = 3 // nested OVS_ACTION_ATTR_*
)

// enum ovs_dec_ttl_attr.
const (
	OVS_DEC_TTL_ATTR_UNSPEC = 0
	OVS_DEC_TTL_ATTR_ACTION = 1 // nested OVS_ACTION_ATTR_*
)

// Groups of multicast events of the meter and conntrack limit families. No
// kernel up to 7.2 sends anything to them.
const (
	OVS_METER_MCGROUP    = "ovs_meter"
	OVS_CT_LIMIT_MCGROUP = "ovs_ct_limit"
)

// enum ovs_meter_cmd.
const (
	OVS_METER_CMD_UNSPEC   = 0
	OVS_METER_CMD_FEATURES = 1
	OVS_METER_CMD_SET      = 2
	OVS_METER_CMD_DEL      = 3
	OVS_METER_CMD_GET      = 4
)

// enum ovs_meter_attr: attributes of OVS_METER_CMD_*.
const (
	OVS_METER_ATTR_UNSPEC     = 0
	OVS_METER_ATTR_ID         = 1 // u32
	OVS_METER_ATTR_KBPS       = 2 // flag: kilobits instead of packets per second
	OVS_METER_ATTR_STATS      = 3 // struct ovs_flow_stats
	OVS_METER_ATTR_BANDS      = 4 // nested list of nested OVS_BAND_ATTR_*
	OVS_METER_ATTR_USED       = 5 // u64, monotonic ms
	OVS_METER_ATTR_CLEAR      = 6 // flag
	OVS_METER_ATTR_MAX_METERS = 7 // u32
	OVS_METER_ATTR_MAX_BANDS  = 8 // u32
	OVS_METER_ATTR_PAD        = 9
)

// enum ovs_band_attr.
const (
	OVS_BAND_ATTR_UNSPEC = 0
	OVS_BAND_ATTR_TYPE   = 1 // u32, OVS_METER_BAND_TYPE_*
	OVS_BAND_ATTR_RATE   = 2 // u32, kilobits or packets per second
	OVS_BAND_ATTR_BURST  = 3 // u32, kilobits or packets
	OVS_BAND_ATTR_STATS  = 4 // struct ovs_flow_stats
)

// enum ovs_meter_band_type.
const (
	OVS_METER_BAND_TYPE_UNSPEC = 0
	OVS_METER_BAND_TYPE_DROP   = 1
)

// enum ovs_ct_limit_cmd.
const (
	OVS_CT_LIMIT_CMD_UNSPEC = 0
	OVS_CT_LIMIT_CMD_SET    = 1
	OVS_CT_LIMIT_CMD_DEL    = 2
	OVS_CT_LIMIT_CMD_GET    = 3
)

// enum ovs_ct_limit_attr.
const (
	OVS_CT_LIMIT_ATTR_UNSPEC     = 0
	OVS_CT_LIMIT_ATTR_ZONE_LIMIT = 1 // array of struct ovs_zone_limit
)

// OVS_ZONE_LIMIT_DEFAULT_ZONE stands for the limit of zones without their own.
const (
	OVS_ZONE_LIMIT_DEFAULT_ZONE = -1
)
