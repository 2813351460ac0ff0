// SPDX-License-Identifier: Apache-2.0

package conntrack

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"syscall"

	"github.com/mdlayher/netlink"
	ct "github.com/ti-mo/conntrack"

	"github.com/dpscope/dpscope/nl"
)

// Client works on the connections of a network namespace.
type Client struct{ c *ct.Conn }

// Open connects to the connections tracked in ns; nil is the current network
// namespace.
func Open(ns *nl.NetNS) (*Client, error) {
	c, err := ct.Dial(&netlink.Config{NetNS: ns.FD()})
	if err != nil {
		return nil, failure("open connection tracking", err)
	}
	return &Client{c}, nil
}

// Close closes the connection.
func (c *Client) Close() error { return c.c.Close() }

// until runs fn, which ends early when ctx does: the library knows no contexts.
func (c *Client) until(ctx context.Context, op string, fn func() error) error {
	stop := context.AfterFunc(ctx, func() { _ = c.c.Close() })
	defer stop()
	err := fn()
	if err != nil && ctx.Err() != nil {
		return &nl.Error{Op: op, Err: nl.ContextError(ctx)}
	}
	return failure(op, err)
}

// failure gives what the library says the form of all our errors.
func failure(op string, err error) error {
	errno, ok := errors.AsType[syscall.Errno](err)
	switch {
	case err == nil:
		return nil
	case !ok:
		return &nl.Error{Op: op, Err: err}
	case errno == syscall.EPROTONOSUPPORT, errno == syscall.EINVAL:
		// What the kernel says about parts it does not have.
		return &nl.UnsupportedError{Feature: op, Hint: "load the module: modprobe nf_conntrack_netlink", Err: errno}
	}
	return &nl.Error{Op: op, Err: errno}
}

// Entries yields the connections that are picked.
func (c *Client) Entries(ctx context.Context, pick Criteria) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		var flows []ct.Flow
		err := c.until(ctx, "list tracked connections", func() (err error) {
			flows, err = c.c.Dump(nil)
			return err
		})
		if err != nil {
			yield(Entry{}, err)
			return
		}
		for _, f := range flows {
			if e := newEntry(f); pick.Match(e) && !yield(e, nil) {
				return
			}
		}
	}
}

// Delete deletes the connections that are picked and tells how many there were.
// Those that end meanwhile by themselves do not count.
func (c *Client) Delete(ctx context.Context, pick Criteria) (n int, err error) {
	const op = "delete tracked connections"
	if pick.All() {
		return 0, c.until(ctx, op, c.c.Flush)
	}
	var flows []ct.Flow
	err = c.until(ctx, op, func() (err error) {
		flows, err = c.c.Dump(nil)
		return err
	})
	if err != nil {
		return 0, err
	}
	for _, f := range flows {
		if !pick.Match(newEntry(f)) {
			continue
		}
		// By its addresses: the library sends no id, so that one which took
		// this one's place in between would go too.
		err := c.until(ctx, op, func() error {
			return c.c.Delete(ct.Flow{Zone: f.Zone, TupleOrig: f.TupleOrig, TupleReply: f.TupleReply})
		})
		switch {
		case err == nil:
			n++
		case errors.Is(err, syscall.ENOENT):
		default:
			return n, fmt.Errorf("%w (%d are deleted)", err, n)
		}
	}
	return n, nil
}
