// SPDX-License-Identifier: Apache-2.0

package ovs

import (
	"encoding/binary"
	"fmt"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

// DefaultZone stands for the limit of all zones that have none of their own.
const DefaultZone = uapi.OVS_ZONE_LIMIT_DEFAULT_ZONE

// ZoneLimit is how many connections a conntrack zone may hold, struct
// ovs_zone_limit. All datapaths of a network namespace share the limits.
type ZoneLimit struct {
	Zone  int    `json:"zone"`  // 0 to 65535, or DefaultZone
	Limit uint32 `json:"limit"` // connections; 0: no limit
	Count uint32 `json:"count"` // connections there are, as far as ct() counted them; 0 for DefaultZone
}

const zoneLimitLen = 12 // sizeof(struct ovs_zone_limit)

// DecodeZoneLimits reads the answer to OVS_CT_LIMIT_CMD_GET, after its genl
// header.
func DecodeZoneLimits(b []byte) ([]ZoneLimit, error) {
	list := []ZoneLimit{}
	_, err := decodeMessage("conntrack limit", b, func(at nl.Attr) error {
		if at.Type != uapi.OVS_CT_LIMIT_ATTR_ZONE_LIMIT {
			return nil
		}
		if len(at.Data)%zoneLimitLen != 0 {
			return errBadLength
		}
		for d := at.Data; len(d) > 0; d = d[zoneLimitLen:] {
			list = append(list, ZoneLimit{
				Zone:  int(int32(binary.NativeEndian.Uint32(d))),
				Limit: binary.NativeEndian.Uint32(d[4:]),
				Count: binary.NativeEndian.Uint32(d[8:]),
			})
		}
		return nil
	})
	return list, err
}

// maxZoneLimits is what one attribute holds.
const maxZoneLimits = nl.MaxAttrPayload / zoneLimitLen

func appendZoneLimits(b []byte, list []ZoneLimit) ([]byte, error) {
	if len(list) > maxZoneLimits {
		return nil, fmt.Errorf("%d zones in one request, at most %d fit", len(list), maxZoneLimits)
	}
	p := make([]byte, 0, zoneLimitLen*len(list))
	for _, l := range list {
		// The kernel skips others with nothing but a line in its log.
		if l.Zone < DefaultZone || l.Zone > 0xffff {
			return nil, fmt.Errorf("zone %d: not between 0 and 65535, nor %d for the default", l.Zone, DefaultZone)
		}
		p = binary.NativeEndian.AppendUint32(p, uint32(int32(l.Zone)))
		p = binary.NativeEndian.AppendUint32(p, l.Limit)
		p = binary.NativeEndian.AppendUint32(p, 0)
	}
	return nl.AppendAttr(b, uapi.OVS_CT_LIMIT_ATTR_ZONE_LIMIT|nl.NestedFlag, p), nil
}
