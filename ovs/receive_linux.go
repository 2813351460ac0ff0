// SPDX-License-Identifier: Apache-2.0

package ovs

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/mdlayher/netlink"

	"github.com/dpscope/dpscope/nl"
)

// receiver reads a socket message by message and reports an overflow.
type receiver struct {
	c       *netlink.Conn
	op      string // for error texts
	lost    error  // what an overflow is reported as
	pending []netlink.Message
}

// next waits for the next message.
func (r *receiver) next(ctx context.Context) (netlink.Message, error) {
	for len(r.pending) == 0 {
		if err := r.fill(ctx); err != nil {
			return netlink.Message{}, err
		}
	}
	m := r.pending[0]
	r.pending = r.pending[1:]
	return m, nil
}

// fill reads one datagram.
func (r *receiver) fill(ctx context.Context) error {
	if ctx.Err() != nil {
		return nl.ContextError(ctx)
	}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = r.c.SetReadDeadline(time.Unix(1, 0))
		close(ended)
	})
	msgs, err := r.c.Receive()
	if !stop() {
		<-ended // the next call must not find this one's deadline
		_ = r.c.SetReadDeadline(time.Time{})
	}
	switch {
	case err == nil:
		r.pending = msgs
		return nil
	case errors.Is(err, syscall.ENOBUFS):
		return r.lost
	case ctx.Err() != nil:
		return nl.ContextError(ctx)
	default:
		return &nl.Error{Op: r.op, Err: err}
	}
}
