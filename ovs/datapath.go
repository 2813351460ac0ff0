// SPDX-License-Identifier: Apache-2.0

package ovs

import (
	"encoding/binary"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

// Datapath is a kernel datapath. Ifindex is the interface index of its local
// port and stands for the datapath in all other messages.
type Datapath struct {
	Name          string         `json:"name"`
	Ifindex       int            `json:"ifindex"`
	UserFeatures  uint32         `json:"user_features"` // OVS_DP_F_*
	Stats         DatapathStats  `json:"stats"`
	MegaflowStats *MegaflowStats `json:"megaflow_stats,omitempty"`
	// MasksCacheSize is the number of entries of the mask cache; nil where the
	// kernel (before 5.9) does not tell.
	MasksCacheSize *uint32 `json:"masks_cache_size,omitempty"`
	Unknown        []Attr  `json:"unknown,omitempty"`
}

// DatapathStats is struct ovs_dp_stats.
type DatapathStats struct {
	Hit    uint64 `json:"hit"`    // packets that matched a flow
	Missed uint64 `json:"missed"` // packets that did not
	Lost   uint64 `json:"lost"`   // of those, how many no one was told about
	Flows  uint64 `json:"flows"`  // flows in the table
}

// MegaflowStats is struct ovs_dp_megaflow_stats.
type MegaflowStats struct {
	MaskHit  uint64 `json:"mask_hit"`  // masks tried in lookups
	Masks    uint32 `json:"masks"`     // masks in the table
	CacheHit uint64 `json:"cache_hit"` // lookups the mask cache answered; 0 on kernels that do not count
}

// DecodeDatapath reads a message of the ovs_datapath family, after its genl
// header.
func DecodeDatapath(b []byte) (Datapath, error) {
	var d Datapath
	ifindex, err := decodeMessage("datapath", b, func(at nl.Attr) error {
		switch at.Type {
		case uapi.OVS_DP_ATTR_NAME:
			d.Name = at.String()
		case uapi.OVS_DP_ATTR_USER_FEATURES:
			return getUint32(&d.UserFeatures, at)
		case uapi.OVS_DP_ATTR_STATS:
			return getUint64s(at, &d.Stats.Hit, &d.Stats.Missed, &d.Stats.Lost, &d.Stats.Flows)
		case uapi.OVS_DP_ATTR_MEGAFLOW_STATS:
			if len(at.Data) < 32 { // sizeof(struct ovs_dp_megaflow_stats)
				return errBadLength
			}
			d.MegaflowStats = &MegaflowStats{
				MaskHit:  binary.NativeEndian.Uint64(at.Data),
				Masks:    binary.NativeEndian.Uint32(at.Data[8:]),
				CacheHit: binary.NativeEndian.Uint64(at.Data[16:]),
			}
		case uapi.OVS_DP_ATTR_MASKS_CACHE_SIZE:
			d.MasksCacheSize = new(uint32)
			return getUint32(d.MasksCacheSize, at)
		case uapi.OVS_DP_ATTR_PAD:
		default:
			d.Unknown = keepUnknown(d.Unknown, at)
		}
		return nil
	})
	d.Ifindex = ifindex
	return d, err
}
