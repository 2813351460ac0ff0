// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"slices"

	"github.com/dpscope/dpscope/nl"
)

// Extra is what an action that is a nest held beside its fields, so that it can
// be given back as it came. It is part of those actions and usually empty.
type Extra struct {
	// Unknown are attributes without a field, or not of the documented shape.
	Unknown []Raw
	// Order is the types of all attributes as they came, nil when that is the
	// order in which the kernel writes the fields, and Unknown after them.
	Order []uint16
}

// decode reads the attributes of a nest. set takes one into a field and tells
// whether it fits there; canon is the order of the fields. It returns false for
// what is no list of attributes.
func (e *Extra) decode(b []byte, canon []uint16, set func(nl.Attr) bool) bool {
	var taken uint64
	next, ordered := 0, true
	for at, err := range allAttrs(b) {
		if err != nil {
			return false
		}
		var bit uint64
		if at.Type < 64 {
			bit = 1 << at.Type
		}
		if bit == 0 || taken&bit != 0 || at.NetByteOrder || !set(at) {
			// The first of a type decides for all, so that order tells which
			// of them is the field.
			taken |= bit
			e.Unknown = append(e.Unknown, Raw{Type: at.Type, Nested: at.Nested, NetByteOrder: at.NetByteOrder, Data: at.Data})
			continue
		}
		taken |= bit
		i := slices.Index(canon[next:], at.Type)
		ordered = ordered && i >= 0 && e.Unknown == nil
		next += i + 1
	}
	if !ordered {
		for at, err := range allAttrs(b) {
			if err != nil {
				return false
			}
			e.Order = append(e.Order, at.Type)
		}
	}
	return true
}

// append appends the nest. emit appends the field of a type, nothing when it is
// not there.
func (e *Extra) append(b []byte, typ uint16, canon []uint16, emit func([]byte, uint16) ([]byte, error)) ([]byte, error) {
	order := e.Order
	if order == nil {
		order = canon
	}
	return nl.AppendNested(b, typ, func(b []byte) ([]byte, error) {
		var (
			err  error
			done = make([]uint16, 0, 16)
			gone = make([]bool, len(e.Unknown))
			next int // the first that is not gone
		)
		for _, typ := range order {
			before := len(b)
			if !slices.Contains(done, typ) {
				if b, err = emit(b, typ); err != nil {
					return nil, err
				}
				done = append(done, typ)
			}
			if e.Order == nil || len(b) > before {
				continue
			}
			for next < len(gone) && gone[next] {
				next++
			}
			for i := next; i < len(gone); i++ {
				if gone[i] || e.Unknown[i].Type != typ {
					continue
				}
				gone[i] = true
				if b, err = e.Unknown[i].appendAttr(b); err != nil {
					return nil, err
				}
				break
			}
		}
		// Fields and attributes that were added since are not lost.
		for _, typ := range canon {
			if !slices.Contains(done, typ) {
				if b, err = emit(b, typ); err != nil {
					return nil, err
				}
			}
		}
		for i := range e.Unknown {
			if gone[i] {
				continue
			}
			if b, err = e.Unknown[i].appendAttr(b); err != nil {
				return nil, err
			}
		}
		return b, nil
	})
}

func (e Extra) wordless() bool { return e.Order != nil }

// appendText writes the unknown attributes into the parentheses of their action.
// Only lossless text has them.
func (e *Extra) appendText(b []byte, start int, o *TextOptions) []byte {
	if o.Lossless {
		for _, r := range e.Unknown {
			b = r.appendText(separate(b, start), o)
		}
	}
	return b
}

// parse reads one of them behind its name.
func (e *Extra) parse(p *scanner, key string) error {
	if err := p.expect('(', key, "unknown"); err != nil {
		return err
	}
	r, err := p.rawAction()
	if err != nil {
		return err
	}
	e.Unknown = append(e.Unknown, r)
	return p.expect(')', key, "unknown")
}

// extraJSON is how these attributes appear among an action's members.
type extraJSON struct {
	Unknown []unknownJSON `json:"unknown,omitempty"`
	Order   []uint16      `json:"order,omitempty"`
}

func (e *Extra) json() extraJSON {
	j := extraJSON{Order: e.Order}
	for _, r := range e.Unknown {
		j.Unknown = append(j.Unknown, unknownJSON{Type: r.Type, Nested: r.Nested, NetByteOrder: r.NetByteOrder, Hex: r.Data})
	}
	return j
}

func (j extraJSON) extra() (e Extra, err error) {
	e.Order = j.Order
	for _, u := range j.Unknown {
		r, err := u.raw()
		if err != nil {
			return e, err
		}
		e.Unknown = append(e.Unknown, r)
	}
	return e, nil
}

func (r Raw) appendAttr(b []byte) ([]byte, error) {
	return appendBytes(b, wireType(nl.Attr{Type: r.Type, Nested: r.Nested, NetByteOrder: r.NetByteOrder}), r.Data)
}

func (r Raw) appendText(b []byte, _ *TextOptions) []byte {
	b = appendRawHead(append(b, "unknown("...), r.Type, r.Nested, r.NetByteOrder)
	return append(appendHexDigits(b, r.Data), ')')
}

func (r Raw) jsonValue() any {
	return unknownJSON{Type: r.Type, Nested: r.Nested, NetByteOrder: r.NetByteOrder, Hex: r.Data}
}

// rawAction reads TYPE[,nested][,net],hex=DATA.
func (p *scanner) rawAction() (Raw, error) {
	at := p.pos
	f, masked, err := p.raw()
	if err == nil && (masked || f.Value == nil) {
		err = p.errf(at, "unknown: an action has a value and no mask")
	}
	return Raw{Type: f.Type, Nested: f.Nested, NetByteOrder: f.NetByteOrder, Data: f.Value}, err
}
