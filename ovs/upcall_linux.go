// SPDX-License-Identifier: Apache-2.0

package ovs

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

// ErrUpcallsLost tells that packets came faster than they were received and the
// kernel dropped some (ENOBUFS). Receiving goes on after it.
var ErrUpcallsLost = errors.New("upcalls lost: the receive buffer overflowed")

// upcallBuffer is asked for as receive buffer; the kernel may give less to an
// unprivileged process.
const upcallBuffer = 4 << 20

// UpcallSocket receives packets from datapaths: its PID goes into a port
// (VportConfig.UpcallPIDs), a datapath (DatapathConfig.UpcallPID) or a userspace
// action (odp.Userspace). One goroutine may receive at a time.
type UpcallSocket struct {
	c       *netlink.Conn
	family  nl.Family
	pending []netlink.Message
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
	_ = c.SetReadBuffer(upcallBuffer) // best effort, see upcallBuffer
	return &UpcallSocket{c: c, family: f}, nil
}

// PID is the socket's netlink port id.
func (s *UpcallSocket) PID() uint32 { return s.c.PID() }

// Close closes the socket; the kernel drops further packets for it.
func (s *UpcallSocket) Close() error { return s.c.Close() }

// Receive waits for the next upcall. It returns ErrUpcallsLost after an
// overflow, ctx's error when that ends first, and a decoding error for a
// message that is not as documented; all but a closed socket may be followed by
// another call.
func (s *UpcallSocket) Receive(ctx context.Context) (Upcall, error) {
	for {
		for len(s.pending) > 0 {
			m := s.pending[0]
			s.pending = s.pending[1:]
			if m.Header.Type != netlink.HeaderType(s.family.ID) {
				continue
			}
			return decodePacketMessage(m)
		}
		if err := s.fill(ctx); err != nil {
			return Upcall{}, err
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

// fill reads one datagram.
func (s *UpcallSocket) fill(ctx context.Context) error {
	if ctx.Err() != nil {
		return nl.ContextError(ctx)
	}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = s.c.SetReadDeadline(time.Unix(1, 0))
		close(ended)
	})
	msgs, err := s.c.Receive()
	if !stop() {
		<-ended // the next call must not find this one's deadline
		_ = s.c.SetReadDeadline(time.Time{})
	}
	if err == nil {
		s.pending = msgs
		return nil
	}
	switch {
	case errors.Is(err, syscall.ENOBUFS):
		return ErrUpcallsLost
	case ctx.Err() != nil:
		return nl.ContextError(ctx)
	default:
		return &nl.Error{Op: "receive upcall", Err: err}
	}
}
