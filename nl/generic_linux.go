// SPDX-License-Identifier: Apache-2.0

package nl

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"syscall"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"
)

// GenlHeaderLen is GENL_HDRLEN: struct genlmsghdr, before a family's own header.
const GenlHeaderLen = 4

// netlinkGeneric is NETLINK_GENERIC, linux/netlink.h.
const netlinkGeneric = 16

// Family is a generic-netlink family as the kernel announced it.
type Family = genetlink.Family

// Generic is a generic-netlink client: families by name over one Conn.
type Generic struct {
	conn *Conn

	mu       sync.Mutex
	families map[string]Family
}

// DialGeneric opens a generic-netlink client in ns (nil: the current one).
func DialGeneric(ns *NetNS) (*Generic, error) {
	c, err := Dial(netlinkGeneric, ns)
	if err != nil {
		return nil, err
	}
	return &Generic{conn: c, families: map[string]Family{}}, nil
}

// Close closes the socket.
func (g *Generic) Close() error { return g.conn.Close() }

// Family resolves a family by name and remembers it. A kernel without it gives
// an *UnsupportedError that names module, the module which provides it. Asking
// makes the kernel load that module where it has an alias for the family
// (openvswitch has, psample has not).
func (g *Generic) Family(name, module string) (Family, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if f, ok := g.families[name]; ok {
		return f, nil
	}
	f, err := LookupFamily(g.conn.ns, name, module)
	if err != nil {
		return Family{}, err
	}
	g.families[name] = f
	return f, nil
}

// Forget drops what is known of a family, for after a module was reloaded: the
// kernel gives the family a new id then.
func (g *Generic) Forget(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.families, name)
}

// LookupFamily asks the kernel for a family on a socket of its own, so that
// the question never disturbs another exchange.
func LookupFamily(ns *NetNS, name, module string) (Family, error) {
	nc, err := DialRaw(netlinkGeneric, ns)
	if err != nil {
		return Family{}, err
	}
	gc := genetlink.NewConn(nc)
	defer gc.Close()
	f, err := gc.GetFamily(name)
	switch {
	case err == nil:
		return f, nil
	case errors.Is(err, syscall.ENOENT):
		return Family{}, &UnsupportedError{
			Feature: fmt.Sprintf("generic netlink family %q", name),
			Hint:    fmt.Sprintf("load the module: modprobe %s", module),
		}
	default:
		return Family{}, &Error{Op: "look up generic netlink family", Object: name, Err: errnoOf(err)}
	}
}

// GenericRequest is a request to a generic-netlink family.
type GenericRequest struct {
	Op, Object string // for error texts, as in Request

	Family  Family
	Command uint8
	Version uint8 // 0: the family's own
	Flags   netlink.HeaderFlags

	// Header is the family's own fixed header (struct ovs_header: 4 bytes),
	// Attrs the attributes after it.
	Header []byte
	Attrs  []byte
	Spec   *AttrSpec
}

func (r GenericRequest) request() Request {
	version := r.Version
	if version == 0 {
		version = uint8(r.Family.Version)
	}
	data := make([]byte, 0, GenlHeaderLen+len(r.Header)+len(r.Attrs))
	data = append(data, r.Command, version, 0, 0)
	data = append(data, r.Header...)
	data = append(data, r.Attrs...)
	return Request{
		Op: r.Op, Object: r.Object,
		Type: r.Family.ID, Flags: r.Flags, Data: data,
		AttrsAt: GenlHeaderLen + len(r.Header), Spec: r.Spec,
	}
}

// Execute sends one request and returns the replies' payloads after the
// generic-netlink header (family header and attributes).
func (g *Generic) Execute(ctx context.Context, r GenericRequest) ([]genetlink.Message, error) {
	msgs, err := g.conn.Execute(ctx, r.request())
	if err != nil {
		return nil, err
	}
	out := make([]genetlink.Message, 0, len(msgs))
	for _, m := range msgs {
		if m.Header.Type != netlink.HeaderType(r.Family.ID) {
			continue // the acknowledgement itself
		}
		gm, err := genericMessage(m, r.Op, r.Object)
		if err != nil {
			return nil, err
		}
		out = append(out, gm)
	}
	return out, nil
}

// Dump yields a table message by message; see Conn.Dump.
func (g *Generic) Dump(ctx context.Context, r GenericRequest) iter.Seq2[genetlink.Message, error] {
	return func(yield func(genetlink.Message, error) bool) {
		for m, err := range g.conn.Dump(ctx, r.request()) {
			var gm genetlink.Message
			if err == nil {
				gm, err = genericMessage(m, r.Op, r.Object)
			}
			if !yield(gm, err) || err != nil {
				return
			}
		}
	}
}

// Stream yields a table's payloads after the generic-netlink header (family
// header and attributes), each valid until the next one; see Conn.Stream.
func (g *Generic) Stream(ctx context.Context, r GenericRequest) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for b, err := range g.conn.Stream(ctx, r.request()) {
			if err == nil && len(b) < GenlHeaderLen {
				err = &Error{Op: r.Op, Object: r.Object, Err: fmt.Errorf("reply of %d bytes is no generic netlink message", len(b))}
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(b[GenlHeaderLen:], nil) {
				return
			}
		}
	}
}

// DumpAll collects a table and starts over when it changed meanwhile; see
// Conn.DumpAll.
func (g *Generic) DumpAll(ctx context.Context, r GenericRequest) ([]genetlink.Message, error) {
	msgs, err := g.conn.DumpAll(ctx, r.request())
	out := make([]genetlink.Message, 0, len(msgs))
	for _, m := range msgs {
		gm, merr := genericMessage(m, r.Op, r.Object)
		if merr != nil {
			return nil, merr
		}
		out = append(out, gm)
	}
	return out, err
}

func genericMessage(m netlink.Message, op, object string) (genetlink.Message, error) {
	var gm genetlink.Message
	if err := gm.UnmarshalBinary(m.Data); err != nil {
		return gm, &Error{Op: op, Object: object, Err: fmt.Errorf("reply is no generic netlink message: %w", err)}
	}
	return gm, nil
}
