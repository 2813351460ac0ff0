// SPDX-License-Identifier: Apache-2.0

package ovs

import (
	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp"
)

// Attribute names of the families' requests, so that an extended ack's offset
// is shown as a path.
var (
	datapathSpec = &nl.AttrSpec{Names: map[uint16]string{
		uapi.OVS_DP_ATTR_NAME:             "OVS_DP_ATTR_NAME",
		uapi.OVS_DP_ATTR_UPCALL_PID:       "OVS_DP_ATTR_UPCALL_PID",
		uapi.OVS_DP_ATTR_USER_FEATURES:    "OVS_DP_ATTR_USER_FEATURES",
		uapi.OVS_DP_ATTR_MASKS_CACHE_SIZE: "OVS_DP_ATTR_MASKS_CACHE_SIZE",
		uapi.OVS_DP_ATTR_PER_CPU_PIDS:     "OVS_DP_ATTR_PER_CPU_PIDS",
		uapi.OVS_DP_ATTR_IFINDEX:          "OVS_DP_ATTR_IFINDEX",
	}}

	vportSpec = &nl.AttrSpec{
		Names: map[uint16]string{
			uapi.OVS_VPORT_ATTR_PORT_NO:    "OVS_VPORT_ATTR_PORT_NO",
			uapi.OVS_VPORT_ATTR_TYPE:       "OVS_VPORT_ATTR_TYPE",
			uapi.OVS_VPORT_ATTR_NAME:       "OVS_VPORT_ATTR_NAME",
			uapi.OVS_VPORT_ATTR_OPTIONS:    "OVS_VPORT_ATTR_OPTIONS",
			uapi.OVS_VPORT_ATTR_UPCALL_PID: "OVS_VPORT_ATTR_UPCALL_PID",
			uapi.OVS_VPORT_ATTR_IFINDEX:    "OVS_VPORT_ATTR_IFINDEX",
			uapi.OVS_VPORT_ATTR_NETNSID:    "OVS_VPORT_ATTR_NETNSID",
		},
		Nests: map[uint16]*nl.AttrSpec{
			uapi.OVS_VPORT_ATTR_OPTIONS: {Names: map[uint16]string{
				uapi.OVS_TUNNEL_ATTR_DST_PORT:  "OVS_TUNNEL_ATTR_DST_PORT",
				uapi.OVS_TUNNEL_ATTR_EXTENSION: "OVS_TUNNEL_ATTR_EXTENSION",
			}},
		},
	}

	flowSpec = &nl.AttrSpec{
		Names: map[uint16]string{
			uapi.OVS_FLOW_ATTR_KEY:        "OVS_FLOW_ATTR_KEY",
			uapi.OVS_FLOW_ATTR_ACTIONS:    "OVS_FLOW_ATTR_ACTIONS",
			uapi.OVS_FLOW_ATTR_CLEAR:      "OVS_FLOW_ATTR_CLEAR",
			uapi.OVS_FLOW_ATTR_MASK:       "OVS_FLOW_ATTR_MASK",
			uapi.OVS_FLOW_ATTR_PROBE:      "OVS_FLOW_ATTR_PROBE",
			uapi.OVS_FLOW_ATTR_UFID:       "OVS_FLOW_ATTR_UFID",
			uapi.OVS_FLOW_ATTR_UFID_FLAGS: "OVS_FLOW_ATTR_UFID_FLAGS",
		},
		Nests: map[uint16]*nl.AttrSpec{
			uapi.OVS_FLOW_ATTR_KEY:     odp.KeySpec,
			uapi.OVS_FLOW_ATTR_MASK:    odp.KeySpec,
			uapi.OVS_FLOW_ATTR_ACTIONS: odp.ActionSpec,
		},
	}
)

var (
	packetSpec = &nl.AttrSpec{
		Names: map[uint16]string{
			uapi.OVS_PACKET_ATTR_PACKET:     "OVS_PACKET_ATTR_PACKET",
			uapi.OVS_PACKET_ATTR_KEY:        "OVS_PACKET_ATTR_KEY",
			uapi.OVS_PACKET_ATTR_ACTIONS:    "OVS_PACKET_ATTR_ACTIONS",
			uapi.OVS_PACKET_ATTR_PROBE:      "OVS_PACKET_ATTR_PROBE",
			uapi.OVS_PACKET_ATTR_MRU:        "OVS_PACKET_ATTR_MRU",
			uapi.OVS_PACKET_ATTR_HASH:       "OVS_PACKET_ATTR_HASH",
			uapi.OVS_PACKET_ATTR_UPCALL_PID: "OVS_PACKET_ATTR_UPCALL_PID",
		},
		Nests: map[uint16]*nl.AttrSpec{
			uapi.OVS_PACKET_ATTR_KEY:     odp.KeySpec,
			uapi.OVS_PACKET_ATTR_ACTIONS: odp.ActionSpec,
		},
	}

	meterSpec = &nl.AttrSpec{
		Names: map[uint16]string{
			uapi.OVS_METER_ATTR_ID:    "OVS_METER_ATTR_ID",
			uapi.OVS_METER_ATTR_KBPS:  "OVS_METER_ATTR_KBPS",
			uapi.OVS_METER_ATTR_BANDS: "OVS_METER_ATTR_BANDS",
			uapi.OVS_METER_ATTR_CLEAR: "OVS_METER_ATTR_CLEAR",
		},
		Nests: map[uint16]*nl.AttrSpec{
			uapi.OVS_METER_ATTR_BANDS: {
				Names: map[uint16]string{uapi.OVS_BAND_ATTR_UNSPEC: "band"},
				Nests: map[uint16]*nl.AttrSpec{uapi.OVS_BAND_ATTR_UNSPEC: {Names: map[uint16]string{
					uapi.OVS_BAND_ATTR_TYPE:  "OVS_BAND_ATTR_TYPE",
					uapi.OVS_BAND_ATTR_RATE:  "OVS_BAND_ATTR_RATE",
					uapi.OVS_BAND_ATTR_BURST: "OVS_BAND_ATTR_BURST",
				}}},
			},
		},
	}

	zoneLimitSpec = &nl.AttrSpec{Names: map[uint16]string{
		uapi.OVS_CT_LIMIT_ATTR_ZONE_LIMIT: "OVS_CT_LIMIT_ATTR_ZONE_LIMIT",
	}}
)
