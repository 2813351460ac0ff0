// SPDX-License-Identifier: Apache-2.0

package ovs

import (
	"fmt"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

// MeterFeatures is what a datapath's meters can do.
type MeterFeatures struct {
	MaxMeters uint32   `json:"max_meters"`
	MaxBands  uint32   `json:"max_bands"`  // of one meter
	BandTypes []uint32 `json:"band_types"` // OVS_METER_BAND_TYPE_*
	Unknown   []Attr   `json:"unknown,omitempty"`
}

// MeterConfig is a meter to set. Rates and bursts are in kilobits (per second)
// with Kbps, else in packets.
type MeterConfig struct {
	ID    uint32
	Kbps  bool
	Bands []BandConfig
	// ClearStats has the kernel forget the counters of this meter when it is
	// set again; without it the answer to that has them.
	ClearStats bool
}

// BandConfig is a band of a meter to set: the packets above the rate are
// dropped.
type BandConfig struct {
	Type  uint32 // zero: OVS_METER_BAND_TYPE_DROP, the only one there is
	Rate  uint32 // per second, not zero
	Burst uint32
}

// Meter is the counters of a meter. The kernel does not tell rates or units.
type Meter struct {
	DatapathIfindex int    `json:"-"`
	ID              uint32 `json:"id"`
	Packets         uint64 `json:"packets"`
	Bytes           uint64 `json:"bytes"`
	// UsedMS is when a packet was last metered, in milliseconds of the
	// kernel's monotonic clock; the time it was set before that.
	UsedMS  uint64      `json:"used_ms"`
	Bands   []BandStats `json:"bands"`
	Unknown []Attr      `json:"unknown,omitempty"`
}

// BandStats counts what one band of a meter dropped.
type BandStats struct {
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

// DecodeMeter reads a message of the ovs_meter family about one meter, after its
// genl header. Unknown shares memory with b.
func DecodeMeter(b []byte) (Meter, error) {
	m := Meter{Bands: []BandStats{}}
	ifindex, err := decodeMessage("meter", b, func(at nl.Attr) error {
		switch at.Type {
		case uapi.OVS_METER_ATTR_ID:
			return getUint32(&m.ID, at)
		case uapi.OVS_METER_ATTR_STATS:
			return getUint64s(at, &m.Packets, &m.Bytes)
		case uapi.OVS_METER_ATTR_USED:
			return getUint64s(at, &m.UsedMS)
		case uapi.OVS_METER_ATTR_BANDS:
			return eachBand(at.Data, func(at nl.Attr) error {
				if at.Type != uapi.OVS_BAND_ATTR_STATS {
					return nil
				}
				var s BandStats
				err := getUint64s(at, &s.Packets, &s.Bytes)
				m.Bands = append(m.Bands, s)
				return err
			})
		case uapi.OVS_METER_ATTR_PAD:
		default:
			m.Unknown = keepUnknown(m.Unknown, at)
		}
		return nil
	})
	m.DatapathIfindex = ifindex
	return m, err
}

// DecodeMeterFeatures reads the answer to OVS_METER_CMD_FEATURES, after its genl
// header. Unknown shares memory with b.
func DecodeMeterFeatures(b []byte) (MeterFeatures, error) {
	f := MeterFeatures{BandTypes: []uint32{}}
	_, err := decodeMessage("meter features", b, func(at nl.Attr) error {
		switch at.Type {
		case uapi.OVS_METER_ATTR_MAX_METERS:
			return getUint32(&f.MaxMeters, at)
		case uapi.OVS_METER_ATTR_MAX_BANDS:
			return getUint32(&f.MaxBands, at)
		case uapi.OVS_METER_ATTR_BANDS:
			return eachBand(at.Data, func(at nl.Attr) error {
				if at.Type != uapi.OVS_BAND_ATTR_TYPE {
					return nil
				}
				var t uint32
				err := getUint32(&t, at)
				f.BandTypes = append(f.BandTypes, t)
				return err
			})
		case uapi.OVS_METER_ATTR_PAD:
		default:
			f.Unknown = keepUnknown(f.Unknown, at)
		}
		return nil
	})
	return f, err
}

// eachBand walks the attributes of all bands.
func eachBand(b []byte, f func(nl.Attr) error) error {
	for band, err := range nl.Attrs(b) {
		if err != nil {
			return err
		}
		for at, err := range nl.Attrs(band.Data) {
			if err != nil {
				return err
			}
			if err := f(at); err != nil {
				return fmt.Errorf("band: attribute %d: %w", at.Type, err)
			}
		}
	}
	return nil
}

func (m MeterConfig) appendAttrs(b []byte) ([]byte, error) {
	b = nl.AppendUint32(b, uapi.OVS_METER_ATTR_ID, m.ID)
	if m.Kbps {
		b = nl.AppendFlag(b, uapi.OVS_METER_ATTR_KBPS)
	}
	if m.ClearStats {
		b = nl.AppendFlag(b, uapi.OVS_METER_ATTR_CLEAR)
	}
	return nl.AppendNested(b, uapi.OVS_METER_ATTR_BANDS, func(b []byte) ([]byte, error) {
		var err error
		for _, band := range m.Bands {
			b, err = nl.AppendNested(b, uapi.OVS_BAND_ATTR_UNSPEC, func(b []byte) ([]byte, error) {
				b = nl.AppendUint32(b, uapi.OVS_BAND_ATTR_TYPE, max(band.Type, uapi.OVS_METER_BAND_TYPE_DROP))
				b = nl.AppendUint32(b, uapi.OVS_BAND_ATTR_RATE, band.Rate)
				return nl.AppendUint32(b, uapi.OVS_BAND_ATTR_BURST, band.Burst), nil
			})
			if err != nil {
				return nil, err
			}
		}
		return b, nil
	})
}
