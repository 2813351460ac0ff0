// SPDX-License-Identifier: Apache-2.0

package ovs

import (
	"fmt"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp"
)

// UpcallCommand is an OVS_PACKET_CMD_* the kernel sends.
type UpcallCommand uint8

// Upcall commands, enum ovs_packet_cmd.
const (
	UpcallMiss   UpcallCommand = uapi.OVS_PACKET_CMD_MISS   // no flow matched
	UpcallAction UpcallCommand = uapi.OVS_PACKET_CMD_ACTION // a userspace action
)

// String names the command.
func (c UpcallCommand) String() string {
	switch c {
	case UpcallMiss:
		return "miss"
	case UpcallAction:
		return "action"
	}
	return fmt.Sprintf("command %d", uint8(c))
}

// Upcall is a packet the datapath sent to user space. Its slices share memory
// with the message; a message is never reused.
type Upcall struct {
	Command         UpcallCommand
	Seq             uint32 // nlmsg_seq, 0 from the kernel
	DatapathIfindex int

	Key      odp.Match   // as extracted when the packet came in; Exact
	Packet   []byte      // from the Ethernet header on, possibly cut
	Userdata []byte      // of the userspace action; nil without
	Actions  odp.Actions // only when the userspace action asked for them

	// EgressTunnelKey is a list of OVS_TUNNEL_KEY_ATTR_*, nil without.
	EgressTunnelKey []byte

	Len     uint32 // packet length before truncation; 0 when it was not cut
	MRU     uint16 // largest fragment received; 0 when not reassembled
	Hash    uint64 // skb hash, host order; bit 32 software, bit 33 layer 4
	Unknown []Attr
}

// DecodeUpcall reads a message of the ovs_packet family, after its genl header.
func DecodeUpcall(command uint8, b []byte) (Upcall, error) {
	u := Upcall{Command: UpcallCommand(command)}
	ifindex, err := decodeMessage("packet", b, func(at nl.Attr) (err error) {
		switch at.Type {
		case uapi.OVS_PACKET_ATTR_PACKET:
			u.Packet = at.Data
		case uapi.OVS_PACKET_ATTR_KEY:
			u.Key, err = odp.DecodeMatch(at.Data, nil)
		case uapi.OVS_PACKET_ATTR_ACTIONS:
			u.Actions, err = odp.DecodeActions(at.Data)
		case uapi.OVS_PACKET_ATTR_USERDATA:
			u.Userdata = at.Data
		case uapi.OVS_PACKET_ATTR_EGRESS_TUN_KEY:
			u.EgressTunnelKey = at.Data
		case uapi.OVS_PACKET_ATTR_MRU:
			v, ok := at.Uint16()
			if !ok {
				return errBadLength
			}
			u.MRU = v
		case uapi.OVS_PACKET_ATTR_LEN:
			return getUint32(&u.Len, at)
		case uapi.OVS_PACKET_ATTR_HASH:
			return getUint64s(at, &u.Hash)
		default:
			u.Unknown = keepUnknown(u.Unknown, at)
		}
		return err
	})
	u.DatapathIfindex = ifindex
	return u, err
}
