// SPDX-License-Identifier: Apache-2.0

package ovs

import (
	"context"
	"fmt"
	"syscall"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp"
)

// Execute is a packet to send through a list of actions.
type Execute struct {
	Packet []byte // from the Ethernet header on
	// Key is what the packet itself does not say: the port it came in by, its
	// mark, tunnel, conntrack state. The kernel reads the rest from the packet.
	// It may be that of an Upcall.
	Key     odp.Match
	Actions odp.Actions
	// Probe asks the kernel not to log a refusal (OVS_PACKET_ATTR_PROBE).
	Probe bool
	MRU   uint16 // largest fragment received; 0: not reassembled
	Hash  uint64 // skb hash as in an Upcall; 0: none
	// UpcallPID receives what userspace actions with a PID of the datapath's
	// choice send; Linux 6.17. 0: the receivers of the datapath.
	UpcallPID uint32
}

// ExecutePacket sends a packet through actions, as an answer to an upcall does.
// Success tells that the kernel ran them, not where the packet ended.
func (c *Client) ExecutePacket(ctx context.Context, dp Datapath, e Execute) error {
	const op = "execute packet"
	object := "in datapath " + dp.Name
	attrs, err := e.appendAttrs(nil)
	if err != nil {
		return &nl.Error{Op: op, Object: object, Err: err}
	}
	err = c.execute(ctx, request{
		op: op, object: object, family: uapi.OVS_PACKET_FAMILY,
		command: uapi.OVS_PACKET_CMD_EXECUTE, ifindex: dp.Ifindex, attrs: attrs, spec: packetSpec,
	})
	return explain(err, refusals(e.Probe)...)
}

func (e Execute) appendAttrs(b []byte) ([]byte, error) {
	if len(e.Packet) > nl.MaxAttrPayload {
		return nil, fmt.Errorf("the packet has %d bytes, a request holds at most %d: %w", len(e.Packet), nl.MaxAttrPayload, syscall.EMSGSIZE)
	}
	if err := (FlowSpec{Match: e.Key, Actions: e.Actions}).CheckKernel(); err != nil {
		return nil, err
	}
	b = nl.AppendAttr(b, uapi.OVS_PACKET_ATTR_PACKET, e.Packet)
	b, err := nl.AppendNested(b, uapi.OVS_PACKET_ATTR_KEY, e.Key.AppendKey)
	if err != nil {
		return nil, err
	}
	if b, err = nl.AppendNested(b, uapi.OVS_PACKET_ATTR_ACTIONS, e.Actions.AppendNetlink); err != nil {
		return nil, err
	}
	if e.Probe {
		b = nl.AppendFlag(b, uapi.OVS_PACKET_ATTR_PROBE)
	}
	if e.MRU != 0 {
		b = nl.AppendUint16(b, uapi.OVS_PACKET_ATTR_MRU, e.MRU)
	}
	if e.Hash != 0 {
		b = nl.AppendUint64(b, uapi.OVS_PACKET_ATTR_HASH, e.Hash)
	}
	if e.UpcallPID != 0 {
		b = nl.AppendUint32(b, uapi.OVS_PACKET_ATTR_UPCALL_PID, e.UpcallPID)
	}
	return b, nil
}
