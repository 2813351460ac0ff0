// SPDX-License-Identifier: Apache-2.0

package ovs

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/mdlayher/netlink"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

// kernelModule provides all families of this package.
const kernelModule = "openvswitch"

// netlinkGeneric is NETLINK_GENERIC, linux/netlink.h.
const netlinkGeneric = 16

// Client speaks to the datapaths of one network namespace.
type Client struct {
	ns *nl.NetNS
	g  *nl.Generic
}

// Open connects to the datapaths in ns; nil is the current network namespace.
// ns must stay open as long as the Client is used. The kernel loads the
// openvswitch module if it can; without it the error is an
// *nl.UnsupportedError.
func Open(ns *nl.NetNS) (*Client, error) {
	g, err := nl.DialGeneric(ns)
	if err != nil {
		return nil, err
	}
	c := &Client{ns: ns, g: g}
	if _, err := c.family(uapi.OVS_DATAPATH_FAMILY); err != nil {
		_ = g.Close()
		return nil, err
	}
	return c, nil
}

// Close closes the connection; calls in progress end with an error.
func (c *Client) Close() error { return c.g.Close() }

func (c *Client) family(name string) (nl.Family, error) {
	return c.g.Family(name, kernelModule)
}

// versions are the family versions this package was written for: a family may
// announce a newer one.
var versions = map[string]uint8{
	uapi.OVS_DATAPATH_FAMILY: uapi.OVS_DATAPATH_VERSION,
	uapi.OVS_VPORT_FAMILY:    uapi.OVS_VPORT_VERSION,
	uapi.OVS_FLOW_FAMILY:     uapi.OVS_FLOW_VERSION,
	uapi.OVS_PACKET_FAMILY:   uapi.OVS_PACKET_VERSION,
	uapi.OVS_METER_FAMILY:    uapi.OVS_METER_VERSION,
	uapi.OVS_CT_LIMIT_FAMILY: uapi.OVS_CT_LIMIT_VERSION,
}

// request is one message to a family.
type request struct {
	op, object string
	family     string
	command    uint8
	flags      netlink.HeaderFlags
	ifindex    int
	attrs      []byte
	spec       *nl.AttrSpec
}

func (c *Client) generic(r request) (nl.GenericRequest, error) {
	f, err := c.family(r.family)
	if err != nil {
		return nl.GenericRequest{}, err
	}
	return nl.GenericRequest{
		Op: r.op, Object: r.object,
		Family: f, Command: r.command, Version: versions[r.family], Flags: r.flags,
		Header: appendHeader(nil, r.ifindex), Attrs: r.attrs, Spec: r.spec,
	}, nil
}

// execute sends a request that is only acknowledged.
func (c *Client) execute(ctx context.Context, r request) error {
	gr, err := c.generic(r)
	if err != nil {
		return err
	}
	_, err = c.g.Execute(ctx, gr)
	return err
}

// change sends a request that makes, changes or deletes something and gives it
// as the kernel tells it: its name need not be the one that was asked for (a
// device also goes by its alternative names).
func change[T any](ctx context.Context, c *Client, r request, decode func([]byte) (T, error)) (T, error) {
	r.flags |= netlink.Echo
	return get(ctx, c, r, decode)
}

// get sends a request and decodes the one answer.
func get[T any](ctx context.Context, c *Client, r request, decode func([]byte) (T, error)) (v T, err error) {
	gr, err := c.generic(r)
	if err != nil {
		return v, err
	}
	msgs, err := c.g.Execute(ctx, gr)
	if err != nil {
		return v, err
	}
	if len(msgs) == 0 {
		return v, &nl.Error{Op: r.op, Object: r.object, Err: errNoReply}
	}
	if v, err = decode(msgs[0].Data); err != nil {
		return v, &nl.Error{Op: r.op, Object: r.object, Err: err}
	}
	return v, nil
}

var errNoReply = errors.New("the kernel acknowledged the request but did not answer it")

// dump collects a small table, decoded.
func dump[T any](ctx context.Context, c *Client, r request, decode func([]byte) (T, error)) ([]T, error) {
	gr, err := c.generic(r)
	if err != nil {
		return nil, err
	}
	msgs, err := c.g.DumpAll(ctx, gr)
	if err != nil {
		return nil, err
	}
	out := make([]T, 0, len(msgs))
	for _, m := range msgs {
		v, err := decode(m.Data)
		if err != nil {
			return nil, &nl.Error{Op: r.op, Object: r.object, Err: err}
		}
		out = append(out, v)
	}
	return out, nil
}

// kindError is a kernel refusal that also matches one of this package's errors.
type kindError struct {
	err  *nl.Error
	kind error
}

func (e *kindError) Error() string   { return e.err.Error() }
func (e *kindError) Unwrap() []error { return []error{e.err, e.kind} }

// meaning is what an errno stands for in one request.
type meaning struct {
	errno syscall.Errno
	kind  error  // nil: only a hint
	hint  string // empty: none
}

// explain gives a kernel refusal its meaning.
func explain(err error, ms ...meaning) error {
	var ne *nl.Error
	if err == nil || !errors.As(err, &ne) {
		return err
	}
	for _, m := range ms {
		if !errors.Is(ne.Err, m.errno) {
			continue
		}
		if ne.Hint == "" {
			ne.Hint = m.hint
		}
		if m.kind != nil {
			return &kindError{err: ne, kind: m.kind}
		}
	}
	return err
}

// maxName is IFNAMSIZ - 1, linux/if.h.
const maxName = 15

func checkName(op, name string) error {
	switch {
	case name == "":
		return &nl.Error{Op: op, Err: errors.New("the name is empty")}
	case len(name) > maxName:
		return &nl.Error{Op: op, Object: name, Err: fmt.Errorf("the name is longer than %d bytes", maxName)}
	}
	return nil
}
