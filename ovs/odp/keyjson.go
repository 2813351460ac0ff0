// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"slices"
	"strconv"
)

// MarshalJSON writes {"key":{...},"mask":{...}}, without "mask" when there is
// none (Exact). Both hold the attributes under their names; numbers are numbers,
// addresses strings, labels 32 hex digits, the most significant first. What has
// no name or not the documented shape is in the list "unknown" as type and hex.
func (m Match) MarshalJSON() ([]byte, error) {
	b := append([]byte(nil), `{"key":`...)
	b = m.appendSideJSON(b, Field.value, 0)
	if !m.Exact {
		b = append(b, `,"mask":`...)
		b = m.appendSideJSON(b, Field.mask, 0)
	}
	return append(b, '}'), nil
}

func (f Field) value() []byte { return f.Value }
func (f Field) mask() []byte  { return f.Mask }

func (m Match) appendSideJSON(b []byte, side func(Field) []byte, depth int) []byte {
	b = append(b, '{')
	start := len(b)
	var unknown []unknownJSON
	for _, f := range m.Fields {
		p := side(f)
		if p == nil {
			continue
		}
		s := specOf(f.Type)
		inner, ok := s.side(f, p, depth)
		if !ok {
			unknown = append(unknown, unknownJSON{Type: f.Type, Nested: f.Nested, Hex: p})
			continue
		}
		b = append(separate(b, start), '"')
		b = append(append(b, s.name...), `":`...)
		if s.kind == kindNest {
			b = inner.appendSideJSON(b, Field.value, depth+1)
		} else {
			b = s.appendJSON(b, p)
		}
	}
	if len(unknown) > 0 {
		list, err := json.Marshal(unknown)
		if err == nil { // it holds strings, numbers and booleans only
			b = append(append(separate(b, start), `"unknown":`...), list...)
		}
	}
	return append(b, '}')
}

// side tells whether one side of a field has a named form, and for a nest what
// is in it.
func (s *keySpec) side(f Field, p []byte, depth int) (inner Match, ok bool) {
	switch {
	case s.kind == kindUnknown || f.Nested:
		return inner, false
	case s.kind == kindNest:
		if depth+1 >= maxDepth {
			return inner, false
		}
		inner, err := decodeMatch(p, nil, depth+1)
		return inner, err == nil
	default:
		return inner, s.sideFits(p)
	}
}

func (s *keySpec) appendJSON(b, p []byte) []byte {
	switch s.kind {
	case kindStruct:
		b = append(b, '{')
		for i, part := range s.parts {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(append(append(b, '"'), part.name...), `":`...)
			b = appendPartJSON(b, part.kind, p[part.off:part.off+part.kind.partSize()])
		}
		return append(b, '}')
	case kindVLAN:
		tci := binary.BigEndian.Uint16(p)
		return fmt.Appendf(b, `{"vid":%d,"pcp":%d,"cfi":%d}`, tci&vlanVIDMask, tci>>vlanPCPShift, tci>>12&1)
	case kindLabels:
		rev := slices.Clone(p)
		slices.Reverse(rev)
		return append(hex.AppendEncode(append(b, '"'), rev), '"')
	default:
		return strconv.AppendUint(b, getUint(p, s.order()), 10)
	}
}

// order is the byte order of a number that is a whole key.
func (s *keySpec) order() binary.ByteOrder {
	if s.kind == kindEthType || s.kind == kindTCPFlags {
		return binary.BigEndian
	}
	return binary.NativeEndian
}

func appendPartJSON(b []byte, k kind, p []byte) []byte {
	switch k {
	case kindMAC:
		return append(appendMAC(append(b, '"'), p), '"')
	case kindIPv4, kindIPv6:
		return append(appendAddress(append(b, '"'), p), '"')
	default:
		return strconv.AppendUint(b, getUint(p, binary.BigEndian), 10)
	}
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
	key, err := sideFromJSON(sides.Key, 0)
	if err != nil {
		return fmt.Errorf("match: key: %w", err)
	}
	out := Match{Exact: sides.Mask == nil, Fields: key}
	if !out.Exact {
		mask, err := sideFromJSON(sides.Mask, 0)
		if err != nil {
			return fmt.Errorf("match: mask: %w", err)
		}
		for _, f := range mask {
			i := out.index(f.Type)
			if i < 0 {
				i = len(out.Fields)
				out.Fields = append(out.Fields, Field{Type: f.Type})
			}
			out.Fields[i].Mask = f.Value
			out.Fields[i].Nested = out.Fields[i].Nested || f.Nested
		}
	}
	*m = out
	return nil
}

// sideFromJSON reads one object of attributes, in order, into fields that have
// only a value.
func sideFromJSON(b []byte, depth int) ([]Field, error) {
	if depth >= maxDepth {
		return nil, fmt.Errorf("keys nest deeper than %d levels", maxDepth)
	}
	var m Match
	add := func(f Field) error {
		if m.index(f.Type) >= 0 {
			return fmt.Errorf("%s appears twice", keyName(f.Type))
		}
		m.Fields = append(m.Fields, f)
		return nil
	}
	err := eachMember(b, func(name string, raw json.RawMessage) error {
		if name == "unknown" {
			return unknownFromJSON(raw, add)
		}
		typ, ok := keyTypes[name]
		if !ok {
			return errors.New("unknown key")
		}
		s := specOf(typ)
		var (
			p   []byte
			err error
		)
		if s.kind == kindNest {
			var inner []Field
			if inner, err = sideFromJSON(raw, depth+1); err == nil {
				p, err = Match{Fields: inner}.AppendKey([]byte{})
			}
		} else {
			p, err = s.fromJSON(raw)
		}
		if err != nil {
			return err
		}
		return add(Field{Type: typ, Value: p})
	})
	return m.Fields, err
}

// eachMember walks an object in the order it was written, which a map would
// lose. Errors are prefixed with the member's name.
func eachMember(b []byte, f func(string, json.RawMessage) error) error {
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.New("want an object")
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		name, _ := t.(string)
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := f(name, raw); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func unknownFromJSON(raw json.RawMessage, add func(Field) error) error {
	var list []unknownJSON
	if err := strictUnmarshal("unknown", raw, &list); err != nil {
		return err
	}
	for _, u := range list {
		r, err := u.raw()
		if err != nil {
			return err
		}
		if err := add(Field{Type: r.Type, Nested: r.Nested && !isNest(r.Type), Value: r.Data}); err != nil {
			return err
		}
	}
	return nil
}

func (s *keySpec) fromJSON(raw json.RawMessage) ([]byte, error) {
	p := make([]byte, s.size)
	switch s.kind {
	case kindStruct:
		return p, eachMember(raw, func(name string, raw json.RawMessage) error {
			for _, part := range s.parts {
				if part.name == name {
					return partFromJSON(raw, part.kind, p[part.off:part.off+part.kind.partSize()])
				}
			}
			return errors.New("unknown field")
		})
	case kindVLAN:
		return p, vlanFromJSON(raw, p)
	case kindLabels:
		var digits string
		if err := json.Unmarshal(raw, &digits); err != nil {
			return nil, err
		}
		if len(digits) != 2*len(p) {
			return nil, fmt.Errorf("want %d hex digits", 2*len(p))
		}
		if _, err := hex.Decode(p, []byte(digits)); err != nil {
			return nil, err
		}
		slices.Reverse(p)
		return p, nil
	default:
		return p, numberFromJSON(raw, p, s.order())
	}
}

func numberFromJSON(raw json.RawMessage, p []byte, order binary.ByteOrder) error {
	v, err := strconv.ParseUint(string(raw), 10, 8*len(p))
	if err != nil {
		return fmt.Errorf("want a number from 0 to %d", uint64(math.MaxUint64)>>(64-8*len(p)))
	}
	putUint(p, v, order)
	return nil
}

func partFromJSON(raw json.RawMessage, k kind, p []byte) error {
	var s string
	switch k {
	case kindMAC:
		if err := json.Unmarshal(raw, &s); err != nil {
			return err
		}
		mac, err := net.ParseMAC(s)
		if err != nil || len(mac) != len(p) {
			return fmt.Errorf("%q is no MAC address", s)
		}
		copy(p, mac)
		return nil
	case kindIPv4, kindIPv6:
		if err := json.Unmarshal(raw, &s); err != nil {
			return err
		}
		a, err := netip.ParseAddr(s)
		if err != nil || a.BitLen() != 8*len(p) || a.Zone() != "" {
			return fmt.Errorf("%q is no address of %d bits", s, 8*len(p))
		}
		copy(p, a.AsSlice())
		return nil
	default:
		return numberFromJSON(raw, p, binary.BigEndian)
	}
}

func vlanFromJSON(raw json.RawMessage, p []byte) error {
	var v struct{ VID, PCP, CFI uint16 }
	if err := strictUnmarshal("tag", raw, &v); err != nil {
		return err
	}
	if v.VID > vlanVIDMask || v.PCP > 7 || v.CFI > 1 {
		return errors.New("vid, pcp or cfi out of range")
	}
	binary.BigEndian.PutUint16(p, v.VID|v.PCP<<vlanPCPShift|v.CFI<<12)
	return nil
}
