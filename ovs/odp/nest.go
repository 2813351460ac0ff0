// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"fmt"
	"iter"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/ovs/odp/internal/layout"
)

// maxDepth bounds nesting in text, netlink and JSON alike. The kernel stops at
// 16 levels of actions and ovs-dpctl's parser at 32.
const maxDepth = 32

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

// isNest holds for the attributes that are nests by definition.
func isNest(t *layout.Table, typ uint16) bool { return t.Attr(typ).Kind == layout.Nest }

// sound tells whether b is a list of attributes whose lengths add up.
func sound(b []byte) bool {
	for _, err := range allAttrs(b) {
		if err != nil {
			return false
		}
	}
	return true
}

// normalNest brings what a nest holds into the form we write, with the nest
// flag on nests by definition, zeros as padding and no attributes that are
// padding. None of it means anything, and two keys that say the same shall be
// equal: the kernel pads by where in a message a key happens to be. What is no
// list of attributes stays as it is.
func normalNest(b []byte, t *layout.Table, depth int) []byte {
	if isNormal(b, t, depth) {
		return b
	}
	out := make([]byte, 0, len(b)+3)
	for at, err := range allAttrs(b) {
		if err != nil {
			return b
		}
		if isPad(at, t) {
			continue
		}
		data := at.Data
		if nest := t.Attr(at.Type); nest.Kind == layout.Nest && depth+1 < maxDepth {
			data = normalNest(data, nest.Nest, depth+1)
			at.Nested = true
		}
		var err error
		if out, err = appendBytes(out, wireType(at), data); err != nil {
			return b // padded, an attribute can outgrow what holds it
		}
	}
	if len(out) > nl.MaxAttrPayload {
		return b
	}
	return out
}

// isPad holds for attributes that say nothing.
func isPad(at nl.Attr, t *layout.Table) bool { return len(at.Data) == 0 && t.Attr(at.Type).Pad }

func isNormal(b []byte, t *layout.Table, depth int) bool {
	off := 0
	for at, err := range allAttrs(b) {
		if err != nil {
			return true // left alone
		}
		end := off + 4 + len(at.Data)
		off = (end + 3) &^ 3
		if off > len(b) || !allBytes(b[end:off], 0) {
			return false
		}
		nest := t.Attr(at.Type)
		if isPad(at, t) || nest.Kind == layout.Nest && depth+1 < maxDepth && (!at.Nested || !isNormal(at.Data, nest.Nest, depth+1)) {
			return false
		}
	}
	return true
}

// wireType is the type of an attribute with its flags.
func wireType(at nl.Attr) uint16 {
	typ := at.Type & nl.TypeMask
	if at.Nested {
		typ |= nl.NestedFlag
	}
	if at.NetByteOrder {
		typ |= nl.NetByteOrderFlag
	}
	return typ
}

func appendBytes(b []byte, typ uint16, p []byte) ([]byte, error) {
	if len(p) > nl.MaxAttrPayload {
		return nil, fmt.Errorf("attribute %d: %d bytes, an attribute holds at most %d", typ&nl.TypeMask, len(p), nl.MaxAttrPayload)
	}
	return nl.AppendAttr(b, typ, p), nil
}

func allBytes(b []byte, v byte) bool {
	for _, c := range b {
		if c != v {
			return false
		}
	}
	return true
}
