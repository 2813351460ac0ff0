// SPDX-License-Identifier: Apache-2.0

package odp

import "github.com/dpscope/dpscope/nl/uapi"

// Actions is what a flow does to a packet, in order. An empty list drops it.
type Actions []Action

// Action is one datapath action: Output, Userspace, Sample, Psample, Trunc,
// Recirc, Clone, PushVLAN, PopVLAN, CTClear, Meter, or Raw for all others.
//
// Encoding does not judge: an action the kernel will refuse, such as a Psample
// with a 17-byte cookie, is encoded as it stands. Only the text parser is strict.
type Action interface {
	// attrType is the OVS_ACTION_ATTR_* of the action.
	attrType() uint16
	// appendAttr appends the whole attribute.
	appendAttr(b []byte) ([]byte, error)
	// appendText appends the text form.
	appendText(b []byte, names PortNames) []byte
}

// TypeOf is the OVS_ACTION_ATTR_* number of an action.
func TypeOf(a Action) uint16 { return a.attrType() }

type (
	// Output sends the packet to a port (OVS_ACTION_ATTR_OUTPUT).
	Output struct {
		Port uint32 // datapath port number
	}

	// Userspace sends the packet to a netlink socket
	// (OVS_ACTION_ATTR_USERSPACE).
	Userspace struct {
		PID      uint32 // netlink port id of the receiver
		Userdata []byte // handed on with the packet; nil: attribute absent
		// EgressTunPort asks for the tunnel key of output on this port.
		EgressTunPort *uint32
		Actions       bool // have the flow's actions sent along
	}

	// Sample executes actions for a share of the packets
	// (OVS_ACTION_ATTR_SAMPLE).
	Sample struct {
		Probability uint32 // scaled: 1<<32 - 1 samples every packet
		Actions     Actions
	}

	// Psample hands a copy of the packet to the psample module
	// (OVS_ACTION_ATTR_PSAMPLE, Linux 6.11).
	Psample struct {
		Group  uint32
		Cookie []byte // at most 16 bytes for the kernel; nil: attribute absent
	}

	// Trunc cuts the packet for the next output-like action
	// (OVS_ACTION_ATTR_TRUNC).
	Trunc struct {
		MaxLen uint32 // bytes that remain; the kernel wants at least 14
	}

	// Recirc looks the packet up again under a recirculation id
	// (OVS_ACTION_ATTR_RECIRC).
	Recirc struct {
		ID uint32
	}

	// Clone executes actions on a copy (OVS_ACTION_ATTR_CLONE).
	Clone struct {
		Actions Actions
	}

	// PushVLAN adds a VLAN tag (OVS_ACTION_ATTR_PUSH_VLAN).
	PushVLAN struct {
		TPID uint16 // Ethernet type of the tag, 0x8100 or 0x88a8
		TCI  uint16 // PCP 3 bits, CFI 1 bit (the kernel wants it set), VID 12 bits
	}

	// PopVLAN removes the outermost VLAN tag (OVS_ACTION_ATTR_POP_VLAN).
	PopVLAN struct{}

	// CTClear forgets the packet's conntrack state
	// (OVS_ACTION_ATTR_CT_CLEAR).
	CTClear struct{}

	// Meter runs the packet through a meter (OVS_ACTION_ATTR_METER).
	Meter struct {
		ID uint32
	}

	// Raw is any action as bytes: one this package has no type for, one whose
	// content is not as documented, or one made to test the kernel.
	Raw struct {
		Type         uint16 // OVS_ACTION_ATTR_*, without flags
		Nested       bool   // set NLA_F_NESTED
		NetByteOrder bool   // set NLA_F_NET_BYTEORDER
		Data         []byte // payload without header and padding
	}
)

func (Output) attrType() uint16    { return uapi.OVS_ACTION_ATTR_OUTPUT }
func (Userspace) attrType() uint16 { return uapi.OVS_ACTION_ATTR_USERSPACE }
func (Sample) attrType() uint16    { return uapi.OVS_ACTION_ATTR_SAMPLE }
func (Psample) attrType() uint16   { return uapi.OVS_ACTION_ATTR_PSAMPLE }
func (Trunc) attrType() uint16     { return uapi.OVS_ACTION_ATTR_TRUNC }
func (Recirc) attrType() uint16    { return uapi.OVS_ACTION_ATTR_RECIRC }
func (Clone) attrType() uint16     { return uapi.OVS_ACTION_ATTR_CLONE }
func (PushVLAN) attrType() uint16  { return uapi.OVS_ACTION_ATTR_PUSH_VLAN }
func (PopVLAN) attrType() uint16   { return uapi.OVS_ACTION_ATTR_POP_VLAN }
func (CTClear) attrType() uint16   { return uapi.OVS_ACTION_ATTR_CT_CLEAR }
func (Meter) attrType() uint16     { return uapi.OVS_ACTION_ATTR_METER }
func (r Raw) attrType() uint16     { return r.Type }

// Has tells whether the list holds an action of this type, at any depth that
// this package decodes (inside Sample and Clone).
func (as Actions) Has(typ uint16) bool {
	for _, a := range as {
		if a.attrType() == typ {
			return true
		}
		switch a := a.(type) {
		case Sample:
			if a.Actions.Has(typ) {
				return true
			}
		case Clone:
			if a.Actions.Has(typ) {
				return true
			}
		}
	}
	return false
}
