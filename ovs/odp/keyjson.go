// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/ovs/odp/internal/layout"
)

// MarshalJSON writes {"key":{...},"mask":{...}}, without "mask" when there is
// none (Exact). Both hold the attributes under their names, in their order;
// numbers are numbers, addresses strings, labels and 64-bit ids hex strings, the
// most significant digit first. What has no name or not the documented shape is
// in the list "unknown" as type and hex. Where it does not come last, "order"
// lists the types of all attributes as they were.
func (m Match) MarshalJSON() ([]byte, error) {
	b := append([]byte(nil), `{"key":`...)
	b = appendSideJSON(b, layout.Keys, m.values(), 0)
	if !m.Exact {
		b = append(b, `,"mask":`...)
		b = appendSideJSON(b, layout.Keys, m.masks(), 0)
	}
	return append(b, '}'), nil
}

// values yields the fields that have a value, with nothing else in them.
func (m Match) values() iter.Seq[Field] {
	return func(yield func(Field) bool) {
		for _, f := range m.Fields {
			f.Mask = nil
			if f.Value != nil && !yield(f) {
				return
			}
		}
	}
}

// masks yields the masks as Value, in their order, with the field's value as
// Mask: it tells how a mask is laid out.
func (m Match) masks() iter.Seq[Field] {
	return func(yield func(Field) bool) {
		for n := range m.Fields {
			i := n
			if m.MaskOrder != nil {
				if n >= len(m.MaskOrder) {
					return
				}
				i = m.MaskOrder[n]
			}
			f := m.Fields[i]
			f.Value, f.Mask = f.Mask, f.Value
			if f.Value != nil && !yield(f) {
				return
			}
		}
	}
}

// nested yields the attributes of a nest, with those of the same type in peer
// as Mask.
func nested(b, peer []byte, t *layout.Table) iter.Seq[Field] {
	return func(yield func(Field) bool) {
		for at, err := range nl.Attrs(b) {
			if err != nil {
				return // ruled out before
			}
			f := Field{Type: at.Type, Nested: at.Nested && !isNest(t, at.Type), NetByteOrder: at.NetByteOrder, Value: notNil(at.Data)}
			if p, ok := find(peer, at.Type); ok {
				f.Mask = notNil(p.Data)
			}
			if !yield(f) {
				return
			}
		}
	}
}

// appendSideJSON writes one object of attributes.
func appendSideJSON(b []byte, t *layout.Table, side iter.Seq[Field], depth int) []byte {
	b = append(b, '{')
	start := len(b)
	var (
		unknown    []unknownJSON
		seen       uint64
		outOfOrder bool
	)
	for f := range side {
		a := t.For(f.Type, f.Value)
		if !f.odd() && f.Type < 64 && seen&(1<<f.Type) == 0 {
			before := len(b)
			b = append(append(append(separate(b, start), '"'), a.Name...), `":`...)
			var ok bool
			if b, ok = appendValueJSON(b, a, f, depth); ok {
				seen |= 1 << f.Type
				outOfOrder = outOfOrder || unknown != nil
				continue
			}
			b = b[:before]
		}
		if f.Type < 64 {
			seen |= 1 << f.Type // of one type, what has a name is the first
		}
		unknown = append(unknown, unknownJSON{Type: f.Type, Nested: f.Nested, NetByteOrder: f.NetByteOrder, Hex: f.Value})
	}
	if unknown != nil {
		b = appendMemberJSON(b, start, "unknown", unknown)
	}
	if outOfOrder {
		var order []uint16
		for f := range side {
			order = append(order, f.Type)
		}
		b = appendMemberJSON(b, start, "order", order)
	}
	return append(b, '}')
}

// appendMemberJSON writes what holds strings, numbers and booleans only.
func appendMemberJSON(b []byte, start int, name string, v any) []byte {
	if list, err := json.Marshal(v); err == nil {
		b = append(append(append(append(separate(b, start), '"'), name...), `":`...), list...)
	}
	return b
}

// UnmarshalJSON reads what MarshalJSON writes. Members it does not know are an
// error, and a part left out of a key is zero.
func (m *Match) UnmarshalJSON(b []byte) error {
	var sides struct {
		Key  json.RawMessage `json:"key"`
		Mask json.RawMessage `json:"mask"`
	}
	if err := strictUnmarshal("match", b, &sides); err != nil {
		return err
	}
	if sides.Key == nil {
		return errors.New(`match: "key" is missing`)
	}
	key, err := sideFromJSON(sides.Key, layout.Keys, 0)
	if err != nil {
		return fmt.Errorf("match: key: %w", err)
	}
	out := Match{Exact: sides.Mask == nil, Fields: key}
	if !out.Exact {
		mask, err := sideFromJSON(sides.Mask, layout.Keys, 0)
		if err != nil {
			return fmt.Errorf("match: mask: %w", err)
		}
		out.merge(mask)
	}
	*m = out
	return nil
}

// sideFromJSON reads one object of attributes into fields that have only a value.
func sideFromJSON(b []byte, t *layout.Table, depth int) ([]Field, error) {
	if depth >= maxDepth {
		return nil, fmt.Errorf("keys nest deeper than %d levels", maxDepth)
	}
	var (
		list, unknown []Field
		order         []uint16
	)
	err := eachMember(b, func(name string, raw json.RawMessage) (err error) {
		switch name {
		case "unknown":
			unknown, err = unknownFromJSON(raw, t, depth)
			return err
		case "order":
			return strictUnmarshal("list of types", raw, &order)
		}
		typ, a, ok := t.Named(name)
		if !ok {
			return errors.New("unknown key")
		}
		for i := range list {
			if list[i].Type == typ {
				return errors.New("appears twice")
			}
		}
		v, err := valueFromJSON(raw, a, depth)
		list = append(list, Field{Type: typ, Value: v})
		return err
	})
	if err != nil {
		return nil, err
	}
	list = append(list, unknown...)
	if order != nil {
		list, err = inOrder(list, order)
	}
	if err == nil && depth == 0 {
		err = eachOnce(list)
	}
	return list, err
}

// eachOnce refuses a type that is there twice, as netlink's reader does.
func eachOnce(list []Field) error {
	seen := map[uint16]bool{}
	for _, f := range list {
		if seen[f.Type] {
			return fmt.Errorf("%s appears twice", keyName(f.Type))
		}
		seen[f.Type] = true
	}
	return nil
}

// inOrder brings attributes into the order that a list of their types gives.
// Of several with one type the first comes first.
func inOrder(list []Field, order []uint16) ([]Field, error) {
	if len(order) != len(list) {
		return nil, fmt.Errorf("order: %d types for %d attributes", len(order), len(list))
	}
	out := make([]Field, 0, len(list))
	next := map[uint16][]Field{}
	for _, f := range list {
		next[f.Type] = append(next[f.Type], f)
	}
	for _, typ := range order {
		if len(next[typ]) == 0 {
			return nil, fmt.Errorf("order: no attribute %d", typ)
		}
		out = append(out, next[typ][0])
		next[typ] = next[typ][1:]
	}
	return out, nil
}

func unknownFromJSON(raw json.RawMessage, t *layout.Table, depth int) ([]Field, error) {
	var list []unknownJSON
	if err := strictUnmarshal("list of attributes", raw, &list); err != nil {
		return nil, err
	}
	out := make([]Field, 0, len(list))
	for _, u := range list {
		r, err := u.raw()
		if err != nil {
			return nil, err
		}
		f := Field{Type: r.Type, Nested: r.Nested, NetByteOrder: r.NetByteOrder, Value: r.Data}
		if isNest(t, f.Type) {
			f.Nested = false
			if depth+1 < maxDepth {
				f.Value = normalNest(f.Value, t.Attr(f.Type).Nest, depth+1)
			}
		}
		out = append(out, f)
	}
	return out, nil
}

// appendInner appends the attributes of a nest.
func appendInner(b []byte, list []Field, t *layout.Table) ([]byte, error) {
	var err error
	for _, f := range list {
		at := nl.Attr{Type: f.Type, Nested: f.Nested || isNest(t, f.Type), NetByteOrder: f.NetByteOrder}
		if b, err = appendBytes(b, wireType(at), f.Value); err != nil {
			return nil, err
		}
	}
	return b, nil
}
