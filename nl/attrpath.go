// SPDX-License-Identifier: Apache-2.0

package nl

import (
	"fmt"
	"strings"
)

// AttrSpec names the attributes of one nesting level, so that an offset the
// kernel reports can be shown as a path. It plays no part in encoding.
type AttrSpec struct {
	Names map[uint16]string
	Nests map[uint16]*AttrSpec
}

// maxAttrDepth bounds the descent; the kernel itself refuses OVS actions nested
// deeper than 16 levels.
const maxAttrDepth = 32

// AttrPath names the attribute that holds the byte at off of attrs, outermost
// first, joined with "/". Attributes the spec does not name appear by number.
// It returns "" when off lies in no attribute.
func AttrPath(attrs []byte, off int, spec *AttrSpec) string {
	var path []string
	for depth := 0; depth < maxAttrDepth && off >= 0 && off < len(attrs); depth++ {
		a, start, ok := attrHolding(attrs, off)
		if !ok {
			break
		}
		path = append(path, spec.name(a.Type))
		next := spec.nest(a.Type)
		if next == nil || off < start+attrHeaderLen {
			break
		}
		attrs, off, spec = a.Data, off-start-attrHeaderLen, next
	}
	return strings.Join(path, "/")
}

func attrHolding(b []byte, off int) (Attr, int, bool) {
	for at := 0; len(b)-at >= attrHeaderLen; {
		a, n, err := attrAt(b, at)
		if err != nil {
			return Attr{}, 0, false
		}
		if off < at+n {
			return a, at, true
		}
		at += n
	}
	return Attr{}, 0, false
}

func (s *AttrSpec) name(t uint16) string {
	if s != nil {
		if n, ok := s.Names[t]; ok {
			return n
		}
	}
	return fmt.Sprintf("attribute %d", t)
}

func (s *AttrSpec) nest(t uint16) *AttrSpec {
	if s == nil {
		return nil
	}
	return s.Nests[t]
}
