// SPDX-License-Identifier: Apache-2.0

package ovs

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

// Monitor receives what others change about datapaths, ports and flows of a
// network namespace. One goroutine may receive at a time.
type Monitor struct {
	r        receiver
	families map[netlink.HeaderType]string
}

// OpenMonitor listens to the given groups in ns (nil: the current namespace).
// What changes from the moment it returns is received.
func OpenMonitor(ns *nl.NetNS, groups EventGroups) (*Monitor, error) {
	m := &Monitor{families: map[netlink.HeaderType]string{}}
	var ids []uint32
	for _, g := range []struct {
		want          bool
		family, group string
	}{
		{groups.Datapaths, uapi.OVS_DATAPATH_FAMILY, uapi.OVS_DATAPATH_MCGROUP},
		{groups.Vports, uapi.OVS_VPORT_FAMILY, uapi.OVS_VPORT_MCGROUP},
		{groups.Flows, uapi.OVS_FLOW_FAMILY, uapi.OVS_FLOW_MCGROUP},
	} {
		if !g.want {
			continue
		}
		f, err := nl.LookupFamily(ns, g.family, kernelModule)
		if err != nil {
			return nil, err
		}
		id, ok := groupID(f, g.group)
		if !ok {
			return nil, &nl.UnsupportedError{Feature: "events of " + g.family}
		}
		m.families[netlink.HeaderType(f.ID)] = g.family
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return nil, &nl.Error{Op: "listen to events", Err: errors.New("no group given")}
	}
	c, err := nl.DialRaw(netlinkGeneric, ns)
	if err != nil {
		return nil, err
	}
	_ = c.SetReadBuffer(receiveBuffer) // best effort, see there
	for _, id := range ids {
		if err := c.JoinGroup(id); err != nil {
			_ = c.Close()
			return nil, &nl.Error{Op: "listen to events", Err: err}
		}
	}
	m.r = receiver{c: c, op: "receive event", lost: ErrEventsLost}
	return m, nil
}

func groupID(f nl.Family, name string) (uint32, bool) {
	for _, g := range f.Groups {
		if g.Name == name {
			return g.ID, true
		}
	}
	return 0, false
}

// Close closes the socket; a Receive in progress ends with an error.
func (m *Monitor) Close() error { return m.r.c.Close() }

// Receive waits for the next event. It returns ErrEventsLost after an overflow,
// ctx's error when that ends first, and a decoding error for a message that is
// not as documented; all but a closed socket may be followed by another call.
func (m *Monitor) Receive(ctx context.Context) (Event, error) {
	for {
		msg, err := m.r.next(ctx)
		if err != nil {
			return Event{}, err
		}
		family, ok := m.families[msg.Header.Type]
		if !ok {
			continue
		}
		var gm genetlink.Message
		if err := gm.UnmarshalBinary(msg.Data); err != nil {
			return Event{}, &nl.Error{Op: "receive event", Err: err}
		}
		e, err := decodeEvent(family, gm.Header.Command, gm.Data)
		e.FromPID = msg.Header.PID
		if err != nil {
			return e, &nl.Error{Op: "receive event", Object: "of " + family, Err: fmt.Errorf("%w: %w", errBadEvent, err)}
		}
		return e, nil
	}
}

var errBadEvent = errors.New("event cannot be read")

// Events yields events until the context ends, which is no error, or the socket
// fails. Lost events (ErrEventsLost) and those that cannot be read are yielded
// as errors in their place, and the walk goes on.
func (m *Monitor) Events(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for {
			e, err := m.Receive(ctx)
			if err != nil && ctx.Err() != nil {
				return
			}
			goesOn := err == nil || errors.Is(err, ErrEventsLost) || errors.Is(err, errBadEvent)
			if !yield(e, err) || !goesOn {
				return
			}
		}
	}
}
