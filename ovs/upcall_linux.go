// SPDX-License-Identifier: Apache-2.0

package ovs

import (
	"context"
	"errors"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

// ErrUpcallsLost tells that packets came faster than they were received and the
// kernel dropped some (ENOBUFS). Receiving goes on after it.
var ErrUpcallsLost = errors.New("upcalls lost: the receive buffer overflowed")

// receiveBuffer is asked for as receive buffer; the kernel may give less to an
// unprivileged process.
const receiveBuffer = 4 << 20

// UpcallSocket receives packets from datapaths: its PID goes into a port
// (VportConfig.UpcallPIDs), a datapath (DatapathConfig.UpcallPID) or a userspace
// action (odp.Userspace). One goroutine may receive at a time.
type UpcallSocket struct {
	r      receiver
	family nl.Family
}

// OpenUpcalls opens an upcall socket in ns (nil: the current namespace), which
// must be the datapath's. Nothing arrives before something in the kernel names
// its PID.
func OpenUpcalls(ns *nl.NetNS) (*UpcallSocket, error) {
	f, err := nl.LookupFamily(ns, uapi.OVS_PACKET_FAMILY, kernelModule)
	if err != nil {
		return nil, err
	}
	c, err := nl.DialRaw(netlinkGeneric, ns)
	if err != nil {
		return nil, err
	}
	_ = c.SetReadBuffer(receiveBuffer) // best effort, see there
	return newUpcallSocket(c, f), nil
}

func newUpcallSocket(c *netlink.Conn, f nl.Family) *UpcallSocket {
	return &UpcallSocket{r: receiver{c: c, op: "receive upcall", lost: ErrUpcallsLost}, family: f}
}

// PID is the socket's netlink port id.
func (s *UpcallSocket) PID() uint32 { return s.r.c.PID() }

// Close closes the socket; the kernel drops further packets for it.
func (s *UpcallSocket) Close() error { return s.r.c.Close() }

// Receive waits for the next upcall. It returns ErrUpcallsLost after an
// overflow, ctx's error when that ends first, and a decoding error for a
// message that is not as documented; all but a closed socket may be followed by
// another call.
func (s *UpcallSocket) Receive(ctx context.Context) (Upcall, error) {
	for {
		m, err := s.r.next(ctx)
		if err != nil {
			return Upcall{}, err
		}
		if m.Header.Type == netlink.HeaderType(s.family.ID) {
			return decodePacketMessage(m)
		}
	}
}

func decodePacketMessage(m netlink.Message) (Upcall, error) {
	var gm genetlink.Message
	if err := gm.UnmarshalBinary(m.Data); err != nil {
		return Upcall{}, &nl.Error{Op: "receive upcall", Err: err}
	}
	u, err := DecodeUpcall(gm.Header.Command, gm.Data)
	u.Seq = m.Header.Sequence
	if err != nil {
		return u, &nl.Error{Op: "receive upcall", Err: err}
	}
	return u, nil
}
