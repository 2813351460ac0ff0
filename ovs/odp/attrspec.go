// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp/internal/layout"
)

// KeySpec names OVS_KEY_ATTR_* and what nests in them, for attribute paths in
// errors.
var KeySpec = layout.Keys.Spec()

// ActionSpec names OVS_ACTION_ATTR_* and what nests in them, for attribute
// paths in errors.
var ActionSpec = actionAttrSpec()

func actionAttrSpec() *nl.AttrSpec {
	s := &nl.AttrSpec{Names: map[uint16]string{
		uapi.OVS_ACTION_ATTR_OUTPUT:        "OVS_ACTION_ATTR_OUTPUT",
		uapi.OVS_ACTION_ATTR_USERSPACE:     "OVS_ACTION_ATTR_USERSPACE",
		uapi.OVS_ACTION_ATTR_SET:           "OVS_ACTION_ATTR_SET",
		uapi.OVS_ACTION_ATTR_PUSH_VLAN:     "OVS_ACTION_ATTR_PUSH_VLAN",
		uapi.OVS_ACTION_ATTR_POP_VLAN:      "OVS_ACTION_ATTR_POP_VLAN",
		uapi.OVS_ACTION_ATTR_SAMPLE:        "OVS_ACTION_ATTR_SAMPLE",
		uapi.OVS_ACTION_ATTR_RECIRC:        "OVS_ACTION_ATTR_RECIRC",
		uapi.OVS_ACTION_ATTR_HASH:          "OVS_ACTION_ATTR_HASH",
		uapi.OVS_ACTION_ATTR_PUSH_MPLS:     "OVS_ACTION_ATTR_PUSH_MPLS",
		uapi.OVS_ACTION_ATTR_POP_MPLS:      "OVS_ACTION_ATTR_POP_MPLS",
		uapi.OVS_ACTION_ATTR_SET_MASKED:    "OVS_ACTION_ATTR_SET_MASKED",
		uapi.OVS_ACTION_ATTR_CT:            "OVS_ACTION_ATTR_CT",
		uapi.OVS_ACTION_ATTR_TRUNC:         "OVS_ACTION_ATTR_TRUNC",
		uapi.OVS_ACTION_ATTR_PUSH_ETH:      "OVS_ACTION_ATTR_PUSH_ETH",
		uapi.OVS_ACTION_ATTR_POP_ETH:       "OVS_ACTION_ATTR_POP_ETH",
		uapi.OVS_ACTION_ATTR_CT_CLEAR:      "OVS_ACTION_ATTR_CT_CLEAR",
		uapi.OVS_ACTION_ATTR_PUSH_NSH:      "OVS_ACTION_ATTR_PUSH_NSH",
		uapi.OVS_ACTION_ATTR_POP_NSH:       "OVS_ACTION_ATTR_POP_NSH",
		uapi.OVS_ACTION_ATTR_METER:         "OVS_ACTION_ATTR_METER",
		uapi.OVS_ACTION_ATTR_CLONE:         "OVS_ACTION_ATTR_CLONE",
		uapi.OVS_ACTION_ATTR_CHECK_PKT_LEN: "OVS_ACTION_ATTR_CHECK_PKT_LEN",
		uapi.OVS_ACTION_ATTR_ADD_MPLS:      "OVS_ACTION_ATTR_ADD_MPLS",
		uapi.OVS_ACTION_ATTR_DEC_TTL:       "OVS_ACTION_ATTR_DEC_TTL",
		uapi.OVS_ACTION_ATTR_DROP:          "OVS_ACTION_ATTR_DROP",
		uapi.OVS_ACTION_ATTR_PSAMPLE:       "OVS_ACTION_ATTR_PSAMPLE",
	}}
	s.Nests = map[uint16]*nl.AttrSpec{
		uapi.OVS_ACTION_ATTR_CLONE:      s,
		uapi.OVS_ACTION_ATTR_SET:        KeySpec,
		uapi.OVS_ACTION_ATTR_SET_MASKED: KeySpec,
		uapi.OVS_ACTION_ATTR_USERSPACE: {Names: map[uint16]string{
			uapi.OVS_USERSPACE_ATTR_PID:             "OVS_USERSPACE_ATTR_PID",
			uapi.OVS_USERSPACE_ATTR_USERDATA:        "OVS_USERSPACE_ATTR_USERDATA",
			uapi.OVS_USERSPACE_ATTR_EGRESS_TUN_PORT: "OVS_USERSPACE_ATTR_EGRESS_TUN_PORT",
			uapi.OVS_USERSPACE_ATTR_ACTIONS:         "OVS_USERSPACE_ATTR_ACTIONS",
		}},
		uapi.OVS_ACTION_ATTR_PSAMPLE: {Names: map[uint16]string{
			uapi.OVS_PSAMPLE_ATTR_GROUP:  "OVS_PSAMPLE_ATTR_GROUP",
			uapi.OVS_PSAMPLE_ATTR_COOKIE: "OVS_PSAMPLE_ATTR_COOKIE",
		}},
		uapi.OVS_ACTION_ATTR_SAMPLE: {
			Names: map[uint16]string{
				uapi.OVS_SAMPLE_ATTR_PROBABILITY: "OVS_SAMPLE_ATTR_PROBABILITY",
				uapi.OVS_SAMPLE_ATTR_ACTIONS:     "OVS_SAMPLE_ATTR_ACTIONS",
			},
			Nests: map[uint16]*nl.AttrSpec{uapi.OVS_SAMPLE_ATTR_ACTIONS: s},
		},
		uapi.OVS_ACTION_ATTR_PUSH_NSH: KeySpec,
		uapi.OVS_ACTION_ATTR_CT: {Nests: map[uint16]*nl.AttrSpec{
			uapi.OVS_CT_ATTR_NAT: {Names: map[uint16]string{
				uapi.OVS_NAT_ATTR_SRC:          "OVS_NAT_ATTR_SRC",
				uapi.OVS_NAT_ATTR_DST:          "OVS_NAT_ATTR_DST",
				uapi.OVS_NAT_ATTR_IP_MIN:       "OVS_NAT_ATTR_IP_MIN",
				uapi.OVS_NAT_ATTR_IP_MAX:       "OVS_NAT_ATTR_IP_MAX",
				uapi.OVS_NAT_ATTR_PROTO_MIN:    "OVS_NAT_ATTR_PROTO_MIN",
				uapi.OVS_NAT_ATTR_PROTO_MAX:    "OVS_NAT_ATTR_PROTO_MAX",
				uapi.OVS_NAT_ATTR_PERSISTENT:   "OVS_NAT_ATTR_PERSISTENT",
				uapi.OVS_NAT_ATTR_PROTO_HASH:   "OVS_NAT_ATTR_PROTO_HASH",
				uapi.OVS_NAT_ATTR_PROTO_RANDOM: "OVS_NAT_ATTR_PROTO_RANDOM",
			}},
		}, Names: map[uint16]string{
			uapi.OVS_CT_ATTR_COMMIT:       "OVS_CT_ATTR_COMMIT",
			uapi.OVS_CT_ATTR_ZONE:         "OVS_CT_ATTR_ZONE",
			uapi.OVS_CT_ATTR_MARK:         "OVS_CT_ATTR_MARK",
			uapi.OVS_CT_ATTR_LABELS:       "OVS_CT_ATTR_LABELS",
			uapi.OVS_CT_ATTR_HELPER:       "OVS_CT_ATTR_HELPER",
			uapi.OVS_CT_ATTR_NAT:          "OVS_CT_ATTR_NAT",
			uapi.OVS_CT_ATTR_FORCE_COMMIT: "OVS_CT_ATTR_FORCE_COMMIT",
			uapi.OVS_CT_ATTR_EVENTMASK:    "OVS_CT_ATTR_EVENTMASK",
			uapi.OVS_CT_ATTR_TIMEOUT:      "OVS_CT_ATTR_TIMEOUT",
		}},
		uapi.OVS_ACTION_ATTR_CHECK_PKT_LEN: {
			Names: map[uint16]string{
				uapi.OVS_CHECK_PKT_LEN_ATTR_PKT_LEN:               "OVS_CHECK_PKT_LEN_ATTR_PKT_LEN",
				uapi.OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER:    "OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER",
				uapi.OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL: "OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL",
			},
			Nests: map[uint16]*nl.AttrSpec{
				uapi.OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER:    s,
				uapi.OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL: s,
			},
		},
		uapi.OVS_ACTION_ATTR_DEC_TTL: {
			Names: map[uint16]string{
				uapi.OVS_DEC_TTL_ATTR_ACTION: "OVS_DEC_TTL_ATTR_ACTION",
			},
			Nests: map[uint16]*nl.AttrSpec{uapi.OVS_DEC_TTL_ATTR_ACTION: s},
		},
	}
	return s
}
