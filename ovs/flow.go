// SPDX-License-Identifier: Apache-2.0

package ovs

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp"
)

// Flow is a flow of a datapath with its counters. Match, Actions, UFID and
// Unknown share memory with the message they were read from.
type Flow struct {
	DatapathIfindex int
	UFID            odp.UFID // nil when the flow was added without one
	Match           odp.Match
	Actions         odp.Actions

	Packets  uint64
	Bytes    uint64
	TCPFlags uint8 // union of the TCP flags seen
	// UsedMS is when a packet last matched, in milliseconds of the kernel's
	// monotonic clock; 0 is never.
	UsedMS  uint64
	Unknown []Attr
}

// Clone copies a flow with all it refers to: one that Flows has yielded stays
// valid then and may be changed.
func (f Flow) Clone() Flow {
	f.UFID = bytes.Clone(f.UFID)
	f.Match = f.Match.Clone()
	f.Actions = f.Actions.Clone()
	f.Unknown = slices.Clone(f.Unknown)
	for i := range f.Unknown {
		f.Unknown[i].Data = bytes.Clone(f.Unknown[i].Data)
	}
	return f
}

// DecodeFlow reads a message of the ovs_flow family, after its genl header. The
// flow shares memory with b.
func DecodeFlow(b []byte) (Flow, error) {
	var d flowDecoder
	f, err := d.decode(b)
	return f, err
}

// flowDecoder decodes flow after flow into memory of its own. A flow is valid
// until the next one.
type flowDecoder struct {
	odp        odp.Decoder
	hasActions bool // the last message had OVS_FLOW_ATTR_ACTIONS
}

func (d *flowDecoder) decode(b []byte) (Flow, error) {
	var (
		f                  Flow
		key, mask, actions []byte
	)
	d.hasActions = false
	ifindex, err := decodeMessage("flow", b, func(at nl.Attr) error {
		switch at.Type {
		case uapi.OVS_FLOW_ATTR_KEY:
			key = at.Data
		case uapi.OVS_FLOW_ATTR_MASK:
			mask = at.Data
			if mask == nil {
				mask = []byte{}
			}
		case uapi.OVS_FLOW_ATTR_ACTIONS:
			actions, d.hasActions = at.Data, true
		case uapi.OVS_FLOW_ATTR_STATS:
			return getUint64s(at, &f.Packets, &f.Bytes)
		case uapi.OVS_FLOW_ATTR_TCP_FLAGS:
			v, ok := at.Uint8()
			if !ok {
				return errBadLength
			}
			f.TCPFlags = v
		case uapi.OVS_FLOW_ATTR_USED:
			return getUint64s(at, &f.UsedMS)
		case uapi.OVS_FLOW_ATTR_UFID:
			if len(at.Data) == 0 || len(at.Data) > 16 {
				return errBadLength
			}
			f.UFID = odp.UFID(at.Data)
		case uapi.OVS_FLOW_ATTR_PAD:
		default:
			f.Unknown = keepUnknown(f.Unknown, at)
		}
		return nil
	})
	if err == nil {
		f.DatapathIfindex = ifindex
		f.Match, err = d.odp.Match(key, mask)
		if err == nil {
			f.Actions, err = d.odp.Actions(actions)
		}
		if err != nil {
			err = fmt.Errorf("flow message: %w", err)
		}
	}
	return f, err
}

// FlowSpec is a flow to add, change or find.
type FlowSpec struct {
	Match   odp.Match
	Actions odp.Actions
	UFID    odp.UFID // nil: the kernel identifies the flow by its key
	// Probe asks the kernel not to log a refusal (OVS_FLOW_ATTR_PROBE).
	Probe bool
}

// CheckKernel returns an *odp.UserspaceError when the flow has keys or actions
// that only the userspace datapath of Open vSwitch has.
func (s FlowSpec) CheckKernel() error {
	if err := s.Match.CheckKernel(); err != nil {
		return err
	}
	return s.Actions.CheckKernel()
}

// appendAttrs encodes the request; withActions says whether the action list,
// possibly empty, is part of it. A flow that is named by its id needs no key.
// What only the userspace datapath has is refused with an *odp.UserspaceError:
// the kernel takes some of these numbers for something else.
func (s FlowSpec) appendAttrs(b []byte, withActions bool) ([]byte, error) {
	if !withActions {
		s.Actions = nil
	}
	err := s.CheckKernel()
	if err != nil {
		return nil, err
	}
	if s.UFID != nil {
		b = nl.AppendAttr(b, uapi.OVS_FLOW_ATTR_UFID, s.UFID)
	}
	if withActions || s.UFID == nil || len(s.Match.Fields) > 0 {
		if b, err = nl.AppendNested(b, uapi.OVS_FLOW_ATTR_KEY, s.Match.AppendKey); err != nil {
			return nil, err
		}
		if !s.Match.Exact {
			if b, err = nl.AppendNested(b, uapi.OVS_FLOW_ATTR_MASK, s.Match.AppendMask); err != nil {
				return nil, err
			}
		}
	}
	if withActions {
		if b, err = nl.AppendNested(b, uapi.OVS_FLOW_ATTR_ACTIONS, s.Actions.AppendNetlink); err != nil {
			return nil, err
		}
	}
	if s.Probe {
		b = nl.AppendFlag(b, uapi.OVS_FLOW_ATTR_PROBE)
	}
	return b, nil
}
