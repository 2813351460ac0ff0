// SPDX-License-Identifier: Apache-2.0

package tc

import (
	"context"
	"errors"
	"slices"
	"time"

	gotc "github.com/florianl/go-tc"
	"github.com/mdlayher/netlink"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

// netlinkRoute is NETLINK_ROUTE, linux/netlink.h.
const netlinkRoute = 0

// Client works on the traffic control of one network namespace. Its methods
// may be called from several goroutines.
type Client struct {
	ns   *nl.NetNS
	conn *nl.Conn // reads
}

// Open opens a client in ns; nil means the current network namespace. ns must
// stay open as long as the client is used.
func Open(ns *nl.NetNS) (*Client, error) {
	conn, err := nl.Dial(netlinkRoute, ns)
	if err != nil {
		return nil, err
	}
	return &Client{ns: ns, conn: conn}, nil
}

// Close closes the client. Filters stay.
func (c *Client) Close() error { return c.conn.Close() }

// Samples lists the sample actions of matchall filters on one device, or on
// all of them when dev is "", by device, direction and preference. It needs no
// privilege. A device that does not exist gives an error which matches
// syscall.ENODEV.
func (c *Client) Samples(ctx context.Context, dev string) ([]SampleFilter, error) {
	const op = "list sample filters"
	var (
		links []link
		err   error
	)
	if dev == "" {
		links, err = c.links(ctx, op)
	} else {
		var l link
		l, err = c.link(ctx, op, SampleFilter{Dev: dev})
		links = []link{l}
	}
	if err != nil {
		return nil, err
	}
	qdiscs, err := c.ingressQdiscs(ctx, op)
	if err != nil {
		return nil, err
	}
	var out []SampleFilter
	for _, l := range links {
		q, ok := qdiscs[l.index]
		if !ok {
			continue
		}
		t, err := c.table(ctx, op, l, q)
		if err != nil {
			return nil, err
		}
		out = append(out, t.samples()...)
	}
	return out, nil
}

// table dumps the filters of a device's clsact, or of the older ingress
// discipline, which has one side only and would show it again as egress.
func (c *Client) table(ctx context.Context, op string, l link, q qdisc) (table, error) {
	t := table{link: l}
	var err error
	for _, d := range q.sides() {
		if t.filters[d], err = c.filters(ctx, op, l, d, 0, nil); err != nil {
			return t, err
		}
		for _, head := range t.orphans(d) {
			info := uint32(head.Pref)<<16 | uint32(ntohs(head.Protocol))
			again, err := c.filters(ctx, op, l, d, info, nl.AppendUint32(nil, uapi.TCA_CHAIN, head.Chain))
			if err != nil {
				return t, err
			}
			again = slices.DeleteFunc(again, func(f Filter) bool { return f.Handle == 0 })
			t.filters[d] = append(t.filters[d], again...)
		}
	}
	return t, nil
}

// filters dumps one side of a device; info (preference and protocol) and attrs
// (a chain) narrow it down.
func (c *Client) filters(ctx context.Context, op string, l link, d Direction, info uint32, attrs []byte) ([]Filter, error) {
	object := SampleFilter{Dev: l.name, Direction: d}.name()
	msgs, err := c.conn.DumpAll(ctx, nl.Request{
		Op: op, Object: object,
		Type:    uapi.RTM_GETTFILTER,
		Data:    append(tcmsg{ifindex: l.index, parent: d.parent(), info: info}.append(nil), attrs...),
		AttrsAt: tcmsgLen,
	})
	if err != nil {
		return nil, err
	}
	var out []Filter
	for _, m := range msgs {
		if m.Header.Type != uapi.RTM_NEWTFILTER {
			continue
		}
		f, err := DecodeFilter(m.Data)
		if err != nil {
			return nil, &nl.Error{Op: op, Object: object, Err: err}
		}
		out = append(out, f)
	}
	return out, nil
}

// write runs one request of go-tc on a socket of its own: go-tc takes the next
// message for the answer, whichever request it belongs to.
func (c *Client) write(ctx context.Context, fn func(*gotc.Tc) error) error {
	if ctx.Err() != nil {
		return nl.ContextError(ctx)
	}
	t, err := gotc.Open(&gotc.Config{NetNS: c.ns.FD()})
	if err != nil {
		return err
	}
	defer func() { _ = t.Close() }()
	// Best effort, as in nl: without it only the kernel's texts are missing.
	_ = t.SetOption(netlink.ExtendedAcknowledge, true)
	// go-tc knows no context; closing its socket ends the wait.
	stop := context.AfterFunc(ctx, func() { _ = t.Close() })
	defer stop()
	if err = fn(t); err != nil && !refused(err) && ctx.Err() != nil {
		// What the socket says about being closed is a consequence.
		return nl.ContextError(ctx)
	}
	return err
}

// cleanup gives a context for undoing what a cancelled call has begun.
func cleanup(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
}

// refused tells that the kernel answered a write with an error, so that
// nothing was installed; any other failure leaves that open.
func refused(err error) bool {
	var op *netlink.OpError
	return errors.As(err, &op) && op.Sequence != 0
}
