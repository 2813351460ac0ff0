// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"bytes"
	"fmt"

	"github.com/dpscope/dpscope/nl"
)

// Match is what a flow matches: OVS_KEY_ATTR_* values with their masks, in the
// order the kernel gave them or the text named them.
type Match struct {
	Fields []Field

	// Exact tells that there is no mask at all (no OVS_FLOW_ATTR_MASK): every
	// field matches exactly, as in the key of a packet.
	Exact bool
}

// Field is one OVS_KEY_ATTR_* in its wire form (multi-byte parts big endian or
// host order as linux/openvswitch.h says). The slices may share memory with the
// message they came from.
type Field struct {
	Type   uint16 // OVS_KEY_ATTR_*, without flags
	Nested bool   // NLA_F_NESTED on an attribute that is no nest by definition
	Value  []byte // nil: only the mask has this attribute
	Mask   []byte // nil: the mask lacks it, anything matches (unless Match.Exact)
}

// Field finds a field by type.
func (m Match) Field(typ uint16) (Field, bool) {
	for _, f := range m.Fields {
		if f.Type == typ {
			return f, true
		}
	}
	return Field{}, false
}

// DecodeMatch reads the payloads of OVS_FLOW_ATTR_KEY and OVS_FLOW_ATTR_MASK.
// A nil mask means there was none (Match.Exact); an empty one wildcards
// everything. The result shares memory with both. Unknown attributes are kept;
// an attribute that appears twice or lengths that do not add up are errors.
func DecodeMatch(key, mask []byte) (Match, error) { return decodeMatch(key, mask, 0) }

func decodeMatch(key, mask []byte, depth int) (Match, error) {
	m := Match{Exact: mask == nil}
	if key == nil && mask == nil {
		return m, nil
	}
	m.Fields = make([]Field, 0, 16)
	for at, err := range allAttrs(key) {
		if err != nil {
			return Match{}, fmt.Errorf("flow key: %w", err)
		}
		if m.index(at.Type) >= 0 {
			return Match{}, fmt.Errorf("flow key: attribute %s appears twice", keyName(at.Type))
		}
		m.Fields = append(m.Fields, Field{Type: at.Type, Nested: at.Nested && !isNest(at.Type), Value: payload(at, depth)})
	}
	for at, err := range allAttrs(mask) {
		if err != nil {
			return Match{}, fmt.Errorf("flow mask: %w", err)
		}
		i := m.index(at.Type)
		if i < 0 {
			i = len(m.Fields)
			m.Fields = append(m.Fields, Field{Type: at.Type})
		}
		f := &m.Fields[i]
		if f.Mask != nil {
			return Match{}, fmt.Errorf("flow mask: attribute %s appears twice", keyName(at.Type))
		}
		f.Mask = payload(at, depth)
		f.Nested = f.Nested || at.Nested && !isNest(at.Type)
	}
	return m, nil
}

// payload is what an attribute holds. A nest of keys is brought into one form,
// padding cleared and nest flags set, unless something in it is odd.
func payload(at nl.Attr, depth int) []byte {
	b := notNil(at.Data)
	if at.Type != encapType || len(b) == 0 || depth+1 >= maxDepth {
		return b
	}
	m, err := decodeMatch(b, nil, depth+1)
	if err != nil {
		return b
	}
	// It cannot outgrow an attribute: it holds what one attribute held.
	if p, err := m.AppendKey(make([]byte, 0, len(b)+3)); err == nil && len(p) <= nl.MaxAttrPayload {
		return p
	}
	return b
}

func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

func (m Match) index(typ uint16) int {
	for i := range m.Fields {
		if m.Fields[i].Type == typ {
			return i
		}
	}
	return -1
}

// AppendKey appends the values as attributes, the payload of OVS_FLOW_ATTR_KEY.
func (m Match) AppendKey(b []byte) ([]byte, error) {
	return m.appendSide(b, func(f Field) []byte { return f.Value })
}

// AppendMask appends the masks as attributes, the payload of OVS_FLOW_ATTR_MASK.
// It must not be sent when the match is Exact.
func (m Match) AppendMask(b []byte) ([]byte, error) {
	return m.appendSide(b, func(f Field) []byte { return f.Mask })
}

func (m Match) appendSide(b []byte, side func(Field) []byte) ([]byte, error) {
	var err error
	for _, f := range m.Fields {
		p := side(f)
		if p == nil {
			continue
		}
		typ := f.Type & nl.TypeMask
		if f.Nested || isNest(f.Type) {
			typ |= nl.NestedFlag
		}
		if b, err = appendBytes(b, typ, p); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// wildcard tells that a field matches anything.
func (f Field) wildcard(exact bool) bool {
	if exact {
		return false
	}
	return f.Mask == nil || zeroMask(f.Type, f.Mask, 0)
}

// zeroMask looks through nests, whose attribute headers are never zero.
func zeroMask(typ uint16, mask []byte, depth int) bool {
	if !isNest(typ) {
		return allBytes(mask, 0)
	}
	if depth >= maxDepth {
		return false
	}
	for at, err := range nl.Attrs(mask) {
		if err != nil {
			return false
		}
		inner := at.Type
		if typ != encapType {
			inner = 0 // another numbering: nests inside are not told apart
		}
		if !zeroMask(inner, at.Data, depth+1) {
			return false
		}
	}
	return true
}

func allBytes(b []byte, v byte) bool {
	for _, c := range b {
		if c != v {
			return false
		}
	}
	return true
}

// equalField compares two fields byte by byte, absence included.
func equalField(a, b Field) bool {
	return a.Type == b.Type && a.Nested == b.Nested &&
		(a.Value == nil) == (b.Value == nil) && bytes.Equal(a.Value, b.Value) &&
		(a.Mask == nil) == (b.Mask == nil) && bytes.Equal(a.Mask, b.Mask)
}

// Equal tells whether two matches have the same fields in the same order.
func (m Match) Equal(o Match) bool {
	if m.Exact != o.Exact || len(m.Fields) != len(o.Fields) {
		return false
	}
	for i := range m.Fields {
		if !equalField(m.Fields[i], o.Fields[i]) {
			return false
		}
	}
	return true
}
