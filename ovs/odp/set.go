// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/nl/uapi"
	"github.com/dpscope/dpscope/ovs/odp/internal/layout"
)

type (
	// Set replaces a header (OVS_ACTION_ATTR_SET).
	Set struct {
		Field Field // without a mask
	}

	// SetMasked replaces the bits of a header that are set in the mask
	// (OVS_ACTION_ATTR_SET_MASKED).
	SetMasked struct {
		Field Field // value and mask of the same length
	}
)

func (Set) attrType() uint16       { return uapi.OVS_ACTION_ATTR_SET }
func (SetMasked) attrType() uint16 { return uapi.OVS_ACTION_ATTR_SET_MASKED }

func (a Set) appendAttr(b []byte) ([]byte, error) {
	return nl.AppendNested(b, a.attrType(), func(b []byte) ([]byte, error) {
		return a.Field.append(b, notNil(a.Field.Value))
	})
}

// setField is the one key in a set action.
func setField(at nl.Attr) (Field, bool) {
	key, ok := onlyAttr(at.Data)
	nest := isNest(layout.Keys, key.Type)
	f := Field{Type: key.Type, Nested: key.Nested && !nest, NetByteOrder: key.NetByteOrder, Value: notNil(key.Data)}
	return f, ok
}

func decodeSet(at nl.Attr, _ int) (Action, bool) {
	f, ok := setField(at)
	if ok && isNest(layout.Keys, f.Type) {
		f.Value = normalNest(f.Value, layout.Keys.Attr(f.Type).Nest, 1)
	}
	return Set{Field: f}, ok
}

// decodeSetMasked splits what the attribute holds: a value, then a mask. In a
// nest each attribute is split.
func decodeSetMasked(at nl.Attr, _ int) (Action, bool) {
	f, ok := setField(at)
	if !ok {
		return nil, false
	}
	if !isNest(layout.Keys, f.Type) {
		n := len(f.Value) / 2
		f.Value, f.Mask = f.Value[:n:n], f.Value[n:]
		return SetMasked{Field: f}, len(f.Value) == len(f.Mask)
	}
	value, mask := []byte{}, []byte{}
	for in, err := range allAttrs(f.Value) {
		n := len(in.Data) / 2
		if err != nil || len(in.Data)%2 != 0 {
			return nil, false
		}
		var err1, err2 error
		value, err1 = appendBytes(value, wireType(in), in.Data[:n])
		mask, err2 = appendBytes(mask, wireType(in), in.Data[n:])
		if err1 != nil || err2 != nil {
			return nil, false
		}
	}
	f.Value, f.Mask = value, mask
	return SetMasked{Field: f}, true
}

var errSetMask = errors.New("set_masked: value and mask differ in length or kind")

func (a SetMasked) appendAttr(b []byte) ([]byte, error) {
	f := a.Field
	if len(f.Value) != len(f.Mask) {
		return nil, errSetMask
	}
	both := append(append(make([]byte, 0, 2*len(f.Value)), f.Value...), f.Mask...)
	if isNest(layout.Keys, f.Type) {
		both = both[:0]
		rest := f.Mask
		for v, err := range allAttrs(f.Value) {
			if err != nil {
				return nil, errSetMask
			}
			m, n := nextAttr(rest)
			if n == 0 || m.Type != v.Type || len(m.Data) != len(v.Data) {
				return nil, errSetMask
			}
			rest = rest[n:]
			if both, err = appendBytes(both, wireType(v), append(append([]byte{}, v.Data...), m.Data...)); err != nil {
				return nil, err
			}
		}
	}
	return nl.AppendNested(b, a.attrType(), func(b []byte) ([]byte, error) { return f.append(b, both) })
}

// nextAttr is the first attribute and the distance to the next one.
func nextAttr(b []byte) (at nl.Attr, n int) {
	for at, err := range nl.Attrs(b) {
		if err != nil {
			break
		}
		return at, min(4+(len(at.Data)+3)&^3, len(b))
	}
	return nl.Attr{}, 0
}

// maxMaskedKey is up to which size ovs-dpctl shows the mask of a key: that of
// the largest one of fixed size.
const maxMaskedKey = 40

func (a Set) appendText(b []byte, o *TextOptions) []byte {
	if o.Dialect == Kselftest {
		return appendKselftestSet(b, a.Field)
	}
	inner := TextOptions{Verbose: true, Lossless: o.Lossless}
	return append(a.Field.appendSet(append(b, "set("...), true, &inner), ')')
}

func (a SetMasked) appendText(b []byte, o *TextOptions) []byte {
	if o.Dialect == Kselftest {
		return appendKselftestSet(b, a.Field)
	}
	if !o.Lossless {
		exact := len(a.Field.Value) > maxMaskedKey && !isNest(layout.Keys, a.Field.Type)
		return append(a.Field.appendSet(append(b, "set("...), exact, &TextOptions{}), ')')
	}
	word := "set("
	if a.Field.setsAll() {
		word = "set_masked("
	}
	return append(a.Field.appendSet(append(b, word...), false, &TextOptions{Lossless: true}), ')')
}

// setsAll tells whether set(...) with this value and mask is read as Set: where
// nothing is left out of the mask.
func (f *Field) setsAll() bool {
	switch f.Type {
	case uapi.OVS_KEY_ATTR_NSH:
		m := splitNSH(f.Mask)
		return m.base == nil || allBytes(m.base, 0xff) && allBytes(m.md1, 0xff)
	case uapi.OVS_KEY_ATTR_CT_STATE:
		if len(f.Mask) == 4 && binary.NativeEndian.Uint32(f.Mask) == ctStateExact {
			return true
		}
	}
	return isNest(layout.Keys, f.Type) || allBytes(f.Mask, 0xff) || uniform(layout.Keys.Attr(f.Type), f.Mask, 0xff)
}

// appendSet writes the key of a set action.
func (f *Field) appendSet(b []byte, exact bool, o *TextOptions) []byte {
	a := layout.Keys.Attr(f.Type)
	switch named := f.named(a, exact, o.Lossless, 0); {
	case named && f.Type == uapi.OVS_KEY_ATTR_NSH && !exact:
		return appendSetNSH(b, f, o)
	case named && (o.Lossless || !a.Foreign):
		return f.appendNamed(b, a, exact, o, 0)
	case o.Lossless || a.Name != "" && !a.Foreign || f.odd():
		return f.appendUnknown(b, exact)
	}
	return f.appendForeign(b, exact)
}

// appendSetNSH writes a masked header: what the nests lack is not set.
func appendSetNSH(b []byte, f *Field, o *TextOptions) []byte {
	v, m := splitNSH(f.Value), splitNSH(f.Mask)
	b = append(b, "nsh("...)
	start := len(b)
	if v.base != nil && m.base != nil {
		b = appendNSHParts(b, start, nshBase, v.base, m.base, o)
	}
	if v.md1 != nil && m.md1 != nil {
		b = appendNSHParts(b, start, nshMD1, v.md1, m.md1, o)
	}
	return append(b, ')')
}

// set reads a key: with a mask somewhere, or without one of its fields, it is
// a masked action. In ovs-dpctl.py's words masked is said.
func (p *actionParser) set(_, depth int) (Action, error) {
	at := p.pos
	f, err := p.setKey(depth)
	if err != nil {
		return nil, err
	}
	// The flags of ct_state there are do not fill a mask: given one by one
	// they are a mask, and left out they are not.
	given := f.Type == uapi.OVS_KEY_ATTR_CT_STATE && strings.ContainsAny(p.s[at:p.pos], "+-/")
	if p.Dialect == Kselftest || f.setsAll() && !given {
		f.Mask = nil
		return Set{Field: f}, nil
	}
	return SetMasked{Field: f}, nil
}

func (p *actionParser) setMasked(_, depth int) (Action, error) {
	f, err := p.setKey(depth)
	return SetMasked{Field: f}, err
}

func (p *actionParser) setKey(depth int) (Field, error) {
	p.skipDelims()
	at := p.pos
	f, err := p.key(depth)
	if err == nil && (f.Value == nil || f.Mask == nil) {
		err = p.errf(at, "set: a value is missing")
	}
	if err == nil && len(f.Value) != len(f.Mask) && !isNest(layout.Keys, f.Type) {
		err = p.errf(at, "set: value and mask differ in length")
	}
	p.skipDelims() // ovs-dpctl.py writes a comma
	return f, err
}

func (a Set) jsonValue() any {
	f := a.Field
	f.Mask = nil
	return Match{Fields: []Field{f}, Exact: true}
}

func (a SetMasked) jsonValue() any { return Match{Fields: []Field{a.Field}} }

func setFromJSON(raw json.RawMessage, _ int) (Action, error) {
	f, err := oneFromJSON(raw, true)
	return Set{Field: f}, err
}

func setMaskedFromJSON(raw json.RawMessage, _ int) (Action, error) {
	f, err := oneFromJSON(raw, false)
	if err == nil {
		_, err = SetMasked{Field: f}.appendAttr(nil)
	}
	return SetMasked{Field: f}, err
}

func oneFromJSON(raw json.RawMessage, exact bool) (Field, error) {
	var m Match
	if err := m.UnmarshalJSON(raw); err != nil {
		return Field{}, err
	}
	if len(m.Fields) != 1 || m.Exact != exact || m.Fields[0].Value == nil || !exact && m.Fields[0].Mask == nil {
		want := "a value and its mask"
		if exact {
			want = "a value without mask"
		}
		return Field{}, fmt.Errorf("want one key, %s", want)
	}
	return m.Fields[0], nil
}
