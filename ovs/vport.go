// SPDX-License-Identifier: Apache-2.0

package ovs

import (
	"fmt"

	"github.com/dpscope/dpscope/internal/hexstr"
	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

// VportType is an OVS_VPORT_TYPE_*.
type VportType uint32

// Port types, enum ovs_vport_type.
const (
	VportNetdev   VportType = uapi.OVS_VPORT_TYPE_NETDEV
	VportInternal VportType = uapi.OVS_VPORT_TYPE_INTERNAL
	VportGRE      VportType = uapi.OVS_VPORT_TYPE_GRE
	VportVXLAN    VportType = uapi.OVS_VPORT_TYPE_VXLAN
	VportGeneve   VportType = uapi.OVS_VPORT_TYPE_GENEVE
)

// String is the type's name in the kernel's words; a number if it has none.
func (t VportType) String() string {
	switch t {
	case VportNetdev:
		return "netdev"
	case VportInternal:
		return "internal"
	case VportGRE:
		return "gre"
	case VportVXLAN:
		return "vxlan"
	case VportGeneve:
		return "geneve"
	}
	return fmt.Sprintf("type %d", uint32(t))
}

// MarshalText writes the name, so that JSON shows it.
func (t VportType) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (t *VportType) UnmarshalText(b []byte) error {
	for v := VportNetdev; v <= VportGeneve; v++ {
		if v.String() == string(b) {
			*t = v
			return nil
		}
	}
	if n, err := fmt.Sscanf(string(b), "type %d", (*uint32)(t)); n != 1 || err != nil {
		return fmt.Errorf("port type %q: not known", b)
	}
	return nil
}

// Vport is a port of a datapath.
type Vport struct {
	DatapathIfindex int          `json:"-"`
	PortNo          uint32       `json:"port_no"`
	Name            string       `json:"name"`
	Type            VportType    `json:"type"`
	Ifindex         int          `json:"ifindex"`
	UpcallPIDs      []uint32     `json:"upcall_pid"`        // netlink port ids; [0] is none
	NetNSID         *int32       `json:"netnsid,omitempty"` // set when the device is in another namespace
	Stats           VportStats   `json:"stats"`
	UpcallStats     *UpcallStats `json:"upcall_stats,omitempty"` // Linux 6.2 and later
	// Options is the payload of OVS_VPORT_ATTR_OPTIONS, nil without.
	Options hexstr.Bytes `json:"options,omitempty"`
	Unknown []Attr       `json:"unknown,omitempty"`
}

// VportStats is struct ovs_vport_stats.
type VportStats struct {
	RxPackets uint64 `json:"rx_packets"`
	TxPackets uint64 `json:"tx_packets"`
	RxBytes   uint64 `json:"rx_bytes"`
	TxBytes   uint64 `json:"tx_bytes"`
	RxErrors  uint64 `json:"rx_errors"`
	TxErrors  uint64 `json:"tx_errors"`
	RxDropped uint64 `json:"rx_dropped"`
	TxDropped uint64 `json:"tx_dropped"`
}

// UpcallStats is OVS_VPORT_ATTR_UPCALL_STATS.
type UpcallStats struct {
	Success uint64 `json:"success"` // upcalls handed to a socket
	Fail    uint64 `json:"fail"`    // upcalls that failed
}

// DecodeVport reads a message of the ovs_vport family, after its genl header.
// Options and Unknown share memory with b.
func DecodeVport(b []byte) (Vport, error) {
	v := Vport{UpcallPIDs: []uint32{}} // a list in JSON, also when empty
	ifindex, err := decodeMessage("vport", b, func(at nl.Attr) error {
		switch at.Type {
		case uapi.OVS_VPORT_ATTR_PORT_NO:
			return getUint32(&v.PortNo, at)
		case uapi.OVS_VPORT_ATTR_TYPE:
			return getUint32((*uint32)(&v.Type), at)
		case uapi.OVS_VPORT_ATTR_NAME:
			v.Name = at.String()
		case uapi.OVS_VPORT_ATTR_OPTIONS:
			v.Options = at.Data
		case uapi.OVS_VPORT_ATTR_UPCALL_PID:
			return getUint32s(&v.UpcallPIDs, at)
		case uapi.OVS_VPORT_ATTR_STATS:
			s := &v.Stats
			return getUint64s(at, &s.RxPackets, &s.TxPackets, &s.RxBytes, &s.TxBytes,
				&s.RxErrors, &s.TxErrors, &s.RxDropped, &s.TxDropped)
		case uapi.OVS_VPORT_ATTR_IFINDEX:
			var i uint32
			err := getUint32(&i, at)
			v.Ifindex = int(int32(i))
			return err
		case uapi.OVS_VPORT_ATTR_NETNSID:
			var i uint32
			err := getUint32(&i, at)
			v.NetNSID = new(int32(i))
			return err
		case uapi.OVS_VPORT_ATTR_UPCALL_STATS:
			v.UpcallStats = new(UpcallStats)
			return v.UpcallStats.decode(at.Data)
		case uapi.OVS_VPORT_ATTR_PAD:
		default:
			v.Unknown = keepUnknown(v.Unknown, at)
		}
		return nil
	})
	v.DatapathIfindex = ifindex
	return v, err
}

func (s *UpcallStats) decode(b []byte) error {
	for at, err := range nl.Attrs(b) {
		if err != nil {
			return err
		}
		switch at.Type {
		case uapi.OVS_VPORT_UPCALL_ATTR_SUCCESS:
			err = getUint64s(at, &s.Success)
		case uapi.OVS_VPORT_UPCALL_ATTR_FAIL:
			err = getUint64s(at, &s.Fail)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
