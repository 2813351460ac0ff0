// SPDX-License-Identifier: Apache-2.0

package odp

// Actions is what a flow does to a packet, in order. An empty list drops it.
type Actions []Action

// Action is one datapath action: Output, Userspace, Set, CT, Psample and so on,
// or Raw for what this package has no type for.
//
// Encoding does not judge: an action the kernel will refuse, such as a Psample
// with a 17-byte cookie, is encoded as it stands. Only the text parser is strict.
type Action interface {
	// attrType is the OVS_ACTION_ATTR_* of the action.
	attrType() uint16
	// appendAttr appends the whole attribute.
	appendAttr(b []byte) ([]byte, error)
	// appendText appends the text form.
	appendText(b []byte, o *TextOptions) []byte
	// jsonValue is what stands behind the action's name in JSON.
	jsonValue() any
}

// TypeOf is the OVS_ACTION_ATTR_* number of an action, 0 for those that exist in
// the userspace datapath only.
func TypeOf(a Action) uint16 { return a.attrType() }

// Has tells whether the list holds an action of this type, at any depth that
// this package decodes.
func (as Actions) Has(typ uint16) bool {
	return as.find(func(a Action) bool { return a.attrType() == typ }) != nil
}

// find is the first action, at any depth, for which f holds; nil if none.
func (as Actions) find(f func(Action) bool) Action {
	for _, a := range as {
		if f(a) {
			return a
		}
		for _, inner := range inside(a) {
			if a := inner.find(f); a != nil {
				return a
			}
		}
	}
	return nil
}

// inside is the lists of actions that an action holds.
func inside(a Action) []Actions {
	switch a := a.(type) {
	case Sample:
		return []Actions{a.Actions}
	case Clone:
		return []Actions{a.Actions}
	case CheckPktLen:
		return []Actions{a.Greater, a.LessEqual}
	case DecTTL:
		return []Actions{a.Exceeded}
	}
	return nil
}

// Raw is any action as bytes: one this package has no type for, one whose
// content is not as documented, or one made to test the kernel. It is also any
// attribute inside an action that has no field there.
type Raw struct {
	Type         uint16 // OVS_ACTION_ATTR_*, without flags
	Nested       bool   // set NLA_F_NESTED
	NetByteOrder bool   // set NLA_F_NET_BYTEORDER
	Data         []byte // payload without header and padding
}

func (r Raw) attrType() uint16 { return r.Type }
