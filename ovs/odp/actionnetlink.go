// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/dpscope/dpscope/nl"
)

var errTooDeep = fmt.Errorf("actions nest deeper than %d levels", maxDepth)

// AppendNetlink appends the actions as a list of OVS_ACTION_ATTR_* attributes,
// the payload of OVS_FLOW_ATTR_ACTIONS. It fails when a nest outgrows the 65531
// bytes an attribute can hold, and with a *UserspaceError for actions that only
// the userspace datapath has.
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

func decodeActions(b []byte, depth int) (Actions, error) { return appendDecoded(nil, b, depth) }

func appendDecoded(as Actions, b []byte, depth int) (Actions, error) {
	if depth >= maxDepth {
		return nil, errTooDeep
	}
	for at, err := range allAttrs(b) {
		if err != nil {
			return nil, fmt.Errorf("actions: %w", err)
		}
		if as == nil {
			as = make(Actions, 0, countAttrs(b))
		}
		as = append(as, decodeAction(at, depth))
	}
	return as, nil
}

// countAttrs is how many attributes a list starts with, some at most: room is
// made for them at once.
func countAttrs(b []byte) (n int) {
	for _, err := range allAttrs(b) {
		if err != nil || n == 16 {
			break
		}
		n++
	}
	return n
}

// Clone copies a list with all it refers to. An action that cannot be encoded is
// copied as it is.
func (as Actions) Clone() Actions {
	if b, err := as.AppendNetlink(nil); err == nil {
		if out, err := DecodeActions(b); err == nil && len(out) == len(as) {
			return out
		}
	}
	return slices.Clone(as)
}

func decodeAction(at nl.Attr, depth int) Action {
	s := specOf(at.Type)
	if s != nil && !at.NetByteOrder {
		if a, ok := s.decode(at, depth); ok {
			return a
		}
	}
	// Kernels hand out nests without NLA_F_NESTED, which psample must have to
	// be taken again.
	nested := at.Nested || s != nil && s.nest
	return Raw{Type: at.Type, Nested: nested, NetByteOrder: at.NetByteOrder, Data: at.Data}
}

// rawOf is an action as bytes.
func rawOf(a Action) (Raw, error) {
	b, err := a.appendAttr(nil)
	if err != nil {
		return Raw{}, err
	}
	at, ok := onlyAttr(b)
	if !ok {
		return Raw{}, fmt.Errorf("action %d: not one attribute", a.attrType())
	}
	return Raw{Type: at.Type, Nested: at.Nested, NetByteOrder: at.NetByteOrder, Data: at.Data}, nil
}

// known is the action these bytes are, itself where there is no type that would
// say all of them.
func (r Raw) known(depth int) Action {
	b, err := r.appendAttr(nil)
	if err != nil {
		return r
	}
	at, _ := onlyAttr(b)
	a := decodeAction(at, depth)
	if again, err := a.appendAttr(nil); err != nil || !bytes.Equal(again, b) {
		return r
	}
	return a
}

// appendRawAction writes an action by number, whatever its type has to say.
func appendRawAction(b []byte, a Action, o *TextOptions) []byte {
	r, err := rawOf(a)
	if err != nil {
		return append(b, "unknown(error)"...)
	}
	return r.appendText(b, o)
}
