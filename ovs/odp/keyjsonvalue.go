// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/ovs/odp/internal/layout"
)

// appendValueJSON writes what an attribute holds; ok is false when that does not
// have the documented shape.
func appendValueJSON(b []byte, a *layout.Attr, f Field, depth int) (out []byte, ok bool) {
	v := f.Value
	if !a.Fits(v) {
		return b, false
	}
	switch a.Kind {
	case layout.Nest:
		if depth+1 >= maxDepth || !sound(v) {
			return b, false
		}
		return appendSideJSON(b, a.Nest, nested(v, f.Mask, a.Nest), depth+1), true
	case layout.Flag:
		return append(b, "true"...), true
	case layout.Bytes:
		return append(hex.AppendEncode(append(b, '"'), v), '"'), true
	case layout.Label128:
		b = append(b, '"')
		for i := range v {
			c := v[len(v)-1-i]
			b = append(b, hexDigits[c>>4], hexDigits[c&15])
		}
		return append(b, '"'), true
	case layout.Geneve:
		return appendGeneveJSON(b, v, f.Mask)
	case layout.Erspan:
		return appendErspanJSON(b, v, f.Mask)
	case layout.MPLS:
		b = append(b, '[')
		for off := 0; off < len(v); off += a.Size {
			if off > 0 {
				b = append(b, ',')
			}
			b = appendPartsJSON(b, a.Parts, v[off:off+a.Size])
		}
		return append(b, ']'), true
	default:
	}
	if a.Parts != nil {
		return appendPartsJSON(b, a.Parts, v), a.Clean(v)
	}
	p := a.Whole()
	return appendPartJSON(b, &p, v), true
}

func appendPartsJSON(b []byte, parts []layout.Part, v []byte) []byte {
	b = append(b, '{')
	for i := range parts {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), parts[i].Name...), `":`...)
		b = appendPartJSON(b, &parts[i], v)
	}
	return append(b, '}')
}

func appendPartJSON(b []byte, p *layout.Part, v []byte) []byte {
	switch {
	case p.Kind == layout.MAC:
		return append(appendMAC(append(b, '"'), p.Bytes(v)), '"')
	case p.Kind == layout.IPv4 || p.Kind == layout.IPv6:
		return append(appendAddress(append(b, '"'), p.Bytes(v)), '"')
	case p.Size == 8:
		return append(hex.AppendEncode(append(b, '"'), p.Bytes(v)), '"')
	}
	return strconv.AppendUint(b, p.Get(v), 10)
}

// appendGeneveJSON writes a list of options. Those of a mask are as long as
// those of its value, peer, whatever their own length says.
func appendGeneveJSON(b, v, peer []byte) ([]byte, bool) {
	lengths := v
	if len(peer) == len(v) && layout.GeneveFits(peer) {
		lengths = peer
	}
	if !layout.GeneveFits(lengths) {
		return b, false
	}
	b = append(b, '[')
	for off := 0; off < len(v); {
		n, _ := layout.GeneveLen(lengths[off:])
		if off > 0 {
			b = append(b, ',')
		}
		b = appendPartsJSON(b, geneveOpt.Parts, v[off:])
		b = append(b[:len(b)-1], `,"data":"`...)
		b = append(hex.AppendEncode(b, v[off+layout.GeneveHeader:off+n]), `"}`...)
		off += n
	}
	return append(b, ']'), true
}

// appendErspanJSON writes the fields of the version the value has; a mask is laid
// out as its value, peer.
func appendErspanJSON(b, v, peer []byte) ([]byte, bool) {
	from := v
	if len(peer) == len(v) {
		from = peer
	}
	parts := layout.ErspanParts(layout.ErspanVersion(from))
	if parts == nil {
		return b, false
	}
	return appendPartsJSON(b, parts, v), true
}

// valueFromJSON reads what appendValueJSON writes.
func valueFromJSON(raw json.RawMessage, a *layout.Attr, depth int) ([]byte, error) {
	switch a.Kind {
	case layout.Nest:
		list, err := sideFromJSON(raw, a.Nest, depth+1)
		if err != nil {
			return nil, err
		}
		b, err := appendInner([]byte{}, list, a.Nest)
		return normalNest(b, a.Nest, depth+1), err
	case layout.Flag:
		if string(raw) != "true" {
			return nil, errors.New("want true; leave it out where it is not set")
		}
		return []byte{}, nil
	case layout.Bytes:
		return bytesFromJSON(raw, -1)
	case layout.Label128:
		p, err := bytesFromJSON(raw, a.Size)
		if err != nil {
			return nil, err
		}
		for i := range len(p) / 2 {
			p[i], p[len(p)-1-i] = p[len(p)-1-i], p[i]
		}
		return p, nil
	case layout.Geneve:
		return geneveFromJSON(raw)
	case layout.Erspan:
		p := make([]byte, a.Size)
		return p, partsFromJSON(raw, p, layout.ErspanPart)
	case layout.MPLS:
		return mplsFromJSON(raw, a)
	default:
	}
	p := make([]byte, a.Size)
	if a.Parts != nil {
		return p, partsFromJSON(raw, p, a.Part)
	}
	part := a.Whole()
	return p, partFromJSON(raw, &part, p)
}

// maxJSONOptions bounds what a list in JSON makes us allocate: no attribute
// holds more.
const maxJSONOptions = nl.MaxAttrPayload / layout.GeneveHeader

func geneveFromJSON(raw json.RawMessage) ([]byte, error) {
	out := []byte{}
	err := eachItem(raw, maxJSONOptions, func(item json.RawMessage) error {
		var header [layout.GeneveHeader]byte
		data := []byte{}
		err := eachMember(item, func(name string, raw json.RawMessage) (err error) {
			if name == "data" {
				data, err = bytesFromJSON(raw, -1)
				return err
			}
			part := geneveOpt.Part(name)
			if part == nil {
				return errors.New("unknown field")
			}
			return partFromJSON(raw, part, header[:])
		})
		out = append(append(out, header[:]...), data...)
		return err
	})
	return out, err
}

func mplsFromJSON(raw json.RawMessage, a *layout.Attr) ([]byte, error) {
	out := []byte{}
	err := eachItem(raw, maxJSONOptions, func(item json.RawMessage) error {
		var lse [4]byte
		err := partsFromJSON(item, lse[:], a.Part)
		out = append(out, lse[:]...)
		return err
	})
	if err == nil && len(out) == 0 {
		err = errors.New("no entries")
	}
	return out, err
}
