// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
)

// maxDepth bounds nesting in text, netlink and JSON alike. The kernel stops at
// 16 levels of actions and ovs-dpctl's parser at 32.
const maxDepth = 32

var errTooDeep = fmt.Errorf("actions nest deeper than %d levels", maxDepth)

// AppendNetlink appends the actions as a list of OVS_ACTION_ATTR_* attributes,
// the payload of OVS_FLOW_ATTR_ACTIONS. It fails only when a nest outgrows the
// 65531 bytes an attribute can hold.
func (as Actions) AppendNetlink(b []byte) ([]byte, error) {
	var err error
	for _, a := range as {
		if b, err = a.appendAttr(b); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// DecodeActions reads a list of OVS_ACTION_ATTR_* attributes. The result shares
// memory with b. Attributes it does not know, or whose content is not as
// documented, become Raw; only a list whose lengths do not add up is an error.
func DecodeActions(b []byte) (Actions, error) { return decodeActions(b, 0) }

func decodeActions(b []byte, depth int) (Actions, error) {
	if depth >= maxDepth {
		return nil, errTooDeep
	}
	var as Actions
	for at, err := range allAttrs(b) {
		if err != nil {
			return nil, fmt.Errorf("actions: %w", err)
		}
		as = append(as, decodeAction(at, depth))
	}
	return as, nil
}

// allAttrs is nl.Attrs that also minds a tail too short to be an attribute:
// nothing that was received may vanish.
func allAttrs(b []byte) iter.Seq2[nl.Attr, error] {
	return func(yield func(nl.Attr, error) bool) {
		left := len(b)
		for at, err := range nl.Attrs(b) {
			if !yield(at, err) || err != nil {
				return
			}
			left -= 4 + (len(at.Data)+3)&^3
		}
		if left > 0 {
			yield(nl.Attr{}, fmt.Errorf("%d stray bytes after the last attribute", left))
		}
	}
}

func decodeAction(at nl.Attr, depth int) Action {
	if a := decodeKnown(at, depth); a != nil {
		return a
	}
	return Raw{Type: at.Type, Nested: at.Nested || isNestAction(at.Type), NetByteOrder: at.NetByteOrder, Data: at.Data}
}

// isNestAction holds for the actions that are nests by definition. Kernels hand
// them out without NLA_F_NESTED, which psample must have to be taken again.
func isNestAction(typ uint16) bool {
	switch typ {
	case uapi.OVS_ACTION_ATTR_USERSPACE, uapi.OVS_ACTION_ATTR_SET, uapi.OVS_ACTION_ATTR_SAMPLE,
		uapi.OVS_ACTION_ATTR_SET_MASKED, uapi.OVS_ACTION_ATTR_CT, uapi.OVS_ACTION_ATTR_PUSH_NSH,
		uapi.OVS_ACTION_ATTR_CLONE, uapi.OVS_ACTION_ATTR_CHECK_PKT_LEN, uapi.OVS_ACTION_ATTR_DEC_TTL,
		uapi.OVS_ACTION_ATTR_PSAMPLE:
		return true
	}
	return false
}

// decodeKnown returns nil for what it cannot give back unchanged.
func decodeKnown(at nl.Attr, depth int) Action {
	if at.NetByteOrder {
		return nil
	}
	switch at.Type {
	case uapi.OVS_ACTION_ATTR_USERSPACE:
		return decodeUserspace(at.Data)
	case uapi.OVS_ACTION_ATTR_SAMPLE:
		return decodeSample(at.Data, depth)
	case uapi.OVS_ACTION_ATTR_PSAMPLE:
		return decodePsample(at.Data)
	case uapi.OVS_ACTION_ATTR_CLONE:
		if as, err := decodeActions(at.Data, depth+1); err == nil {
			return Clone{Actions: as}
		}
		return nil
	}
	if at.Nested {
		return nil
	}
	switch at.Type {
	case uapi.OVS_ACTION_ATTR_POP_VLAN, uapi.OVS_ACTION_ATTR_CT_CLEAR:
		if len(at.Data) != 0 {
			return nil
		}
		if at.Type == uapi.OVS_ACTION_ATTR_POP_VLAN {
			return PopVLAN{}
		}
		return CTClear{}
	}
	v, ok := at.Uint32() // all the others are four bytes long
	if !ok {
		return nil
	}
	switch at.Type {
	case uapi.OVS_ACTION_ATTR_OUTPUT:
		return Output{Port: v}
	case uapi.OVS_ACTION_ATTR_TRUNC:
		return Trunc{MaxLen: v}
	case uapi.OVS_ACTION_ATTR_RECIRC:
		return Recirc{ID: v}
	case uapi.OVS_ACTION_ATTR_METER:
		return Meter{ID: v}
	case uapi.OVS_ACTION_ATTR_PUSH_VLAN:
		return PushVLAN{
			TPID: binary.BigEndian.Uint16(at.Data),
			TCI:  binary.BigEndian.Uint16(at.Data[2:]),
		}
	}
	return nil
}

var errOdd = errors.New("not the documented shape")

// nest walks the attributes of a nest whose types are below 64 and appear once
// each; f returns false for an attribute that does not fit.
func nest(b []byte, f func(nl.Attr) bool) error {
	var seen uint64
	for at, err := range allAttrs(b) {
		if err != nil {
			return err
		}
		if at.NetByteOrder || at.Type >= 64 || seen&(1<<at.Type) != 0 || !f(at) {
			return errOdd
		}
		seen |= 1 << at.Type
	}
	return nil
}

func decodeUserspace(b []byte) Action {
	var u Userspace
	pid := false
	err := nest(b, func(at nl.Attr) (ok bool) {
		if at.Nested {
			return false
		}
		switch at.Type {
		case uapi.OVS_USERSPACE_ATTR_PID:
			u.PID, ok = at.Uint32()
			pid = true
		case uapi.OVS_USERSPACE_ATTR_USERDATA:
			u.Userdata, ok = at.Data, true
		case uapi.OVS_USERSPACE_ATTR_EGRESS_TUN_PORT:
			var port uint32
			port, ok = at.Uint32()
			u.EgressTunPort = &port
		case uapi.OVS_USERSPACE_ATTR_ACTIONS:
			u.Actions, ok = true, len(at.Data) == 0
		}
		return ok
	})
	if err != nil || !pid {
		return nil
	}
	return u
}

func decodeSample(b []byte, depth int) Action {
	var (
		s              Sample
		share, actions bool
	)
	err := nest(b, func(at nl.Attr) (ok bool) {
		switch at.Type {
		case uapi.OVS_SAMPLE_ATTR_PROBABILITY:
			share = true
			s.Probability, ok = at.Uint32()
			ok = ok && !at.Nested
		case uapi.OVS_SAMPLE_ATTR_ACTIONS:
			actions = true
			var err error
			s.Actions, err = decodeActions(at.Data, depth+1)
			ok = err == nil
		}
		return ok
	})
	if err != nil || !share || !actions {
		return nil
	}
	return s
}

// decodePsample leaves what the text parser refuses to Raw, so that every
// Psample that came out of a kernel can be written and read as text.
func decodePsample(b []byte) Action {
	var p Psample
	group := false
	err := nest(b, func(at nl.Attr) (ok bool) {
		if at.Nested {
			return false
		}
		switch at.Type {
		case uapi.OVS_PSAMPLE_ATTR_GROUP:
			group = true
			p.Group, ok = at.Uint32()
		case uapi.OVS_PSAMPLE_ATTR_COOKIE:
			p.Cookie = at.Data
			ok = len(at.Data) > 0 && len(at.Data) <= uapi.OVS_PSAMPLE_COOKIE_MAX_SIZE
		}
		return ok
	})
	if err != nil || !group {
		return nil
	}
	return p
}

func (a Output) appendAttr(b []byte) ([]byte, error) {
	return nl.AppendUint32(b, uapi.OVS_ACTION_ATTR_OUTPUT, a.Port), nil
}

func (a Trunc) appendAttr(b []byte) ([]byte, error) {
	return nl.AppendUint32(b, uapi.OVS_ACTION_ATTR_TRUNC, a.MaxLen), nil
}

func (a Recirc) appendAttr(b []byte) ([]byte, error) {
	return nl.AppendUint32(b, uapi.OVS_ACTION_ATTR_RECIRC, a.ID), nil
}

func (a Meter) appendAttr(b []byte) ([]byte, error) {
	return nl.AppendUint32(b, uapi.OVS_ACTION_ATTR_METER, a.ID), nil
}

func (PopVLAN) appendAttr(b []byte) ([]byte, error) {
	return nl.AppendFlag(b, uapi.OVS_ACTION_ATTR_POP_VLAN), nil
}

func (CTClear) appendAttr(b []byte) ([]byte, error) {
	return nl.AppendFlag(b, uapi.OVS_ACTION_ATTR_CT_CLEAR), nil
}

func (a PushVLAN) appendAttr(b []byte) ([]byte, error) {
	p := binary.BigEndian.AppendUint16(make([]byte, 0, 4), a.TPID)
	return nl.AppendAttr(b, uapi.OVS_ACTION_ATTR_PUSH_VLAN, binary.BigEndian.AppendUint16(p, a.TCI)), nil
}

func (a Clone) appendAttr(b []byte) ([]byte, error) {
	return nl.AppendNested(b, uapi.OVS_ACTION_ATTR_CLONE, a.Actions.AppendNetlink)
}

func (a Sample) appendAttr(b []byte) ([]byte, error) {
	return nl.AppendNested(b, uapi.OVS_ACTION_ATTR_SAMPLE, func(b []byte) ([]byte, error) {
		b = nl.AppendUint32(b, uapi.OVS_SAMPLE_ATTR_PROBABILITY, a.Probability)
		return nl.AppendNested(b, uapi.OVS_SAMPLE_ATTR_ACTIONS, a.Actions.AppendNetlink)
	})
}

func (a Psample) appendAttr(b []byte) ([]byte, error) {
	return nl.AppendNested(b, uapi.OVS_ACTION_ATTR_PSAMPLE, func(b []byte) ([]byte, error) {
		b = nl.AppendUint32(b, uapi.OVS_PSAMPLE_ATTR_GROUP, a.Group)
		if a.Cookie == nil {
			return b, nil
		}
		return appendBytes(b, uapi.OVS_PSAMPLE_ATTR_COOKIE, a.Cookie)
	})
}

func (a Userspace) appendAttr(b []byte) ([]byte, error) {
	return nl.AppendNested(b, uapi.OVS_ACTION_ATTR_USERSPACE, func(b []byte) ([]byte, error) {
		b = nl.AppendUint32(b, uapi.OVS_USERSPACE_ATTR_PID, a.PID)
		if a.Userdata != nil {
			var err error
			if b, err = appendBytes(b, uapi.OVS_USERSPACE_ATTR_USERDATA, a.Userdata); err != nil {
				return nil, err
			}
		}
		if a.EgressTunPort != nil {
			b = nl.AppendUint32(b, uapi.OVS_USERSPACE_ATTR_EGRESS_TUN_PORT, *a.EgressTunPort)
		}
		if a.Actions {
			b = nl.AppendFlag(b, uapi.OVS_USERSPACE_ATTR_ACTIONS)
		}
		return b, nil
	})
}

func (r Raw) appendAttr(b []byte) ([]byte, error) {
	typ := r.Type & nl.TypeMask
	if r.Nested {
		typ |= nl.NestedFlag
	}
	if r.NetByteOrder {
		typ |= nl.NetByteOrderFlag
	}
	return appendBytes(b, typ, r.Data)
}

func appendBytes(b []byte, typ uint16, p []byte) ([]byte, error) {
	if len(p) > nl.MaxAttrPayload {
		return nil, fmt.Errorf("attribute %d: %d bytes, an attribute holds at most %d", typ&nl.TypeMask, len(p), nl.MaxAttrPayload)
	}
	return nl.AppendAttr(b, typ, p), nil
}

// ProbabilityOf scales a share of packets, in percent from 0 to 100, to
// Sample's unit, rounding to nearest as ovs-dpctl does.
func ProbabilityOf(percent float64) uint32 {
	p := math.Floor(math.MaxUint32*(percent/100) + .5)
	return uint32(min(max(p, 0), math.MaxUint32))
}
