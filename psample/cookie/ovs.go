// SPDX-License-Identifier: Apache-2.0

package cookie

import (
	"encoding/binary"
	"fmt"
)

// ovsLen is the length of the cookie that ovs-vswitchd 3.4 and later give to
// the datapath's psample action.
const ovsLen = 8

// OVS reads the cookie of an OpenFlow sample action as ovs-vswitchd sends it to
// psample: the observation domain id and the observation point id, 32 bits each,
// in network byte order (struct sample_psample_args and xlate_sample_action in
// ofproto/ofproto-dpif-xlate.c).
var OVS Decoder = ovs{}

type ovs struct{}

func (ovs) Name() string { return "ovs" }

func (ovs) Decode(cookie []byte, d *Decoded) bool {
	*d = Decoded{Decoder: "ovs", Fields: d.Fields[:0]}
	if len(cookie) != ovsLen {
		d.Problem = fmt.Sprintf("an Open vSwitch cookie has %d bytes, this one has %d", ovsLen, len(cookie))
		return true
	}
	d.Fields = append(d.Fields,
		Field{Name: "obs_domain_id", Num: uint64(binary.BigEndian.Uint32(cookie))},
		Field{Name: "obs_point_id", Num: uint64(binary.BigEndian.Uint32(cookie[4:]))},
	)
	return true
}
