// SPDX-License-Identifier: Apache-2.0

package uapi

// Numbers of linux/openvswitch.h from kernels after 6.1 that dpscope's patches
// do not bring to it: seen when running on those kernels.

// enum ovs_packet_attr, continued.
const (
	OVS_PACKET_ATTR_UPCALL_PID = 12 // u32, Linux 6.17
)

// enum ovs_vport_attr, continued.
const (
	OVS_VPORT_ATTR_UPCALL_STATS = 10 // nested OVS_VPORT_UPCALL_ATTR_*, Linux 6.2
)

// enum ovs_vport_upcall_attr, Linux 6.2.
const (
	OVS_VPORT_UPCALL_ATTR_SUCCESS = 0 // u64
	OVS_VPORT_UPCALL_ATTR_FAIL    = 1 // u64
)

// enum ovs_hash_alg, continued.
const (
	OVS_HASH_ALG_SYM_L4 = 1
)
