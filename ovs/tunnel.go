// SPDX-License-Identifier: Apache-2.0

package ovs

import (
	"fmt"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

// TunnelOptions are the options of a tunnel port, OVS_VPORT_ATTR_OPTIONS.
type TunnelOptions struct {
	DstPort uint16 `json:"dst_port,omitempty"` // UDP port, host order; VXLAN and Geneve
	GBP     bool   `json:"gbp,omitempty"`      // VXLAN's group-based policy extension
	Unknown []Attr `json:"unknown,omitempty"`
}

// Tunnel reads the options of a tunnel port; ok is false for one that has none.
func (v Vport) Tunnel() (o TunnelOptions, ok bool, err error) {
	if v.Options == nil {
		return o, false, nil
	}
	o, err = DecodeTunnelOptions(v.Options)
	return o, true, err
}

// DecodeTunnelOptions reads the payload of OVS_VPORT_ATTR_OPTIONS. Unknown
// shares memory with b.
func DecodeTunnelOptions(b []byte) (TunnelOptions, error) {
	var o TunnelOptions
	for at, err := range nl.Attrs(b) {
		if err != nil {
			return o, fmt.Errorf("tunnel options: %w", err)
		}
		switch at.Type {
		case uapi.OVS_TUNNEL_ATTR_DST_PORT:
			v, ok := at.Uint16()
			if !ok {
				return o, fmt.Errorf("tunnel options: attribute %d: %w: %d bytes", at.Type, errBadLength, len(at.Data))
			}
			o.DstPort = v
		case uapi.OVS_TUNNEL_ATTR_EXTENSION:
			for ext, err := range nl.Attrs(at.Data) {
				if err != nil {
					return o, fmt.Errorf("tunnel options: extension: %w", err)
				}
				if ext.Type == uapi.OVS_VXLAN_EXT_GBP {
					o.GBP = true
				}
			}
		default:
			o.Unknown = keepUnknown(o.Unknown, at)
		}
	}
	return o, nil
}

// appendAttr appends OVS_VPORT_ATTR_OPTIONS.
func (o TunnelOptions) appendAttr(b []byte) ([]byte, error) {
	return nl.AppendNested(b, uapi.OVS_VPORT_ATTR_OPTIONS, func(b []byte) ([]byte, error) {
		if o.DstPort != 0 {
			b = nl.AppendUint16(b, uapi.OVS_TUNNEL_ATTR_DST_PORT, o.DstPort)
		}
		if o.GBP {
			var err error
			b, err = nl.AppendNested(b, uapi.OVS_TUNNEL_ATTR_EXTENSION, func(b []byte) ([]byte, error) {
				return nl.AppendFlag(b, uapi.OVS_VXLAN_EXT_GBP), nil
			})
			if err != nil {
				return nil, err
			}
		}
		for _, a := range o.Unknown {
			if len(a.Data) > nl.MaxAttrPayload {
				return nil, fmt.Errorf("tunnel option %d: %d bytes, an attribute holds at most %d", a.Type, len(a.Data), nl.MaxAttrPayload)
			}
			b = nl.AppendAttr(b, a.Type, a.Data)
		}
		return b, nil
	})
}
