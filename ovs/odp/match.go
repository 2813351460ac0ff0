// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/ovs/odp/internal/layout"
)

// Match is what a flow matches: OVS_KEY_ATTR_* values with their masks, in the
// order the kernel gave them or the text named them.
type Match struct {
	Fields []Field

	// Exact tells that there is no mask at all (no OVS_FLOW_ATTR_MASK): every
	// field matches exactly, as in the key of a packet.
	Exact bool

	// MaskOrder are the fields that have a mask, by index, in the order of the
	// mask's attributes; nil when that is the order of Fields.
	MaskOrder []int
}

// Field is one OVS_KEY_ATTR_* in its wire form (multi-byte parts big endian or
// host order as linux/openvswitch.h says). The slices may share memory with the
// message they came from.
type Field struct {
	Type         uint16 // OVS_KEY_ATTR_*, without flags
	Nested       bool   // NLA_F_NESTED on an attribute that is no nest by definition
	NetByteOrder bool   // NLA_F_NET_BYTEORDER, which no known attribute has
	Value        []byte // nil: only the mask has this attribute
	Mask         []byte // nil: the mask lacks it, anything matches (unless Match.Exact)
}

// Field finds a field by type.
func (m Match) Field(typ uint16) (Field, bool) {
	if i := m.index(typ); i >= 0 {
		return m.Fields[i], true
	}
	return Field{}, false
}

// DecodeMatch reads the payloads of OVS_FLOW_ATTR_KEY and OVS_FLOW_ATTR_MASK.
// A nil mask means there was none (Match.Exact); an empty one wildcards
// everything. The result shares memory with both. Unknown attributes are kept;
// an attribute that appears twice or lengths that do not add up are errors.
func DecodeMatch(key, mask []byte) (Match, error) { return decodeMatch(key, mask, 0) }

func decodeMatch(key, mask []byte, depth int) (Match, error) {
	fields, err := appendSide(nil, "flow key", key, depth)
	if err != nil {
		return Match{}, err
	}
	masks, err := appendSide(nil, "flow mask", mask, depth)
	if err != nil {
		return Match{}, err
	}
	m := Match{Exact: mask == nil, Fields: fields}
	m.merge(masks)
	return m, nil
}

// appendSide appends a list of keys to an empty list as fields that have only a
// value.
func appendSide(list []Field, what string, b []byte, depth int) ([]Field, error) {
	if len(b) > 0 && cap(list) == 0 {
		list = make([]Field, 0, 16)
	}
	for at, err := range allAttrs(b) {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		for i := range list {
			if list[i].Type == at.Type {
				return nil, fmt.Errorf("%s: attribute %s appears twice", what, keyName(at.Type))
			}
		}
		nest := isNest(layout.Keys, at.Type)
		f := Field{Type: at.Type, Nested: at.Nested && !nest, NetByteOrder: at.NetByteOrder, Value: notNil(at.Data)}
		if nest && depth+1 < maxDepth {
			f.Value = normalNest(f.Value, layout.Keys.Attr(at.Type).Nest, depth+1)
		}
		list = append(list, f)
	}
	return list, nil
}

// Clone copies a match with all it refers to.
func (m Match) Clone() Match {
	m.Fields = slices.Clone(m.Fields)
	for i := range m.Fields {
		f := &m.Fields[i]
		f.Value, f.Mask = bytes.Clone(f.Value), bytes.Clone(f.Mask)
	}
	m.MaskOrder = slices.Clone(m.MaskOrder)
	return m
}

// unite makes one field of a value and a mask that stand apart.
func (m *Match) unite() {
	var values, masks []Field
	for _, f := range m.Fields {
		v, mask := f, f
		v.Mask, mask.Mask, mask.Value = nil, nil, f.Mask
		if v.Value != nil {
			values = append(values, v)
		}
		if mask.Value != nil {
			masks = append(masks, mask)
		}
	}
	m.Fields = values
	m.merge(masks)
}

// merge adds the masks, given as the values of masks. A mask without a value
// goes to where it stands among the others.
func (m *Match) merge(masks []Field) {
	next, last := 0, -1 // where a mask without value goes; the field before it
	ordered := true
	for _, f := range masks {
		i := m.partner(f, next)
		if i < 0 {
			continue
		}
		ordered = ordered && i > last
		last, next = i, i+1
	}
	if !ordered {
		m.mergeUnordered(masks)
		return
	}
	next = 0
	for _, f := range masks {
		i := m.partner(f, next)
		if i < 0 {
			i = next
			m.Fields = slices.Insert(m.Fields, i, Field{Type: f.Type, Nested: f.Nested, NetByteOrder: f.NetByteOrder})
		}
		m.Fields[i].Mask = f.Value
		next = i + 1
	}
}

func (m *Match) mergeUnordered(masks []Field) {
	for _, f := range masks {
		i := m.partner(f, 0)
		if i < 0 {
			i = len(m.Fields)
			m.Fields = append(m.Fields, Field{Type: f.Type, Nested: f.Nested, NetByteOrder: f.NetByteOrder})
		}
		m.Fields[i].Mask = f.Value
		m.MaskOrder = append(m.MaskOrder, i)
	}
}

// partner is the value that a mask belongs to; hint is where to look first.
func (m *Match) partner(mask Field, hint int) int {
	fits := func(f *Field) bool {
		return f.Type == mask.Type && f.Value != nil && f.Nested == mask.Nested && f.NetByteOrder == mask.NetByteOrder
	}
	if hint < len(m.Fields) && fits(&m.Fields[hint]) {
		return hint
	}
	for i := range m.Fields {
		if fits(&m.Fields[i]) {
			return i
		}
	}
	return -1
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
	var err error
	for i := range m.Fields {
		if b, err = m.Fields[i].append(b, m.Fields[i].Value); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// AppendMask appends the masks as attributes, the payload of OVS_FLOW_ATTR_MASK.
// It must not be sent when the match is Exact.
func (m Match) AppendMask(b []byte) ([]byte, error) {
	var err error
	for n := range m.Fields {
		i := n
		if m.MaskOrder != nil {
			if n >= len(m.MaskOrder) {
				break
			}
			if i = m.MaskOrder[n]; i < 0 || i >= len(m.Fields) {
				return nil, fmt.Errorf("flow mask: there is no field %d", i)
			}
		}
		if b, err = m.Fields[i].append(b, m.Fields[i].Mask); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// append appends one side of the field, nothing when there is none.
func (f *Field) append(b, side []byte) ([]byte, error) {
	if side == nil {
		return b, nil
	}
	typ := f.Type & nl.TypeMask
	if f.Nested || isNest(layout.Keys, f.Type) {
		typ |= nl.NestedFlag
	}
	if f.NetByteOrder {
		typ |= nl.NetByteOrderFlag
	}
	return appendBytes(b, typ, side)
}

// odd tells that a field has flags no known attribute has.
func (f *Field) odd() bool { return f.Nested || f.NetByteOrder }

// equalField compares two fields byte by byte, absence included.
func equalField(a, b Field) bool {
	return a.Type == b.Type && a.Nested == b.Nested && a.NetByteOrder == b.NetByteOrder &&
		(a.Value == nil) == (b.Value == nil) && bytes.Equal(a.Value, b.Value) &&
		(a.Mask == nil) == (b.Mask == nil) && bytes.Equal(a.Mask, b.Mask)
}

// Equal tells whether two matches have the same fields in the same order.
func (m Match) Equal(o Match) bool {
	return m.Exact == o.Exact && slices.EqualFunc(m.Fields, o.Fields, equalField) && slices.Equal(m.MaskOrder, o.MaskOrder)
}

// keyName is a key's name, its number if it has none.
func keyName(typ uint16) string {
	if s := layout.Keys.Attr(typ); s.Name != "" {
		return s.Name
	}
	return fmt.Sprint(typ)
}
